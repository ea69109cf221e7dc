#include "cli/remote/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "cli/remote/order_progress.hpp"
#include "cli/remote/reply.hpp"
#include "cli/terminal/chart.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"

namespace koinon::cli {
namespace {

using nlohmann::json;
using enum Table::Align;

constexpr std::size_t kMaxRows = 1000;
constexpr double kMostAxis = 1e9;
constexpr std::uint64_t kColdnessOne = 4096, kShareOne = 65536;  ///< a temperature and a share of 1, as TextOrder has them
constexpr std::size_t kMaxTextLine = std::size_t{1} << 16;
constexpr std::uint64_t kLastTime = 253'402'300'799'999;  ///< year 9999, Unix milliseconds

std::string line(std::string_view title, std::string_view text) { return fmt::format("{:<10} {}\n", title, text); }

std::string word(const json& object, const char* key, std::string_view otherwise = "-") {
  return clean(text_at(object, key, otherwise), 80);
}

std::string count(const json& object, const char* key) {
  const auto& value = child(object, key);
  return value.is_number_unsigned() ? std::to_string(value.get<std::uint64_t>()) : "-";
}

std::string time_at(const json& object, const char* key) {
  const auto& value = child(object, key);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kLastTime) return "-";
  return base::timestamp(static_cast<std::int64_t>(value.get<std::uint64_t>()));
}

/// Rows of an array, bounded.
template <class F>
void each(const json& array, F&& body) {
  if (!array.is_array()) return;
  for (std::size_t i = 0; i < array.size() && i < kMaxRows; ++i) body(array[i]);
}

/// A text of several lines, safe on a terminal.
std::string clean_lines(std::string_view text) {
  std::string out;
  for (;;) {
    const auto end = text.find('\n');
    out += clean(text.substr(0, end), kMaxTextLine);
    if (end == std::string_view::npos) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : ", ") + part;
  return clean(out, 80);
}

std::string shape_of(const json& array) {
  std::string out;
  each(array, [&](const json& size) {
    if (size.is_number_unsigned()) out += fmt::format("{}{}", out.empty() ? "" : ", ", size.get<std::uint64_t>());
  });
  return "[" + out + "]";
}

std::string ports_of(const json& ports) {
  std::vector<std::string> out;
  each(ports, [&](const json& port) { out.push_back(shape_of(child(port, "shape"))); });
  return joined(out);
}

std::string model_name(const json& order) {
  const auto name = text_at(child(order, "model"), "name");
  return clean(name.empty() ? text_at(order, "program", "-").substr(0, 18) : name, 40);
}

std::string story(const json& events) {
  std::string out;
  each(events, [&](const json& event) {
    out += fmt::format("  {}  {}\n", time_at(event, "at"), clean(text_at(event, "text", text_at(event, "name", "-"))));
  });
  return out.empty() ? out : "\nStory\n" + out;
}

}  // namespace

std::string describe_account(const json& account) {
  if (!account.is_object()) return "This node acts for no account.\n";
  auto out = line("account", count(account, "id")) + line("balance", tokens_at(account, "balance") + " tokens, free") +
             line("stake", fmt::format("{} tokens, {} locked", tokens_at(account, "stake"), tokens_at(account, "locked")));
  if (!wei_at(account, "unbonding").is_zero())
    out += line("unbonding", fmt::format("{} tokens of the stake, free from {} on: koinon account unstake --finish",
                                         tokens_at(account, "unbonding"), time_at(account, "unbonding_until")));
  out += line("owner", word(account, "owner"));
  if (!text_at(account, "pending_owner").empty())
    out +=
        line("pending", fmt::format("{} is offered the account, and becomes the owner by: koinon account accept --account {} "
                                    "--key KEYSTORE",
                                    word(account, "pending_owner"), count(account, "id")));
  if (const auto& sells = child(account, "provider"); sells.is_object()) {
    const auto kinds = joined(texts_of(child(sells, "kinds")));
    out += line(
        "sells",
        kinds.empty()
            ? "nothing now: its offers ended or are suspended; again with: koinon account offer --price TOKENS"
            : fmt::format("{}{}{}", kinds,
                          text_at(sells, "price").empty() ? "" : ", inference for " + tokens_at(sells, "price") + " tokens",
                          true_at(sells, "active") ? "" : "; not drawn now: too little free stake"));
    out += line("record", fmt::format("{} accepted, {} rejected, {} silent; {} tokens earned", count(sells, "accepted"),
                                      count(sells, "rejected"), count(sells, "silent"), tokens_at(sells, "earned")));
  }
  return out + line("operator", word(account, "operator")) + line("payout", word(account, "payout"));
}

