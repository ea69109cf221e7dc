#include "base/hash.hpp"

#include <crypto++/keccak.h>
#include <openssl/evp.h>

namespace koinon::base {

Hash keccak256(ByteView bytes) { return keccak256({bytes}); }

Hash keccak256(std::initializer_list<ByteView> parts) {
  CryptoPP::Keccak_256 state;
  for (auto part : parts) state.Update(part.data(), part.size());
  Hash out;
  state.TruncatedFinal(out.bytes.data(), out.bytes.size());
  return out;
}

Hash sha256(ByteView bytes) {
  Hash out;
  unsigned size = 0;
  KOINON_INVARIANT(EVP_Digest(bytes.data(), bytes.size(), out.bytes.data(), &size, EVP_sha256(), nullptr) == 1);
  return out;
}

std::array<std::uint8_t, 8> be64(std::uint64_t value) {
  std::array<std::uint8_t, 8> out{};
  for (std::size_t i = 8; i-- > 0; value >>= 8) out[i] = static_cast<std::uint8_t>(value & 0xff);
  return out;
}

}  // namespace koinon::base
