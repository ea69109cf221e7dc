#include "engine/train/arith/product.hpp"
#include "engine/train/net/op.hpp"

namespace koinon::engine::train {
namespace {

/// y = x w^T + b over the last axis.
class Linear final : public Op {
 public:
  [[nodiscard]] std::string_view name() const override { return "linear"; }

  base::Result<Shape> infer(const std::vector<Shape>& in) override {
    const bool fits = (in.size() == 2 || in.size() == 3) && !in[0].empty() && in[1].size() == 2 && in[0].back() == in[1][1] &&
                      (in.size() < 3 || in[2] == Shape{in[1][0]});
    if (!fits) return wrong_inputs(name(), in, "[.., in], [out, in] and perhaps [out]");
    in_ = in[1][1], out_ = in[1][0];
    rows_ = tensor::element_count(in[0]) / in_;
    auto shape = in[0];
    shape.back() = out_;
    return shape;
  }

  [[nodiscard]] std::uint64_t products() const override { return saturated({rows_, in_, out_}); }

  void forward(const Pass& pass, const Arrays& in, float* out) override {
    product(pass.machine, Matrix(in[0], rows_, in_, in_, 1), Matrix(in[1], out_, in_, in_, 1),
            {out, out_, nullptr, in.size() > 2 ? in[2] : nullptr});
  }

  void backward(const Pass& pass, const Arrays& in, const float*, const float* dy, const Arrays& d_in) override {
    if (d_in[0] != nullptr)
      product(pass.machine, Matrix(dy, rows_, out_, out_, 1), Matrix(in[1], in_, out_, 1, in_), {d_in[0], in_});
    if (d_in[1] != nullptr)
      product(pass.machine, Matrix(dy, out_, rows_, 1, out_), Matrix(in[0], in_, rows_, 1, in_), {d_in[1], in_});
    if (d_in.size() > 2 && d_in[2] != nullptr) lanes(pass.machine).column_sums(rows_, out_, out_, dy, d_in[2]);
  }

 private:
  std::int64_t rows_ = 0, in_ = 0, out_ = 0;
};

}  // namespace

std::unique_ptr<Op> make_linear() { return std::make_unique<Linear>(); }

}  // namespace koinon::engine::train
