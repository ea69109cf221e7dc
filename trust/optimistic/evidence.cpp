#include "trust/optimistic/evidence.hpp"

#include <algorithm>
#include <bit>
#include <deque>

#include "base/hash.hpp"
#include "base/tree.hpp"
#include "engine/program/inner.hpp"
#include "trust/optimistic/demand.hpp"
#include "trust/optimistic/element_reader.hpp"

namespace koinon::trust::optimistic {
namespace {

using base::ByteView;
using base::Domain;
using base::Hash;
using base::Status;
using engine::program::Ref;
using engine::program::Source;

Status check_item(Domain domain, const Hash& root, const Item& item) {
  if (!base::verify_list_item(domain, root, item.root, {item.index, item.count, item.siblings}))
    return fail(Code::rejected, "[fraud] item {} of {} does not open", item.index, item.count);
  return {};
}

Status check_program(const ProgramTrees& program, const ProgramParts& parts) {
  if (parts.id() != program.id()) return fail(Code::rejected, "[fraud] parts of program {}", base::to_hex(parts.id()));
  return {};
}

Status check_step(const ProgramTrees& program, const StepOpening& step) {
  KOINON_CHECK(check_program(program, step.program));
  return check_item(Domain::steps, step.program.steps,
                    {step.program.step_count, step.number, base::keccak256(step.data), step.siblings});
}

Status check_io(const ProgramTrees& program, const ProgramParts& parts, ByteView io) {
  KOINON_CHECK(check_program(program, parts));
  if (base::keccak256(io) != parts.io) return fail(Code::rejected, "[fraud] another input and output description");
  return {};
}

/// The node on top of a tree of this many leaves. Errors: rejected when leaf and siblings do not fit it.
Result<Hash> climb(Domain domain, Hash node, std::uint64_t index, std::uint64_t leaves, const std::vector<Hash>& siblings) {
  const auto depth = leaves == 0 ? 0 : static_cast<unsigned>(std::bit_width(leaves - 1));
  if (siblings.size() != depth || (depth < 64 && index >> depth != 0))
    return fail(Code::rejected, "[fraud] leaf {} with {} siblings: {} expected", index, siblings.size(), depth);
  for (const auto& sibling : siblings) {
    node = (index & 1) != 0 ? base::tree_node_hash(domain, sibling, node) : base::tree_node_hash(domain, node, sibling);
    index >>= 1;
  }
  return node;
}

Status check_runs(const Opened& opened, std::uint64_t size) {
  for (const auto& run : opened.runs) {
    if (run.first > size / base::kLeafSize || run.data.empty()) return fail(Code::rejected, "[fraud] a run of no leaf");
    KOINON_TRY(const auto root,
               base::run_root(Domain::tensor, size, run.first * base::kLeafSize, run.data.size(), {run.data, run.siblings}));
    if (root != opened.root) return fail(Code::rejected, "[fraud] the run from leaf {} on does not open", run.first);
  }
  return {};
}

/// `length` bytes from `from` on, which one run holds.
Result<ByteView> opened_bytes(const Opened& opened, std::uint64_t from, std::uint64_t length) {
  for (const auto& run : opened.runs) {
    const auto first = run.first * base::kLeafSize;
    if (from >= first && from + length <= first + run.data.size()) return ByteView(run.data).subspan(from - first, length);
  }
  return fail(Code::rejected, "[fraud] {} bytes at {} are not opened", length, from);
}

/// The program's step behind an opening. A step root binds its steps, so an opening that verifies names one of them.
Result<const Step*> step_of(const ProgramTrees& program, std::uint64_t number) {
  const auto& steps = program.program().steps;
  if (number >= steps.size()) return fail(Code::rejected, "[fraud] step {} of {}", number, steps.size());
  return &steps[number];
}

/// The parts of a proof, taken one after the other.
class PartsOf {
 public:
  PartsOf(const ProgramTrees& program, const ElementProof& proof, const Hash& trace)
      : program_(program), proof_(proof), trace_(trace) {}

