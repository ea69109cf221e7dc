#include "trust/proof/build.hpp"

#include <bit>

#include "engine/kernels/array.hpp"
#include "engine/program/steps/rule.hpp"
#include "trust/proof/bound.hpp"
#include "trust/proof/steps.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using engine::program::Range;
using engine::program::Ref;
using engine::program::Source;
using engine::program::StepKind;
using engine::tensor::IntTensor;

std::vector<bool> hidden_weights(const engine::program::Program& program) {
  std::vector<bool> out(program.weights.size(), true);
  for (const auto& step : program.steps)
    for (std::size_t i = 0; i < step.operands.size(); ++i) {
      const Ref ref = step.operands[i];
      if (ref.source() != Source::weight) continue;
      const bool product = (step.kind == StepKind::matmul || step.kind == StepKind::conv) && i > 0;
      const bool rows = step.kind == StepKind::gather && i == 0 && step.operands[1].source() == Source::value;
      if (!product && !rows) out[ref.index()] = false;
    }
  return out;
}

namespace {

// Every bound of a valid program stays below 2^62.
Range type_range(engine::tensor::DType dtype) {
  constexpr std::int64_t kMost = (std::int64_t{1} << 62) - 1;
  return {std::max(engine::tensor::dtype_low(dtype), -kMost), std::min(engine::tensor::dtype_high(dtype), kMost)};
}

}  // namespace

bool Build::is_hidden(Ref ref) const { return ref.source() == Source::weight && hidden[ref.index()]; }

std::vector<std::int64_t> Build::constant(Ref ref) const {
  const auto& constant = ref.source() == Source::weight ? program.weights[ref.index()] : program.tables[ref.index()];
  const engine::kernels::ConstArray array{constant.info.dtype, constant.data.data()};
  std::vector<std::int64_t> out(static_cast<std::size_t>(engine::tensor::element_count(constant.info.shape)));
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = array.at(static_cast<std::int64_t>(i));
  return out;
}

std::vector<Var> Build::vars(Ref ref) {
  if (ref.source() == Source::value) return values[ref.index()];
  if (is_hidden(ref) && sizes_only) {
    const auto& info = program.weights[ref.index()].info;
    return std::vector<Var>(static_cast<std::size_t>(engine::tensor::element_count(info.shape)));
  }
  if (is_hidden(ref)) return weights[ref.index()];
  std::vector<Var> out;
  for (const auto value : constant(ref)) out.push_back(circuit.known(Fp::from(value)));
  return out;
}

engine::program::Range Build::range(Ref ref) const {
  if (ref.source() == Source::value) return ranges[ref.index()];
  const auto& constant = ref.source() == Source::weight ? program.weights[ref.index()] : program.tables[ref.index()];
  return is_hidden(ref) ? type_range(constant.info.dtype) : engine::program::steps::constant_range(constant);
}

std::vector<Var> Build::output(const engine::program::Step& step, std::size_t index, Home home) {
  const auto count = static_cast<std::size_t>(engine::tensor::element_count(step.outputs[index].shape));
  const Var first = circuit.add_vars(home, count);
  std::vector<Var> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i] = first + static_cast<Var>(i);
    if (circuit.with_values()) circuit.set(out[i], Fp::from(trace[step.first_output + index].at(static_cast<std::int64_t>(i))));
  }
  return out;
}

// An entry costs a cell and a product with the verifier; what it replaces costs some twenty cells an element.
std::optional<std::uint32_t> Build::function_table(const std::vector<std::int64_t>& key, const Range& domain, std::size_t uses,
                                                   const std::function<std::int64_t(std::int64_t)>& f) {
  if (const auto at = functions.find(key); at != functions.end()) return at->second;
  const auto span = static_cast<std::uint64_t>(domain.high) - static_cast<std::uint64_t>(domain.low);
  if (span >= std::uint64_t{1} << 17 || span >= 4 * uses) return std::nullopt;
  std::vector<std::array<Fp, 2>> entries;
  for (std::int64_t v = domain.low; v <= domain.high; ++v) entries.push_back({Fp::from(v), Fp::from(f(v))});
  return functions.emplace(key, circuit.add_table(std::move(entries))).first->second;
}

