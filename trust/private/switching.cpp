// Hybrid key switching: relinearisation and rotations (Gentry, Halevi and Smart, CRYPTO 2012; digits of several primes as Han
// and Ki, CT-RSA 2020). A part c is cut into digits d_j of a few primes each, lifted to the primes and the special primes,
// multiplied by the key's rows, and the sum divided by P = product of the special primes.
#include <algorithm>

#include "trust/private/evaluate.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;

/// Elements of a chunk whose operands of all digits stay in cache.
constexpr std::size_t kChunk = 512;

}  // namespace

Digits Evaluator::decompose(const Poly& part, std::size_t level) const {
  const auto n = context_.degree();
  const auto size = context_.parameters().digit;
  const auto count = context_.digits(level);
  Poly coefficients = part;
  auto quotients = Poly::unset(n, count);
  each(pool_, level, [&](std::size_t row) { context_.ntt(row).inverse(coefficients[row]); });
  each(pool_, count, [&](std::size_t digit) {
    std::vector<double*> rows;
    for (auto row = digit * size; row < std::min<std::size_t>(level, (digit + 1) * size); ++row)
      rows.push_back(coefficients[row]);
    context_.raise(level, digit).prepare(rows, quotients[digit], n);
  });
  const auto rows_out = level + context_.specials();
  Digits out{.level = level, .polys = Poly::unset(count, n, rows_out)};
  each(pool_, count * rows_out, [&](std::size_t k) {
    const auto digit = k / rows_out, row = k % rows_out;
    auto* to = out.polys[digit][row];
    if (row < level && row / size == digit) {
      std::copy_n(part[row], n, to);
      return;
    }
    std::vector<double*> rows;
    for (auto r = digit * size; r < std::min<std::size_t>(level, (digit + 1) * size); ++r) rows.push_back(coefficients[r]);
    const auto modulus = context_.extended(level, row);
    context_.raise(level, digit).convert(rows, quotients[digit], modulus, to, n);
    context_.ntt(modulus).forward(to);
  });
  return out;
}

void Evaluator::lower(Poly& extended, std::size_t level, Poly& to) const {
  const auto n = context_.degree();
  const auto specials = context_.specials();
  std::vector<double*> rows(specials);
  each(pool_, specials, [&](std::size_t i) {
    rows[i] = extended[level + i];
    context_.ntt(context_.levels() + i).inverse(rows[i]);
  });
  const auto& converter = context_.lower_special();
  auto count = Poly::unset(n, 1);
  converter.prepare(rows, count[0], n);
  each(pool_, level, [&](std::size_t row) {
    auto change = Poly::unset(n, 1);
    const auto& q = context_.modulus(row);
    converter.convert(rows, count[0], row, change[0], n);
    context_.ntt(row).forward(change[0]);
    kernels().sub_scale(extended[row], change[0], context_.special_inverse(row), change[0], n, q);
    kernels().add(to[row], change[0], to[row], n, q);
  });
}

void Evaluator::key_switch(const Digits& digits, const SwitchKey& key, const std::vector<std::uint32_t>* permutation, Poly& c0,
                           Poly& c1) const {
  const auto n = context_.degree();
  const auto level = digits.level;
  const auto count = digits.polys.size();
  auto sum0 = Poly::unset(n, level + context_.specials());
  auto sum1 = Poly::unset(n, level + context_.specials());
  each(pool_, level + context_.specials(), [&](std::size_t row) {
    // The key may be of a higher level: its special rows then stand further down.
    const auto key_row = row < level ? row : row - level + key.level;
    std::vector<const double*> d(count), b(count), a(count);
    auto moved = Poly::unset(kChunk, permutation == nullptr ? 0 : count);
    for (std::size_t at = 0; at < n; at += kChunk) {
      for (std::size_t j = 0; j < count; ++j) {
        const double* from = digits.polys[j][row];
        if (permutation == nullptr) {
          d[j] = from + at;
        } else {
          for (std::size_t i = 0; i < kChunk; ++i) moved[j][i] = from[(*permutation)[at + i]];
          d[j] = moved[j];
        }
        b[j] = key.b[j][key_row] + at;
        a[j] = key.a[j][key_row] + at;
      }
      kernels().dot2(d.data(), b.data(), a.data(), count, sum0[row] + at, sum1[row] + at, kChunk,
                     context_.modulus(context_.extended(level, row)));
    }
  });
  lower(sum0, level, c0);
  lower(sum1, level, c1);
}

base::Result<Ciphertext> Evaluator::relinearise(const Ciphertext& a) const {
  KOINON_CHECK(check("relinearise", a, 3));
  if (a.parts.size() == 2) return a;
  if (keys_ == nullptr || !keys_->relinearise || keys_->relinearise->level < a.level)
    return fail(Code::not_found, "[relinearise] no relinearisation key of level {}", a.level);
  Ciphertext out{
      .level = a.level, .parts = {a.parts[0], a.parts[1]}, .noise = plan_.key_switched(a.noise, a.level), .seed = {}};
  KOINON_CHECK(plan_.fits("relinearise", out.noise, out.level));
  key_switch(decompose(a.parts[2], a.level), *keys_->relinearise, nullptr, out.parts[0], out.parts[1]);
  return out;
}

base::Result<Ciphertext> Evaluator::apply(const Ciphertext& a, const Digits& digits, std::uint32_t element) const {
  const auto key = keys_ == nullptr ? decltype(keys_->galois.end()){} : keys_->galois.find(element);
  if (keys_ == nullptr || key == keys_->galois.end() || key->second.level < a.level)
    return fail(Code::not_found, "[rotate] no key for X -> X^{} of level {}", element, a.level);
  const auto permutation = context_.permutation(element);
  Ciphertext out{.level = a.level,
                 .parts = {permuted(a.parts[0], permutation), Poly(context_.degree(), a.level)},
                 .noise = plan_.key_switched(a.noise, a.level),
                 .seed = {}};
  KOINON_CHECK(plan_.fits("rotate", out.noise, out.level));
  key_switch(digits, key->second, &permutation, out.parts[0], out.parts[1]);
  return out;
}

base::Result<Ciphertext> Evaluator::automorphism(const Ciphertext& a, std::uint32_t element) const {
  KOINON_CHECK(check("rotate", a, 2));
  if (element == 1) return a;
  return apply(a, decompose(a.parts[1], a.level), element);
}

base::Result<Ciphertext> Evaluator::rotate(const Ciphertext& a, std::int64_t steps) const {
  return automorphism(a, context_.rotation(steps));
}

base::Result<Ciphertext> Evaluator::swap_rows(const Ciphertext& a) const { return automorphism(a, context_.row_swap()); }

base::Result<std::vector<Ciphertext>> Evaluator::rotate_many(const Ciphertext& a, std::span<const std::int64_t> steps) const {
  KOINON_CHECK(check("rotate", a, 2));
  const auto digits = decompose(a.parts[1], a.level);
  std::vector<Ciphertext> out;
  for (auto step : steps) {
    const auto element = context_.rotation(step);
    if (element == 1) {
      out.push_back(a);
      continue;
    }
    KOINON_TRY(out.emplace_back(), apply(a, digits, element));
  }
  return out;
}

}  // namespace koinon::trust::fhe
