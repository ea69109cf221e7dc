#pragma once
#include <vector>

#include "base/random.hpp"
#include "base/thread_pool.hpp"
#include "trust/proof/ntt.hpp"
#include "trust/proof/tree.hpp"

namespace koinon::trust::proof {

/// Sizes of the commitment scheme (docs/trust/proof.md, section "Commitments"). Part of the transcript.
struct Params {
  unsigned rows_log = 0;          ///< a column has 2^rows_log field elements
  unsigned queries = 112;         ///< places opened
  unsigned work_bits = 12;        ///< of grinding before they are drawn
  std::uint32_t pads = 0;         ///< random elements that end each column of the witness and auxiliary oracles
  std::uint32_t weight_pads = 0;  ///< the same for the weight oracle, which lives through several proofs
  friend bool operator==(const Params&, const Params&) = default;

  [[nodiscard]] std::size_t rows() const { return std::size_t{1} << rows_log; }
};

inline constexpr unsigned kRateLog = 3;   ///< a codeword is 2^kRateLog times as long as its message
inline constexpr unsigned kFoldLog = 3;   ///< variables folded between two layers
inline constexpr unsigned kFinalLog = 4;  ///< folding stops at 2^kFinalLog elements or fewer
inline constexpr std::size_t kSaltSize = 16;
inline constexpr std::uint32_t kProofsPerCommitment = 8;  ///< proofs that the pads of a weight commitment hide
inline constexpr std::uint32_t kWeightPads = 1024;        ///< at least kProofsPerCommitment * (queries + 3) + 16
inline constexpr unsigned kMinRowsLog = 6, kMaxRowsLog = 22;

/// Which oracle: part of each leaf's hash. Never renumber.
enum class OracleKind : std::uint8_t { weights = 1, witness = 2, auxiliary = 3 };

/// What a place of an oracle opens to.
struct Row {
  std::array<std::uint8_t, kSaltSize> salt{};
  std::vector<Fp> symbols;  ///< one a column
  friend bool operator==(const Row&, const Row&) = default;
};
/// keccak256(0x10 | kind | salt | symbols, eight little-endian bytes each).
base::Hash row_hash(OracleKind kind, const Row& row);

/// The prover's side of a commitment to columns of field elements: an interleaved Reed-Solomon code word under a salted Merkle
/// tree. Contents are secret.
class Oracle {
 public:
  Oracle() = default;
  /// Commits to `messages`, column after column of encoder.rows() elements.
  Oracle(OracleKind kind, const Encoder& encoder, std::vector<Fp> messages, base::Random& random, base::ThreadPool* pool);

  [[nodiscard]] const base::Hash& root() const { return tree_.root(); }
  [[nodiscard]] std::size_t columns() const { return messages_.size() / rows_; }
  [[nodiscard]] std::span<const Fp> messages() const { return messages_; }
  [[nodiscard]] std::span<const Fp> message(std::size_t column) const {
    return std::span(messages_).subspan(column * rows_, rows_);
  }
  [[nodiscard]] Row row(std::size_t place) const;
  [[nodiscard]] const Tree& tree() const { return tree_; }

 private:
  void write_leaf(std::size_t place, std::uint8_t* to) const;

  OracleKind kind_ = OracleKind::witness;
  std::size_t rows_ = 1, places_ = 0;
  std::vector<Fp> messages_, codewords_;
  base::Bytes salts_;
  Tree tree_;
};

/// Uniform field elements. Cost: one fill and rare redraws.
void fill_random(base::Random& random, std::span<Fp> out);

}  // namespace koinon::trust::proof
