#include <set>

#include "engine/program/format.hpp"
#include "engine/program/inner.hpp"
#include "engine/program/steps/rule.hpp"

namespace koinon::engine::program {
namespace {

using base::Code;
using base::fail;
using base::Status;

Status check_text(std::string_view text, std::string_view what) {
  if (text.size() > kMaxText)
    return fail(Code::out_of_range, "[program] {} of {} bytes: at most {}", what, text.size(), kMaxText);
  if (!printable_utf8(text)) return fail(Code::malformed, "[program] {} is not printable UTF-8", what);
  return {};
}

Status check_name(const std::string& name, std::set<std::string>& seen, std::string_view what) {
  KOINON_CHECK(check_text(name, what));
  if (name.empty()) return fail(Code::malformed, "[program] {} without a name", what);
  if (!seen.insert(name).second) return fail(Code::malformed, "[program] two {}s named {}", what, name);
  return {};
}

Status check_scale(const Scale& s, const std::string& name) {
  if (s.mantissa < 1 || s.mantissa % 2 == 0 || s.exponent < -512 || s.exponent > 512)
    return fail(Code::malformed,
                "[program] scale {} * 2^{} of {}: an odd positive mantissa and an exponent within 512 expected", s.mantissa,
                s.exponent, name);
  return {};
}

Status check_inputs(const Program& program) {
  std::set<std::string> seen;
  for (const auto& in : program.inputs) {
    KOINON_CHECK(check_name(in.name, seen, "input"));
    KOINON_CHECK(tensor::check_shape(in.info.shape));
    KOINON_CHECK(check_scale(in.scale, in.name));
    // 2^62 is the bound of every value; the negated forms are safe only because both ends are inside it.
    if (in.low > in.high || in.low < tensor::dtype_low(in.info.dtype) || in.high > tensor::dtype_high(in.info.dtype) ||
        in.low <= -(std::int64_t{1} << 62) || in.high >= std::int64_t{1} << 62)
      return fail(Code::out_of_range, "[program] range [{}, {}] of input {} of type {}", in.low, in.high, in.name,
                  dtype_name(in.info.dtype));
  }
  return {};
}

Status check_constants(const std::vector<Constant>& constants, bool must_be_open, std::string_view what) {
  const bool open = must_be_open || (!constants.empty() && !constants.front().data.empty());
  for (std::size_t i = 0; i < constants.size(); ++i) {
    const auto& c = constants[i];
    KOINON_CHECK(tensor::check_shape(c.info.shape));
    const auto size = static_cast<std::size_t>(tensor::element_count(c.info.shape)) * tensor::dtype_size(c.info.dtype);
    if (c.data.size() != (open ? size : 0))
      return fail(Code::malformed, "[program] {} {} has {} bytes of data: {} expected", what, i, c.data.size(),
                  open ? size : 0);
  }
  return {};
}

// Walks the steps and knows which tensors exist so far, and which constants were used.
class Wiring {
 public:
  explicit Wiring(const Program& program) : program_(program) {
    for (const auto& in : program.inputs) values_.push_back(&in.info);
    used_[0].resize(program.weights.size());
    used_[1].resize(program.tables.size());
  }

  Status step(const Step& step) {
    if (step.operands.size() != step.operand_infos.size())
      return fail(Code::malformed, "[{}] {} operand descriptions for {} operands", step_name(step.kind),
                  step.operand_infos.size(), step.operands.size());
    if (step.operands.size() > kMaxOperands || step.params.size() > kMaxParams)
      return fail(Code::malformed, "[{}] {} operands and {} parameters: at most {} and {}", step_name(step.kind),
                  step.operands.size(), step.params.size(), kMaxOperands, kMaxParams);
    for (std::size_t i = 0; i < step.operands.size(); ++i) {
      const TensorInfo* info = find(step.operands[i]);
      if (info == nullptr)
        return fail(Code::malformed, "[{}] operand {} (ref {:#x}) names nothing that exists here", step_name(step.kind), i,
                    step.operands[i].word);
      if (*info != step.operand_infos[i])
        return fail(Code::malformed, "[{}] operand {} is described as {} {}, but is {} {}", step_name(step.kind), i,
                    dtype_name(step.operand_infos[i].dtype), tensor::shape_text(step.operand_infos[i].shape),
                    dtype_name(info->dtype), tensor::shape_text(info->shape));
    }
    if (step.first_output != values_.size())
      return fail(Code::malformed, "[{}] first output {}: {} expected", step_name(step.kind), step.first_output,
                  values_.size());
    KOINON_CHECK(steps::check_step(step));
    for (const auto& info : step.outputs) values_.push_back(&info);
    return {};
  }

