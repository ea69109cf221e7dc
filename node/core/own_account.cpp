#include "node/core/own_account.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/json.hpp"
#include "base/log.hpp"

namespace koinon::node {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using base::Wei;
using nlohmann::json;

constexpr std::int64_t kEarlierMs = 120'000;  ///< for transactions of an earlier run to be done
constexpr std::int64_t kLookMs = 50;
constexpr std::uint64_t kLocksAnOrder = 20;  ///< prices that a member of quorum(3, 2) locks
constexpr std::uint64_t kOrdersAtOnce = 8;   ///< that the default stake covers

/// What is kept of an account, by ledger.
struct Remembered {
  std::uint32_t id = 0;
  bool funded = false;
};

std::string key_of(const std::string& ledger) { return "account/" + ledger; }

Result<Remembered> recall(Store& store, const std::string& ledger) {
  KOINON_TRY(const auto text, store.settings.get(key_of(ledger)));
  if (!text) return Remembered{};
  const auto read = base::parse_json(*text);
  if (!read.is_object() || !read.contains("id") || !read["id"].is_number_unsigned() || !read.contains("funded") ||
      !read["funded"].is_boolean())
    return fail(Code::malformed, "[account] the note of our account is damaged: '{}'", text->substr(0, 80));
  return Remembered{read["id"].get<std::uint32_t>(), read["funded"].get<bool>()};
}

}  // namespace

Status OwnAccount::finish_earlier() {
  const auto until = m_.clock->now_ms() + kEarlierMs;
  bool told = false;
  while (const auto left = m_.sender->in_flight()) {
    if (m_.clock->now_ms() > until)
      return fail(
          Code::timeout,
          "[account] {} transactions of an earlier run are in no block after {} s: start again when the ledger takes them",
          left, kEarlierMs / 1000);
    if (!std::exchange(told, true)) base::log_info("waiting for {} transactions of an earlier run", left);
    std::this_thread::sleep_for(std::chrono::milliseconds(kLookMs));
  }
  return m_.sync->catch_up();
}

Status OwnAccount::remember(std::uint32_t id, bool funded) {
  return m_.store->settings.set(key_of(m_.ledger), json{{"id", id}, {"funded", funded}}.dump());
}

market::AccountView OwnAccount::view() const {
  market::AccountView out;
  m_.sync->read([&](const market::Book& book, std::uint64_t) {
    if (const auto* account = book.account(id_)) out = *account;
  });
  return out;
}

Result<std::uint32_t> OwnAccount::find_or_open(std::uint32_t remembered) {
  const auto& self = m_.sender->address();
  const auto ours = [&] {
    std::uint32_t out = 0;
    m_.sync->read([&](const market::Book& book, std::uint64_t) {
      if (const auto* kept = book.account(remembered);
          kept != nullptr && (kept->owner == self || kept->operator_address == self))
        out = remembered;
      else if (const auto* opened = book.opened_by(self))
        out = opened->id;
    });
    return out;
  };
  if (const auto found = ours(); found != 0) return found;
  KOINON_CHECK(finish_earlier());
  if (const auto found = ours(); found != 0) return found;
  KOINON_TRY(const auto opened, m_.accounts->open(self, self));
  base::log_info("opened account {} of {}", opened, ledger::checksum_address(self));
  return opened;
}

Result<std::uint32_t> OwnAccount::open(std::uint32_t configured, const Wei& working) {
  KOINON_TRY(const auto kept, recall(*m_.store, m_.ledger));
  if (configured != 0) {
    id_ = configured;
    KOINON_CHECK(m_.sync->catch_up());
    const auto& self = m_.sender->address();
    if (const auto mine = view(); mine.owner != self && mine.operator_address != self)
      return fail(Code::unauthorised, "[account] account.id is {}: {} neither owns nor operates it", configured,
                  ledger::checksum_address(self));
    return id_;  // its owner pays in, not we
  }
  KOINON_TRY(id_, find_or_open(kept.id));
  bool funded = kept.funded && kept.id == id_;
  if (kept.id != id_) KOINON_CHECK(remember(id_, funded));
  if (!funded && m_.grant) {
    KOINON_CHECK(finish_earlier());
    if (view().deposited < working) KOINON_CHECK(ensure_balance(working));
    KOINON_CHECK(remember(id_, true));
  }
  return id_;
}

/// Precondition: nothing of an earlier run is pending.
Status OwnAccount::ensure_balance(const Wei& needed) {
  KOINON_CHECK(m_.sync->catch_up());
  const auto free = view().free;
  if (free >= needed) return {};
  KOINON_TRY(const auto missing, needed.minus(free));
  KOINON_TRY(const auto held, m_.accounts->tokens_of(m_.sender->address()));
  if (held < missing) {
    KOINON_TRY(const auto short_of, missing.minus(held));
    if (!m_.grant)
      return fail(Code::exhausted, "[account] account {} has {} tokens free and {} holds {}: send {} tokens to it", id_,
                  free.tokens(), ledger::checksum_address(m_.sender->address()), held.tokens(), short_of.tokens());
    KOINON_CHECK(m_.grant(short_of));
  }
  return m_.accounts->deposit(id_, missing);
}

Status OwnAccount::sell(const ProviderConfig& provider, const Wei& least_stake, const std::string& endpoint,
                        const market::BoxKey& key, const work::KindSet& kinds) {
  KOINON_TRY(const auto tier, market::tier_from(provider.price));
  auto wanted = provider.stake;
  if (wanted.is_zero()) {
    KOINON_TRY(wanted, market::tier_price(tier).times(kLocksAnOrder * kOrdersAtOnce));
    wanted = std::max(wanted, least_stake);
  }
  KOINON_CHECK(finish_earlier());
  const auto mine = view();
  if (mine.stake < wanted) {
    KOINON_TRY(const auto missing, wanted.minus(mine.stake));
    KOINON_CHECK(ensure_balance(missing));
    KOINON_CHECK(m_.accounts->stake(id_, missing));
    base::log_info("staked {}", wanted.tokens());
  }
  if (mine.endpoint != endpoint || mine.encryption_key != key) KOINON_CHECK(m_.accounts->set_profile(id_, endpoint, key));
  for (const auto& name : provider.kinds) {
    KOINON_TRY(const auto* kind, kinds.find(name));
    const auto at = mine.offers.find(kind->code());
    if (at == mine.offers.end() || !at->second.active || at->second.tier != tier)
      KOINON_CHECK(m_.accounts->set_offer(id_, kind->code(), tier, true));
    base::log_info("offering {} at {} an order", name, market::tier_price(tier).tokens());
  }
  return {};
}

}  // namespace koinon::node
