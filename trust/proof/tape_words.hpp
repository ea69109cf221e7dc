#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "trust/proof/circuit.hpp"

namespace koinon::trust::proof {

/// Operations of a tape (tape.hpp draws their words). Persisted: never renumbered.
enum class TapeOp : std::uint8_t {
  cells = 1,
  linear = 2,
  stated = 3,
  ones = 4,
  ramp = 5,
  load_cells = 6,
  load_stated = 7,
  product = 8,
  rows = 9,
  mask = 10,
  begin = 11
};
/// What a term weighs. Persisted: never renumbered.
enum class TapeSlot : std::uint8_t {
  a = 0,
  b = 1,
  c = 2,
  x = 3,
  y = 4,
  alpha = 5,
  sum = 6,
  out = 16,
  out_by_columns = 17,
  left = 18,
  left_by_rows = 19,
  right = 20,
  right_by_columns = 21,
  bias = 22,
  hidden = 23
};

inline constexpr std::uint32_t kNoOuter = ~0U;

struct TapeWord {
  TapeOp op = TapeOp::cells;
  TapeSlot slot = TapeSlot::a;
  std::uint8_t power = 0, k = 0;
  std::uint16_t stride = 1;
  std::uint32_t row = 0, ref = 0, count = 1;
  Fp coefficient = Fp(1);
  std::uint32_t outer = kNoOuter;
  std::uint16_t form = 0;
};

inline constexpr std::size_t kTapeWord = 32;
void append(base::Bytes& to, const TapeWord& word);
/// Precondition: 32 bytes.
TapeWord tape_word(base::ByteView bytes);

/// A sum of terms, of numbers in L, and theta times a constant.
struct TapeRow {
  struct Term {
    std::uint32_t number = 0;
    Fp coefficient;
  };
  std::vector<Term> terms;
  Fp constant;
};
/// A word `rows` with their number, then for each: terms 16 | constant 64 | (number 32 | coefficient 64)..., padded with zero
/// to words.
void append_rows(base::Bytes& to, std::span<const TapeRow> rows);

/// A word `product` with row: rows, ref: columns, count: inner, stride: 1 when weights are bytes, 8 when they are elements of
/// F_p; then, each padded with zero to words: biases, 64 bits each; runs of the left operand, number 32 | stride 16 | count 16,
/// which make up `rows` lines of `inner`, their number in `outer`; and for each column its weights, as bytes w + 128, padded
/// with 128, or 64 bits each. It appends out[i, j] to L column after column. `number` gives an operand's place in L.
/// Returns the number of runs.
std::uint32_t append_product(base::Bytes& to, const PublicProduct& product, const std::function<std::uint32_t(Var)>& number);

/// Reads what follows a word; each advances `at` beyond the padding.
std::vector<TapeRow> read_rows(base::ByteView bytes, std::size_t& at, const TapeWord& word);
struct TapeProduct {
  std::vector<Fp> biases;           ///< [columns]
  std::vector<std::uint32_t> left;  ///< numbers in L [rows, inner]
  std::vector<Fp> weights;          ///< [columns, inner]
};
TapeProduct read_product(base::ByteView bytes, std::size_t& at, const TapeWord& word);

}  // namespace koinon::trust::proof
