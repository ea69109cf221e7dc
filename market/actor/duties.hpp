#pragma once
#include <vector>

#include "market/book/book.hpp"

namespace koinon::market {

/// What an order asks of one account now.
enum class DutyKind : std::uint8_t {
  draw,           ///< seat the round
  draw_audit,     ///< decide whether there is an audit
  advance,        ///< move the order on: a deadline has passed
  settle,         ///< pay and slash: the verdict stood to its deadline
  publish,        ///< encrypt the input to the members of the round
  work,           ///< fetch, run, commit
  reveal,         ///< open the claim
  judge,          ///< of the buyer: fetch results, confirm, demand or appeal; of a member: compare tags, appeal
  answer_input,   ///< answer the demand for the envelopes
  answer_output,  ///< answer the demand for an output
  answer_trace,   ///< of an optimistic order: answer the demands for parts of our claim
  prove,          ///< of an order that asks for a proof: show it to the ledger, as its buyer has not confirmed the claim
};
std::string_view duty_name(DutyKind kind);

struct Duty {
  DutyKind kind = DutyKind::draw;
  std::uint64_t order = 0;
  std::uint8_t round = 0;
  std::int64_t due_ms = 0;  ///< not before this time, Unix milliseconds
  friend bool operator==(const Duty&, const Duty&) = default;
};

/// Pause between those who could all do the same duty: the buyer first, then the members by seat, so that one of them pays the
/// gas and the others stand by.
inline constexpr std::int64_t kStandbyMs = 3'000;

/// The duties of `self` in an order, now or later (due_ms). Pure. `head` is the newest block. A deadline of 0 (unknown) gives a
/// duty to advance at once, which the ledger refuses while it is too early.
std::vector<Duty> duties(const OrderView& order, std::uint32_t self, std::uint64_t head);

/// An offer to make again: an order found the account silent, so it is drawn no more, and here its machine runs.
struct Renewal {
  std::uint8_t kind = 0;
  std::uint8_t tier = 0;
  std::optional<std::int64_t> due_ms;  ///< Unix milliseconds; nothing: not without its owner
  friend bool operator==(const Renewal&, const Renewal&) = default;
};

/// After so many failures with no work accepted between, an account does not offer again by itself: something is wrong with it
/// that does not pass, and each time costs stake.
inline constexpr std::uint32_t kRelapses = 3;

/// The suspended offers of an account: at once at first, after a minute when it then failed again, after ten minutes the third
/// time. Pure.
std::vector<Renewal> renewals(const AccountView& self);
/// Why an offer is suspended and when it is made again, for its owner.
std::string suspension_text(const AccountView& self, const Renewal& renewal);

}  // namespace koinon::market
