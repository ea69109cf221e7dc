#include "node/doctor/doctor.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/file.hpp"
#include "ledger/keystore.hpp"
#include "net/http_server.hpp"
#include "node/config/address_file.hpp"
#include "node/store/store.hpp"

namespace koinon::node {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

struct DoctorTest : testing::Test {
  base::TempFolder folder;
  Config config;
  void SetUp() override {
    config.data = folder.path();
    config.keystore = folder.path() / "keystore";
    config.password_file = folder.path() / "password";
    config.http_port = 0;
    config.artifact_quota = kMiB;
  }
  void make_key() {
    base::SystemRandom random;
    ASSERT_TRUE(base::make_folder(config.keystore));
    ASSERT_TRUE(ledger::unlock_or_create(config.keystore / "operator.json", config.password_file, random, {1U << 12, 8, 1}));
  }
};

TEST_F(DoctorTest, a_folder_of_its_own_is_good_and_one_open_to_others_is_not) {
  ASSERT_EQ(::chmod(config.data.c_str(), 0700), 0);
  EXPECT_EQ(examine_folder(config.data, kMiB).health, Health::good);
  ASSERT_EQ(::chmod(config.data.c_str(), 0755), 0);
  const auto open = examine_folder(config.data, kMiB);
  EXPECT_EQ(open.health, Health::warning);
  EXPECT_NE(open.next.find("chmod 700"), std::string::npos);
  EXPECT_TRUE(std::filesystem::is_empty(config.data)) << "the probe is left behind";
}

TEST_F(DoctorTest, a_folder_that_is_to_come_is_judged_by_what_stands_above) {
  const auto later = examine_folder(config.data / "a" / "b", kMiB);
  EXPECT_EQ(later.health, Health::good);
  EXPECT_NE(later.found.find("first start"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(config.data / "a"));
}

TEST_F(DoctorTest, a_quota_larger_than_the_disk_is_told) {
  ASSERT_EQ(::chmod(config.data.c_str(), 0700), 0);
  EXPECT_EQ(examine_folder(config.data, std::uint64_t{1} << 60).health, Health::warning);
}

TEST_F(DoctorTest, a_file_in_place_of_the_folder_is_bad) {
  ASSERT_TRUE(base::write_file(config.data / "file", base::as_bytes(std::string_view("x"))));
  EXPECT_EQ(examine_folder(config.data / "file", kMiB).health, Health::bad);
}

TEST_F(DoctorTest, a_store_is_whole_in_use_damaged_or_newer) {
  EXPECT_EQ(examine_state(config.data).health, Health::good) << "none yet";
  const auto file = config.data / "koinon.sqlite";
  {
    const auto store = Store::open(file);
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->settings.set("a", "b"));
    const auto used = examine_state(config.data);
    EXPECT_EQ(used.health, Health::good);
    EXPECT_NE(used.found.find("in use"), std::string::npos) << used.found;
  }
  const auto whole = examine_state(config.data);
  EXPECT_EQ(whole.health, Health::good) << whole.found;
  EXPECT_NE(whole.found.find("whole"), std::string::npos);

  auto bytes = base::read_file(file).value();
  for (std::size_t i = 100; i < bytes.size(); ++i) bytes[i] = 0x5a;
  ASSERT_TRUE(base::write_file(file, bytes));
  EXPECT_EQ(examine_state(config.data).health, Health::bad);
  ASSERT_TRUE(
      base::write_file(file, base::as_bytes(std::string_view("no database at all, and longer than a header of one is"))));
  EXPECT_EQ(examine_state(config.data).health, Health::bad);
}

TEST_F(DoctorTest, a_key_opens_only_with_its_password_and_is_for_its_owner_only) {
  EXPECT_EQ(examine_key(config).health, Health::good) << "none yet";
  make_key();
  const auto good = examine_key(config);
  EXPECT_EQ(good.health, Health::good) << good.found;
  const auto key = config.keystore / "operator.json";
  ASSERT_EQ(::chmod(key.c_str(), 0644), 0);
  EXPECT_EQ(examine_key(config).health, Health::bad);
  ASSERT_EQ(::chmod(key.c_str(), 0600), 0);
  ASSERT_TRUE(base::write_file(config.password_file, base::as_bytes(std::string_view("another\n")), 0600));
  EXPECT_EQ(examine_key(config).health, Health::bad);
}

TEST_F(DoctorTest, an_address_that_something_else_has_is_bad) {
  const auto other = net::HttpServer::start({});
  ASSERT_TRUE(other);
  EXPECT_EQ(examine_address(config).health, Health::good);
  config.http_port = (*other)->port();
  EXPECT_EQ(examine_address(config).health, Health::bad);
}

TEST_F(DoctorTest, the_node_of_the_folder_is_found_at_whatever_port_it_took) {
  net::Router router;
  router.get("/openapi.json",
             [](const net::HttpRequest&) { return net::HttpResponse::json(200, R"({"info":{"title":"Koinon node"}})"); });
  router.get("/api/v1/watch", [](const net::HttpRequest&) {
    return net::HttpResponse::json(200, R"({"watching":true,"free":"1","fees":"160000000000000000"})");
  });
  auto up = net::HttpServer::start(std::move(router));
  ASSERT_TRUE(up);
  const auto other = net::HttpServer::start({});
  ASSERT_TRUE(other);
  config.http_port = (*other)->port();  // the default port is somebody else's
  ASSERT_TRUE(base::write_file(config.data / kAddressFile, base::as_bytes((*up)->url())));
  EXPECT_EQ(examine_address(config).health, Health::good);
  const auto watching = [&] {
    const auto all = examine(config, {});
    const auto at = std::ranges::find(all, "watching", &Finding::name);
    return at == all.end() ? std::optional<Health>() : at->health;
  };
  EXPECT_EQ(watching(), Health::bad) << "too little for a dispute";
  (*up)->stop();
  EXPECT_EQ(watching(), std::nullopt);
  EXPECT_EQ(examine_address(config).health, Health::bad) << "it is down, and what is configured is taken";
}

TEST_F(DoctorTest, a_server_that_answers_nonsense_is_told_from_a_node) {
  for (const char* answer : {R"({"info":{"title":5}})", R"({"info":7})", R"([1])", R"({"info":{"title":"Koinon node"}})"}) {
    net::Router router;
    router.get("/openapi.json", [answer](const net::HttpRequest&) { return net::HttpResponse::json(200, answer); });
    const auto other = net::HttpServer::start(std::move(router));
    ASSERT_TRUE(other);
    config.http_port = (*other)->port();
    const bool node = std::string_view(answer).find("Koinon") != std::string_view::npos;
    EXPECT_EQ(examine_address(config).health, node ? Health::good : Health::bad) << answer;
  }
}

TEST_F(DoctorTest, a_clock_behind_the_ledger_is_bad) {
  constexpr std::int64_t kNow = 1'800'000'000'000;
  EXPECT_NE(examine_clock(kNow, kNow - 60'000).health, Health::bad);
  EXPECT_EQ(examine_clock(kNow, kNow + 60'000).health, Health::bad);
}

TEST_F(DoctorTest, a_ledger_that_does_not_answer_is_bad_and_all_else_is_told_too) {
  config.ledger_url = "http://127.0.0.1:1";
  const auto findings = examine(config, {.page = {}, .provides = true});
  EXPECT_EQ(worst(findings), Health::bad);
  std::vector<std::string> names;
  for (const auto& one : findings) {
    names.push_back(one.name);
    if (one.health != Health::good) EXPECT_FALSE(one.next.empty()) << one.name;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"machine", "data folder", "state", "password", "key", "token", "address", "ledger",
                                             "clock", "reachable", "page"}));
}

}  // namespace
}  // namespace koinon::node
