#pragma once
#include <memory>

#include "engine/run/prepared.hpp"
#include "trust/private/models/section.hpp"

namespace koinon::trust::fhe {

/// A section of a program from one value to another, run on chosen elements: how matrices and tables of steps are found,
/// whatever the steps are.
class SectionRun {
 public:
  /// `steps` lead from the value `start` to the value `end`. Errors: those of Section.
  static base::Result<SectionRun> make(const engine::program::Program& program,
                                       const std::vector<engine::program::Range>& ranges, std::size_t start, std::size_t end,
                                       const std::vector<std::size_t>& steps);
  /// The same over several ends: their elements, one after another.
  static base::Result<SectionRun> make(const engine::program::Program& program,
                                       const std::vector<engine::program::Range>& ranges, std::size_t start,
                                       std::span<const std::size_t> ends, const std::vector<std::size_t>& steps);
  /// Elements of `start`.
  [[nodiscard]] std::size_t inputs() const;
  /// Elements of the end, of those of the start. Errors: those of a run.
  [[nodiscard]] base::Result<std::vector<std::int64_t>> run(std::span<const std::int64_t> x) const;

 private:
  std::unique_ptr<engine::program::Program> program_;  ///< apart, since prepared_ borrows it
  std::unique_ptr<engine::run::Prepared> prepared_;
};

}  // namespace koinon::trust::fhe
