// Decoders of outside bytes: the first byte picks parameters, ciphertext, public key, evaluation keys, secret key, linear plan,
// network plan or signature.
#include <cstdlib>

#include "trust/private/models/linear.hpp"
#include "trust/private/models/network.hpp"
#include "trust/private/serial.hpp"
#include "trust/private/sign.hpp"

namespace {

using namespace koinon;              // NOLINT(google-build-using-namespace)
using namespace koinon::trust::fhe;  // NOLINT(google-build-using-namespace)

const Context& context() {
  static const auto made = *Context::create(*choose({.degree = 4096,
                                                     .plain = 65537,
                                                     .base_bits = 36,
                                                     .level_bits = 36,
                                                     .levels = 2,
                                                     .special_bits = 37,
                                                     .specials = 1,
                                                     .digit = 1}));
  return *made;
}

/// What decodes encodes to the bytes it came from.
template <class T>
void same(const base::Result<T>& decoded, base::ByteView bytes) {
  if (decoded && encode(context(), *decoded) != base::Bytes(bytes.begin(), bytes.end())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::ByteView bytes(data + 1, size - 1);
  switch (data[0] % 8) {
    case 0: {
      const auto p = decode_parameters(bytes);
      if (p && encode(*p) != base::Bytes(bytes.begin(), bytes.end())) std::abort();
      break;
    }
    case 1: same(decode_ciphertext(context(), bytes), bytes); break;
    case 2: same(decode_public_key(context(), bytes), bytes); break;
    case 3: same(decode_evaluation_keys(context(), bytes), bytes); break;
    case 4: same(decode_secret_key(context(), bytes), bytes); break;
    case 5: {
      const auto plan = decode_linear_plan(bytes);
      if (plan && encode(*plan) != base::Bytes(bytes.begin(), bytes.end())) std::abort();
      break;
    }
    case 6: {
      const auto plan = decode_network_plan(bytes);
      if (plan && encode(*plan) != base::Bytes(bytes.begin(), bytes.end())) std::abort();
      break;
    }
    default: static_cast<void>(open_signed("fuzz", bytes, Signer{})); break;
  }
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  base::SeededRandom random(1);
  const auto secret = make_secret_key(context(), random);
  const auto plain = *encode_slots(context(), std::vector<std::int64_t>{1, 2, 3});
  EvaluationKeys keys;
  keys.galois.emplace(3, *make_galois_key(context(), secret, 3, 1, random));
  std::vector<std::vector<std::uint8_t>> seeds{
      encode(context().parameters()),
      encode(context(), *encrypt(context(), secret, plain, 1, random)),
      encode(context(), make_public_key(context(), secret, random)),
      encode(context(), keys),
      encode(context(), secret),
      encode(*plan_linear({.outputs = 1, .inputs = 2, .weights = {1, 2}, .bias = {3}, .low = -4, .high = 4})),
      encode(*plan_network({.first = {.outputs = 1, .inputs = 1, .weights = {1}, .bias = {0}, .low = 0, .high = 1},
                            .low = {0},
                            .tables = {{1, 0}},
                            .inner = {},
                            .second = {.outputs = 1, .inputs = 1, .weights = {1}, .bias = {0}, .low = 0, .high = 1}})),
      SigningKey(random).sign("fuzz", base::Bytes{1, 2}),
  };
  for (std::size_t i = 0; i < seeds.size(); ++i) seeds[i].insert(seeds[i].begin(), static_cast<std::uint8_t>(i));
  return seeds;
}
