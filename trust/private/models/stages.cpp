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

/// What a value is of the input, as a number: 0 when each of its elements is a function of one element of the input; 2 l + 1
/// when they are the sums of layer l, affine in the tables before (in the first layer: sums of such functions); 2 l + 2 when
/// each is a function of the sum at the same place.
using Depth = std::size_t;
constexpr Depth kElement = 0;
constexpr Depth kRest = SIZE_MAX;
bool is_sum(Depth depth) { return depth % 2 == 1; }

bool is_layer(const Step& step) { return step.kind == StepKind::matmul || step.kind == StepKind::conv; }

std::size_t elements(const engine::program::TensorInfo& info) {
  return static_cast<std::size_t>(engine::tensor::element_count(info.shape));
}

class Finder {
 public:
  explicit Finder(const Program& program) : program_(program), of_(program.value_count(), kRest), order_(of_.size()) {}

  Result<Stages> find() {
    if (program_.inputs.size() != 1)
      return fail(Code::unsupported, "[private] {} inputs: one expected; concatenate them before the model",
                  program_.inputs.size());
    if (std::ranges::none_of(program_.steps, is_layer))
      return fail(Code::unsupported, "[private] no layer in {} steps: nothing for a provider to compute",
                  program_.steps.size());
    std::size_t last_layer = 0;
    for (std::size_t i = 0; i < program_.steps.size(); ++i)
      if (is_layer(program_.steps[i])) last_layer = i;
    of_[0] = kElement;
    for (std::size_t i = 0; i <= last_layer && i < program_.steps.size(); ++i) KOINON_CHECK(place(i));
    if (layers_.size() < 2 || layers_.back().affine.empty())
      return fail(Code::unsupported, "[private] no table between two layers in {} steps: a linear plan serves",
                  program_.steps.size());
    out_.last = std::move(layers_.back().affine);
    layers_.pop_back();
    for (auto& layer : layers_) out_.layers.push_back({layer.affine, layer.tables, *layer.sums, *layer.values});
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
    Depth depth = 0;
    for (const auto v : values) depth = std::max(depth, of_[v]);
    const bool by_element = is_by_element(step);
    const bool linear = is_affine(step, values);
    if (depth == kRest) return cannot(number, "reads what is not computed yet");
    if (depth == kElement) {
      if (by_element ? same_order(values) : is_move(step)) {
        if (!linear) out_.thermometer = true;
        const bool kept = by_element || step.kind == StepKind::reshape;
        for (std::size_t i = 0; i < step.outputs.size(); ++i)
          order_[step.first_output + i] = kept ? order_[values[0]] : orders_ + 1;
        orders_ += kept ? 0 : 1;
        return put(number, kElement, layer(0).affine);
      }
      return linear ? put(number, 1, layer(0).affine) : cannot(number, "mixes elements of the input");
    }
    if (!is_sum(depth)) return after_tables(number, values, depth / 2 - 1, by_element, linear);
    if (linear) return affine(number, values, depth / 2);
    return by_element ? start_tables(number, values, depth / 2) : cannot(number, "compares or mixes sums");
  }

  /// Elements at one place of these values are functions of one element of the input.
  [[nodiscard]] bool same_order(const std::vector<std::size_t>& values) const {
    return std::ranges::all_of(values, [&](auto v) { return order_[v] == order_[values[0]]; });
  }

  Status start_tables(std::size_t number, const std::vector<std::size_t>& values, std::size_t l) {
    auto& at = layer(l);
    if (!at.sums) at.sums = values[0];
    for (const auto v : values)
      if (v != *at.sums) return cannot(number, "takes a table of other sums than the step before");
    return put(number, 2 * l + 2, at.tables);
  }

  Status after_tables(std::size_t number, const std::vector<std::size_t>& values, std::size_t l, bool by_element, bool linear) {
    const bool from_tables = std::ranges::all_of(values, [&](auto v) { return of_[v] == 2 * l + 2 || v == *layer(l).sums; });
    const bool same_order = program_.steps[number].kind == StepKind::reshape || by_element;
    if (same_order && from_tables && !layer(l).values) return put(number, 2 * l + 2, layer(l).tables);
    if (!linear) return cannot(number, "mixes values of tables");
    return affine(number, values, l + 1);
  }

  /// A step of the sums of layer l.
  Status affine(std::size_t number, const std::vector<std::size_t>& values, std::size_t l) {
    for (const auto v : values) {
      if (of_[v] == 2 * l + 1 || (l == 0 && of_[v] == kElement)) continue;
      if (l == 0 || of_[v] != 2 * l || (layer(l - 1).values && *layer(l - 1).values != v))
        return cannot(number, "reads beside the tables (a skip connection)");
      layer(l - 1).values = v;
    }
    if (layer(l).sums) return cannot(number, "uses sums beside their tables (a skip connection)");
    return put(number, 2 * l + 1, layer(l).affine);
  }

  Status put(std::size_t number, Depth depth, std::vector<std::size_t>& list) {
    const auto& step = program_.steps[number];
    for (std::size_t i = 0; i < step.outputs.size(); ++i) of_[step.first_output + i] = depth;
    list.push_back(number);
    return {};
  }

  [[nodiscard]] Status refuse(std::size_t number, const std::string& why, const std::string& help) const {
    return fail(Code::unsupported, "[private] step {} ({}) {}; what helps: {}", number,
                engine::program::step_name(program_.steps[number].kind), why, help);
  }
  [[nodiscard]] Status cannot(std::size_t number, const std::string& why) const {
    return refuse(number, why + ", which is not done under encryption",
                  "steps element by element between two layers (sums instead of maxima in pooling), or a linear model");
  }

  struct Layer {
    std::vector<std::size_t> affine, tables;
    std::optional<std::size_t> sums, values;
  };
  Layer& layer(std::size_t number) {
    if (layers_.size() <= number) layers_.resize(number + 1);
    return layers_[number];
  }

  const Program& program_;
  Stages out_;
  std::vector<Depth> of_;
  std::vector<std::size_t> order_;  ///< of values of depth kElement: equal where the elements stand in the same places
  std::size_t orders_ = 0;
  std::vector<Layer> layers_;
};

}  // namespace

bool is_by_element(const Step& step) {
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

bool is_move(const Step& step) {
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

bool is_affine(const Step& step, const std::vector<std::size_t>& values) {
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

Result<Stages> find_stages(const Program& program) { return Finder(program).find(); }

const engine::program::TensorInfo& info_of(const Program& program, std::size_t value) {
  if (value < program.inputs.size()) return program.inputs[value].info;
  const auto* found = &program.steps.front();
  for (const auto& step : program.steps)
    if (step.first_output <= value) found = &step;
  return found->outputs[value - found->first_output];
}

}  // namespace koinon::trust::fhe
