#pragma once
#include "node/store/events.hpp"
#include "node/store/payments.hpp"
#include "node/store/pending.hpp"
#include "node/store/records.hpp"

namespace koinon::node {

/// Everything that a node must not forget, in one SQLite file.
///
/// 1. What a call has written survives kill -9 and a power cut once the call has returned.
/// 2. There is one writer. Thread-safe.
/// 3. An older file is brought forward, a copy of it kept; a newer or damaged one is refused with what to do.
class Store {
 public:
  /// Errors: as Database::open.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& path);

  Settings settings;
  Pending pending;
  Events events;
  Orders orders;
  Jobs jobs;
  Receipts receipts;
  Models models;
  Payments payments;

  /// Runs `body` in one transaction: the writes of all repositories in it happen together or not at all. Keep it short: other
  /// threads wait.
  Status together(const std::function<Status()>& body);

 private:
  explicit Store(std::unique_ptr<Database> database);
  const std::unique_ptr<Database> database_;
};

}  // namespace koinon::node
