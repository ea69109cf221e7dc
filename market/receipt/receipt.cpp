#include "market/receipt/receipt.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.hpp"
#include "ledger/typed_data.hpp"
#include "trust/quorum/proof_check.hpp"
#include "work/parcel.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;
using nlohmann::json;

constexpr std::string_view kFormat = "koinon-receipt-1";
constexpr std::size_t kMaxClaims = 64;

std::string_view role_name(trust::Role role) {
  switch (role) {
    case trust::Role::quorum: return "quorum";
    case trust::Role::audit: return "audit";
    case trust::Role::jury: return "jury";
  }
  return "unknown";
}

constexpr std::string_view kRefutedWord = "refuted";
constexpr std::string_view kWithheldWord = "withheld";

json condemned_json(const Condemned& c) {
  json out = {{"reason", c.reason}, {"claimant", c.claimant}, {"tx", base::to_hex(c.tx)}};
  if (c.by != 0) out["by"] = c.by;
  if (c.fraud) out["fraud"] = *c.fraud;
  return out;
}

json body(const Receipt& r) {
  json out = {
      {"format", kFormat},
      {"chain_id", r.chain_id},
      {"market", base::to_hex(r.market)},
      {"order", r.order},
      {"kind", r.kind},
      {"policy", {{"check", r.check}, {"privacy", r.privacy}, {"n", r.n}, {"k", r.k}}},
      {"program", base::to_hex(r.spec)},
      {"input_root", base::to_hex(r.input_root)},
      {"output_root", base::to_hex(r.output_root)},
      {"trace_root", base::to_hex(r.trace_root)},
      {"verdict", r.verdict},
      {"money",
       {{"paid", r.paid.text()}, {"slashed", r.slashed.text()}, {"burned", r.burned.text()}, {"refunded", r.refunded.text()}}},
      {"ledger",
       {{"placed_tx", base::to_hex(r.placed_tx)},
        {"settled_tx", base::to_hex(r.settled_tx)},
        {"settled_block", r.settled_block}}},
      {"issued_at", r.issued_at_ms},
      {"issuer", base::to_hex(r.issuer)},
      {"outputs", json::array()},
      {"claims", json::array()},
      {"payments", json::array()}};
  if (r.over_ledger) out["delivered"] = "ledger";
  if (r.proof) out["proof"] = base::to_hex(*r.proof);
  if (r.condemned) out["condemned"] = condemned_json(*r.condemned);
  for (const auto& part : r.outputs) out["outputs"].push_back(base::to_hex(part));
  for (const auto& c : r.claims)
    out["claims"].push_back({{"role", role_name(c.role)},
                             {"account", c.account},
                             {"operator", base::to_hex(c.operator_address)},
                             {"output_root", base::to_hex(c.output_root)},
                             {"trace_root", base::to_hex(c.trace_root)},
                             {"signature", base::to_hex(c.signature)}});
  for (const auto& p : r.payments)
    out["payments"].push_back(
        {{"account", p.account}, {"verdict", p.verdict}, {"paid", p.paid.text()}, {"slashed", p.slashed.text()}});
  return out;
}

/// Reads the fields of one JSON object; keeps the first error.
class Fields {
 public:
  Fields(const json& object, std::string where) : object_(object), where_(std::move(where)) {
    if (!object_.is_object()) complain("", "an object");
  }
  template <class T>
  T number(const char* key) {
    const auto* value = find(key);
    constexpr auto kMost = std::min<std::uint64_t>(std::numeric_limits<T>::max(), std::numeric_limits<std::int64_t>::max());
    if (value != nullptr && value->is_number_unsigned() && value->get<std::uint64_t>() <= kMost)
      return static_cast<T>(value->get<std::uint64_t>());
    complain(key, "a whole number in range");
    return 0;
  }
  std::string text(const char* key) {
    const auto* value = find(key);
    if (value != nullptr && value->is_string() && value->get_ref<const std::string&>().size() <= 256)
      return value->get<std::string>();
    complain(key, "a short text");
    return {};
  }
  template <std::size_t N>
  base::FixedBytes<N> bytes(const char* key) {
    const auto* value = find(key);
    if (value != nullptr && value->is_string())
      if (auto parsed = base::fixed_from_hex<N>(value->get_ref<const std::string&>())) return *parsed;
    complain(key, fmt::format("{} bytes of hex", N));
    return {};
  }
  Wei wei(const char* key) {
    const auto* value = find(key);
    if (value != nullptr && value->is_string())
      if (auto parsed = Wei::parse(value->get_ref<const std::string&>())) return *parsed;
    complain(key, "an amount in wei");
    return {};
  }
  const json& list(const char* key, std::size_t most) {
    static const json kEmpty = json::array();
    const auto* value = find(key);
    if (value != nullptr && value->is_array() && value->size() <= most) return *value;
    complain(key, fmt::format("a list of at most {}", most));
    return kEmpty;
  }
  const json& object(const char* key) {
    static const json kEmpty = json::object();
    const auto* value = find(key);
    if (value != nullptr && value->is_object()) return *value;
    complain(key, "an object");
    return kEmpty;
  }
  [[nodiscard]] Status status() const {
    if (error_) return fail(*error_);
    return {};
  }

