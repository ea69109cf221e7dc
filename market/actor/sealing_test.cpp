#include "market/actor/sealing.hpp"

#include <gtest/gtest.h>

#include "market/actor/posted.hpp"
#include "trust/quorum/optimistic.hpp"

namespace koinon::market {
namespace {

using base::Bytes;
using base::Code;
using base::fail;
using trust::Role;

const BoxPair& buyer_box() {
  static const auto kBox = BoxPair::generate();
  return kBox;
}

work::Parcel parcel() { return {base::keccak256(base::as_bytes("salt")), {Bytes{1, 2, 3}}}; }

/// An order with a quorum of three whose envelopes are those of the rule.
OrderView order() {
  OrderView out;
  out.id = 7;
  out.terms.buyer = 1;
  out.terms.k = 2;
  out.terms.buyer_key = buyer_box().public_key();
  out.rounds.emplace_back();
  for (std::uint32_t account = 2; account <= 4; ++account) {
    Seat seat;
    seat.account = account;
    seat.key = BoxPair::generate().public_key();
    out.seats.push_back(seat);
  }
  const auto sealed = seal_input(out, 0, parcel(), out.terms.buyer_key).value();
  out.rounds[0].published.push_back({1, base::byte_tree_root(base::Domain::envelope, sealed), sealed.size(), ""});
  return out;
}

void claim(Seat& seat, const trust::Roots& roots) {
  seat.revealed = true;
  seat.claim.output_root = roots.output;
  seat.claim.trace_root = roots.trace;
}

trust::Roots result(std::string_view name) {
  return {base::keccak256(base::as_bytes(name)), base::keccak256(base::as_bytes("trace")), {}};
}

TEST(Sealing, shows_that_the_accusers_were_given_the_input) {
  auto story = order();
  EXPECT_TRUE(envelopes_hold(story, parcel()));  // nobody accuses
  claim(story.seats[0], trust::bad_input_roots());
  EXPECT_TRUE(envelopes_hold(story, parcel()));
  auto other = parcel();
  other.parts[0][0] ^= 1;
  EXPECT_FALSE(envelopes_hold(story, other));
}

TEST(Sealing, shows_rubbish_sent_to_one_member) {
  auto story = order();
  claim(story.seats[0], trust::bad_input_roots());
  auto wrong = story;
  wrong.seats[0].key = BoxPair::generate().public_key();  // what a buyer would have sealed for another key
  const auto sealed = seal_input(wrong, 0, parcel(), story.terms.buyer_key).value();
  story.rounds[0].published[0].envelope_root = base::byte_tree_root(base::Domain::envelope, sealed);
  EXPECT_FALSE(envelopes_hold(story, parcel()));
}

TEST(Sealing, leaves_out_a_member_whose_key_is_unusable) {
  auto story = order();
  story.seats[1].key = {};
  const auto sealed = seal_input(story, 0, parcel(), story.terms.buyer_key).value();
  EXPECT_EQ(open(sealed, buyer_box()).value(), parcel().encode());
}

TEST(Sealing, sends_a_public_input_as_it_is_and_binds_it_without_salt) {
  auto story = order();
  auto given = parcel();
  EXPECT_FALSE(is_public(story.terms));
  EXPECT_EQ(bound_root(story.terms, given), given.root());
  story.terms.check = trust::OptimisticCheck::kCode;
  EXPECT_TRUE(is_public(story.terms));
  EXPECT_EQ(seal_input(story, 0, given, story.terms.buyer_key).value(), given.encode());
  const auto bound = bound_root(story.terms, given);
  EXPECT_NE(bound, given.root());
  given.salt = {};
  EXPECT_EQ(bound_root(story.terms, given), bound) << "a contract opens it, so nothing else may be in it";
}

TEST(Accused, from_an_appeal_against_bad_input_on) {
  auto story = order();
  claim(story.seats[0], trust::bad_input_roots());
  claim(story.seats[1], trust::bad_input_roots());
  claim(story.seats[2], result("r"));
  EXPECT_FALSE(accused(story));
  story.rounds.emplace_back().role = Role::jury;
  EXPECT_FALSE(accused(story));  // called by the check
  story.rounds[1].appealed = true;
  EXPECT_TRUE(accused(story));
  claim(story.seats[1], result("r"));  // two agree: the appeal was about the result
  EXPECT_FALSE(accused(story));
}

TEST(Excuse, is_free_only_where_the_buyer_is_at_fault) {
  auto story = order();
  EXPECT_EQ(excuse(story, true), trust::bad_input_roots());
  EXPECT_EQ(excuse(story, false), trust::unserved_roots());
  story.rounds.emplace_back().role = Role::jury;
  EXPECT_EQ(excuse(story, false), trust::bad_input_roots());
  EXPECT_NE(confirmation(parcel()).witness, trust::bad_input_roots().witness);
}

TEST(Mark, is_a_tag_or_a_link) {
  auto story = order();
  const trust::OrderContext context{31337, {}, 7};
  const auto witness = base::keccak256(base::as_bytes("w"));
  const auto link = trust::witness_link(context, witness, 0);
  EXPECT_EQ(mark_of(story, context, 2, 0, witness), trust::tag(context, 2, link));
  story.rounds.emplace_back().role = Role::jury;
  story.rounds.emplace_back().role = Role::jury;
  EXPECT_EQ(mark_of(story, context, 2, 1, witness), link);
  EXPECT_EQ(mark_of(story, context, 2, 2, witness), trust::witness_link(context, witness, 1));
  EXPECT_EQ(mark_of(story, context, 2, 2, trust::bad_input_roots().witness), trust::bad_input_roots().witness);
}

/// A ledger that holds logs; only what posted() asks is answered.
class Logs final : public MarketLedger {
 public:
  [[nodiscard]] trust::OrderContext context(std::uint64_t id) const override { return {1, {}, id}; }
  Result<std::uint64_t> place(const Terms&) override { return none(); }
  Status draw(std::uint64_t) override { return none(); }
  Status draw_audit(std::uint64_t) override { return none(); }
  Status advance(std::uint64_t) override { return none(); }
  Status settle(std::uint64_t) override { return none(); }
  Status confirm(std::uint64_t) override { return none(); }
  Status publish_input(std::uint64_t, std::uint8_t, std::uint32_t, const Hash&, std::uint64_t, const std::string&) override {
    return none();
  }
  Status demand_input(std::uint64_t, std::uint32_t, std::uint32_t) override { return none(); }
  Status answer_input(std::uint64_t, base::ByteView, const std::vector<Hash>&) override { return none(); }
  Status commit(std::uint64_t, std::uint8_t, std::uint32_t, const Hash&) override { return none(); }
  Status reveal(std::uint64_t, std::uint8_t, const trust::Claim&, const Hash&, std::uint64_t, const Hash&) override {
    return none();
  }
  Status appeal(std::uint64_t, std::uint32_t) override { return none(); }
  Status offer(std::uint32_t, std::uint8_t, std::uint8_t) override { return none(); }
  Status demand_output(std::uint64_t, std::uint32_t, std::uint32_t, std::uint32_t) override { return none(); }
  Status answer_output(std::uint64_t, base::ByteView, const std::vector<Hash>&, std::uint64_t, std::uint64_t,
                       const std::vector<Hash>&) override {
    return none();
  }
  Status refute_output(std::uint64_t, const Hash&, std::uint64_t, std::uint64_t, const std::vector<Hash>&) override {
    return none();
  }
  Result<Now> now(std::uint64_t) override { return none(); }
  Result<Bytes> posted(const PostedBytes& where) override {
    const auto at = logs.find(where.index);
    if (at == logs.end()) return fail(Code::not_found, "taken back");
    return at->second;
  }
  std::map<std::uint64_t, Bytes> logs;

