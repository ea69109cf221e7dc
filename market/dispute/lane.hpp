#pragma once
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>

namespace koinon::market {

/// The order in which questions about our claims are answered: what the ledger demands has a clock and comes first; of
/// visitors, who pay nothing, one is served at a time and kWaiting may wait, so that none of them keeps the node from its
/// duties.
class Lane {
 public:
  static constexpr int kWaiting = 1;

  /// A visitor's turn; the lane is the next one's when it goes.
  class Turn {
   public:
    Turn(Turn&& other) noexcept : lane_(std::exchange(other.lane_, nullptr)), stop_(std::move(other.stop_)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (lane_ != nullptr) lane_->leave();
    }
    /// Asked for when the ledger demands something.
    [[nodiscard]] std::stop_token stop() const { return stop_.get_token(); }

   private:
    friend class Lane;
    Turn(Lane& lane, std::stop_source stop) : lane_(&lane), stop_(std::move(stop)) {}
    Lane* lane_;
    std::stop_source stop_;
  };

  /// While it lives no visitor is served.
  class Urgent {
   public:
    explicit Urgent(Lane& lane) : lane_(lane) { lane_.claim(); }
    Urgent(const Urgent&) = delete;
    Urgent& operator=(const Urgent&) = delete;
    ~Urgent() { lane_.yield(); }

   private:
    Lane& lane_;
  };

  /// Waits for its turn; nothing when too many wait already or the ledger's demands are being answered.
  std::optional<Turn> enter() {
    std::unique_lock lock(mutex_);
    if (urgent_ > 0 || visitors_ > kWaiting) return std::nullopt;
    ++visitors_;
    free_.wait(lock, [&] { return urgent_ > 0 || !busy_; });
    if (urgent_ > 0) {
      --visitors_;
      return std::nullopt;
    }
    busy_ = true;
    serving_ = std::stop_source();
    return Turn(*this, serving_);
  }

  /// Visitors that wait for their turn.
  [[nodiscard]] int waiting() {
    const std::lock_guard lock(mutex_);
    return visitors_ - (busy_ ? 1 : 0);
  }

 private:
  void leave() {
    {
      const std::lock_guard lock(mutex_);
      --visitors_;
      busy_ = false;
    }
    free_.notify_all();
  }
  void claim() {
    {
      const std::lock_guard lock(mutex_);
      ++urgent_;
      serving_.request_stop();
    }
    free_.notify_all();
  }
  void yield() {
    const std::lock_guard lock(mutex_);
    --urgent_;
  }

  std::mutex mutex_;  // guards all that follows
  std::condition_variable free_;
  int visitors_ = 0;  ///< served or waiting
  int urgent_ = 0;
  bool busy_ = false;
  std::stop_source serving_;
};

}  // namespace koinon::market
