#include "trust/private/params.hpp"

#include <algorithm>
#include <bit>

#include "base/codec.hpp"
#include "base/hash.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;

constexpr std::uint16_t kVersion = 1;
constexpr int kMinModulusBits = 30;
constexpr std::size_t kMaxPrimes = 64;

/// A product of primes, little-endian words, to count its bits exactly.
void multiply(std::vector<std::uint64_t>& words, std::uint64_t by) {
  std::uint64_t carry = 0;
  for (auto& word : words) {
    const auto product = static_cast<Uint128>(word) * by + carry;
    word = static_cast<std::uint64_t>(product);
    carry = static_cast<std::uint64_t>(product >> 64);
  }
  if (carry != 0) words.push_back(carry);
}

std::vector<std::uint64_t> product_of(const std::vector<std::uint64_t>& factors) {
  std::vector<std::uint64_t> words{1};
  for (auto factor : factors) multiply(words, factor);
  return words;
}

/// Bits of the number: ceil(log2) of a product of odd primes.
int bits_of(const std::vector<std::uint64_t>& words) {
  return static_cast<int>((words.size() - 1) * 64) + static_cast<int>(std::bit_width(words.back()));
}

bool less(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  if (a.size() != b.size()) return a.size() < b.size();
  return std::lexicographical_compare(a.rbegin(), a.rend(), b.rbegin(), b.rend());
}

base::Status validate_primes(const Parameters& p, const std::vector<std::uint64_t>& all) {
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto q = all[i];
    const int bits = static_cast<int>(std::bit_width(q));
    if (bits < kMinModulusBits || bits > kMaxModulusBits)
      return fail(Code::unsupported, "[parameters] prime {} of {} bits: {} to {} expected", q, bits, kMinModulusBits,
                  kMaxModulusBits);
    if (q % (2ULL * p.degree) != 1 || q % p.plain != 1)
      return fail(Code::unsupported, "[parameters] prime {}: 1 modulo {} and modulo {} expected", q, 2ULL * p.degree, p.plain);
    if (std::find(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i), q) != all.begin() + static_cast<std::ptrdiff_t>(i))
      return fail(Code::unsupported, "[parameters] prime {} appears twice", q);
    if (!is_prime(q)) return fail(Code::unsupported, "[parameters] {} is not a prime", q);
  }
  return {};
}

base::Status validate_digits(const Parameters& p) {
  if (p.special.empty() && p.digit == 0) return {};  // no key switching
  if (p.digit == 0 || p.digit > p.primes.size() || p.special.empty())
    return fail(Code::unsupported,
                "[parameters] digits of {} primes and {} special ones: 1 to {} and at least 1 expected, or none of both",
                p.digit, p.special.size(), p.primes.size());
  const auto cover = product_of(p.special);
  for (std::size_t at = 0; at < p.primes.size(); at += p.digit) {
    const auto end = std::min(p.primes.size(), at + p.digit);
    const std::vector<std::uint64_t> digit(p.primes.begin() + static_cast<std::ptrdiff_t>(at),
                                           p.primes.begin() + static_cast<std::ptrdiff_t>(end));
    if (less(cover, product_of(digit)))
      return fail(Code::unsupported,
                  "[parameters] special primes of {} bits: at least the {} bits of the digit at prime {} expected",
                  bits_of(cover), bits_of(product_of(digit)), at);
  }
  return {};
}

}  // namespace

int security_bits(std::uint32_t degree) {
  switch (degree) {
    case 4096: return 109;
    case 8192: return 218;
    case 16384: return 438;
    case 32768: return 881;
    case 65536: return 1747;
    default: return 0;
  }
}

std::size_t slots(const Parameters& p) { return p.plain % (2ULL * p.degree) == 1 ? p.degree : p.degree / 2; }

int modulus_bits(const Parameters& parameters) {
  auto all = parameters.primes;
  all.insert(all.end(), parameters.special.begin(), parameters.special.end());
  return bits_of(product_of(all));
}

