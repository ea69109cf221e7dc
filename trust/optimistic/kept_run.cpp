#include "trust/optimistic/kept_run.hpp"

#include <algorithm>

#include "engine/program/inner.hpp"

namespace koinon::trust::optimistic {

using base::Code;
using base::fail;
using base::Result;
using engine::program::Program;
using engine::program::Source;
using engine::tensor::IntTensor;

namespace {

/// As many inputs as the program takes, of its types and shapes.
bool fits(const Program& program, const std::vector<IntTensor>& inputs) {
  return std::ranges::equal(program.inputs, inputs, [](const auto& input, const IntTensor& given) {
    return input.info.dtype == given.dtype && input.info.shape == given.shape;
  });
}

/// Numbers of the kept values that an element of a step reads. Inner operands are read once, and of bounded depth.
void add_operands(const Program& program, std::size_t step, std::set<std::size_t>& to) {
  for (const auto ref : program.steps[step].operands) {
    if (const auto maker = inner_maker(program, ref)) {
      add_operands(program, *maker, to);
    } else if (ref.source() == Source::value) {
      to.insert(ref.index());
    }
  }
}

}  // namespace

std::optional<Origin> origin_of(const Program& program, std::size_t value) {
  if (value < program.inputs.size()) return std::nullopt;
  // Steps number their outputs in order: the last that begins at or before the value makes it.
  const auto after =
      std::ranges::upper_bound(program.steps, value, {}, [](const auto& step) -> std::size_t { return step.first_output; });
  KOINON_INVARIANT(after != program.steps.begin());
  const auto step = static_cast<std::size_t>(after - program.steps.begin()) - 1;
  return Origin{step, value - program.steps[step].first_output};
}

std::optional<std::size_t> inner_maker(const Program& program, engine::program::Ref operand) {
  if (operand.source() != Source::value) return std::nullopt;
  const auto origin = origin_of(program, operand.index());
  if (!origin || !program.steps[origin->step].inner) return std::nullopt;
  return origin->step;
}

KeptRun::KeptRun(const Program& program, std::vector<IntTensor> inputs, const engine::run::RunOptions& options)
    : program_(&program), inputs_(std::move(inputs)), options_(options) {
  options_.sink = nullptr;
  options_.progress = nullptr;
  options_.input_roots = {};  // borrowed from the caller, and needed once at most
}

Result<KeptRun> KeptRun::make(const Program& program, std::vector<IntTensor> inputs, const engine::run::RunOptions& options) {
  KeptRun out(program, std::move(inputs), options);
  auto once = out.options_;
  once.trace = true;
  once.roots = true;
  KOINON_TRY(auto run, engine::run::execute(program, out.inputs_, once));
  out.roots_ = std::move(run.step_roots);
  out.output_root_ = run.output_root;
  out.made_ = out.roots_.size();
  return out;
}

Result<KeptRun> KeptRun::until_refused(const Program& program, std::vector<IntTensor> inputs,
                                       const engine::run::RunOptions& options) {
  auto whole = make(program, inputs, options);
  if (whole || (whole.error().code != Code::out_of_range && whole.error().code != Code::invalid_argument)) return whole;
  if (!fits(program, inputs) || !program.has_weights()) return whole;
  KeptRun out(program, std::move(inputs), options);
  out.roots_ = engine::run::tensor_roots(out.inputs_);
  out.made_ = out.roots_.size();
  out.roots_.resize(program.value_count());
  for (const auto& step : program.steps)
    if (step.inner) out.roots_[step.first_output] = engine::program::kInnerRoot;
  auto untraced = out.options_;
  untraced.trace = false;
  untraced.roots = false;
  untraced.sink = [&](std::size_t step, std::span<const IntTensor* const> outputs) {
    for (std::size_t o = 0; o < outputs.size() && !program.steps[step].inner; ++o)
      out.roots_[program.steps[step].first_output + o] = engine::tensor::tensor_root(*outputs[o]);
    out.made_ = program.steps[step].first_output + outputs.size();
  };
  const auto refused = engine::run::execute(program, out.inputs_, untraced);
  if (refused) return fail(Code::internal, "[trace] a run that was refused goes through");
  if (refused.error() != whole.error()) return fail(refused.error());
  return out;
}

Result<KeptRun> KeptRun::restore(const Program& program, std::vector<IntTensor> inputs, std::vector<base::Hash> roots,
                                 const engine::run::RunOptions& options) {
  if (roots.size() != program.value_count() || !fits(program, inputs))
    return fail(Code::invalid_argument, "[trace] {} inputs and {} roots are not of a run of the program", inputs.size(),
                roots.size());
  KeptRun out(program, std::move(inputs), options);
  out.roots_ = std::move(roots);
  out.made_ = out.roots_.size();
  std::vector<base::Hash> outputs;
  for (const auto& output : program.outputs) outputs.push_back(out.roots_[output.ref.index()]);
  out.output_root_ = base::list_root(base::Domain::outputs, outputs);
  return out;
}

Result<KeptRun::Values> KeptRun::values(const std::set<std::size_t>& wanted) const {
  Values out;
  if (wanted.empty()) return out;
  if (*wanted.rbegin() >= roots_.size())
    return fail(Code::out_of_range, "[trace] value {} of {}", *wanted.rbegin(), roots_.size());
  for (const auto value : wanted)
    if (value < inputs_.size()) out.emplace(value, inputs_[value]);
  if (out.size() == wanted.size()) return out;

  std::stop_source enough;
  const std::stop_callback outer(options_.stop, [&] { enough.request_stop(); });
  auto options = options_;
  options.trace = false;
  options.roots = false;
  options.stop = enough.get_token();
  options.sink = [&](std::size_t step, std::span<const IntTensor* const> outputs) {
    for (std::size_t o = 0; o < outputs.size(); ++o)
      if (const auto value = program_->steps[step].first_output + o; wanted.contains(value)) out.emplace(value, *outputs[o]);
    if (out.size() == wanted.size()) enough.request_stop();
  };
  const auto run = engine::run::execute(*program_, inputs_, options);
  if (out.size() != wanted.size()) {
    KOINON_CHECK(run);
    return fail(Code::cancelled, "[trace] stopped before value {}", *wanted.rbegin());
  }
  return out;
}

Result<KeptRun::Values> KeptRun::around(std::size_t step) const {
  if (step >= program_->steps.size()) return fail(Code::out_of_range, "[trace] step {} of {}", step, program_->steps.size());
  const auto& what = program_->steps[step];
  std::set<std::size_t> wanted;
  add_operands(*program_, step, wanted);
  for (std::size_t o = 0; o < what.outputs.size(); ++o) wanted.insert(what.first_output + o);
  return values(wanted);
}

Result<KeptRun::Values> KeptRun::around_made(std::size_t step) const {
  if (step >= program_->steps.size() || program_->steps[step].first_output < made_) return around(step);
  const auto& what = program_->steps[step];
  std::set<std::size_t> wanted;
  add_operands(*program_, step, wanted);
  KOINON_TRY(auto out, values(wanted));
  for (std::size_t o = 0; o < what.outputs.size(); ++o)
    out.emplace(what.first_output + o, IntTensor::zeros(what.outputs[o].dtype, what.outputs[o].shape));
  return out;
}

Result<std::optional<std::size_t>> KeptRun::first_difference(const std::vector<base::Hash>& claimed) const {
  if (claimed.size() != roots_.size())
    return fail(Code::invalid_argument, "[trace] {} values: the program has {}", claimed.size(), roots_.size());
  const auto [own, other] = std::ranges::mismatch(roots_, claimed);
  if (own == roots_.end()) return std::optional<std::size_t>{};
  return std::optional(static_cast<std::size_t>(own - roots_.begin()));
}

Result<std::optional<std::uint64_t>> first_wrong_element(const IntTensor& own, base::ByteView claimed) {
  if (claimed.size() != own.bytes.size())
    return fail(Code::invalid_argument, "[trace] {} bytes of a value of {}", claimed.size(), own.bytes.size());
  const auto [mine, theirs] = std::ranges::mismatch(own.bytes, claimed);
  if (mine == own.bytes.end()) return std::optional<std::uint64_t>{};
  const auto at = static_cast<std::uint64_t>(mine - own.bytes.begin());
  return std::optional(at / engine::tensor::dtype_size(own.dtype));
}

}  // namespace koinon::trust::optimistic
