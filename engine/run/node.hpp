#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/kernels/context.hpp"
#include "engine/program/bounds.hpp"
#include "engine/run/packs.hpp"

namespace koinon::engine::run {

/// Where the tensors of one run lie.
class Frame {
 public:
  virtual ~Frame() = default;
  [[nodiscard]] virtual const std::uint8_t* read(program::Ref ref) const = 0;
  [[nodiscard]] virtual std::uint8_t* write(std::size_t value) const = 0;
  kernels::Context context;
  std::uint8_t* scratch = nullptr;  ///< as many bytes as the node asked for, aligned to 64, and 64 more
};

/// One piece of work of a prepared program: a step, or several that are done at once. Its tables and packed weights are made
/// with it; a run changes nothing in it, so that several may run at the same time.
class Node {
 public:
  Node() = default;
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;
  virtual ~Node() = default;

  /// Errors: those of a step's `admit`.
  [[nodiscard]] virtual base::Status run(const Frame& frame) const = 0;

  std::vector<program::Ref> reads;  ///< values and constants
  std::vector<std::size_t> writes;  ///< values
  std::size_t scratch = 0;          ///< bytes
  std::size_t own_bytes = 0;        ///< of packed weights and tables
  std::size_t last_step = 0;        ///< the last of the steps that it does
};

using NodePtr = std::unique_ptr<Node>;

/// A value that lies inside another's bytes, or in bytes of its own.
struct View {
  std::size_t value = 0;
  std::size_t offset = 0;
};

/// What is known when nodes are made. Ranges hold for every run; they may be wider than the proved ones.
struct Making {
  const program::Program& program;
  kernels::Isa isa;
  std::vector<program::Range> ranges;  ///< one a value
  std::vector<View> views;             ///< one a value, those of the steps before; never a view of a view
  Packs* packs = nullptr;              ///< where packed weights are shared; null to keep them to oneself
  bool every = false;                  ///< every value of the trace is written, those inside joined steps too

  /// True when a step's output has to be written although a step that is joined with it is all that reads it. It has one.
  [[nodiscard]] bool writes_sums(const program::Step& step) const { return every && !step.inner; }

  /// Of a value or a constant.
  [[nodiscard]] program::Range range_of(program::Ref ref) const;
};

/// A step by its own rule.
NodePtr step_node(const Making& making, std::size_t step);
/// A matmul or conv by constant i8 or i16 weights into i32, or (with AVX-512) of i16 by i16 into i64, and, when `requantise` is
/// not null, that step after it. Null when they are of another kind.
NodePtr product_node(const Making& making, std::size_t step, const program::Step* requantise);
/// The same for a conv with one filter a channel.
NodePtr depthwise_node(const Making& making, std::size_t step, const program::Step* requantise);

}  // namespace koinon::engine::run