 private:
  const json* find(const char* key) const {
    if (!object_.is_object()) return nullptr;
    const auto at = object_.find(key);
    return at == object_.end() ? nullptr : &*at;
  }
  void complain(std::string_view key, std::string_view expected) {
    if (!error_) error_ = base::Error{Code::malformed, fmt::format("[receipt] {}{}: {} expected", where_, key, expected)};
  }
  const json& object_;
  std::string where_;
  std::optional<base::Error> error_;
};

Result<trust::Role> role_from(const std::string& name) {
  for (const auto role : {trust::Role::quorum, trust::Role::audit, trust::Role::jury})
    if (role_name(role) == name) return role;
  return fail(Code::malformed, "[receipt] role '{}': quorum, audit or jury expected", name);
}

Result<SignedClaim> read_claim(const json& value) {
  Fields in(value, "claims.");
  SignedClaim out;
  const auto role = in.text("role");
  out.account = in.number<std::uint32_t>("account");
  out.operator_address = in.bytes<20>("operator");
  out.output_root = in.bytes<32>("output_root");
  out.trace_root = in.bytes<32>("trace_root");
  out.signature = in.bytes<65>("signature");
  KOINON_CHECK(in.status());
  KOINON_TRY(out.role, role_from(role));
  return out;
}

Result<MemberPayment> read_payment(const json& value) {
  Fields in(value, "payments.");
  MemberPayment out{in.number<std::uint32_t>("account"), in.text("verdict"), in.wei("paid"), in.wei("slashed")};
  KOINON_CHECK(in.status());
  return out;
}

Result<Condemned> read_condemned(const json& value) {
  Fields in(value, "condemned.");
  Condemned out;
  out.reason = in.text("reason");
  out.claimant = in.number<std::uint32_t>("claimant");
  out.tx = in.bytes<32>("tx");
  if (out.reason == kRefutedWord) {
    out.by = in.number<std::uint32_t>("by");
    out.fraud = in.number<std::uint8_t>("fraud");
  }
  KOINON_CHECK(in.status());
  if (out.reason != kRefutedWord && out.reason != kWithheldWord)
    return fail(Code::malformed, "[receipt] condemned.reason: '{}' or '{}' expected", kRefutedWord, kWithheldWord);
  return out;
}

Status check_signature(const Hash& digest, const base::FixedBytes<65>& signature, const base::Address& signer,
                       std::string_view whose) {
  auto parsed = ledger::Signature::from_bytes(signature.view());
  if (!parsed) return fail(Code::rejected, "[receipt] signature of {}: {}", whose, parsed.error().text);
  const auto found = ledger::recover(digest, *parsed);
  if (!found || *found != signer)
    return fail(Code::rejected, "[receipt] signature of {} is not by {}", whose, base::to_hex(signer));
  return {};
}

/// The receipt as JSON, with its signature.
json whole(const Receipt& receipt) {
  auto out = body(receipt);
  out["signature"] = base::to_hex(receipt.signature);
  return out;
}

/// Names the first place where a text differs from the receipt that was read from it. Errors: malformed.
Status expect_same(const json& ours, const json& theirs, const std::string& where) {
  if (ours == theirs) return {};
  if (ours.is_object() && theirs.is_object()) {
    for (const auto& [key, value] : theirs.items()) {
      const auto place = where.empty() ? key : where + "." + key;
      const auto at = ours.find(key);
      if (at == ours.end()) return fail(Code::malformed, "[receipt] unknown field '{}'", place.substr(0, 80));
      KOINON_CHECK(expect_same(*at, value, place));
    }
  } else if (ours.is_array() && theirs.is_array() && ours.size() == theirs.size()) {
    for (std::size_t i = 0; i < ours.size(); ++i) KOINON_CHECK(expect_same(ours[i], theirs[i], where));
  }
  return fail(Code::malformed, "[receipt] {}: '{}' expected", where, ours.dump().substr(0, 80));
}

