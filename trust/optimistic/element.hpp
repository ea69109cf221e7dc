#pragma once
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::trust::optimistic {

__extension__ typedef __int128 Wide;  ///< what the contract does in 256 bits: no sum or product of a step leaves it

/// An element of a step's output, and what a counter-example about it points at.
struct Element {
  std::uint8_t output = 0;
  std::uint64_t index = 0;  ///< row-major
  std::vector<std::uint64_t> hints;
};

class Tensors;

/// The step that makes an inner operand, and the tensors around it: its operands.
struct Maker {
  const engine::program::Step* step;
  Tensors* around;
};

/// The tensors around a step: its operands in order, then the output named; of topk every output.
class Tensors {
 public:
  Tensors() = default;
  Tensors(const Tensors&) = delete;
  Tensors& operator=(const Tensors&) = delete;
  virtual ~Tensors() = default;
  /// `length` bytes from `from` on, valid while the object lives. Errors: whatever the tensors are read from.
  virtual base::Result<base::ByteView> bytes(std::size_t tensor, std::uint64_t from, std::uint64_t length) = 0;
  /// Whether elements of an operand are recomputed, as it is inner, and not read.
  [[nodiscard]] virtual bool is_made(std::size_t operand) const = 0;
  /// What makes such an operand. Asked once for each element of it: each is a part of a proof. Errors: those of `bytes`.
  virtual base::Result<Maker> maker(std::size_t operand) = 0;
};

/// Whether the element that the tensors hold is not what the step gives: the twin of ElementCheck.refutes, kind by kind. What
/// it reads of the tensors is what a proof has to open. Precondition: a step of a valid program. Errors: out_of_range (no such
/// element, a hint or an operand that has no place, an inner element beyond its type, which no run has), those of `tensors`.
base::Result<bool> element_differs(const engine::program::Step& step, const Element& element, Tensors& tensors);

/// The tensors that a proof about this output of a step opens: number, in the order of Tensors.
std::vector<engine::program::TensorInfo> tensors_of(const engine::program::Step& step, std::uint8_t output);
/// Where each comes from.
std::vector<engine::program::Ref> refs_of(const engine::program::Step& step, std::uint8_t output);

}  // namespace koinon::trust::optimistic
