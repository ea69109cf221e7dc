#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/codec.hpp"
#include "engine/train/data/data_set.hpp"

// A data set, little-endian:
//
//   "KOINONDS" | u32 version | u8 kind | shape of a sample | shape of a target | u64 samples | i64 classes
//   | u64 bytes | bytes | u64 numbers | f32 each | u64 targets | f32 each
//
// A shape is u8 axes, then i64 each.
namespace koinon::engine::train {
namespace {

using base::Code;
using base::Result;
using base::Status;

constexpr std::string_view kMagic = "KOINONDS";
constexpr std::uint32_t kVersion = 1;

template <class T>
void put(base::Writer& to, const std::vector<T>& values) {
  to.number(static_cast<std::uint64_t>(values.size()));
  to.raw({reinterpret_cast<const std::uint8_t*>(values.data()), values.size() * sizeof(T)});
}

template <class T>
Result<std::vector<T>> get(base::Reader& from) {
  KOINON_TRY(const auto count, from.number<std::uint64_t>());
  if (count > from.left() / sizeof(T))
    return base::fail(Code::malformed, "[data] {} elements: {} bytes are left", count, from.left());
  KOINON_TRY(const auto bytes, from.raw(static_cast<std::size_t>(count) * sizeof(T)));
  std::vector<T> out(static_cast<std::size_t>(count));
  if (!out.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

Result<tensor::Shape> get_shape(base::Reader& from) {
  KOINON_TRY(const auto axes, from.number<std::uint8_t>());
  tensor::Shape out;
  for (int i = 0; i < axes; ++i) {
    KOINON_TRY(const auto axis, from.number<std::int64_t>());
    out.push_back(axis);
  }
  KOINON_CHECK(tensor::check_shape(out));
  return out;
}

/// Errors: how many elements there should be of what.
Status check_size(std::string_view what, std::size_t have, std::uint64_t samples, std::uint64_t each, std::uint64_t more = 0) {
  if (samples <= kMaxData / std::max<std::uint64_t>(1, each) && have == samples * each + more) return {};
  return base::fail(Code::malformed, "[data] {} {} for {} samples of {}", have, what, samples, each);
}

Status check_values(const DataSet& set) {
  for (std::size_t i = 0; i < set.numbers.size(); ++i)
    if (!std::isfinite(set.numbers[i])) return base::fail(Code::out_of_range, "[data] number {} is not finite", i);
  for (std::size_t i = 0; i < set.targets.size(); ++i) {
    const float t = set.targets[i];
    const bool label = t >= 0 && t < static_cast<float>(set.classes) && t == std::floor(t);
    if (set.classes > 0 ? !label : !std::isfinite(t))
      return base::fail(Code::out_of_range, "[data] label {} is {}: 0 to {} expected", i, t, set.classes - 1);
  }
  if (set.kind == DataSet::Kind::text)
    for (auto b : set.bytes)
      if (b >= set.classes) return base::fail(Code::out_of_range, "[data] token {}: 0 to {} expected", b, set.classes - 1);
  return {};
}

Status check(const DataSet& set) {
  const auto each = static_cast<std::uint64_t>(tensor::element_count(set.sample));
  const auto target = static_cast<std::uint64_t>(tensor::element_count(set.target));
  const bool text = set.kind == DataSet::Kind::text, numbers = set.kind == DataSet::Kind::numbers;
  if (set.count == 0 || set.classes < 0 || set.classes > 65536 || (text && (set.sample != set.target || set.classes < 1)))
    return base::fail(Code::malformed, "[data] {} samples, {} classes", set.count, set.classes);
  KOINON_CHECK(check_size("bytes", set.bytes.size(), numbers ? 0 : set.count, each, text ? 1 : 0));
  KOINON_CHECK(check_size("numbers", set.numbers.size(), numbers ? set.count : 0, each));
  KOINON_CHECK(check_size("targets", set.targets.size(), text ? 0 : set.count, target));
  return check_values(set);
}

}  // namespace

base::Bytes encode_data(const DataSet& set) {
  base::Writer to;
  to.raw(base::as_bytes(kMagic));
  to.number(kVersion);
  to.number(static_cast<std::uint8_t>(set.kind));
  for (const auto& shape : {set.sample, set.target}) {
    to.number(static_cast<std::uint8_t>(shape.size()));
    for (auto axis : shape) to.number(axis);
  }
  to.number(static_cast<std::uint64_t>(set.count));
  to.number(set.classes);
  put(to, set.bytes);
  put(to, set.numbers);
  put(to, set.targets);
  return std::move(to).take();
}

Result<DataSet> decode_data(base::ByteView bytes) {
  base::Reader from(bytes);
  KOINON_TRY(const auto magic, from.raw(kMagic.size()));
  KOINON_TRY(const auto version, from.number<std::uint32_t>());
  KOINON_TRY(const auto kind, from.number<std::uint8_t>());
  if (base::as_text(magic) != kMagic || version != kVersion || kind < 1 || kind > 3)
    return base::fail(Code::malformed, "[data] no data set of this version");
  DataSet set;
  set.kind = static_cast<DataSet::Kind>(kind);
  KOINON_TRY(set.sample, get_shape(from));
  KOINON_TRY(set.target, get_shape(from));
  KOINON_TRY(const auto count, from.number<std::uint64_t>());
  set.count = static_cast<std::size_t>(count);
  KOINON_TRY(set.classes, from.number<std::int64_t>());
  KOINON_TRY(set.bytes, get<std::uint8_t>(from));
  KOINON_TRY(set.numbers, get<float>(from));
  KOINON_TRY(set.targets, get<float>(from));
  KOINON_CHECK(from.finish());
  KOINON_CHECK(check(set));
  return set;
}

}  // namespace koinon::engine::train
