#include "engine/run/roots.hpp"

namespace koinon::engine::run {

std::vector<base::Hash> tensor_roots(std::span<const tensor::IntTensor> tensors) {
  std::vector<base::Hash> out;
  for (const auto& t : tensors) out.push_back(tensor::tensor_root(t));
  return out;
}

base::Hash input_root(std::span<const tensor::IntTensor> inputs) {
  return base::list_root(base::Domain::inputs, tensor_roots(inputs));
}

base::Hash salted_input_root(const base::Hash& salt, std::span<const tensor::IntTensor> inputs) {
  const std::uint8_t head[] = {0x03, static_cast<std::uint8_t>(base::Domain::inputs)};
  return base::keccak256({head, salt.view(), input_root(inputs).view()});
}

base::Hash output_root(std::span<const tensor::IntTensor> outputs) {
  return base::list_root(base::Domain::outputs, tensor_roots(outputs));
}

base::Hash trace_root(const std::vector<base::Hash>& roots) { return base::list_root(base::Domain::trace, roots); }

base::Hash witness(const std::vector<base::Hash>& roots) {
  base::Bytes all;
  const auto head = base::as_bytes("koinon.witness");
  all.insert(all.end(), head.begin(), head.end());
  for (const auto& root : roots) all.insert(all.end(), root.bytes.begin(), root.bytes.end());
  return base::keccak256(all);
}

}  // namespace koinon::engine::run
