#include "market/receipt/sample.hpp"

namespace {

const std::string& good() {
  static const auto text = koinon::market::sample_receipt().to_json();
  return text;
}

const std::string& fallen() {
  static const auto text = koinon::market::sample_condemned().to_json();
  return text;
}

}  // namespace

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  return {{good().begin(), good().end()}, {fallen().begin(), fallen().end()}};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto receipt = koinon::market::Receipt::from_json(koinon::base::as_text({data, size}));
  // Whatever verifies says exactly what a sample says: no change of meaning keeps the signatures.
  if (receipt && koinon::market::verify_offline(*receipt) && receipt->to_json() != good() && receipt->to_json() != fallen())
    __builtin_trap();
  return 0;
}
