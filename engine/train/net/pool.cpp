#include <algorithm>

#include "engine/train/net/op.hpp"

namespace koinon::engine::train {
namespace {

/// What windows over planes share.
class Pool : public Op {
 public:
  explicit Pool(Window window) : w_(window) {}
  [[nodiscard]] Numbers numbers() const override {
    return {{"kernel_x", static_cast<double>(w_.kernel_x)},
            {"kernel_y", static_cast<double>(w_.kernel_y)},
            {"padding", static_cast<double>(w_.padding)},
            {"stride", static_cast<double>(w_.stride)}};
  }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    const bool fits = in.size() == 1 && in[0].size() == 4 && in[0][2] + 2 * w_.padding >= w_.kernel_y &&
                      in[0][3] + 2 * w_.padding >= w_.kernel_x && w_.stride >= 1 && w_.padding >= 0 &&
                      w_.padding < std::min(w_.kernel_x, w_.kernel_y);
    if (!fits) return wrong_inputs(name(), in, "[n, c, h, w] not smaller than the window");
    planes_ = in[0][0] * in[0][1], h_ = in[0][2], wd_ = in[0][3];
    oh_ = (h_ + 2 * w_.padding - w_.kernel_y) / w_.stride + 1;
    ow_ = (wd_ + 2 * w_.padding - w_.kernel_x) / w_.stride + 1;
    return Shape{in[0][0], in[0][1], oh_, ow_};
  }

 protected:
  static constexpr std::int64_t kPlanes = 32;  // in one task
  template <class F>
  void each_plane(const Machine& machine, F&& body) const {
    parallel(machine, (planes_ + kPlanes - 1) / kPlanes, [&](std::int64_t task) {
      for (auto p = task * kPlanes; p < std::min(planes_, (task + 1) * kPlanes); ++p) body(p);
    });
  }

  Window w_;
  std::int64_t planes_ = 0, h_ = 0, wd_ = 0, oh_ = 0, ow_ = 0;
};

/// The largest under the window, the first of equals; the border takes no part.
class MaxPool final : public Pool {
 public:
  using Pool::Pool;
  [[nodiscard]] std::string_view name() const override { return "max_pool"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    KOINON_TRY(auto shape, Pool::infer(in));
    best_.resize(static_cast<std::size_t>(tensor::element_count(shape)));
    return shape;
  }

  void forward(const Pass& pass, const Arrays& in, float* out) override {
    each_plane(pass.machine, [&](std::int64_t p) {
      const float* x = in[0] + p * h_ * wd_;
      for (std::int64_t y = 0; y < oh_; ++y)
        for (std::int64_t at = 0; at < ow_; ++at) {
          const auto to = (p * oh_ + y) * ow_ + at;
          const auto best = find(x, y * w_.stride - w_.padding, at * w_.stride - w_.padding);
          best_[static_cast<std::size_t>(to)] = best;
          out[to] = x[best];
        }
    });
  }

  void backward(const Pass& pass, const Arrays&, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] == nullptr) return;
    each_plane(pass.machine, [&](std::int64_t p) {
      float* dx = d_in[0] + p * h_ * wd_;
      std::fill(dx, dx + h_ * wd_, 0.0F);
      for (auto i = p * oh_ * ow_; i < (p + 1) * oh_ * ow_; ++i) {
        float& to = dx[best_[static_cast<std::size_t>(i)]];
        to = to + dy[i];
      }
    });
  }

 private:
  [[nodiscard]] std::int32_t find(const float* x, std::int64_t top, std::int64_t left) const {
    const auto y0 = std::max<std::int64_t>(top, 0), y1 = std::min(top + w_.kernel_y, h_);
    const auto x0 = std::max<std::int64_t>(left, 0), x1 = std::min(left + w_.kernel_x, wd_);
    auto best = y0 * wd_ + x0;
    float value = x[best];
    for (auto y = y0; y < y1; ++y)
      for (auto i = y * wd_ + x0; i < y * wd_ + x1; ++i) {
        const bool more = x[i] > value;
        best = more ? i : best;
        value = more ? x[i] : value;
      }
    return static_cast<std::int32_t>(best);
  }

  std::vector<std::int32_t> best_;  ///< index within the plane
};

/// The mean under the window: added row by row, times 1 / area.
class AveragePool final : public Pool {
 public:
  using Pool::Pool;
  [[nodiscard]] std::string_view name() const override { return "average_pool"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    if (w_.padding != 0) return wrong_inputs(name(), in, "a window without padding");
    return Pool::infer(in);
  }

  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const float share = 1.0F / static_cast<float>(w_.kernel_y * w_.kernel_x);
    each_plane(pass.machine, [&](std::int64_t p) {
      for (std::int64_t y = 0; y < oh_; ++y)
        for (std::int64_t at = 0; at < ow_; ++at) {
          float total = 0;
          for (std::int64_t ky = 0; ky < w_.kernel_y; ++ky)
            for (std::int64_t kx = 0; kx < w_.kernel_x; ++kx)
              total = total + in[0][(p * h_ + y * w_.stride + ky) * wd_ + at * w_.stride + kx];
          out[(p * oh_ + y) * ow_ + at] = total * share;
        }
    });
  }

  void backward(const Pass& pass, const Arrays&, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] == nullptr) return;
    const float share = 1.0F / static_cast<float>(w_.kernel_y * w_.kernel_x);
    each_plane(pass.machine, [&](std::int64_t p) {
      float* dx = d_in[0] + p * h_ * wd_;
      std::fill(dx, dx + h_ * wd_, 0.0F);
      for (std::int64_t y = 0; y < oh_; ++y)
        for (std::int64_t at = 0; at < ow_; ++at)
          for (std::int64_t ky = 0; ky < w_.kernel_y; ++ky)
            for (std::int64_t kx = 0; kx < w_.kernel_x; ++kx) {
              float& to = dx[(y * w_.stride + ky) * wd_ + at * w_.stride + kx];
              to = to + dy[(p * oh_ + y) * ow_ + at] * share;
            }
    });
  }
};

/// The mean of each plane.
class GlobalAverage final : public Op {
 public:
  [[nodiscard]] std::string_view name() const override { return "global_average"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    if (in.size() != 1 || in[0].size() != 4) return wrong_inputs(name(), in, "[n, c, h, w]");
    planes_ = in[0][0] * in[0][1], plane_ = in[0][2] * in[0][3];
    return Shape{in[0][0], in[0][1]};
  }
  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    for (std::int64_t p = 0; p < planes_; ++p) out[p] = l.sum(plane_, in[0] + p * plane_) / static_cast<float>(plane_);
  }
  void backward(const Pass&, const Arrays&, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] == nullptr) return;
    for (std::int64_t p = 0; p < planes_; ++p)
      std::fill(d_in[0] + p * plane_, d_in[0] + (p + 1) * plane_, dy[p] / static_cast<float>(plane_));
  }

 private:
  std::int64_t planes_ = 0, plane_ = 0;
};

}  // namespace

std::unique_ptr<Op> make_max_pool(Window window) { return std::make_unique<MaxPool>(window); }
std::unique_ptr<Op> make_average_pool(Window window) { return std::make_unique<AveragePool>(window); }
std::unique_ptr<Op> make_global_average() { return std::make_unique<GlobalAverage>(); }

}  // namespace koinon::engine::train
