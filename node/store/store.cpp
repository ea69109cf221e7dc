#include "node/store/store.hpp"

namespace koinon::node {

Store::Store(std::unique_ptr<Database> database)
    : settings(*database),
      pending(*database),
      events(*database),
      orders(*database),
      jobs(*database),
      receipts(*database),
      models(*database),
      payments(*database),
      database_(std::move(database)) {}

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& path) {
  KOINON_TRY(auto database, Database::open(path));
  return std::unique_ptr<Store>(new Store(std::move(database)));
}

Status Store::together(const std::function<Status()>& body) {
  return database_->transact("write", [&](SQLite::Database&) { return body(); });
}

}  // namespace koinon::node
