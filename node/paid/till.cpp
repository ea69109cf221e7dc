#include "node/paid/till.hpp"

#include <nlohmann/json.hpp>
#include <thread>

#include "base/base64.hpp"
#include "base/hash.hpp"
#include "base/log.hpp"
#include "ledger/contracts/koinon_token.hpp"

namespace koinon::node::paid {
namespace {

using base::Code;
using base::fail;
using base::Status;
using ledger::contracts::KoinonToken;
using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

constexpr const char* kField = "PAYMENT-SIGNATURE";
constexpr std::int64_t kKeepMs = 86'400'000;                   ///< answers that were paid for
constexpr std::uint64_t kMostKept = std::uint64_t{256} << 20;  ///< bytes of them
constexpr std::size_t kLargestAnswer = std::size_t{32} << 20;  ///< bytes
constexpr std::uint32_t kPruneEvery = 64;                      ///< payments
constexpr std::uint64_t kLogSpan = 2'000;                      ///< blocks asked at once
constexpr auto kLook = std::chrono::milliseconds(100);

/// What is sold for what: the same request with the same signed authorisation again gets the same answer, all else none. Two
/// authorisations may have one nonce, so that the nonce alone names no payment.
Hash digest_of(const HttpRequest& request, const Requirements& wanted, const Authorization& authorization) {
  std::string all(net::method_name(request.method));
  const auto add = [&all](std::string_view part) {
    all += '\n';
    all += std::to_string(part.size()) + ' ';
    all += part;
  };
  add(request.target);
  for (const auto* field : {"Content-Type", "Inference-Header-Content-Length", "Koinon-Check"}) add(request.headers.get(field));
  add(request.body);
  add(base::as_text(authorization_digest(wanted, authorization).view()));  // from, to, value, times, nonce, token, chain
  add(base::as_text(authorization.signature.bytes()));
  return base::sha256(base::as_bytes(all));
}

HttpResponse busy(int status, std::string_view text) {
  auto out = HttpResponse::json(status, json{{"error", text}}.dump());
  out.headers.set("Retry-After", "1");
  return out;
}

void tell(HttpResponse& response, const Settlement& settlement, const Requirements& wanted) {
  response.headers.set("PAYMENT-RESPONSE", base::encode_base64(base::as_bytes(write_settlement(settlement, wanted))));
}

/// A stream is sold whole: nothing of it may leave before it is paid. Errors: out_of_range, those of the stream.
Status make_whole(HttpResponse& answer) {
  if (const auto* stream = std::get_if<net::StreamBody>(&answer.body)) {
    std::string all;
    for (;;) {
      KOINON_TRY(const auto piece, stream->next());
      if (piece.empty()) break;
      all += piece;
      if (all.size() > kLargestAnswer) break;
    }
    answer.body = std::move(all);
  }
  if (std::holds_alternative<std::string>(answer.body) && answer.body_text().size() <= kLargestAnswer) return {};
  return fail(Code::out_of_range, "[payment] an answer of more than {} bytes is not sold", kLargestAnswer);
}

/// An answer as it is kept.
void keep(PaymentRecord& record, const HttpResponse& answer) {
  json headers = json::array();
  for (const auto& [name, value] : answer.headers.items()) headers.push_back({name, value});
  record.status = answer.status;
  record.headers = headers.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto bytes = base::as_bytes(answer.body_text());
  record.body.assign(bytes.begin(), bytes.end());
}

HttpResponse kept_answer(const PaymentRecord& record) {
  HttpResponse out;
  out.status = record.status;
  for (const auto& one : json::parse(record.headers))
    out.headers.add(one.at(0).get<std::string>(), one.at(1).get<std::string>());
  out.body = std::string(base::as_text(record.body));
  return out;
}

bool is_definite(Code code) { return code == Code::ledger || code == Code::rejected; }

}  // namespace

/// A payment under way: no other request with it is, and the payer's balance is spoken for.
class Till::Turn {
 public:
  Turn(Till& till, const Payment& payment)
      : till_(till), key_(payment.authorization.from, payment.authorization.nonce), amount_(payment.authorization.value) {
    const std::lock_guard lock(till_.mutex_);
    if (till_.busy_.size() >= till_.options_.max_calls) return;
    full_ = false;
    auto& reserved = till_.reserved_[key_.first];
    const auto sum = reserved.plus(amount_);
    if (sum && till_.busy_.insert(key_).second) {
      reserved = reserved_ = *sum;
      admitted_ = true;
    } else if (reserved.is_zero()) {
      till_.reserved_.erase(key_.first);
    }
  }
  ~Turn() {
    if (!admitted_) return;
    const std::lock_guard lock(till_.mutex_);
    till_.busy_.erase(key_);
    auto& reserved = till_.reserved_[key_.first];
    reserved = reserved.minus(amount_).value_or(Wei{});
    if (reserved.is_zero()) till_.reserved_.erase(key_.first);
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  [[nodiscard]] bool admitted() const { return admitted_; }
  [[nodiscard]] bool full() const { return full_; }
  /// All that the payer has under way, this payment included.
  [[nodiscard]] const Wei& reserved() const { return reserved_; }

 private:
  Till& till_;
  const std::pair<Address, Hash> key_;
  const Wei amount_;
  Wei reserved_;
  bool admitted_ = false, full_ = true;
};

Till::Till(Means means, TillOptions options) : m_(std::move(means)), options_(std::move(options)) {}
Till::~Till() = default;

Result<std::unique_ptr<Till>> Till::open(Means means, TillOptions options) {
  constexpr std::uint8_t kFields = 0x0f;  // EIP-5267: name, version, chain id and contract, and no other
  std::unique_ptr<Till> out(new Till(std::move(means), std::move(options)));
  auto& m = out->m_;
  const KoinonToken token(*m.rpc, m.token);
  KOINON_TRY([[maybe_unused]] const auto known, token.authorization_state(m.token, {}));
  KOINON_TRY(auto domain, token.eip712_domain());
  if (domain.fields.bytes[0] != kFields || domain.verifying_contract != m.token || domain.chain_id != Wei(m.chain_id))
    return fail(Code::unsupported, "[payment] the token signs under an unusual domain");
  out->wanted_ = {m.chain_id,
                  m.token,
                  std::move(domain.name),
                  std::move(domain.version),
                  {},
                  out->options_.price,
                  out->options_.max_timeout_s};
  KOINON_CHECK(out->follow_payout());
  return out;
}

Result<Requirements> Till::requirements(const Wei& more) {
  const std::lock_guard lock(mutex_);
  auto out = wanted_;
  KOINON_TRY(out.amount, wanted_.amount.plus(more));
  return out;
}

Status Till::follow_payout() {
  KOINON_TRY(const auto now, m_.pay_to());
  const std::lock_guard lock(mutex_);
  wanted_.pay_to = now;
  return {};
}

HttpResponse Till::ask(const HttpRequest& request, const Requirements& wanted, const Refusal& why) const {
  const auto site = options_.endpoint.empty() ? "http://" + request.headers.get("Host") : options_.endpoint;
  const auto error = why.reason.empty() ? why.text : why.reason + ": " + why.text;
  const auto body = write_required(wanted, {site + request.path, "one run of a model of this node"}, error);
  auto out = HttpResponse::json(402, body);
  out.headers.set("PAYMENT-REQUIRED", base::encode_base64(base::as_bytes(body)));
  return out;
}

Result<std::variant<Till::Paid, HttpResponse>> Till::read(const HttpRequest& request, const Wei& more) {
  using Out = std::variant<Paid, HttpResponse>;
  KOINON_TRY(auto wanted, requirements(more));
  const auto* field = request.headers.find(kField);
  if (field == nullptr) return Out(ask(request, wanted, {"", fmt::format("the field {} is required", kField)}));
  KOINON_TRY(auto payment, read_payment(*field));
  if (const auto why = check_signature(payment, wanted)) return Out(ask(request, wanted, *why));
  return Out(Paid{std::move(payment), std::move(wanted)});
}

Result<std::optional<HttpResponse>> Till::refusal(const HttpRequest& request, bool fixed_price) {
  if (!fixed_price && request.headers.find(kField) == nullptr) return std::nullopt;
  KOINON_TRY(auto out, read(request, {}));
  if (auto* answer = std::get_if<HttpResponse>(&out)) return std::move(*answer);
  return std::nullopt;
}

Result<HttpResponse> Till::serve(const HttpRequest& request, const Cost& cost, const Run& run) {
  KOINON_CHECK(follow_payout());
  KOINON_TRY(const auto more, cost());
  KOINON_TRY(auto out, read(request, more));
  if (auto* answer = std::get_if<HttpResponse>(&out)) return std::move(*answer);
  return take(request, std::get<Paid>(out), run);
}

Result<HttpResponse> Till::take(const HttpRequest& request, const Paid& paid, const Run& run) {
  const auto& a = paid.payment.authorization;
  const Turn turn(*this, paid.payment);
  if (turn.full()) return busy(429, fmt::format("{} paid calls are under way already: try again", options_.max_calls));
  if (!turn.admitted()) return busy(409, "a request with this payment is under way: ask again");
  const auto digest = digest_of(request, paid.wanted, a);
  KOINON_TRY(auto kept, m_.payments->get(a.from, a.nonce));
  if (kept && kept->request != digest)
    return ask(request, paid.wanted,
               {"invalid_transaction_state", "its nonce was taken for another request, or with another authorisation"});
  if (kept && kept->status == 0) return fail(Code::not_found, "[payment] its answer was given, and is kept no longer");
  bool is_taken = kept && kept->settled;
  if (kept && !is_taken) {
    KOINON_TRY(is_taken, is_under_way(a));
  }
  if (!is_taken) {
    auto why = check_terms(paid.payment, paid.wanted);
    if (!why) why = check_time(paid.payment, m_.clock->now_ms() / 1000);
    if (!why) {
      KOINON_TRY(why, check_ledger(paid.payment, turn.reserved()));
    }
    if (why) return ask(request, paid.wanted, *why);
  }
  return kept ? hand_over(request, paid, *std::move(kept)) : sell(request, paid, digest, run);
}

/// Whether the transfer is sent, or its nonce used. Otherwise its transaction was never sent, or it reverted, and an answer
/// that is kept for it is owed nothing: the payment must stand every check again.
Result<bool> Till::is_under_way(const Authorization& a) const {
  KOINON_TRY(const auto request, transfer(a));
  if (m_.sender->sent(request.data)) return true;
  return KoinonToken(*m_.rpc, m_.token).authorization_state(a.from, a.nonce);
}

Result<HttpResponse> Till::sell(const HttpRequest& request, const Paid& paid, const Hash& digest, const Run& run) {
  const auto& a = paid.payment.authorization;
  PaymentRecord record;
  record.payer = a.from;
  record.nonce = a.nonce;
  record.request = digest;
  record.amount = a.value;
  KOINON_TRY(record.valid_before_s, a.valid_before.to_u64());
  KOINON_TRY(record.block, m_.rpc->block_number());
  KOINON_TRY(auto answer, run());
  if (!answer.ok()) return answer;
  KOINON_CHECK(make_whole(answer));
  if (const auto late = check_time(paid.payment, m_.clock->now_ms() / 1000)) return ask(request, paid.wanted, *late);
  keep(record, answer);
  record.updated_ms = m_.clock->now_ms();
  prune();
  KOINON_CHECK(m_.payments->put(record));
  return hand_over(request, paid, std::move(record));
}

Result<HttpResponse> Till::hand_over(const HttpRequest& request, const Paid& paid, PaymentRecord record) {
  const auto& a = paid.payment.authorization;
  if (!record.settled) {
    const auto transaction = settle(paid.payment, record);
    if (!transaction && !is_definite(transaction.error().code)) {
      base::log_warn("[payment] of {}: {}", ledger::checksum_address(a.from), transaction.error().text);
      return busy(503, "the payment is not on the ledger yet: ask again with the same payment, which is taken once at most");
    }
    if (!transaction) {
      auto out = ask(request, paid.wanted, {"invalid_transaction_state", transaction.error().text});
      tell(out, {false, "invalid_transaction_state", a.from, {}}, paid.wanted);
      return out;
    }
    KOINON_CHECK(m_.payments->settle(a.from, a.nonce, *transaction, m_.clock->now_ms()));
    record.transaction = *transaction;
  }
  auto out = kept_answer(record);
  tell(out, {true, "", a.from, record.transaction}, paid.wanted);
  return out;
}

Result<std::optional<Refusal>> Till::verify(const Payment& payment, const Requirements& wanted) {
  auto why = check_signature(payment, wanted);
  if (!why) why = check_terms(payment, wanted);
  if (!why) why = check_time(payment, m_.clock->now_ms() / 1000);
  if (why) return why;
  return check_ledger(payment, payment.authorization.value);
}

Result<std::optional<Refusal>> Till::check_ledger(const Payment& payment, const Wei& reserved) {
  const auto& a = payment.authorization;
  const KoinonToken token(*m_.rpc, m_.token);
  KOINON_TRY(const auto used, token.authorization_state(a.from, a.nonce));
  if (used) return Refusal{"invalid_transaction_state", "this authorisation was used or cancelled before"};
  KOINON_TRY(const auto balance, token.balance_of(a.from));
  if (balance < reserved)
    return Refusal{"insufficient_funds", fmt::format("{} has {} wei of the token, and {} to pay, calls under way included",
                                                     ledger::checksum_address(a.from), balance.text(), reserved.text())};
  KOINON_TRY(const auto request, transfer(a));
  const auto simulated = m_.rpc->eth_call({m_.sender->address(), m_.token, request.data, {}});
  if (simulated) return std::nullopt;
  if (is_definite(simulated.error().code)) return Refusal{"invalid_transaction_state", simulated.error().text};
  return fail(simulated.error());
}

Result<ledger::TxRequest> Till::transfer(const Authorization& a) const {
  const KoinonToken token(*m_.rpc, m_.token);
  const auto& s = a.signature;
  KOINON_TRY(auto out, token.transfer_with_authorization(a.from, a.to, a.value, a.valid_after, a.valid_before, a.nonce,
                                                         static_cast<std::uint8_t>(27 + s.y_parity), s.r, s.s));
  out.label = "payment of a call";
  return out;
}

/// The transaction that took the payment. Errors: ledger or rejected (it was not taken, and is not by what was sent), others:
/// not known yet.
Result<Hash> Till::settle(const Payment& payment, const PaymentRecord& record) {
  const auto& a = payment.authorization;
  KOINON_TRY(const auto request, transfer(a));
  const KoinonToken token(*m_.rpc, m_.token);
  auto nonce = Result<std::uint64_t>(fail(Code::not_found, ""));
  if (const auto sent = m_.sender->sent(request.data)) {
    nonce = *sent;
  } else {
    KOINON_TRY(const auto used, token.authorization_state(a.from, a.nonce));
    if (used) return find_use(a, record.block);
    nonce = m_.sender->submit(request);
    if (!nonce && is_definite(nonce.error().code)) {
      KOINON_TRY(const auto meanwhile, token.authorization_state(a.from, a.nonce));
      if (meanwhile) return find_use(a, record.block);
      KOINON_CHECK(m_.payments->erase(a.from, a.nonce));  // nothing was sent
    }
  }
  if (!nonce) return fail(nonce.error());
  const auto receipt = m_.sender->wait(*nonce, options_.wait_ms);
  if (receipt) {
    KOINON_CHECK(confirm(receipt->transaction));
    return receipt->transaction;
  }
  if (!is_definite(receipt.error().code)) return fail(receipt.error());
  // It reverted: somebody else sent the same transfer first, or the payer withdrew it or moved its tokens. The answer stays:
  // with the nonce unused anybody may still send what the payer signed, and it is sold for nothing but that.
  KOINON_TRY(const auto used, token.authorization_state(a.from, a.nonce));
  return used ? find_use(a, record.block) : Result<Hash>(fail(receipt.error()));
}

/// Whether a transaction moved what the payer authorised: the token tells the use, and right behind it the transfer. An
/// authorisation of another transfer may have the same nonce.
bool moved(const ledger::Receipt& receipt, const Address& token, const Authorization& a) {
  for (std::size_t i = 0; i + 1 < receipt.logs.size(); ++i) {
    const auto& [first, second] = std::tie(receipt.logs[i], receipt.logs[i + 1]);
    if (first.address != token || second.address != token) continue;
    const auto used = KoinonToken::AuthorizationUsed::decode(first);
    const auto sent = KoinonToken::Transfer::decode(second);
    if (used && sent && used->authorizer == a.from && used->nonce == a.nonce && sent->from_ == a.from && sent->to == a.to &&
        sent->value_ == a.value)
      return true;
  }
  return false;
}

/// The transaction in which somebody used the authorisation. Errors: rejected (it pays us nothing), those of the ledger.
Result<Hash> Till::find_use(const Authorization& a, std::uint64_t since) {
  KOINON_TRY(const auto head, m_.rpc->block_number());
  for (auto from = since; from <= head; from += kLogSpan) {
    ledger::LogQuery query;
    query.addresses = {m_.token};
    query.topic0 = {KoinonToken::AuthorizationUsed::topic()};
    query.from = from;
    query.to = std::min(head, from + kLogSpan - 1);
    KOINON_TRY(const auto logs, m_.rpc->logs(query));
    for (const auto& log : logs) {
      const auto used = KoinonToken::AuthorizationUsed::decode(log);
      if (!used || used->authorizer != a.from || used->nonce != a.nonce) continue;
      KOINON_CHECK(confirm(log.transaction));
      KOINON_TRY(const auto receipt, m_.rpc->receipt(log.transaction));
      if (!receipt || !moved(*receipt, m_.token, a)) return fail(Code::rejected, "the nonce was used for another transfer");
      return log.transaction;
    }
  }
  return fail(Code::rejected, "the authorisation was cancelled, or used before this request");
}

Status Till::confirm(const Hash& transaction) {
  const auto until = m_.clock->now_ms() + options_.wait_ms;
  for (;;) {
    KOINON_TRY(const auto receipt, m_.rpc->receipt(transaction));
    KOINON_TRY(const auto head, m_.rpc->block_number());
    if (receipt && receipt->success && head + 1 >= receipt->block.number + options_.confirmations) return {};
    if (m_.clock->now_ms() > until)
      return fail(Code::timeout, "{} is in fewer than {} blocks", base::to_hex(transaction), options_.confirmations);
    std::this_thread::sleep_for(kLook);
  }
}

void Till::prune() {
  {
    const std::lock_guard lock(mutex_);
    if (since_prune_++ % kPruneEvery != 0) return;
  }
  if (const auto done = m_.payments->prune(m_.clock->now_ms(), kKeepMs, kMostKept); !done)
    base::log_warn("[payment] {}", done.error().text);
}

}  // namespace koinon::node::paid
