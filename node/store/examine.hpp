#pragma once
#include <filesystem>
#include <memory>

#include "base/result.hpp"

namespace koinon::node {

/// What a look at a store found, without changing it.
struct StoreReport {
  bool in_use = false;     ///< a node has it open: nothing else is known
  int version = 0;         ///< of its schema
  std::uint64_t size = 0;  ///< bytes
};

/// Looks at the store of a node that does not run: is it ours, whole, and of a schema that this program knows or can bring
/// forward? Errors: not_found, io (damaged, or not readable), unsupported (another program's, or a newer version's). Each says
/// what to do.
base::Result<StoreReport> examine_store(const std::filesystem::path& path);

/// Keeps a store from being opened by a node while it lives. Changes nothing of it, not even an old schema.
class StoreHold {
 public:
  /// Errors: as examine_store; conflict (a node has it).
  static base::Result<std::unique_ptr<StoreHold>> take(const std::filesystem::path& path);
  ~StoreHold();
  StoreHold(const StoreHold&) = delete;
  StoreHold& operator=(const StoreHold&) = delete;
  /// Writes a copy of its own, one whole file. Errors: io, exhausted (disk full), conflict (there is a file).
  base::Status copy(const std::filesystem::path& to);

 private:
  StoreHold() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace koinon::node
