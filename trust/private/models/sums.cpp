#include "trust/private/models/sums.hpp"

#include <algorithm>
#include <set>

#include "trust/private/models/network_program.hpp"
#include "trust/private/models/section_run.hpp"
#include "trust/private/models/stages.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using engine::program::Program;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;

bool is_layer(const Step& step) { return step.kind == StepKind::matmul || step.kind == StepKind::conv; }

/// What a value is of the input: functions of single elements, sums of such, or anything.
enum class Depth : std::uint8_t { element, sum, rest };

class Sorter {
 public:
  explicit Sorter(const Program& program)
      : program_(program), of_(program.value_count(), Depth::rest), order_(program.value_count()) {
    of_[0] = Depth::element;
  }

  void place(std::size_t number) {
    const auto& step = program_.steps[number];
    std::vector<std::size_t> values;
    for (const auto& ref : step.operands)
      if (ref.source() == Source::value) values.push_back(ref.index());
    const auto depth = depth_of(step, values);
    (depth == Depth::rest ? rest : affine).push_back(number);
    const bool kept = is_by_element(step) || step.kind == StepKind::reshape;
    if (!kept) ++orders_;
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
      of_[step.first_output + i] = depth;
      order_[step.first_output + i] = kept ? order_[values[0]] : orders_;
    }
    if (depth != Depth::rest) return;
    for (const auto v : values)
      if (of_[v] != Depth::rest) ends.insert(v);
  }

  /// Values that are computed under encryption and read by the rest.
  void outputs() {
    for (const auto& output : program_.outputs)
      if (of_[output.ref.index()] != Depth::rest) ends.insert(output.ref.index());
  }

  std::vector<std::size_t> affine, rest;
  std::set<std::size_t> ends;

 private:
  [[nodiscard]] Depth depth_of(const Step& step, const std::vector<std::size_t>& values) const {
    if (values.empty()) return Depth::rest;
    auto depth = Depth::element;
    for (const auto v : values) depth = std::max(depth, of_[v]);
    if (depth == Depth::rest) return Depth::rest;
    const bool same = std::ranges::all_of(values, [&](auto v) { return order_[v] == order_[values[0]]; });
    if (depth == Depth::element && ((is_by_element(step) && same) || (is_move(step) && !is_by_element(step))))
      return Depth::element;
    return is_affine(step, values) ? Depth::sum : Depth::rest;
  }

  const Program& program_;
  std::vector<Depth> of_;
  std::vector<std::size_t> order_;
  std::size_t orders_ = 0;
};

}  // namespace

Result<SumsProgram> compile_sums(const Program& program) {
  KOINON_TRY(const auto ranges, engine::program::analyse(program));
  if (program.inputs.size() != 1)
    return fail(Code::unsupported, "[private] {} inputs: one expected; concatenate them before the model",
                program.inputs.size());
  Sorter sorter(program);
  for (std::size_t i = 0; i < program.steps.size(); ++i) sorter.place(i);
  sorter.outputs();
  for (const auto i : sorter.rest)
    if (is_layer(program.steps[i]))
      return fail(Code::unsupported, "[private] step {} ({}) is a layer of values that are no sums of functions of inputs", i,
                  engine::program::step_name(program.steps[i].kind));
  if (std::ranges::none_of(sorter.affine, [&](auto i) { return is_layer(program.steps[i]); }))
    return fail(Code::unsupported, "[private] no layer in {} steps: nothing for a provider to compute", program.steps.size());
  if (sorter.ends.contains(0)) return fail(Code::unsupported, "[private] the input is used beside the sums");
  const std::vector<std::size_t> ends(sorter.ends.begin(), sorter.ends.end());
  KOINON_TRY(const auto sums, SectionRun::make(program, ranges, 0, ends, sorter.affine));
  SumsProgram out;
  KOINON_TRY(out.layer, first_of_bits(program, ranges, sums, sorter.affine, out.cuts));
  Section rest(program, ends[0], ranges[ends[0]], info_of(program, ends[0]), "sums 0");
  for (std::size_t i = 1; i < ends.size(); ++i)
    rest.also(ends[i], ranges[ends[i]], info_of(program, ends[i]), fmt::format("sums {}", i));
  for (const auto step : sorter.rest) KOINON_CHECK(rest.add(step));
  KOINON_TRY(out.rest, std::move(rest).finish());
  return out;
}

}  // namespace koinon::trust::fhe
