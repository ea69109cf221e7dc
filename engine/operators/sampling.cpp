#include <algorithm>

#include "engine/operators/expansion.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// AffineGrid, DeformConv, Col2Im, CenterCropPad and CumProd, made of simpler nodes.
namespace koinon::engine::operators {

namespace {

std::int64_t product_of(const std::vector<std::int64_t>& list) { return onnx::count(list); }

// AffineGrid

Status expand_affine_grid(const Call& call, Expansion& to) {
  KOINON_TRY(const auto size, call.constant_integers(1, "size"));
  if (size.size() < 4 || size.size() > 5 || std::ranges::any_of(size, [](auto d) { return d < 1 || d > 1 << 16; }))
    return call.fail(Code::malformed, "size {}: [n, c, d, h, w] or [n, c, h, w] expected", tensor::shape_text(size));
  const auto d = static_cast<std::int64_t>(size.size()) - 2;
  if (call.shape(0) != Shape{size[0], d, d + 1})
    return call.fail(Code::malformed, "theta {}: [{}, {}, {}] expected", tensor::shape_text(call.shape(0)), size[0], d, d + 1);
  const Shape space(size.begin() + 2, size.end());
  const auto places = product_of(space);
  if (places > 1 << 22) return call.fail(Code::out_of_range, "a grid of {} places: at most 2^22", places);
  const bool corners = call.integer("align_corners", 0) != 0;
  // Homogeneous coordinates of every place, the last axis first.
  Value base = Value::zeros({call.type(0).element, {places, d + 1}});
  for (std::int64_t p = 0; p < places; ++p) {
    auto rest = p;
    for (std::int64_t k = 0; k < d; ++k) {
      const auto n = space[static_cast<std::size_t>(d - 1 - k)];
      const auto i = static_cast<double>(rest % n), length = static_cast<double>(n);
      const double v = !corners ? (2 * i + 1) / length - 1 : n > 1 ? 2 * i / (length - 1) - 1 : -1;
      base.floats[static_cast<std::size_t>(p * (d + 1) + k)] = static_cast<float>(v);
      rest /= n;
    }
    base.floats[static_cast<std::size_t>(p * (d + 1) + d)] = 1;
  }
  const int grid = to.add("MatMul", {to.constant(std::move(base)), to.transpose(call.input(0), {0, 2, 1})});
  Shape out{size[0]};
  out.insert(out.end(), space.begin(), space.end());
  out.push_back(d);
  to.result(0, to.reshape(grid, out));
  return {};
}

// DeformConv: the picture is read by GridSample where each tap of the kernel looks, then weighed by a convolution of 1 x 1.

struct Deform {
  std::int64_t n, c, h, w, kh, kw, oh, ow, groups;
  std::vector<std::int64_t> strides, dilations, pads;
};

Result<Deform> deform_of(const Call& call) {
  const auto &x = call.shape(0), &w = call.shape(1), &offset = call.shape(2);
  if (x.size() != 4 || w.size() != 4 || offset.size() != 4)
    return call.fail(Code::unsupported, "{} spatial axes: 2 expected", static_cast<std::int64_t>(x.size()) - 2);
  Deform d{x[0], x[1], x[2], x[3], w[2], w[3], offset[2], offset[3], call.integer("offset_group", 1), {}, {}, {}};
  d.strides = call.integers("strides", {1, 1});
  d.dilations = call.integers("dilations", {1, 1});
  d.pads = call.integers("pads", {0, 0, 0, 0});
  if (d.strides.size() != 2 || d.dilations.size() != 2 || d.pads.size() != 4)
    return call.fail(Code::malformed, "strides, dilations or pads of a wrong length");
  if (d.groups < 1 || d.c % d.groups != 0 || offset[0] != d.n || offset[1] != d.groups * d.kh * d.kw * 2)
    return call.fail(Code::malformed, "offset {} of {} groups for a kernel of {} x {}", tensor::shape_text(offset), d.groups,
                     d.kh, d.kw);
  if (call.has(4) && call.shape(4) != Shape{d.n, d.groups * d.kh * d.kw, d.oh, d.ow})
    return call.fail(Code::malformed, "mask {}", tensor::shape_text(call.shape(4)));
  if (product_of({d.kh, d.kw, d.oh, d.ow}) > 1 << 22) return call.fail(Code::out_of_range, "more than 2^22 places");
  return d;
}

/// Where tap and place look without an offset, scaled to [-1, 1]: [1, kh * kw * oh, ow, 2], the last axis of the picture first.
Value looking(const Deform& d, Element element) {
  Value out = Value::zeros({element, {1, d.kh * d.kw * d.oh, d.ow, 2}});
  std::size_t at = 0;
  for (std::int64_t t = 0; t < d.kh * d.kw; ++t)
    for (std::int64_t i = 0; i < d.oh; ++i)
      for (std::int64_t j = 0; j < d.ow; ++j) {
        const auto y = static_cast<double>(i * d.strides[0] - d.pads[0] + t / d.kw * d.dilations[0]);
        const auto x = static_cast<double>(j * d.strides[1] - d.pads[1] + t % d.kw * d.dilations[1]);
        out.floats[at++] = static_cast<float>((2 * x + 1) / static_cast<double>(d.w) - 1);
        out.floats[at++] = static_cast<float>((2 * y + 1) / static_cast<double>(d.h) - 1);
      }
  return out;
}

/// The channels of one offset group at every tap: [n, c / groups, kh * kw, oh, ow].
int read_group(const Call& call, Expansion& to, const Deform& d, int base, std::int64_t g) {
  const auto taps = d.kh * d.kw, channels = d.c / d.groups;
  const int x = to.slice(call.input(0), {g * channels}, {(g + 1) * channels}, {1});
  const int own = to.reshape(to.slice(call.input(2), {g * taps * 2}, {(g + 1) * taps * 2}, {1}), {d.n, taps, 2, d.oh, d.ow});
  // [n, taps, oh, ow, (x, y)]
  const int turned = to.slice(to.transpose(own, {0, 1, 3, 4, 2}), {-1}, {-3}, {4}, {-1});
  const int unit = to.constant(Value::of_floats({2}, {2.0F / static_cast<float>(d.w), 2.0F / static_cast<float>(d.h)}));
  const int moved = to.add("Mul", {to.reshape(turned, {d.n, taps * d.oh, d.ow, 2}), unit});
  const int read = to.add("GridSample", {x, to.add("Add", {moved, base})}, Attributes{{"align_corners", std::int64_t{0}}});
  const int each = to.reshape(read, {d.n, channels, taps, d.oh, d.ow});
  if (!call.has(4)) return each;
  const int mask = to.slice(call.input(4), {g * taps}, {(g + 1) * taps}, {1});
  return to.add("Mul", {each, to.reshape(mask, {d.n, 1, taps, d.oh, d.ow})});
}

Status expand_deform_conv(const Call& call, Expansion& to) {
  KOINON_TRY(const auto d, deform_of(call));
  const int base = to.constant(looking(d, call.type(0).element));
  std::vector<int> parts;
  for (std::int64_t g = 0; g < d.groups; ++g) parts.push_back(read_group(call, to, d, base, g));
  const int all = parts.size() == 1 ? parts[0] : to.concat(std::move(parts), 1);
  const auto taps = d.kh * d.kw;
  const auto& w = call.shape(1);
  std::vector<int> inputs{to.reshape(all, {d.n, d.c * taps, d.oh, d.ow}), to.reshape(call.input(1), {w[0], w[1] * taps, 1, 1})};
  if (call.has(3)) inputs.push_back(call.input(3));
  to.result(0, to.add("Conv", std::move(inputs), Attributes{{"group", call.integer("group", 1)}}));
  return {};
}

// Col2Im: a transposed convolution whose kernel has a 1 for each place of the block.

Status expand_col2im(const Call& call, Expansion& to) {
  KOINON_TRY(const auto image, call.constant_integers(1, "image_shape"));
  KOINON_TRY(const auto block, call.constant_integers(2, "block_shape"));
  const auto d = block.size();
  const auto strides = call.integers("strides", std::vector<std::int64_t>(d, 1));
  const auto dilations = call.integers("dilations", std::vector<std::int64_t>(d, 1));
  const auto pads = call.integers("pads", std::vector<std::int64_t>(2 * d, 0));
  if (d < 1 || d > 3 || image.size() != d || strides.size() != d || dilations.size() != d || pads.size() != 2 * d ||
      std::ranges::any_of(block, [](auto b) { return b < 1 || b > 1 << 10; }))
    return call.fail(Code::unsupported, "image {} and block {}: one to three axes expected", tensor::shape_text(image),
                     tensor::shape_text(block));
  const auto size = product_of(block);
  const auto& x = call.shape(0);
  if (x.size() != 3 || size < 1 || x[1] % size != 0)
    return call.fail(Code::malformed, "columns {} of blocks of {}", tensor::shape_text(x), size);
  const auto channels = x[1] / size;
  if (x[1] * size > 1 << 24) return call.fail(Code::out_of_range, "blocks of {} for {} channels", size, channels);
  Shape columns{x[0], x[1]}, kernel{x[1], 1};
  std::vector<std::int64_t> rest(d);
  for (std::size_t i = 0; i < d; ++i) {
    const auto span = (block[i] - 1) * dilations[i] + 1, room = image[i] + pads[i] + pads[i + d] - span;
    if (strides[i] < 1 || room < 0)
      return call.fail(Code::malformed, "axis {}: a block of {} in an image of {}", i, span, image[i]);
    columns.push_back(room / strides[i] + 1);
    rest[i] = room % strides[i];
    kernel.push_back(block[i]);
  }
  if (onnx::count(columns) != onnx::count(x))
    return call.fail(Code::malformed, "{} columns where the image has {}", x[2], onnx::count(columns) / (x[0] * x[1]));
  Value ones = Value::zeros({call.type(0).element, kernel});
  for (std::int64_t k = 0; k < x[1]; ++k) ones.floats[static_cast<std::size_t>(k * size + k % size)] = 1;
  to.result(
      0,
      to.add(
          "ConvTranspose", {to.reshape(call.input(0), columns), to.constant(std::move(ones))},
          Attributes{
              {"group", channels}, {"strides", strides}, {"dilations", dilations}, {"pads", pads}, {"output_padding", rest}}));
  return {};
}

// CenterCropPad

Status expand_center_crop_pad(const Call& call, Expansion& to) {
  KOINON_TRY(const auto wanted, call.constant_integers(1, "shape"));
  const auto& x = call.shape(0);
  std::vector<std::int64_t> all(x.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::int64_t>(i);
  const auto axes = call.integers("axes", all);
  if (axes.size() != wanted.size()) return call.fail(Code::malformed, "{} sizes for {} axes", wanted.size(), axes.size());
  std::vector<std::int64_t> starts, ends, cut, before(x.size(), 0), after(x.size(), 0);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    KOINON_TRY(const auto axis, call.axis(axes[i], x.size()));
    const auto n = x[axis], m = wanted[i];
    if (m < 1 || m > 1 << 24) return call.fail(Code::out_of_range, "a size of {}", m);
    cut.push_back(static_cast<std::int64_t>(axis));
    starts.push_back(m < n ? (n - m) / 2 : 0);
    ends.push_back(starts.back() + std::min(n, m));
    if (m <= n) continue;
    before[axis] = (m - n) / 2;
    after[axis] = m - n - before[axis];
  }
  int y = axes.empty() ? call.input(0) : to.slice(call.input(0), starts, ends, cut);
  before.insert(before.end(), after.begin(), after.end());
  if (std::ranges::any_of(before, [](auto p) { return p != 0; })) y = to.add("Pad", {y, to.integers(before)});
  to.result(0, axes.empty() ? to.add("Identity", {y}) : y);
  return {};
}

// CumProd

Status expand_cumprod(const Call& call, Expansion& to) {
  constexpr std::int64_t kMost = 4096;
  KOINON_TRY(const auto list, call.constant_integers(1, "axis"));
  if (list.size() != 1) return call.fail(Code::malformed, "{} axes", list.size());
  KOINON_TRY(const auto axis, call.axis(list[0], call.shape(0).size()));
  const auto n = call.shape(0)[axis], at = static_cast<std::int64_t>(axis);
  if (n < 1 || n > kMost) return call.fail(Code::unsupported, "products of {} elements: 1 to {} expected", n, kMost);
  const bool exclusive = call.integer("exclusive", 0) != 0, reverse = call.integer("reverse", 0) != 0;
  Value one = Value::zeros({call.type(0).element, {}});
  (onnx::is_float(one.element) ? void(one.floats[0] = 1) : void(one.ints[0] = 1));
  Shape shape = call.shape(0);
  shape[axis] = 1;
  int total = to.add("Expand", {to.constant(std::move(one)), to.integers(shape)});
  std::vector<int> parts;
  for (std::int64_t k = 0; k < n; ++k) {
    const auto i = reverse ? n - 1 - k : k;
    const int element = to.slice(call.input(0), {i}, {i + 1}, {at});
    if (exclusive) parts.push_back(total);
    total = k == 0 ? element : to.add("Mul", {total, element});
    if (!exclusive) parts.push_back(total);
  }
  if (reverse) std::ranges::reverse(parts);
  to.result(0, to.concat(std::move(parts), at));
  return {};
}

constexpr Operator expands(std::string_view name, std::int64_t opset, std::size_t least, std::size_t most,
                           Status (*expand)(const Call&, Expansion&)) {
  return {name, opset, kNewest, least, most, nullptr, nullptr, nullptr, false, expand};
}

constexpr Operator kOperators[] = {
    expands("AffineGrid", 20, 2, 2, expand_affine_grid), expands("DeformConv", 19, 3, 5, expand_deform_conv),
    expands("Col2Im", 18, 3, 3, expand_col2im), expands("CenterCropPad", 18, 2, 2, expand_center_crop_pad),
    expands("CumProd", 26, 2, 2, expand_cumprod)};

}  // namespace

std::span<const Operator> sampling_operators() { return kOperators; }

}  // namespace koinon::engine::operators
