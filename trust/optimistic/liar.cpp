#include "trust/optimistic/liar.hpp"

#include <map>

#include "engine/program/inner.hpp"
#include "trust/optimistic/proof_tensors.hpp"

namespace koinon::trust::optimistic {
namespace {

std::vector<std::size_t> named(const engine::program::Program& program) {
  std::vector<std::size_t> out;
  for (const auto& output : program.outputs) out.push_back(output.ref.index());
  return out;
}

}  // namespace

std::vector<base::Hash> Provider::roots() const {
  auto out = engine::run::tensor_roots(values);
  for (const auto& step : program.steps)
    if (step.inner && step.first_output < out.size()) out[step.first_output] = engine::program::kInnerRoot;
  for (const auto& [value, item] : items) out[value] = item;
  return out;
}

ClaimRoots Provider::claim() const {
  const auto all = roots();
  std::vector<base::Hash> outputs;
  for (const auto value : named(program)) outputs.push_back(all[value]);
  return {engine::program::program_id(program), engine::run::input_root(inputs),
          base::list_root(base::Domain::outputs, outputs), engine::run::trace_root(all)};
}

TraceServer Provider::server() const {
  return {roots(), named(program),
          [this](std::size_t value) -> base::Result<engine::tensor::IntTensor> { return values[value]; }};
}

Provider honest(engine::program::Program program, std::vector<engine::tensor::IntTensor> inputs) {
  Provider out{std::move(program), inputs, inputs};
  engine::run::RunOptions options;
  options.sink = [&](std::size_t, std::span<const engine::tensor::IntTensor* const> outputs) {
    for (const auto* one : outputs) out.values.push_back(*one);
  };
  KOINON_INVARIANT(engine::run::execute(out.program, inputs, options).has_value());
  return out;
}

ElementProof show_element(const ProgramTrees& trees, const Provider& provider, std::size_t step, const Element& element) {
  struct Whole {
    base::Tree tree;
    ClaimedTree claimed;
  };
  std::map<std::size_t, Whole> wholes;
  const auto roots = provider.roots();
  const auto trace = base::Tree::of_list(base::Domain::trace, roots);
  const auto& what = provider.program.steps[step];
  const auto pair = [&](std::size_t value) -> base::Result<ValuePair> {
    const auto& own = provider.values[value];
    auto at = wholes.find(value);
    if (at == wholes.end()) {
      const ClaimedTree none(ClaimTree::tensor, value, roots[value], trace, own.bytes.size());
      at = wholes.try_emplace(value, Whole{base::Tree::of_bytes(base::Domain::tensor, own.bytes), none}).first;
      at->second.claimed = ClaimedTree(ClaimTree::tensor, value, roots[value], at->second.tree, own.bytes.size());
    }
    return ValuePair{&own, &at->second.claimed};
  };
  ProofTensors tensors(trees, step, element.output, pair);
  static_cast<void>(element_differs(what, element, tensors));
  ElementProof proof{trees.parts(), roots.size(), element.output, element.index, element.hints, {}};
  proof.parts =
      tensors.open([&](std::size_t value) -> base::Result<Opened> { return Opened{roots[value], trace.path(value), {}}; })
          .value();
  return proof;
}

base::Result<Played> play(Dispute& dispute, TraceServer& server) {
  for (std::size_t demands = 0; demands < 64; ++demands) {
    KOINON_TRY(auto found, dispute.next());
    const auto* demand = std::get_if<Demand>(&found);
    if (demand == nullptr) return Played{std::move(found), demands};
    KOINON_TRY(const auto answer, server.answer(*demand));
    KOINON_CHECK(dispute.give(*demand, answer));
  }
  return base::fail(base::Code::internal, "64 demands and no end");
}

}  // namespace koinon::trust::optimistic
