#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/program/program.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::cli {

/// A .koinon file: its bytes and what they say. Errors: those of read_file and decode, naming the file.
struct ModelFile {
  base::Bytes bytes;
  engine::program::Program program;
  static base::Result<ModelFile> load(const std::string& path);
};

/// The inputs of a program from a file. Errors: those of engine::io::read_inputs, naming the file and what the program takes.
base::Result<std::vector<engine::tensor::IntTensor>> load_inputs(const engine::program::Program& program,
                                                                 const std::string& path);

/// "image int8 [1, 1, 28, 28], 0 to 1".
std::string port_text(const engine::program::Input& input);

}  // namespace koinon::cli
