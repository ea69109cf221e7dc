#include "trust/private/context.hpp"

#include <bit>

namespace koinon::trust::fhe {

BaseConverter::BaseConverter(std::vector<Modulus> from, std::vector<Modulus> to, std::uint64_t divide, std::uint64_t post)
    : from_(std::move(from)), to_(std::move(to)) {
  // The product of all of `from` but the one at `skip`, modulo q.
  const auto product = [&](std::size_t skip, std::uint64_t q) {
    std::uint64_t out = 1 % q;
    for (std::size_t k = 0; k < from_.size(); ++k)
      if (k != skip) out = mul_mod(out, from_[k].value % q, q);
    return out;
  };
  for (std::size_t i = 0; i < from_.size(); ++i) {
    const auto q = from_[i].value;
    hats_.push_back(static_cast<double>(inverse_mod(mul_mod(product(i, q), divide % q, q), q)));
  }
  for (const auto& target : to_) {
    for (std::size_t i = 0; i < from_.size(); ++i)
      weights_.push_back(static_cast<double>(mul_mod(product(i, target.value), post % target.value, target.value)));
    totals_.push_back(static_cast<double>(mul_mod(product(from_.size(), target.value), post % target.value, target.value)));
  }
}

void BaseConverter::prepare(std::span<double* const> in, double* count, std::size_t n) const {
  std::fill_n(count, n, 0.0);
  for (std::size_t i = 0; i < from_.size(); ++i) {
    kernels().scale(in[i], hats_[i], in[i], n, from_[i]);
    kernels().quotient(in[i], from_[i], count, n);
  }
}

void BaseConverter::convert(std::span<double* const> prepared, const double* count, std::size_t target, double* out,
                            std::size_t n) const {
  kernels().combine(prepared.data(), weights_.data() + target * from_.size(), from_.size(), count, totals_[target], out, n,
                    to_[target]);
}

base::Result<std::unique_ptr<const Context>> Context::create(const Parameters& parameters) {
  KOINON_CHECK(validate(parameters));
  return std::unique_ptr<const Context>(new Context(parameters));
}

Context::Context(const Parameters& p) : parameters_(p), hash_(fhe::hash(p)) {
  std::vector<Modulus> primes, special, all;
  for (auto q : p.primes) primes.emplace_back(q);
  for (auto q : p.special) special.emplace_back(q);
  all = primes;
  all.insert(all.end(), special.begin(), special.end());
  for (const auto& q : all) ntts_.emplace_back(p.degree, q);
  const auto places = static_cast<std::uint32_t>(fhe::slots(p));
  ntts_.emplace_back(places, Modulus(p.plain));

  // [digit][size - 1]: the last digit of a level may be cut short.
  for (std::size_t at = 0; p.digit != 0 && at < primes.size(); at += p.digit)
    for (std::size_t size = 1; size <= p.digit; ++size) {
      const auto end = std::min(primes.size(), at + size);
      raise_.emplace_back(std::vector<Modulus>(primes.begin() + static_cast<std::ptrdiff_t>(at),
                                               primes.begin() + static_cast<std::ptrdiff_t>(end)),
                          all, 1, 1);
    }
  const auto lower = [&](std::vector<Modulus> from, std::size_t targets) {
    return BaseConverter(std::move(from), {primes.begin(), primes.begin() + static_cast<std::ptrdiff_t>(targets)}, p.plain,
                         p.plain);
  };
  lower_special_.push_back(lower(special, primes.size()));
  for (std::size_t i = 0; i < primes.size(); ++i) lower_prime_.push_back(lower({primes[i]}, i));

  for (const auto& q : primes) {
    std::uint64_t product = 1;
    for (const auto& s : special) product = mul_mod(product, s.value % q.value, q.value);
    special_mod_.push_back(static_cast<double>(product));
    special_inverse_.push_back(static_cast<double>(inverse_mod(product, q.value)));
  }
  for (const auto& dropped : primes)
    for (const auto& q : primes)
      prime_inverse_.push_back(q == dropped ? 0.0 : static_cast<double>(inverse_mod(dropped.value % q.value, q.value)));

  const auto two_n = 2ULL * places;
  const int bits = std::countr_zero(places);
  slots_.resize(places);
  for (std::uint64_t column = 0, power = 1; column < places / 2; ++column, power = power * 3 % two_n) {
    slots_[column] = static_cast<std::uint32_t>(reverse_bits((power - 1) / 2, bits));
    slots_[places / 2 + column] = static_cast<std::uint32_t>(reverse_bits((two_n - power - 1) / 2, bits));
  }
}

const BaseConverter& Context::raise(std::size_t level, std::size_t digit) const {
  const auto size = std::min<std::size_t>(parameters_.digit, level - digit * parameters_.digit);
  return raise_[digit * parameters_.digit + size - 1];
}

std::vector<std::uint32_t> Context::permutation(std::uint32_t element) const {
  const auto n = degree();
  const int bits = std::countr_zero(n);
  std::vector<std::uint32_t> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto exponent = (2 * reverse_bits(i, bits) + 1) * element % (2 * n);
    out[i] = static_cast<std::uint32_t>(reverse_bits((exponent - 1) / 2, bits));
  }
  return out;
}

std::uint32_t Context::rotation(std::int64_t steps) const {
  const auto columns = static_cast<std::int64_t>(slots() / 2);
  const auto left = ((steps % columns) + columns) % columns;
  return static_cast<std::uint32_t>(pow_mod(3, static_cast<std::uint64_t>(left), 2 * degree()));
}

void each(base::ThreadPool* pool, std::size_t n, const std::function<void(std::size_t)>& body) {
  if (pool != nullptr && n > 1) return pool->parallel_for(n, body);
  for (std::size_t i = 0; i < n; ++i) body(i);
}

}  // namespace koinon::trust::fhe
