#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::engine::program {

using tensor::DType;
using tensor::IntTensor;
using tensor::Shape;

inline constexpr std::uint32_t kFormatVersion = 2;
inline constexpr std::size_t kMaxSteps = 1 << 16;
inline constexpr std::size_t kMaxTensors = 1 << 16;  ///< inputs, outputs, weights or tables, each
inline constexpr std::size_t kMaxOperands = 64;
inline constexpr std::size_t kMaxParams = 64;
inline constexpr std::size_t kMaxText = 4096;  ///< bytes of a name or a metadata text

/// Kinds of step, the closed set. Numbers are in files and hashes: never renumber.
enum class StepKind : std::uint8_t {
  matmul = 1,
  conv = 2,
  add = 3,
  sub = 4,
  mul = 5,
  requantise = 6,
  lookup = 7,
  reduce = 8,
  prefix_sum = 9,
  argmax = 10,
  topk = 11,
  compare = 12,
  select = 13,
  gather = 14,
  scatter = 15,
  divide = 16,
  isqrt = 17,
  shift = 18,
  reshape = 19,
  transpose = 20,
  slice = 21,
  concat = 22,
  pad = 23,
  broadcast = 24,
};

/// Name of a kind such as "matmul"; "unknown" for a number outside the set.
std::string_view step_name(StepKind kind);

/// Where an operand comes from. Numbers are in files and hashes: never renumber.
enum class Source : std::uint8_t {
  value = 0,   ///< a program input, or an output of an earlier step, numbered in the order of the trace
  weight = 1,  ///< Program::weights
  table = 2,   ///< Program::tables
};

/// A tensor of a program: its source in the two upper bits, its index in the lower thirty. Values are numbered inputs first,
/// then each step's outputs in order; that number is also the tensor's place in the trace.
struct Ref {
  std::uint32_t word = 0xffffffff;  ///< the default names nothing

  static constexpr Ref make(Source source, std::size_t index) {
    return Ref{static_cast<std::uint32_t>(source) << 30 | static_cast<std::uint32_t>(index)};
  }
  static constexpr Ref value(std::size_t index) { return make(Source::value, index); }
  [[nodiscard]] constexpr Source source() const { return static_cast<Source>(word >> 30); }
  [[nodiscard]] constexpr std::size_t index() const { return word & 0x3fffffff; }
  friend bool operator==(const Ref&, const Ref&) = default;
};

/// Type and shape of a tensor.
struct TensorInfo {
  DType dtype = DType::i8;
  Shape shape;
  friend bool operator==(const TensorInfo&, const TensorInfo&) = default;
};

/// What one unit of an integer is worth: mantissa * 2^exponent, exactly. Canonical: the mantissa is odd and in [1, 2^31),
/// the exponent in [-512, 512].
struct Scale {
  std::int32_t mantissa = 1;
  std::int32_t exponent = 0;

  /// The nearest scale with a mantissa of at most 24 bits, ties to even. Errors: out_of_range unless value is positive and
  /// finite and its exponent fits.
  static base::Result<Scale> from(double value);
  /// The scale as a double, exactly.
  [[nodiscard]] double real() const;
  friend bool operator==(const Scale&, const Scale&) = default;
};

/// A tensor that a run is given. Every element must lie in [low, high], or the run is refused.
struct Input {
  std::string name;
  TensorInfo info;
  Scale scale;
  std::int64_t low = 0;
  std::int64_t high = 0;
  friend bool operator==(const Input&, const Input&) = default;
};

/// A tensor that a run returns. Its type and shape are those of `ref`.
struct Output {
  std::string name;
  Ref ref;  ///< a value
  Scale scale;
  friend bool operator==(const Output&, const Output&) = default;
};

/// One operation. `params` are the kind's numbers in the order that docs/engine.md gives (params.hpp reads and writes them).
/// Shapes of operands and outputs are repeated in the step, so that one opened step tells a contract all it needs.
struct Step {
  StepKind kind = StepKind::reshape;
  std::vector<Ref> operands;
  std::vector<TensorInfo> operand_infos;
  std::uint32_t first_output = 0;  ///< value number of outputs[0]
  std::vector<TensorInfo> outputs;
  std::vector<std::int64_t> params;
  bool inner = false;  ///< its output is in no trace (inner.hpp)
  friend bool operator==(const Step&, const Step&) = default;
};

/// A constant: what is public about it, and its data unless the weights are hidden.
struct Constant {
  TensorInfo info;
  base::Hash root;   ///< tensor_root of the data
  base::Bytes data;  ///< empty when hidden
  friend bool operator==(const Constant&, const Constant&) = default;
};

/// For people; in the file, but not part of the id, which names what is computed.
struct Metadata {
  std::string name;
  std::string author;
  std::string licence;      ///< SPDX expression
  std::string description;  ///< free text
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

/// An exact integer program. Values are made by Builder (builder.hpp) or decode; both return only valid ones:
///   1. operands refer to inputs, constants or outputs of earlier steps; every constant is used;
///   2. every step's shapes, types and params satisfy its kind's rule;
///   3. with weights present, no tensor can leave the range of its type, whatever the inputs (analyse in bounds.hpp);
///   4. Step::inner is what inner.hpp says of each step.
struct Program {
  std::uint32_t version = kFormatVersion;
  Metadata metadata;
  std::vector<Input> inputs;
  std::vector<Output> outputs;
  std::vector<Step> steps;
  std::vector<Constant> weights;
  std::vector<Constant> tables;  ///< always with data

  /// False when the program is a public description whose weights are hidden.
  [[nodiscard]] bool has_weights() const;
  /// Inputs and step outputs together: the length of the list behind the trace root.
  [[nodiscard]] std::size_t value_count() const;
  friend bool operator==(const Program&, const Program&) = default;
};

/// The five parts of a program's id.
struct Roots {
  base::Hash io;       ///< keccak256 of the input and output description
  base::Hash steps;    ///< list_root(Domain::steps, keccak256 of each step's canonical bytes)
  base::Hash weights;  ///< list_root(Domain::weights, tensor roots)
  base::Hash tables;   ///< list_root(Domain::tables, tensor roots)
  base::Hash id;       ///< keccak256(be64(version) | io | steps | weights | tables), 136 bytes
};

Roots roots(const Program& program);
/// roots(program).id.
base::Hash program_id(const Program& program);

/// Canonical bytes of a step, the item that the steps root commits to (layout in encode.cpp and docs/engine.md).
base::Bytes encode_step(const Step& step);
/// Canonical bytes of the input and output description.
base::Bytes encode_io(const Program& program);
/// Canonical bytes of a `.koinon` file. With `with_weights` false, or when they are absent, the public description.
base::Bytes encode(const Program& program, bool with_weights = true);
/// Reads a `.koinon` file that nobody vouches for, and validates it whole. encode(decode(b)) == b. Errors: malformed,
/// out_of_range, unsupported, each naming the step.
base::Result<Program> decode(base::ByteView bytes);
/// Checks what Program promises. Errors: malformed, out_of_range, unsupported, each naming the step.
base::Status validate(const Program& program);
/// Multiplications, or element operations where a step has none, of one run; for metering. Saturates.
std::uint64_t operation_count(const Program& program);

}  // namespace koinon::engine::program
