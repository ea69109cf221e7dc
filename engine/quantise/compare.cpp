#include "engine/quantise/compare.hpp"

#include <algorithm>
#include <cmath>

#include "engine/run/execute.hpp"

namespace koinon::engine::quantise {

namespace {

using operators::Quantised;

tensor::IntTensor to_integers(const onnx::Value& value, const program::Input& input) {
  auto out = tensor::IntTensor::zeros(input.info.dtype, input.info.shape);
  for (std::int64_t i = 0; i < out.size(); ++i) {
    const auto q = onnx::saturate(std::floor(value.real(i) / input.scale.real() + 0.5));
    out.set(i, std::clamp(q, input.low, input.high));
  }
  return out;
}

/// Place in ONNX's order of element i of a tensor with channels last.
std::int64_t place(const Quantised& q, std::int64_t i) {
  if (!q.channels_last) return i;
  const auto channels = q.shape[1];
  std::int64_t plane = 1;
  for (std::size_t d = 2; d < q.shape.size(); ++d) plane *= q.shape[d];
  const auto n = i / (plane * channels), rest = i % (plane * channels);
  return n * plane * channels + rest % channels * plane + rest / channels;
}

}  // namespace

void Difference::add(double difference) {
  if (!std::isfinite(difference)) return;
  max = std::max(max, std::fabs(difference));
  sum += std::fabs(difference);
  count += 1;
}

Comparison::Comparison(const program::Program& program, const std::map<int, Quantised>& lowered, const std::vector<int>& values)
    : program_(program), lowered_(lowered) {
  for (int v : values) {
    const auto found = lowered.find(v);
    if (found != lowered.end() && found->second.ref.source() == program::Source::value)
      by_number_[found->second.ref.index()].push_back(v);
  }
}

base::Status Comparison::sample(const std::vector<onnx::Value>& inputs, const operators::Values& wanted) {
  std::vector<tensor::IntTensor> integers;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    integers.push_back(to_integers(inputs[i], program_.inputs[i]));
    measure(i, integers.back(), wanted);
  }
  run::RunOptions options;
  options.trace = false;
  options.sink = [&](std::size_t step, std::span<const tensor::IntTensor* const> outputs) {
    for (std::size_t k = 0; k < outputs.size(); ++k) measure(program_.steps[step].first_output + k, *outputs[k], wanted);
  };
  KOINON_TRY(const auto run, run::execute(program_, integers, options));
  static_cast<void>(run);
  return {};
}

void Comparison::measure(std::size_t number, const tensor::IntTensor& data, const operators::Values& wanted) {
  const auto found = by_number_.find(number);
  if (found == by_number_.end()) return;
  for (int value : found->second) {
    const auto& want = wanted[static_cast<std::size_t>(value)];
    if (!want) continue;
    const auto& q = lowered_.at(value);
    auto& difference = differences_[value];
    std::int64_t top = 0, wanted_top = 0;
    for (std::int64_t i = 0; i < data.size(); ++i) {
      const double real = static_cast<double>(data.at(i)) * q.scale.real(), exact = want->real(place(q, i));
      difference.add(real - exact);
      if (data.at(i) > data.at(top)) top = i;
      if (exact > want->real(place(q, wanted_top))) wanted_top = i;
    }
    difference.samples += 1;
    difference.same_top += top == wanted_top ? 1 : 0;
  }
}

}  // namespace koinon::engine::quantise
