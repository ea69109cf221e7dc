#include "trust/private/models/constants.hpp"

#include <algorithm>
#include <map>

#include "engine/program/inner.hpp"
#include "engine/run/execute.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Result;
using base::Status;
using engine::program::Constant;
using engine::program::Program;
using engine::program::Ref;
using engine::program::Source;
using engine::program::Step;
using engine::tensor::IntTensor;

/// What a program's constants are in a copy that holds only those it uses.
class Constants {
 public:
  Constants(const Program& from, Program& to) : from_(from), to_(to) {}
  Ref moved(Ref ref) {
    auto& list = ref.source() == Source::weight ? to_.weights : to_.tables;
    const auto& all = ref.source() == Source::weight ? from_.weights : from_.tables;
    const auto [at, fresh] = places_.try_emplace(ref.word, list.size());
    if (fresh) list.push_back(all[ref.index()]);
    return Ref::make(ref.source(), at->second);
  }

 private:
  const Program& from_;
  Program& to_;
  std::map<std::uint32_t, std::size_t> places_;
};

/// For every value whether it follows from constants alone.
std::vector<bool> known_values(const Program& program) {
  std::vector<bool> out(program.value_count(), false);
  for (const auto& step : program.steps) {
    const bool known =
        std::ranges::all_of(step.operands, [&](Ref ref) { return ref.source() != Source::value || out[ref.index()]; });
    for (std::size_t i = 0; i < step.outputs.size(); ++i) out[step.first_output + i] = known;
  }
  return out;
}

/// Known values that other steps read, in order. What only known steps read is on the way to these.
std::vector<std::size_t> wanted_values(const Program& program, const std::vector<bool>& known) {
  std::vector<std::size_t> out;
  for (const auto& step : program.steps) {
    if (known[step.first_output]) continue;
    for (const auto ref : step.operands)
      if (ref.source() == Source::value && known[ref.index()]) out.push_back(ref.index());
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

/// The known values that are wanted, computed. The section has one input, which nothing reads.
Result<std::vector<IntTensor>> computed(const Program& program, const std::vector<bool>& known,
                                        const std::vector<std::size_t>& wanted) {
  Program section;
  section.version = program.version;
  section.inputs.push_back({.name = "unread", .info = {engine::tensor::DType::i8, {1}}, .scale = {}, .low = 0, .high = 0});
  Constants constants(program, section);
  std::map<std::size_t, std::size_t> values;
  std::size_t next = 1;
  for (const auto& step : program.steps) {
    if (!known[step.first_output]) continue;
    auto copy = step;
    for (auto& ref : copy.operands)
      ref = ref.source() == Source::value ? Ref::value(values.at(ref.index())) : constants.moved(ref);
    copy.first_output = static_cast<std::uint32_t>(next);
    for (std::size_t i = 0; i < step.outputs.size(); ++i) values[step.first_output + i] = next++;
    section.steps.push_back(std::move(copy));
  }
  for (const auto value : wanted)
    section.outputs.push_back({.name = fmt::format("value {}", value), .ref = Ref::value(values.at(value)), .scale = {}});
  engine::program::mark_inner(section);
  KOINON_CHECK(engine::program::validate(section));
  engine::run::RunOptions options;
  options.trace = options.roots = false;
  const std::vector<IntTensor> inputs{IntTensor::zeros(engine::tensor::DType::i8, {1})};
  KOINON_TRY(auto run, engine::run::execute(section, inputs, options));
  return std::move(run.outputs);
}

/// The steps that are left, with `results` in place of the values `wanted`.
Result<Program> rewired(const Program& program, const std::vector<bool>& known, const std::vector<std::size_t>& wanted,
                        const std::vector<IntTensor>& results) {
  Program out;
  out.version = program.version;
  out.metadata = program.metadata;
  out.inputs = program.inputs;
  Constants constants(program, out);
  std::map<std::size_t, Ref> values;
  for (std::size_t i = 0; i < program.inputs.size(); ++i) values[i] = Ref::value(i);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto& data = results[i];
    values[wanted[i]] = Ref::make(Source::weight, out.weights.size());
    out.weights.push_back(Constant{{data.dtype, data.shape}, engine::tensor::tensor_root(data), data.bytes});
  }
  std::size_t next = program.inputs.size();
  for (const auto& step : program.steps) {
    if (known[step.first_output]) continue;
    auto copy = step;
    for (auto& ref : copy.operands) ref = ref.source() == Source::value ? values.at(ref.index()) : constants.moved(ref);
    copy.first_output = static_cast<std::uint32_t>(next);
    for (std::size_t i = 0; i < step.outputs.size(); ++i) values[step.first_output + i] = Ref::value(next++);
    out.steps.push_back(std::move(copy));
  }
  for (const auto& output : program.outputs)
    out.outputs.push_back({.name = output.name, .ref = values.at(output.ref.index()), .scale = output.scale});
  engine::program::mark_inner(out);
  KOINON_CHECK(engine::program::validate(out));
  return out;
}

}  // namespace

Result<Program> fold_constants(const Program& program) {
  if (!program.has_weights()) return program;
  const auto known = known_values(program);
  const bool constant_output = std::ranges::any_of(
      program.outputs, [&](const auto& o) { return o.ref.source() == Source::value && known[o.ref.index()]; });
  const auto wanted = wanted_values(program, known);
  if (wanted.empty() || constant_output) return program;
  KOINON_TRY(const auto results, computed(program, known, wanted));
  return rewired(program, known, wanted, results);
}

}  // namespace koinon::trust::fhe
