#include "work/encrypted/round_client.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "trust/private/models/bundle.hpp"
#include "work/encrypted/round_server.hpp"

namespace koinon::work {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using trust::fhe::Context;

/// Rounds with all helpers, and what they took.
class Rounds {
 public:
  Rounds(std::span<const Helper> helpers, const RoundMeans& means, std::size_t total)
      : helpers_(helpers), means_(means), total_(total), since_(std::chrono::steady_clock::now()) {}

  /// The answer on which all helpers agree. `paths`: one, or one for each helper.
  Result<base::Bytes> agreed(std::span<const std::string> paths, base::ByteView body) {
    if (helpers_.empty()) return fail(Code::invalid_argument, "[encrypted] no provider to ask");
    if (means_.stop.stop_requested()) return fail(Code::cancelled, "[encrypted] stopped after {} rounds", cost_.rounds);
    if (means_.progress) means_.progress(cost_.rounds, total_);
    base::Bytes first;
    for (std::size_t i = 0; i < helpers_.size(); ++i) {
      KOINON_TRY(auto answer, ask(i, paths[paths.size() == 1 ? 0 : i], body));
      if (i == 0) {
        first = std::move(answer);
      } else if (answer != first) {
        return fail(
            Code::conflict,
            "[encrypted] round {}: {} and {} give different results; one computes something else, and none was answered",
            cost_.rounds + 1, helpers_[0].name, helpers_[i].name);
      }
    }
    ++cost_.rounds;
    return first;
  }
  Result<base::Bytes> agreed(const std::string& path, base::ByteView body) { return agreed(std::span(&path, 1), body); }

  /// One helper's answer.
  Result<base::Bytes> ask(std::size_t helper, const std::string& path, base::ByteView body) {
    own_ += seconds_since();
    auto answer = helpers_[helper].ask(path, body);
    since_ = std::chrono::steady_clock::now();
    if (!answer) return fail(base::Error(answer.error()).within(helpers_[helper].name));
    cost_.sent += body.size();
    cost_.received += answer->size();
    return answer;
  }
  [[nodiscard]] RoundCost cost() {
    cost_.client_seconds = own_ + seconds_since();
    return cost_;
  }

 private:
  [[nodiscard]] double seconds_since() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - since_).count();
  }

  const std::span<const Helper> helpers_;
  const RoundMeans& means_;
  const std::size_t total_;
  std::chrono::steady_clock::time_point since_;
  double own_ = 0;
  RoundCost cost_;
};

/// Sessions of training, one at each helper, closed when it goes.
class Sessions {
 public:
  Sessions(Rounds& rounds, std::size_t helpers) : rounds_(rounds), names_(helpers) {}
  ~Sessions() {
    for (std::size_t i = 0; i < names_.size(); ++i)
      if (!names_[i].empty()) static_cast<void>(rounds_.ask(i, "/training/" + names_[i] + "/close", {}));
  }
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;

  Status open(base::ByteView rows) {
    for (std::size_t i = 0; i < names_.size(); ++i) {
      KOINON_TRY(const auto name, rounds_.ask(i, "/training", rows));
      if (name.size() != 32) return fail(Code::malformed, "[encrypted] a session's name of {} bytes: 32 expected", name.size());
      names_[i] = base::to_hex(base::ByteView(name));
    }
    return {};
  }
  [[nodiscard]] std::vector<std::string> paths(const char* what) const {
    std::vector<std::string> out;
    for (const auto& name : names_) out.push_back("/training/" + name + "/" + what);
    return out;
  }

 private:
  Rounds& rounds_;
  std::vector<std::string> names_;
};

/// Before the first round: an input that the program takes, so that nothing later asks.
Status check_input(const engine::program::Input& wanted, const engine::tensor::IntTensor& input) {
  if (input.dtype != wanted.info.dtype || input.shape != wanted.info.shape)
    return fail(Code::invalid_argument, "[encrypted] the input is {}: {} expected", engine::tensor::shape_text(input.shape),
                engine::tensor::shape_text(wanted.info.shape));
  for (std::int64_t i = 0; i < input.size(); ++i)
    if (input.at(i) < wanted.low || input.at(i) > wanted.high)
      return fail(Code::out_of_range, "[encrypted] element {} of the input: within [{}, {}] expected", i, wanted.low,
                  wanted.high);
  return {};
}

/// What is found in decrypted values ends no run, or the round in which it ends would tell a provider of them: it is kept, and
/// told when all rounds are over.
class Faults {
 public:
  void add(std::optional<base::Error> fault) {
    if (fault && !first_) first_ = std::move(fault);
  }
  /// Values of an honest run are within +-bound.
  void expect(std::span<const std::int64_t> values, std::int64_t bound, const char* what) {
    if (std::ranges::any_of(values, [&](auto v) { return v < -bound || v > bound; }))
      add(base::Error{Code::out_of_range, fmt::format("[encrypted] {}: within {} expected", what, bound)});
  }
  /// Error: the first, with what it means.
  [[nodiscard]] Status end() {
    if (!first_) return {};
    return fail(std::move(*first_).within("a provider computed something else; nothing of the result is shown"));
  }

