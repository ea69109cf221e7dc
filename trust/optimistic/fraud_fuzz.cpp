// Bytes to decode_fraud and, where they decode, refutes: no crash, one encoding, and no honest claim refuted.
#include <cstdlib>

#include "engine/program/inner.hpp"
#include "trust/optimistic/evidence.hpp"
#include "trust/optimistic/liar.hpp"
#include "trust/optimistic/misfit.hpp"

using namespace koinon;
using namespace koinon::trust::optimistic;

namespace {

struct Sample {
  Provider truth;
  ProgramTrees trees{truth.program};
  ClaimRoots claim{truth.claim()};
};

const Sample& sample() {
  static const Sample one = [] {
    auto golden = engine::run::golden_programs().front();
    return Sample{honest(std::move(golden.program), std::move(golden.inputs))};
  }();
  return one;
}

base::Bytes seed(const Provider& liar) {
  const auto& [truth, trees, claim] = sample();
  const auto own = KeptRun::make(truth.program, truth.inputs, {}).value();
  auto server = liar.server();
  Dispute dispute(trees, own, liar.claim());
  const auto fraud = std::get<Fraud>(play(dispute, server).value().last);
  auto out = encode(fraud);
  out.insert(out.begin(), static_cast<std::uint8_t>(fraud.index()));
  return out;
}

}  // namespace

std::vector<base::Bytes> koinon_fuzz_seeds() {
  std::vector<base::Bytes> out;
  auto liar = sample().truth;
  liar.values.back().bytes[0] ^= 1;
  out.push_back(seed(liar));
  liar = sample().truth;
  liar.values[0].bytes[0] ^= 1;
  out.push_back(seed(liar));
  liar = sample().truth;
  liar.values.back().bytes.push_back(7);
  out.push_back(seed(liar));
  liar = sample().truth;
  liar.values.push_back(liar.values[0]);
  out.push_back(seed(liar));
  liar = sample().truth;
  liar.items[liar.values.size() - 1] = engine::program::kInnerRoot;
  out.push_back(seed(liar));
  const auto& parts = sample().trees.parts();
  for (const Fraud& fraud :
       {Fraud{OutputsProof{parts, {1, 2}, 3, {}}}, Fraud{RangeProof{parts, {1}, 2, 0, 1, {{}, {{}}, {{}}}}},
        Fraud{PaddingProof{{}, 5, 0, base::Bytes(1'024), {}}}, Fraud{AbsentProof{1, 3, 3, {}, {{}, {}}}},
        Fraud{InputsProof{parts, {1}, 2, {}}}, misfit(sample().trees, {{1}}).value_or(Fraud{})}) {
    out.push_back(encode(fraud));
    out.back().insert(out.back().begin(), static_cast<std::uint8_t>(fraud.index()));
  }
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::ByteView bytes(data + 1, size - 1);
  const auto fraud = decode_fraud(data[0], bytes);
  if (!fraud) return 0;
  if (encode(*fraud) != base::Bytes(bytes.begin(), bytes.end())) std::abort();
  const auto shown = refutes(sample().trees, sample().claim, *fraud);
  if (shown && *shown) std::abort();
  return 0;
}