  struct Taken {
    const Step* step;
    const Part* part;
  };
  /// The next part, tied to the program. Errors: rejected (there is none, or no such step).
  Result<Taken> take() {
    if (count_ == proof_.parts.size()) return fail(Code::rejected, "[fraud] {} parts: more are read", count_);
    const auto& part = proof_.parts[count_++];
    KOINON_CHECK(check_step(program_, {proof_.program, part.step, part.step_bytes, part.step_siblings}));
    KOINON_TRY(const auto* step, step_of(program_, part.step));
    return Taken{step, &part};
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] const ElementProof& proof() const { return proof_; }
  [[nodiscard]] const Hash& trace() const { return trace_; }

 private:
  const ProgramTrees& program_;
  const ElementProof& proof_;
  const Hash& trace_;
  std::size_t count_ = 0;
};

/// The tensors that a part opens, each tied to its root when it is first read. An operand of which nothing is opened is made by
/// the next part.
class OpenedTensors final : public Tensors {
 public:
  OpenedTensors(PartsOf& parts, const Part& part, std::vector<TensorInfo> infos, std::vector<Ref> refs)
      : parts_(parts), part_(part), infos_(std::move(infos)), refs_(std::move(refs)), open_(infos_.size()) {}

  Result<ByteView> bytes(std::size_t tensor, std::uint64_t from, std::uint64_t length) override {
    if (!open_[tensor]) {
      KOINON_CHECK(open(tensor));
      open_[tensor] = true;
    }
    return opened_bytes(opened_of(tensor), from, length);
  }

  [[nodiscard]] bool is_made(std::size_t operand) const override {
    return part_.opened[operand].runs.empty() && refs_[operand].source() == Source::value;
  }

  Result<Maker> maker(std::size_t operand) override {
    const auto ref = refs_[operand];
    KOINON_TRY(const auto next, parts_.take());
    const auto& step = *next.step;
    if (!step.inner || step.first_output != ref.index())
      return fail(Code::rejected, "[fraud] step {} does not make inner value {}", next.part->step, ref.index());
    if (next.part->opened.size() != step.operands.size())
      return fail(Code::rejected, "[fraud] {} operands: {} expected", next.part->opened.size(), step.operands.size());
    return Maker{&step, &makers_.emplace_back(parts_, *next.part, step.operand_infos, step.operands)};
  }

 private:
  /// What the part opens of a tensor; of a constant of which it opens nothing what the first part of the same step does.
  [[nodiscard]] const Opened& opened_of(std::size_t tensor) const {
    const auto& own = part_.opened[tensor];
    if (!own.runs.empty() || refs_[tensor].source() == Source::value) return own;
    for (const Part* part = parts_.proof().parts.data(); part != &part_; ++part)
      if (part->step == part_.step) return tensor < part->opened.size() ? part->opened[tensor] : own;
    return own;
  }

  Status open(std::size_t tensor) const {
    const auto& opened = opened_of(tensor);
    KOINON_CHECK(check_root(refs_[tensor], opened));
    return check_runs(opened, elements_of(infos_[tensor]) * width_of(infos_[tensor]));
  }

  [[nodiscard]] Status check_root(Ref ref, const Opened& opened) const {
    const auto item = [&](Domain domain, const Hash& root, std::uint64_t count) {
      return check_item(domain, root, {count, ref.index(), opened.root, opened.list});
    };
    const auto& parts = parts_.proof().program;
    switch (ref.source()) {
      case Source::value: return item(Domain::trace, parts_.trace(), parts_.proof().value_count);
      case Source::weight: return item(Domain::weights, parts.weights, parts.weight_count);
      case Source::table: break;
    }
    return item(Domain::tables, parts.tables, parts.table_count);
  }

  PartsOf& parts_;
  const Part& part_;
  std::vector<TensorInfo> infos_;
  std::vector<Ref> refs_;
  std::vector<bool> open_;
  std::deque<OpenedTensors> makers_;
};

struct Refutation {
  const ProgramTrees& program;
  const ClaimRoots& claim;

