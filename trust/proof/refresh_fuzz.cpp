// Bytes to decode_refresh and, where they decode, verify_refresh: no crash, and one encoding.
#include <cstdlib>

#include "trust/proof/proof_fixture.hpp"
#include "trust/proof/refresh.hpp"

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
  auto from = commit_weights(sample(), {true, false}, random, nullptr),
       to = commit_weights(sample(), {true, false}, random, nullptr);
  KOINON_INVARIANT(from.has_value() && to.has_value());
  const auto proof = prove_refresh(sample(), {true, false}, *from, *to, random, nullptr);
  KOINON_INVARIANT(proof.has_value());
  return {encode_refresh(*proof)};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::ByteView bytes(data, size);
  const auto proof = decode_refresh(bytes);
  if (!proof) return 0;
  if (encode_refresh(*proof) != base::Bytes(bytes.begin(), bytes.end())) std::abort();
  static_cast<void>(verify_refresh(sample(), *proof));
  return 0;
}
