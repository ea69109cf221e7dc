#include "engine/io/read.hpp"

#include <algorithm>

#include "engine/io/quantise.hpp"

namespace koinon::engine::io {
namespace {

using base::Code;
using base::fail;

/// Bytes of an archive with all inputs of a program: 8 an element, and a header for each. A small file may unpack to much more.
std::uint64_t most_of(const program::Program& program) {
  std::uint64_t out = 1u << 16;
  for (const auto& input : program.inputs)
    out += 4096 + 8 * static_cast<std::uint64_t>(tensor::element_count(input.info.shape));
  return out;
}

bool begins_with(base::ByteView bytes, std::string_view magic) { return base::as_text(bytes).starts_with(magic); }

base::Result<std::vector<RealTensor>> read_any(const program::Program& program, base::ByteView bytes) {
  if (begins_with(bytes, "\x93NUMPY")) {
    KOINON_TRY(auto array, read_npy(bytes));
    std::vector<RealTensor> out;
    out.push_back(std::move(array));
    return out;
  }
  if (begins_with(bytes, "PK")) return read_npz(bytes, most_of(program));
  if (begins_with(bytes, "\x89PNG") || begins_with(bytes, "\xff\xd8\xff")) {
    if (program.inputs.size() != 1)
      return fail(Code::invalid_argument, "[input] a picture for {} inputs: one expected", program.inputs.size());
    KOINON_TRY(auto picture, read_picture(bytes, program.inputs[0].info.shape));
    std::vector<RealTensor> out;
    out.push_back(std::move(picture));
    return out;
  }
  return read_json(bytes);
}

// The tensor of input i: by name when every input is named, else by place.
const RealTensor* pick(const program::Program& program, const std::vector<RealTensor>& tensors, std::size_t i) {
  const auto named = [&](const std::string& name) {
    return std::find_if(tensors.begin(), tensors.end(), [&](const RealTensor& t) { return t.name == name; });
  };
  const bool all = std::all_of(program.inputs.begin(), program.inputs.end(),
                               [&](const program::Input& in) { return named(in.name) != tensors.end(); });
  return all ? &*named(program.inputs[i].name) : &tensors[i];
}

}  // namespace

base::Result<std::vector<RealTensor>> read_reals(const program::Program& program, base::ByteView bytes) {
  KOINON_TRY(const auto tensors, read_any(program, bytes));
  if (tensors.size() != program.inputs.size())
    return fail(Code::invalid_argument, "[input] {} tensors in the file: {} expected", tensors.size(), program.inputs.size());
  std::vector<RealTensor> out;
  for (std::size_t i = 0; i < program.inputs.size(); ++i) out.push_back(*pick(program, tensors, i));
  return out;
}

base::Result<std::vector<tensor::IntTensor>> read_inputs(const program::Program& program, base::ByteView bytes) {
  KOINON_TRY(const auto reals, read_reals(program, bytes));
  std::vector<tensor::IntTensor> out;
  for (std::size_t i = 0; i < program.inputs.size(); ++i) {
    KOINON_TRY(auto input, quantise(program.inputs[i], reals[i].data));
    out.push_back(std::move(input));
  }
  return out;
}

}  // namespace koinon::engine::io
