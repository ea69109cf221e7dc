#include "cli/remote/revert.hpp"

#include <charconv>

#include "base/clock.hpp"
#include "base/money.hpp"
#include "cli/terminal/console.hpp"

namespace koinon::cli {
namespace {

constexpr std::string_view kMark = "reverted: ";
constexpr std::size_t kMaxArguments = 16;
constexpr std::int64_t kLastSecond = 253'402'300'799;  // the year 9999

/// "{x}" stands for argument x as it is, "{x$}" for an amount in tokens, "{x@}" for a time, "{x-y$}" for a difference.
struct Sentence {
  std::string_view what;
  std::string_view next;  ///< may be empty
};

constexpr std::string_view kOurs =
    "nothing of yours is wrong: the order moved on, or this is a fault of the program; see: koinon orders show {orderId}";
constexpr std::string_view kAgain = "see how far it is: koinon orders show {orderId}";
constexpr std::string_view kReport = "this is a fault of the program or of the contracts' set-up: report it";

/// Every custom error of the contracts' ABI. Kept whole by a test.
const std::map<std::string_view, Sentence>& sentences() {
  static const std::map<std::string_view, Sentence> kAll = {
      // The registry: accounts, money, stake, offers.
      {"InsufficientBalance",
       {"account {account} has {free$} tokens free, and {needed$} are needed: {needed-free$} are missing",
        "bring more with: koinon account deposit {needed-free$}, or ask for less; koinon account show tells what is there"}},
      {"InsufficientStake",
       {"account {account} has {free$} tokens of stake that nothing holds, and {needed$} are needed: {needed-free$} are "
        "missing",
        "stake more: koinon account stake {needed-free$}; stake that open orders lock is free again when they end"}},
      {"NotUnbonded",
       {"the stake of account {account} is unbonding until {availableAt@}", "take it then: koinon account unstake --finish"}},
      {"NoAccount",
       {"there is no account {account} on this ledger", "see who is there: koinon providers; your own: koinon account show"}},
      {"NotActor",
       {"{caller} is neither the owner nor the operator of account {account}",
        "act with the key of one of them: --key KEYSTORE"}},
      {"NotOwner",
       {"{caller} is not the owner of account {account}: operator, payout and owner are the owner's to set",
        "act with the owner's key: --account {account} --key KEYSTORE"}},
      {"NotPendingOwner",
       {"account {account} was not offered to {caller}",
        "the owner offers it first: koinon account owner ADDRESS; then accept with the key of that address: --account ID --key "
        "KEYSTORE"}},
      {"ZeroAmount",
       {"nothing to move: the amount is zero", "name an amount above zero; koinon account show tells what is there"}},
      {"ZeroAddress", {"the zero address is nobody's: money sent there would be lost", "name another address"}},
      {"EndpointTooLong", {"the public address has {length} bytes: at most 200", "give a shorter one: --public URL"}},
      {"InvalidKind", {"the market knows no kind of work {kind}", "see what this node offers: koinon status"}},
      {"InvalidTier", {"step {tier} is not on the market's ladder of prices", "name a price from 0.000001 up"}},
      {"TooManyOffers",
       {"account {account} offers as many kinds as one account may", "end one first: koinon account offer --kind KIND --stop"}},
      {"TierFull", {"no place is left for offers of kind {kind} at this price", "offer at a slightly other price"}},
      {"NotMarket", {"only the market may do this, not {caller}", kReport}},
      {"Overdrawn", {"the market holds {held$} tokens, and {needed$} would leave it", kReport}},
      {"ReentrancyGuardReentrantCall",
       {"the token called back into the contracts, which they refuse", "use a settlement token that does not"}},
      // The token.
      {"ERC20InsufficientBalance",
       {"{sender} holds {balance$} tokens, and {needed$} are needed: {needed-balance$} are missing",
        "send tokens to that address first, or name a smaller amount"}},
      {"ERC20InsufficientAllowance",
       {"{spender} may take {allowance$} of the tokens, and {needed$} are needed",
        "approve it for that amount, then try again"}},
      {"ERC20InvalidApprover", {"{approver} cannot give an allowance", kReport}},
      {"ERC20InvalidReceiver", {"{receiver} cannot receive tokens", "name another address"}},
      {"ERC20InvalidSender", {"{sender} cannot send tokens", kReport}},
      {"ERC20InvalidSpender", {"{spender} cannot be given an allowance", kReport}},
      {"SafeERC20FailedOperation", {"the token {token} refused to move the money", "see that both sides may hold this token"}},
      {"ERC2612ExpiredSignature",
       {"the permission to move the tokens ended at {deadline@}", "try again; check this machine's clock"}},
      {"ERC2612InvalidSigner",
       {"the permission to move the tokens of {owner} was signed by {signer}", "sign with the key of the owner"}},
      {"ERC3009InvalidAuthorizationTime",
       {"the authorisation to move the tokens holds from {validAfter@} to {validBefore@}, which is not now",
        "try again; check this machine's clock"}},
      {"ERC3009InvalidSignature",
       {"the authorisation to move the tokens is not signed by their holder", "sign with the key that holds them"}},
      {"ERC3009UsedAuthorization", {"this authorisation of {authorizer} was used before", "try again: each is made anew"}},
      {"ECDSAInvalidSignature", {"a signature is of nobody", kReport}},
      {"ECDSAInvalidSignatureLength", {"a signature has {length} bytes: 65 expected", kReport}},
      {"ECDSAInvalidSignatureS", {"a signature is not in its one allowed form", kReport}},
      {"InvalidAccountNonce", {"a permission of {account} has an old number: {currentNonce} is next", "try again"}},
      {"InvalidShortString", {"the token's name cannot be read", kReport}},
      {"StringTooLong", {"the token's name is too long", kReport}},
      {"SafeCastOverflowedUintDowncast", {"{value} does not fit {bits} bits", "name a smaller amount"}},
      // The market: placing.
      {"InvalidConfig", {"the market cannot be set up: {field}", kReport}},
      {"UnsupportedCheck", {"this market has no check number {check}", "see what this node offers: koinon status"}},
      {"UnsupportedPrivacy", {"this market has no privacy number {privacy}", "order without --private"}},
      {"NonceUsed", {"this order was placed before, as order {orderId}", "see it: koinon orders show {orderId}"}},
      {"TooFewEligible",
       {"{eligible} providers could be drawn, and {needed} are needed",
        "see who sells with: koinon providers; raise --price, lower --n, or start one: koinon provide"}},
      // The market: an order's life, where the node acts by itself.
      {"WrongPhase", {"order {orderId} is no longer where this step belongs", kAgain}},
      {"TooEarly", {"this step of the order is not due yet", "wait: the node does it when it is due"}},
      {"TooLate", {"the time for this step ended at {deadline@}", "see what came of the order: koinon orders"}},
      {"NotMember", {"account {account} was not drawn for order {orderId}", kAgain}},
      {"WrongRound", {"the order is in round {expected}, and this is for round {round}", "see the order: koinon orders"}},
      {"AlreadyCommitted", {"account {account} has committed to its claim on order {orderId} before", kAgain}},
      {"AlreadyRevealed", {"account {account} has revealed its claim on order {orderId} before", kAgain}},
      {"EmptyCommitment", {"a commitment of zero binds to nothing", kReport}},
      {"WrongReveal",
       {"what was revealed is not what was committed to",
        "see whether the provider's data folder was replaced between the two: it keeps the salt"}},
      {"NotPublisher", {"account {account} may not publish the input of order {orderId}", kOurs}},
      {"LocatorTooLong",
       {"the address of the input has {length} bytes: at most 200", "give the node a shorter one: --public URL"}},
      {"InvalidEnvelope", {"the encrypted input has a size or root that no envelope has", kReport}},
      {"DemandOpen", {"a demand for bytes on the ledger is open in order {orderId}: it is answered or runs out first", kAgain}},
      {"NoDemand", {"nobody demands bytes on the ledger in order {orderId} any more", kAgain}},
      {"TooManyDemands", {"order {orderId} has had as many demands for bytes as it may", kAgain}},
      {"WrongSubtree", {"part {subtree} is outside the bytes that were demanded", kReport}},
      {"WrongAnswer", {"the bytes are not those that were committed to", "the stored artifact is damaged: see the node's log"}},
      {"NotAccepted", {"the claim of account {account} on order {orderId} was not accepted", kAgain}},
      {"AppealsExhausted", {"order {orderId} has had as many appeals as it may: its verdict is final", kAgain}},
      {"NotUnanimous", {"the claims on order {orderId} differ: it cannot be ended early", kAgain}},
      {"NoJury", {"order's jury {jury} does not exist", kReport}},
  };
  return kAll;
}

/// Terms of an order that the market refuses, by the field that it names.
const std::map<std::string_view, Sentence>& terms() {
  static const std::map<std::string_view, Sentence> kAll = {
      {"commitWindow",
       {"the time to run it (--commit-window) is outside what this market allows",
        "leave --commit-window out, or name more seconds: local ledgers take 5 to 86400"}},
      {"auditBps",
       {"the chance of an audit (--audit) is below what this market asks at least", "name a higher one, or leave --audit out"}},
      {"n", {"the number of providers (--n) is outside 1 to 5", "name another --n"}},
      {"k", {"--k is not more than half of --n and at most --n", "leave --k out for a majority"}},
      {"maxTier", {"the price (--price) is above the market's ladder", "name a lower --price"}},
      {"kind", {"the market knows no such kind of work", "see what this node offers: koinon status"}},
      {"spec", {"the order names no program", kReport}},
      {"inputRoot", {"the order binds no input", kReport}},
  };
  return kAll;
}

std::string argument(const Revert& revert, std::string_view name) {
  const auto at = revert.arguments.find(std::string(name));
  return at == revert.arguments.end() ? "?" : clean(at->second, 100);
}

std::string amount(const Revert& revert, std::string_view name) {
  const auto read = [&](std::string_view key) { return base::Wei::parse(argument(revert, key)); };
  if (const auto cut = name.find('-'); cut != std::string_view::npos) {
    const auto a = read(name.substr(0, cut)), b = read(name.substr(cut + 1));
    if (!a || !b) return "?";
    const auto out = a->minus(*b);
    return out ? out->tokens() : "0";
  }
  const auto value = read(name);
  return value ? value->tokens() : "?";
}

std::string time(const Revert& revert, std::string_view name) {
  const auto text = argument(revert, name);
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || seconds < 0 || seconds > kLastSecond) return "a time unknown";
  return base::timestamp(seconds * 1000);
}

/// The template with the arguments put in.
std::string filled(std::string_view text, const Revert& revert) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    auto name = text.substr(open + 1, close - open - 1);
    const char form = name.back();
    if (form == '$' || form == '@') name.remove_suffix(1);
    out += form == '$' ? amount(revert, name) : form == '@' ? time(revert, name) : argument(revert, name);
    text.remove_prefix(close + 1);
  }
  return out;
}

