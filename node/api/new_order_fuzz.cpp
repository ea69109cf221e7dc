// Bodies of requests: whatever comes, an order within its bounds or an error.
#include "base/codec.hpp"
#include "node/api/fields.hpp"
#include "node/api/new_order.hpp"

namespace api = koinon::node::api;
namespace base = koinon::base;

std::vector<base::Bytes> koinon_fuzz_seeds() {
  const std::string program = "0x" + std::string(64, '1');
  std::vector<base::Bytes> out;
  for (const std::string& text :
       {R"({"program":")" + program + R"(","input":{"input_data":[[0,1.5,-2e3]]},"max_price":"1000000000000000","n":3,"k":2})",
        R"({"program":")" + program +
            R"(","input":{"image":"iVBORw0KGgo="},"max_price":"0","check":"quorum","privacy":"plain",)" +
            R"("audit_bps":600,"commit_window":30,"trap":true,"label":"digit.png"})",
        R"({"program":")" + program +
            R"(","input":{"text":{"prompt":"Mira","tokens":9,"temperature":0.5,"top_k":4,"top_p":0.9,)" +
            R"("seed":"any","past_end":true}},"max_price":"1"})",
        R"({"program":")" + program + R"(","input":{"text":{"prompt":[1,2,4294967295]}},"max_price":"1"})",
        std::string(R"({"training":{"recipe":"seed = 1","data":"AAEC","checkpoint":"AA=="},"max_price":"1"})"),
        std::string("iVBORw0KGgo=")}) {
    const auto bytes = base::as_bytes(text);
    out.emplace_back(bytes.begin(), bytes.end());
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = base::as_text({data, size});
  if (const auto order = api::parse_new_order(text)) {
    if (order->n < 1 || order->n > 5 || order->k > order->n || 2 * order->k <= order->n) __builtin_trap();
    if (order->text && (order->text->tokens < 1 || !(order->text->sampling.top_p >= 0))) __builtin_trap();
    if (order->training && (order->training->data.empty() || order->training->inputs().size() > 3)) __builtin_trap();
    if (order->audit_bps > 10'000 || order->input.empty() != (order->text || order->training) || order->check != 0 ||
        order->privacy > 1)
      __builtin_trap();
  }
  if (const auto preview = api::parse_preview(text); preview && preview->input.empty() && !preview->text) __builtin_trap();
  if (const auto bytes = api::decode_base64(text); bytes && bytes->size() > size) __builtin_trap();
  return 0;
}