 private:
  std::optional<base::Error> first_;
};

}  // namespace

Result<AidedRun> run_aided(const trust::fhe::AidedProgram& program, const engine::tensor::IntTensor& input,
                           std::span<const Helper> helpers, base::Random& random, const RoundMeans& means) {
  Rounds rounds(helpers, means, program.layers.size());
  const auto id = base::to_hex(engine::program::program_id(program.description));
  KOINON_CHECK(check_input(program.description.inputs[0], input));
  Faults faults;
  std::vector<std::vector<std::int64_t>> sums;
  for (std::size_t i = 0; i < program.layers.size(); ++i) {
    const auto& plan = program.layers[i].plan;
    KOINON_TRY(const auto context, Context::create(plan.parameters));
    const auto key = trust::fhe::make_secret_key(*context, random);
    KOINON_TRY(auto x, trust::fhe::next_aided_input(program, input, sums));
    faults.add(std::move(x.fault));
    KOINON_TRY(const auto sent, trust::fhe::encrypt_shared(*context, plan, key, x.values, random));
    KOINON_TRY(const auto answer,
               rounds.agreed(fmt::format("/aided/{}/{}", id, i), trust::fhe::encode(*context, std::span(&sent, 1))));
    KOINON_TRY(const auto results, trust::fhe::decode_ciphertexts(*context, answer, plan.results));
    KOINON_TRY(sums.emplace_back(), trust::fhe::decrypt_sums(*context, program.layers[i], key, results));
  }
  AidedRun out;
  auto outputs = trust::fhe::aided_outputs(program, input, sums);
  if (!outputs) faults.add(std::move(outputs).error());
  KOINON_CHECK(faults.end());
  out.outputs = *std::move(outputs);
  out.cost = rounds.cost();
  return out;
}

Result<TrainedRun> train_encrypted(const trust::fhe::LogisticPlan& plan, std::span<const std::int64_t> x,
                                   std::span<const int> labels, std::size_t steps, std::span<const Helper> helpers,
                                   base::Random& random, const RoundMeans& means) {
  using namespace trust::fhe;
  if (labels.size() != plan.rule.rows)
    return fail(Code::invalid_argument, "[encrypted] {} labels of {} rows", labels.size(), plan.rule.rows);
  Rounds rounds(helpers, means, 2 * steps);
  KOINON_TRY(const auto context, Context::create(plan.parameters));
  const auto key = make_secret_key(*context, random);
  KOINON_TRY(const auto rows, encrypt_rows(*context, plan, key, x, random));
  Sessions sessions(rounds, helpers.size());
  KOINON_CHECK(sessions.open(RowsSent{plan.rule, encode(*context, rows)}.encode()));
  Faults faults;
  const auto& rule = plan.rule;
  const auto most_score = static_cast<std::int64_t>(rule.features) * rule.feature_bound * rule.weight_bound;
  const auto most_gradient = static_cast<std::int64_t>(rule.rows) * rule.feature_bound * 256;  // residuals are within 256
  TrainedRun out;
  out.weights.resize(plan.rule.features);
  for (std::size_t step = 0; step < steps; ++step) {
    KOINON_TRY(const auto weights, encrypt_weights(*context, plan, key, out.weights, random));
    KOINON_TRY(const auto scored, rounds.agreed(sessions.paths("scores"), encode(*context, std::span(&weights, 1))));
    KOINON_TRY(const auto scores, decode_ciphertexts(*context, scored, plan.chunks()));
    KOINON_TRY(const auto decrypted, decrypt_scores(*context, plan, key, scores));
    faults.expect(decrypted, most_score, "a score");
    std::vector<std::int64_t> residuals;
    for (std::size_t i = 0; i < decrypted.size(); ++i) residuals.push_back(residual(plan.rule, decrypted[i], labels[i]));
    KOINON_TRY(const auto sent, encrypt_residuals(*context, plan, key, residuals, random));
    KOINON_TRY(const auto summed, rounds.agreed(sessions.paths("gradient"), encode(*context, sent)));
    KOINON_TRY(const auto gradients, decode_ciphertexts(*context, summed, 1));
    if (gradients.size() != 1) return fail(Code::malformed, "[encrypted] no gradient: one ciphertext expected");
    KOINON_TRY(const auto gradient, decrypt_gradient(*context, plan, key, gradients[0]));
    faults.expect(gradient, most_gradient, "a gradient");
    for (std::size_t j = 0; j < gradient.size(); ++j) out.weights[j] = stepped(plan.rule, out.weights[j], gradient[j]);
  }
  KOINON_CHECK(faults.end());
  out.cost = rounds.cost();
  return out;
}

}  // namespace koinon::work
