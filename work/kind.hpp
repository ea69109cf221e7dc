#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>
#include <vector>

#include "base/cid.hpp"
#include "base/thread_pool.hpp"
#include "trust/claim.hpp"

namespace koinon::engine::program {
struct Program;
}

namespace koinon::work {

/// Number of a kind on the ledger. Persisted and in contracts: never renumber. 8 to 14 are free for
/// extensions; the registry keeps one tree of offers a kind and takes codes below 16.
enum class KindCode : std::uint8_t {
  inference = 0,
  training = 1,
  federated = 2,
  rendering = 3,
  container = 4,
  crawling = 5,
  labelling = 6,
  synthesis = 7,
  encrypted = 15,  ///< inference on encrypted inputs
};

/// What a provider was asked to do: the artifact that says how, and the input, already decrypted.
struct Job {
  base::Hash spec;                  ///< what the order names; for inference the program's id
  base::Bytes artifact;             ///< bytes that the spec describes; for inference a .koinon file
  std::vector<base::Bytes> inputs;  ///< canonical bytes, one an input; they match the root that the order binds
};

/// What a run cost. Metered by the kind, shown to both sides.
struct Meter {
  double seconds = 0;       ///< wall time of the run itself
  std::uint64_t steps = 0;  ///< units of work the kind counts; for inference program steps
  std::uint64_t output_bytes = 0;
};

/// What a run gives: the outputs and the roots that bind them.
struct Outcome {
  std::vector<base::Bytes> outputs;  ///< canonical bytes, one an output; roots.output is outputs_root(outputs)
  trust::Roots roots;
  Meter meter;
  /// Roots of all values of the run, the items behind roots.trace, where the kind can show them when they are demanded
  /// (disputable()); else empty.
  std::vector<base::Hash> value_roots = {};
};

struct Disputable;

/// Where a long run keeps how far it came, so that it goes on there after a crash. One a run.
class Checkpoints {
 public:
  virtual ~Checkpoints() = default;
  /// What was kept last; nothing when there is none that can be read.
  virtual std::optional<base::Bytes> last() = 0;
  /// Keeps it in the place of the one before. Returns when it is on disk. Errors: those of the store.
  virtual base::Status keep(base::ByteView bytes) = 0;
};

/// Shared means of a run: a pool, a way to stop, a progress callback (done, total), checkpoints.
struct Means {
  base::ThreadPool* pool = nullptr;
  std::stop_token stop;
  std::function<void(std::uint64_t, std::uint64_t)> progress;
  Checkpoints* checkpoints = nullptr;  ///< none: the run begins anew whenever it is asked for
};

/// One kind of work: how to run it. A kind is a pure function of its job: two honest providers get the same roots.
class Kind {
 public:
  virtual ~Kind() = default;
  [[nodiscard]] virtual std::uint8_t code() const = 0;
  [[nodiscard]] virtual std::string_view name() const = 0;

  /// Runs the job. Inputs that are not what the spec takes (number, sizes, ranges) are the buyer's fault: the error code is
  /// then `rejected`, and the provider claims trust::bad_input_roots(). Every other error is the provider's own trouble.
  virtual base::Result<Outcome> run(const Job& job, const Means& means) const = 0;

  /// The job as the optimistic check sees it (work/disputable.hpp), for kinds whose runs a contract can recompute. Errors:
  /// unsupported (other kinds, and jobs that are no program), rejected (as run).
  virtual base::Result<std::shared_ptr<const Disputable>> disputable(const Job& job) const;
  /// The program alone that such a job runs, whatever its inputs are. Errors: unsupported, rejected, as disputable().
  virtual base::Result<std::shared_ptr<const engine::program::Program>> disputable_program(const Job& job) const;
};

/// The kinds that this process knows, by code.
class KindSet {
 public:
  /// Adds a kind. Errors: conflict when its code is taken.
  base::Status add(std::unique_ptr<Kind> kind);
  /// Errors: unsupported, naming the kinds that are known.
  [[nodiscard]] base::Result<const Kind*> find(std::uint8_t code) const;
  [[nodiscard]] base::Result<const Kind*> find(std::string_view name) const;
  [[nodiscard]] std::vector<const Kind*> all() const;

 private:
  std::map<std::uint8_t, std::unique_ptr<Kind>> kinds_;
};

}  // namespace koinon::work