 private:
  static tl::unexpected<base::Error> none() { return fail(Code::unsupported, "not asked here"); }
};

TEST(Posted, keeps_the_envelopes_of_one_publisher_apart) {
  constexpr std::size_t kSpan = base::kSubtreeLeaves * base::kLeafSize;
  OrderView story;
  story.rounds.emplace_back();
  Logs ledger;
  std::vector<Bytes> envelopes{Bytes(kSpan + 10, 1), Bytes(kSpan + 20, 2)};
  std::vector<Publication> publications;
  for (const auto& bytes : envelopes)
    publications.push_back({1, base::byte_tree_root(base::Domain::envelope, bytes), bytes.size(), ""});
  // Answered in turns: second part of the one, first of the other, and so on.
  for (std::uint64_t i = 0; i < 4; ++i) {
    const auto which = i % 2;
    const auto part = static_cast<std::uint32_t>(1 - i / 2);
    PostedBytes where;
    where.envelope_root = publications[which].envelope_root;
    where.subtree = part;
    where.index = i;
    const auto whole = base::ByteView(envelopes[which]);
    const auto view = part == 0 ? whole.first(kSpan) : whole.subspan(kSpan);
    ledger.logs[i] = Bytes(view.begin(), view.end());
    story.posted.push_back(where);
    const auto got = posted_envelope(ledger, story, publications[which]);
    ASSERT_TRUE(got) << got.error().text;
    EXPECT_EQ(got->missing.has_value(), i < 2);
  }
  for (std::size_t which = 0; which < 2; ++which)
    EXPECT_EQ(posted_envelope(ledger, story, publications[which])->bytes, envelopes[which]);
  ledger.logs.erase(1);  // a reorganisation that the book does not know yet
  EXPECT_TRUE(posted_envelope(ledger, story, publications[0]));
  EXPECT_EQ(posted_envelope(ledger, story, publications[1]).error().code, Code::not_found);
}

}  // namespace
}  // namespace koinon::market
