#include "trust/private/evaluate.hpp"

#include <algorithm>

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;

/// Elements of a chunk whose accumulators stay in the first-level cache.
constexpr std::size_t kChunk = 1024;

}  // namespace

base::Status Evaluator::check(const char* operation, const Ciphertext& a, std::size_t max_parts) const {
  const bool right = a.level >= 1 && a.level <= context_.levels() && a.parts.size() >= 2 && a.parts.size() <= max_parts &&
                     std::all_of(a.parts.begin(), a.parts.end(),
                                 [&](const Poly& p) { return p.degree() == context_.degree() && p.limbs() == a.level; });
  if (!right)
    return fail(Code::invalid_argument, "[{}] {} parts at level {}: 2 to {} parts of as many rows expected", operation,
                a.parts.size(), a.level, max_parts);
  return {};
}

base::Result<Ciphertext> Evaluator::combine(const char* operation, const Ciphertext& a, const Ciphertext& b,
                                            bool subtract) const {
  KOINON_CHECK(check(operation, a, 3));
  KOINON_CHECK(check(operation, b, 3));
  if (a.level != b.level) return fail(Code::invalid_argument, "[{}] levels differ: {} against {}", operation, a.level, b.level);
  const auto n = context_.degree();
  const auto parts = std::max(a.parts.size(), b.parts.size());
  Ciphertext out{.level = a.level, .parts = Poly::unset(parts, n, a.level), .noise = log2_sum(a.noise, b.noise), .seed = {}};
  KOINON_CHECK(plan_.fits(operation, out.noise, out.level));
  const Poly zero(n, 1);
  each(pool_, parts * a.level, [&](std::size_t k) {
    const auto part = k / a.level, row = k % a.level;
    const auto* x = part < a.parts.size() ? a.parts[part][row] : zero[0];
    const auto* y = part < b.parts.size() ? b.parts[part][row] : zero[0];
    (subtract ? kernels().sub : kernels().add)(x, y, out.parts[part][row], n, context_.modulus(row));
  });
  return out;
}

base::Result<Ciphertext> Evaluator::add(const Ciphertext& a, const Ciphertext& b) const { return combine("add", a, b, false); }
base::Result<Ciphertext> Evaluator::subtract(const Ciphertext& a, const Ciphertext& b) const {
  return combine("subtract", a, b, true);
}

base::Result<Ciphertext> Evaluator::negate(const Ciphertext& a) const {
  KOINON_CHECK(check("negate", a, 3));
  const Poly zero(context_.degree(), 1);
  auto out = a;
  out.seed.reset();
  for (auto& part : out.parts)
    for (std::size_t row = 0; row < a.level; ++row)
      kernels().sub(zero[0], part[row], part[row], context_.degree(), context_.modulus(row));
  return out;
}

base::Result<Ciphertext> Evaluator::add_plain(const Ciphertext& a, const Plain& plain) const {
  KOINON_CHECK(check("add_plain", a, 3));
  KOINON_TRY(const auto ready, prepare(context_, plain, a.level, pool_));
  return add_prepared(a, ready);
}

base::Result<Ciphertext> Evaluator::add_prepared(const Ciphertext& a, const PreparedPlain& plain) const {
  KOINON_CHECK(check("add_plain", a, 3));
  if (plain.level < a.level || plain.values.degree() != context_.degree())
    return fail(Code::invalid_argument, "[add_plain] plaintext of level {}: at least {} expected", plain.level, a.level);
  auto out = a;
  out.seed.reset();
  out.noise = log2_sum(a.noise, plain.norm);
  KOINON_CHECK(plan_.fits("add_plain", out.noise, out.level));
  each(pool_, a.level, [&](std::size_t row) {
    kernels().add(out.parts[0][row], plain.values[row], out.parts[0][row], context_.degree(), context_.modulus(row));
  });
  return out;
}

base::Result<Ciphertext> Evaluator::multiply_plain(const Ciphertext& a, const PreparedPlain& plain) const {
  KOINON_CHECK(check("multiply_plain", a, 3));
  if (plain.level < a.level || plain.values.degree() != context_.degree())
    return fail(Code::invalid_argument, "[multiply_plain] plaintext of level {}: at least {} expected", plain.level, a.level);
  Ciphertext out{.level = a.level,
                 .parts = Poly::unset(a.parts.size(), context_.degree(), a.level),
                 .noise = a.noise + plain.norm,
                 .seed = {}};
  KOINON_CHECK(plan_.fits("multiply_plain", out.noise, out.level));
  each(pool_, a.parts.size() * a.level, [&](std::size_t k) {
    const auto part = k / a.level, row = k % a.level;
    kernels().mul(a.parts[part][row], plain.values[row], out.parts[part][row], context_.degree(), context_.modulus(row));
  });
  return out;
}

