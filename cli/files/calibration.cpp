#include "cli/files/calibration.hpp"

#include <algorithm>
#include <charconv>

#include "base/file.hpp"
#include "engine/io/read.hpp"
#include "engine/onnx/read.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using engine::io::RealTensor;
using engine::tensor::FloatTensor;
using engine::tensor::Shape;

constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 30;

struct Port {
  std::string name;
  Shape shape;
};

bool begins(base::ByteView bytes, std::string_view with) { return base::as_text(bytes).starts_with(with); }

/// The arrays of a file, one for each input in the model's order.
Result<std::vector<RealTensor>> read_arrays(base::ByteView bytes, const std::vector<Port>& ports) {
  std::vector<RealTensor> out;
  if (begins(bytes, "\x89PNG") || begins(bytes, "\xff\xd8")) {
    KOINON_TRY(auto picture, engine::io::read_picture(bytes, ports.front().shape));
    out.push_back(std::move(picture));
  } else if (begins(bytes, "\x93NUMPY")) {
    KOINON_TRY(auto array, engine::io::read_npy(bytes));
    out.push_back(std::move(array));
  } else if (begins(bytes, "PK")) {
    KOINON_TRY(out, engine::io::read_npz(bytes));
    std::vector<RealTensor> ordered;
    for (const auto& port : ports)
      if (const auto at = std::ranges::find(out, port.name, &RealTensor::name); at != out.end()) ordered.push_back(*at);
    if (ordered.size() == ports.size()) out = std::move(ordered);
  } else {
    KOINON_TRY(out, engine::io::read_json(bytes));
  }
  if (out.size() != ports.size())
    return base::fail(Code::invalid_argument, "[calibrate] {} arrays: the model has {} inputs", out.size(), ports.size());
  return out;
}

/// How many samples of an input an array holds: one, whatever its shape, when it has as many elements; several when its first
/// axis counts them, or is several times as long as the input's own. 0: it does not fit.
std::size_t samples_in(const RealTensor& array, const Shape& input) {
  const auto size = static_cast<std::size_t>(engine::tensor::element_count(input));
  if (size == 0 || array.data.empty() || array.data.size() % size != 0) return 0;
  const auto count = array.data.size() / size;
  if (count == 1) return 1;
  const auto& shape = array.shape;
  if (shape.empty()) return 0;
  if (static_cast<std::size_t>(shape[0]) == count) return count;
  const bool longer =
      shape.size() >= 2 && shape.size() == input.size() && std::equal(shape.begin() + 1, shape.end(), input.begin() + 1);
  return longer ? count : 0;
}

/// Cuts the arrays of one file into samples.
base::Status cut(const std::vector<RealTensor>& arrays, const std::vector<Port>& ports, std::vector<Sample>& to) {
  std::size_t samples = 0;
  for (std::size_t p = 0; p < ports.size(); ++p) {
    const auto count = samples_in(arrays[p], ports[p].shape);
    if (count == 0)
      return base::fail(
          Code::invalid_argument,
          "[calibrate] an array {} for input '{}' of shape {}: that, or a first axis that counts samples, expected",
          engine::tensor::shape_text(arrays[p].shape), ports[p].name, engine::tensor::shape_text(ports[p].shape));
    if (p > 0 && count != samples)
      return base::fail(Code::invalid_argument, "[calibrate] {} samples of input '{}': {}, as of '{}', expected", count,
                        ports[p].name, samples, ports[0].name);
    samples = count;
  }
  for (std::size_t s = 0; s < samples; ++s) {
    Sample sample;
    for (std::size_t p = 0; p < ports.size(); ++p) {
      const auto size = static_cast<std::size_t>(engine::tensor::element_count(ports[p].shape));
      FloatTensor tensor{ports[p].shape, {}};
      tensor.data.reserve(size);
      for (std::size_t i = 0; i < size; ++i) tensor.data.push_back(static_cast<float>(arrays[p].data[s * size + i]));
      sample.push_back(std::move(tensor));
    }
    to.push_back(std::move(sample));
  }
  return {};
}

}  // namespace

Result<std::vector<Sample>> load_calibration(base::ByteView onnx, const std::map<std::string, std::int64_t>& dims,
                                             const std::vector<std::string>& files, const std::filesystem::path& folder,
                                             const std::map<std::string, std::vector<double>>& fixed) {
  std::vector<Sample> out;
  if (files.empty()) return out;
  engine::onnx::ReadOptions options;
  options.dims = dims;
  options.folder = folder;
  options.numbers = fixed;
  KOINON_TRY(const auto graph, engine::onnx::read(onnx, options));
  std::vector<Port> ports;
  for (const auto input : graph.inputs) {
    const auto& value = graph.values[static_cast<std::size_t>(input)];
    KOINON_CHECK(engine::tensor::check_shape(value.type.shape));
    ports.push_back({value.name, value.type.shape});
  }
  if (ports.empty()) return base::fail(Code::invalid_argument, "[calibrate] the model has no inputs");
  for (const auto& file : files) {
    KOINON_TRY(const auto bytes, base::read_file(file, kMaxFile));
    auto arrays = read_arrays(bytes, ports);
    if (!arrays) return base::fail(std::move(arrays).error().within(file));
    if (auto done = cut(*arrays, ports, out); !done) return base::fail(std::move(done).error().within(file));
  }
  return out;
}

Result<std::map<std::string, std::vector<double>>> read_fixed(const std::vector<std::string>& texts) {
  std::map<std::string, std::vector<double>> out;
  for (const auto& text : texts) {
    const auto at = text.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size())
      return base::fail(Code::invalid_argument, "--fix '{}': NAME=VALUE or NAME=FILE expected, such as alpha=0.5", text);
    const auto value = text.substr(at + 1);
    double number = 0;
    if (const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
        error == std::errc{} && end == value.data() + value.size()) {
      out[text.substr(0, at)] = {number};
      continue;
    }
    KOINON_TRY(const auto bytes, base::read_file(value, kMaxFile));
    auto arrays = read_arrays(bytes, {{text.substr(0, at), {}}});
    if (!arrays) return base::fail(std::move(arrays).error().within(value));
    out[text.substr(0, at)] = arrays->front().data;
  }
  return out;
}

}  // namespace koinon::cli
