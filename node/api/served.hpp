#pragma once
#include <atomic>

#include "node/api/context.hpp"

// What the protocols that serve models have in common: the Open Inference Protocol and OpenAI's.
namespace koinon::node::api {

/// Requests that wait for the market, each of which holds a thread.
struct Waiting {
  static constexpr int kMost = 32;
  std::atomic<int> count{0};
};

/// One of at most `most` at a time.
class Place {
 public:
  Place(std::atomic<int>& count, int most) : count_(count), admitted_(++count <= most) {}
  ~Place() { --count_; }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  [[nodiscard]] bool admitted() const { return admitted_; }

 private:
  std::atomic<int>& count_;
  const bool admitted_;
};

/// The model of a name: the newest of that name, or the one of that program id. `version`, when it is given, is the program id.
/// Errors: not_found.
Result<ModelRecord> find_model(Context& context, const std::string& name, const std::string& version);

/// What an answer tells of how it came about.
struct Served {
  std::vector<RealOutput> outputs;
  std::vector<std::pair<std::string, std::string>> evidence;  ///< parameter and value
};

/// Waits until the result of an own order is here and a verdict stands on it. Errors: ledger (it was refunded), timeout (ten
/// minutes), exhausted (the node stops).
Result<Served> await_order(Context& context, std::uint64_t id);
/// Adds fields Koinon-... that tell the evidence.
void tell(net::Headers& headers, const base::Hash& program, const Served& served);

}  // namespace koinon::node::api
