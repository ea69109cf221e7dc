#include "trust/optimistic/dispute.hpp"

#include <algorithm>

#include "base/hash.hpp"
#include "engine/program/inner.hpp"
#include "trust/optimistic/claimed_tree.hpp"
#include "trust/optimistic/evidence.hpp"
#include "trust/optimistic/hints.hpp"
#include "trust/optimistic/proof_tensors.hpp"

namespace koinon::trust::optimistic {
namespace {

using base::Code;
using base::Domain;
using base::fail;
using base::Hash;
using base::Result;
using base::Status;
using base::Tree;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;
using engine::tensor::IntTensor;

std::vector<Hash> named_roots(const engine::program::Program& program, const std::vector<Hash>& roots) {
  std::vector<Hash> out;
  for (const auto& output : program.outputs) out.push_back(roots[output.ref.index()]);
  return out;
}

std::vector<Hash> first_of(const std::vector<Hash>& roots, std::size_t count) {
  return {roots.begin(), roots.begin() + static_cast<std::ptrdiff_t>(count)};
}

}  // namespace

class Dispute::Search {
 public:
  Search(const ProgramTrees& program, const KeptRun& own, const ClaimRoots& claim)
      : program_(program),
        own_(own),
        claim_(claim),
        own_trace_(Tree::of_list(Domain::trace, own.roots())),
        output_roots_(named_roots(program.program(), own.roots())),
        own_outputs_(Tree::of_list(Domain::outputs, output_roots_)),
        trace_(ClaimTree::trace, 0, claim.trace, own_trace_, own.roots().size()),
        outputs_(ClaimTree::outputs, 0, claim.outputs, own_outputs_, output_roots_.size()) {}

  Result<Finding> next() {
    auto found = look();
    if (found || found.error().code != Code::not_found) return found;
    if (const auto& demand = trace_.missing()) return Finding{*demand};
    if (const auto& demand = outputs_.missing()) return Finding{*demand};
    for (const auto& [value, pair] : values_)
      if (const auto& demand = pair.claimed.missing()) return Finding{*demand};
    return found;
  }

  Status give(const Demand& demand, const Answer& answer) {
    if (demand.tree != ClaimTree::tensor) {
      KOINON_TRY(const auto shown, show(demand, answer));
      return learn(demand.tree == ClaimTree::trace ? trace_ : outputs_, shown);
    }
    if (demand.value >= answer.count) {
      KOINON_TRY(auto shown, show({ClaimTree::trace}, {answer.count, answer.hashes, answer.data, answer.siblings, 0, {}}));
      return learn(trace_, shown);
    }
    if (shows_inner(demand, answer)) return {};
    KOINON_TRY(auto shown, show(demand, answer));
    if (!base::verify_list_item(Domain::trace, claim_.trace, shown.root, {demand.value, answer.count, answer.list}))
      return fail(Code::rejected, "[dispute] the claim does not bind that answer about value {}", demand.value);
    if (const auto known = values_.find(demand.value); known != values_.end()) known->second.claimed.learn(shown);
    shown_.emplace(demand.value, std::move(shown));
    return {};
  }

 private:
  struct Value {
    IntTensor own;
    Tree tree;
    ClaimedTree claimed;
  };

  /// The claim says that the value is inner. There is nothing to learn: its item was known before anything was asked of it.
  [[nodiscard]] bool shows_inner(const Demand& demand, const Answer& answer) const {
    return answer == Answer{0, {}, {}, {}, answer.count, answer.list} &&
           base::verify_list_item(Domain::trace, claim_.trace, engine::program::kInnerRoot,
                                  {demand.value, answer.count, answer.list});
  }

  static Status learn(ClaimedTree& tree, const Shown& shown) {
    if (shown.root != tree.root()) return fail(Code::rejected, "[dispute] the claim does not bind that answer");
    tree.learn(shown);
    return {};
  }

  Result<Finding> look() {
    if (claim_.program != program_.id()) return fail(Code::invalid_argument, "[dispute] a claim of another program");
    if (!trace_.same()) return trace_fraud();
    if (own_.refused()) return refusal_fraud();
    if (!outputs_.same()) return output_fraud();
    return Finding{Agreed{}};
  }

  [[nodiscard]] base::Bytes io() const { return engine::program::encode_io(program_.program()); }