std::string describe_status(const json& status) {
  const auto& ledger = child(status, "ledger");
  const auto& counts = child(status, "counts");
  const auto& totals = child(status, "totals");
  return line("version", word(status, "version")) +
         line("ledger",
              fmt::format("chain {}{}, block {}{}", count(ledger, "chain_id"), true_at(ledger, "local") ? " (local)" : "",
                          count(ledger, "block"), true_at(ledger, "connected") ? "" : ", not connected")) +
         line("market", word(ledger, "market")) +
         line("orders", fmt::format("{}, {} open, {} settled", count(counts, "orders"), count(counts, "open"),
                                    count(counts, "settled"))) +
         line("providers", count(counts, "providers")) +
         line("money", fmt::format("{} in escrow, {} paid, {} slashed, {} burned", tokens_at(totals, "escrow"),
                                   tokens_at(totals, "paid"), tokens_at(totals, "slashed"), tokens_at(totals, "burned"))) +
         "\n" + describe_account(child(status, "account"));
}

std::string describe_orders(const json& page) {
  Table table({{"order", right},
               {"model"},
               {"policy"},
               {"state"},
               {"verdict"},
               {"answer"},
               {"paid", right},
               {"slashed", right},
               {"placed"}});
  std::size_t rows = 0;
  each(child(page, "orders"), [&](const json& o) {
    ++rows;
    table.add({word(o, "id"), model_name(o), fmt::format("{}, {}", word(o, "check"), word(o, "privacy")), word(o, "state"),
               word(o, "verdict"), word(o, "answer"), tokens_at(o, "paid"), tokens_at(o, "slashed"), time_at(o, "placed_at")});
  });
  if (rows == 0) return "No orders yet. Place one with: koinon order NET.koinon --input FILE --price 0.01\n";
  auto out = table.text();
  if (const auto next = text_at(page, "next"); !next.empty())
    out += fmt::format("More: koinon orders --before {}\n", clean(next, 40));
  return out;
}

std::string describe_outputs(const json& outputs) {
  std::string out;
  each(outputs, [&](const json& output) {
    const auto values = numbers_of(child(output, "data"));
    std::vector<std::int64_t> shape;
    for (const double axis : numbers_of(child(output, "shape")))
      shape.push_back(axis >= 0 && axis <= kMostAxis ? static_cast<std::int64_t>(axis) : -1);
    out += fmt::format("{} {}\n", word(output, "name"), shape_of(child(output, "shape")));
    out += values_text(values, are_classes(shape, values, outputs.size() == 1), texts_of(child(output, "labels")));
  });
  return out;
}

/// How tokens were chosen, in the words of the options.
std::string sampling_text(const json& asked) {
  const auto coldness = number_at(asked, "coldness"), top_k = number_at(asked, "top_k"), top_p = number_at(asked, "top_p");
  if (top_k == 1) return "always the most likely token";
  auto out = fmt::format("temperature {:.3g}, of the {} most likely tokens",
                         static_cast<double>(kColdnessOne) / static_cast<double>(std::max<std::uint64_t>(coldness, 1)), top_k);
  if (top_p < kShareOne) out += fmt::format(", top-p {:.3g}", static_cast<double>(top_p) / static_cast<double>(kShareOne));
  return out;
}

std::string describe_result(const json& order) {
  const auto& asked = child(order, "text");
  if (!asked.is_object()) return child(order, "outputs").is_array() ? describe_outputs(child(order, "outputs")) : "";
  if (!child(asked, "text").is_string()) return "";
  const bool over = text_at(asked, "ending") == "end";
  return clean_lines(text_at(asked, "prompt") + text_at(asked, "text")) +
         fmt::format("\n\n{} tokens behind {} of prompt{}; {}\n", count(asked, "generated"), count(asked, "prompt_tokens"),
                     over ? ", the text is over" : "", sampling_text(asked)) +
         line("seed", word(asked, "seed"));
}

std::string describe_members(const json& order) {
  Table table({{"round"}, {"account", right}, {"state"}, {"verdict"}, {"paid", right}, {"slashed", right}, {"why"}});
  std::size_t rows = 0;
  each(child(order, "rounds"), [&](const json& round) {
    each(child(round, "members"), [&](const json& m) {
      ++rows;
      table.add({word(round, "role"), count(m, "account"), word(m, "state"), word(m, "verdict"), tokens_at(m, "paid"),
                 tokens_at(m, "slashed"), clean(text_at(m, "reason"), 200)});
    });
  });
  return rows == 0 ? "" : table.text();
}

std::string describe_money(const json& money) {
  auto out = fmt::format("{} tokens put in: {} paid to providers, {} fee burned, {} refunded; {} slashed, {} burned\n",
                         tokens_at(money, "escrow"), tokens_at(money, "paid"), tokens_at(money, "fee"),
                         tokens_at(money, "refunded"), tokens_at(money, "slashed"), tokens_at(money, "burned"));
  if (const auto bonds = text_at(money, "bonds"); !bonds.empty() && bonds != "0")
    out += fmt::format("{} tokens of bonds put in by who appealed or challenged: {} back to them, rewards included\n",
                       tokens_at(money, "bonds"), tokens_at(money, "bonds_returned"));
  return out;
}

