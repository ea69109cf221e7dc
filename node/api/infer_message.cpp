#include "node/api/infer_message.hpp"

#include <fmt/ranges.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json.hpp"
#include "node/api/fields.hpp"

namespace koinon::node::api {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr std::size_t kMostTensors = 256;
constexpr std::size_t kMostAxes = 16;
constexpr std::uint64_t kMostElements = std::uint64_t{1} << 26;
constexpr double kExact = 9007199254740992.0;  // 2^53

enum class Kind { boolean, unsigned_integer, integer, real };
struct Datatype {
  const char* name;
  Kind kind;
  std::size_t width;  // bytes
};
constexpr Datatype kTypes[] = {{"BOOL", Kind::boolean, 1},
                               {"UINT8", Kind::unsigned_integer, 1},
                               {"UINT16", Kind::unsigned_integer, 2},
                               {"UINT32", Kind::unsigned_integer, 4},
                               {"UINT64", Kind::unsigned_integer, 8},
                               {"INT8", Kind::integer, 1},
                               {"INT16", Kind::integer, 2},
                               {"INT32", Kind::integer, 4},
                               {"INT64", Kind::integer, 8},
                               {"FP16", Kind::real, 2},
                               {"FP32", Kind::real, 4},
                               {"FP64", Kind::real, 8}};

Result<const Datatype*> datatype_of(const std::string& name, const std::string& tensor) {
  for (const auto& one : kTypes)
    if (name == one.name) return &one;
  return fail(Code::unsupported, "[infer] {}: datatype '{}': BOOL, UINT8 to UINT64, INT8 to INT64, FP16, FP32 or FP64 expected",
              tensor, name.substr(0, 40));
}

double half(std::uint64_t bits) {
  const auto exponent = static_cast<int>(bits >> 10 & 31);
  const auto fraction = static_cast<double>(bits & 1023);
  const double sign = (bits >> 15) != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction == 0 ? sign * HUGE_VAL : NAN;
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

/// One element of raw bytes.
double element(const Datatype& type, const char* at) {
  std::uint64_t bits = 0;
  for (std::size_t i = type.width; i > 0; --i) bits = bits << 8 | static_cast<unsigned char>(at[i - 1]);
  switch (type.kind) {
    case Kind::boolean: return bits != 0 ? 1.0 : 0.0;
    case Kind::unsigned_integer: return static_cast<double>(bits);
    case Kind::integer: {
      const auto unused = static_cast<int>(64 - 8 * type.width);
      return static_cast<double>(static_cast<std::int64_t>(bits << unused) >> unused);
    }
    default: break;
  }
  if (type.width == 2) return half(bits);
  if (type.width == 4) return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
  return std::bit_cast<double>(bits);
}

/// Refuses what is no number that the type holds, and integers that a double does not.
Status expect_value(const Datatype& type, double value, const std::string& tensor) {
  if (!std::isfinite(value)) return fail(Code::invalid_argument, "[infer] {}: a value is no finite number", tensor);
  if (type.kind == Kind::real) return {};
  const bool whole = std::floor(value) == value && std::abs(value) <= kExact;
  bool fits = whole;
  const auto bits = static_cast<int>(8 * type.width);
  if (type.kind == Kind::boolean) fits = value == 0 || value == 1;
  if (type.kind == Kind::unsigned_integer) fits = whole && value >= 0 && value < std::ldexp(1.0, bits);
  if (type.kind == Kind::integer) fits = whole && value >= -std::ldexp(1.0, bits - 1) && value < std::ldexp(1.0, bits - 1);
  if (!fits)
    return fail(Code::out_of_range, "[infer] {}: {} is no value of {} that is taken exactly", tensor, value, type.name);
  return {};
}

/// Numbers of nested lists in row-major order, `wanted` of them. Never deeper than the reader of JSON lets through.
Status flatten(const json& value, std::uint64_t wanted, std::vector<double>& out, const std::string& tensor) {
  if (value.is_array()) {
    for (const auto& one : value) KOINON_CHECK(flatten(one, wanted, out, tensor));
    return {};
  }
  if (!value.is_number() && !value.is_boolean()) return fail(Code::malformed, "[infer] {}: data: numbers expected", tensor);
  if (out.size() == wanted)
    return fail(Code::invalid_argument, "[infer] {}: more values than the {} of its shape", tensor, wanted);
  out.push_back(value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>());
  return {};
}

Result<engine::tensor::Shape> shape_of(const json& tensor, const std::string& name) {
  const auto at = tensor.find("shape");
  if (at == tensor.end() || !at->is_array() || at->size() > kMostAxes)
    return fail(Code::malformed, "[infer] {}: shape: a list of at most {} sizes expected", name, kMostAxes);
  engine::tensor::Shape out;
  std::uint64_t elements = 1;
  for (const auto& size : *at) {
    if (!size.is_number_unsigned() || size.get<std::uint64_t>() > kMostElements)
      return fail(Code::malformed, "[infer] {}: shape: sizes of 0 to {} expected", name, kMostElements);
    elements *= size.get<std::uint64_t>();
    if (elements > kMostElements) return fail(Code::out_of_range, "[infer] {}: more than {} values", name, kMostElements);
    out.push_back(static_cast<std::int64_t>(size.get<std::uint64_t>()));
  }
  return out;
}

const json& parameters_of(const json& object) {
  static const json kNone = json::object();
  const auto at = object.find("parameters");
  return at != object.end() && at->is_object() ? *at : kNone;
}

Result<bool> flag_in(const json& parameters, const char* key, bool fallback) {
  const auto at = parameters.find(key);
  if (at == parameters.end()) return fallback;
  if (!at->is_boolean()) return fail(Code::malformed, "[infer] parameter {}: true or false expected", key);
  return at->get<bool>();
}

/// Reads one input; raw bytes are taken from the front of `raw`.
Result<InferInput> read_input(const json& tensor, const InferSizes& sizes, std::string_view& raw) {
  if (!tensor.is_object()) return fail(Code::malformed, "[infer] inputs: objects expected");
  InferInput out;
  KOINON_TRY(out.name, text_field(tensor, "name", 1000));
  KOINON_TRY(const auto type_name, text_field(tensor, "datatype", 40));
  KOINON_TRY(const auto* type, datatype_of(type_name, out.name));
  KOINON_TRY(out.shape, shape_of(tensor, out.name));
  std::uint64_t elements = 1;
  for (const auto size : out.shape) elements *= static_cast<std::uint64_t>(size);
  const auto known = sizes.find(out.name);
  if (known == sizes.end()) return fail(Code::invalid_argument, "[infer] the model has no input '{}'", out.name.substr(0, 60));
  if (known->second != elements)
    return fail(Code::invalid_argument, "[infer] {}: shape [{}] of {} values, {} expected", out.name,
                fmt::join(out.shape, ", "), elements, known->second);
  const auto& parameters = parameters_of(tensor);
  if (const auto size = parameters.find("binary_data_size"); size != parameters.end()) {
    if (!size->is_number_unsigned() || size->get<std::uint64_t>() != elements * type->width)
      return fail(Code::invalid_argument, "[infer] {}: binary_data_size: {} bytes expected", out.name, elements * type->width);
    if (raw.size() < elements * type->width)
      return fail(Code::malformed, "[infer] {}: the body ends within its bytes", out.name);
    out.data.reserve(elements);
    for (std::uint64_t i = 0; i < elements; ++i) out.data.push_back(element(*type, raw.data() + i * type->width));
    raw.remove_prefix(elements * type->width);
  } else {
    const auto data = tensor.find("data");
    if (data == tensor.end() || !data->is_array())
      return fail(Code::malformed, "[infer] {}: data, or binary_data_size, expected", out.name);
    out.data.reserve(std::min<std::uint64_t>(elements, 1 << 16));
    KOINON_CHECK(flatten(*data, elements, out.data, out.name));
    if (out.data.size() != elements)
      return fail(Code::invalid_argument, "[infer] {}: {} values, {} of its shape expected", out.name, out.data.size(),
                  elements);
  }
  for (const double value : out.data) KOINON_CHECK(expect_value(*type, value, out.name));
  return out;
}

Status read_wanted(const json& request, InferRequest& out) {
  const auto at = request.find("outputs");
  if (at == request.end()) return {};
  if (!at->is_array() || at->size() > kMostTensors)
    return fail(Code::malformed, "[infer] outputs: a list of at most {} expected", kMostTensors);
  for (const auto& one : *at) {
    if (!one.is_object()) return fail(Code::malformed, "[infer] outputs: objects expected");
    InferWanted wanted;
    KOINON_TRY(wanted.name, text_field(one, "name", 1000));
    KOINON_TRY(wanted.binary, flag_in(parameters_of(one), "binary_data", out.binary));
    if (parameters_of(one).contains("classification"))
      return fail(Code::unsupported, "[infer] {}: classification is not offered: ask for the scores", wanted.name);
    out.wanted.push_back(std::move(wanted));
  }
  return {};
}

}  // namespace

Result<InferRequest> read_infer(std::string_view body, const InferSizes& sizes, const std::optional<std::uint64_t>& header) {
  if (header && *header > body.size())
    return fail(Code::malformed, "[infer] Inference-Header-Content-Length {}: the body has {} bytes", *header, body.size());
  auto raw = header ? body.substr(*header) : std::string_view();
  KOINON_TRY(const auto request, base::read_json(header ? body.substr(0, *header) : body));
  if (!request.is_object()) return fail(Code::malformed, "[infer] a JSON object expected");
  InferRequest out;
  KOINON_TRY(out.id, text_or(request, "id", "", 1000));
  const auto& parameters = parameters_of(request);
  KOINON_TRY(out.binary, flag_in(parameters, "binary_data_output", false));
  KOINON_TRY(out.check, text_or(parameters, "check", "", 40));
  KOINON_TRY(out.clamp, flag_in(parameters, "clamp", false));
  if (parameters.contains("max_price")) {
    KOINON_TRY(out.max_price, wei_field(parameters, "max_price"));
  }
  KOINON_CHECK(read_wanted(request, out));
  const auto inputs = request.find("inputs");
  if (inputs == request.end() || !inputs->is_array() || inputs->size() > kMostTensors)
    return fail(Code::malformed, "[infer] inputs: a list of at most {} expected", kMostTensors);
  for (const auto& one : *inputs) {
    KOINON_TRY(auto input, read_input(one, sizes, raw));
    out.inputs.push_back(std::move(input));
  }
  if (!raw.empty()) return fail(Code::malformed, "[infer] {} bytes behind the last tensor", raw.size());
  return out;
}

Result<InferBody> write_infer(const InferAnswer& answer, const std::vector<RealOutput>& outputs, const InferRequest& request) {
  json parameters = json::object();
  for (const auto& [key, value] : answer.parameters) parameters[key] = value;
  json out = {
      {"model_name", answer.model}, {"model_version", answer.version}, {"parameters", parameters}, {"outputs", json::array()}};
  if (!request.id.empty()) out["id"] = request.id;
  auto wanted = request.wanted;
  if (wanted.empty())
    for (const auto& one : outputs) wanted.push_back({one.name, request.binary});
  std::string raw;
  bool any = false;
  for (const auto& want : wanted) {
    const auto* found = static_cast<const RealOutput*>(nullptr);
    for (const auto& one : outputs)
      if (one.name == want.name) found = &one;
    if (found == nullptr) return fail(Code::not_found, "[infer] no output '{}'", want.name);
    json tensor = {{"name", found->name}, {"datatype", "FP32"}, {"shape", found->shape}};
    if (want.binary) {
      any = true;
      tensor["parameters"] = {{"binary_data_size", 4 * found->data.size()}};
      for (const double value : found->data) {
        const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
        for (int i = 0; i < 4; ++i) raw.push_back(static_cast<char>(bits >> 8 * i & 255));
      }
    } else {
      tensor["data"] = found->data;
    }
    out["outputs"].push_back(std::move(tensor));
  }
  InferBody body{out.dump(-1, ' ', false, json::error_handler_t::replace), {}};
  if (any) body.header = body.bytes.size();
  body.bytes += raw;
  return body;
}

}  // namespace koinon::node::api
