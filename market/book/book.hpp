#pragma once
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/money.hpp"
#include "market/book/dispute.hpp"
#include "market/book/event.hpp"
#include "trust/claim.hpp"

namespace koinon::market {

using base::Hash;
using base::Result;
using base::Status;
using base::Wei;

/// Phase of an order, as WorkMarket numbers it.
enum class Phase : std::uint8_t {
  none = 0,
  draw = 1,
  input = 2,
  commit = 3,
  reveal = 4,
  audit_draw = 5,
  standing = 6,
  settled = 7,
  refunded = 8,
};
std::string_view phase_name(Phase phase);
[[nodiscard]] constexpr bool is_final(Phase phase) { return phase == Phase::settled || phase == Phase::refunded; }

/// The refund reason that says: the input was not what the order binds (Types.sol, RefundReason.BadInput).
inline constexpr std::uint8_t kBadInput = 5;
/// The claim of an optimistic order was proven wrong, or its provider did not show what it binds.
inline constexpr std::uint8_t kRefuted = 6;
inline constexpr std::uint8_t kWithheld = 7;
inline constexpr std::uint8_t kUnproven = 8;

/// What an order found about one member, as WorkMarket numbers it.
enum class Standing : std::uint8_t { none = 0, accepted = 1, rejected = 2, silent = 3 };

/// "none", "accepted", "rejected" or "silent".
std::string_view standing_name(Standing standing);

/// What the buyer asks for, as placed (Types.sol, Terms).
struct Terms {
  std::uint32_t buyer = 0;
  std::uint8_t kind = 0;
  std::uint8_t check = 0;
  std::uint8_t privacy = 0;
  std::uint8_t n = 3;
  std::uint8_t k = 2;
  std::uint8_t max_tier = 0;
  std::uint16_t audit_bps = 0;
  std::uint32_t commit_window = 0;  ///< seconds
  std::uint64_t nonce = 0;
  Hash spec;
  Hash spec_digest;
  std::uint64_t spec_size = 0;  ///< bytes
  Hash input_root;
  std::uint64_t input_size = 0;  ///< bytes
  base::FixedBytes<32> buyer_key;
};

/// One seat of an order.
struct Seat {
  std::uint32_t account = 0;
  base::FixedBytes<32> key;  ///< encryption key as registered when it was drawn: envelopes are sealed to it
  std::uint8_t round = 0;
  std::uint8_t tier = 0;
  bool committed = false;
  Hash commitment;
  bool revealed = false;
  trust::Claim claim;
  Hash result_digest;
  std::uint64_t result_size = 0;
  Standing verdict = Standing::none;
  bool withheld = false;  ///< left a demand for an output unanswered
  Wei paid, fee, slashed;
};

/// An envelope with the input, as one account published it.
struct Publication {
  std::uint32_t publisher = 0;
  Hash envelope_root;
  std::uint64_t envelope_size = 0;
  std::string locator;
};

struct RoundView {
  trust::Role role = trust::Role::quorum;
  bool appealed = false;
  bool lapsed = false;
  std::uint8_t wanted = 0;
  Hash seed;
  std::int64_t drawn_at_ms = 0;
  Wei locked;                          ///< of each member
  std::vector<Publication> published;  ///< in order; a member uses the first that holds the input
};

/// A verdict that stands, or stood until an appeal.
struct StandingVerdict {
  Hash output_root, trace_root;
  Hash witness;                              ///< link 0; zero unless a jury showed it
  std::uint64_t accepted = 0, rejected = 0;  ///< bits over seats
};

/// A demand for bytes on the ledger that nobody answered yet.
struct OpenDemand {
  bool output = false;
  std::uint32_t account = 0;  ///< who demands
  std::uint32_t target = 0;   ///< account that must answer
  std::uint32_t tensor = 0;
  std::uint32_t subtree = 0;
};

/// Where the bytes stand that a demand brought to the ledger: one subtree, in one log (InputPosted, OutputPosted).
struct PostedBytes {
  bool output = false;
  Hash envelope_root;         ///< of an input: whose part it is
  std::uint32_t account = 0;  ///< of an output: whose claim it belongs to
  std::uint32_t tensor = 0;
  std::uint32_t subtree = 0;
  std::uint64_t tensor_size = 0;   ///< bytes
  std::uint64_t tensor_count = 0;  ///< outputs in all
  Hash block_hash;                 ///< a reorganisation that removes the log removes this too
  std::uint64_t index = 0;         ///< of the log in its block
};

struct StoryLine {
  std::int64_t at_ms = 0;
  std::uint64_t block = 0;
  Hash transaction;
  std::string name;           ///< of the event
  std::uint32_t account = 0;  ///< 0: nobody's
  std::string text;           ///< a sentence for people
};

struct OrderView {
  std::uint64_t id = 0;
  Terms terms;
  Phase phase = Phase::draw;
  std::int64_t deadline = 0;  ///< of the phase, Unix seconds; 0: ask the ledger
  std::int64_t since_ms = 0;  ///< when the newest event came
  std::uint64_t seed_block = 0;
  std::vector<RoundView> rounds;
  std::vector<Seat> seats;
  std::optional<StandingVerdict> verdict;
  std::optional<OpenDemand> demand;
  std::vector<PostedBytes> posted;
  DisputeView dispute;  ///< of an optimistic order
  bool audited = false;
  std::uint8_t juries = 0;
  Wei escrow, bond, paid, burned, slashed, refunded;
  Wei appeal_bonds, appeals_returned;         ///< put in by appellants and challengers, and given back with their rewards
  std::map<std::uint32_t, Wei> rewards;       ///< of who found a lie, by account
  Wei challenges_burned;                      ///< bonds of challenges that showed nothing
  std::optional<std::uint8_t> refund_reason;  ///< RefundReason of Types.sol: undrawn, no providers, no input, silence,
                                              ///< undecided, bad input, refuted, withheld, unproven
  std::int64_t placed_at_ms = 0, settled_at_ms = 0;
  std::uint64_t placed_block = 0, settled_block = 0;
  Hash placed_tx, settled_tx;
  std::vector<StoryLine> story;

