#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/train/arith/product.hpp"
#include "engine/train/net/op.hpp"

namespace koinon::engine::train {
namespace {

/// For each picture n and head h: softmax(q k^T / sqrt(d)) v. Queries, keys and values stand one behind the other in the last
/// axis, heads within each. Causal: position i sees 0 to i.
class Attention final : public Op {
 public:
  Attention(std::int64_t heads, bool causal) : heads_(heads), causal_(causal) {}
  [[nodiscard]] std::string_view name() const override { return "attention"; }
  [[nodiscard]] Numbers numbers() const override {
    return {{"causal", causal_ ? 1.0 : 0.0}, {"heads", static_cast<double>(heads_)}};
  }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    const bool fits = in.size() == 1 && in[0].size() == 3 && heads_ >= 1 && in[0][2] % (3 * heads_) == 0;
    if (!fits) return wrong_inputs(name(), in, "[n, t, 3 d], d a multiple of the heads");
    n_ = in[0][0], t_ = in[0][1], d_ = in[0][2] / 3, width_ = d_ / heads_;
    scale_ = 1.0F / std::sqrt(static_cast<float>(width_));
    return Shape{n_, t_, d_};
  }

  [[nodiscard]] std::uint64_t products() const override { return saturated({2, n_, d_, t_, t_}); }
  /// The shares of every head, and their gradients for up to 16 threads.
  [[nodiscard]] std::uint64_t scratch() const override {
    return saturated({n_ * heads_ + std::min<std::int64_t>(n_ * heads_, 16), t_, t_});
  }

  void forward(const Pass& pass, const Arrays& in, float* out) override {
    shares_.resize(static_cast<std::size_t>(n_ * heads_ * t_ * t_));
    const auto m = alone(pass.machine);
    const auto& l = lanes(m);
    parallel(pass.machine, n_ * heads_, [&](std::int64_t task) {
      const float* q = in[0] + query(task);
      float* p = shares(task);
      product(m, Matrix(q, t_, width_, 3 * d_, 1), Matrix(q + d_, t_, width_, 3 * d_, 1), {p, t_});
      for (std::int64_t i = 0; i < t_; ++i) {
        const auto seen = causal_ ? i + 1 : t_;
        l.scale(seen, scale_, p + i * t_, p + i * t_);
        l.softmax(seen, p + i * t_, p + i * t_);
        std::fill(p + i * t_ + seen, p + (i + 1) * t_, 0.0F);
      }
      product(m, Matrix(p, t_, t_, t_, 1), Matrix(q + 2 * d_, width_, t_, 1, 3 * d_), {out + result(task), d_});
    });
  }

  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] == nullptr) return;
    const auto m = alone(pass.machine);
    const auto& l = lanes(m);
    parallel(pass.machine, n_ * heads_, [&](std::int64_t task) {
      const float *q = in[0] + query(task), *k = q + d_, *v = q + 2 * d_, *d_out = dy + result(task);
      float* dq = d_in[0] + query(task);
      const float* p = shares(task);
      std::vector<float> ds(static_cast<std::size_t>(t_ * t_));
      product(m, Matrix(d_out, t_, width_, d_, 1), Matrix(v, t_, width_, 3 * d_, 1), {ds.data(), t_});
      for (std::int64_t i = 0; i < t_; ++i) {
        float* row = ds.data() + i * t_;
        const auto seen = causal_ ? i + 1 : t_;
        l.softmax_slope(seen, p + i * t_, row, row);
        l.scale(seen, scale_, row, row);
        std::fill(row + seen, row + t_, 0.0F);
      }
      product(m, Matrix(ds.data(), t_, t_, t_, 1), Matrix(k, width_, t_, 1, 3 * d_), {dq, 3 * d_});
      product(m, Matrix(ds.data(), t_, t_, 1, t_), Matrix(q, width_, t_, 1, 3 * d_), {dq + d_, 3 * d_});
      product(m, Matrix(p, t_, t_, 1, t_), Matrix(d_out, width_, t_, 1, d_), {dq + 2 * d_, 3 * d_});
    });
  }

 private:
  [[nodiscard]] std::int64_t query(std::int64_t task) const { return task / heads_ * t_ * 3 * d_ + task % heads_ * width_; }
  [[nodiscard]] std::int64_t result(std::int64_t task) const { return task / heads_ * t_ * d_ + task % heads_ * width_; }
  [[nodiscard]] float* shares(std::int64_t task) { return shares_.data() + task * t_ * t_; }

  std::int64_t heads_;
  bool causal_;
  std::int64_t n_ = 0, t_ = 0, d_ = 0, width_ = 0;
  float scale_ = 1;
  std::vector<float> shares_;
};

/// Rows of a table by number. A row's gradient is the sum over its uses, in order.
class Embedding final : public Op {
 public:
  [[nodiscard]] std::string_view name() const override { return "embedding"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    if (in.size() != 2 || in[1].size() != 2) return wrong_inputs(name(), in, "[..] and [words, width]");
    words_ = in[1][0], width_ = in[1][1], count_ = tensor::element_count(in[0]);
    auto shape = in[0];
    shape.push_back(width_);
    return shape;
  }
  void forward(const Pass&, const Arrays& in, float* out) override {
    for (std::int64_t i = 0; i < count_; ++i)
      std::memcpy(out + i * width_, in[1] + word(in[0][i]) * width_, static_cast<std::size_t>(width_) * sizeof(float));
  }
  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[1] == nullptr) return;
    const auto& l = lanes(pass.machine);
    std::fill(d_in[1], d_in[1] + words_ * width_, 0.0F);
    for (std::int64_t i = 0; i < count_; ++i) l.add_to(width_, dy + i * width_, d_in[1] + word(in[0][i]) * width_);
  }

 private:
  /// Data is checked before it gets here; a number beyond the table would read other memory.
  [[nodiscard]] std::int64_t word(float value) const {
    KOINON_INVARIANT(value >= 0 && value < static_cast<float>(words_));
    return static_cast<std::int64_t>(value);
  }

  std::int64_t words_ = 0, width_ = 0, count_ = 0;
};

/// The mean over axis 1, added in order.
class MeanTokens final : public Op {
 public:
  [[nodiscard]] std::string_view name() const override { return "mean_tokens"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    if (in.size() != 1 || in[0].size() != 3) return wrong_inputs(name(), in, "[n, t, d]");
    n_ = in[0][0], t_ = in[0][1], d_ = in[0][2];
    return Shape{n_, d_};
  }
  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    for (std::int64_t n = 0; n < n_; ++n) {
      l.column_sums(t_, d_, d_, in[0] + n * t_ * d_, out + n * d_);
      l.scale(d_, 1.0F / static_cast<float>(t_), out + n * d_, out + n * d_);
    }
  }
  void backward(const Pass& pass, const Arrays&, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] == nullptr) return;
    const auto& l = lanes(pass.machine);
    for (std::int64_t i = 0; i < n_ * t_; ++i) l.scale(d_, 1.0F / static_cast<float>(t_), dy + i / t_ * d_, d_in[0] + i * d_);
  }

 private:
  std::int64_t n_ = 0, t_ = 0, d_ = 0;
};

}  // namespace

std::unique_ptr<Op> make_attention(std::int64_t heads, bool causal) { return std::make_unique<Attention>(heads, causal); }
std::unique_ptr<Op> make_embedding() { return std::make_unique<Embedding>(); }
std::unique_ptr<Op> make_mean_tokens() { return std::make_unique<MeanTokens>(); }

}  // namespace koinon::engine::train
