#include "test/quorum/frauds.hpp"

#include "trust/optimistic/hints.hpp"

namespace koinon::test::quorum {
namespace {

using engine::program::StepKind;
using engine::tensor::IntTensor;
using trust::optimistic::Element;
using trust::optimistic::ElementProof;
using trust::optimistic::ProgramTrees;
using trust::optimistic::Provider;

/// Operands of the only step.
std::vector<IntTensor> operands_of(const Provider& truth) {
  const auto& step = truth.program.steps[0];
  std::vector<IntTensor> out;
  for (std::size_t i = 0; i < step.operands.size(); ++i) {
    const auto ref = step.operands[i];
    const auto& info = step.operand_infos[i];
    if (ref.source() == engine::program::Source::value) {
      out.push_back(truth.values[ref.index()]);
    } else {
      const bool weight = ref.source() == engine::program::Source::weight;
      out.push_back({info.dtype, info.shape, (weight ? truth.program.weights : truth.program.tables)[ref.index()].data});
    }
  }
  return out;
}

std::vector<const IntTensor*> pointers(const std::vector<IntTensor>& all) {
  std::vector<const IntTensor*> out;
  for (const auto& one : all) out.push_back(&one);
  return out;
}

}  // namespace

FraudCheck::ClaimRoots roots_of(const ClaimRoots& claim) { return {claim.program, claim.inputs, claim.outputs, claim.trace}; }

void FraudDice::add(Batch& to, const ProgramTrees& trees, const ClaimRoots& claim, bool honest, const Fraud& fraud) {
  const auto verdict = refutes(trees, claim, fraud);
  to.claims.push_back({claim.program, claim.inputs, claim.outputs, claim.trace});
  to.proofs.push_back(encode(fraud));
  to.twin.push_back(!verdict ? Verdict::refused : *verdict ? Verdict::refuted : Verdict::nothing);
  to.honest.push_back(honest);
}

Element FraudDice::element_of(const Provider& truth) {
  const auto& step = truth.program.steps[0];
  Element out;
  out.output = static_cast<std::uint8_t>(random_.u64() % step.outputs.size());
  const auto& value = truth.values[step.first_output + out.output];
  out.index = random_.u64() % static_cast<std::uint64_t>(value.size());
  const auto operands = operands_of(truth);
  std::vector<const IntTensor*> outputs;
  for (std::size_t o = 0; o < step.outputs.size(); ++o) outputs.push_back(&truth.values[step.first_output + o]);
  const auto hints = trust::optimistic::hints_for(step, out.index, pointers(operands), outputs);
  const auto lot = random_.u64() % 8;
  if (lot < 5) out.hints = hints[random_.u64() % hints.size()];
  if (lot == 5) out.hints = {random_.u64() % 40};
  if (lot == 6) out.hints = {random_.u64() % 6, random_.u64() % 6};
  return out;
}

/// Another value of the element, and at times of others.
void FraudDice::falsify(Provider& liar, const Element& element) {
  const auto& step = liar.program.steps[0];
  auto& value = liar.values[step.first_output + element.output];
  const auto width = engine::tensor::dtype_size(value.dtype);
  const auto at = static_cast<std::int64_t>(element.index);
  switch (random_.u64() % 4) {
    case 0: value.set(at, engine::tensor::dtype_low(value.dtype)); break;
    case 1: value.set(at, value.at(static_cast<std::int64_t>(random_.u64() % static_cast<std::uint64_t>(value.size())))); break;
    case 2: value.bytes[element.index * width] ^= 1; break;
    default: value.bytes[element.index * width + random_.u64() % width] ^= static_cast<std::uint8_t>(1 + random_.u64() % 255);
  }
}

void FraudDice::about(Batch& to, const Provider& truth) {
  const ProgramTrees trees(truth.program);
  const auto honest = truth.claim();
  const auto element = element_of(truth);
  const auto fair = show_element(trees, truth, 0, element);
  add(to, trees, honest, true, Fraud{fair});
  auto liar = truth;
  falsify(liar, element);
  const auto false_claim = liar.claim();
  const bool changed = false_claim != honest;
  const auto shown = show_element(trees, liar, 0, element);
  add(to, trees, false_claim, !changed, Fraud{shown});
  // Forged: a number or a byte is another, an opening is taken from elsewhere.
  auto forged = random_.u64() % 2 == 0 ? fair : shown;
  const auto claim = random_.u64() % 2 == 0 ? honest : false_claim;
  const auto& donor = random_.u64() % 2 == 0 ? fair : shown;
  const auto i = random_.u64() % forged.opened.size(), j = random_.u64() % donor.opened.size();
  auto& opened = forged.opened[i];
  switch (random_.u64() % 12) {
    case 0: opened = donor.opened[j]; break;
    case 1: forged.index = random_.u64() % 50; break;
    case 2: forged.hints.push_back(random_.u64() % 20); break;
    case 3: forged.output ^= 1; break;
    case 4: forged.value_count += 1; break;
    case 5: forged.program.table_count += 1; break;
    case 6: forged.step_bytes[random_.u64() % forged.step_bytes.size()] ^= 1; break;
    case 7: opened.root.bytes[0] ^= 1; break;
    case 8: forged.opened.pop_back(); break;
    case 9: opened.list.push_back({}); break;
    case 10:
      if (!opened.runs.empty()) opened.runs[0].data[random_.u64() % opened.runs[0].data.size()] ^= 4;
      break;
    default:
      if (!opened.runs.empty()) opened.runs[0].first += 1 + random_.u64() % 3 * (std::uint64_t{1} << 54);
  }
  add(to, trees, claim, claim == honest, Fraud{forged});
}

Batch FraudDice::next(std::size_t count) {
  Batch out;
  while (out.size() < count) {
    const auto truth = throw_step(kind_, random_);
    for (int i = 0; i < 4 && out.size() < count; ++i) about(out, truth);
  }
  return out;
}

}  // namespace koinon::test::quorum