  [[nodiscard]] std::uint8_t round() const { return static_cast<std::uint8_t>(rounds.empty() ? 0 : rounds.size() - 1); }
  /// Seat of an account in the current round, or null.
  [[nodiscard]] const Seat* seat_now(std::uint32_t account) const;
  /// Seat of an account in any round, or null: an account is seated once in an order.
  [[nodiscard]] const Seat* seat(std::uint32_t account) const;
  /// Outcome for the API: pending until final.
  [[nodiscard]] trust::Verdict outcome() const;
};

struct Offer {
  bool active = false;  ///< drawn while its weight lasts; false when suspended
  std::uint8_t tier = 0;
  bool suspended = false;  ///< an order found the account silent: not drawn until it offers again
  std::int64_t suspended_at_ms = 0;
};

struct AccountView {
  std::uint32_t id = 0;
  base::Address opener;  ///< who opened it: nobody else can have
  base::Address owner, operator_address, payout;
  std::set<base::Address> operators;  ///< that it ever had, the present one among them
  std::string endpoint;
  base::FixedBytes<32> encryption_key;
  std::map<std::uint8_t, Offer> offers;  ///< by kind
  Wei free, stake, locked, earned, slashed, points;
  Wei unbonding;  ///< part of the stake that was asked back
  Wei deposited;  ///< ever
  std::uint32_t accepted = 0, rejected = 0, silent = 0, streak = 0;
  std::int64_t offered_at_ms = 0;  ///< when it last offered work
  bool failed = false;             ///< silent in an order that it was drawn for since
  std::uint32_t relapses = 0;      ///< times that it offered again after such a failure, with no work accepted between
};

/// The market as its events tell it: a pure state machine, the same for everybody who reads the same ledger. Feeding it events
/// in order is the only way to change it; after a reorganisation it is built anew.
class Book {
 public:
  /// Takes the next event. Unknown names are skipped (a newer contract may tell more). Errors: malformed, naming event and
  /// argument; conflict (an event of an order or account that was never opened): the ledger's server lies or logs were lost.
  Status apply(const Event& event);

  [[nodiscard]] const std::map<std::uint64_t, OrderView>& orders() const { return orders_; }
  [[nodiscard]] const std::map<std::uint32_t, AccountView>& accounts() const { return accounts_; }
  [[nodiscard]] const OrderView* order(std::uint64_t id) const;
  [[nodiscard]] const AccountView* account(std::uint32_t id) const;
  /// The account that `who` opened and still owns or operates; the lowest when there are several. One that somebody else opened
  /// for `who` is not meant: its owner is a stranger.
  [[nodiscard]] const AccountView* opened_by(const base::Address& who) const;
  /// Orders that are not final.
  [[nodiscard]] const std::set<std::uint64_t>& open_orders() const { return open_; }
  /// Rises with every event.
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  struct Reading;
  Status apply_market(const Event& event, const Reading& in);
  Status apply_dispute(const Event& event, const Reading& in, OrderView& order);
  Status apply_registry(const Event& event, const Reading& in);

  std::map<std::uint64_t, OrderView> orders_;
  std::map<std::uint32_t, AccountView> accounts_;
  std::set<std::uint64_t> open_;
  std::uint64_t version_ = 0;
};

/// Wei of a price tier, as Registry.price: 1e12 * (4 + t % 4) * 2^(t / 4) / 4. Precondition: tier < 128.
Wei tier_price(std::uint8_t tier);
/// The highest tier whose price is at most `price`. Errors: out_of_range below the lowest tier (0.000001 token).
Result<std::uint8_t> tier_within(const Wei& price);
/// The lowest tier whose price is at least `price`. Errors: out_of_range above the highest.
Result<std::uint8_t> tier_from(const Wei& price);

}  // namespace koinon::market