std::string describe_order(const json& order) {
  const auto& policy = child(order, "policy");
  auto out = line("order", word(order, "id")) + line("model", model_name(order)) + line("program", word(order, "program")) +
             line("policy", fmt::format("{} {} of {}, {}, audit {} in 10000", word(policy, "check"), count(policy, "k"),
                                        count(policy, "n"), word(policy, "privacy"), count(policy, "audit_bps"))) +
             line("state", word(order, "state")) + line("verdict", word(order, "verdict")) +
             line("placed", time_at(order, "placed_at")) + line("settled", time_at(order, "settled_at"));
  if (const auto reason = text_at(order, "refund_reason"); !reason.empty()) out += line("refunded", clean(reason, 40));
  if (const auto left = time_left(order, base::SystemClock().now_ms()); !left.empty())
    out += line("now", fmt::format("{}, {}", stage_of(order), left));
  const auto& input = child(order, "input");
  out += line("input root", word(input, "root"));
  if (const auto salt = text_at(input, "salt"); !salt.empty())
    out += line("salt", clean(salt, 80) +
                            ": the input root is of the input behind it; koinon run NET --input FILE --salt gives the same");
  if (const auto answer = text_at(order, "answer"); !answer.empty()) out += line("answer", clean(answer, 80));
  if (text_at(order, "own_run") == "differs")
    out += line("own run", "gives another result: do not use the one of the provider");
  out += line("money", describe_money(child(order, "money")));
  out += describe_result(order);
  if (const auto members = describe_members(order); !members.empty()) out += "\n" + members;
  return out + story(child(order, "events"));
}

std::string describe_providers(const json& providers) {
  Table table({{"account", right},
               {"sells"},
               {"price", right},
               {"stake", right},
               {"locked", right},
               {"right", right},
               {"wrong", right},
               {"silent", right},
               {"earned", right},
               {"slashed", right},
               {"active"},
               {"endpoint"}});
  std::size_t rows = 0;
  each(providers, [&](const json& p) {
    ++rows;
    table.add({count(p, "account"), joined(texts_of(child(p, "kinds"))), tokens_at(p, "price"), tokens_at(p, "stake"),
               tokens_at(p, "locked"), count(p, "accepted"), count(p, "rejected"), count(p, "silent"), tokens_at(p, "earned"),
               tokens_at(p, "slashed"), true_at(p, "active") ? "yes" : "no", word(p, "endpoint")});
  });
  return rows == 0 ? "No providers yet. Be one with: koinon provide --ledger http://127.0.0.1:7070\n" : table.text();
}

namespace {

base::Wei number_of(const json& object, const char* key) {
  const auto read = base::Wei::parse(text_at(object, key));
  return read ? *read : base::Wei{};
}

}  // namespace

std::string describe_watch(const json& watch) {
  Table table({{"order", right}, {"provider", right}, {"found"}, {"outcome"}, {"demands", right}, {"earned", right}, {"why"}});
  std::size_t rows = 0;
  each(child(watch, "claims"), [&](const json& c) {
    ++rows;
    auto why = word(c, "text");
    if (const auto trouble = clean(text_at(c, "trouble"), 200); !trouble.empty()) why += "; " + trouble;
    table.add({word(c, "order"), count(c, "provider"), word(c, "found"), word(c, "outcome"), count(c, "demands"),
               tokens_at(c, "earned"), std::move(why)});
  });
  const auto sums = fmt::format("{} claims agreed, {} were wrong, {} tokens earned; {}\n", count(watch, "agreed"),
                                count(watch, "wrong"), tokens_at(watch, "earned"),
                                true_at(watch, "watching") ? "watching" : "only own orders are checked: koinon up --watch");
  std::string poor;
  if (const auto lost = number_at(watch, "lost"); lost != 0)
    poor = fmt::format("{} wrong {} paid, as nobody disputed {} in time\n", lost, lost == 1 ? "claim was" : "claims were",
                       lost == 1 ? "it" : "them");
  if (number_of(watch, "free") < number_of(watch, "fees"))
    poor += fmt::format(
        "{} tokens are free: to dispute a claim whose provider shows nothing holds {} until it is over, and a "
        "challenge one price of its order. Until then such claims are paid: koinon account deposit\n",
        tokens_at(watch, "free"), tokens_at(watch, "fees"));
  return (rows == 0 ? "No claims were checked yet. " + sums : table.text() + sums) + poor;
}

std::string describe_models(const json& models) {
  std::string troubles;
  Table table({{"model"}, {"program"}, {"takes"}, {"gives"}, {"size", right}, {"licence"}, {"author"}, {"price", right}});
  std::size_t rows = 0;
  each(models, [&](const json& m) {
    ++rows;
    table.add({word(m, "name"), word(m, "program").substr(0, 18), ports_of(child(m, "inputs")), ports_of(child(m, "outputs")),
               size_text(number_at(m, "size")), word(m, "licence"), word(m, "author"), tokens_at(m, "price")});
    if (const auto trouble = clean(text_at(m, "trouble"), 200); !trouble.empty())
      troubles += fmt::format("{} cannot be used: {}\n", word(m, "name"), trouble);
  });
  return rows == 0 ? "No models yet. An order brings its own: koinon order NET.koinon --input FILE --price 0.01\n"
                   : table.text() + troubles;
}

}  // namespace koinon::cli
