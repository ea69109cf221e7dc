#include <cstdlib>

#include "node/api/infer_message.hpp"

/// Any body, with its first two bytes as the length of its JSON when the first bit is set.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon::node::api;
  if (size < 2) return 0;
  std::optional<std::uint64_t> header;
  if ((data[0] & 1) != 0) header = static_cast<std::uint64_t>(data[0] >> 1) | static_cast<std::uint64_t>(data[1]) << 7;
  const InferSizes sizes = {{"x", 4}, {"y", 3}};
  const auto request = read_infer({reinterpret_cast<const char*>(data) + 2, size - 2}, sizes, header);
  if (!request) return 0;
  for (const auto& input : request->inputs) {
    std::uint64_t elements = 1;
    for (const auto axis : input.shape) elements *= static_cast<std::uint64_t>(axis);
    if (elements != input.data.size()) std::abort();
  }
  return 0;
}

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  const auto seed = [](const std::string& text, const std::string& raw) {
    const auto n = text.size();
    std::vector<std::uint8_t> out{static_cast<std::uint8_t>((n & 127) << 1 | (raw.empty() ? 0U : 1U)),
                                  static_cast<std::uint8_t>(n >> 7)};
    out.insert(out.end(), text.begin(), text.end());
    out.insert(out.end(), raw.begin(), raw.end());
    return out;
  };
  return {
      seed(
          R"({"id":"7","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,2],[3,-4.5]]}],"outputs":[{"name":"y"}]})",
          ""),
      seed(R"({"inputs":[{"name":"y","shape":[3],"datatype":"INT16","parameters":{"binary_data_size":6}}]})", "abcdef"),
      seed(R"({"parameters":{"check":"quorum","max_price":"5","binary_data_output":true},"inputs":[]})", "")};
}
