#pragma once
#include "base/hash.hpp"
#include "engine/train/net/op.hpp"

namespace koinon::engine::train {

/// What a value of a graph is. Numbers are in commitments: never renumber.
enum class Role : std::uint8_t {
  input = 1,
  parameter = 2,  ///< trained
  buffer = 3,     ///< state that is not trained: running means
  inner = 4,
};

struct Value {
  std::string name;
  Role role = Role::inner;
  Shape shape;
  std::vector<float> data;
  std::vector<float> gradient;  ///< empty when nothing trained is upstream
};

/// Elements of all values of a graph together; with gradients and what an optimiser remembers 4 GiB at most.
inline constexpr std::int64_t kMaxGraph = std::int64_t{1} << 28;

/// A net: operators in an order in which every input is made before it is used. The batch size is part of the shapes.
class Graph {
 public:
  struct Node {
    std::unique_ptr<Op> op;
    std::vector<int> inputs;
    int output = 0;
  };

  /// At most `elements` in all values and what operators keep beside them; kMaxGraph when nothing is said.
  void limit(std::int64_t elements) { most_ = elements; }
  /// Whether a value of this shape may still be added. Errors: out_of_range, exhausted.
  [[nodiscard]] base::Status room(const Shape& shape) const;
  int input(std::string name, Shape shape);
  /// A parameter of zeros; `trained` false makes a buffer. Precondition for both: room(shape).
  int parameter(std::string name, Shape shape, bool trained = true);
  /// Errors: those of Op::infer; exhausted beyond kMaxGraph.
  base::Result<int> add(std::unique_ptr<Op> op, std::vector<int> inputs);

  [[nodiscard]] Value& value(int id) { return values_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const Value& value(int id) const { return values_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
  [[nodiscard]] int size() const { return static_cast<int>(values_.size()); }
  [[nodiscard]] std::vector<int> with_role(Role role) const;
  /// Values of the parameters together.
  [[nodiscard]] std::int64_t parameter_count() const;

  /// Computes the values of nodes [0, nodes); all by default.
  void forward(const Pass& pass, std::size_t nodes = SIZE_MAX);
  /// Gradients of value `loss`, a single number, after a forward pass. Where a value is used more than once, the gradients of
  /// its uses are added from the last use to the first.
  void backward(const Pass& pass, int loss);

  /// Binds shapes, operators, their configuration and wiring; not the values.
  [[nodiscard]] base::Hash description_root() const;

 private:
  std::vector<Value> values_;
  std::int64_t elements_ = 0;  ///< of all values and scratch, gradients apart
  std::int64_t most_ = kMaxGraph;
  std::vector<Node> nodes_;
};

}  // namespace koinon::engine::train
