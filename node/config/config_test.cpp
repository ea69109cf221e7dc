#include "node/config/config.hpp"

#include <gtest/gtest.h>

#include "base/file.hpp"
#include "node/config/fields.hpp"

namespace koinon::node {
namespace {

using base::Code;

struct ConfigTest : testing::Test {
  base::TempFolder folder;
  ConfigSources sources{.file = {}, .environment = {{"HOME", folder.path().string()}}, .flags = {}};

  void write(const std::string& text) {
    sources.file = folder.path() / "k.toml";
    ASSERT_TRUE(base::write_file(sources.file, base::as_bytes(text)));
  }
};

TEST_F(ConfigTest, has_defaults_that_stay_on_this_machine) {
  const auto config = *load_config(sources);
  EXPECT_EQ(config.data, folder.path() / ".koinon");
  EXPECT_EQ(config.http_address, "127.0.0.1");
  EXPECT_EQ(config.http_port, 7070);
  EXPECT_EQ(config.keystore, config.data / "keystore");
  EXPECT_EQ(config.provider.price.tokens(), "0.001024");
}

TEST_F(ConfigTest, documents_the_defaults_that_it_has) {
  const auto config = *load_config(sources);
  Config again = config;
  for (const auto& field : config_fields())
    if (*field.fallback && std::string_view(field.fallback).find('/') == std::string_view::npos) {
      ASSERT_TRUE(field.set(again, field.fallback)) << field.key;
    }
  EXPECT_EQ(again.http_address, config.http_address);
  EXPECT_EQ(again.http_port, config.http_port);
  EXPECT_EQ(again.artifact_quota, config.artifact_quota);
  EXPECT_EQ(again.provider.price, config.provider.price);
  EXPECT_EQ(again.provider.kinds, config.provider.kinds);
  EXPECT_EQ(again.provider.parallel, config.provider.parallel);
  EXPECT_EQ(again.provider.max_spec, config.provider.max_spec);
  EXPECT_EQ(again.provider.max_input, config.provider.max_input);
  EXPECT_EQ(again.retention_hours, config.retention_hours);
  EXPECT_EQ(again.private_peers, config.private_peers);
  EXPECT_EQ(again.ledger_wait, config.ledger_wait);
  EXPECT_EQ(again.provider.stop_wait, config.provider.stop_wait);
  EXPECT_EQ(again.http_origins, config.http_origins);
  EXPECT_EQ(again.account, config.account);
  EXPECT_EQ(again.buyer.check, config.buyer.check);
  EXPECT_EQ(again.watch.others, config.watch.others);
  EXPECT_EQ(again.watch.full_price, config.watch.full_price);
  EXPECT_EQ(again.watch.depth, config.watch.depth);
  EXPECT_EQ(again.log_level, config.log_level);
  EXPECT_NE(describe_config().find("| `http.listen` | `KOINON_HTTP_LISTEN` | `127.0.0.1:7070` |"), std::string::npos);
}

TEST_F(ConfigTest, prefers_flags_to_environment_to_file) {
  write(
      "[http]\nlisten = \"0.0.0.0:1\"\n[log]\nlevel = \"warn\"\n[provider]\nkinds = [\"inference\", \"crawling\"]\nparallel = "
      "3\n");
  sources.environment["KOINON_HTTP_LISTEN"] = "0.0.0.0:2";
  sources.environment["KOINON_ANVIL"] = "/elsewhere";
  EXPECT_EQ(load_config(sources)->http_port, 2);
  sources.flags["http.listen"] = "[::1]:3";
  const auto config = *load_config(sources);
  EXPECT_EQ(config.http_port, 3);
  EXPECT_EQ(config.http_address, "::1");
  EXPECT_EQ(config.log_level, base::LogLevel::warn);
  EXPECT_EQ(config.provider.kinds, (std::vector<std::string>{"inference", "crawling"}));
  EXPECT_EQ(config.provider.parallel, 3u);
}

TEST_F(ConfigTest, reads_the_file_of_the_data_folder_when_none_is_named) {
  ASSERT_TRUE(base::write_file(folder.path() / "koinon.toml", base::as_bytes("artifacts.quota = \"2MiB\"\n")));
  sources.flags["data"] = folder.path().string();
  EXPECT_EQ(load_config(sources)->artifact_quota, 2u << 20);
}

TEST_F(ConfigTest, names_the_line_of_an_unknown_key) {
  write("\n[http]\nlisten = \"127.0.0.1:1\"\nport = 7\n");
  const auto failed = load_config(sources);
  EXPECT_EQ(failed.error().code, Code::invalid_argument);
  EXPECT_NE(failed.error().text.find("k.toml line 4: unknown key 'http.port'"), std::string::npos) << failed.error().text;
}

TEST_F(ConfigTest, names_the_line_of_what_is_no_toml) {
  write("[http]\nlisten = \n");
  EXPECT_EQ(load_config(sources).error().code, Code::malformed);
  EXPECT_NE(load_config(sources).error().text.find("line 2"), std::string::npos);
}

TEST_F(ConfigTest, refuses_bad_values_naming_their_origin) {
  for (const auto& [key, value] : std::map<std::string, std::string>{{"http.listen", "7070"},
                                                                     {"log.level", "loud"},
                                                                     {"provider.parallel", "0"},
                                                                     {"provider.price", "-1"},
                                                                     {"provider.kinds", ""},
                                                                     {"artifacts.quota", "10GB"},
                                                                     {"buyer.check", "Trust me"},
                                                                     {"watch.others", "maybe"},
                                                                     {"ledger.url", "file:///etc"},
                                                                     {"ledger.wait", "-1"},
                                                                     {"provider.stop_wait", "100000"},
                                                                     {"http.origins", "https://app.example/x"},
                                                                     {"nothing", "1"}}) {
    sources.flags = {{key, value}};
    const auto failed = load_config(sources);
    ASSERT_FALSE(failed) << key;
    EXPECT_NE(failed.error().text.find("--" + key), std::string::npos) << failed.error().text;
  }
  sources.flags.clear();
  sources.environment["KOINON_LOG_LEVEL"] = "loud";
  EXPECT_NE(load_config(sources).error().text.find("KOINON_LOG_LEVEL"), std::string::npos);
}

TEST_F(ConfigTest, reads_where_a_local_ledger_listens) {
  sources.flags = {{"ledger.listen", "0.0.0.0"}};
  EXPECT_EQ(load_config(sources)->ledger_listen, "0.0.0.0");
  EXPECT_EQ(load_config(sources)->ledger_port, 0);
  sources.flags = {{"ledger.listen", "0.0.0.0:8545"}};
  EXPECT_EQ(load_config(sources)->ledger_listen, "0.0.0.0");
  EXPECT_EQ(load_config(sources)->ledger_port, 8545);
  for (const char* bad : {"localhost", ":8545", "0.0.0.0:", "0.0.0.0:0", "0.0.0.0:70000", "0.0.0.0:85x"}) {
    sources.flags = {{"ledger.listen", bad}};
    EXPECT_FALSE(load_config(sources)) << bad;
  }
}

TEST_F(ConfigTest, refuses_a_named_file_that_is_not_there) {
  sources.file = folder.path() / "absent.toml";
  EXPECT_EQ(load_config(sources).error().code, Code::not_found);
}

TEST(ParseSize, reads_units_and_refuses_overflow) {
  EXPECT_EQ(*parse_size("512"), 512u);
  EXPECT_EQ(*parse_size("10 MiB"), 10u << 20);
  EXPECT_EQ(parse_size("99999999999TiB").error().code, Code::out_of_range);
  EXPECT_EQ(parse_size("-1").error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::node
