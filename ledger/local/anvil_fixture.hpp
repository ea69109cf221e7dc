#pragma once
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ledger/contracts/sample.hpp"
#include "ledger/local/anvil.hpp"
#include "ledger/local/local_ledger.hpp"

namespace koinon::ledger {

using contracts::Sample;
using nlohmann::json;

/// A bare anvil, whose reorganisations and snapshots a test may use, with the sample contract on it.
class AnvilTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = local::Anvil::start(local::find_anvil().value(), 1'700'000'000, true);
    ASSERT_TRUE(made) << made.error().text;
    anvil_ = std::move(*made);
    ask("anvil_setBalance", json::array({base::to_hex(key_.address()), "0x33b2e3c9fd0803ce8000000"}));
    mine_with(std::nullopt, Sample::creation_code(base::Wei(1)).value());
    address_ = contract_address(key_.address(), 0);
  }
  Rpc& rpc() { return anvil_->rpc(); }
  json ask(const std::string& method, const json& params) {
    auto out = rpc().call(method, params);
    EXPECT_TRUE(out) << out.error().text;
    return out ? *out : json();
  }
  void send(std::optional<Address> to, Bytes data) {
    const auto nonce = rpc().nonce(key_.address()).value();
    const auto sent = rpc().send_raw(
        sign({31'337, nonce, base::Wei(1), base::Wei(100'000'000'000), 3'000'000, to, {}, std::move(data)}, key_).raw);
    ASSERT_TRUE(sent) << sent.error().text;
  }
  void mine_with(std::optional<Address> to, Bytes data) {
    send(to, std::move(data));
    ask("evm_mine", json::array());
  }
  /// A block in which the contract emits `events`.
  void emit(std::uint64_t events) { mine_with(address_, Sample(rpc(), address_).increase(events)->data); }

  std::unique_ptr<local::Anvil> anvil_;
  base::SeededRandom random_{7};
  Key key_ = Key::generate(random_);
  Address address_;
};

}  // namespace koinon::ledger
