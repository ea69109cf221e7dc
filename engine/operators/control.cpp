#include <algorithm>
#include <limits>

#include "engine/operators/expansion.hpp"
#include "engine/operators/table.hpp"

// If, Loop and Scan. A program has no control flow: a constant condition chooses, a computed one selects between both results,
// and loops are unrolled.
namespace koinon::engine::operators {

namespace {

constexpr std::int64_t kMaxIterations = 1 << 12;

Result<const onnx::Body*> body_of(const Call& call, const std::string& name) {
  const auto* body = call.body(name);
  if (body == nullptr) return call.fail(Code::malformed, "no graph '{}'", name);
  return body;
}

// If

Status expand_if(const Call& call, Expansion& to) {
  KOINON_TRY(const auto* yes, body_of(call, "then_branch"));
  KOINON_TRY(const auto* no, body_of(call, "else_branch"));
  if (const auto* condition = call.known(0); condition != nullptr) {
    if (condition->size() != 1) return call.fail(Code::malformed, "a condition of {} elements", condition->size());
    KOINON_TRY(const auto values, to.body(condition->real(0) != 0 ? *yes : *no, {}));
    if (values.size() < call.outputs()) return call.fail(Code::malformed, "a branch of {} outputs", values.size());
    for (std::size_t i = 0; i < call.outputs(); ++i) to.result(i, values[i]);
    return {};
  }
  KOINON_TRY(const auto a, to.body(*yes, {}));
  KOINON_TRY(const auto b, to.body(*no, {}));
  if (a.size() < call.outputs() || b.size() < call.outputs())
    return call.fail(Code::malformed, "branches of {} and {} outputs", a.size(), b.size());
  for (std::size_t i = 0; i < call.outputs(); ++i) to.result(i, to.add("Where", {call.input(0), a[i], b[i]}));
  return {};
}

// Loop: one iteration becomes nodes, and a Loop that has the next. What scan outputs have so far are further inputs of that.

const std::string kStep = "koinon.step";

struct LoopState {
  const onnx::Body* body = nullptr;
  std::int64_t step = 0;
  std::int64_t limit = std::numeric_limits<std::int64_t>::max();
  std::size_t carried = 0, scans = 0;
  bool computed = false;  ///< the condition is known only at run time
  bool done = false;
};

Result<LoopState> loop_state(const Call& call) {
  LoopState s;
  KOINON_TRY(s.body, body_of(call, "body"));
  const auto& graph = *s.body->graph;
  s.step = call.integer(kStep, 0);
  if (graph.inputs.size() < 2 || graph.outputs.empty() || graph.outputs.size() + 1 < graph.inputs.size())
    return call.fail(Code::malformed, "a body of {} inputs and {} outputs", graph.inputs.size(), graph.outputs.size());
  s.carried = graph.inputs.size() - 2;
  s.scans = graph.outputs.size() - 1 - s.carried;
  if (call.inputs() != 2 + s.carried + s.scans * static_cast<std::size_t>(s.step) || call.outputs() > s.carried + s.scans)
    return call.fail(Code::malformed, "{} inputs and {} outputs for a body of {} and {}", call.inputs(), call.outputs(),
                     graph.inputs.size(), graph.outputs.size());
  if (call.has(0)) {
    if (call.known(0) == nullptr || call.known(0)->size() != 1)
      return call.fail(Code::unsupported, "a trip count that is not constant");
    s.limit = onnx::saturate(call.value(0).real(0));
  }
  s.done = s.step >= s.limit;
  if (call.has(1)) {
    const auto* condition = call.known(1);
    s.computed = condition == nullptr;
    if (condition != nullptr) s.done = s.done || condition->size() != 1 || condition->real(0) == 0;
  } else if (!call.has(0)) {
    return call.fail(Code::unsupported, "neither a trip count nor a condition");
  }
  if (s.computed && (!call.has(0) || s.scans > 0))
    return call.fail(Code::unsupported, "a condition that is computed at run time, {}",
                     s.scans > 0 ? "with scan outputs" : "without a trip count");
  if (!s.done && s.step >= kMaxIterations) return call.fail(Code::out_of_range, "more than {} iterations", kMaxIterations);
  return s;
}

Status finish_loop(const Call& call, Expansion& to, const LoopState& s) {
  for (std::size_t i = 0; i < s.carried; ++i) to.result(i, call.input(2 + i));
  for (std::size_t k = 0; k < s.scans; ++k) {
    if (s.carried + k >= call.outputs()) continue;
    if (s.step == 0) return call.fail(Code::unsupported, "scan outputs of no iterations");
    std::vector<int> parts;
    for (std::size_t t = 0; t < static_cast<std::size_t>(s.step); ++t)
      parts.push_back(to.add("Unsqueeze", {call.input(2 + s.carried + t * s.scans + k), to.integers({0})}));
    to.result(s.carried + k, to.concat(std::move(parts), 0));
  }
  return {};
}

Status expand_loop(const Call& call, Expansion& to) {
  KOINON_TRY(const auto s, loop_state(call));
  if (s.done) return finish_loop(call, to, s);
  const int condition = call.has(1) ? call.input(1) : to.constant(Value::of_ints({}, {1}, Element::boolean));
  std::vector<int> inputs{to.whole(s.step), condition};
  for (std::size_t i = 0; i < s.carried; ++i) inputs.push_back(call.input(2 + i));
  KOINON_TRY(auto made, to.body(*s.body, inputs));
  if (s.computed) {
    // Once the condition fails, nothing changes any more.
    for (std::size_t i = 0; i < s.carried; ++i) made[1 + i] = to.add("Where", {condition, made[1 + i], inputs[2 + i]});
    made[0] = to.add("And", {condition, made[0]});
  }
  std::vector<int> next{call.has(0) ? call.input(0) : onnx::kAbsent, made[0]};
  for (std::size_t i = 0; i < s.carried; ++i) next.push_back(made[1 + i]);
  for (std::size_t i = 2 + s.carried; i < call.inputs(); ++i) next.push_back(call.input(i));
  for (std::size_t k = 0; k < s.scans; ++k) next.push_back(made[1 + s.carried + k]);
  const auto results = to.add("Loop", std::move(next), call.outputs(), Attributes{{"body", *s.body}, {kStep, s.step + 1}});
  for (std::size_t i = 0; i < call.outputs(); ++i) to.result(i, results[i]);
  return {};
}

// Scan

struct ScanAxes {
  std::size_t states = 0, scans = 0, outputs = 0;
  std::int64_t length = 0;
  std::vector<std::int64_t> in_axes, in_directions, out_axes, out_directions;
};

std::vector<std::int64_t> list_of(const Call& call, const std::string& name, std::size_t n) {
  auto out = call.integers(name);
  out.resize(n, 0);
  return out;
}

Result<ScanAxes> scan_axes(const Call& call, const onnx::Graph& body) {
  ScanAxes a;
  const auto scans = call.integer("num_scan_inputs", 0);
  if (scans < 1 || scans > static_cast<std::int64_t>(call.inputs()))
    return call.fail(Code::malformed, "{} scan inputs of {}", scans, call.inputs());
  a.scans = static_cast<std::size_t>(scans);
  a.states = call.inputs() - a.scans;
  if (body.outputs.size() < a.states || call.outputs() > body.outputs.size())
    return call.fail(Code::malformed, "a body of {} outputs for {} states", body.outputs.size(), a.states);
  a.outputs = body.outputs.size() - a.states;
  a.in_axes = list_of(call, "scan_input_axes", a.scans);
  a.in_directions = list_of(call, "scan_input_directions", a.scans);
  a.out_axes = list_of(call, "scan_output_axes", a.outputs);
  a.out_directions = list_of(call, "scan_output_directions", a.outputs);
  for (std::size_t i = 0; i < a.scans; ++i) {
    if (!call.has(a.states + i)) return call.fail(Code::malformed, "scan input {} is missing", i);
    const auto& shape = call.shape(a.states + i);
    KOINON_TRY(const auto axis, call.axis(a.in_axes[i], shape.size()));
    if (i > 0 && shape[axis] != a.length)
      return call.fail(Code::malformed, "scan inputs of lengths {} and {}", a.length, shape[axis]);
    a.length = shape[axis];
  }
  if (a.length < 1 || a.length > kMaxIterations)
    return call.fail(Code::out_of_range, "{} iterations: 1 to {} expected", a.length, kMaxIterations);
  return a;
}

Status expand_scan(const Call& call, Expansion& to) {
  KOINON_TRY(const auto* body, body_of(call, "body"));
  KOINON_TRY(const auto axes, scan_axes(call, *body->graph));
  std::vector<int> states;
  for (std::size_t i = 0; i < axes.states; ++i) states.push_back(call.input(i));
  std::vector<std::vector<int>> parts(axes.outputs);
  for (std::int64_t t = 0; t < axes.length; ++t) {
    auto inputs = states;
    for (std::size_t i = 0; i < axes.scans; ++i) {
      const int place = to.whole(axes.in_directions[i] == 0 ? t : axes.length - 1 - t);
      inputs.push_back(to.add("Gather", {call.input(axes.states + i), place}, Attributes{{"axis", axes.in_axes[i]}}));
    }
    KOINON_TRY(const auto made, to.body(*body, inputs));
    states.assign(made.begin(), made.begin() + static_cast<std::ptrdiff_t>(axes.states));
    for (std::size_t k = 0; k < axes.outputs; ++k)
      parts[k].push_back(to.add("Unsqueeze", {made[axes.states + k], to.integers({axes.out_axes[k]})}));
  }
  for (std::size_t i = 0; i < axes.states; ++i) to.result(i, states[i]);
  for (std::size_t k = 0; k < axes.outputs; ++k) {
    if (axes.out_directions[k] != 0) std::ranges::reverse(parts[k]);
    to.result(axes.states + k, to.concat(std::move(parts[k]), axes.out_axes[k]));
  }
  return {};
}

// Scan of opset 8: every input has a batch axis before all others, and may come with lengths, which are not taken.
Status expand_batched_scan(const Call& call, Expansion& to) {
  if (call.has(0)) return call.fail(Code::unsupported, "sequence lengths");
  const auto directions = call.integers("directions");
  const auto scans = call.integer("num_scan_inputs", 0), inputs = static_cast<std::int64_t>(call.inputs()) - 1;
  if (scans < 1 || scans > inputs || !call.has(1) || call.shape(1).empty())
    return call.fail(Code::malformed, "{} scan inputs of {}", scans, inputs);
  const auto batch = call.shape(1)[0];
  if (batch < 1 || batch > kMaxIterations) return call.fail(Code::out_of_range, "a batch of {}", batch);
  Attributes attributes{{"num_scan_inputs", scans}};
  if (const auto* body = call.body("body")) attributes["body"] = *body;
  if (!directions.empty()) attributes["scan_input_directions"] = directions;
  std::vector<std::vector<int>> parts(call.outputs());
  for (std::int64_t b = 0; b < batch; ++b) {
    std::vector<int> one;
    for (std::size_t i = 1; i < call.inputs(); ++i) {
      if (!call.has(i) || call.shape(i).empty() || call.shape(i)[0] != batch)
        return call.fail(Code::malformed, "input {} has no batch axis of {}", i, batch);
      one.push_back(to.add("Gather", {call.input(i), to.whole(b)}, Attributes{{"axis", std::int64_t{0}}}));
    }
    const auto made = to.add("Scan", std::move(one), call.outputs(), attributes);
    for (std::size_t o = 0; o < made.size(); ++o) parts[o].push_back(to.add("Unsqueeze", {made[o], to.integers({0})}));
  }
  for (std::size_t o = 0; o < parts.size(); ++o) to.result(o, to.concat(std::move(parts[o]), 0));
  return {};
}

constexpr Operator kOperators[] = {{"If", 1, kNewest, 1, 1, nullptr, nullptr, nullptr, false, expand_if},
                                   {"Loop", 1, kNewest, 0, SIZE_MAX, nullptr, nullptr, nullptr, false, expand_loop},
                                   {"Scan", 8, 8, 0, SIZE_MAX, nullptr, nullptr, nullptr, false, expand_batched_scan},
                                   {"Scan", 9, kNewest, 1, SIZE_MAX, nullptr, nullptr, nullptr, false, expand_scan}};

}  // namespace

std::span<const Operator> control_operators() { return kOperators; }

}  // namespace koinon::engine::operators
