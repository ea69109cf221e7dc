#include "engine/language/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.hpp"

namespace koinon::engine::language {
namespace {

using base::Code;
using base::fail;
using base::Result;
using nlohmann::json;

/// One line of the header.
struct Entry {
  std::string name;
  std::string dtype;
  tensor::Shape shape;
  std::uint64_t begin = 0, end = 0;
};

std::size_t size_of(const std::string& dtype) {
  static const std::map<std::string, std::size_t> kSizes = {{"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},
                                                            {"I32", 4}, {"I16", 2}, {"I8", 1},  {"U64", 8},  {"U32", 4},
                                                            {"U16", 2}, {"U8", 1},  {"BOOL", 1}};
  const auto found = kSizes.find(dtype);
  return found == kSizes.end() ? 0 : found->second;
}

Result<Entry> read_entry(const std::string& name, const json& value) {
  const auto wrong = [&](std::string_view what) {
    return fail(Code::malformed, "[safetensors] tensor '{}': {}", name.substr(0, 80), what);
  };
  if (!value.is_object() || !value.contains("dtype") || !value["dtype"].is_string()) return wrong("no dtype");
  Entry out{name, value["dtype"].get<std::string>(), {}, 0, 0};
  const auto size = size_of(out.dtype);
  if (size == 0) return wrong("an unknown dtype");
  if (!value.contains("shape") || !value["shape"].is_array()) return wrong("no shape");
  for (const auto& axis : value["shape"]) {
    if (!axis.is_number_unsigned() || axis.get<std::uint64_t>() > static_cast<std::uint64_t>(tensor::kMaxElements))
      return wrong("a shape of whole numbers up to 2^31 expected");
    out.shape.push_back(axis.get<std::int64_t>());
  }
  if (auto checked = tensor::check_shape(out.shape); !checked)
    return fail(std::move(checked).error().within(fmt::format("[safetensors] tensor '{}'", name.substr(0, 80))));
  const auto offsets = value.find("data_offsets");
  if (offsets == value.end() || !offsets->is_array() || offsets->size() != 2 || !(*offsets)[0].is_number_unsigned() ||
      !(*offsets)[1].is_number_unsigned())
    return wrong("two data_offsets expected");
  out.begin = (*offsets)[0].get<std::uint64_t>();
  out.end = (*offsets)[1].get<std::uint64_t>();
  const auto wanted = static_cast<std::uint64_t>(tensor::element_count(out.shape)) * size;
  if (out.begin > out.end || out.end - out.begin != wanted) return wrong("offsets that do not match shape and dtype");
  return out;
}

/// The header as JSON, in which no name occurs twice.
Result<json> read_header(std::string_view text) {
  if (base::nests_deeper(text)) return fail(Code::malformed, "[safetensors] the header nests too deep");
  std::set<std::string> names;
  bool twice = false;
  const auto watch = [&](int depth, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::key && depth == 1) twice |= !names.insert(parsed.get<std::string>()).second;
    return true;
  };
  auto header = json::parse(text, watch, false);
  if (header.is_discarded() || !header.is_object())
    return fail(Code::malformed, "[safetensors] the header is not a JSON object");
  if (twice) return fail(Code::malformed, "[safetensors] a name occurs twice");
  return header;
}

float widen_half(std::uint16_t half) {
  const int exponent = (half >> 10) & 31;
  const float fraction = static_cast<float>(half & 0x3ffU), sign = (half & 0x8000U) != 0 ? -1.0F : 1.0F;
  if (exponent == 31) return fraction == 0 ? sign * INFINITY : NAN;
  return exponent == 0 ? sign * fraction * 0x1p-24F : sign * std::ldexp(1024.0F + fraction, exponent - 25);
}

template <class T>
T load(base::ByteView data, std::size_t i) {
  T value{};
  std::memcpy(&value, data.data() + i * sizeof(T), sizeof(T));
  return value;
}

Result<tensor::FloatTensor> read_data(const Entry& entry, base::ByteView data) {
  tensor::FloatTensor out{entry.shape, std::vector<float>(static_cast<std::size_t>(tensor::element_count(entry.shape)))};
  for (std::size_t i = 0; i < out.data.size(); ++i) {
    if (entry.dtype == "F32") out.data[i] = load<float>(data, i);
    if (entry.dtype == "F16") out.data[i] = widen_half(load<std::uint16_t>(data, i));
    if (entry.dtype == "BF16")
      out.data[i] = std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(data, i)) << 16);
    if (!std::isfinite(out.data[i]))
      return fail(Code::malformed, "[safetensors] tensor '{}': element {} is not finite", entry.name.substr(0, 80), i);
  }
  return out;
}

}  // namespace

Result<Tensors> read_safetensors(base::ByteView bytes) {
  if (bytes.size() < 8) return fail(Code::malformed, "[safetensors] {} bytes: at least 8 expected", bytes.size());
  const auto length = load<std::uint64_t>(bytes, 0);
  if (length > kMaxHeader || length > bytes.size() - 8)
    return fail(Code::out_of_range, "[safetensors] a header of {} bytes in a file of {}", length, bytes.size());
  KOINON_TRY(const auto header, read_header(base::as_text(bytes.subspan(8, length))));
  const auto data = bytes.subspan(8 + length);
  if (header.size() > kMaxTensors) return fail(Code::out_of_range, "[safetensors] {} tensors", header.size());
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == "__metadata__") continue;
    KOINON_TRY(auto entry, read_entry(name, value));
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  std::uint64_t at = 0;
  for (const auto& entry : entries) {
    if (entry.begin != at || entry.end > data.size())
      return fail(Code::malformed, "[safetensors] tensor '{}' lies at [{}, {}): byte {} expected, of {}",
                  entry.name.substr(0, 80), entry.begin, entry.end, at, data.size());
    at = entry.end;
  }
  if (at != data.size()) return fail(Code::malformed, "[safetensors] {} bytes behind the last tensor", data.size() - at);
  Tensors out;
  for (const auto& entry : entries) {
    if (entry.dtype != "F32" && entry.dtype != "F16" && entry.dtype != "BF16") continue;
    KOINON_TRY(auto values, read_data(entry, data.subspan(entry.begin, entry.end - entry.begin)));
    out.emplace(entry.name, std::move(values));
  }
  return out;
}

}  // namespace koinon::engine::language
