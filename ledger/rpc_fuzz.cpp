#include <nlohmann/json.hpp>

#include "ledger/deployment.hpp"
#include "ledger/keystore.hpp"
#include "ledger/log_index.hpp"
#include "ledger/rpc.hpp"

using namespace koinon::ledger;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds();

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = koinon::base::as_text({data, size});
  if (const auto result = read_reply(text, 1, {})) {
    (void)read_block(*result);
    (void)read_log(*result);
    (void)read_receipt(*result);
    (void)abi::parse_abi(*result);
  }
  if (const auto cursor = LogCursor::from_json(text)) KOINON_INVARIANT(LogCursor::from_json(cursor->to_json()).has_value());
  if (const auto deployment = Deployment::from_json(text))
    KOINON_INVARIANT(Deployment::from_json(deployment->to_json()).has_value());
  (void)keystore_address(text);
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  const std::string hash = "\"0x" + std::string(64, 'a') + "\"";
  const std::string address = "\"0x" + std::string(40, 'b') + "\"";
  const auto log = R"({"address":)" + address + R"(,"topics":[)" + hash +
                   R"(],"data":"0x01","blockNumber":"0x1","blockHash":)" + hash + R"(,"transactionHash":)" + hash +
                   R"(,"logIndex":"0x0","removed":false})";
  const auto reply = [](const std::string& result) { return R"({"jsonrpc":"2.0","id":1,"result":)" + result + "}"; };
  std::vector<std::string> texts = {
      reply(log),
      reply(R"({"transactionHash":)" + hash + R"(,"blockNumber":"0x1","blockHash":)" + hash +
            R"(,"status":"0x1","gasUsed":"0x5208","effectiveGasPrice":"0x1","contractAddress":null,"logs":[)" + log + "]}"),
      reply(R"({"number":"0x1","hash":)" + hash + R"(,"parentHash":)" + hash + R"(,"stateRoot":)" + hash +
            R"(,"timestamp":"0x5","gasLimit":"0x1c9c380"})"),
      reply(
          R"([{"type":"error","name":"E","inputs":[{"name":"a","type":"tuple[]","components":[{"name":"x","type":"uint8"}]}]}])"),
      R"({"id":1,"error":{"code":3,"message":"reverted","data":"0x08c379a0"}})",
      R"({"next":2,"recent":[{"number":1,"hash":)" + hash + R"(,"logs":[)" + log + "]}]}",
      R"({"format":1,"chain_id":1,"block":2,"version":"1","contracts":{"A":{"address":)" + address + R"(,"code_hash":)" + hash +
          "}}}"};
  std::vector<std::vector<std::uint8_t>> out;
  for (const auto& text : texts) out.emplace_back(text.begin(), text.end());
  return out;
}
