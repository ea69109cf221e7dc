#include "engine/quantise/check_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/thread_pool.hpp"
#include "engine/quantise/node_errors.hpp"
#include "engine/quantise/simplify.hpp"
#include "engine/run/execute.hpp"

namespace koinon::engine::quantise {

namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr std::size_t kSamples = 16;

/// What a node may be from float, in units of its output: half for its rounding, one for a multiplier of 15 bits at the end of
/// 16 bits, and half for what lies between (constants of 16 bits, tables).
constexpr double kUnits = 2;

/// Whether a unit more in an input can change the result by anything: it jumps, or chooses, or divides by a spread that can be
/// next to nothing.
bool jumps(const onnx::Graph& graph, const onnx::Node& node) {
  static constexpr std::string_view kOps[] = {"Floor",   "Ceil",           "Round",       "Sign",   "Less",
                                              "Greater", "GreaterOrEqual", "LessOrEqual", "ArgMax", "TopK"};
  if (std::ranges::find(kOps, node.op) != std::end(kOps)) return true;
  if (!node.op.ends_with("Normalization") || node.op == "BatchNormalization") return false;
  return operators::Call(graph, node, {}).real("epsilon", 0) < 0.01;
}

class Check {
 public:
  std::vector<std::string> all(const std::string& onnx) {
    if (const auto done = prepare(onnx); !done) return {done.error().text};
    for (int bits : {16, 8})
      if (const auto done = one(bits); !done) trouble_.push_back(fmt::format("{} bits: {}", bits, done.error().text));
    return trouble_;
  }

 private:
  Status prepare(const std::string& onnx) {
    KOINON_TRY(model_.reference, operators::import_model(base::as_bytes(onnx)));
    model_.graph = simplify(model_.reference);
    KOINON_TRY(model_.samples, synthetic_samples(model_.graph, 7));
    fresh_.assign(model_.samples.end() - 2, model_.samples.end());
    model_.samples.resize(kSamples);
    KOINON_TRY(model_.seen, calibrate(model_.graph, model_.samples, {}));
    KOINON_TRY(model_.answers, answers_of(model_, {}));
    for (std::size_t v = 0; v < model_.seen.size(); ++v)
      if (model_.seen[v].strange > 0) return fail(Code::internal, "'{}' is not finite", model_.graph.values[v].name);
    return {};
  }

  Status one(int bits) {
    const auto plan = Plan::even(model_.graph, bits, bits);
    KOINON_TRY(const auto made, attempt(model_, plan, {}));
    KOINON_TRY(const auto targets, choose_targets(model_.graph, model_.seen, plan.bits, plan.natural, {}));
    KOINON_CHECK(same_everywhere(made.program));
    for (const auto& sample : fresh_) {
      KOINON_TRY(const auto errors, node_errors(model_, made, targets, sample, bits));
      for (const auto& e : errors) judge(e, bits);
    }
    if (std::ranges::any_of(model_.graph.nodes, [&](const auto& n) { return jumps(model_.graph, n); })) return {};
    return judge_unseen(made, bits);
  }

  void judge(const NodeError& e, int bits) {
    if (std::getenv("KOINON_TALK") != nullptr)
      std::printf("%d %-24s units %8.2f share %.6f\n", bits, e.op.c_str(), e.error / e.unit, e.top > 0 ? e.error / e.top : 0);
    if (e.error <= kUnits * e.unit) return;
    trouble_.push_back(fmt::format("{} bits: '{}' ({}) is {:.4g} from float: {:.1f} units, {:.4f} of {:.4g}", bits, e.value,
                                   e.op, e.error, e.error / e.unit, e.error / e.top, e.top));
  }

  /// Every value within what calibration saw of it: beyond that a program clips.
  bool inside(const operators::Values& values) const {
    for (std::size_t v = 0; v < values.size(); ++v) {
      const auto& seen = model_.seen[v];
      for (std::int64_t i = 0; values[v] && seen.any && i < values[v]->size(); ++i)
        if (values[v]->real(i) < seen.low || values[v]->real(i) > seen.high) return false;
    }
    return true;
  }

  /// Inputs that calibration did not see, against the model as it was given.
  Status judge_unseen(const Attempt& made, int bits) {
    Comparison comparison(made.program, made.lowered, model_.graph.outputs);
    for (const auto& sample : fresh_) {
      KOINON_TRY(const auto inner, operators::run_reference(model_.graph, sample, true));
      if (!inside(inner)) continue;
      KOINON_TRY(const auto wanted, operators::run_reference(model_.reference, sample));
      KOINON_CHECK(comparison.sample(sample, wanted));
    }
    for (std::size_t i = 0; i < made.outputs.size(); ++i) {
      const auto& seen = made.outputs[i];
      const double error = comparison.of(model_.graph.outputs[i]).max, range = seen.high - seen.low;
      if (std::getenv("KOINON_TALK") != nullptr)
        std::printf("%d unseen %.6f seen %.6f\n", bits, error / range, seen.max_error / range);
      if (error <= 4 * seen.max_error + 0.01 * range) continue;
      trouble_.push_back(
          fmt::format("{} bits: output '{}' is {:.4g} from float with unseen inputs, {:.4g} with those of calibration, "
                      "of a range of {:.4g}",
                      bits, seen.name, error, seen.max_error, range));
    }
    return {};
  }

  Status same_everywhere(const program::Program& program) {
    KOINON_TRY(const auto again, program::decode(program::encode(program)));
    if (again != program) return fail(Code::internal, "the file reads back as another program");
    std::vector<tensor::IntTensor> inputs;
    std::uint64_t state = 1;
    for (const auto& in : program.inputs) {
      auto data = tensor::IntTensor::zeros(in.info.dtype, in.info.shape);
      for (std::int64_t i = 0; i < data.size(); ++i) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        data.set(i, in.low + static_cast<std::int64_t>((state >> 33) % static_cast<std::uint64_t>(in.high - in.low + 1)));
      }
      inputs.push_back(std::move(data));
    }
    run::RunOptions scalar, threads, untraced;
    base::ThreadPool pool(2);
    scalar.force_ref = true;
    threads.pool = &pool;
    untraced.trace = false;
    KOINON_TRY(const auto a, run::execute(program, inputs, scalar));
    KOINON_TRY(const auto b, run::execute(program, inputs, threads));
    KOINON_TRY(const auto c, run::execute(program, inputs, {}));
    KOINON_TRY(const auto d, run::execute(program, inputs, untraced));
    if (a.step_roots != b.step_roots || a.step_roots != c.step_roots) return fail(Code::internal, "step roots differ");
    if (a.output_root != d.output_root) return fail(Code::internal, "an untraced run has other outputs");
    return {};
  }

  Model model_;
  std::vector<std::vector<onnx::Value>> fresh_;
  std::vector<std::string> trouble_;
};

}  // namespace

std::vector<std::string> check_model(const std::string& onnx) { return Check().all(onnx); }

}  // namespace koinon::engine::quantise
