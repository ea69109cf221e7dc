#include "trust/private/probe_test.hpp"

#include <cmath>

namespace koinon::trust::fhe {
namespace {

/// log2 of the number with these mixed-radix digits (least first), 0 for zero.
double magnitude(const std::vector<std::uint64_t>& digits, const std::vector<std::uint64_t>& primes) {
  long double value = 0;
  for (std::size_t i = digits.size(); i-- > 0;)
    value = value * static_cast<long double>(primes[i]) + static_cast<long double>(digits[i]);
  return value == 0 ? 0 : static_cast<double>(std::log2(value));
}

}  // namespace

double measured_noise(const Context& context, const SecretKey& key, const Ciphertext& cipher) {
  const auto v = phase(context, key, cipher);
  std::vector<std::uint64_t> primes;
  for (std::size_t i = 0; i < cipher.level; ++i) primes.push_back(context.modulus(i).value);
  std::vector<std::vector<std::uint64_t>> inverses(cipher.level);  // [i][j]: q_j^-1 mod q_i
  for (std::size_t i = 0; i < cipher.level; ++i)
    for (std::size_t j = 0; j < i; ++j) inverses[i].push_back(inverse_mod(primes[j] % primes[i], primes[i]));
  double largest = 0;
  for (std::size_t k = 0; k < context.degree(); ++k) {
    double smaller = 1e9;
    for (const bool negative : {false, true}) {  // of x and Q - x, the smaller is the magnitude
      std::vector<std::uint64_t> digits;
      for (std::size_t i = 0; i < cipher.level; ++i) {
        const auto q = primes[i];
        auto x = static_cast<std::uint64_t>(v[i][k]);
        if (negative && x != 0) x = q - x;
        for (std::size_t j = 0; j < i; ++j) x = mul_mod(x + q - digits[j] % q, inverses[i][j], q);
        digits.push_back(x);
      }
      smaller = std::min(smaller, magnitude(digits, primes));
    }
    largest = std::max(largest, smaller);
  }
  return largest;
}

}  // namespace koinon::trust::fhe
