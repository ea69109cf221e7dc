#include <algorithm>

#include "engine/train/net/op.hpp"

namespace koinon::engine::train {
namespace {

float root_inverse(const Lanes& l, float variance, float epsilon) {
  float x = variance + epsilon;
  l.sqrt(1, &x, &x);
  return 1.0F / x;
}

/// y = (x - mean) / sqrt(variance + epsilon) * gain + bias over the last axis.
class LayerNorm final : public Op {
 public:
  explicit LayerNorm(double epsilon) : epsilon_(static_cast<float>(epsilon)) {}
  [[nodiscard]] std::string_view name() const override { return "layer_norm"; }
  [[nodiscard]] Numbers numbers() const override { return {{"epsilon", static_cast<double>(epsilon_)}}; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    const bool fits = in.size() == 3 && !in[0].empty() && in[1] == Shape{in[0].back()} && in[2] == in[1];
    if (!fits) return wrong_inputs(name(), in, "[.., n], [n], [n]");
    n_ = in[0].back(), rows_ = tensor::element_count(in[0]) / n_;
    mean_.resize(static_cast<std::size_t>(rows_)), scale_.resize(mean_.size());
    return in[0];
  }

  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    each_row(pass.machine, [&](std::int64_t r) {
      const float* x = in[0] + r * n_;
      const float mean = l.sum(n_, x) / static_cast<float>(n_);
      const float scale = root_inverse(l, l.sum_squares(n_, x, mean) / static_cast<float>(n_), epsilon_);
      l.normalise(n_, x, mean, scale, in[1], in[2], out + r * n_);
      mean_[static_cast<std::size_t>(r)] = mean, scale_[static_cast<std::size_t>(r)] = scale;
    });
  }

  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    const auto& l = lanes(pass.machine);
    std::vector<float> gains(d_in[1] != nullptr ? static_cast<std::size_t>(rows_ * n_) : 0);
    each_row(pass.machine, [&](std::int64_t r) {
      const float* x = in[0] + r * n_;
      const float mean = mean_[static_cast<std::size_t>(r)], scale = scale_[static_cast<std::size_t>(r)];
      if (d_in[1] != nullptr) l.gain_slope(n_, x, dy + r * n_, mean, scale, gains.data() + r * n_);
      if (d_in[0] == nullptr) return;
      float* dx = d_in[0] + r * n_;
      std::vector<float> g(static_cast<std::size_t>(n_));
      l.multiply(n_, dy + r * n_, in[1], g.data());
      const auto count = static_cast<float>(n_);
      const float mean_g = l.sum(n_, g.data()) / count;
      const float slope = l.sum_centred(n_, x, g.data(), mean) / count * scale * scale;
      l.normalise_slope(n_, x, g.data(), mean, mean_g, slope, scale, dx);
    });
    if (d_in[1] != nullptr) l.column_sums(rows_, n_, n_, gains.data(), d_in[1]);
    if (d_in[2] != nullptr) l.column_sums(rows_, n_, n_, dy, d_in[2]);
  }

 private:
  template <class F>
  void each_row(const Machine& machine, F&& body) const {
    const auto step = std::max<std::int64_t>(1, kChunk / n_);
    parallel(machine, (rows_ + step - 1) / step, [&](std::int64_t task) {
      for (auto r = task * step; r < std::min(rows_, (task + 1) * step); ++r) body(r);
    });
  }

  float epsilon_;
  std::int64_t rows_ = 0, n_ = 0;
  std::vector<float> mean_, scale_;
};

