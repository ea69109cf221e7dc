// Payments as they come in a header: whatever is read can be checked and written again.
#include <cstdlib>

#include "base/base64.hpp"
#include "node/paid/message.hpp"

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  const std::string payment =
      R"({"x402Version":2,"accepted":{"scheme":"exact","network":"eip155:31337","amount":"10000",)"
      R"("asset":"0x5FbDB2315678afecb367f032d93F642f64180aa3","payTo":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8",)"
      R"("maxTimeoutSeconds":60,"extra":{"name":"T","version":"1"}},"payload":{"signature":"0x)" +
      std::string(64, '1') + std::string(64, '2') +
      R"(1b","authorization":{"from":"0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",)"
      R"("to":"0x70997970C51812dc3A010C7d01b50e0d17dc79C8","value":"10000","validAfter":"0","validBefore":"1740672154",)"
      R"("nonce":"0x)" +
      std::string(64, 'a') + R"("}},"extensions":{}})";
  std::vector<std::vector<std::uint8_t>> out;
  for (const auto& text : {payment, koinon::base::encode_base64(koinon::base::as_bytes(payment))})
    out.emplace_back(text.begin(), text.end());
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon::node::paid;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  for (const auto& payment : {read_payment(text), read_payment_json(text)}) {
    if (!payment) continue;
    Requirements wanted{31337, payment->asset, "T", "1", payment->pay_to, payment->amount, 60};
    if (payment->network == wanted.network() && payment->authorization.to == wanted.pay_to &&
        payment->authorization.value == wanted.amount && check_terms(*payment, wanted))
      std::abort();
    wanted.amount = wanted.amount.is_zero() ? Wei(1) : Wei{};
    if (!check_terms(*payment, wanted)) std::abort();
    (void)check_signature(*payment, wanted);
    if (!check_time(*payment, 1'000) && !check_time(*payment, 200'000)) std::abort();
  }
  return 0;
}
