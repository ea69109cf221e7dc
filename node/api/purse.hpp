#pragma once
#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>

#include "base/money.hpp"
#include "base/result.hpp"

namespace koinon::node::api {

/// Money that orders being placed take from the free balance, so that several at once do not count on the same tokens: the
/// ledger shows what an order took only when it stands there. Thread-safe.
class Purse {
 public:
  /// What is free now and what of it is kept for orders that stand.
  struct Means {
    base::Wei free, kept;
    std::size_t orders = 0;  ///< that the rest is kept for
  };
  /// Money that is spoken for as long as this lives.
  class Hold {
   public:
    Hold() = default;
    Hold(Purse& purse, const base::Wei& amount) : purse_(&purse), amount_(amount) {}
    Hold(Hold&& other) noexcept : purse_(std::exchange(other.purse_, nullptr)), amount_(other.amount_) {}
    Hold& operator=(Hold&&) = delete;
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;
    ~Hold() {
      if (purse_ != nullptr) purse_->give_back(amount_);
    }

   private:
    Purse* purse_ = nullptr;
    base::Wei amount_;
  };

  /// Holds `order`, what the ledger takes when it is placed, and `dispute`, what must be left to dispute a wrong claim. `means`
  /// is asked as often as needed: where money is short it waits a little for orders that are being placed now, which the ledger
  /// may show already. Errors: conflict, with the sums and what to do; those of `means`.
  base::Result<Hold> take(const base::Wei& order, const base::Wei& dispute, const std::function<base::Result<Means>()>& means);

 private:
  void give_back(const base::Wei& amount);

  std::mutex mutex_;
  std::condition_variable changed_;
  base::Wei held_;  ///< guarded by mutex_
};

}  // namespace koinon::node::api