/// Reads "key: value" at the front of `rest`; values are bare or in quotes, without escapes that matter here.
bool take_argument(std::string_view& rest, Revert& out) {
  const auto colon = rest.find(": ");
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string key(rest.substr(0, colon));
  rest.remove_prefix(colon + 2);
  const bool quoted = rest.starts_with('"');
  if (quoted) rest.remove_prefix(1);
  const auto end = quoted ? rest.find('"') : rest.find_first_of(",)");
  if (end == std::string_view::npos) return false;
  out.arguments.emplace(key, rest.substr(0, end));
  rest.remove_prefix(end + (quoted ? 1 : 0));
  if (rest.starts_with(", ")) rest.remove_prefix(2);
  return true;
}

}  // namespace

std::optional<Revert> find_revert(std::string_view text) {
  const auto at = text.rfind(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  auto rest = text.substr(at + kMark.size());
  const auto open = rest.find('(');
  if (open == std::string_view::npos || open == 0) return std::nullopt;
  Revert out{std::string(rest.substr(0, open)), {}};
  rest.remove_prefix(open + 1);
  while (out.arguments.size() < kMaxArguments && !rest.starts_with(')'))
    if (!take_argument(rest, out)) break;
  return out;
}

std::optional<std::string> sentence_of(const Revert& revert) {
  const auto& all = revert.name == "InvalidTerms" ? terms() : sentences();
  const auto known = all.find(revert.name == "InvalidTerms" ? argument(revert, "field") : revert.name);
  if (known == all.end()) return std::nullopt;
  const auto& [what, next] = known->second;
  return fmt::format("{} ({})\n  Next: {}", filled(what, revert), revert.name, filled(next, revert));
}

base::Error in_words(base::Error error) {
  const auto revert = find_revert(error.text);
  if (!revert) return error;
  if (const auto sentence = sentence_of(*revert)) error.text = "[ledger] " + *sentence;
  return error;
}

}  // namespace koinon::cli
