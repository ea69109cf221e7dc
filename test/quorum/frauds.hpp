#pragma once
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

/// Random proofs about steps of one kind: true and false elements, all hints, changed and crossed openings.
class FraudDice {
 public:
  FraudDice(engine::program::StepKind kind, std::uint64_t seed) : kind_(kind), random_(seed) {}
  /// At least `count` proofs, all about elements.
  Batch next(std::size_t count);

 private:
  void add(Batch& to, const trust::optimistic::ProgramTrees& trees, const ClaimRoots& claim, bool honest, const Fraud& fraud);
  void about(Batch& to, const trust::optimistic::Provider& truth);
  trust::optimistic::Element element_of(const trust::optimistic::Provider& truth);
  void falsify(trust::optimistic::Provider& liar, const trust::optimistic::Element& element);

  engine::program::StepKind kind_;
  base::SeededRandom random_;
};

}  // namespace koinon::test::quorum
