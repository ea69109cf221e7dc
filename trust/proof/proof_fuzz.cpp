// Bytes to decode_proof and, where they decode, verify: no crash, and one encoding.
#include <cstdlib>

#include "trust/proof/proof_fixture.hpp"

using namespace koinon;
using namespace koinon::trust::proof;

namespace {

const Program& sample() {
  static const Program program = dense_network();
  return program;
}

}  // namespace

std::vector<base::Bytes> koinon_fuzz_seeds() {
  base::SeededRandom random(1);
  std::vector<base::Bytes> out;
  for (const Secrecy secrecy : {Secrecy{false, false}, Secrecy{true, true}}) {
    const auto proof = prove(sample(), random_input(sample(), 1), {.secrecy = secrecy}, random);
    KOINON_INVARIANT(proof.has_value());
    out.push_back(encode_proof(*proof));
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  const auto proof = decode_proof(bytes);
  if (!proof) return 0;
  const auto again = encode_proof(*proof);
  if (again != base::Bytes(bytes.begin(), bytes.end())) std::abort();
  static_cast<void>(verify(sample(), *proof));
  return 0;
}
