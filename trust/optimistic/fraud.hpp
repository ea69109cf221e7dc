#pragma once
#include <variant>

#include "engine/program/program.hpp"

namespace koinon::trust::optimistic {

/// What a program's id hashes, and how many items its lists hold (Openings.Program of the contracts).
struct ProgramParts {
  std::uint64_t version = 0;
  base::Hash io, steps, weights, tables;
  std::uint64_t step_count = 0, weight_count = 0, table_count = 0;

  /// keccak256(be64(version) | io | steps | weights | tables).
  [[nodiscard]] base::Hash id() const;
  friend bool operator==(const ProgramParts&, const ProgramParts&) = default;
};

/// Whole leaves of a tensor from number `first` on; the last leaf is as short as the tensor ends. At each level the left
/// sibling, if any, then the right one, if any.
struct Run {
  std::uint64_t first = 0;
  base::Bytes data;
  std::vector<base::Hash> siblings;
  friend bool operator==(const Run&, const Run&) = default;
};

/// A tensor's root in the list that holds it, and runs of its leaves. All empty for a tensor that nobody reads.
struct Opened {
  base::Hash root;
  std::vector<base::Hash> list;  ///< siblings of the root, from the leaf upwards
  std::vector<Run> runs;
  friend bool operator==(const Opened&, const Opened&) = default;
};

/// A step of a proof, and tensors around it (Reading.Part).
struct Part {
  std::uint64_t step = 0;
  base::Bytes step_bytes;
  std::vector<base::Hash> step_siblings;
  /// Of each operand in order; of the first part then of the output, of topk every output. A constant that the first part of
  /// the same step opens need not be opened again.
  std::vector<Opened> opened;
  friend bool operator==(const Part&, const Part&) = default;
};

/// One element of a step does not follow from its operands (Reading.Proof of the contracts). An operand that is inner
/// (engine/program/inner.hpp) is in no trace: nothing of it is opened, and the next part makes the element that is read.
struct ElementProof {
  ProgramParts program;
  std::uint64_t value_count = 0;     ///< of the trace
  std::uint8_t output = 0;           ///< which output of the step
  std::uint64_t index = 0;           ///< of the element in it, row-major
  std::vector<std::uint64_t> hints;  ///< what a counter-example points at
  std::vector<Part> parts;           ///< the step, then those that make inner operands, depth first, in the order of reading
  friend bool operator==(const ElementProof&, const ElementProof&) = default;
};

/// An item of a list of `count` tensor roots.
struct Item {
  std::uint64_t count = 0, index = 0;
  base::Hash root;
  std::vector<base::Hash> siblings;
  friend bool operator==(const Item&, const Item&) = default;
};

/// A step of the program, in its steps root.
struct StepOpening {
  ProgramParts program;
  std::uint64_t number = 0;
  base::Bytes data;
  std::vector<base::Hash> siblings;
  friend bool operator==(const StepOpening&, const StepOpening&) = default;
};

/// An input of the trace is not the order's.
struct InputProof {
  ProgramParts program;
  base::Bytes io;  ///< the program's input and output description
  Item given, traced;
  friend bool operator==(const InputProof&, const InputProof&) = default;
};

/// An output of the claim is not the value of the trace that the program names for it.
struct OutputProof {
  ProgramParts program;
  base::Bytes io;
  Item claimed, traced;
  friend bool operator==(const OutputProof&, const OutputProof&) = default;
};

/// The trace holds another number of values than the program makes.
struct CountProof {
  StepOpening last;
  std::uint64_t count = 0;
  base::Hash top;
  friend bool operator==(const CountProof&, const CountProof&) = default;
};

/// A value of the trace has another length than its shape.
struct LengthProof {
  StepOpening step;
  std::uint8_t output = 0;
  Item traced;
  std::uint64_t size = 0;
  base::Hash top;
  friend bool operator==(const LengthProof&, const LengthProof&) = default;
};

/// The claim has another number of outputs than the program.
struct OutputsProof {
  ProgramParts program;
  base::Bytes io;
  std::uint64_t count = 0;
  base::Hash top;
  friend bool operator==(const OutputsProof&, const OutputsProof&) = default;
};

/// An element of an input lies outside what the program declares: no honest run takes it.
struct RangeProof {
  ProgramParts program;
  base::Bytes io;
  std::uint64_t value_count = 0;  ///< of the trace
  std::uint64_t input = 0;
  std::uint64_t index = 0;  ///< row-major
  Opened opened;            ///< of the input, in the trace
  friend bool operator==(const RangeProof&, const RangeProof&) = default;
};

/// A byte behind the end of a value is not zero.
struct PaddingProof {
  Item traced;
  std::uint64_t size = 0;   ///< bytes of the value
  std::uint64_t index = 0;  ///< of the leaf
  base::Bytes data;         ///< all 1024 bytes of it
  std::vector<base::Hash> siblings;
  friend bool operator==(const PaddingProof&, const PaddingProof&) = default;
};

/// A leaf behind the end of the list of values or outputs is not zero.
struct AbsentProof {
  std::uint8_t tree = 0;  ///< ClaimTree
  std::uint64_t count = 0;
  std::uint64_t index = 0;
  base::Hash leaf;
  std::vector<base::Hash> siblings;
  friend bool operator==(const AbsentProof&, const AbsentProof&) = default;
};

/// A value that the program calls inner has a tree in the trace, or one that it does not has none.
struct InnerProof {
  StepOpening step;
  std::uint8_t output = 0;
  Item traced;
  friend bool operator==(const InnerProof&, const InnerProof&) = default;
};

/// The order has another number of inputs than the program takes: every result of it is false.
struct InputsProof {
  ProgramParts program;
  base::Bytes io;
  std::uint64_t count = 0;
  base::Hash top;
  friend bool operator==(const InputsProof&, const InputsProof&) = default;
};

/// An input of the order has another length than the program takes: every result of it is false.
struct InputLengthProof {
  ProgramParts program;
  base::Bytes io;
  Item given;
  std::uint64_t size = 0;  ///< bytes of the input
  base::Hash top;          ///< of its tree
  friend bool operator==(const InputLengthProof&, const InputLengthProof&) = default;
};

/// What is wrong with a claim. The place in this list is the number of the kind that the contract takes (Types.Fraud).
using Fraud = std::variant<ElementProof, InputProof, OutputProof, CountProof, LengthProof, OutputsProof, RangeProof,
                           PaddingProof, AbsentProof, InnerProof, InputsProof, InputLengthProof>;

/// What a claim says, and what it is about. `inputs` is the order's input root, which is not salted under this check.
struct ClaimRoots {
  base::Hash program, inputs, outputs, trace;
  friend bool operator==(const ClaimRoots&, const ClaimRoots&) = default;
};

inline constexpr std::size_t kMaxProof = 126'976;  ///< bytes of a proof: 128 KiB less what surrounds it in a transaction

}  // namespace koinon::trust::optimistic
