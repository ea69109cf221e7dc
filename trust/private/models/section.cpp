#include "trust/private/models/section.hpp"

#include "engine/program/inner.hpp"

namespace koinon::trust::fhe {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::program::Program;
using engine::program::Ref;
using engine::program::Source;

Section::Section(const Program& from, std::size_t start, engine::program::Range range, const engine::program::TensorInfo& info,
                 std::string name)
    : from_(from) {
  out_.version = from.version;
  out_.metadata = from.metadata;
  out_.inputs.push_back({.name = std::move(name), .info = info, .scale = {}, .low = range.low, .high = range.high});
  values_[start] = 0;
}

void Section::also(std::size_t value, engine::program::Range range, const engine::program::TensorInfo& info, std::string name) {
  out_.inputs.push_back({.name = std::move(name), .info = info, .scale = {}, .low = range.low, .high = range.high});
  values_[value] = next_++;
}

Status Section::add(std::size_t number) {
  const auto& step = from_.steps[number];
  auto copy = step;
  for (auto& ref : copy.operands) {
    KOINON_TRY(ref, moved(ref, number));
  }
  copy.first_output = static_cast<std::uint32_t>(next_);
  for (std::size_t i = 0; i < step.outputs.size(); ++i) values_[step.first_output + i] = next_++;
  out_.steps.push_back(std::move(copy));
  return {};
}

Result<Program> Section::finish() && {
  for (const auto& output : from_.outputs) {
    auto copy = output;
    KOINON_TRY(copy.ref, moved(output.ref, from_.steps.size()));
    out_.outputs.push_back(std::move(copy));
  }
  engine::program::mark_inner(out_);
  KOINON_CHECK(engine::program::validate(out_));
  return std::move(out_);
}

Result<Program> Section::finish(std::size_t end) && { return std::move(*this).finish(std::span(&end, 1)); }

Result<Program> Section::finish(std::span<const std::size_t> ends) && {
  for (const auto end : ends) {
    KOINON_TRY(const auto ref, moved(Ref::value(end), from_.steps.size()));
    out_.outputs.push_back({.name = fmt::format("end {}", out_.outputs.size()), .ref = ref, .scale = {}});
  }
  engine::program::mark_inner(out_);
  KOINON_CHECK(engine::program::validate(out_));
  return std::move(out_);
}

Result<Ref> Section::moved(Ref ref, std::size_t number) {
  if (ref.source() == Source::value) {
    const auto found = values_.find(ref.index());
    if (found == values_.end())
      return fail(Code::unsupported, "[private] step {} reads the input beside the layer: it may go through the layer alone",
                  number);
    return Ref::value(found->second);
  }
  auto& list = ref.source() == Source::weight ? out_.weights : out_.tables;
  const auto& all = ref.source() == Source::weight ? from_.weights : from_.tables;
  const auto [at, fresh] = constants_.try_emplace(ref.word, list.size());
  if (fresh) list.push_back(all[ref.index()]);
  return Ref::make(ref.source(), at->second);
}

}  // namespace koinon::trust::fhe