  Result<bool> operator()(const ElementProof& p) const {
    KOINON_CHECK(check_program(program, p.program));
    if (p.parts.size() > engine::program::kMostParts) return fail(Code::rejected, "[fraud] {} parts", p.parts.size());
    PartsOf parts(program, p, claim.trace);
    KOINON_TRY(const auto first, parts.take());
    const auto& step = *first.step;
    if (step.inner) return fail(Code::rejected, "[fraud] nothing is claimed about inner value {}", step.first_output);
    if (p.output >= step.outputs.size()) return fail(Code::out_of_range, "[fraud] output {}", p.output);
    OpenedTensors tensors(parts, *first.part, tensors_of(step, p.output), refs_of(step, p.output));
    const auto opened = first.part->opened.size(), expected = tensors_of(step, p.output).size();
    if (opened != expected) return fail(Code::rejected, "[fraud] {} tensors: {} expected", opened, expected);
    KOINON_TRY(const bool wrong, element_differs(step, {p.output, p.index, p.hints}, tensors));
    if (parts.count() != p.parts.size())
      return fail(Code::rejected, "[fraud] {} parts of {} are read", parts.count(), p.parts.size());
    return wrong;
  }
  Result<bool> operator()(const InputProof& p) const {
    KOINON_CHECK(check_io(program, p.program, p.io));
    if (p.given.index >= program.program().inputs.size() || p.traced.index != p.given.index)
      return fail(Code::rejected, "[fraud] input {} against value {}", p.given.index, p.traced.index);
    KOINON_CHECK(check_item(Domain::inputs, claim.inputs, p.given));
    KOINON_CHECK(check_item(Domain::trace, claim.trace, p.traced));
    return p.given.root != p.traced.root;
  }
  Result<bool> operator()(const OutputProof& p) const {
    KOINON_CHECK(check_io(program, p.program, p.io));
    const auto& outputs = program.program().outputs;
    if (p.claimed.index >= outputs.size() || p.traced.index != outputs[p.claimed.index].ref.index())
      return fail(Code::rejected, "[fraud] output {} against value {}", p.claimed.index, p.traced.index);
    KOINON_CHECK(check_item(Domain::outputs, claim.outputs, p.claimed));
    KOINON_CHECK(check_item(Domain::trace, claim.trace, p.traced));
    return p.claimed.root != p.traced.root;
  }
  Result<bool> operator()(const CountProof& p) const {
    KOINON_CHECK(check_step(program, p.last));
    if (p.last.number + 1 != p.last.program.step_count)
      return fail(Code::rejected, "[fraud] step {} is not the last", p.last.number);
    if (base::tree_root_hash(Domain::trace, p.count, p.top) != claim.trace)
      return fail(Code::rejected, "[fraud] the trace does not hold {} values under that node", p.count);
    return p.count != program.program().value_count();
  }
  Result<bool> operator()(const LengthProof& p) const {
    KOINON_CHECK(check_step(program, p.step));
    KOINON_TRY(const auto* step, step_of(program, p.step.number));
    if (p.output >= step->outputs.size() || p.traced.index != step->first_output + p.output)
      return fail(Code::rejected, "[fraud] output {} against value {}", p.output, p.traced.index);
    KOINON_CHECK(check_item(Domain::trace, claim.trace, p.traced));
    if (base::tree_root_hash(Domain::tensor, p.size, p.top) != p.traced.root)
      return fail(Code::rejected, "[fraud] value {} does not hold {} bytes under that node", p.traced.index, p.size);
    const auto& info = step->outputs[p.output];
    return p.size != elements_of(info) * width_of(info);
  }
  Result<bool> operator()(const OutputsProof& p) const {
    KOINON_CHECK(check_io(program, p.program, p.io));
    if (base::tree_root_hash(Domain::outputs, p.count, p.top) != claim.outputs)
      return fail(Code::rejected, "[fraud] the claim does not hold {} outputs under that node", p.count);
    return p.count != program.program().outputs.size();
  }
  Result<bool> operator()(const RangeProof& p) const {
    KOINON_CHECK(check_io(program, p.program, p.io));
    const auto& inputs = program.program().inputs;
    if (p.input >= inputs.size()) return fail(Code::rejected, "[fraud] input {} of {}", p.input, inputs.size());
    const auto& input = inputs[p.input];
    KOINON_CHECK(check_item(Domain::trace, claim.trace, {p.value_count, p.input, p.opened.root, p.opened.list}));
    if (p.index >= elements_of(input.info)) return fail(Code::out_of_range, "[fraud] element {}", p.index);
    const auto width = width_of(input.info);
    KOINON_CHECK(check_runs(p.opened, elements_of(input.info) * width));
    KOINON_TRY(const auto bytes, opened_bytes(p.opened, p.index * width, width));
    const auto x = load(bytes.data(), width);
    return x < input.low || x > input.high;
  }
  Result<bool> operator()(const PaddingProof& p) const {
    KOINON_CHECK(check_item(Domain::trace, claim.trace, p.traced));
    const auto leaves = std::max<std::uint64_t>(1, p.size / base::kLeafSize + (p.size % base::kLeafSize != 0 ? 1 : 0));
    if (p.data.size() != base::kLeafSize) return fail(Code::rejected, "[fraud] {} bytes of a leaf", p.data.size());
    KOINON_TRY(const auto top,
               climb(Domain::tensor, base::byte_leaf_hash(Domain::tensor, p.data), p.index, leaves, p.siblings));
    if (base::tree_root_hash(Domain::tensor, p.size, top) != p.traced.root) return fail(Code::rejected, "[fraud] another leaf");
    const auto before = p.index > p.size / base::kLeafSize ? 0 : p.size - p.index * base::kLeafSize;
    return std::any_of(p.data.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(before, base::kLeafSize)),
                       p.data.end(), [](auto byte) { return byte != 0; });
  }
  Result<bool> operator()(const AbsentProof& p) const {
    const bool values = p.tree == static_cast<std::uint8_t>(ClaimTree::trace);
    const auto domain = values ? Domain::trace : Domain::outputs;
    if (p.index < p.count) return fail(Code::rejected, "[fraud] item {} of {} is not behind the end", p.index, p.count);
    KOINON_TRY(const auto top, climb(domain, p.leaf, p.index, p.count, p.siblings));
    if (base::tree_root_hash(domain, p.count, top) != (values ? claim.trace : claim.outputs))
      return fail(Code::rejected, "[fraud] leaf {} does not open", p.index);
    return !p.leaf.is_zero();
  }
  Result<bool> operator()(const InnerProof& p) const {
    KOINON_CHECK(check_step(program, p.step));
    KOINON_TRY(const auto* step, step_of(program, p.step.number));
    if (p.output >= step->outputs.size() || p.traced.index != step->first_output + p.output)
      return fail(Code::rejected, "[fraud] output {} against value {}", p.output, p.traced.index);
    KOINON_CHECK(check_item(Domain::trace, claim.trace, p.traced));
    return (p.traced.root == engine::program::kInnerRoot) != step->inner;
  }
  Result<bool> operator()(const InputsProof& p) const {
    KOINON_CHECK(check_io(program, p.program, p.io));
    if (base::tree_root_hash(Domain::inputs, p.count, p.top) != claim.inputs)
      return fail(Code::rejected, "[fraud] the order does not hold {} inputs under that node", p.count);
    return p.count != program.program().inputs.size();
  }
  Result<bool> operator()(const InputLengthProof& p) const {
    KOINON_CHECK(check_io(program, p.program, p.io));
    const auto& inputs = program.program().inputs;
    if (p.given.index >= inputs.size()) return fail(Code::rejected, "[fraud] input {} of {}", p.given.index, inputs.size());
    KOINON_CHECK(check_item(Domain::inputs, claim.inputs, p.given));
    if (base::tree_root_hash(Domain::tensor, p.size, p.top) != p.given.root)
      return fail(Code::rejected, "[fraud] input {} does not hold {} bytes under that node", p.given.index, p.size);
    const auto& info = inputs[p.given.index].info;
    return p.size != elements_of(info) * width_of(info);
  }
};

}  // namespace

Result<bool> refutes(const ProgramTrees& program, const ClaimRoots& claim, const Fraud& fraud) {
  if (claim.program != program.id()) return fail(Code::rejected, "[fraud] a claim of program {}", base::to_hex(claim.program));
  return std::visit(Refutation{program, claim}, fraud);
}

}  // namespace koinon::trust::optimistic
