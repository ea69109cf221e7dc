#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/io/read.hpp"
#include "engine/program/program.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::cli {

/// A .koinon file: its bytes and what they say. Errors: those of read_file and decode, naming the file.
struct ModelFile {
  base::Bytes bytes;
  engine::program::Program program;
  static base::Result<ModelFile> load(const std::string& path);
};

/// What was cut off when real values were made a program's integers: values outside the range that it was calibrated for
/// become the nearest end of it.
struct Clamped {
  std::uint64_t count = 0;   ///< values outside
  std::uint64_t values = 0;  ///< in all
  std::string text;          ///< a line for each input with values outside: how many, the farthest one, the range; a hint

  /// True when so much is cut off that the input is hardly what the program was made for: more than a tenth.
  [[nodiscard]] bool is_much() const { return count * 10 > values; }
};

/// The inputs of a program as its integers.
struct Inputs {
  std::vector<engine::tensor::IntTensor> tensors;
  Clamped clamped;
};

/// The inputs of a program from a file. Errors: those of engine::io::read_inputs, naming the file and what the program takes.
base::Result<Inputs> load_inputs(const engine::program::Program& program, const std::string& path);
/// Compares real values, one list an input, with the ranges that the program was calibrated for.
Clamped clamping(const engine::program::Program& program, const std::vector<engine::io::RealTensor>& inputs);

/// "image int8 [1, 1, 28, 28], 0 to 1".
std::string port_text(const engine::program::Input& input);

}  // namespace koinon::cli
