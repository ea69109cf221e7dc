#include "engine/operators/window.hpp"

#include <algorithm>

namespace koinon::engine::operators {

namespace {

constexpr std::int64_t kMaxStep = 1 << 20;

Status in_bounds(const Call& call, const std::vector<std::int64_t>& list, std::size_t size, std::int64_t low,
                 std::string_view what) {
  if (list.size() != size) return call.fail(Code::malformed, "{} {}: {} expected", list.size(), what, size);
  for (auto v : list)
    if (v < low || v > kMaxStep) return call.fail(Code::out_of_range, "{} hold {}: {} to {} expected", what, v, low, kMaxStep);
  return {};
}

}  // namespace

Result<Window> read_window(const Call& call, const Shape& x, std::vector<std::int64_t> kernel) {
  const auto d = kernel.size();
  if (d < 1 || x.size() != d + 2)
    return call.fail(Code::malformed, "a kernel of {} axes for an input of shape {}", d, tensor::shape_text(x));
  Window w;
  w.kernel = std::move(kernel);
  w.in.assign(x.begin() + 2, x.end());
  w.strides = call.integers("strides", std::vector<std::int64_t>(d, 1));
  w.dilations = call.integers("dilations", std::vector<std::int64_t>(d, 1));
  auto pads = call.integers("pads", std::vector<std::int64_t>(2 * d, 0));
  const auto automatic = call.text("auto_pad", "NOTSET");
  if (automatic != "NOTSET") pads.assign(2 * d, 0);
  KOINON_CHECK(in_bounds(call, w.kernel, d, 1, "kernel sizes"));
  KOINON_CHECK(in_bounds(call, w.strides, d, 1, "strides"));
  KOINON_CHECK(in_bounds(call, w.dilations, d, 1, "dilations"));
  KOINON_CHECK(in_bounds(call, pads, 2 * d, 0, "pads"));
  const bool ceil_mode = call.integer("ceil_mode", 0) != 0;
  for (std::size_t i = 0; i < d; ++i) {
    const auto reach = (w.kernel[i] - 1) * w.dilations[i] + 1;
    auto begin = pads[i];
    auto end = pads[d + i];
    if (automatic == "SAME_UPPER" || automatic == "SAME_LOWER") {
      const auto wanted = (w.in[i] + w.strides[i] - 1) / w.strides[i];
      const auto total = std::max<std::int64_t>(0, (wanted - 1) * w.strides[i] + reach - w.in[i]);
      begin = automatic == "SAME_UPPER" ? total / 2 : total - total / 2;
      end = total - begin;
    } else if (automatic != "NOTSET" && automatic != "VALID") {
      return call.fail(Code::malformed, "auto_pad '{}'", automatic);
    }
    const auto room = w.in[i] + begin + end - reach;
    if (room < 0)
      return call.fail(Code::malformed, "axis {}: a window of {} over {} elements", i, reach, w.in[i] + begin + end);
    auto out = room / w.strides[i] + 1;
    // A last window that would start in the padding behind the input is left out.
    if (ceil_mode && room % w.strides[i] != 0 && out * w.strides[i] < w.in[i] + begin) ++out;
    w.begin.push_back(begin);
    w.end.push_back(end);
    w.out.push_back(out);
  }
  return w;
}

}  // namespace koinon::engine::operators
