#include "node/api/words.hpp"

#include <algorithm>
#include <array>

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;
using market::OrderView;
using market::Phase;

constexpr std::array<std::string_view, 8> kKinds{"inference", "training", "federated", "rendering",
                                                 "container", "crawling", "labelling", "synthesis"};
constexpr std::array<std::string_view, 3> kChecks{"quorum", "optimistic", "proof"};
constexpr std::array<std::string_view, 9> kRefunds{"undrawn",   "no_providers", "no_input", "silence", "undecided",
                                                   "bad_input", "refuted",      "withheld", "unproven"};

}  // namespace

std::string kind_word(std::uint8_t code, const work::KindSet* kinds) {
  if (code < kKinds.size()) return std::string(kKinds[code]);
  if (kinds != nullptr)
    if (const auto kind = kinds->find(code)) return std::string((*kind)->name());
  return fmt::format("kind-{}", code);
}

base::Result<std::uint8_t> kind_code(std::string_view word, const work::KindSet* kinds) {
  const auto at = std::find(kKinds.begin(), kKinds.end(), word);
  if (at != kKinds.end()) return static_cast<std::uint8_t>(at - kKinds.begin());
  if (kinds != nullptr)
    if (const auto kind = kinds->find(word)) return (*kind)->code();
  return fail(Code::invalid_argument, "[kind] '{}': {} expected", word.substr(0, 40), fmt::join(kKinds, ", "));
}

std::string check_word(std::uint8_t code, const trust::CheckSet* rules) {
  if (code < kChecks.size()) return std::string(kChecks[code]);
  if (rules != nullptr)
    if (const auto check = rules->find(code)) return std::string((*check)->name());
  return fmt::format("check-{}", code);
}

base::Result<std::uint8_t> check_code(std::string_view word, const trust::CheckSet& rules) {
  if (const auto check = rules.find(word)) return (*check)->code();
  const bool ours = std::find(kChecks.begin(), kChecks.end(), word) != kChecks.end();
  return fail(ours ? Code::unsupported : Code::invalid_argument, "[check] '{}': this node offers {}", word.substr(0, 40),
              fmt::join(check_words(rules), ", "));
}

std::vector<std::string> check_words(const trust::CheckSet& rules) {
  std::vector<std::string> out;
  for (unsigned code = 0; code < 256; ++code)
    if (const auto check = rules.find(static_cast<std::uint8_t>(code))) out.emplace_back((*check)->name());
  return out;
}

std::string_view privacy_word(std::uint8_t code) { return code == 0 ? "plain" : "private"; }

std::string_view role_word(trust::Role role) {
  switch (role) {
    case trust::Role::quorum: return "quorum";
    case trust::Role::audit: return "audit";
    case trust::Role::jury: return "jury";
  }
  return "quorum";
}

std::string_view state_word(const OrderView& order) {
  switch (order.phase) {
    case Phase::standing: return "standing";
    case Phase::settled: return "settled";
    case Phase::refunded: return "refunded";
    case Phase::audit_draw: return "auditing";
    default: break;
  }
  const auto role = order.rounds.empty() ? trust::Role::quorum : order.rounds.back().role;
  if (role == trust::Role::audit) return "auditing";
  if (role == trust::Role::jury) return "jury";
  switch (order.phase) {
    case Phase::input: return "input";
    case Phase::commit: return "committing";
    case Phase::reveal: return "revealing";
    default: return "drawing";
  }
}

std::string_view order_verdict_word(const OrderView& order) {
  if (order.phase == Phase::refunded) {
    const auto why = refund_word(order);
    if (order.outcome() == trust::Verdict::rejected) return "rejected";
    return why == "undecided" || why == "bad_input" ? why : std::string_view{};
  }
  if (!order.verdict) return {};
  if (order.verdict->output_root == trust::bad_input_roots().output) return "bad_input";  // it stands, and may be appealed
  return order.phase == Phase::standing || order.phase == Phase::settled ? "accepted" : std::string_view{};
}

std::string_view refund_word(const OrderView& order) {
  if (order.phase != Phase::refunded || !order.refund_reason) return {};
  return *order.refund_reason < kRefunds.size() ? kRefunds[*order.refund_reason] : std::string_view("undecided");
}

}  // namespace koinon::node::api
