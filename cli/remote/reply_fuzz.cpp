#include <nlohmann/json.hpp>

#include "base/bytes.hpp"
#include "cli/remote/describe.hpp"
#include "cli/remote/order_watch.hpp"
#include "cli/remote/reply.hpp"

// Whatever a node answers, it is described without a crash, and nothing in the words can steer a terminal.
namespace {

void check(const std::string& text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    KOINON_INVARIANT(byte >= 0x20 || byte == '\n');
    KOINON_INVARIANT(byte != 0x7f);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon;
  (void)cli::tells_of(std::string(base::as_text({data, size})), "7");
  const auto reply = cli::parse_reply(base::as_text({data, size}));
  if (!reply) return 0;
  for (const auto describe :
       {cli::describe_status, cli::describe_account, cli::describe_orders, cli::describe_order, cli::describe_outputs,
        cli::describe_members, cli::describe_money, cli::describe_providers, cli::describe_models})
    check(describe(*reply));
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  std::vector<std::vector<std::uint8_t>> out;
  for (
      const std::string_view text : {
          R"json({"orders":[{"id":"7","model":{"name":"a\u001b[2Jb"},"check":"quorum","privacy":"plain","state":"settled","paid":"10",
               "placed_at":1700000000000,"answer":"7 (93 %)"}],"next":"6"
})json",
          R"json({"id":"7","policy":{"check":"quorum","n":3,"k":2,"audit_bps":600},"rounds":[{"role":"quorum","members":[{"account":1,
               "state":"revealed","verdict":"accepted","paid":"5","slashed":"0","reason":"x"}]}],"events":[{"at":1,"text":"t"}],
               "outputs":[{"name":"o","shape":[1,3],"data":[0.1,0.8,0.1],"labels":["a","b","c"]}],"money":{"escrow":"1000000"}})json",
          R"json([{"account":1,"kinds":["inference"],"price":"1","stake":"2","locked":"0","accepted":1,"active":true,"size":9}])json",
          R"json({"version":"0.1.0","account":{"id":1,"balance":"5"},"ledger":{"chain_id":1,"local":true},"counts":{},"totals":{}})json",
      })
    out.emplace_back(text.begin(), text.end());
  return out;
}
