#pragma once
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "base/random.hpp"
#include "base/thread_pool.hpp"
#include "trust/private/models/aided.hpp"
#include "trust/private/models/logistic.hpp"

namespace koinon::work {

/// What a training client sends first: "KNLR", u16 version (1), u32 features, u32 rows, i64 feature bound, i64 weight bound, u8
/// score shift, u8 step shift, blob of the rows' ciphertexts.
struct RowsSent {
  trust::fhe::LogisticRule rule;
  base::Bytes rows;

  [[nodiscard]] base::Bytes encode() const;
  /// Errors: malformed, unsupported (another version).
  static base::Result<RowsSent> decode(base::ByteView bytes);
};

/// The side of a provider in computations that go to and fro with a client: layers of models whose owner allows client-aided
/// runs (trust/private/models/aided.hpp), and logistic regression on encrypted rows. It sees ciphertexts alone, and its answers
/// are deterministic, so that a client compares those of several.
///
/// Threads: any may call. Bounded: `Limits`; a session of training that rests for longer than `idle` gives its place away.
class RoundServer {
 public:
  struct Limits {
    std::uint64_t training_bytes = std::uint64_t{1} << 30;  ///< of encrypted rows in memory, all sessions
    std::size_t sessions = 16;                              ///< 0: no training
    std::chrono::milliseconds idle{600'000};
  };
  /// `random` names sessions; borrowed, as is `pool` (null: one thread).
  RoundServer(Limits limits, base::Random& random, base::ThreadPool* pool);
  ~RoundServer();
  RoundServer(const RoundServer&) = delete;
  RoundServer& operator=(const RoundServer&) = delete;

  /// Offers client-aided runs of a program: what clients learn, aided.hpp says. The program's id. Errors: those of
  /// compile_aided and pack_shared. Before any other call.
  base::Result<base::Hash> offer(const engine::program::Program& program);
  /// Ids of the programs that are offered.
  [[nodiscard]] std::vector<base::Hash> offered() const;
  /// The client's half of one (trust::fhe::encode). Error: not_found.
  [[nodiscard]] base::Result<base::Bytes> plan(const base::Hash& program) const;
  /// The encrypted sums of layer `number` for one ciphertext. Errors: not_found, malformed, invalid_argument (no fresh
  /// encryption).
  [[nodiscard]] base::Result<base::Bytes> layer(const base::Hash& program, std::size_t number, base::ByteView input) const;

  /// Takes encrypted rows; the session's name, which nobody else knows. Errors: malformed, out_of_range (a rule that does not
  /// fit), exhausted (no place: come later), unauthorised (no training here).
  base::Result<base::Hash> open(base::ByteView rows);
  /// Scores of all rows under encrypted weights. Errors: not_found, malformed, invalid_argument.
  base::Result<base::Bytes> scores(const base::Hash& session, base::ByteView weights);
  /// The gradient for encrypted residuals. Errors as scores.
  base::Result<base::Bytes> gradient(const base::Hash& session, base::ByteView residuals);
  /// Forgets a session. Error: not_found.
  base::Status close(const base::Hash& session);

 private:
  struct Model;
  struct Session;
  base::Result<std::shared_ptr<Session>> find(const base::Hash& session);
  void drop_idle();

  const Limits limits_;
  base::Random& random_;
  base::ThreadPool* pool_;
  std::map<base::Hash, std::unique_ptr<const Model>> models_;
  std::mutex mutex_;
  std::map<base::Hash, std::shared_ptr<Session>> sessions_;  // guarded by mutex_; shared with calls under way
  std::uint64_t held_ = 0;                                   // bytes of rows; guarded by mutex_
};

}  // namespace koinon::work
