#include "test/demo/report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/money.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"

namespace koinon::test::demo {
namespace {

using Align = cli::Table::Align;

std::string text_of(const json& object, const char* key, const std::string& otherwise = "") {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : otherwise;
}

std::uint64_t number_of(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
}

std::string tokens_of(const json& object, const char* key) {
  const auto wei = base::Wei::parse(text_of(object, key, "0"));
  return wei ? wei->tokens() : "?";
}

std::string or_dash(std::string text) { return text == "0" || text.empty() ? "-" : text; }

/// Calls with every member of every round.
void each_member(const json& order, const std::function<void(const json& round, const json& member)>& visit) {
  for (const auto& round : order.value("rounds", json::array()))
    for (const auto& member : round.value("members", json::array())) visit(round, member);
}

bool is_slashed(const json& member) { return text_of(member, "slashed", "0") != "0"; }

/// The output root that the order's accepted members claim.
std::string accepted_root(const json& order) {
  std::string out;
  each_member(order, [&](const json&, const json& member) {
    if (text_of(member, "verdict") == "accepted") out = text_of(member, "output_root");
  });
  return out;
}

double seconds_of(const json& order) {
  return (static_cast<double>(number_of(order, "settled_at")) - static_cast<double>(number_of(order, "placed_at"))) / 1000;
}

}  // namespace

bool is_condemned(const Order& order) {
  const auto why = text_of(order.view, "refund_reason");
  return order.optimistic && text_of(order.view, "state") == "refunded" && (why == "refuted" || why == "withheld");
}

Findings judge(const Network& network, const std::vector<Order>& orders) {
  Findings out;
  const auto cheats = [&](const std::string& name, const Order& order) {
    return std::ranges::any_of(network.providers(), [&](const Provider& p) {
      return p.name == name && p.cheats && (order.optimistic || !p.only_alone);
    });
  };
  for (const auto& order : orders) {
    const bool settled = text_of(order.view, "state") == "settled";
    if (is_condemned(order)) ++out.beaten;
    if (is_condemned(order))  // the buyer has its money back; who was beaten is looked at below
      ++out.right;
    else if (settled && accepted_root(order.view) == order.wanted_root && !order.wanted_root.empty())
      ++out.right;
    else
      out.complaints.push_back(fmt::format("order {} ended {} with another result than our own run", order.id,
                                           text_of(order.view, "state", "nowhere")));
    if (is_condemned(order))
      ;
    else if (order.receipt_good)
      ++out.receipts;
    else
      out.complaints.push_back(fmt::format("the receipt of order {} does not verify", order.id));
    each_member(order.view, [&](const json&, const json& member) {
      const auto name = network.name_of(static_cast<std::uint32_t>(number_of(member, "account")));
      if (cheats(name, order)) out.met.insert(name);
      if (cheats(name, order) && is_slashed(member)) out.caught.insert(name);
      if (cheats(name, order) && !is_slashed(member))
        out.complaints.push_back(fmt::format("order {}: {} got away", order.id, name));
      if (!cheats(name, order) && is_slashed(member))
        out.complaints.push_back(fmt::format("order {}: {} is honest and was slashed", order.id, name));
    });
  }
  for (const auto& provider : network.providers())
    if (provider.cheats && !out.caught.contains(provider.name))
      out.complaints.push_back(fmt::format("{} was never caught", provider.name));
  return out;
}

std::string orders_table(const Network& network, const std::vector<Order>& orders) {
  cli::Table table({{"order", Align::right},
                    {"check"},
                    {"model"},
                    {"input"},
                    {"answer"},
                    {"as here"},
                    {"s", Align::right},
                    {"who ran it"},
                    {"paid", Align::right},
                    {"slashed", Align::right},
                    {"receipt"}});
  for (const auto& order : orders) {
    std::string who;
    each_member(order.view, [&](const json& round, const json& member) {
      const auto name = network.name_of(static_cast<std::uint32_t>(number_of(member, "account")));
      const auto role = text_of(round, "role");
      who += fmt::format("{}{}{}{}", who.empty() ? "" : " ", name, role == "quorum" ? "" : "(" + role + ")",
                         is_slashed(member) ? "(!)" : "");
    });
    const auto money = order.view.value("money", json::object());
    table.add({order.id, order.optimistic ? "optimistic" : "quorum", order.model, fmt::format("digit-{}.png", order.digit),
               cli::clean(text_of(order.view, "answer", "-"), 20),
               is_condemned(order)                              ? "beaten"
               : accepted_root(order.view) == order.wanted_root ? "yes"
                                                                : "NO",
               fmt::format("{:.0f}", seconds_of(order.view)), who, tokens_of(order.view, "paid"),
               or_dash(tokens_of(order.view, "slashed")),
               is_condemned(order)  ? "-"
               : order.receipt_good ? "good"
                                    : "BAD"});
  }
  return table.text();
}

std::string providers_table(const Network& network, const json& providers) {
  cli::Table table({{"provider"},
                    {"account", Align::right},
                    {"stake", Align::right},
                    {"accepted", Align::right},
                    {"rejected", Align::right},
                    {"silent", Align::right},
                    {"earned", Align::right},
                    {"slashed", Align::right}});
  for (const auto& one : network.providers())
    for (const auto& provider : providers) {
      if (number_of(provider, "account") != one.account) continue;
      table.add({one.name, std::to_string(one.account), tokens_of(provider, "stake"),
                 std::to_string(number_of(provider, "accepted")), std::to_string(number_of(provider, "rejected")),
                 std::to_string(number_of(provider, "silent")), or_dash(tokens_of(provider, "earned")),
                 or_dash(tokens_of(provider, "slashed"))});
    }
  return table.text();
}

}  // namespace koinon::test::demo