base::Result<Ciphertext> Evaluator::multiply_plain_sum(std::span<const Ciphertext* const> a,
                                                       std::span<const PreparedPlain* const> b) const {
  if (a.empty() || a.size() != b.size())
    return fail(Code::invalid_argument, "[multiply_plain_sum] {} ciphertexts and {} plaintexts: as many, at least one",
                a.size(), b.size());
  const auto level = a[0]->level;
  const auto n = context_.degree();
  Ciphertext out{.level = level, .parts = Poly::unset(2, n, level), .noise = {}, .seed = {}};
  for (std::size_t i = 0; i < a.size(); ++i) {
    KOINON_CHECK(check("multiply_plain_sum", *a[i], 2));
    if (a[i]->level != level || b[i]->level < level || b[i]->values.degree() != n)
      return fail(Code::invalid_argument, "[multiply_plain_sum] term {} of levels {} and {}: {} expected", i, a[i]->level,
                  b[i]->level, level);
    const auto noise = a[i]->noise + b[i]->norm;
    out.noise = i == 0 ? noise : log2_sum(out.noise, noise);
  }
  KOINON_CHECK(plan_.fits("multiply_plain_sum", out.noise, level));
  each(pool_, level, [&](std::size_t row) {
    std::vector<const double*> plain(a.size()), first(a.size()), second(a.size());
    for (std::size_t at = 0; at < n; at += kChunk) {
      for (std::size_t i = 0; i < a.size(); ++i) {
        plain[i] = b[i]->values[row] + at;
        first[i] = a[i]->parts[0][row] + at;
        second[i] = a[i]->parts[1][row] + at;
      }
      kernels().dot2(plain.data(), first.data(), second.data(), a.size(), out.parts[0][row] + at, out.parts[1][row] + at,
                     kChunk, context_.modulus(row));
    }
  });
  return out;
}

base::Result<Ciphertext> Evaluator::multiply_scalar(const Ciphertext& a, std::int64_t k) const {
  KOINON_CHECK(check("multiply_scalar", a, 3));
  const auto half = static_cast<std::int64_t>(context_.plain() / 2);
  if (k > half || k < -half) return fail(Code::invalid_argument, "[multiply_scalar] {}: within {} expected", k, half);
  auto out = a;
  out.seed.reset();
  out.noise = a.noise + log2_ceil(static_cast<std::uint64_t>(std::max<std::int64_t>(1, std::abs(k))));
  KOINON_CHECK(plan_.fits("multiply_scalar", out.noise, out.level));
  for (auto& part : out.parts)
    each(pool_, a.level, [&](std::size_t row) {
      const auto q = static_cast<std::int64_t>(context_.modulus(row).value);
      kernels().scale(part[row], static_cast<double>(k < 0 ? k + q : k), part[row], context_.degree(), context_.modulus(row));
    });
  return out;
}

base::Result<Ciphertext> Evaluator::multiply(const Ciphertext& a, const Ciphertext& b) const {
  KOINON_CHECK(check("multiply", a, 2));
  KOINON_CHECK(check("multiply", b, 2));
  if (a.level != b.level) return fail(Code::invalid_argument, "[multiply] levels differ: {} against {}", a.level, b.level);
  const auto n = context_.degree();
  Ciphertext out{.level = a.level, .parts = Poly::unset(3, n, a.level), .noise = a.noise + b.noise, .seed = {}};
  KOINON_CHECK(plan_.fits("multiply", out.noise, out.level));
  each(pool_, a.level, [&](std::size_t row) {
    const auto& q = context_.modulus(row);
    for (std::size_t at = 0; at < n; at += kChunk) {
      const double *a0 = a.parts[0][row] + at, *a1 = a.parts[1][row] + at, *b0 = b.parts[0][row] + at,
                   *b1 = b.parts[1][row] + at;
      auto* middle = out.parts[1][row] + at;
      kernels().mul(a0, b0, out.parts[0][row] + at, kChunk, q);
      kernels().mul(a0, b1, middle, kChunk, q);
      kernels().mul_add(a1, b0, middle, kChunk, q);
      kernels().mul(a1, b1, out.parts[2][row] + at, kChunk, q);
    }
  });
  return out;
}

base::Result<Ciphertext> Evaluator::switch_modulus(const Ciphertext& a) const {
  KOINON_CHECK(check("switch_modulus", a, 2));
  if (a.level < 2) return fail(Code::invalid_argument, "[switch_modulus] level {}: at least 2 expected", a.level);
  const auto n = context_.degree();
  const auto dropped = a.level - 1;
  Ciphertext out{.level = dropped, .parts = Poly::unset(2, n, dropped), .noise = plan_.switched(a.noise, a.level), .seed = {}};
  KOINON_CHECK(plan_.fits("switch_modulus", out.noise, out.level));
  const auto& converter = context_.lower_prime(dropped);
  auto last = Poly::unset(n, 2), count = Poly::unset(n, 2);
  for (std::size_t part = 0; part < 2; ++part) {
    std::copy_n(a.parts[part][dropped], n, last[part]);
    context_.ntt(dropped).inverse(last[part]);
    double* rows[] = {last[part]};
    converter.prepare(rows, count[part], n);
  }
  each(pool_, 2 * dropped, [&](std::size_t k) {
    const auto part = k / dropped, row = k % dropped;
    auto* to = out.parts[part][row];
    double* rows[] = {last[part]};
    converter.convert(rows, count[part], row, to, n);
    context_.ntt(row).forward(to);
    kernels().sub_scale(a.parts[part][row], to, context_.prime_inverse(dropped, row), to, n, context_.modulus(row));
  });
  return out;
}

base::Result<Ciphertext> Evaluator::drop(const Ciphertext& a, std::size_t level) const {
  KOINON_CHECK(check("drop", a, 3));
  if (level == 0 || level > a.level) return fail(Code::invalid_argument, "[drop] level {}: 1 to {} expected", level, a.level);
  KOINON_CHECK(plan_.fits("drop", a.noise, level));
  auto out = a;
  out.level = level;
  for (auto& part : out.parts) part.truncate(level);
  return out;
}

}  // namespace koinon::trust::fhe