std::int64_t Build::integer(Var var) const {
  if (!circuit.with_values()) return 0;
  const std::uint64_t v = circuit.value(var).v;
  return v > kPrime / 2 ? -static_cast<std::int64_t>(kPrime - v) : static_cast<std::int64_t>(v);
}

unsigned choose_limb_log(const engine::program::Program& program) {
  std::uint64_t elements = 0;
  for (const auto& step : program.steps)
    if (step.kind == StepKind::argmax || step.kind == StepKind::topk)
      elements += static_cast<std::uint64_t>(engine::tensor::element_count(step.operand_infos[0].shape));
    else if (step.kind == StepKind::requantise || step.kind == StepKind::lookup || step.kind == StepKind::reduce ||
             step.kind == StepKind::divide || step.kind == StepKind::isqrt || step.kind == StepKind::compare ||
             step.kind == StepKind::shift)
      elements += static_cast<std::uint64_t>(engine::tensor::element_count(step.outputs[0].shape));
  return elements < 8000 ? 8 : elements < 200000 ? 12 : 16;
}

namespace {

base::Status check_tensors(std::span<const IntTensor> tensors, std::size_t count, std::string_view what,
                           const std::function<engine::program::TensorInfo(std::size_t)>& info) {
  if (tensors.size() != count) return fail(Code::invalid_argument, "[proof] {} {}s: {} expected", tensors.size(), what, count);
  for (std::size_t i = 0; i < count; ++i)
    if (tensors[i].dtype != info(i).dtype || tensors[i].shape != info(i).shape)
      return fail(Code::invalid_argument, "[proof] {} {}: {} {} is not {} {}", what, i, dtype_name(tensors[i].dtype),
                  engine::tensor::shape_text(tensors[i].shape), dtype_name(info(i).dtype),
                  engine::tensor::shape_text(info(i).shape));
  return {};
}

engine::program::TensorInfo value_info(const engine::program::Program& program, std::size_t index) {
  if (index < program.inputs.size()) return program.inputs[index].info;
  for (const auto& step : program.steps)
    if (index < step.first_output + step.outputs.size()) return step.outputs[index - step.first_output];
  return {};
}

/// What the verifier knows of a step's outputs: the step's own bounds where they can be had, else what the types hold.
std::vector<Range> ranges_of_step(const Build& build, const engine::program::Step& step) {
  std::vector<Range> from, out;
  std::vector<const engine::program::Constant*> constants;
  for (const auto ref : step.operands) {
    from.push_back(build.range(ref));
    const bool known = ref.source() != Source::value && !build.is_hidden(ref);
    const auto& list = ref.source() == Source::weight ? build.program.weights : build.program.tables;
    constants.push_back(known ? &list[ref.index()] : nullptr);
  }
  const auto reach = engine::program::steps::find_rule(step.kind)->bounds(step, {from, constants});
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    out.push_back(type_range(step.outputs[i].dtype));
    if (!reach) continue;
    out[i].low = std::max(out[i].low, (*reach)[i].range.low);
    out[i].high = std::min(out[i].high, (*reach)[i].range.high);
    if (out[i].low > out[i].high) out[i] = type_range(step.outputs[i].dtype);
  }
  return out;
}

/// Ranges that hold for any hidden weights that the program validates with.
void set_hidden_ranges(Build& build) {
  for (const auto& input : build.program.inputs) build.ranges.push_back({input.low, input.high});
  for (const auto& step : build.program.steps)
    for (const auto& range : ranges_of_step(build, step)) build.ranges.push_back(range);
}

base::Status add_input(Build& build, const Statement& statement, std::size_t i) {
  const auto& input = build.program.inputs[i];
  const auto count = static_cast<std::size_t>(engine::tensor::element_count(input.info.shape));
  const bool hidden = build.secrecy.input;
  const Var first = build.circuit.add_vars(hidden ? Home::witness : Home::known, count);
  if (!hidden) build.circuit.stated(first, count);
  auto& vars = build.values.emplace_back(count);
  for (std::size_t k = 0; k < count; ++k) vars[k] = first + static_cast<Var>(k);
  if (!hidden || build.circuit.with_values()) {
    const auto& tensor = hidden ? build.trace[i] : statement.inputs[i];
    for (std::size_t k = 0; k < count; ++k) {
      const auto value = tensor.at(static_cast<std::int64_t>(k));
      if (value < input.low || value > input.high)
        return fail(Code::out_of_range, "[proof] input {} element {}: {} is outside [{}, {}]", i, k, value, input.low,
                    input.high);
      build.circuit.set(vars[k], Fp::from(value));
    }
  }
  const auto span = static_cast<std::uint64_t>(input.high) - static_cast<std::uint64_t>(input.low);
  if (hidden && span >> 63 != 0)
    return fail(Code::unsupported, "[proof] input {}: a hidden input of {} bits does not fit the field", i,
                static_cast<int>(std::bit_width(span)));
  if (!hidden) return {};
  Circuit::Batch batch(build.circuit);
  for (const auto var : vars) {
    batch.next();
    Affine form = Affine::of(var);
    form.constant = -Fp::from(input.low);
    build.circuit.range(form, span + 1);
  }
  return {};
}

