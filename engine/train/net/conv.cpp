#include <algorithm>
#include <cstring>

#include "engine/train/net/op.hpp"
#include "engine/train/net/patches.hpp"

namespace koinon::engine::train {
namespace {

/// Lays `count` planes [height, width] into planes with a border of zeros of `border`, whose middle alone is written.
void frame(const Machine& machine, std::int64_t count, std::int64_t height, std::int64_t width, std::int64_t border,
           const float* from, float* to) {
  const auto wide = width + 2 * border, high = height + 2 * border;
  parallel(machine, (count + 63) / 64, [&](std::int64_t task) {
    for (auto p = task * 64; p < std::min(count, task * 64 + 64); ++p)
      for (std::int64_t y = 0; y < height; ++y)
        std::memcpy(to + (p * high + y + border) * wide + border, from + (p * height + y) * width,
                    static_cast<std::size_t>(width) * sizeof(float));
  });
}

/// y[n, o] = the sum over (c, ky, kx) of w[o, c] under the window, in that order, as a dot product.
class Conv final : public Op {
 public:
  Conv(Window window, std::int64_t groups) : w_(window), groups_(groups) {}
  [[nodiscard]] std::string_view name() const override { return "conv"; }
  [[nodiscard]] Numbers numbers() const override {
    return {{"groups", static_cast<double>(groups_)},
            {"padding", static_cast<double>(w_.padding)},
            {"stride", static_cast<double>(w_.stride)}};
  }

  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    const bool fits = (in.size() == 2 || in.size() == 3) && in[0].size() == 4 && in[1].size() == 4 && groups_ >= 1 &&
                      in[1][1] * groups_ == in[0][1] && in[1][0] % groups_ == 0 &&
                      (in.size() < 3 || in[2] == Shape{in[1][0]}) && in[0][2] + 2 * w_.padding >= in[1][2] &&
                      in[0][3] + 2 * w_.padding >= in[1][3] && w_.stride >= 1 && w_.padding >= 0;
    if (!fits) return wrong_inputs(name(), in, "[n, c, h, w], [o, c / groups, y, x] not larger, and perhaps [o]");
    n_ = in[0][0], c_ = in[0][1], h_ = in[0][2], wd_ = in[0][3], o_ = in[1][0];
    w_.kernel_y = in[1][2], w_.kernel_x = in[1][3];
    const auto high = h_ + 2 * w_.padding, wide = wd_ + 2 * w_.padding;
    s_ = {c_ / groups_,
          high,
          wide,
          w_.kernel_y,
          w_.kernel_x,
          w_.stride,
          (high - w_.kernel_y) / w_.stride + 1,
          (wide - w_.kernel_x) / w_.stride + 1};
    return Shape{n_, o_, s_.out_height, s_.out_width};
  }