  /// Root of a value in the claim's trace.
  Result<Hash> root_of(std::size_t value) {
    KOINON_TRY(const auto leaf, trace_.node(0, value));
    if (leaf == own_trace_.node(0, value)) return own_.roots()[value];
    return trace_.item(value);
  }
  Result<Item> traced(std::size_t value) {
    Item out{own_.roots().size(), value, {}, {}};
    KOINON_TRY(out.root, root_of(value));
    KOINON_TRY(out.siblings, trace_.path(value));
    return out;
  }

  Result<Finding> output_fraud() {
    KOINON_TRY(const auto count, outputs_.length_or_ask());
    if (count != output_roots_.size()) return Finding{Fraud{OutputsProof{program_.parts(), io(), count, outputs_.top()}}};
    KOINON_TRY(const auto index, outputs_.first_difference());
    if (*index >= count) return absent_fraud(ClaimTree::outputs, outputs_, *index);
    Item claimed{count, *index, {}, {}};
    KOINON_TRY(claimed.root, outputs_.item(*index));
    KOINON_TRY(claimed.siblings, outputs_.path(*index));
    KOINON_TRY(auto item, traced(program_.program().outputs[*index].ref.index()));
    return Finding{Fraud{OutputProof{program_.parts(), io(), std::move(claimed), std::move(item)}}};
  }

  /// A leaf behind the end of a list is not zero. Nobody can answer for it, but who answers for its neighbour shows it.
  Result<Finding> absent_fraud(ClaimTree which, ClaimedTree& tree, std::uint64_t index) {
    AbsentProof proof{static_cast<std::uint8_t>(which), *tree.length(), index, {}, {}};
    KOINON_TRY(proof.leaf, tree.node(0, index));
    KOINON_TRY(proof.siblings, tree.path(index));
    return Finding{Fraud{std::move(proof)}};
  }

  Result<Finding> trace_fraud() {
    const auto& program = program_.program();
    KOINON_TRY(const auto count, trace_.length_or_ask());
    if (count != own_.roots().size()) {
      if (program.steps.empty()) return fail(Code::unsupported, "[dispute] {} values of a program without steps", count);
      return Finding{Fraud{CountProof{program_.step(program.steps.size() - 1), count, trace_.top()}}};
    }
    KOINON_TRY(const auto value, trace_.first_difference());
    if (*value >= count) return absent_fraud(ClaimTree::trace, trace_, *value);
    const auto origin = origin_of(program, *value);
    if (!origin) return input_fraud(*value);
    if (program.steps[origin->step].inner) return inner_fraud(*origin);
    if (*value >= own_.made()) return refusal_fraud();
    return value_fraud(*origin);
  }

  /// An inner value has a tree in the claim, or one that is not has none.
  Result<Finding> inner_fraud(const Origin& origin) {
    KOINON_TRY(auto item, traced(program_.program().steps[origin.step].first_output + origin.output));
    return Finding{Fraud{InnerProof{program_.step(origin.step), static_cast<std::uint8_t>(origin.output), std::move(item)}}};
  }

  Result<Finding> input_fraud(std::size_t value) {
    const auto inputs = first_of(own_.roots(), program_.program().inputs.size());
    if (base::list_root(Domain::inputs, inputs) != claim_.inputs)
      return fail(Code::invalid_argument, "[dispute] the own run is not on the order's input");
    Item given{inputs.size(), value, inputs[value], Tree::of_list(Domain::inputs, inputs).path(value)};
    KOINON_TRY(auto item, traced(value));
    return Finding{Fraud{InputProof{program_.parts(), io(), std::move(given), std::move(item)}}};
  }

  /// The values around a step, from the own run and from the claim.
  Status surround(std::size_t step) {
    if (step_ == step) return {};
    KOINON_TRY(auto around, own_.around_made(step));
    values_.clear();
    step_ = step;
    for (auto& [value, tensor] : around) {
      auto tree = Tree::of_bytes(Domain::tensor, tensor.bytes);
      const auto length = tensor.bytes.size();
      KOINON_TRY(const auto root, root_of(value));
      // The claimed tree borrows the own one, which stays where it is in the map.
      const auto [at, fresh] = values_.try_emplace(
          value, Value{std::move(tensor), std::move(tree), ClaimedTree(ClaimTree::tensor, value, root, own_trace_, length)});
      at->second.claimed = ClaimedTree(ClaimTree::tensor, value, root, at->second.tree, length);
      const auto [from, end] = shown_.equal_range(value);
      for (auto one = from; one != end; ++one)
        if (one->second.root == root) at->second.claimed.learn(one->second);
    }
    return {};
  }

