#pragma once
#include <bit>

#include "trust/private/models/network.hpp"

namespace koinon::trust::fhe {

/// Which plaintext of a NetworkModel a step takes.
enum class Operand : std::uint8_t { weight, bias, coefficient, diagonal, mask, result, offset };

/// The steps of a table network on a machine: one that computes (network.cpp) and one that plans (network_plan.cpp), so that
/// what was planned is what runs. A machine has, for its type Value:
///   weighted_sum(values, operand, first)  sum of values[i] * plaintext first + i; values of one level
///   add_plain, multiply_plain(value, operand, index)
///   add(a, b)        of one level
///   rotate(a, steps), swap(a)
///   multiply(a, b)   of one level, not relinearised; relinearise(a)
///   switch_modulus(a), drop(a, level)
///   level(a), noise(a), plan(), parameters()
template <class M>
class NetworkSteps {
 public:
  using Value = typename M::Value;
  template <class T>
  using Result = base::Result<T>;

  NetworkSteps(M& machine, const NetworkPlan& plan) : m_(machine), p_(plan) {}

  Result<std::vector<Value>> run(std::span<const Value> inputs) {
    KOINON_TRY(auto x, sums(inputs));
    KOINON_TRY(auto value, tables(std::move(x), 0));
    for (std::size_t layer = 1; layer < p_.layers.size(); ++layer) {
      KOINON_TRY(value, settled(std::move(value)));
      KOINON_TRY(value, spread(std::move(value), p_.columns(), p_.blocks()));
      KOINON_TRY(x, matrix(value, layer));
      KOINON_TRY(value, tables(std::move(x), layer));
    }
    KOINON_TRY(value, settled(std::move(value)));
    KOINON_TRY(value, lowered(std::move(value), p_.work_level));
    std::vector<Value> out;
    for (std::size_t i = 0; i < p_.results(); ++i) {
      KOINON_TRY(const auto product, m_.multiply_plain(value, Operand::result, i));
      KOINON_TRY(out.emplace_back(), m_.add_plain(product, Operand::offset, i));
    }
    return out;
  }

 private:
  /// The first layer: every sum, less its least, in every block.
  Result<Value> sums(std::span<const Value> inputs) {
    KOINON_TRY(auto x, m_.weighted_sum(inputs, Operand::weight, 0));
    KOINON_TRY(x, spread(std::move(x), p_.columns(), p_.spread()));
    return m_.add_plain(x, Operand::bias, 0);
  }

  /// Every block holds the sum of itself and the count - 1 blocks after it, around its row; all of them where count is all.
  Result<Value> spread(Value x, std::size_t columns, std::size_t count) {
    const auto row = p_.slots() / 2;
    for (auto steps = columns; steps < columns * count && steps < row; steps *= 2) {
      KOINON_TRY(const auto moved, m_.rotate(x, static_cast<std::int64_t>(steps)));
      KOINON_TRY(x, m_.add(x, moved));
    }
    if (columns * count <= row) return x;
    KOINON_TRY(const auto other, m_.swap(x));
    return m_.add(x, other);
  }

  /// An inner layer's sums, less their least, in every block, from values that every block holds: sum over diagonals d of
  /// diagonal d * (x rotated by d). With d = babies * g + i the rotations by i are made once, and those by babies * g after
  /// the products, by Horner's rule.
  Result<Value> matrix(const Value& x, std::size_t layer) {
    const auto count = p_.babies(), first = (layer - 1) * p_.width();
    std::vector<Value> babies{x};
    for (std::size_t i = 1; i < count; ++i) {
      KOINON_TRY(babies.emplace_back(), m_.rotate(babies.back(), static_cast<std::int64_t>(p_.batch)));
    }
    std::optional<Value> total;
    for (auto giant = p_.width() / count; giant-- > 0;) {
      KOINON_TRY(auto part, m_.weighted_sum(std::span<const Value>(babies), Operand::diagonal, first + giant * count));
      if (total) {
        KOINON_TRY(const auto moved, m_.rotate(*total, static_cast<std::int64_t>(count * p_.batch)));
        KOINON_TRY(part, m_.add(part, moved));
      }
      total = std::move(part);
    }
    return m_.add_plain(*total, Operand::bias, layer);
  }

