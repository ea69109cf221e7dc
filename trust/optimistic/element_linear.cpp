// matmul and conv: the twin of contracts/src/dispute/Linear.sol and Dot.sol.
#include <algorithm>
#include <optional>

#include "trust/optimistic/disputable.hpp"
#include "trust/optimistic/element_reader.hpp"

namespace koinon::trust::optimistic {
namespace {

/// Sum of the products of `k` elements of operand 0 from `left` on and of operand 1 from `right` on.
Result<Wide> row(const Around& at, Index left, Index right, Index k) {
  if (k > kMaxRow) return fail(Code::out_of_range, "[element] a row of {}: at most {}", k, kMaxRow);
  const auto a = width_of(at.infos[0]), b = width_of(at.infos[1]);
  KOINON_TRY(const auto x, at.tensors.bytes(0, left * a, k * a));
  KOINON_TRY(const auto y, at.tensors.bytes(1, right * b, k * b));
  std::int64_t sum = 0;  // of at most 2^16 products of 2^30
  for (Index i = 0; i < k; ++i) sum += load(x.data() + i * a, a) * load(y.data() + i * b, b);
  return Wide{sum};
}

/// Where one output of a convolution stands.
struct Place {
  std::size_t axes = 0;
  Index image = 0, feature = 0, channels = 0, width = 0, group = 0;
  std::vector<std::int64_t> corner;  ///< where the kernel begins, perhaps in the padding
};

Place place_of(const Step& step, Index index) {
  const auto &x = step.operand_infos[0].shape, &w = step.operand_infos[1].shape, &y = step.outputs[0].shape;
  Place out;
  out.axes = x.size() - 2;
  out.channels = size_at(x, out.axes + 1);
  out.width = size_at(w, out.axes + 1);
  const auto features = size_at(y, out.axes + 1);
  out.feature = index % features;
  out.group = out.feature / (features / static_cast<Index>(step.params[0])) * out.width;
  index /= features;
  out.corner.resize(out.axes);
  for (auto a = out.axes; a > 0; --a) {
    out.corner[a - 1] = static_cast<std::int64_t>(index % size_at(y, a)) * step.params[a] - step.params[2 * out.axes + a];
    index /= size_at(y, a);
  }
  out.image = index;
  return out;
}

/// Number of the first position of line `t` of the kernel (all axes but the last) in x, over the batch; nothing outside.
std::optional<Index> line_at(const Step& step, const Place& place, Index t) {
  const auto &x = step.operand_infos[0].shape, &kernel = step.operand_infos[1].shape;
  Index stride = 1, line = 0;
  for (auto a = place.axes - 1; a > 0; --a) {
    const auto at = place.corner[a - 1] + static_cast<std::int64_t>(t % size_at(kernel, a)) * step.params[place.axes + a];
    t /= size_at(kernel, a);
    if (at < 0 || at >= x[a]) return std::nullopt;
    line += static_cast<Index>(at) * stride;
    stride *= size_at(x, a);
  }
  return (place.image * stride + line) * size_at(x, place.axes);
}

/// The products along the last axis, from position `t` of all kernels on.
Result<Wide> along_line(const Around& at, const Place& place, Index line, Index t, Index length) {
  const auto size = at.shape(0)[place.axes], dilation = at.step.params[2 * place.axes];
  const auto corner = place.corner[place.axes - 1];
  const bool made = at.tensors.is_made(0), joined = !made && dilation == 1 && place.width == place.channels;
  Wide sum = 0;
  for (Index i = 0; i < length; ++i) {
    const auto x = corner + static_cast<std::int64_t>(i) * dilation;
    if (x < 0 || x >= size) continue;
    const auto count = joined ? std::min(length - i, static_cast<Index>(size - x)) : Index{1};
    const auto from = (line + static_cast<Index>(x)) * place.channels + place.group;
    if (made) {  // of one channel a group
      KOINON_TRY(const auto left, at.operand(0, from));
      KOINON_TRY(const auto right, at.get(1, (t + i) * place.width));
      sum += left * right;
      continue;
    }
    KOINON_TRY(const auto part, row(at, from, (t + i) * place.width, count * place.width));
    sum += part;
    if (joined) break;
  }
  return sum;
}

}  // namespace

Result<Wide> matmul_value(const Around& at) {
  const auto &a = at.shape(0), &b = at.shape(1);
  const auto k = size_at(b, b.size() - 1), n = size_at(b, b.size() - 2);
  const auto line = at.element.index / n, column = at.element.index % n;  // lines over the batches too
  const auto other = b.size() == 2 ? column : line / size_at(a, a.size() - 2) * n + column;
  KOINON_TRY(auto sum, row(at, line * k, other * k, k));
  if (at.operands() == 3) {
    KOINON_TRY(const auto bias, at.get(2, column));
    sum += bias;
  }
  return sum;
}

Result<Wide> conv_value(const Around& at) {
  const auto place = place_of(at.step, at.element.index);
  const auto& kernel = at.shape(1);
  Index positions = 1;
  for (std::size_t a = 1; a <= place.axes; ++a) positions *= size_at(kernel, a);
  const auto length = size_at(kernel, place.axes);
  Wide sum = 0;
  for (Index t = 0; t < positions; t += length) {
    const auto line = line_at(at.step, place, t / length);
    if (!line) continue;
    KOINON_TRY(const auto part, along_line(at, place, *line, place.feature * positions + t, length));
    sum += part;
  }
  if (at.operands() == 3) {
    KOINON_TRY(const auto bias, at.get(2, place.feature));
    sum += bias;
  }
  return sum;
}

}  // namespace koinon::trust::optimistic
