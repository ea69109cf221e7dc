#include "market/envelope/envelope.hpp"

namespace {

const koinon::market::BoxPair& recipient() {
  static const auto pair = koinon::market::BoxPair::from_secret(koinon::base::Bytes(32, 7)).value();
  return pair;
}

}  // namespace

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  return {koinon::market::seal(koinon::base::as_bytes("seed"), {recipient().public_key()}).value()};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto opened = koinon::market::open({data, size}, recipient());
  // The associated data and the tag make a changed envelope open with negligible probability: it opens only as it was sealed.
  if (opened && koinon::base::as_text(*opened) != "seed") __builtin_trap();
  return 0;
}
