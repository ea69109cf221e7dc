#include <nlohmann/json.hpp>

#include "node/api/order_json.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

using market::OrderView;
using market::Seat;
using market::Standing;
using nlohmann::json;

/// Time of the event `name` of a member: an account has one seat in an order.
json time_of(const OrderView& order, std::string_view name, std::uint32_t account) {
  for (const auto& line : order.story)
    if (line.account == account && line.name == name) return line.at_ms;
  return nullptr;
}

std::string_view member_state(const Seat& seat) {
  if (seat.verdict == Standing::silent || seat.withheld) return "silent";
  if (seat.revealed) return "revealed";
  return seat.committed ? "committed" : "drawn";
}

/// True once something was decided about the members.
bool is_judged(const OrderView& order) { return order.phase == market::Phase::standing || market::is_final(order.phase); }

json member_verdict(const OrderView& order, const Seat& seat) {
  if (!is_judged(order) || seat.verdict == Standing::silent) return nullptr;
  if (seat.verdict == Standing::accepted) return "accepted";
  if (seat.verdict == Standing::rejected) return "rejected";
  return market::is_final(order.phase) || seat.revealed ? json("undecided") : json(nullptr);
}

std::size_t agreeing(const OrderView& order, const Seat& seat) {
  std::size_t out = 0;
  for (const auto& other : order.seats)
    if (other.revealed && other.claim.same_result(seat.claim)) ++out;
  return out;
}

json reason_of(const OrderView& order, const Seat& seat) {
  if (!is_judged(order)) return nullptr;
  const bool bad_input = seat.revealed && seat.claim.output_root == trust::bad_input_roots().output;
  if (seat.revealed && seat.claim.output_root == trust::unserved_roots().output)
    return "It said that the program could not be had.";
  switch (seat.verdict) {
    case Standing::accepted: {
      const auto others = agreeing(order, seat) - 1;
      if (others == 0) return "Its claim stands.";
      return fmt::format("Its output and trace are those of {} other{}.", others, others == 1 ? "" : "s");
    }
    case Standing::silent:
      if (!seat.committed) return "It did not commit in time.";
      return seat.revealed ? "It did not hand over its output in time." : "It committed, but did not reveal in time.";
    case Standing::rejected: {
      if (order.dispute.condemned)
        return *order.dispute.condemned == market::kWithheld ? "It did not show what its claim binds."
                                                             : "Its claim was proven wrong on the ledger.";
      if (bad_input) return "It said that the input does not match what the order binds, and that was not true.";
      if (!order.verdict) return "Its claim was found wrong.";
      if (seat.claim.output_root != order.verdict->output_root) return "Its output root differs from that of the verdict.";
      if (seat.claim.trace_root != order.verdict->trace_root) return "Its trace root differs from that of the verdict.";
      return "Its result is right, but its tag shows that it did not run the program.";
    }
    case Standing::none: break;
  }
  if (bad_input) return "It said that the input does not match what the order binds.";
  return seat.revealed ? "No verdict was reached about its claim." : "Nothing was asked of it, or it never got the input.";
}

json member_json(const OrderView& order, const Seat& seat) {
  const auto locked = seat.round < order.rounds.size() ? order.rounds[seat.round].locked : base::Wei{};
  const auto hash = [](bool known, const base::Hash& value) { return known ? json(base::to_hex(value)) : json(nullptr); };
  return {{"account", seat.account},
          {"price", market::tier_price(std::min<std::uint8_t>(seat.tier, 127)).text()},
          {"locked", locked.text()},
          {"state", member_state(seat)},
          {"commitment", hash(seat.committed, seat.commitment)},
          {"committed_at", seat.committed ? time_of(order, "Committed", seat.account) : json(nullptr)},
          {"revealed_at", seat.revealed ? time_of(order, "Revealed", seat.account) : json(nullptr)},
          {"output_root", hash(seat.revealed, seat.claim.output_root)},
          {"trace_root", hash(seat.revealed, seat.claim.trace_root)},
          {"mark", hash(seat.revealed, seat.claim.mark)},
          {"verdict", member_verdict(order, seat)},
          {"reason", reason_of(order, seat)},
          {"paid", seat.paid.text()},
          {"slashed", seat.slashed.text()}};
}

}  // namespace

json order_rounds(const OrderView& order) {
  json out = json::array();
  for (std::size_t i = 0; i < order.rounds.size(); ++i) {
    const auto& round = order.rounds[i];
    const bool drawn = round.drawn_at_ms != 0;
    json members = json::array();
    for (const auto& seat : order.seats)
      if (seat.round == i) members.push_back(member_json(order, seat));
    if (i == 0 && !drawn && !round.lapsed) continue;  // still drawing
    out.push_back({{"role", role_word(round.role)},
                   {"seed", drawn ? json(base::to_hex(round.seed)) : json(nullptr)},
                   {"drawn_at", drawn ? json(round.drawn_at_ms) : json(nullptr)},
                   {"appealed", round.appealed},
                   {"lapsed", round.lapsed},
                   {"members", std::move(members)}});
  }
  return out;
}

}  // namespace koinon::node::api