/// The fields that a receipt has. Errors: malformed, unsupported (another format).
Result<Receipt> read_receipt(const json& parsed) {
  Fields in(parsed, "");
  Receipt out;
  if (const auto format = in.text("format"); in.status() && format != kFormat)
    return fail(Code::unsupported, "[receipt] format '{}': {} expected", format, kFormat);
  out.chain_id = in.number<std::uint64_t>("chain_id");
  out.market = in.bytes<20>("market");
  out.order = in.number<std::uint64_t>("order");
  out.kind = in.text("kind");
  out.spec = in.bytes<32>("program");
  out.input_root = in.bytes<32>("input_root");
  out.output_root = in.bytes<32>("output_root");
  out.trace_root = in.bytes<32>("trace_root");
  out.verdict = in.text("verdict");
  out.issued_at_ms = static_cast<std::int64_t>(in.number<std::uint64_t>("issued_at"));
  out.issuer = in.bytes<20>("issuer");
  out.signature = in.bytes<65>("signature");
  Fields policy(in.object("policy"), "policy.");
  out.check = policy.text("check");
  out.privacy = policy.text("privacy");
  out.n = policy.number<std::uint8_t>("n");
  out.k = policy.number<std::uint8_t>("k");
  Fields money(in.object("money"), "money.");
  out.paid = money.wei("paid");
  out.slashed = money.wei("slashed");
  out.burned = money.wei("burned");
  out.refunded = money.wei("refunded");
  Fields where(in.object("ledger"), "ledger.");
  out.placed_tx = where.bytes<32>("placed_tx");
  out.settled_tx = where.bytes<32>("settled_tx");
  out.settled_block = where.number<std::uint64_t>("settled_block");
  if (parsed.is_object() && parsed.contains("delivered")) {
    const auto delivered = in.text("delivered");
    if (in.status() && delivered != "ledger")
      return fail(Code::malformed, "[receipt] delivered: 'ledger' expected, or nothing");
    out.over_ledger = true;
  }
  if (parsed.is_object() && parsed.contains("proof")) out.proof = in.bytes<32>("proof");
  if (parsed.is_object() && parsed.contains("condemned")) {
    KOINON_TRY(out.condemned, read_condemned(parsed["condemned"]));
  }
  const auto& outputs = in.list("outputs", work::kMaxParts);
  const auto& claims = in.list("claims", kMaxClaims);
  const auto& payments = in.list("payments", kMaxClaims);
  for (const auto* fields : {&in, &policy, &money, &where}) KOINON_CHECK(fields->status());
  for (const auto& part : outputs) {
    if (!part.is_string()) return fail(Code::malformed, "[receipt] outputs: hex expected");
    KOINON_TRY(auto bytes, base::from_hex(part.get_ref<const std::string&>()));
    out.outputs.push_back(std::move(bytes));
  }
  for (const auto& claim : claims) {
    KOINON_TRY(auto read, read_claim(claim));
    out.claims.push_back(std::move(read));
  }
  for (const auto& payment : payments) {
    KOINON_TRY(auto read, read_payment(payment));
    out.payments.push_back(std::move(read));
  }
  return out;
}

}  // namespace

Hash claim_digest(const trust::OrderContext& context, std::uint32_t account, const Hash& spec, const Hash& input_root,
                  const Hash& output_root, const Hash& trace_root) {
  const ledger::TypedDomain domain{"Koinon", "1", context.chain_id, context.market};
  const auto claim =
      ledger::StructHash(
          "Claim(uint64 order,uint32 account,bytes32 spec,bytes32 inputRoot,bytes32 outputRoot,bytes32 traceRoot)")
          .add(context.order)
          .add(std::uint64_t{account})
          .add(spec)
          .add(input_root)
          .add(output_root)
          .add(trace_root)
          .hash();
  return ledger::typed_data_hash(domain.separator(), claim);
}

Hash Receipt::digest() const { return base::keccak256(base::as_bytes(body(*this).dump())); }

std::string Receipt::to_json() const { return whole(*this).dump(2); }

