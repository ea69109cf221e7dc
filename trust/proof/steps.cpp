#include "trust/proof/steps.hpp"

#include "engine/program/steps/rule.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;

base::Status add_step(Build& build, const Step& step) {
  switch (step.kind) {
    case StepKind::matmul: return add_matmul(build, step);
    case StepKind::conv: return add_conv(build, step);
    case StepKind::requantise: return add_requantise(build, step);
    case StepKind::lookup: return add_lookup(build, step);
    case StepKind::reduce: return add_reduce(build, step);
    case StepKind::add:
    case StepKind::sub:
    case StepKind::mul: return add_elementwise(build, step);
    case StepKind::shift: return add_shift(build, step);
    case StepKind::reshape:
    case StepKind::transpose:
    case StepKind::slice:
    case StepKind::concat:
    case StepKind::pad:
    case StepKind::broadcast: return add_movement(build, step);
    case StepKind::compare: return add_compare(build, step);
    case StepKind::select: return add_select(build, step);
    case StepKind::divide: return add_divide(build, step);
    case StepKind::isqrt: return add_isqrt(build, step);
    case StepKind::prefix_sum: return add_prefix_sum(build, step);
    case StepKind::argmax: return add_argmax(build, step);
    case StepKind::topk: return add_topk(build, step);
    case StepKind::gather: return add_gather(build, step);
    case StepKind::scatter: return add_scatter(build, step);
  }
  return fail(Code::unsupported, "no kind of step has number {}", static_cast<int>(step.kind));
}

namespace {

using Ids = std::vector<std::int32_t>;

/// Runs a data movement step of the engine on 32-bit numbers in place of its elements.
Ids move_numbers(Step step, const std::vector<Ids>& operands) {
  std::vector<const std::uint8_t*> from;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    step.operand_infos[i].dtype = engine::program::DType::i32;
    from.push_back(reinterpret_cast<const std::uint8_t*>(operands[i].data()));
  }
  step.outputs[0].dtype = engine::program::DType::i32;
  Ids out(static_cast<std::size_t>(engine::tensor::element_count(step.outputs[0].shape)));
  const std::array<std::uint8_t*, 1> to{reinterpret_cast<std::uint8_t*>(out.data())};
  engine::program::steps::find_rule(step.kind)->execute({step, from, to, {}});
  return out;
}

}  // namespace

// The elements stay the same variables: only their order changes.
base::Status add_movement(Build& build, const Step& step) {
  std::vector<Ids> operands;
  for (const auto ref : step.operands) {
    const auto vars = build.vars(ref);
    operands.emplace_back(vars.begin(), vars.end());
  }
  Step moved = step;
  if (step.kind == StepKind::pad)
    moved.params.back() = static_cast<std::int64_t>(build.circuit.known(Fp::from(step.params.back())));
  const auto out = move_numbers(std::move(moved), operands);
  build.values.emplace_back(out.begin(), out.end());
  return {};
}

std::vector<std::size_t> stretch(const engine::tensor::Shape& from, const engine::tensor::Shape& to) {
  Ids own(static_cast<std::size_t>(engine::tensor::element_count(from)));
  for (std::size_t i = 0; i < own.size(); ++i) own[i] = static_cast<std::int32_t>(i);
  Step step;
  step.kind = StepKind::broadcast;
  step.operand_infos = {{engine::program::DType::i32, from}};
  step.outputs = {{engine::program::DType::i32, to}};
  step.params = to;
  const auto out = move_numbers(std::move(step), {own});
  return {out.begin(), out.end()};
}

namespace {

class LinearRows : public LinearStep {
 public:
  LinearRows(std::vector<Var> out, std::vector<LinearRow> rows) : out_(std::move(out)), rows_(std::move(rows)) {}
  void push(LinearForm& form) const override {
    for (std::size_t i = 0; i < out_.size(); ++i) {
      const Ext weight = form.of[out_[i]];
      if (weight.is_zero()) continue;
      for (unsigned k = 0; k < rows_[i].count; ++k) form.of[rows_[i].terms[k].var] += weight * rows_[i].terms[k].coefficient;
      form.constant += weight * rows_[i].constant;
    }
  }
  [[nodiscard]] const std::vector<Var>& out() const override { return out_; }
  [[nodiscard]] Affine row(std::size_t i) const override {
    const auto& from = rows_[i];
    return {{from.terms.begin(), from.terms.begin() + from.count}, from.constant};
  }