  [[nodiscard]] std::uint64_t products() const override { return saturated({n_, o_, s_.depth(), s_.positions()}); }
  /// Both borders, or the columns of a stride for up to 16 threads.
  [[nodiscard]] std::uint64_t scratch() const override {
    const auto framed = w_.padding > 0 ? saturated({n_, c_, s_.plane()}) : 0;
    const auto back = by_turned_filters() ? saturated({n_, o_, turned().plane()})
                                          : saturated({std::min<std::int64_t>(n_, 16), s_.depth(), s_.positions()});
    return framed > UINT64_MAX - back ? UINT64_MAX : framed + back;
  }

  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const float* pictures = with_border(pass.machine, in[0]);
    const auto each = o_ / groups_, depth = s_.depth(), plane = s_.positions();
    for (std::int64_t g = 0; g < groups_; ++g) {
      const Packed filters(pass.machine, Matrix(in[1] + g * each * depth, each, depth, depth, 1));
      parallel(pass.machine, n_, [&](std::int64_t n) {
        product(alone(pass.machine), filters, Patches(pictures + (n * groups_ + g) * s_.channels * s_.plane(), s_),
                {out + (n * o_ + g * each) * plane, plane, in.size() > 2 ? in[2] + g * each : nullptr, nullptr});
      });
    }
  }

  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[1] != nullptr) filter_gradient(pass.machine, in[0], dy, d_in[1]);
    if (d_in.size() > 2 && d_in[2] != nullptr) bias_gradient(pass.machine, dy, d_in[2]);
    if (d_in[0] == nullptr) return;
    if (by_turned_filters())
      picture_gradient(pass.machine, in[1], dy, d_in[0]);
    else
      scattered_gradient(pass.machine, in[1], dy, d_in[0]);
  }

 private:
  [[nodiscard]] bool by_turned_filters() const {
    return w_.stride == 1 && w_.kernel_y == w_.kernel_x && w_.padding < w_.kernel_y;
  }
  /// How the turned filters slide over the gradient of the output.
  [[nodiscard]] Slide turned() const {
    const auto border = w_.kernel_y - 1 - w_.padding;
    return {o_ / groups_, s_.out_height + 2 * border, s_.out_width + 2 * border, w_.kernel_y, w_.kernel_x, 1, h_, wd_};
  }
  const float* with_border(const Machine& machine, const float* x) {
    if (w_.padding == 0) return x;
    if (framed_.empty()) framed_.assign(static_cast<std::size_t>(n_ * c_ * s_.plane()), 0.0F);
    frame(machine, n_ * c_, h_, wd_, w_.padding, x, framed_.data());
    return framed_.data();
  }

  /// dw[o, (c, ky, kx)] = the dot product over pictures and positions. The border was laid by forward.
  void filter_gradient(const Machine& machine, const float* x, const float* dy, float* dw) const {
    const float* pictures = w_.padding == 0 ? x : framed_.data();
    const auto each = o_ / groups_, plane = s_.positions();
    for (std::int64_t g = 0; g < groups_; ++g)
      product(machine, Planes(dy + g * each * plane, each, plane, n_, o_ * plane),
              PatchColumns(pictures + g * s_.channels * s_.plane(), n_, c_ * s_.plane(), s_),
              {dw + g * each * s_.depth(), s_.depth()});
  }

  /// db[o] = the sums of the planes of o, one after another.
  void bias_gradient(const Machine& machine, const float* dy, float* db) const {
    const auto& l = lanes(machine);
    const auto plane = s_.positions();
    parallel(machine, o_, [&](std::int64_t o) {
      float total = 0;
      for (std::int64_t n = 0; n < n_; ++n) {
        const float part = l.sum(plane, dy + (n * o_ + o) * plane);
        total = n == 0 ? part : total + part;
      }
      db[o] = total;
    });
  }

  /// Stride 1: a convolution of dy with the turned filters, dot products over (o, ky, kx).
  void picture_gradient(const Machine& machine, const float* w, const float* dy, float* dx) {
    const auto each = o_ / groups_, area = w_.kernel_y * w_.kernel_x, border = w_.kernel_y - 1 - w_.padding;
    const auto s = turned();
    const float* framed = dy;
    if (border > 0) {
      if (gradient_.empty()) gradient_.assign(static_cast<std::size_t>(n_ * o_ * s.plane()), 0.0F);
      frame(machine, n_ * o_, s_.out_height, s_.out_width, border, dy, gradient_.data());
      framed = gradient_.data();
    }
    std::vector<float> filters_turned(static_cast<std::size_t>(s_.channels * each * area));
    for (std::int64_t g = 0; g < groups_; ++g) {
      for (std::int64_t o = 0; o < each; ++o)
        for (std::int64_t c = 0; c < s_.channels; ++c)
          for (std::int64_t k = 0; k < area; ++k)
            filters_turned[static_cast<std::size_t>((c * each + o) * area + area - 1 - k)] =
                w[((g * each + o) * s_.channels + c) * area + k];
      const Packed filters(machine, Matrix(filters_turned.data(), s_.channels, each * area, each * area, 1));
      parallel(machine, n_, [&](std::int64_t n) {
        product(alone(machine), filters, Patches(framed + (n * groups_ + g) * each * s.plane(), s),
                {dx + (n * groups_ + g) * s_.channels * h_ * wd_, h_ * wd_});
      });
    }
  }

  /// Other strides: dot products over o for every (c, ky, kx) and position, added to the picture in that order.
  void scattered_gradient(const Machine& machine, const float* w, const float* dy, float* dx) const {
    const auto each = o_ / groups_, depth = s_.depth(), plane = s_.positions();
    for (std::int64_t g = 0; g < groups_; ++g) {
      const Packed filters(machine, Matrix(w + g * each * depth, depth, each, 1, depth));
      parallel(machine, n_, [&](std::int64_t n) {
        std::vector<float> columns(static_cast<std::size_t>(depth * plane));
        product(alone(machine), filters, Matrix(dy + (n * o_ + g * each) * plane, plane, each, 1, plane),
                {columns.data(), plane});
        float* to = dx + (n * groups_ + g) * s_.channels * h_ * wd_;
        std::fill(to, to + s_.channels * h_ * wd_, 0.0F);
        for (std::int64_t k = 0; k < depth; ++k) scatter(columns.data() + k * plane, k, to);
      });
    }
  }

  void scatter(const float* column, std::int64_t k, float* picture) const {
    const auto area = w_.kernel_y * w_.kernel_x;
    const auto channel = k / area, ky = k % area / w_.kernel_x, kx = k % w_.kernel_x;
    for (std::int64_t y = 0; y < s_.out_height; ++y) {
      const auto row = y * w_.stride + ky - w_.padding;
      if (row < 0 || row >= h_) continue;
      for (std::int64_t x = 0; x < s_.out_width; ++x) {
        const auto at = x * w_.stride + kx - w_.padding;
        if (at < 0 || at >= wd_) continue;
        float& to = picture[(channel * h_ + row) * wd_ + at];
        to = to + column[y * s_.out_width + x];
      }
    }
  }

  Window w_;
  std::int64_t groups_, n_ = 0, c_ = 0, h_ = 0, wd_ = 0, o_ = 0;
  Slide s_;
  std::vector<float> framed_, gradient_;  ///< input and output gradient with their borders
};

}  // namespace

std::unique_ptr<Op> make_conv(Window window, std::int64_t groups) { return std::make_unique<Conv>(window, groups); }

}  // namespace koinon::engine::train