Result<Receipt> Receipt::from_json(std::string_view text) {
  auto parsed = base::read_json(text);
  if (!parsed) return fail(std::move(parsed).error().within("[receipt]"));
  KOINON_TRY(auto out, read_receipt(*parsed));
  // One writing for one receipt: what it does not say itself when written again was added or changed by somebody.
  KOINON_CHECK(expect_same(whole(out), *parsed, ""));
  return out;
}

bool Receipt::is_of(const OrderView& settled) const {
  return settled.phase == (condemned ? Phase::refunded : Phase::settled) && settled.id == order &&
         settled.settled_tx == settled_tx && settled.settled_block == settled_block;
}

std::optional<Condemned> condemned_of(const OrderView& order) {
  if (order.terms.check != trust::OptimisticCheck::kCode) return {};
  if (order.phase != Phase::refunded || (order.refund_reason != kRefuted && order.refund_reason != kWithheld)) return {};
  Condemned out;
  out.reason = order.refund_reason == kRefuted ? kRefutedWord : kWithheldWord;
  out.tx = order.settled_tx;
  for (const auto& seat : order.seats)
    if (seat.verdict == Standing::rejected) out.claimant = seat.account;
  if (order.refund_reason == kWithheld) return out;
  // The first right commitment is the winner, whatever the order of the proofs.
  const auto first = std::ranges::find(order.dispute.challenges, true, &ChallengeView::proven);
  if (first == order.dispute.challenges.end()) return out;
  out.by = first->account;
  out.fraud = first->fraud;
  out.tx = first->proven_tx;
  return out;
}

namespace {

/// What a receipt of a claim that fell may hold: no result, no payment, and of signed claims that of the claimant alone.
Status check_condemned(const Receipt& receipt) {
  if (receipt.check != trust::OptimisticCheck().name() || !receipt.outputs.empty())
    return fail(Code::rejected, "[receipt] a claim that fell is an optimistic order's, and has no outputs");
  if (!receipt.paid.is_zero())
    return fail(Code::rejected, "[receipt] {} wei are paid: nothing is for a claim that fell", receipt.paid.text());
  if (receipt.claims.size() > 1)
    return fail(Code::rejected, "[receipt] {} claims: of a claim that fell there is one", receipt.claims.size());
  for (const auto& claim : receipt.claims)
    if (claim.account != receipt.condemned->claimant || claim.role != trust::Role::quorum ||
        claim.output_root != receipt.output_root || claim.trace_root != receipt.trace_root)
      return fail(Code::rejected, "[receipt] the claim of account {} is not the one that fell, of account {}", claim.account,
                  receipt.condemned->claimant);
  return {};
}

}  // namespace

Result<ReceiptReport> verify_offline(const Receipt& receipt, const trust::CheckSet& checks) {
  KOINON_CHECK(check_signature(receipt.digest(), receipt.signature, receipt.issuer, "the issuer"));
  const auto check = checks.find(receipt.check);
  if (!check) return fail(Code::unsupported, "[receipt] {}", check.error().text);
  const std::string_view verdict = receipt.condemned ? "rejected" : "accepted";
  if (receipt.verdict != verdict)
    return fail(Code::rejected, "[receipt] the verdict is '{}': {} expected", receipt.verdict, verdict);
  if (receipt.condemned) KOINON_CHECK(check_condemned(receipt));
  if (receipt.n == 0 || receipt.k == 0 || receipt.k > receipt.n || 2 * receipt.k <= receipt.n)
    return fail(Code::rejected, "[receipt] policy quorum({}, {}) is not a majority", receipt.n, receipt.k);
  ReceiptReport report;
  report.outputs_included = !receipt.outputs.empty();
  if (report.outputs_included && work::outputs_root(receipt.outputs) != receipt.output_root)
    return fail(Code::rejected, "[receipt] the outputs do not hash to the output root");
  if (receipt.proof && (receipt.check != trust::ProofCheck().name() || receipt.condemned))
    return fail(Code::rejected, "[receipt] a proof is named by the receipt of a result that was to be proven alone");
  const trust::OrderContext context{receipt.chain_id, receipt.market, receipt.order};
  std::set<std::uint32_t> accounts;
  std::set<base::Address> operators;
  std::size_t quorum = 0;
  std::size_t jury = 0;
  std::size_t jurors = 0;
  for (const auto& claim : receipt.claims) {
    const auto digest =
        claim_digest(context, claim.account, receipt.spec, receipt.input_root, claim.output_root, claim.trace_root);
    KOINON_CHECK(check_signature(digest, claim.signature, claim.operator_address, fmt::format("account {}", claim.account)));
    if (!accounts.insert(claim.account).second || !operators.insert(claim.operator_address).second)
      return fail(Code::rejected, "[receipt] account {} or its operator is counted twice", claim.account);
    const bool supports = claim.output_root == receipt.output_root && claim.trace_root == receipt.trace_root;
    jurors += claim.role == trust::Role::jury ? 1 : 0;
    jury += supports && claim.role == trust::Role::jury ? 1 : 0;
    quorum += supports && claim.role == trust::Role::quorum ? 1 : 0;
  }
  // A jury, where there was one, has the last word.
  report.supporting = jurors == 0 ? quorum : jury;
  report.needed = jurors == 0 ? (*check)->needed(receipt.n, receipt.k) : jurors / 2 + 1;
  report.is_condemned = receipt.condemned.has_value();
  if (report.is_condemned) return report;
  report.needs_ledger = report.supporting < report.needed && receipt.over_ledger;
  if (report.supporting < report.needed && !receipt.over_ledger)
    return fail(Code::rejected, "[receipt] {} signed claims support the result: {} needed", report.supporting, report.needed);
  return report;
}