base::Status validate(const Parameters& p) {
  if (security_bits(p.degree) == 0)
    return fail(Code::unsupported, "[parameters] degree {}: 4096, 8192, 16384, 32768 or 65536 expected", p.degree);
  if (p.plain >> 30 != 0 || p.plain % p.degree != 1 || !is_prime(p.plain))
    return fail(Code::unsupported, "[parameters] plain modulus {}: a prime below 2^30 that is 1 modulo {} expected", p.plain,
                p.degree);
  if (p.primes.empty() || p.primes.size() + p.special.size() > kMaxPrimes)
    return fail(Code::unsupported,
                "[parameters] {} primes and {} special ones: at least 1 prime and at most {} in all expected", p.primes.size(),
                p.special.size(), kMaxPrimes);
  auto all = p.primes;
  all.insert(all.end(), p.special.begin(), p.special.end());
  KOINON_CHECK(validate_primes(p, all));
  KOINON_CHECK(validate_digits(p));
  if (modulus_bits(p) > security_bits(p.degree))
    return fail(Code::unsupported,
                "[parameters] modulus of {} bits, special primes counted: at most {} for degree {} and 128 bits of security",
                modulus_bits(p), security_bits(p.degree), p.degree);
  return {};
}

base::Result<Parameters> choose(const Wish& wish) {
  Parameters p{.degree = wish.degree, .plain = wish.plain, .primes = {}, .special = {}, .digit = wish.digit};
  if (security_bits(p.degree) == 0 || p.plain >> 30 != 0 || p.plain < 3 || wish.levels == 0 || wish.levels > kMaxPrimes ||
      wish.specials > kMaxPrimes)
    return fail(Code::unsupported, "[parameters] degree {}, plain modulus {}, {} and {} primes: out of range", wish.degree,
                wish.plain, wish.levels, wish.specials);
  const auto step = 2ULL * p.degree * p.plain;  // t is an odd prime: coprime to 2N
  std::vector<std::uint64_t> taken;
  const auto draw = [&](int bits, std::size_t count, std::vector<std::uint64_t>& to) -> base::Status {
    KOINON_TRY(auto found, primes_below(bits, step, count, taken));
    taken.insert(taken.end(), found.begin(), found.end());
    to.insert(to.end(), found.begin(), found.end());
    return {};
  };
  KOINON_CHECK(draw(wish.special_bits, wish.specials, p.special));  // the largest are special: they must cover a digit
  KOINON_CHECK(draw(wish.base_bits, 1, p.primes));
  KOINON_CHECK(draw(wish.level_bits, wish.levels - 1, p.primes));
  KOINON_CHECK(validate(p));
  return p;
}

base::Bytes encode(const Parameters& p) {
  base::Writer out;
  out.number(kVersion);
  out.number(p.degree);
  out.number(p.plain);
  out.number(p.digit);
  for (const auto* list : {&p.primes, &p.special}) {
    out.number(static_cast<std::uint8_t>(list->size()));
    for (auto q : *list) out.number(q);
  }
  return std::move(out).take();
}

base::Result<Parameters> decode_parameters(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[parameters] version {}: {} expected", version, kVersion);
  Parameters p;
  KOINON_TRY(p.degree, in.number<std::uint32_t>());
  KOINON_TRY(p.plain, in.number<std::uint64_t>());
  KOINON_TRY(p.digit, in.number<std::uint32_t>());
  for (auto* list : {&p.primes, &p.special}) {
    KOINON_TRY(const auto count, in.number<std::uint8_t>());
    if (count > kMaxPrimes) return fail(Code::malformed, "[parameters] {} primes: at most {}", count, kMaxPrimes);
    for (int i = 0; i < count; ++i) {
      KOINON_TRY(list->emplace_back(), in.number<std::uint64_t>());
    }
  }
  KOINON_CHECK(in.finish());
  KOINON_CHECK(validate(p));
  return p;
}

base::Hash hash(const Parameters& parameters) {
  return base::keccak256({base::as_bytes("koinon/private/parameters/1"), encode(parameters)});
}

}  // namespace koinon::trust::fhe
