#pragma once
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/tensor/tensor.hpp"
#include "engine/train/arith/parallel.hpp"

namespace koinon::engine::train {

using tensor::Shape;

/// Sees what operators compute while a pass goes through a graph: the values themselves, which it may look into or, to play a
/// provider that cheats, change.
class Tap {
 public:
  virtual ~Tap() = default;
  /// After node number `node` was computed: its output.
  virtual void forward(std::size_t node, float* out, std::size_t count) = 0;
  /// After its gradients were: that of input number `input`, as this use alone gives it.
  virtual void gradient(std::size_t node, std::size_t input, float* gradient, std::size_t count) = 0;
};

/// One pass through a graph.
struct Pass {
  Machine machine;
  bool training = true;    ///< dropout drops, batch norm takes the batch's own mean and moves the running one
  std::uint64_t seed = 0;  ///< of the run; dropout draws from it
  std::uint64_t step = 0;  ///< number of the training step
  Tap* tap = nullptr;      ///< sees every value; none when absent
};

/// An operator with its derivative. Shapes are fixed by `infer`, which is called once, before everything else; sizes of a
/// configuration come with the constructor. Values are float32 in row-major order; whole numbers (tokens, labels) too.
class Op {
 public:
  using Arrays = std::vector<float*>;
  using Numbers = std::map<std::string, double>;

  virtual ~Op() = default;
  Op() = default;
  Op(const Op&) = delete;
  Op& operator=(const Op&) = delete;

  /// Word of the operator, part of commitments and of the table in docs/work/training.md.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// Its configuration, part of commitments and what an export reads.
  [[nodiscard]] virtual Numbers numbers() const { return {}; }
  /// Shape of the output. Errors: invalid_argument naming the operator and the shapes.
  virtual base::Result<Shape> infer(const std::vector<Shape>& in) = 0;
  /// Multiply-adds of one forward pass in products, and elements kept beside the output; known after infer. Saturated.
  [[nodiscard]] virtual std::uint64_t products() const { return 0; }
  [[nodiscard]] virtual std::uint64_t scratch() const { return 0; }
  /// out = f(in). Only batch norm writes to inputs (its running mean and variance).
  virtual void forward(const Pass& pass, const Arrays& in, float* out) = 0;
  /// d_in[i] = the gradient of input i (overwritten), null where none is wanted. Called after forward of the same pass.
  virtual void backward(const Pass& pass, const Arrays& in, const float* out, const float* d_out, const Arrays& d_in) = 0;
};

/// Sizes of a window that slides over rows and columns.
struct Window {
  std::int64_t kernel_y = 1, kernel_x = 1, stride = 1, padding = 0;
};

// What each computes stands in docs/work/training.md.
std::unique_ptr<Op> make_linear();                                  ///< x [.., in], w [out, in], optional b [out]
std::unique_ptr<Op> make_conv(Window window, std::int64_t groups);  ///< x [n, c, h, w], w [o, c / groups, y, x], optional b [o]
std::unique_ptr<Op> make_max_pool(Window window);                   ///< x [n, c, h, w]
std::unique_ptr<Op> make_average_pool(Window window);               ///< no padding
std::unique_ptr<Op> make_global_average();                          ///< [n, c, h, w] to [n, c]
std::unique_ptr<Op> make_activation(std::string_view name);         ///< relu, gelu, silu, tanh, sigmoid; null for another
std::unique_ptr<Op> make_add();                                     ///< two of one shape, or b [shape of a less its first axes]
std::unique_ptr<Op> make_multiply();                                ///< two of one shape
std::unique_ptr<Op> make_reshape(Shape shape);                      ///< the first axis stays when shape[0] is 0
std::unique_ptr<Op> make_dropout(double share, std::uint32_t place);   ///< `place` keeps dropouts of one net apart
std::unique_ptr<Op> make_layer_norm(double epsilon);                   ///< x [.., n], gain [n], bias [n]
std::unique_ptr<Op> make_batch_norm(double epsilon, double momentum);  ///< x [n, c, ..], gain, bias, running mean, variance [c]
std::unique_ptr<Op> make_embedding();                                  ///< tokens [..], table [words, width]
std::unique_ptr<Op> make_attention(std::int64_t heads, bool causal);   ///< queries, keys, values [n, t, 3 d] to [n, t, d]
std::unique_ptr<Op> make_mean_tokens();                                ///< [n, t, d] to [n, d]
std::unique_ptr<Op> make_cross_entropy();                              ///< logits [.., classes], labels [..] to [1], the mean
std::unique_ptr<Op> make_mean_squared();                               ///< two of one shape to [1]

/// The product of sizes that are not negative, 2^64 - 1 when it is larger.
std::uint64_t saturated(std::initializer_list<std::int64_t> sizes);

/// "[conv] ..." for an operator that is given the wrong inputs.
tl::unexpected<base::Error> wrong_inputs(std::string_view op, const std::vector<Shape>& in, std::string_view expected);

}  // namespace koinon::engine::train
