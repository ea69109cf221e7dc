#include "cli/files/model_file.hpp"

#include <fmt/format.h>

#include "base/file.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/read.hpp"

namespace koinon::cli {
namespace {

constexpr std::uint64_t kMaxInputFile = std::uint64_t{1} << 30;

}  // namespace

base::Result<ModelFile> ModelFile::load(const std::string& path) {
  auto bytes = base::read_file(path);
  if (!bytes) return advise(std::move(bytes).error(), "make a program with: koinon model build NET.onnx -o NET.koinon");
  auto program = engine::program::decode(*bytes);
  if (!program)
    return advise(std::move(program).error().within(path), "make a program with: koinon model build NET.onnx -o NET.koinon");
  return ModelFile{*std::move(bytes), *std::move(program)};
}

std::string port_text(const engine::program::Input& input) {
  const auto unit = input.scale.real();
  return fmt::format("{} {} {}, {:.4g} to {:.4g}", clean(input.name, 60), dtype_name(input.info.dtype),
                     engine::tensor::shape_text(input.info.shape), static_cast<double>(input.low) * unit,
                     static_cast<double>(input.high) * unit);
}

base::Result<std::vector<engine::tensor::IntTensor>> load_inputs(const engine::program::Program& program,
                                                                 const std::string& path) {
  KOINON_TRY(const auto bytes, base::read_file(path, kMaxInputFile));
  auto inputs = engine::io::read_inputs(program, bytes);
  if (inputs) return inputs;
  std::string wanted;
  for (const auto& input : program.inputs) wanted += (wanted.empty() ? "" : "; ") + port_text(input);
  return advise(std::move(inputs).error().within(path), fmt::format("give a .json, .npy, .npz, .png or .jpg for: {}", wanted));
}

}  // namespace koinon::cli
