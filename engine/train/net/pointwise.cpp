#include <algorithm>
#include <cstring>

#include "engine/train/arith/generator.hpp"
#include "engine/train/net/op.hpp"

namespace koinon::engine::train {
namespace {

struct Activation {
  std::string_view name;
  Lanes::Map Lanes::* map;
  Lanes::Slope Lanes::* slope;
};
constexpr Activation kActivations[] = {{"relu", &Lanes::relu, &Lanes::relu_slope},
                                       {"gelu", &Lanes::gelu, &Lanes::gelu_slope},
                                       {"silu", &Lanes::silu, &Lanes::silu_slope},
                                       {"tanh", &Lanes::tanh, &Lanes::tanh_slope},
                                       {"sigmoid", &Lanes::sigmoid, &Lanes::sigmoid_slope}};

class Activate final : public Op {
 public:
  explicit Activate(const Activation& which) : which_(which) {}
  [[nodiscard]] std::string_view name() const override { return which_.name; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    if (in.size() != 1) return wrong_inputs(name(), in, "one");
    size_ = tensor::element_count(in[0]);
    return in[0];
  }
  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto map = lanes(pass.machine).*which_.map;
    chunks(pass.machine, size_, [&](std::int64_t at, std::int64_t n) { map(n, in[0] + at, out + at); });
  }
  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] == nullptr) return;
    const auto slope = lanes(pass.machine).*which_.slope;
    chunks(pass.machine, size_, [&](std::int64_t at, std::int64_t n) { slope(n, in[0] + at, dy + at, d_in[0] + at); });
  }

 private:
  const Activation& which_;
  std::int64_t size_ = 0;
};

/// a + b; b may lack the first axes of a and is then repeated. Its gradient is the sum over them (blocks of 256).
class Add final : public Op {
 public:
  [[nodiscard]] std::string_view name() const override { return "add"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    const bool fits =
        in.size() == 2 && in[1].size() <= in[0].size() && std::equal(in[1].rbegin(), in[1].rend(), in[0].rbegin());
    if (!fits) return wrong_inputs(name(), in, "two whose last axes are the same");
    inner_ = tensor::element_count(in[1]);
    outer_ = tensor::element_count(in[0]) / inner_;
    return in[0];
  }
  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    if (outer_ == 1) {
      chunks(pass.machine, inner_, [&](std::int64_t at, std::int64_t n) { l.add(n, in[0] + at, in[1] + at, out + at); });
      return;
    }
    parallel(pass.machine, outer_, [&](std::int64_t o) { l.add(inner_, in[0] + o * inner_, in[1], out + o * inner_); });
  }
  void backward(const Pass& pass, const Arrays&, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] != nullptr) std::memcpy(d_in[0], dy, static_cast<std::size_t>(outer_ * inner_) * sizeof(float));
    if (d_in[1] == nullptr) return;
    if (outer_ == 1)
      std::memcpy(d_in[1], dy, static_cast<std::size_t>(inner_) * sizeof(float));
    else
      lanes(pass.machine).column_sums(outer_, inner_, inner_, dy, d_in[1]);
  }

 private:
  std::int64_t outer_ = 0, inner_ = 0;
};

class Multiply final : public Op {
 public:
  [[nodiscard]] std::string_view name() const override { return "multiply"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    if (in.size() != 2 || in[0] != in[1]) return wrong_inputs(name(), in, "two of one shape");
    size_ = tensor::element_count(in[0]);
    return in[0];
  }
  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    chunks(pass.machine, size_, [&](std::int64_t at, std::int64_t n) { l.multiply(n, in[0] + at, in[1] + at, out + at); });
  }
  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    const auto& l = lanes(pass.machine);
    for (std::size_t i = 0; i < 2; ++i)
      if (d_in[i] != nullptr)
        chunks(pass.machine, size_,
               [&](std::int64_t at, std::int64_t n) { l.multiply(n, dy + at, in[1 - i] + at, d_in[i] + at); });
  }

 private:
  std::int64_t size_ = 0;
};

