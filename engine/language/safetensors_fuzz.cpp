// A file of weights: whatever comes, tensors that match their shapes, or an error.
#include "base/codec.hpp"
#include "engine/language/safetensors.hpp"

namespace base = koinon::base;
namespace language = koinon::engine::language;

namespace {

base::Bytes file(std::string_view header, std::size_t data) {
  base::Writer out;
  out.number(static_cast<std::uint64_t>(header.size()));
  out.raw(base::as_bytes(header));
  out.raw(base::Bytes(data, 0x3c));
  return std::move(out).take();
}

}  // namespace

std::vector<base::Bytes> koinon_fuzz_seeds() {
  return {
      file(
          R"({"a":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})",
          16),
      file(R"({"__metadata__":{"format":"pt"},"w":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}})", 8), file("{}", 0)};
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto tensors = language::read_safetensors({data, size});
  if (!tensors) return 0;
  for (const auto& [name, tensor] : *tensors)
    if (tensor.data.size() != static_cast<std::size_t>(koinon::engine::tensor::element_count(tensor.shape))) __builtin_trap();
  return 0;
}
