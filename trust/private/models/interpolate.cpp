#include "trust/private/models/interpolate.hpp"

#include <algorithm>

namespace koinon::trust::fhe {
namespace {

using Word = std::uint32_t;
constexpr std::size_t kSmall = 32;  ///< nodes of this size are expanded one factor after another

/// x mod t for x < 2^48: 2^16 = -1. Three 16-bit digits: a - b + c in (-2^16, 2^17).
Word reduce(std::uint64_t x) {
  const auto low =
      static_cast<std::int64_t>(x & 0xffff) - static_cast<std::int64_t>(x >> 16 & 0xffff) + static_cast<std::int64_t>(x >> 32);
  const auto up = low < 0 ? low + kTablePlain : low;
  return static_cast<Word>(up >= kTablePlain ? up - kTablePlain : up);
}
Word times(Word a, Word b) { return reduce(std::uint64_t{a} * b); }
Word plus(Word a, Word b) { return a + b >= kTablePlain ? a + b - kTablePlain : a + b; }
Word minus(Word a, Word b) { return a >= b ? a - b : a + kTablePlain - b; }
Word power(Word base, std::uint64_t exponent) {
  Word out = 1;
  for (; exponent != 0; exponent >>= 1, base = times(base, base))
    if ((exponent & 1) != 0) out = times(out, base);
  return out;
}
Word inverse(Word x) { return power(x, kTablePlain - 2); }
Word residue(std::int32_t x) {
  const auto r = x % static_cast<std::int32_t>(kTablePlain);
  return static_cast<Word>(r < 0 ? r + static_cast<std::int32_t>(kTablePlain) : r);
}

/// Powers of a root of unity of order 65536 (3 generates the field), for every length.
const std::vector<Word>& roots() {
  static const auto made = [] {
    std::vector<Word> out(65536);
    Word x = 1;
    for (auto& r : out) r = x, x = times(x, 3);
    return out;
  }();
  return made;
}

/// Forward: decimation in frequency, natural to bit-reversed order.
void forward(Word* a, std::size_t n) {
  const auto& w = roots();
  for (auto half = n / 2; half >= 1; half /= 2) {
    const auto stride = 65536 / (2 * half);
    for (std::size_t at = 0; at < n; at += 2 * half)
      for (std::size_t i = 0; i < half; ++i) {
        const auto u = a[at + i], v = a[at + half + i];
        a[at + i] = plus(u, v);
        a[at + half + i] = times(minus(u, v), w[i * stride]);
      }
  }
}

/// Inverse of forward, without the division by n.
void backward(Word* a, std::size_t n) {
  const auto& w = roots();
  for (std::size_t half = 1; half < n; half *= 2) {
    const auto stride = 65536 / (2 * half);
    for (std::size_t at = 0; at < n; at += 2 * half)
      for (std::size_t i = 0; i < half; ++i) {
        const auto u = a[at + i], v = times(a[at + half + i], i == 0 ? 1 : w[65536 - i * stride]);
        a[at + i] = plus(u, v);
        a[at + half + i] = minus(u, v);
      }
  }
}

/// Coefficients of (x - start) ... (x - start - size + 1) without the leading one.
std::vector<Word> falling(std::size_t start, std::size_t size) {
  std::vector<Word> out(size + 1);
  out[0] = 1;
  for (std::size_t i = 0; i < size; ++i) {
    const auto root = static_cast<Word>(start + i);
    for (auto k = i + 1; k > 0; --k) out[k] = minus(out[k - 1], times(root, out[k]));
    out[0] = minus(0, times(root, out[0]));
  }
  out.pop_back();
  return out;
}

/// backward, divided by the length.
void unscaled(std::vector<Word>& a) {
  backward(a.data(), a.size());
  const auto scale = inverse(static_cast<Word>(a.size()));
  for (auto& x : a) x = times(x, scale);
}

/// The sixteen bits of i in reverse.
std::size_t reversed(std::size_t i) {
  std::size_t out = 0;
  for (int bit = 0; bit < 16; ++bit) out = out << 1 | (i >> bit & 1);
  return out;
}

}  // namespace

Interpolator::Interpolator(std::size_t points) : points_(points) {
  if (points >= 65536) return;
  Word factorial = 1;
  for (std::size_t i = 1; i < points; ++i) factorial = times(factorial, static_cast<Word>(i));
  inverse_factorial_.resize(points);
  inverse_factorial_[points - 1] = inverse(factorial);
  for (auto i = points - 1; i > 0; --i) inverse_factorial_[i - 1] = times(inverse_factorial_[i], static_cast<Word>(i));
  signs_.assign(2 * points, 0);
  for (std::size_t i = 0; i < points; ++i) signs_[i] = i % 2 == 0 ? inverse_factorial_[i] : minus(0, inverse_factorial_[i]);
  forward(signs_.data(), 2 * points);
  std::vector<std::vector<Word>> nodes;  // monic products of whole nodes of one size, the leading 1 left out
  for (std::size_t start = 0; start < points; start += kSmall) nodes.push_back(falling(start, std::min(kSmall, points)));
  for (auto size = 2 * kSmall; size <= points; size *= 2) {
    std::vector<Word> lower;  // transforms of the lower halves
    std::vector<std::vector<Word>> next;
    for (std::size_t i = 0; i + 1 < nodes.size(); i += 2) {
      auto a = nodes[i], b = nodes[i + 1];
      std::vector<Word> sum(size / 2);
      for (std::size_t k = 0; k < size / 2; ++k) sum[k] = plus(a[k], b[k]);
      a.resize(size);
      b.resize(size);
      forward(a.data(), size);
      forward(b.data(), size);
      lower.insert(lower.end(), a.begin(), a.end());
      for (std::size_t k = 0; k < size; ++k) b[k] = times(a[k], b[k]);
      unscaled(b);
      for (std::size_t k = 0; k < size / 2; ++k) b[size / 2 + k] = plus(b[size / 2 + k], sum[k]);
      next.push_back(std::move(b));
    }
    halves_.push_back(std::move(lower));
    nodes = std::move(next);
  }
}

std::vector<Word> Interpolator::through(std::span<const std::int32_t> values) const {
  if (points_ >= 65536) return whole_field(values);
  std::vector<Word> a(2 * points_);
  for (std::size_t i = 0; i < points_; ++i) a[i] = times(residue(values[i]), inverse_factorial_[i]);
  forward(a.data(), a.size());
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = times(a[i], signs_[i]);
  unscaled(a);
  a.resize(points_);
  // From Newton's form: small nodes by Horner's rule, then pairs of nodes by products.
  const auto small = std::min(kSmall, points_);
  for (std::size_t start = 0; start < points_; start += small) {
    auto* node = a.data() + start;
    for (auto first = small - 1; first-- > 0;)
      for (auto k = first; k + 1 < small; ++k) node[k] = minus(node[k], times(static_cast<Word>(start + first), node[k + 1]));
  }
  for (std::size_t level = 0, size = 2 * kSmall; size <= points_; ++level, size *= 2)
    for (std::size_t start = 0; start < points_; start += size) {
      auto* node = a.data() + start;  // low + (x^half + A) * high
      std::vector<Word> product(size);
      std::copy_n(node + size / 2, size / 2, product.begin());
      forward(product.data(), size);
      for (std::size_t k = 0; k < size; ++k) product[k] = times(product[k], halves_[level][start + k]);
      unscaled(product);
      for (std::size_t k = 0; k < size; ++k) node[k] = plus(node[k], product[k]);
    }
  return a;
}

std::vector<Word> Interpolator::whole_field(std::span<const std::int32_t> values) const {
  // Let v_i = f(3^i). a_k = -sum_i v_i 3^(-ik) for 0 < k < 65536; a_0 = f(0); the coefficient of x^65536 is
  // -sum over the field of f, made zero by the value at 65536, which is free.
  std::vector<Word> v(65536);
  Word sum = 0;
  const auto& w = roots();
  std::size_t last = 0;
  for (std::size_t i = 0; i < v.size(); ++i) {
    if (w[i] == 65536) {
      last = i;
      continue;
    }
    v[i] = residue(values[w[i]]);
    sum = plus(sum, v[i]);
  }
  v[last] = minus(0, plus(sum, residue(values[0])));
  std::vector<Word> bits(65536);
  for (std::size_t i = 0; i < v.size(); ++i) bits[reversed(i)] = v[i];
  backward(bits.data(), bits.size());
  for (auto& x : bits) x = minus(0, x);
  bits[0] = residue(values[0]);
  return bits;
}

Word value_at(std::span<const Word> coefficients, Word x) {
  Word out = 0;
  for (auto i = coefficients.size(); i-- > 0;) out = plus(times(out, x), coefficients[i]);
  return out;
}

}  // namespace koinon::trust::fhe
