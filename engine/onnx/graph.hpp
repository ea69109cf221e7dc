#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/tensor/tensor.hpp"

namespace koinon::engine::onnx {

using tensor::Shape;

/// Element types, numbered as TensorProto.DataType is.
enum class Element : std::int32_t {
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  bf16 = 16,
};

/// True for the four floating types.
bool is_float(Element element);
/// "float32", "int64".
std::string_view element_name(Element element);

/// The nearest value that a float type can hold, ties to even; float64 is held as float32.
float rounded(Element element, float value);

/// Type and shape of a value. Unlike a program's, an axis may be empty here (constants that say "nothing").
struct Type {
  Element element = Element::f32;
  Shape shape;
  friend bool operator==(const Type&, const Type&) = default;
};

/// Elements of a shape with axes of 0 or more; saturates at INT64_MAX.
std::int64_t count(const Shape& shape);

/// A double as a whole number, towards zero; saturates, and NaN is 0.
std::int64_t saturate(double value);

/// A tensor of the reference executor. Every float type is held as float32 (float64 is rounded to it), every other type as
/// int64. Invariant: the vector that element selects has count(shape) entries, the other is empty.
struct Value {
  Element element = Element::f32;
  Shape shape;
  std::vector<float> floats;
  std::vector<std::int64_t> ints;

  static Value of_floats(Shape shape, std::vector<float> data) { return {Element::f32, std::move(shape), std::move(data), {}}; }
  static Value of_ints(Shape shape, std::vector<std::int64_t> data, Element element = Element::i64) {
    return {element, std::move(shape), {}, std::move(data)};
  }
  static Value zeros(const Type& type);
  [[nodiscard]] Type type() const { return {element, shape}; }
  [[nodiscard]] std::int64_t size() const { return count(shape); }
  /// One element as a double, whatever the type.
  [[nodiscard]] double real(std::int64_t i) const {
    const auto at = static_cast<std::size_t>(i);
    return is_float(element) ? static_cast<double>(floats[at]) : static_cast<double>(ints[at]);
  }
};

struct Graph;

/// A graph inside a node (a branch of If, the body of Loop or Scan). Values of the graph around it that it reads are
/// captured: value `inner[i]` of the body is value `outer[i]` of the graph that holds the node.
struct Body {
  std::shared_ptr<const Graph> graph;  ///< shared, because an unrolled loop copies its node once an iteration
  std::vector<int> inner;
  std::vector<int> outer;
};

using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>, std::vector<float>,
                               std::vector<std::string>, Value, Body>;

inline constexpr int kAbsent = -1;  ///< an optional input or output that is not there

/// One operator call. Inputs and outputs are numbers of Graph::values.
struct Node {
  std::string name;
  std::string op;  ///< of another domain than ai.onnx: "domain.op", such as "com.microsoft.Gelu"
  std::vector<int> inputs;
  std::vector<int> outputs;
  std::map<std::string, Attribute> attributes;
  std::int64_t opset = 0;  ///< version of the operator set that the node is of; 0: the graph's
};

/// "node 'conv1' (Conv)".
std::string node_text(const Node& node);

/// A value of the graph: what is known of it, and its data when it is constant.
struct ValueInfo {
  std::string name;
  Type type;
  bool typed = false;  ///< type is known
  std::optional<Value> constant;
  /// The value that this one shares its scale with when both are quantised: its like in the first step of an unrolled loop or
  /// recurrent net, so that all steps use one table. Below 0: none.
  int alike = -1;
};

/// Values that a node depends on: its inputs that are there, and what its bodies capture.
std::vector<int> operands(const Node& node);

/// A model: nodes in an order in which every input is made before it is used.
struct Graph {
  std::string name;
  std::int64_t opset = 0;
  std::deque<ValueInfo> values;  ///< a deque: a reference to one stays valid while others are added
  std::vector<Node> nodes;
  std::vector<int> inputs;   ///< values that a run is given
  std::vector<int> outputs;  ///< values that a run returns
};

}  // namespace koinon::engine::onnx