class Reshape final : public Op {
 public:
  explicit Reshape(Shape shape) : shape_(std::move(shape)) {}
  [[nodiscard]] std::string_view name() const override { return "reshape"; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    auto shape = shape_;
    if (in.size() == 1 && !shape.empty() && !in[0].empty() && shape[0] == 0) shape[0] = in[0][0];
    if (in.size() != 1 || !tensor::check_shape(shape) || tensor::element_count(shape) != tensor::element_count(in[0]))
      return wrong_inputs(name(), in, "as many elements as " + tensor::shape_text(shape));
    bytes_ = static_cast<std::size_t>(tensor::element_count(shape)) * sizeof(float);
    return shape;
  }
  void forward(const Pass&, const Arrays& in, float* out) override { std::memcpy(out, in[0], bytes_); }
  void backward(const Pass&, const Arrays&, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] != nullptr) std::memcpy(d_in[0], dy, bytes_);
  }

 private:
  Shape shape_;
  std::size_t bytes_ = 0;
};

/// In training each element is dropped (0) with a probability of `share`, the others times 1 / (1 - share). Whether element i
/// is dropped in step s follows from the seed, the place, s and i alone.
class Dropout final : public Op {
 public:
  Dropout(double share, std::uint32_t place) : share_(share), place_(place) {}
  [[nodiscard]] std::string_view name() const override { return "dropout"; }
  [[nodiscard]] Numbers numbers() const override { return {{"place", static_cast<double>(place_)}, {"share", share_}}; }
  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    if (in.size() != 1 || !(share_ >= 0 && share_ < 1)) return wrong_inputs(name(), in, "one, and a share in [0, 1)");
    size_ = tensor::element_count(in[0]);
    mask_.resize(static_cast<std::size_t>(size_));
    return in[0];
  }
  void forward(const Pass& pass, const Arrays& in, float* out) override {
    const auto& l = lanes(pass.machine);
    const auto limit = static_cast<std::uint32_t>(share_ * 0x1p24);
    const auto keep = static_cast<float>(1.0 / (1.0 - share_));
    const Generator generator(pass.seed, Stream::dropout, pass.step << 16 | place_);
    chunks(pass.machine, size_, [&](std::int64_t at, std::int64_t n) {
      float* mask = mask_.data() + at;
      if (!pass.training) {
        std::fill(mask, mask + n, 1.0F);
      } else {
        for (std::int64_t i = 0; i < n; i += 4) {
          const auto words = generator.block(static_cast<std::uint64_t>(at + i) / 4);
          for (std::int64_t j = i; j < std::min(n, i + 4); ++j)
            mask[j] = words[static_cast<std::size_t>(j - i)] >> 8 < limit ? 0.0F : keep;
        }
      }
      l.multiply(n, in[0] + at, mask, out + at);
    });
  }
  void backward(const Pass& pass, const Arrays&, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] == nullptr) return;
    const auto& l = lanes(pass.machine);
    chunks(pass.machine, size_,
           [&](std::int64_t at, std::int64_t n) { l.multiply(n, dy + at, mask_.data() + at, d_in[0] + at); });
  }

 private:
  double share_;
  std::uint32_t place_;
  std::int64_t size_ = 0;
  std::vector<float> mask_;
};

}  // namespace

std::unique_ptr<Op> make_activation(std::string_view name) {
  for (const auto& a : kActivations)
    if (a.name == name) return std::make_unique<Activate>(a);
  return nullptr;
}
std::unique_ptr<Op> make_add() { return std::make_unique<Add>(); }
std::unique_ptr<Op> make_multiply() { return std::make_unique<Multiply>(); }
std::unique_ptr<Op> make_reshape(Shape shape) { return std::make_unique<Reshape>(std::move(shape)); }
std::unique_ptr<Op> make_dropout(double share, std::uint32_t place) { return std::make_unique<Dropout>(share, place); }

}  // namespace koinon::engine::train
