#include "base/json.hpp"

#include <nlohmann/json.hpp>

#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"

namespace koinon::engine::io {

using base::Code;
using base::fail;
using nlohmann::json;

namespace {

constexpr int kMaxDepth = 16;

base::Status flatten(const json& value, int depth, std::vector<double>& out) {
  if (value.is_number()) {
    out.push_back(value.get<double>());
    return {};
  }
  if (value.is_boolean()) {
    out.push_back(value.get<bool>() ? 1 : 0);
    return {};
  }
  if (!value.is_array() || depth == kMaxDepth)
    return fail(Code::malformed, "[json] input_data holds {}: lists of numbers expected", value.type_name());
  for (const auto& item : value) KOINON_CHECK(flatten(item, depth + 1, out));
  return {};
}

}  // namespace

base::Result<std::vector<RealTensor>> read_json(base::ByteView bytes) {
  const json root = base::parse_json(base::as_text(bytes));
  if (root.is_discarded()) return fail(Code::malformed, "[json] {} bytes are no JSON", bytes.size());
  const auto found = root.is_object() ? root.find("input_data") : root.end();
  if (!root.is_object() || found == root.end() || !found->is_array())
    return fail(Code::malformed, "[json] {{\"input_data\": [[...], ...]}} expected");
  std::vector<RealTensor> out;
  for (const auto& list : *found) {
    if (!list.is_array())
      return fail(Code::malformed, "[json] input_data holds {}: one list an input expected", list.type_name());
    RealTensor tensor;
    KOINON_CHECK(flatten(list, 0, tensor.data));
    tensor.shape = {static_cast<std::int64_t>(tensor.data.size())};
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
