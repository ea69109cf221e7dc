#pragma once
#include <condition_variable>
#include <mutex>
#include <set>

#include "base/hash.hpp"
#include "base/random.hpp"
#include "node/store/store.hpp"

namespace koinon::node::api {

/// Requests that a client may send again because it never saw the answer: one key, one order. What a key stands for is on disk
/// before anything is ordered. Thread-safe.
class Repeats {
 public:
  explicit Repeats(Store& store) : store_(store) {}

  /// A key that is being worked on; others with the same key wait for its end.
  class Turn {
   public:
    Turn(Repeats& repeats, std::string key);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    Repeats& repeats_;
    const std::string key_;
  };

  /// The nonce of the order that the key stands for, and whether it was given out before. Errors: invalid_argument (the key),
  /// conflict (the key came with another body), those of the store.
  struct Meaning {
    std::uint64_t nonce = 0;
    bool known = false;
  };
  base::Result<Meaning> meaning(const std::string& key, std::string_view body);

 private:
  Store& store_;
  base::SystemRandom random_;
  std::mutex mutex_;
  std::condition_variable done_;
  std::set<std::string> busy_;  ///< guarded by mutex_
};

/// 1 to 64 letters, digits, dots, hyphens, underscores and colons. Errors: invalid_argument.
base::Status check_repeat_key(std::string_view key);

}  // namespace koinon::node::api
