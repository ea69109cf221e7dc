#include "trust/private/models/stages.hpp"

#include <algorithm>
#include <optional>

#include "engine/program/params.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::program::Program;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;

/// What a value is of the input.
enum class Of : std::uint8_t {
  element,  ///< each element a function of one element of the input
  sum,      ///< sums of such
  table,    ///< each element a function of one element of the value `sums`, at the same place
  output,   ///< affine in the value `values`
  rest,
};

bool is_layer(const Step& step) { return step.kind == StepKind::matmul || step.kind == StepKind::conv; }

std::size_t elements(const engine::program::TensorInfo& info) {
  return static_cast<std::size_t>(engine::tensor::element_count(info.shape));
}

class Finder {
 public:
  explicit Finder(const Program& program) : program_(program), of_(program.value_count(), Of::rest) {}

  Result<Stages> find() {
    if (program_.inputs.size() != 1)
      return fail(Code::unsupported, "[private] {} inputs: one expected; concatenate them before the model",
                  program_.inputs.size());
    std::size_t last_layer = 0;
    for (std::size_t i = 0; i < program_.steps.size(); ++i)
      if (is_layer(program_.steps[i])) last_layer = i;
    of_[0] = Of::element;
    for (std::size_t i = 0; i <= last_layer && i < program_.steps.size(); ++i) KOINON_CHECK(place(i));
    if (out_.last.empty() || out_.tables.empty())
      return fail(Code::unsupported, "[private] no table between two layers in {} steps: a linear plan serves",
                  program_.steps.size());
    for (auto i = last_layer + 1; i < program_.steps.size(); ++i) out_.rest.push_back(i);
    out_.end = program_.steps[last_layer].first_output;
    return std::move(out_);
  }

 private:
  Status place(std::size_t number) {
    const auto& step = program_.steps[number];
    std::vector<std::size_t> values;
    for (const auto& ref : step.operands)
      if (ref.source() == Source::value) values.push_back(ref.index());
    if (values.empty()) return refuse(number, "takes constants alone", "simplify the model");
    const auto stage = of_[*std::ranges::max_element(values, {}, [&](auto v) { return of_[v]; })];
    const bool by_element = is_by_element(step);
    const bool linear = is_affine(step, values);
    switch (stage) {
      case Of::element:
        if (by_element || is_move(step)) {
          if (!linear) out_.thermometer = true;
          return put(number, Of::element, out_.first);
        }
        return linear ? put(number, Of::sum, out_.first) : cannot(number, "mixes elements of the input");
      case Of::sum:
        if (linear) return put(number, Of::sum, out_.first);
        return by_element ? start_tables(number, values) : cannot(number, "compares or mixes sums");
      case Of::table: return after_tables(number, values, by_element, linear);
      case Of::output: return linear ? affine(number, values) : deeper(number);
      case Of::rest: break;
    }
    return cannot(number, "reads what is not computed yet");
  }

  Status start_tables(std::size_t number, const std::vector<std::size_t>& values) {
    if (!sums_) sums_ = out_.sums = values[0];
    for (const auto v : values)
      if (v != *sums_) return cannot(number, "takes a table of other sums than the step before");
    return put(number, Of::table, out_.tables);
  }

  Status after_tables(std::size_t number, const std::vector<std::size_t>& values, bool by_element, bool linear) {
    const bool from_tables = std::ranges::all_of(values, [&](auto v) { return of_[v] == Of::table || v == *sums_; });
    const bool same_order = program_.steps[number].kind == StepKind::reshape || by_element;
    if (same_order && from_tables && out_.last.empty()) return put(number, Of::table, out_.tables);
    if (!linear) return cannot(number, "mixes values of tables");
    return affine(number, values);
  }

  Status affine(std::size_t number, const std::vector<std::size_t>& values) {
    for (const auto v : values) {
      if (of_[v] == Of::output) continue;
      if (of_[v] != Of::table || (values_ && *values_ != v))
        return cannot(number, "reads beside the tables (a skip connection)");
      values_ = out_.values = v;
    }
    return put(number, Of::output, out_.last);
  }

  Status put(std::size_t number, Of of, std::vector<std::size_t>& list) {
    const auto& step = program_.steps[number];
    for (std::size_t i = 0; i < step.outputs.size(); ++i) of_[step.first_output + i] = of;
    list.push_back(number);
    return {};
  }

  /// One element of the output from the same element of every value that is read; constants spread.
  [[nodiscard]] static bool is_by_element(const Step& step) {
    switch (step.kind) {
      case StepKind::add:
      case StepKind::sub:
      case StepKind::mul:
      case StepKind::requantise:
      case StepKind::lookup:
      case StepKind::compare:
      case StepKind::select:
      case StepKind::divide:
      case StepKind::isqrt:
      case StepKind::shift: break;
      default: return false;
    }
    for (std::size_t i = 0; i < step.operands.size(); ++i)
      if (step.operands[i].source() == Source::value && elements(step.operand_infos[i]) != elements(step.outputs[0]))
        return false;
    return true;
  }
  [[nodiscard]] static bool is_move(const Step& step) {
    switch (step.kind) {
      case StepKind::reshape:
      case StepKind::transpose:
      case StepKind::slice:
      case StepKind::concat:
      case StepKind::pad:
      case StepKind::broadcast: return true;
      case StepKind::gather: return step.operands[0].source() == Source::value && step.operands[1].source() == Source::weight;
      default: return false;
    }
  }
  /// Affine in the values that are read.
  [[nodiscard]] static bool is_affine(const Step& step, const std::vector<std::size_t>& values) {
    switch (step.kind) {
      case StepKind::add:
      case StepKind::sub:
      case StepKind::prefix_sum: return true;
      case StepKind::mul: return values.size() == 1;
      case StepKind::matmul:
      case StepKind::conv: return values.size() == 1 && step.operands[0].source() == Source::value;
      case StepKind::shift: return step.params[0] >= 0;
      case StepKind::reduce: return step.params[0] == static_cast<std::int64_t>(engine::program::ReduceOp::sum);
      default: return is_move(step);
    }
  }

  [[nodiscard]] Status refuse(std::size_t number, const std::string& why, const std::string& help) const {
    return fail(Code::unsupported, "[private] step {} ({}) {}; what helps: {}", number,
                engine::program::step_name(program_.steps[number].kind), why, help);
  }
  [[nodiscard]] Status cannot(std::size_t number, const std::string& why) const {
    return refuse(number, why + ", which is not done under encryption",
                  "steps element by element between two layers (sums instead of maxima in pooling), or a linear model");
  }
  [[nodiscard]] Status deeper(std::size_t number) const {
    return refuse(number, "needs tables after a second layer, and no parameters in the security table are deep enough for two",
                  "one hidden layer, a tree model, or fewer layers before the last");
  }

  const Program& program_;
  Stages out_;
  std::vector<Of> of_;
  std::optional<std::size_t> sums_, values_;
};

}  // namespace

Result<Stages> find_stages(const Program& program) { return Finder(program).find(); }

const engine::program::TensorInfo& info_of(const Program& program, std::size_t value) {
  if (value < program.inputs.size()) return program.inputs[value].info;
  const auto* found = &program.steps.front();
  for (const auto& step : program.steps)
    if (step.first_output <= value) found = &step;
  return found->outputs[value - found->first_output];
}

}  // namespace koinon::trust::fhe
