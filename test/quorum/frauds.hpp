#pragma once
#include <functional>

#include "ledger/contracts/fraud_check.hpp"
#include "ledger/contracts/fraud_checks.hpp"
#include "test/quorum/chain.hpp"
#include "test/quorum/step_dice.hpp"
#include "trust/optimistic/evidence.hpp"

namespace koinon::test::quorum {

using ledger::contracts::FraudCheck;
using ledger::contracts::FraudChecks;
using trust::optimistic::ClaimRoots;
using trust::optimistic::Fraud;

/// Of a claim, as the contract takes them.
FraudCheck::ClaimRoots roots_of(const ClaimRoots& claim);

/// What a check says of a proof.
enum class Verdict : std::uint8_t { nothing = 0, refuted = 1, refused = 2 };

/// Proofs about claims, for the contract and its twin.
struct Batch {
  std::vector<FraudChecks::ClaimRoots> claims;
  std::vector<base::Bytes> proofs;
  std::vector<Verdict> twin;
  std::vector<bool> honest;  ///< the claim is true: nobody may refute it

  [[nodiscard]] std::size_t size() const { return proofs.size(); }
};

/// Random proofs about runs that `of` throws: true and false elements, all hints, changed and crossed openings and parts.
class FraudDice {
 public:
  using Throw = std::function<trust::optimistic::Provider(base::Random&)>;
  FraudDice(Throw of, std::uint64_t seed) : throw_(std::move(of)), random_(seed) {}
  /// At least `count` proofs, all about elements.
  Batch next(std::size_t count);

 private:
  void add(Batch& to, const trust::optimistic::ProgramTrees& trees, const ClaimRoots& claim, bool honest, const Fraud& fraud);
  void about(Batch& to, const trust::optimistic::Provider& truth);
  /// An output of the step that the trace holds.
  trust::optimistic::Element element_of(const trust::optimistic::Provider& truth, std::size_t step);
  void falsify(trust::optimistic::Provider& liar, std::size_t step, const trust::optimistic::Element& element);
  void forge(trust::optimistic::ElementProof& proof, const trust::optimistic::ElementProof& donor);
  void forge_parts(trust::optimistic::ElementProof& proof, const trust::optimistic::ElementProof& donor);

  Throw throw_;
  base::SeededRandom random_;
};

}  // namespace koinon::test::quorum
