#pragma once
#include <map>
#include <unordered_map>

#include "trust/proof/tape.hpp"
#include "trust/proof/tape_words.hpp"

namespace koinon::trust::proof {

inline constexpr std::size_t kNoPart = ~std::size_t{0};
inline constexpr std::uint64_t kSetupGas = 1'500'000,
                               kFormGas = 350'000;     ///< of a part, and for each bilinear form, as measured
inline constexpr std::uint64_t kMostGas = 15'000'000;  ///< of a part that cannot be smaller; a transaction holds 16.7M
inline constexpr std::size_t kMostBytes = 112 << 10;   ///< of a part and of the public tensors
inline constexpr std::size_t kStepBytes = 96
                                          << 10;  ///< the same, of a part's steps: the rest is for the terms of what they give

/// What public tensors take of a part: bytes of calldata with their place and length, and gas to hash, read and hold them.
std::size_t bytes_of(const PublicTensors& shown);
std::uint64_t gas_of(const PublicTensors& shown);

/// What a variable is to a tape.
struct TapeSource {
  TapeOp op = TapeOp::ones;  ///< cells, linear, stated, or ones for a constant
  std::uint32_t at = 0;      ///< place, number in L, or number among the stated
  Fp constant;
};

/// Terms of consecutive rows that continue one another.
struct TapeRun {
  TapeWord word;
  std::uint32_t last = 0;      ///< where the last row's variable is
  Fp constant;                 ///< that the last row adds
  std::size_t part = kNoPart;  ///< of a linear variable
};

/// Makes a tape: private to tape.cpp (terms) and tape_steps.cpp (linear steps).
class TapeCompiler {
 public:
  TapeCompiler(const Layout& layout, const Circuit& circuit, const PublicTensors& shown)
      : layout_(layout),
        circuit_(circuit),
        setup_gas_(kSetupGas + kFormGas * circuit.bilinears().size() + gas_of(shown)),
        shown_bytes_(bytes_of(shown)),
        sources_(circuit.values().size()) {}

  base::Result<Tape> run();

 private:
  struct Part {
    base::Bytes bytes;
    std::uint64_t gas = 0;
  };
  /// A part for some steps, in order, and the numbers of its variables in L.
  struct Assembled {
    Part part;
    std::vector<std::size_t> steps;
    std::unordered_map<Var, std::uint32_t> numbers;
  };
  /// A linear step, and the part that holds it for its terms.
  struct Owner {
    std::size_t step = 0;
    std::uint32_t element = 0;
  };

  void cut_steps();
  void find_sources();
  void mark_used();
  base::Status place_steps();
  Assembled assemble(const std::vector<std::size_t>& steps) const;
  void lay_out(const std::vector<std::size_t>& steps);
  std::vector<std::size_t> needed(std::size_t step) const;
  std::uint64_t gas_of_step(const LinearStep& step) const;

  void add_products();
  void add_lookups();
  void add_inverses();
  void add_hiding(Var first, std::uint32_t row);
  void add_mask(Var first, std::size_t coefficients, std::uint16_t form);
  void add_form(std::size_t number);
  void add_matrix(const std::vector<Var>& vars, std::size_t rows, std::size_t columns, TapeSlot by_row, TapeSlot by_column,
                  std::uint16_t form);
  void add_element(Var first, TapeWord word);

  void add_form_terms(const Circuit::Form& form, TapeSlot slot, std::uint32_t row);
  void term(std::size_t channel, Var var, Fp coefficient, TapeWord word);
  void constant(std::size_t channel, Fp value, TapeWord word);
  void extend(std::size_t channel, const TapeRun& next);
  void flush();
  void emit(const TapeRun& run);
  void emit_blocks(TapeWord word);
  void spread();

  const Layout& layout_;
  const Circuit& circuit_;
  std::uint64_t setup_gas_;                               ///< of a part, whatever it holds
  std::size_t shown_bytes_;                               ///< of public tensors, beside each part
  std::vector<std::shared_ptr<const LinearStep>> steps_;  ///< the circuit's, large products cut
  std::vector<TapeSource> sources_;
  std::vector<bool> used_;
  std::unordered_map<Var, Owner> owners_;
  std::vector<std::size_t> part_of_;
  std::vector<Part> parts_;
  std::vector<TapeWord> free_;  ///< that any part may hold
  std::map<std::size_t, TapeRun> runs_;
};

}  // namespace koinon::trust::proof
