#include <algorithm>

#include "engine/train/net/op.hpp"

namespace koinon::engine::train {
namespace {

/// The mean over rows of log(sum of exp(logits)) - logit of the label.
class CrossEntropy final : public Op {
 public:
  [[nodiscard]] std::string_view name() const override { return "cross_entropy"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    bool fits = in.size() == 2 && !in[0].empty();
    if (fits) fits = in[1] == Shape(in[0].begin(), in[0].end() - 1);
    if (!fits) return wrong_inputs(name(), in, "[.., classes] and [..]");
    classes_ = in[0].back(), rows_ = tensor::element_count(in[1]);
    shares_.resize(static_cast<std::size_t>(rows_ * classes_));
    losses_.resize(static_cast<std::size_t>(rows_));
    return Shape{1};
  }
  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    const auto step = std::max<std::int64_t>(1, kChunk / classes_);
    parallel(pass.machine, (rows_ + step - 1) / step, [&](std::int64_t task) {
      for (auto r = task * step; r < std::min(rows_, (task + 1) * step); ++r) {
        const float* x = in[0] + r * classes_;
        losses_[static_cast<std::size_t>(r)] = l.softmax(classes_, x, shares_.data() + r * classes_) - x[label(in[1][r])];
      }
    });
    out[0] = l.sum(rows_, losses_.data()) / static_cast<float>(rows_);
  }
  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] == nullptr) return;
    const auto& l = lanes(pass.machine);
    const float factor = dy[0] / static_cast<float>(rows_);
    for (std::int64_t r = 0; r < rows_; ++r) {
      float* p = shares_.data() + r * classes_;
      float& own = p[label(in[1][r])];
      own = own - 1.0F;
    }
    chunks(pass.machine, rows_ * classes_,
           [&](std::int64_t at, std::int64_t n) { l.scale(n, factor, shares_.data() + at, d_in[0] + at); });
  }

 private:
  [[nodiscard]] std::int64_t label(float value) const {
    KOINON_INVARIANT(value >= 0 && value < static_cast<float>(classes_));
    return static_cast<std::int64_t>(value);
  }

  std::int64_t rows_ = 0, classes_ = 0;
  std::vector<float> shares_, losses_;
};

/// The mean of (a - b)^2.
class MeanSquared final : public Op {
 public:
  [[nodiscard]] std::string_view name() const override { return "mean_squared"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    if (in.size() != 2 || in[0] != in[1]) return wrong_inputs(name(), in, "two of one shape");
    size_ = tensor::element_count(in[0]);
    difference_.resize(static_cast<std::size_t>(size_));
    return Shape{1};
  }
  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    for (std::int64_t i = 0; i < size_; ++i) difference_[static_cast<std::size_t>(i)] = in[0][i] - in[1][i];
    out[0] = l.sum_squares(size_, difference_.data(), 0.0F) / static_cast<float>(size_);
  }
  void backward(const Pass& pass, const Arrays&, const float*, const float* dy, const Arrays& d_in) override {
    const float factor = 2.0F * dy[0] / static_cast<float>(size_);
    for (std::size_t i = 0; i < 2; ++i)
      if (d_in[i] != nullptr) lanes(pass.machine).scale(size_, i == 0 ? factor : -factor, difference_.data(), d_in[i]);
  }

 private:
  std::int64_t size_ = 0;
  std::vector<float> difference_;
};

}  // namespace

std::unique_ptr<Op> make_cross_entropy() { return std::make_unique<CrossEntropy>(); }
std::unique_ptr<Op> make_mean_squared() { return std::make_unique<MeanSquared>(); }

}  // namespace koinon::engine::train