void add_hidden_weights(Build& build, const Witness* witness) {
  const auto& program = build.program;
  build.weights.resize(program.weights.size());
  build.hidden.resize(program.weights.size());
  if (!build.secrecy.weights) return;
  build.hidden = hidden_weights(program);
  for (std::size_t i = 0; i < build.hidden.size(); ++i) {
    if (!build.hidden[i]) continue;
    const auto& info = program.weights[i].info;
    const auto count = static_cast<std::size_t>(engine::tensor::element_count(info.shape));
    if (build.sizes_only) {
      build.circuit.count_weights(count);
      continue;
    }
    const Var first = build.circuit.add_vars(Home::weight, count);
    for (std::size_t k = 0; k < count; ++k) {
      build.weights[i].push_back(first + static_cast<Var>(k));
      if (witness == nullptr) continue;
      const engine::kernels::ConstArray array{info.dtype, witness->program.weights[i].data.data()};
      build.circuit.set(build.weights[i].back(), Fp::from(array.at(static_cast<std::int64_t>(k))));
    }
  }
}

}  // namespace

base::Result<Circuit> build_circuit(const Statement& statement, const Witness* witness) {
  const auto& program = statement.program;
  const Secrecy counted{statement.secrecy.weights && !statement.sizes_only, statement.secrecy.input};
  if (const double numbers = most_numbers(program, counted); numbers > kMostNumbers)
    return fail(Code::unsupported, "[proof] a circuit of up to {:.3g} numbers: at most {:.3g}", numbers, kMostNumbers);
  if (!statement.secrecy.input)
    KOINON_CHECK(
        check_tensors(statement.inputs, program.inputs.size(), "input", [&](std::size_t i) { return program.inputs[i].info; }));
  KOINON_CHECK(check_tensors(statement.outputs, program.outputs.size(), "output",
                             [&](std::size_t i) { return value_info(program, program.outputs[i].ref.index()); }));
  Build build{program, statement.secrecy, Circuit(choose_limb_log(program), witness != nullptr), {}, {}, {}, {}, {}, {}};
  build.sizes_only = statement.sizes_only;
  if (witness != nullptr) build.trace = witness->trace;
  add_hidden_weights(build, witness);
  if (statement.secrecy.weights) {
    set_hidden_ranges(build);
  } else {
    KOINON_TRY(build.ranges, engine::program::analyse(program));
  }
  for (std::size_t i = 0; i < program.inputs.size(); ++i) KOINON_CHECK(add_input(build, statement, i));
  for (std::size_t i = 0; i < program.steps.size(); ++i)
    if (auto done = add_step(build, program.steps[i]); !done)
      return fail(std::move(done).error().within(fmt::format("step {} ({})", i, step_name(program.steps[i].kind))));
  for (std::size_t i = 0; i < program.outputs.size(); ++i) {
    const auto& vars = build.values[program.outputs[i].ref.index()];
    const Var stated = build.circuit.add_vars(Home::known, vars.size());
    Circuit::Batch batch(build.circuit);
    for (std::size_t k = 0; k < vars.size(); ++k, batch.next()) {
      const Var y = stated + static_cast<Var>(k);
      build.circuit.set(y, Fp::from(statement.outputs[i].at(static_cast<std::int64_t>(k))));
      build.circuit.zero(Affine::of(vars[k]).add(y, -Fp(1)));
    }
    build.circuit.stated(stated, vars.size());
  }
  build.circuit.finish();
  return std::move(build.circuit);
}

}  // namespace koinon::trust::proof
