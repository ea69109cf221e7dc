#include "trust/optimistic/training/element.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "engine/train/arith/functions.hpp"
#include "engine/train/arith/lanes.hpp"

namespace koinon::trust::optimistic::training {
namespace {

namespace train = engine::train;
using train::Lanes;

const Lanes& lanes() { return train::lanes(engine::kernels::Isa::ref); }

/// One formula and what it reads.
class Maker {
 public:
  Maker(const Formula& formula, const Values& values, const Noticed& noticed)
      : f_(formula), values_(values), noticed_(noticed) {}

  [[nodiscard]] float make(std::size_t i) const {
    switch (f_.kind) {
      case FormulaKind::product: return product(i);  // y[r, c] = a[r] . b[c] (+ bias[c])
      case FormulaKind::copy: return at(0, i);
      case FormulaKind::map: return map(at(0, i));                  // f(x)
      case FormulaKind::slope: return slope(at(0, i), at(1, i));    // f'(x) dy of x, dy
      case FormulaKind::add: return at(0, i) + at(1, i % size(0));  // b repeated
      case FormulaKind::subtract: return at(0, i) - at(1, i);
      case FormulaKind::multiply: return at(0, i) * at(1, i);
      case FormulaKind::scale: return at(1, size(0)) * at(0, i);  // by a number of the step
      case FormulaKind::sums: return sums(i);                     // of column i
      case FormulaKind::mean:
      case FormulaKind::mean_square: return mean();
      case FormulaKind::shares: return share(i);                 // softmax of logits
      case FormulaKind::row_loss: return row_loss(i);            // of logits, labels
      case FormulaKind::entropy_slope: return entropy_slope(i);  // of shares, labels
      case FormulaKind::square_slope: return 2.0F / static_cast<float>(size(0)) * at(0, i);
      case FormulaKind::velocity:  // of numbers, g, v, w
        return std::fma(at(0, 1), at(2, i), std::fma(at(0, 2), at(3, i), at(1, i)));
      case FormulaKind::sgd: return std::fma(-at(0, 0), at(1, i), at(2, i));                           // of numbers, v after, w
      case FormulaKind::adam_mean: return std::fma(at(0, 1), at(2, i), (1.0F - at(0, 1)) * at(1, i));  // of numbers, g, mean
      case FormulaKind::adam_square:                                                                   // of numbers, g, square
        return std::fma(at(0, 2), at(2, i), (1.0F - at(0, 2)) * at(1, i) * at(1, i));
      case FormulaKind::adam: return adam(i);  // of numbers, mean and square after, w
    }
    KOINON_INVARIANT(false);
  }

 private:
  [[nodiscard]] std::size_t size(std::size_t n) const { return f_.sizes[n]; }
  [[nodiscard]] float at(std::size_t operand, std::size_t i) const {
    if (noticed_) noticed_(operand, i);
    return values_[f_.operands[operand].id][i];
  }
  [[nodiscard]] std::vector<float> row(std::size_t operand, std::size_t start, std::size_t step, std::size_t count) const {
    std::vector<float> out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = at(operand, start + i * step);
    return out;
  }

  [[nodiscard]] float product(std::size_t i) const {
    const auto r = i / size(0), c = i % size(0), depth = size(1);
    const auto a = row(0, r * size(2), size(3), depth), b = row(1, c * size(4), size(5), depth);
    float total = 0;
    for (std::size_t first = 0; first < depth; first += static_cast<std::size_t>(train::kBlock)) {
      float part = 0;
      const auto end = std::min(depth, first + static_cast<std::size_t>(train::kBlock));
      for (auto k = first; k < end; ++k) part = std::fma(a[k], b[k], part);
      total = first == 0 ? part : total + part;
    }
    return f_.operands.size() > 2 ? total + at(2, c) : total;
  }