 private:
  std::vector<Var> out_;
  std::vector<LinearRow> rows_;
};

}  // namespace

void add_linear(Circuit& circuit, std::vector<Var> out, std::vector<LinearRow> rows) {
  circuit.add_linear_step(std::make_shared<LinearRows>(std::move(out), std::move(rows)));
}

base::Status add_elementwise(Build& build, const Step& step) {
  const auto& shape = step.outputs[0].shape;
  const auto a = build.vars(step.operands[0]), b = build.vars(step.operands[1]);
  const auto at_a = stretch(step.operand_infos[0].shape, shape), at_b = stretch(step.operand_infos[1].shape, shape);
  const bool a_constant = step.operands[0].source() != Source::value, b_constant = step.operands[1].source() != Source::value;
  if (step.kind == StepKind::mul && !a_constant && !b_constant) {
    auto out = build.output(step, 0, Home::witness);
    Circuit::Batch batch(build.circuit);
    for (std::size_t i = 0; i < out.size(); ++i, batch.next())
      build.circuit.product(Affine::of(a[at_a[i]]), Affine::of(b[at_b[i]]), Affine::of(out[i]));
    build.values.push_back(std::move(out));
    return {};
  }
  std::vector<LinearRow> rows(at_a.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Var x = a[at_a[i]], y = b[at_b[i]];
    if (step.kind != StepKind::mul)
      rows[i] = {{Term{x, Fp(1)}, Term{y, step.kind == StepKind::add ? Fp(1) : -Fp(1)}}, 2, {}};
    else if (b_constant)
      rows[i] = {{Term{x, build.circuit.value(y)}, Term{}}, 1, {}};
    else
      rows[i] = {{Term{y, build.circuit.value(x)}, Term{}}, 1, {}};
  }
  auto out = build.output(step, 0, Home::linear);
  add_linear(build.circuit, out, std::move(rows));
  build.values.push_back(std::move(out));
  return {};
}

// y = x * 2^bits, or x = y * 2^k + r with 0 <= r < 2^k.
base::Status add_shift(Build& build, const Step& step) {
  const std::int64_t bits = step.params[0];
  const auto x = build.vars(step.operands[0]);
  if (bits >= 0) {
    std::vector<LinearRow> rows(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) rows[i] = {{Term{x[i], Fp(std::uint64_t{1} << bits)}, Term{}}, 1, {}};
    auto out = build.output(step, 0, Home::linear);
    add_linear(build.circuit, out, std::move(rows));
    build.values.push_back(std::move(out));
    return {};
  }
  const auto k = static_cast<unsigned>(-bits);
  const auto range = build.ranges[step.first_output];
  const auto span = static_cast<std::uint64_t>(range.high) - static_cast<std::uint64_t>(range.low);
  const auto width = static_cast<unsigned>(std::bit_width(span));
  if (width + k > 61) return fail(Code::unsupported, "a range of {} bits shifted by {} does not fit the field", width, k);
  auto out = build.output(step, 0, Home::witness);
  Circuit::Batch batch(build.circuit);
  for (std::size_t i = 0; i < x.size(); ++i, batch.next()) {
    Affine above = Affine::of(out[i]), rest = Affine::of(x[i]);
    above.constant = -Fp::from(range.low);
    build.circuit.range_bits(above, width);
    build.circuit.range_bits(rest.add(out[i], -Fp(std::uint64_t{1} << k)), k);
  }
  build.values.push_back(std::move(out));
  return {};
}

base::Status add_lookup(Build& build, const Step& step) {
  const std::int64_t low = step.params[0];
  const auto table_index = step.operands[1].index();
  const auto [at, added] = build.tables.try_emplace({table_index, low}, 0);
  if (added) {
    std::vector<std::array<Fp, 2>> entries;
    for (const auto value : build.constant(step.operands[1]))
      entries.push_back({Fp::from(low + static_cast<std::int64_t>(entries.size())), Fp::from(value)});
    at->second = build.circuit.add_table(std::move(entries));
  }
  const auto x = build.vars(step.operands[0]);
  auto out = build.output(step, 0, Home::witness);
  Circuit::Batch batch(build.circuit);
  for (std::size_t i = 0; i < x.size(); ++i, batch.next())
    build.circuit.lookup(at->second, Affine::of(x[i]), Affine::of(out[i]),
                         static_cast<std::size_t>(build.integer(x[i]) - (build.circuit.with_values() ? low : 0)));
  build.values.push_back(std::move(out));
  return {};
}

}  // namespace koinon::trust::proof
