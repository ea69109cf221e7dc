#pragma once
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "market/book/book.hpp"
#include "trust/check.hpp"
#include "work/kind.hpp"

namespace koinon::node::api {

/// What a summary shows beside the book.
struct OrderAside {
  const work::KindSet* kinds = nullptr;
  const trust::CheckSet* checks = nullptr;
  std::string model;  ///< name; empty when this node does not know the program
  bool mine = false;
  std::optional<std::string> answer;  ///< absent for all but the owner
};

/// What the details show beside the book and the summary. All of it is absent for all but the owner.
struct OrderOwn {
  const nlohmann::json* outputs = nullptr;  ///< array of Output
  bool picture = false;
  std::optional<std::string> label;
  std::optional<base::Hash> salt;  ///< that keeps the input from being guessed from its root
  bool receipt = false;
  std::optional<bool> agrees;  ///< the verdict is what this node's own run gave, where it ran the order too
};

/// OrderSummary of the document.
nlohmann::json order_summary(const market::OrderView& order, const OrderAside& aside);
/// Order of the document. `deadline_s`: of the phase, Unix seconds; 0 when it is not known.
nlohmann::json order_details(const market::OrderView& order, const OrderAside& aside, const OrderOwn& own,
                             std::int64_t deadline_s);
/// Its rounds, an array of Round.
nlohmann::json order_rounds(const market::OrderView& order);
/// Where its money is. Once final, escrow + slashed = paid + fee + burned + refunded.
nlohmann::json order_money(const market::OrderView& order);

/// Provider of the document. `account` has made an offer once; `least_stake`: of the deployment, wei.
nlohmann::json provider_json(const market::AccountView& account, const base::Wei& least_stake, const work::KindSet* kinds);
/// True when it has made an offer, active or not.
bool is_provider(const market::AccountView& account);

/// a + b; a when the sum does not fit, which no token's supply allows.
base::Wei sum(const base::Wei& a, const base::Wei& b);
/// a - b, or zero when b is larger.
base::Wei rest(const base::Wei& a, const base::Wei& b);

}  // namespace koinon::node::api