  Result<Value> tables(Value x, std::size_t layer) {
    KOINON_TRY(x, settled(std::move(x)));
    const auto& sizes = p_.layers[layer];
    const auto small = std::size_t{1} << (std::bit_width(sizes.terms) / 2);  // baby steps; terms = small * large
    const auto large = sizes.terms / small;
    const bool masked = sizes.used_blocks() > 1;
    std::size_t first = 0;
    for (std::size_t i = 0; i < layer; ++i) first += p_.layers[i].terms;
    KOINON_TRY(auto powers, powers_of(std::move(x), large > 1 || masked ? small : small - 1));
    std::vector<Value> giants;
    if (large > 1 || masked) {
      KOINON_TRY(giants, powers_of(powers[small - 1], masked ? large : large - 1));
    }
    KOINON_TRY(auto value, inner(powers, giants, small, large, first));
    if (!masked) return value;
    auto y = std::move(giants[large - 1]);
    for (std::size_t bit = 0; sizes.used_blocks() >> (bit + 1) != 0; ++bit) {
      KOINON_TRY(const auto chosen, m_.multiply_plain(y, Operand::mask, 2 * bit));
      KOINON_TRY(auto factor, m_.add_plain(chosen, Operand::mask, 2 * bit + 1));
      KOINON_TRY(value, product(value, std::move(factor)));
      if (sizes.used_blocks() >> (bit + 2) == 0) break;
      KOINON_TRY(y, product(y, y));
    }
    return value;
  }

  /// sum over j of h_j X^j with h_j = sum over k of c_(small j + k) x^k: every block's own coefficients, from `first` on.
  Result<Value> inner(std::vector<Value>& powers, const std::vector<Value>& giants, std::size_t small, std::size_t large,
                      std::size_t first) {
    auto level = m_.level(large > 1 ? giants[large - 2] : powers[small - 2]);
    for (std::size_t i = 0; i + 1 < small; ++i) level = std::min(level, m_.level(powers[i]));
    std::vector<Value> babies;
    for (std::size_t i = 0; i + 1 < small; ++i) {
      KOINON_TRY(babies.emplace_back(), lowered(powers[i], level));
    }
    const auto block = [&](std::size_t j) -> Result<Value> {
      KOINON_TRY(const auto sum, m_.weighted_sum(std::span<const Value>(babies), Operand::coefficient, first + small * j + 1));
      return m_.add_plain(sum, Operand::coefficient, first + small * j);
    };
    KOINON_TRY(auto out, block(0));
    if (large == 1) return settled(std::move(out));
    std::optional<Value> total;
    for (std::size_t j = 1; j < large; ++j) {
      KOINON_TRY(const auto h, block(j));
      KOINON_TRY(const auto giant, lowered(giants[j - 1], level));
      KOINON_TRY(auto term, m_.multiply(h, giant));
      if (total) {
        KOINON_TRY(total, m_.add(*total, term));
      } else {
        total = std::move(term);
      }
    }
    KOINON_TRY(auto sum, m_.relinearise(*total));
    KOINON_TRY(sum, m_.add(sum, out));
    return settled(std::move(sum));
  }

  /// x, x^2, ..., x^count, each by as few products in a row as can be.
  Result<std::vector<Value>> powers_of(Value x, std::size_t count) {
    std::vector<Value> out;
    out.push_back(std::move(x));
    for (std::size_t i = 2; i <= count; ++i) {
      const auto high = std::bit_floor(i - 1);
      KOINON_TRY(out.emplace_back(), product(out[high - 1], out[i - high - 1]));
    }
    return out;
  }

  Result<Value> product(Value a, Value b) {
    KOINON_TRY(a, settled(std::move(a)));
    KOINON_TRY(b, settled(std::move(b)));
    const auto level = std::min(m_.level(a), m_.level(b));
    KOINON_TRY(a, lowered(std::move(a), level));
    KOINON_TRY(b, lowered(std::move(b), level));
    KOINON_TRY(const auto c, m_.multiply(a, b));
    KOINON_TRY(auto out, m_.relinearise(c));
    return settled(std::move(out));
  }

  /// Switches while a prime takes nearly its own size of noise away.
  Result<Value> settled(Value v) {
    const auto& primes = m_.parameters().primes;
    while (m_.level(v) > 1) {
      const auto after = m_.plan().switched(m_.noise(v), m_.level(v));
      const auto waste = log2_floor(primes[m_.level(v) - 1]) - (m_.noise(v) - after);
      if (waste > Bits{p_.slack * Bits::kUnit}) break;
      KOINON_TRY(v, m_.switch_modulus(v));
    }
    return v;
  }

  /// Down to a level: by switches while they make the noise smaller, else by forgetting primes.
  Result<Value> lowered(Value v, std::size_t level) {
    while (m_.level(v) > level) {
      const auto after = m_.plan().switched(m_.noise(v), m_.level(v));
      if (m_.noise(v) - after < Bits{2 * Bits::kUnit}) return m_.drop(v, level);
      KOINON_TRY(v, m_.switch_modulus(v));
    }
    return v;
  }

  M& m_;
  const NetworkPlan& p_;
};

}  // namespace koinon::trust::fhe
