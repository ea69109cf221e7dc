#pragma once
#include <map>
#include <span>
#include <string>

#include "engine/program/bounds.hpp"
#include "engine/program/program.hpp"

namespace koinon::trust::fhe {

/// Copies a run of steps into a program of its own whose one input is a value of the program that they come from.
class Section {
 public:
  /// `from` is borrowed. `start` is the value that becomes the input, of any element in `range`.
  Section(const engine::program::Program& from, std::size_t start, engine::program::Range range,
          const engine::program::TensorInfo& info, std::string name);
  /// One more input: another value of the program. Before any step is added.
  void also(std::size_t value, engine::program::Range range, const engine::program::TensorInfo& info, std::string name);
  /// Adds step `number`. Error: unsupported when it reads a value that neither is the start nor was added.
  base::Status add(std::size_t number);
  /// The program, with the outputs of `from`. Errors: unsupported when one was not added; those of validate.
  base::Result<engine::program::Program> finish() &&;
  /// The program, with the value `end` of `from` as its one output.
  base::Result<engine::program::Program> finish(std::size_t end) &&;
  /// The program, with several values of `from` as its outputs.
  base::Result<engine::program::Program> finish(std::span<const std::size_t> ends) &&;

 private:
  base::Result<engine::program::Ref> moved(engine::program::Ref ref, std::size_t number);

  const engine::program::Program& from_;
  engine::program::Program out_;
  std::map<std::size_t, std::size_t> values_;
  std::map<std::uint32_t, std::size_t> constants_;
  std::size_t next_ = 1;
};

}  // namespace koinon::trust::fhe