/// The same over all but axis 1. A channel's sum is that of its planes, one after another.
class BatchNorm final : public Op {
 public:
  BatchNorm(double epsilon, double momentum) : epsilon_(static_cast<float>(epsilon)), momentum_(static_cast<float>(momentum)) {}
  [[nodiscard]] std::string_view name() const override { return "batch_norm"; }
  [[nodiscard]] Numbers numbers() const override {
    return {{"epsilon", static_cast<double>(epsilon_)}, {"momentum", static_cast<double>(momentum_)}};
  }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    bool fits = in.size() == 5 && in[0].size() >= 2;
    for (std::size_t i = 1; fits && i < 5; ++i) fits = in[i] == Shape{in[0][1]};
    if (!fits) return wrong_inputs(name(), in, "[n, c, ..] and four of [c]");
    n_ = in[0][0], c_ = in[0][1], plane_ = tensor::element_count(in[0]) / n_ / c_;
    mean_.resize(static_cast<std::size_t>(c_)), scale_.resize(mean_.size());
    return in[0];
  }

  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    parallel(pass.machine, c_, [&](std::int64_t c) {
      float mean = in[3][c], variance = in[4][c];
      if (pass.training) {
        mean = total([&](const float* x) { return l.sum(plane_, x); }, in[0], c) / count();
        const float squares = total([&](const float* x) { return l.sum_squares(plane_, x, mean); }, in[0], c);
        variance = squares / count();
        const float sample = n_ * plane_ > 1 ? squares / (count() - 1.0F) : variance;
        in[3][c] = in[3][c] + momentum_ * (mean - in[3][c]);
        in[4][c] = in[4][c] + momentum_ * (sample - in[4][c]);
      }
      const float scale = root_inverse(l, variance, epsilon_);
      mean_[static_cast<std::size_t>(c)] = mean, scale_[static_cast<std::size_t>(c)] = scale;
      for (std::int64_t n = 0; n < n_; ++n)
        l.normalise_plane(plane_, in[0] + at(n, c), mean, scale, in[1][c], in[2][c], out + at(n, c));
    });
  }

  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    const auto& l = lanes(pass.machine);
    parallel(pass.machine, c_, [&](std::int64_t c) {
      const float mean = mean_[static_cast<std::size_t>(c)], scale = scale_[static_cast<std::size_t>(c)];
      const float sum = total([&](const float* d) { return l.sum(plane_, d); }, dy, c);
      float centred = 0;
      for (std::int64_t n = 0; n < n_; ++n) {
        const float part = l.sum_centred(plane_, in[0] + at(n, c), dy + at(n, c), mean);
        centred = n == 0 ? part : centred + part;
      }
      if (d_in[1] != nullptr) d_in[1][c] = centred * scale;
      if (d_in[2] != nullptr) d_in[2][c] = sum;
      if (d_in[0] == nullptr) return;
      const float factor = in[1][c] * scale;
      const float mean_dy = pass.training ? sum / count() : 0.0F;
      const float slope = pass.training ? centred / count() * scale * scale : 0.0F;
      for (std::int64_t n = 0; n < n_; ++n)
        l.normalise_slope(plane_, in[0] + at(n, c), dy + at(n, c), mean, mean_dy, slope, factor, d_in[0] + at(n, c));
    });
  }

 private:
  [[nodiscard]] std::int64_t at(std::int64_t n, std::int64_t c) const { return (n * c_ + c) * plane_; }
  [[nodiscard]] float count() const { return static_cast<float>(n_ * plane_); }
  template <class F>
  [[nodiscard]] float total(F&& part, const float* x, std::int64_t c) const {
    float out = part(x + at(0, c));
    for (std::int64_t n = 1; n < n_; ++n) out = out + part(x + at(n, c));
    return out;
  }

  float epsilon_, momentum_;
  std::int64_t n_ = 0, c_ = 0, plane_ = 0;
  std::vector<float> mean_, scale_;
};

}  // namespace

std::unique_ptr<Op> make_layer_norm(double epsilon) { return std::make_unique<LayerNorm>(epsilon); }
std::unique_ptr<Op> make_batch_norm(double epsilon, double momentum) { return std::make_unique<BatchNorm>(epsilon, momentum); }

}  // namespace koinon::engine::train
