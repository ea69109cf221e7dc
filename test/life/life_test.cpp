#include <gtest/gtest.h>
#include <signal.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "net/http_server.hpp"
#include "test/e2e/world.hpp"
#include "test/life/village.hpp"

namespace koinon::test::life {
namespace {

using e2e::eventually;
using nlohmann::json;

constexpr std::int64_t kEndMs = 90'000;

TEST(Start, fails_on_a_taken_address_before_it_makes_anything) {
  Village village;
  const auto other = net::HttpServer::start({}).value();
  auto taken = village.launch("taken", other->port());
  EXPECT_GT(taken.process.wait(kEndMs).value(), 0);
  EXPECT_FALSE(std::filesystem::exists(village.data("taken"))) << village.log(taken);
  auto foreign = village.launch("foreign", 0, "", {}, {"--share-ledger", "203.0.113.77"});
  EXPECT_GT(foreign.process.wait(kEndMs).value(), 0);
  EXPECT_FALSE(std::filesystem::exists(village.data("foreign"))) << village.log(foreign);
}

TEST(Start, waits_for_a_ledger_for_a_bounded_time_the_first_time) {
  Village village;
  const auto nobody = fmt::format("http://127.0.0.1:{}", free_port());
  auto hasty = village.launch("hasty", 0, nobody, {{"KOINON_LEDGER_WAIT", "1"}});
  EXPECT_GT(hasty.process.wait(kEndMs).value(), 0);
  EXPECT_NE(village.log(hasty).find("did not answer for 1 s"), std::string::npos) << village.log(hasty);

  auto patient = village.launch("patient", free_port(), nobody);
  EXPECT_TRUE(eventually([&] {
    const auto said = village.get(patient, "/api/v1/status");
    return said.is_object() && said.contains("error") && said["state"] == "starting" &&
           said["error"]["text"].get<std::string>().find("waiting for the ledger at " + nobody) != std::string::npos;
  })) << village.log(patient);
  patient.process.signal(SIGTERM);
  EXPECT_EQ(patient.process.wait(10'000).value(), 0) << village.log(patient);
}

TEST(Life, a_provider_waits_for_its_ledger_and_goes_on) {
  Village village;
  const auto port = free_port();
  auto buyer = village.launch("buyer", port);
  ASSERT_TRUE(Village::await_up(buyer)) << village.log(buyer);
  auto provider = village.launch("provider", free_port(), buyer.url());
  ASSERT_TRUE(Village::await_up(provider)) << village.log(provider);
  provider.process.signal(SIGTERM);
  EXPECT_EQ(provider.process.wait(kEndMs).value(), 0);
  buyer.process.signal(SIGTERM);
  EXPECT_EQ(buyer.process.wait(kEndMs).value(), 0);

  // Its first waiting time is over long ago: it knows this ledger.
  auto again = village.launch("provider", free_port(), buyer.url(), {{"KOINON_LEDGER_WAIT", "0"}});
  EXPECT_TRUE(eventually([&] { return village.log(again).find("waiting for the ledger") != std::string::npos; }));
  auto back = village.launch("buyer", port);
  ASSERT_TRUE(Village::await_up(back)) << village.log(back);
  ASSERT_TRUE(Village::await_up(again)) << village.log(again);
  EXPECT_EQ(village.get(again, "/api/v1/status")["state"], "ready");
}

TEST(Life, a_provider_that_is_told_to_stop_ends_its_orders_first) {
  Village village;
  auto buyer = village.launch("buyer", free_port());
  ASSERT_TRUE(Village::await_up(buyer)) << village.log(buyer);
  std::vector<Village::Host> providers;
  for (int i = 0; i < 3; ++i) {
    providers.push_back(village.launch(fmt::format("provider-{}", i), 0, buyer.url()));
    ASSERT_TRUE(Village::await_up(providers.back())) << village.log(providers.back());
  }
  village.upload(buyer);
  const auto body = village.order_body(1);
  const auto first = village.post(buyer, "/api/v1/orders", body, "application/json", "key-1");
  ASSERT_EQ(first.status, 202) << first.body_text();
  const auto id = json::parse(first.body_text())["id"].get<std::string>();
  const auto path = "/api/v1/orders/" + id;
  ASSERT_TRUE(eventually([&] { return village.get(buyer, path)["members"] == 3; }));
  for (const auto& provider : providers) provider.process.signal(SIGTERM);
  for (auto& provider : providers) EXPECT_EQ(provider.process.wait(kEndMs).value(), 0) << village.log(provider);
  ASSERT_TRUE(eventually([&] { return village.get(buyer, path)["state"] == "settled"; })) << village.get(buyer, path);
  EXPECT_EQ(village.get(buyer, path)["slashed"], "0");
  EXPECT_EQ(village.get(buyer, "/api/v1/status")["counts"]["providers"], 0);

  // The same key with the same body is the same order, with another body none.
  const auto repeated = village.post(buyer, "/api/v1/orders", body, "application/json", "key-1");
  EXPECT_EQ(repeated.status, 202);
  EXPECT_EQ(repeated.body_text(), first.body_text());
  EXPECT_EQ(village.post(buyer, "/api/v1/orders", village.order_body(2), "application/json", "key-1").status, 409);
  EXPECT_EQ(village.post(buyer, "/api/v1/orders", body, "application/json", "key with spaces").status, 400);

  auto again = village.launch("provider-0", 0, buyer.url());
  ASSERT_TRUE(Village::await_up(again)) << village.log(again);
  EXPECT_TRUE(eventually([&] {
    const auto all = village.get(buyer, "/api/v1/status");
    return all.is_object() && all["counts"]["providers"] == 1;
  }));
}

}  // namespace
}  // namespace koinon::test::life