  /// The first output of a step that has no tree or whose claimed length is not its shape's; nothing when all are right.
  /// Precondition: surround.
  Result<std::optional<Finding>> form_fraud(std::size_t number) {
    const auto& step = program_.program().steps[number];
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      if (values_.at(step.first_output + o).claimed.root() != engine::program::kInnerRoot) continue;
      KOINON_TRY(auto found, inner_fraud({number, o}));
      return std::optional<Finding>(std::move(found));
    }
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      auto& one = values_.at(step.first_output + o);
      KOINON_TRY(const auto length, one.claimed.length_or_ask());
      if (length == one.own.bytes.size()) continue;
      KOINON_TRY(auto item, traced(step.first_output + o));
      LengthProof proof{program_.step(number), static_cast<std::uint8_t>(o), std::move(item), length, one.claimed.top()};
      return std::optional<Finding>(Fraud{std::move(proof)});
    }
    return std::optional<Finding>{};
  }

  Result<Finding> value_fraud(Origin origin) {
    const auto& step = program_.program().steps[origin.step];
    if (const auto ready = surround(origin.step); !ready) {
      step_ = {};
      return fail(ready.error());
    }
    // An element of one output may need the others open, which only outputs of the right length can be.
    KOINON_TRY(auto wrong_form, form_fraud(origin.step));
    if (wrong_form) return *std::move(wrong_form);
    // A wrong index shows more than the value that goes with it.
    if (step.kind == StepKind::topk && step.outputs.size() == 2 && !values_.at(step.first_output + 1U).claimed.same())
      origin.output = 1;
    auto& [own, tree, claimed] = values_.at(step.first_output + origin.output);
    KOINON_TRY(const auto leaf, claimed.first_difference());
    KOINON_TRY(const auto bytes, claimed.leaf(*leaf));
    const auto theirs = bytes.begin();
    const auto mine = own.bytes.begin() + static_cast<std::ptrdiff_t>(*leaf * base::kLeafSize);
    const auto at = static_cast<std::uint64_t>(std::mismatch(theirs, bytes.end(), mine).first - theirs);
    return element_fraud(origin, (*leaf * base::kLeafSize + at) / engine::tensor::dtype_size(own.dtype));
  }

  /// The program refuses the order's input: an element of an input is outside its range, or a scatter has equal indices.
  Result<Finding> refusal_fraud() {
    const auto& program = program_.program();
    if (own_.made() > program.inputs.size()) return repeated_fraud();
    for (std::size_t i = 0; i < program.inputs.size(); ++i)
      for (std::int64_t at = 0; at < own_.inputs()[i].size(); ++at)
        if (const auto x = own_.inputs()[i].at(at); x < program.inputs[i].low || x > program.inputs[i].high)
          return range_fraud(i, static_cast<std::uint64_t>(at));
    return repeated_fraud();
  }
  Result<Finding> range_fraud(std::size_t input, std::uint64_t index) {
    const auto& bytes = own_.inputs()[input].bytes;
    const auto width = engine::tensor::dtype_size(own_.inputs()[input].dtype);
    KOINON_TRY(auto item, traced(input));
    KOINON_TRY(auto run, Tree::of_bytes(Domain::tensor, bytes).open(bytes, index * width, width));
    Opened opened{item.root, std::move(item.siblings), {}};
    opened.runs.push_back({index * width / base::kLeafSize, std::move(run.data), std::move(run.siblings)});
    return Finding{Fraud{RangeProof{program_.parts(), io(), own_.roots().size(), input, index, std::move(opened)}}};
  }
  Result<Finding> repeated_fraud() {
    const auto origin = origin_of(program_.program(), own_.made());
    const auto& step = program_.program().steps[origin->step];
    if (step.kind != StepKind::scatter || step.operands[1].source() != Source::value)
      return fail(Code::internal, "[dispute] step {} refuses its operands", origin->step);
    if (const auto ready = surround(origin->step); !ready) {
      step_ = {};
      return fail(ready.error());
    }
    KOINON_TRY(auto wrong_form, form_fraud(origin->step));
    if (wrong_form) return *std::move(wrong_form);
    const auto twice = repeated_places(step, values_.at(step.operands[1].index()).own);
    if (!twice) return fail(Code::internal, "[dispute] step {} refuses distinct indices", origin->step);
    const Element element{0, 0, {twice->first, twice->second}};
    auto tensors = tensors_around(origin->step, 0);
    KOINON_TRY(const bool wrong, element_differs(step, element, tensors));
    if (!wrong) return fail(Code::internal, "[dispute] equal indices that are not");
    return element_proof(*origin, element, tensors);
  }

  ProofTensors tensors_around(std::size_t step, std::uint8_t output) {
    return {program_, step, output, [this](std::size_t value) -> Result<ValuePair> {
              auto& one = values_.at(value);
              return ValuePair{&one.own, &one.claimed};
            }};
  }

  /// Null for constants and inner values, which no kind with counter-examples reads.
  std::vector<const IntTensor*> own_values(const std::vector<engine::program::Ref>& refs) const {
    std::vector<const IntTensor*> out;
    for (const auto ref : refs) {
      const auto at = ref.source() == Source::value ? values_.find(ref.index()) : values_.end();
      out.push_back(at == values_.end() ? nullptr : &at->second.own);
    }
    return out;
  }

  Result<Finding> element_fraud(const Origin& origin, std::uint64_t index) {
    const auto& step = program_.program().steps[origin.step];
    const auto constants = constant_operands(step);
    auto operands = own_values(step.operands);
    for (std::size_t i = 0; i < operands.size(); ++i)
      if (operands[i] == nullptr && constants[i]) operands[i] = &*constants[i];
    std::vector<const IntTensor*> outputs;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) outputs.push_back(&values_.at(step.first_output + o).own);
    const auto output = static_cast<std::uint8_t>(origin.output);
    for (const auto& hints : hints_for(step, index, operands, outputs)) {
      auto tensors = tensors_around(origin.step, output);
      KOINON_TRY(const bool wrong, element_differs(step, {output, index, hints}, tensors));
      if (wrong) return element_proof(origin, {output, index, hints}, tensors);
    }
    return fail(Code::internal, "[dispute] element {} of step {} differs and is not refuted", index, origin.step);
  }

  /// The indices of a scatter may be constants; no other counter-example is looked for in one.
  [[nodiscard]] std::vector<std::optional<IntTensor>> constant_operands(const Step& step) const {
    std::vector<std::optional<IntTensor>> out(step.operands.size());
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto ref = step.operands[i];
      if (ref.source() == Source::value || step.kind == StepKind::matmul || step.kind == StepKind::conv) continue;
      const auto& constants = ref.source() == Source::weight ? program_.program().weights : program_.program().tables;
      out[i] = IntTensor{step.operand_infos[i].dtype, step.operand_infos[i].shape, constants[ref.index()].data};
    }
    return out;
  }

  Result<Finding> element_proof(const Origin& origin, const Element& element, ProofTensors& tensors) {
    ElementProof proof{program_.parts(), own_.roots().size(), element.output, element.index, element.hints, {}};
    KOINON_TRY(proof.parts, tensors.open([&](std::size_t value) -> Result<Opened> {
      KOINON_TRY(auto item, traced(value));
      return Opened{item.root, std::move(item.siblings), {}};
    }));
    Fraud fraud{std::move(proof)};
    if (const auto size = encode(fraud).size(); size > kMaxProof)
      return fail(Code::unsupported, "[dispute] a proof of {} bytes about step {}: at most {}", size, origin.step, kMaxProof);
    return Finding{std::move(fraud)};
  }

  const ProgramTrees& program_;
  const KeptRun& own_;
  ClaimRoots claim_;
  Tree own_trace_;
  std::vector<Hash> output_roots_;
  Tree own_outputs_;
  ClaimedTree trace_, outputs_;
  std::multimap<std::uint64_t, Shown> shown_;  ///< of tensors
  std::optional<std::size_t> step_;            ///< whose values these are
  std::map<std::size_t, Value> values_;
};

Dispute::Dispute(const ProgramTrees& program, const KeptRun& own, const ClaimRoots& claim)
    : search_(std::make_unique<Search>(program, own, claim)) {}
Dispute::~Dispute() = default;
Dispute::Dispute(Dispute&&) noexcept = default;
Dispute& Dispute::operator=(Dispute&&) noexcept = default;

Result<Finding> Dispute::next() { return search_->next(); }
Status Dispute::give(const Demand& demand, const Answer& answer) { return search_->give(demand, answer); }

}  // namespace koinon::trust::optimistic