Status verify_on_ledger(const Receipt& receipt, const Book& book, const trust::CheckSet& checks) {
  const auto* order = book.order(receipt.order);
  if (order == nullptr) return fail(Code::not_found, "[receipt] the ledger knows no order {}", receipt.order);
  const auto differs = [&](std::string_view field) {
    return fail(Code::rejected, "[receipt] {} is not what the ledger says of order {}", field, receipt.order);
  };
  if (receipt.condemned) {
    const auto fell = condemned_of(*order);
    if (!fell) return differs("that its claim fell");
    if (condemned_json(*fell) != condemned_json(*receipt.condemned)) return differs("how its claim fell");
  } else if (order->phase != Phase::settled) {
    return differs("that it was settled");
  }
  if (order->terms.spec != receipt.spec) return differs("program");
  if (order->terms.input_root != receipt.input_root) return differs("input_root");
  if (!order->verdict || order->verdict->output_root != receipt.output_root) return differs("output_root");
  if (order->verdict->trace_root != receipt.trace_root) return differs("trace_root");
  if (order->terms.n != receipt.n || order->terms.k != receipt.k) return differs("policy");
  const auto check = checks.find(order->terms.check);
  if (!check || (*check)->name() != receipt.check) return differs("check");
  if (order->settled_tx != receipt.settled_tx || order->placed_tx != receipt.placed_tx) return differs("ledger");
  if (order->settled_block != receipt.settled_block) return differs("ledger");
  if (receipt.privacy != (order->terms.privacy == 0 ? "plain" : "private")) return differs("policy");
  if (order->paid != receipt.paid || order->slashed != receipt.slashed || order->refunded != receipt.refunded ||
      order->burned != receipt.burned)
    return differs("money");
  // Every seat once: a member that was slashed cannot be left out.
  std::set<std::uint32_t> paid;
  for (const auto& payment : receipt.payments) {
    const auto* seat = order->seat(payment.account);
    if (seat == nullptr || seat->paid != payment.paid || seat->slashed != payment.slashed ||
        payment.verdict != standing_name(seat->verdict) || !paid.insert(payment.account).second)
      return differs("payments");
  }
  if (paid.size() != order->seats.size()) return differs("payments");
  for (const auto& claim : receipt.claims) {
    const auto* seat = order->seat(claim.account);
    if (seat == nullptr || !seat->revealed || order->rounds[seat->round].role != claim.role ||
        seat->claim.output_root != claim.output_root || seat->claim.trace_root != claim.trace_root)
      return differs("claims");
    // Keys change, and a claim stays signed by the one of its day: but another account's key never signed it.
    const auto* member = book.account(claim.account);
    if (member == nullptr || !member->operators.contains(claim.operator_address)) return differs("claims: the operator");
  }
  const auto bound = [&](const Seat& seat) { return seat.verdict == Standing::accepted && seat.claim.mark == *receipt.proof; };
  if (receipt.proof && std::ranges::none_of(order->seats, bound)) return differs("proof");
  const auto* buyer = book.account(order->terms.buyer);
  if (buyer == nullptr || (receipt.issuer != buyer->owner && !buyer->operators.contains(receipt.issuer)))
    return differs("issuer");
  return {};
}

}  // namespace koinon::market
