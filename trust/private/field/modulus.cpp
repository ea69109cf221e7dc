#include "trust/private/field/modulus.hpp"

#include <algorithm>
#include <bit>

namespace koinon::trust::fhe {

std::uint64_t pow_mod(std::uint64_t base, std::uint64_t exponent, std::uint64_t q) {
  std::uint64_t result = 1 % q;
  for (base %= q; exponent != 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result = mul_mod(result, base, q);
    base = mul_mod(base, base, q);
  }
  return result;
}

std::uint64_t inverse_mod(std::uint64_t a, std::uint64_t q) {
  KOINON_INVARIANT(a % q != 0);
  return pow_mod(a, q - 2, q);
}

bool is_prime(std::uint64_t n) {
  static constexpr std::uint64_t kBases[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37};
  if (n < 2) return false;
  for (auto base : kBases) {
    if (n == base) return true;
    if (n % base == 0) return false;
  }
  const int twos = std::countr_zero(n - 1);
  const auto odd = (n - 1) >> twos;
  return std::all_of(std::begin(kBases), std::end(kBases), [&](std::uint64_t base) {
    auto x = pow_mod(base, odd, n);
    if (x == 1 || x == n - 1) return true;
    for (int i = 1; i < twos; ++i) {
      x = mul_mod(x, x, n);
      if (x == n - 1) return true;
    }
    return false;
  });
}

base::Result<std::vector<std::uint64_t>> primes_below(int bits, std::uint64_t step, std::size_t count,
                                                      const std::vector<std::uint64_t>& taken) {
  if (bits < 2 || bits > kMaxModulusBits || step == 0)
    return base::fail(base::Code::out_of_range, "[primes] {} bits: 2 to {} expected", bits, kMaxModulusBits);
  std::vector<std::uint64_t> found;
  const std::uint64_t low = 1ULL << (bits - 1);
  const std::uint64_t high = 1ULL << bits;
  for (auto n = (high - 2) / step * step + 1; n >= low && n > 1 && found.size() < count; n -= step) {
    if (is_prime(n) && std::find(taken.begin(), taken.end(), n) == taken.end()) found.push_back(n);
    if (n < step) break;
  }
  if (found.size() < count)
    return base::fail(base::Code::out_of_range, "[primes] {} primes of {} bits that are 1 modulo {}: {} expected", found.size(),
                      bits, step, count);
  return found;
}

std::uint64_t root_of_unity(std::uint64_t order, std::uint64_t q) {
  KOINON_INVARIANT(std::has_single_bit(order) && order >= 2 && (q - 1) % order == 0);
  std::uint64_t x = 2;
  while (pow_mod(x, (q - 1) / 2, q) != q - 1) ++x;
  return pow_mod(x, (q - 1) / order, q);
}

}  // namespace koinon::trust::fhe
