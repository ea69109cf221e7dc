#include "engine/kernels/array.hpp"

namespace koinon::engine::kernels {

std::vector<std::int64_t> strides_of(const Shape& shape) {
  std::vector<std::int64_t> out(shape.size());
  std::int64_t step = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    out[i] = step;
    step *= shape[i];
  }
  return out;
}

std::vector<std::int64_t> broadcast_strides(const Shape& from, const Shape& to) {
  KOINON_INVARIANT(from.size() <= to.size());
  const auto own = strides_of(from);
  const std::size_t lead = to.size() - from.size();
  std::vector<std::int64_t> out(to.size(), 0);
  for (std::size_t i = 0; i < from.size(); ++i) out[lead + i] = from[i] == 1 ? 0 : own[i];
  return out;
}

}  // namespace koinon::engine::kernels