  [[nodiscard]] float map(float x) const {
    const auto which = static_cast<Function>(size(0));
    const auto f = which == Function::relu   ? lanes().relu
                   : which == Function::gelu ? lanes().gelu
                   : which == Function::silu ? lanes().silu
                   : which == Function::tanh ? lanes().tanh
                                             : lanes().sigmoid;
    float y = 0;
    f(1, &x, &y);
    return y;
  }

  [[nodiscard]] float slope(float x, float dy) const {
    const auto which = static_cast<Function>(size(0));
    const auto f = which == Function::relu   ? lanes().relu_slope
                   : which == Function::gelu ? lanes().gelu_slope
                   : which == Function::silu ? lanes().silu_slope
                   : which == Function::tanh ? lanes().tanh_slope
                                             : lanes().sigmoid_slope;
    float dx = 0;
    f(1, &x, &dy, &dx);
    return dx;
  }

  [[nodiscard]] float sums(std::size_t column) const {
    const auto x = row(0, column, size(0), size(1));
    float y = 0;
    lanes().column_sums(static_cast<std::int64_t>(x.size()), 1, 1, x.data(), &y);
    return y;
  }

  [[nodiscard]] float mean() const {
    const auto n = static_cast<std::int64_t>(size(0));
    const auto x = row(0, 0, 1, size(0));
    const auto total = f_.kind == FormulaKind::mean ? lanes().sum(n, x.data()) : lanes().sum_squares(n, x.data(), 0.0F);
    return total / static_cast<float>(n);
  }

  /// Logits of a row become shares; the logarithm of their sum.
  float softmax(std::vector<float>& x) const {
    return lanes().softmax(static_cast<std::int64_t>(x.size()), x.data(), x.data());
  }

  [[nodiscard]] float share(std::size_t i) const {
    auto x = row(0, i / size(0) * size(0), 1, size(0));
    softmax(x);
    return x[i % size(0)];
  }

  [[nodiscard]] float row_loss(std::size_t i) const {
    auto x = row(0, i * size(0), 1, size(0));
    const float own = x[static_cast<std::size_t>(at(1, i))];
    return softmax(x) - own;
  }

  [[nodiscard]] float entropy_slope(std::size_t i) const {
    float share = at(0, i);
    if (static_cast<std::size_t>(at(1, i / size(0))) == i % size(0)) share = share - 1.0F;
    return 1.0F / static_cast<float>(size(1)) * share;
  }

  [[nodiscard]] float adam(std::size_t i) const {
    const float rate = at(0, 0), weight = at(3, i), shrink = rate * at(0, 4);
    const float move = (at(1, i) * at(0, 5)) / (std::sqrt(at(2, i) * at(0, 6)) + at(0, 3));
    return std::fma(-rate, move, std::fma(-shrink, weight, weight));
  }

  const Formula& f_;
  const Values& values_;
  const Noticed& noticed_;
};

float canonical(float x) { return std::isnan(x) ? std::bit_cast<float>(0x7fc00000U) : x; }

}  // namespace

float element(const Formula& formula, const Values& values, std::size_t index, const Noticed& noticed) {
  const train::FloatMode mode;
  return canonical(Maker(formula, values, noticed).make(index));
}

Values run_step(const Tape& tape, Values given) {
  for (const auto& f : tape.formulas) {
    std::vector<float> made(f.output.elements);
    for (std::size_t i = 0; i < made.size(); ++i) made[i] = element(f, given, i);
    given[f.output.id] = std::move(made);
  }
  return given;
}

std::optional<Wrong> first_wrong(const Tape& tape, const Values& claimed) {
  for (std::size_t n = 0; n < tape.formulas.size(); ++n) {
    const auto& f = tape.formulas[n];
    const auto& out = claimed[f.output.id];
    for (std::size_t i = 0; i < f.output.elements; ++i)
      if (i >= out.size() || std::bit_cast<std::uint32_t>(out[i]) != std::bit_cast<std::uint32_t>(element(f, claimed, i)))
        return Wrong{n, i};
  }
  return std::nullopt;
}

}  // namespace koinon::trust::optimistic::training
