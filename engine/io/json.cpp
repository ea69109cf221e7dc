#include "base/json.hpp"

#include <nlohmann/json.hpp>

#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"

namespace koinon::engine::io {

using base::Code;
using base::fail;
using nlohmann::json;

namespace {

constexpr std::size_t kMaxDepth = 16;

/// Lists within lists as one tensor.
class Flattened {
 public:
  base::Status add(const json& value, std::size_t depth = 0) {
    if (value.is_number() || value.is_boolean()) {
      even_ = even_ && shape_.size() == depth;
      data_.push_back(value.is_number() ? value.get<double>() : value.get<bool>() ? 1 : 0);
      return {};
    }
    if (!value.is_array() || depth == kMaxDepth)
      return fail(Code::malformed, "[json] {} among the numbers: lists of numbers, {} deep at most, expected",
                  value.type_name(), kMaxDepth);
    const auto size = static_cast<std::int64_t>(value.size());
    if (shape_.size() == depth && data_.empty()) shape_.push_back(size);
    even_ = even_ && depth < shape_.size() && shape_[depth] == size;
    for (const auto& item : value) KOINON_CHECK(add(item, depth + 1));
    return {};
  }

  /// Of the shape that the lists have; flat when they differ in length or depth.
  RealTensor tensor() && {
    if (!even_) shape_ = {static_cast<std::int64_t>(data_.size())};
    return {{}, std::move(shape_), std::move(data_)};
  }

 private:
  tensor::Shape shape_;
  std::vector<double> data_;
  bool even_ = true;
};

base::Result<RealTensor> flatten(const json& list) {
  Flattened out;
  KOINON_CHECK(out.add(list));
  return std::move(out).tensor();
}

}  // namespace

base::Result<std::vector<RealTensor>> read_json(base::ByteView bytes) {
  const json root = base::parse_json(base::as_text(bytes));
  if (root.is_discarded())
    return fail(Code::malformed, "[json] {} bytes that are no JSON, and no .npy, .npz, .png or .jpg", bytes.size());
  std::vector<RealTensor> out;
  if (root.is_array() && !root.empty()) {
    KOINON_TRY(auto tensor, flatten(root));
    out.push_back(std::move(tensor));
    return out;
  }
  const auto found = root.is_object() ? root.find("input_data") : root.end();
  if (!root.is_object() || found == root.end() || !found->is_array())
    return fail(Code::malformed,
                "[json] {{\"input_data\": [[...], ...]}} with one list an input, or a plain list for the only input, expected");
  for (const auto& list : *found) {
    if (!list.is_array())
      return fail(Code::malformed,
                  "[json] input_data holds {}: one list an input expected, such as {{\"input_data\": [[0.5, 1]]}}",
                  list.type_name());
    KOINON_TRY(auto tensor, flatten(list));
    out.push_back(std::move(tensor));
  }
  return out;
}

json outputs_json(const program::Program& program, const std::vector<tensor::IntTensor>& outputs) {
  json out = json::array();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    out.push_back({{"name", program.outputs[i].name},
                   {"shape", outputs[i].shape},
                   {"data", dequantise(outputs[i], program.outputs[i].scale)}});
  return out;
}

}  // namespace koinon::engine::io