  Status outputs() const {
    std::set<std::string> seen;
    for (const auto& o : program_.outputs) {
      KOINON_CHECK(check_name(o.name, seen, "output"));
      KOINON_CHECK(check_scale(o.scale, o.name));
      if (o.ref.source() != Source::value || o.ref.index() >= values_.size())
        return fail(Code::malformed, "[program] output {} (ref {:#x}) is no value", o.name, o.ref.word);
    }
    return {};
  }

  Status all_used() const {
    for (std::size_t kind = 0; kind < 2; ++kind)
      for (std::size_t i = 0; i < used_[kind].size(); ++i)
        if (!used_[kind][i]) return fail(Code::malformed, "[program] no step uses {} {}", kind == 0 ? "weight" : "table", i);
    return {};
  }

 private:
  const TensorInfo* find(Ref ref) {
    if (ref.source() == Source::value) return ref.index() < values_.size() ? values_[ref.index()] : nullptr;
    const std::size_t kind = ref.source() == Source::weight ? 0 : 1;
    const auto& list = kind == 0 ? program_.weights : program_.tables;
    if ((ref.source() != Source::weight && ref.source() != Source::table) || ref.index() >= list.size()) return nullptr;
    used_[kind][ref.index()] = true;
    return &list[ref.index()].info;
  }

  const Program& program_;
  std::vector<const TensorInfo*> values_;
  std::vector<bool> used_[2];
};

Status check_inner(const Program& program) {
  const auto inner = inner_steps(program);
  for (std::size_t i = 0; i < inner.size(); ++i)
    if (program.steps[i].inner != inner[i])
      return fail(Code::malformed, "step {}: [{}] is marked as {}: {} expected", i, step_name(program.steps[i].kind),
                  inner[i] ? "kept" : "inner", inner[i] ? "inner" : "kept");
  return {};
}

}  // namespace

Status check_version(std::uint32_t version) {
  if (version == kFormatVersion) return {};
  if (version > kFormatVersion || version == 0)
    return fail(Code::unsupported, "[program] format version {}: {} expected", version, kFormatVersion);
  return fail(Code::unsupported, "[program] format version {}: {} expected; build the model again with this version of koinon",
              version, kFormatVersion);
}

base::Status validate(const Program& program) {
  KOINON_CHECK(check_version(program.version));
  const Metadata& m = program.metadata;
  KOINON_CHECK(check_text(m.name, "name"));
  KOINON_CHECK(check_text(m.author, "author"));
  KOINON_CHECK(check_text(m.licence, "licence"));
  KOINON_CHECK(check_text(m.description, "description"));
  if (program.inputs.empty() || program.outputs.empty())
    return fail(Code::malformed, "[program] {} inputs and {} outputs: at least one each", program.inputs.size(),
                program.outputs.size());
  if (program.inputs.size() > kMaxTensors || program.outputs.size() > kMaxTensors || program.steps.size() > kMaxSteps ||
      program.weights.size() > kMaxTensors || program.tables.size() > kMaxTensors)
    return fail(Code::out_of_range, "[program] more than {} inputs, outputs, steps, weights or tables", kMaxTensors);
  KOINON_CHECK(check_inputs(program));
  KOINON_CHECK(check_constants(program.weights, false, "weight"));
  KOINON_CHECK(check_constants(program.tables, true, "table"));
  Wiring wiring(program);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    auto checked = wiring.step(program.steps[i]);
    if (!checked) return fail(std::move(checked).error().within(fmt::format("step {}", i)));
  }
  KOINON_CHECK(wiring.outputs());
  KOINON_CHECK(wiring.all_used());
  KOINON_CHECK(check_inner(program));
  if (!program.has_weights()) return {};
  auto ranges = analyse(program);
  if (!ranges) return fail(std::move(ranges).error());
  return {};
}

bool Program::has_weights() const { return weights.empty() || !weights.front().data.empty(); }

std::size_t Program::value_count() const {
  std::size_t count = inputs.size();
  for (const auto& step : steps) count += step.outputs.size();
  return count;
}

std::uint64_t operation_count(const Program& program) {
  std::uint64_t total = 0;
  for (const auto& step : program.steps) {
    const std::uint64_t cost = steps::find_rule(step.kind)->cost(step);
    total = total > UINT64_MAX - cost ? UINT64_MAX : total + cost;
  }
  return total;
}

}  // namespace koinon::engine::program
