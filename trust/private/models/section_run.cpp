#include "trust/private/models/section_run.hpp"

#include "trust/private/models/stages.hpp"

namespace koinon::trust::fhe {

using base::Result;
using engine::program::Program;
using engine::program::Range;
using engine::tensor::IntTensor;

Result<SectionRun> SectionRun::make(const Program& program, const std::vector<Range>& ranges, std::size_t start,
                                    std::size_t end, const std::vector<std::size_t>& steps) {
  return make(program, ranges, start, std::span(&end, 1), steps);
}

Result<SectionRun> SectionRun::make(const Program& program, const std::vector<Range>& ranges, std::size_t start,
                                    std::span<const std::size_t> ends, const std::vector<std::size_t>& steps) {
  Section section(program, start, ranges[start], info_of(program, start), "start");
  for (const auto step : steps) KOINON_CHECK(section.add(step));
  SectionRun out;
  KOINON_TRY(auto cut, std::move(section).finish(ends));
  out.program_ = std::make_unique<Program>(std::move(cut));
  KOINON_TRY(auto prepared, engine::run::Prepared::make(*out.program_, {}));
  out.prepared_ = std::make_unique<engine::run::Prepared>(std::move(prepared));
  return out;
}

std::size_t SectionRun::inputs() const {
  return static_cast<std::size_t>(engine::tensor::element_count(program_->inputs[0].info.shape));
}

Result<std::vector<std::int64_t>> SectionRun::run(std::span<const std::int64_t> x) const {
  const auto& info = program_->inputs[0].info;
  std::vector<IntTensor> inputs{IntTensor::zeros(info.dtype, info.shape)};
  for (std::size_t i = 0; i < x.size(); ++i) inputs[0].set(static_cast<std::int64_t>(i), x[i]);
  engine::run::RunOptions options;
  options.trace = options.roots = false;
  KOINON_TRY(const auto done, prepared_->run(inputs, options));
  std::vector<std::int64_t> out;
  for (const auto& output : done.outputs)
    for (std::int64_t i = 0; i < output.size(); ++i) out.push_back(output.at(i));
  return out;
}

}  // namespace koinon::trust::fhe
