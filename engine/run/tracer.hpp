#pragma once
#include "base/tree_batch.hpp"
#include "engine/run/frame.hpp"

namespace koinon::engine::run {

/// Which values are views of a value, and are hashed with it, and which are inner, and are not hashed.
class Followers {
 public:
  Followers(const program::Program& program, const Layout& layout);

  [[nodiscard]] const std::vector<std::size_t>& of(std::size_t value) const { return of_[value]; }
  /// True when a view is one of all bytes of another value, and so has its root.
  [[nodiscard]] bool whole(std::size_t view) const { return whole_[view]; }
  [[nodiscard]] bool inner(std::size_t value) const { return inner_[value]; }

 private:
  std::vector<std::vector<std::size_t>> of_;
  std::vector<bool> whole_, inner_;
};

/// The roots of a run's values. What is added is copied and hashed later, many values side by side and on all threads of the
/// pool, so that values may be overwritten and small ones cost little.
class Tracer {
 public:
  /// All are borrowed; `pool` may be null.
  Tracer(const RunFrame& frame, const Followers& followers, std::size_t values, base::ThreadPool* pool)
      : frame_(frame), followers_(followers), batch_(base::Domain::tensor, pool), number_(values, kNone), roots_(values) {}

  /// Takes a value's root from its bytes, which are there now.
  void add(std::size_t value) { number_[value] = batch_.add(frame_.bytes(value)); }
  /// Takes a root that the caller has.
  void know(std::size_t value, const base::Hash& root);
  /// Adds a value that a node wrote, unless it is inner, and its views.
  void made(std::size_t value);
  /// Adds the views of a value, but for inner ones, and takes the root of one that is all of it from the value if it was added
  /// or is known.
  void follow(std::size_t value);
  /// add(), unless that or know() was done.
  void want(std::size_t value);
  /// The root of every value that was added or is known, and kInnerRoot of inner ones. Ends the tracer.
  std::vector<base::Hash> roots();

 private:
  static constexpr std::size_t kNone = SIZE_MAX, kKnown = SIZE_MAX - 1;

  const RunFrame& frame_;
  const Followers& followers_;
  base::TreeBatch batch_;
  std::vector<std::size_t> number_;  // of each value, in the batch
  std::vector<base::Hash> roots_;
};

}  // namespace koinon::engine::run
