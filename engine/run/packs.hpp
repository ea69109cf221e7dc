#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "base/bytes.hpp"
#include "engine/kernels/filters.hpp"

namespace koinon::engine::run {

/// Packed weights that several prepared programs share, such as those of one model for several lengths: weights of one root
/// that are packed in one way are packed and held once, for as long as a program has them.
///
/// Threads: any may use it.
class Packs {
 public:
  using Shared = std::shared_ptr<const kernels::Filters>;  // owned by every program that reads them

  /// What `make` gives, or what it gave for the same `key` when that is still held. Different weights, or other ways to pack
  /// them, must have different keys.
  Shared get(const base::Hash& key, const std::function<kernels::Filters()>& make);

 private:
  std::mutex mutex_;
  std::map<base::Hash, std::weak_ptr<const kernels::Filters>> held_;  // guarded by mutex_
};

}  // namespace koinon::engine::run
