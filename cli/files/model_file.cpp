#include "cli/files/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/file.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/quantise.hpp"

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

namespace {

/// True for values that only an 8-bit picture has: whole numbers of 0 to 255, and not only 0 and 1.
bool are_pixels(const std::vector<double>& values) {
  const auto whole = [](double v) { return v >= 0 && v <= 255 && v == std::floor(v); };
  return std::ranges::all_of(values, whole) && std::ranges::any_of(values, [](double v) { return v > 1; });
}

/// How many values of one input lie outside its range; a line about them is added to `text`.
std::uint64_t clamped_of(const engine::program::Input& input, const std::vector<double>& values, std::string& text) {
  constexpr auto kFar = std::int64_t{1} << 62;
  const double low = static_cast<double>(input.low) * input.scale.real(),
               high = static_cast<double>(input.high) * input.scale.real();
  std::uint64_t count = 0;
  double farthest = 0, distance = -1;
  for (const double value : values) {
    const auto nearest = engine::io::quantise_one(value, input.scale, -kFar, kFar);
    if (!nearest || (*nearest >= input.low && *nearest <= input.high)) continue;
    ++count;
    if (const double d = std::max(low - value, value - high); d > distance) {
      distance = d;
      farthest = value;
    }
  }
  if (count == 0) return 0;
  text += fmt::format(
      "{} of {} values of input {} lie outside {:.4g} to {:.4g}, its calibrated range, and count as its ends; the farthest is "
      "{:.6g}\n",
      count, values.size(), clean(input.name, 60), low, high, farthest);
  if (are_pixels(values) && high <= 2)
    text += "  These look like 8-bit pixels: divide them by 255 (and centre them as in training), or give the picture itself\n";
  return count;
}

}  // namespace

Clamped clamping(const engine::program::Program& program, const std::vector<engine::io::RealTensor>& inputs) {
  Clamped out;
  for (std::size_t i = 0; i < inputs.size() && i < program.inputs.size(); ++i) {
    out.values += inputs[i].data.size();
    out.count += clamped_of(program.inputs[i], inputs[i].data, out.text);
  }
  while (out.text.ends_with('\n')) out.text.pop_back();
  return out;
}

base::Result<Inputs> load_inputs(const engine::program::Program& program, const std::string& path) {
  KOINON_TRY(const auto bytes, base::read_file(path, kMaxInputFile));
  const auto explained = [&](base::Error error) {
    std::string wanted;
    for (const auto& input : program.inputs) wanted += (wanted.empty() ? "" : "; ") + port_text(input);
    return advise(std::move(error).within(path), fmt::format("give a .json, .npy, .npz, .png or .jpg for: {}", wanted));
  };
  auto reals = engine::io::read_reals(program, bytes);
  if (!reals) return explained(std::move(reals).error());
  Inputs out;
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    auto tensor = engine::io::quantise(program.inputs[i], (*reals)[i].data);
    if (!tensor) return explained(std::move(tensor).error());
    out.tensors.push_back(*std::move(tensor));
  }
  out.clamped = clamping(program, *reals);
  return out;
}

}  // namespace koinon::cli
