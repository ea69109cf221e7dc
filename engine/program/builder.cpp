#include "engine/program/builder.hpp"

#include "engine/program/format.hpp"
#include "engine/program/inner.hpp"
#include "engine/program/steps/rule.hpp"

namespace koinon::engine::program {

using base::Code;
using base::fail;

void Builder::refuse(base::Error error) {
  if (!error_) error_ = std::move(error);
}

Ref Builder::input(std::string name, TensorInfo info, Scale scale, std::int64_t low, std::int64_t high) {
  if (error_) return {};
  if (!program_.steps.empty()) {
    refuse({Code::invalid_argument, fmt::format("[program] input {} after the first step", name)});
    return {};
  }
  if (auto status = tensor::check_shape(info.shape); !status) {
    refuse(std::move(status).error());
    return {};
  }
  if (low > high || low < tensor::dtype_low(info.dtype) || high > tensor::dtype_high(info.dtype)) {
    refuse({Code::out_of_range,
            fmt::format("[program] range [{}, {}] of input {} of type {}", low, high, name, dtype_name(info.dtype))});
    return {};
  }
  program_.inputs.push_back({std::move(name), info, scale, low, high});
  values_.push_back(std::move(info));
  ranges_.push_back({low, high});
  return Ref::value(values_.size() - 1);
}

Ref Builder::constant(Source source, IntTensor data) {
  if (error_) return {};
  auto& list = source == Source::weight ? program_.weights : program_.tables;
  auto& ranges = source == Source::weight ? weight_ranges_ : table_ranges_;
  if (auto status = tensor::check_shape(data.shape); !status) {
    refuse(std::move(status).error());
    return {};
  }
  Constant c{{data.dtype, data.shape}, tensor::tensor_root(data), {}};
  for (std::size_t i = 0; i < list.size(); ++i)
    if (list[i].root == c.root && list[i].info == c.info) return Ref::make(source, i);
  c.data = std::move(data.bytes);
  const Range reach = steps::constant_range(c);
  if (auto bounded = steps::range_of(reach.low, reach.high); !bounded) {
    refuse(std::move(bounded).error().within("[program] constant"));
    return {};
  }
  ranges.push_back(reach);
  list.push_back(std::move(c));
  return Ref::make(source, list.size() - 1);
}

Ref Builder::weight(IntTensor data) { return constant(Source::weight, std::move(data)); }
Ref Builder::table(IntTensor data) { return constant(Source::table, std::move(data)); }

const TensorInfo& Builder::info(Ref ref) const {
  if (ref.source() == Source::value) return values_.at(ref.index());
  return constant_of(program_, ref)->info;
}

Range Builder::range(Ref ref) const {
  const auto& list = ref.source() == Source::value ? ranges_ : ref.source() == Source::weight ? weight_ranges_ : table_ranges_;
  return list.at(ref.index());
}

std::vector<Ref> Builder::step(StepKind kind, std::vector<Ref> operands, Params params, const std::vector<Type>& types) {
  const std::vector<Ref> nothing(types.size());
  if (error_) return nothing;
  const auto refuse_here = [&](base::Error error) {
    refuse(std::move(error).within(fmt::format("step {}", program_.steps.size())));
    return nothing;
  };
  if (program_.steps.size() == kMaxSteps) {
    refuse(
        {Code::exhausted, fmt::format("more than {} steps: a model that is unrolled less (fewer time steps, see --dim) or cut "
                                      "into parts is needed",
                                      kMaxSteps)});
    return nothing;
  }
  Step step{kind, std::move(operands), {}, static_cast<std::uint32_t>(values_.size()), {}, std::move(params)};
  std::vector<Range> ranges;
  std::vector<const Constant*> constants;
  for (auto ref : step.operands) {
    if (ref == Ref{}) return refuse_here({Code::invalid_argument, fmt::format("[{}] an empty operand", step_name(kind))});
    step.operand_infos.push_back(info(ref));
    ranges.push_back(range(ref));
    constants.push_back(constant_of(program_, ref));
  }
  // Shapes and ranges first, then the types that hold them; check_step and prove_step have the last word.
  const steps::StepRule* rule = steps::find_rule(kind);
  if (rule == nullptr) return refuse_here({Code::unsupported, fmt::format("[{}] is not run by this version", step_name(kind))});
  if (step.operands.size() < rule->min_operands || step.operands.size() > rule->max_operands)
    return refuse_here({Code::invalid_argument, fmt::format("[{}] {} operands", step_name(kind), step.operands.size())});
  auto shapes = rule->infer(step);
  if (!shapes) return refuse_here(std::move(shapes).error().within(fmt::format("[{}]", step_name(kind))));
  auto reaches = rule->bounds(step, {ranges, constants});
  if (!reaches) return refuse_here(std::move(reaches).error().within(fmt::format("[{}]", step_name(kind))));
  for (std::size_t i = 0; i < types.size(); ++i)
    step.outputs.push_back({types[i].value_or(steps::natural_type(*rule, step, i, (*reaches)[i].range)), (*shapes)[i]});
  if (auto status = steps::check_step(step); !status) return refuse_here(std::move(status).error());
  auto proved = steps::prove_step(step, {ranges, constants});
  if (!proved) return refuse_here(std::move(proved).error());
  std::vector<Ref> out;
  for (std::size_t i = 0; i < types.size(); ++i) {
    out.push_back(Ref::value(values_.size()));
    values_.push_back(step.outputs[i]);
    ranges_.push_back((*proved)[i]);
  }
  program_.steps.push_back(std::move(step));
  return out;
}

Ref Builder::matmul(Ref a, Ref b, std::optional<Ref> bias, Type dtype) {
  std::vector<Ref> operands{a, b};
  if (bias) operands.push_back(*bias);
  return step(StepKind::matmul, std::move(operands), {}, {dtype})[0];
}
Ref Builder::conv(Ref x, Ref w, const ConvParams& params, std::optional<Ref> bias, Type dtype) {
  std::vector<Ref> operands{x, w};
  if (bias) operands.push_back(*bias);
  return step(StepKind::conv, std::move(operands), params.pack(), {dtype})[0];
}
Ref Builder::add(Ref a, Ref b, Type dtype) { return step(StepKind::add, {a, b}, {}, {dtype})[0]; }
Ref Builder::sub(Ref a, Ref b, Type dtype) { return step(StepKind::sub, {a, b}, {}, {dtype})[0]; }
Ref Builder::mul(Ref a, Ref b, Type dtype) { return step(StepKind::mul, {a, b}, {}, {dtype})[0]; }
Ref Builder::requantise(Ref x, Ref multiplier, Ref shift_by, std::int64_t low, std::int64_t high, Type dtype) {
  return step(StepKind::requantise, {x, multiplier, shift_by}, {low, high}, {dtype})[0];
}
Ref Builder::lookup(Ref x, Ref entries, std::int64_t low) { return step(StepKind::lookup, {x, entries}, {low}, {Type{}})[0]; }
Ref Builder::reduce(Ref x, const ReduceParams& params, Type dtype) {
  return step(StepKind::reduce, {x}, params.pack(), {dtype})[0];
}
Ref Builder::argmax(Ref x, std::size_t axis) {
  return step(StepKind::argmax, {x}, {static_cast<std::int64_t>(axis)}, {Type{}})[0];
}
Ref Builder::prefix_sum(Ref x, std::size_t axis, Type dtype) {
  return step(StepKind::prefix_sum, {x}, {static_cast<std::int64_t>(axis)}, {dtype})[0];
}
std::pair<Ref, Ref> Builder::topk(Ref x, std::size_t axis, std::int64_t k) {
  const auto out = step(StepKind::topk, {x}, {static_cast<std::int64_t>(axis), k}, {Type{}, Type{}});
  return {out[0], out[1]};
}
Ref Builder::compare(Ref a, Ref b, CompareOp op) {
  return step(StepKind::compare, {a, b}, {static_cast<std::int64_t>(op)}, {Type{}})[0];
}
Ref Builder::select(Ref condition, Ref a, Ref b) { return step(StepKind::select, {condition, a, b}, {}, {Type{}})[0]; }
Ref Builder::gather(Ref x, Ref indices, std::size_t axis, std::size_t batch) {
  return step(StepKind::gather, {x, indices}, {static_cast<std::int64_t>(axis), static_cast<std::int64_t>(batch)}, {Type{}})[0];
}
Ref Builder::scatter(Ref x, Ref indices, Ref rows, std::size_t axis, std::size_t batch) {
  return step(StepKind::scatter, {x, indices, rows}, {static_cast<std::int64_t>(axis), static_cast<std::int64_t>(batch)},
              {Type{}})[0];
}
std::pair<Ref, Ref> Builder::divide(Ref a, Ref b) {
  const auto out = step(StepKind::divide, {a, b}, {}, {Type{}, Type{}});
  return {out[0], out[1]};
}
Ref Builder::quotient(Ref a, Ref b, Type dtype) { return step(StepKind::divide, {a, b}, {}, {dtype})[0]; }
Ref Builder::isqrt(Ref x, Type dtype) { return step(StepKind::isqrt, {x}, {}, {dtype})[0]; }
Ref Builder::shift(Ref x, std::int64_t bits, Type dtype) { return step(StepKind::shift, {x}, {bits}, {dtype})[0]; }
Ref Builder::reshape(Ref x, Shape shape) { return step(StepKind::reshape, {x}, std::move(shape), {Type{}})[0]; }
Ref Builder::transpose(Ref x, const std::vector<std::int64_t>& order) {
  return step(StepKind::transpose, {x}, order, {Type{}})[0];
}
Ref Builder::slice(Ref x, const std::vector<std::int64_t>& starts, const std::vector<std::int64_t>& strides, Shape sizes) {
  Params params = starts;
  params.insert(params.end(), strides.begin(), strides.end());
  params.insert(params.end(), sizes.begin(), sizes.end());
  return step(StepKind::slice, {x}, std::move(params), {Type{}})[0];
}
Ref Builder::concat(const std::vector<Ref>& parts, std::size_t axis) {
  return step(StepKind::concat, parts, {static_cast<std::int64_t>(axis)}, {Type{}})[0];
}
Ref Builder::pad(Ref x, const std::vector<std::int64_t>& begin, const std::vector<std::int64_t>& end, std::int64_t value) {
  Params params = begin;
  params.insert(params.end(), end.begin(), end.end());
  params.push_back(value);
  return step(StepKind::pad, {x}, std::move(params), {Type{}})[0];
}
Ref Builder::broadcast(Ref x, Shape shape) { return step(StepKind::broadcast, {x}, std::move(shape), {Type{}})[0]; }

void Builder::output(std::string name, Ref ref, Scale scale) { program_.outputs.push_back({std::move(name), ref, scale}); }

namespace {

// Drops the constants that no step uses and renumbers the others.
void prune(Program& program, Source source, std::vector<Constant>& list) {
  std::vector<std::uint32_t> place(list.size(), 0);
  for (auto& step : program.steps)
    for (auto ref : step.operands)
      if (ref.source() == source) place[ref.index()] = 1;
  std::vector<Constant> kept;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (place[i] == 0) continue;
    place[i] = static_cast<std::uint32_t>(kept.size());
    kept.push_back(std::move(list[i]));
  }
  list = std::move(kept);
  for (auto& step : program.steps)
    for (auto& ref : step.operands)
      if (ref.source() == source) ref = Ref::make(source, place[ref.index()]);
}

}  // namespace

base::Result<Program> Builder::finish(Metadata metadata) {
  if (error_) return fail(*error_);
  Program out = program_;
  out.metadata = std::move(metadata);
  prune(out, Source::weight, out.weights);
  prune(out, Source::table, out.tables);
  mark_inner(out);
  KOINON_CHECK(validate(out));
  return out;
}

}  // namespace koinon::engine::program
