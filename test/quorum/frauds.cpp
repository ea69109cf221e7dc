#include "test/quorum/frauds.hpp"

#include <optional>

#include "trust/optimistic/hints.hpp"
#include "trust/optimistic/kept_run.hpp"

namespace koinon::test::quorum {
namespace {

using engine::program::StepKind;
using engine::tensor::IntTensor;
using trust::optimistic::Element;
using trust::optimistic::ElementProof;
using trust::optimistic::ProgramTrees;
using trust::optimistic::Provider;

/// Operands of a step; nothing for those that are inner.
std::vector<std::optional<IntTensor>> operands_of(const Provider& truth, std::size_t number) {
  const auto& step = truth.program.steps[number];
  std::vector<std::optional<IntTensor>> out;
  for (std::size_t i = 0; i < step.operands.size(); ++i) {
    const auto ref = step.operands[i];
    const auto& info = step.operand_infos[i];
    if (trust::optimistic::inner_maker(truth.program, ref)) {
      out.emplace_back();
    } else if (ref.source() == engine::program::Source::value) {
      out.emplace_back(truth.values[ref.index()]);
    } else {
      const bool weight = ref.source() == engine::program::Source::weight;
      out.emplace_back(
          IntTensor{info.dtype, info.shape, (weight ? truth.program.weights : truth.program.tables)[ref.index()].data});
    }
  }
  return out;
}

std::vector<const IntTensor*> pointers(const std::vector<std::optional<IntTensor>>& all) {
  std::vector<const IntTensor*> out;
  for (const auto& one : all) out.push_back(one ? &*one : nullptr);
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

Element FraudDice::element_of(const Provider& truth, std::size_t number) {
  const auto& step = truth.program.steps[number];
  Element out;
  out.output = static_cast<std::uint8_t>(random_.u64() % step.outputs.size());
  const auto& value = truth.values[step.first_output + out.output];
  out.index = random_.u64() % static_cast<std::uint64_t>(value.size());
  const auto operands = operands_of(truth, number);
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
void FraudDice::falsify(Provider& liar, std::size_t number, const Element& element) {
  const auto& step = liar.program.steps[number];
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

/// A number or a byte is another, an opening is taken from elsewhere.
void FraudDice::forge(ElementProof& forged, const ElementProof& donor) {
  auto& part = forged.parts[random_.u64() % forged.parts.size()];
  const auto& other = donor.parts[random_.u64() % donor.parts.size()];
  const auto i = random_.u64() % part.opened.size(), j = random_.u64() % other.opened.size();
  auto& opened = part.opened[i];
  switch (random_.u64() % 13) {
    case 0: opened = other.opened[j]; break;
    case 1: forged.index = random_.u64() % 50; break;
    case 2: forged.hints.push_back(random_.u64() % 20); break;
    case 3: forged.output ^= 1; break;
    case 4: forged.value_count += 1; break;
    case 5: forged.program.table_count += 1; break;
    case 6:
      part.step_bytes[random_.u64() % part.step_bytes.size()] ^= static_cast<std::uint8_t>(random_.u64() % 2 == 0 ? 1 : 0x80);
      break;
    case 7: opened.root.bytes[0] ^= 1; break;
    case 8: part.opened.pop_back(); break;
    case 9: opened.list.push_back({}); break;
    case 10:
      if (!opened.runs.empty()) opened.runs[0].data[random_.u64() % opened.runs[0].data.size()] ^= 4;
      break;
    case 11:
      if (!opened.runs.empty()) opened.runs[0].first += 1 + random_.u64() % 3 * (std::uint64_t{1} << 54);
      break;
    default: forge_parts(forged, donor);
  }
}

/// A part is missing, left over, another, at another place, or opens what it should not.
void FraudDice::forge_parts(ElementProof& forged, const ElementProof& donor) {
  auto& parts = forged.parts;
  const auto i = random_.u64() % parts.size(), j = random_.u64() % parts.size();
  const auto& other = donor.parts[random_.u64() % donor.parts.size()];
  switch (random_.u64() % 6) {
    case 0: parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i)); break;
    case 1: parts.push_back(parts[i]); break;
    case 2: parts.insert(parts.begin() + static_cast<std::ptrdiff_t>(i), other); break;
    case 3: std::swap(parts[i], parts[j]); break;
    case 4: parts[i] = other; break;
    default: parts[i].opened[random_.u64() % parts[i].opened.size()] = {};
  }
}

void FraudDice::about(Batch& to, const Provider& truth) {
  const ProgramTrees trees(truth.program);
  const auto honest = truth.claim();
  auto step = random_.u64() % truth.program.steps.size();
  while (truth.program.steps[step].inner) ++step;  // its reader comes later
  const auto element = element_of(truth, step);
  const auto fair = show_element(trees, truth, step, element);
  add(to, trees, honest, true, Fraud{fair});
  auto liar = truth;
  falsify(liar, step, element);
  const auto false_claim = liar.claim();
  const bool changed = false_claim != honest;
  const auto shown = show_element(trees, liar, step, element);
  add(to, trees, false_claim, !changed, Fraud{shown});
  auto forged = random_.u64() % 2 == 0 ? fair : shown;
  const auto claim = random_.u64() % 2 == 0 ? honest : false_claim;
  forge(forged, random_.u64() % 2 == 0 ? fair : shown);
  add(to, trees, claim, claim == honest, Fraud{forged});
}

Batch FraudDice::next(std::size_t count) {
  Batch out;
  while (out.size() < count) {
    const auto truth = throw_(random_);
    for (int i = 0; i < 4 && out.size() < count; ++i) about(out, truth);
  }
  return out;
}

}  // namespace koinon::test::quorum
