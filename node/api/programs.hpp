#pragma once
#include <list>
#include <memory>
#include <mutex>

#include "engine/program/program.hpp"
#include "node/artifacts/artifacts.hpp"
#include "node/store/records.hpp"

namespace koinon::node::api {

/// Public descriptions of the programs that this node knows, the last few kept decoded. Thread-safe.
class Programs {
 public:
  Programs(Models& models, Artifacts& artifacts) : models_(models), artifacts_(artifacts) {}

  using Ptr = std::shared_ptr<const engine::program::Program>;  ///< shared: a caller may read while another evicts
  /// Inputs, outputs and steps; weights without data. Errors: not_found, those of Artifacts, malformed (the artifact is another
  /// program).
  base::Result<Ptr> find(const base::Hash& program);

 private:
  static constexpr std::size_t kKept = 16;
  Models& models_;
  Artifacts& artifacts_;
  std::mutex mutex_;
  std::list<std::pair<base::Hash, Ptr>> kept_;  ///< guarded by mutex_; the last used first
};

/// How many values of an input lie outside of what it takes, by more than rounding.
std::size_t outside(const engine::program::Input& input, const std::vector<double>& values);

}  // namespace koinon::node::api
