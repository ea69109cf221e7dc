#include "trust/proof/multilinear.hpp"
#include "trust/proof/tape.hpp"
#include "trust/proof/tape_words.hpp"

namespace koinon::trust::proof {
namespace {

/// Follows a part one element at a time.
class Reader {
 public:
  explicit Reader(const Reading& reading) : to_(reading), point_(eq_table(reading.point)) {
    rows_ = eq_table(to_.coins.rows_point);
    tau_ = eq_table(to_.coins.tau);
    for (const auto& form : to_.coins.form_tau) form_tau_.push_back(form);
    lambdas_.push_back(Ext(Fp(1)));
  }

  Ext read(base::ByteView part) {
    for (std::size_t at = 0; at < part.size();) {
      const auto word = tape_word(part.subspan(at, kTapeWord));
      at += kTapeWord;
      step(word, part, at);
    }
    return sum_;
  }

 private:
  Ext cell(std::size_t place) const {
    const std::size_t rows = to_.layout.params.rows();
    return point_[place % rows] * to_.columns[place / rows];
  }
  Ext lambda(std::size_t power) {
    while (lambdas_.size() <= power) lambdas_.push_back(lambdas_.back() * to_.coins.lambda);
    return lambdas_[power];
  }

  void step(const TapeWord& word, base::ByteView part, std::size_t& at) {
    const std::uint32_t elements = word.count << word.k;
    switch (word.op) {
      case TapeOp::cells:
        for (std::uint32_t u = 0; u < elements; ++u) term(word, u, cell(word.ref + std::size_t{u} * word.stride));
        break;
      case TapeOp::linear:
        for (std::uint32_t u = 0; u < elements; ++u) term(word, u, linear_[word.ref + u * word.stride]);
        break;
      case TapeOp::stated:
        for (std::uint32_t u = 0; u < elements; ++u) term(word, u, to_.theta * to_.stated[word.ref + u * word.stride]);
        break;
      case TapeOp::ones:
        for (std::uint32_t u = 0; u < elements; ++u) term(word, u, to_.theta);
        break;
      case TapeOp::ramp:
        for (std::uint32_t u = 0; u < elements; ++u) sum_ += weight(word, u) * (to_.theta * (word.coefficient + Fp(u)));
        break;
      case TapeOp::load_cells:
        for (std::uint32_t u = 0; u < word.count; ++u) linear_.push_back(cell(word.ref + u));
        break;
      case TapeOp::load_stated:
        for (std::uint32_t u = 0; u < word.count; ++u) linear_.push_back(to_.theta * to_.stated[word.ref + u]);
        break;
      case TapeOp::product: product(word, read_product(part, at, word)); break;
      case TapeOp::rows:
        for (const auto& row : read_rows(part, at, word)) {
          Ext value = to_.theta * row.constant;
          for (const auto& t : row.terms) value += linear_[t.number] * t.coefficient;
          linear_.push_back(value);
        }
        break;
      case TapeOp::mask: mask(word); break;
      case TapeOp::begin: linear_.reserve(word.count); break;
    }
  }

  void term(const TapeWord& word, std::uint32_t u, const Ext& value) { sum_ += weight(word, u) * value * word.coefficient; }

  Ext weight(const TapeWord& word, std::uint32_t u) { return slot_weight(word, word.row + u) * basis(word.power); }

  Ext slot_weight(const TapeWord& word, std::size_t i) {
    const Ext &alpha = to_.coins.alpha, &beta = to_.coins.beta;
    switch (word.slot) {
      case TapeSlot::a: return rows_[i] * lambda(1);
      case TapeSlot::b: return rows_[i] * lambda(2);
      case TapeSlot::c: return tau_[i];
      case TapeSlot::x: return -(rows_[i] * lambda(2) * beta);
      case TapeSlot::y: return -(rows_[i] * lambda(2) * beta * beta);
      case TapeSlot::alpha: return rows_[i] * lambda(2) * alpha;
      case TapeSlot::sum: return lambda(4);
      default: return form_weight(word, i);
    }
  }

  Ext form_weight(const TapeWord& word, std::size_t i) {
    const auto& point = to_.coins.form_point[word.form];
    const std::size_t base = 5 + 4 * std::size_t{word.form};
    const auto& tau = form_tau_[word.form];
    const std::size_t rows_log = to_.form_rows_log[word.form];
    const auto one = std::span(tau).first(rows_log), two = std::span(tau).subspan(rows_log);
    const auto eq = [&](std::span<const Ext> at, std::size_t index) {
      if (index == kNoOuter) return Ext(Fp(1));
      Ext out(Fp(1));
      for (std::size_t j = 0; j < at.size(); ++j) out *= (index >> j & 1) != 0 ? at[j] : Ext(Fp(1)) - at[j];
      return out;
    };
    switch (word.slot) {
      case TapeSlot::out: return lambda(base) * eq(one, i) * eq(two, word.outer);
      case TapeSlot::out_by_columns: return lambda(base) * eq(two, i) * eq(one, word.outer);
      case TapeSlot::left: return lambda(base + 1) * eq(point, i) * eq(one, word.outer);
      case TapeSlot::left_by_rows: return lambda(base + 1) * eq(one, i) * eq(point, word.outer);
      case TapeSlot::right: return lambda(base + 2) * eq(point, i) * eq(two, word.outer);
      case TapeSlot::right_by_columns: return lambda(base + 2) * eq(two, i) * eq(point, word.outer);
      case TapeSlot::bias: {
        Ext all;
        for (std::size_t j = 0; j < word.outer; ++j) all += eq(one, j);
        return -(lambda(base) * eq(two, i) * all);
      }
      default: return lambda(base);
    }
  }

  void product(const TapeWord& word, const TapeProduct& p) {
    const std::size_t rows = word.row, columns = word.ref, inner = word.count, base = linear_.size();
    linear_.resize(base + rows * columns);
    for (std::size_t j = 0; j < columns; ++j)
      for (std::size_t i = 0; i < rows; ++i) {
        Ext value = to_.theta * p.biases[j];
        for (std::size_t l = 0; l < inner; ++l) value += linear_[p.left[i * inner + l]] * p.weights[j * inner + l];
        linear_[base + j * rows + i] = value;
      }
  }

  void mask(const TapeWord& word) {
    const bool rows = word.form == 0;
    const auto& point = rows ? to_.coins.rows_point : to_.coins.form_point[word.form - 1];
    const unsigned degree = rows ? 3 : 2;
    const std::size_t base = rows ? 0 : 5 + 4 * std::size_t{word.form - 1U};
    const auto totals = mask_total_weights(degree, static_cast<unsigned>(point.size())),
               values = mask_value_weights(degree, point);
    for (std::uint32_t u = 0; u < word.count; ++u) {
      const std::size_t i = (word.row + u) / 3, k = (word.row + u) % 3;
      sum_ += (lambda(base) * totals[i] + lambda(base + 3) * values[i]) * basis(k) * cell(word.ref + u);
    }
  }

  const Reading& to_;
  std::vector<Ext> point_, rows_, tau_, lambdas_;
  std::vector<std::vector<Ext>> form_tau_;
  std::vector<Ext> linear_{Ext()};
  Ext sum_;
};

}  // namespace

Ext read_part(base::ByteView part, const Reading& reading) { return Reader(reading).read(part); }

}  // namespace koinon::trust::proof
