#include "engine/onnx/external_data.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>

#include "onnx-ml.pb.h"

namespace koinon::engine::onnx {

namespace {

namespace fs = std::filesystem;
using base::Code;
using base::fail;
using base::Result;

Result<std::uint64_t> number(const std::string& key, const std::string& text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(Code::malformed, "external data: {} '{}' is no number", key, text);
  return out;
}

/// The file that a location names, once it is known to lie inside the folder.
Result<fs::path> inside(const fs::path& folder, const std::string& location) {
  const fs::path relative(location);
  if (location.empty() || relative.is_absolute() || location.find('\0') != std::string::npos ||
      std::ranges::find(relative, fs::path("..")) != relative.end())
    return fail(Code::malformed, "external data: location '{}' is not a path inside the model's folder", location);
  std::error_code error;
  const auto root = fs::canonical(folder, error);
  if (error) return fail(Code::not_found, "external data: folder {}: {}", folder.string(), error.message());
  const auto file = fs::canonical(root / relative, error);
  if (error) return fail(Code::not_found, "external data: '{}': {}", location, error.message());
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), file.begin(), file.end());
  static_cast<void>(rest);
  if (end != root.end()) return fail(Code::malformed, "external data: '{}' leads out of the model's folder", location);
  if (!fs::is_regular_file(file, error)) return fail(Code::malformed, "external data: '{}' is no regular file", location);
  return file;
}

}  // namespace

Result<std::string> external_data(const ::onnx::TensorProto& proto, const fs::path& folder, std::uint64_t size) {
  std::string location;
  std::uint64_t offset = 0, length = size;
  for (const auto& entry : proto.external_data()) {
    if (entry.key() == "location") location = entry.value();
    if (entry.key() == "offset") {
      KOINON_TRY(offset, number(entry.key(), entry.value()));
    }
    if (entry.key() == "length") {
      KOINON_TRY(length, number(entry.key(), entry.value()));
    }
  }
  if (length != size) return fail(Code::malformed, "external data: {} bytes where type and shape have {}", length, size);
  KOINON_TRY(const auto file, inside(folder, location));
  std::error_code error;
  const auto there = fs::file_size(file, error);
  if (error || offset > there || size > there - offset)
    return fail(Code::malformed, "external data: bytes {} to {} of '{}', which has {}", offset, offset + size, location, there);
  std::string out(size, '\0');
  std::ifstream in(file, std::ios::binary);
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(out.data(), static_cast<std::streamsize>(size));
  if (!in) return fail(Code::io, "external data: '{}' cannot be read", location);
  return out;
}

}  // namespace koinon::engine::onnx
