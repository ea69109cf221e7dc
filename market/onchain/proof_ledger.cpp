#include "base/hash.hpp"
#include "ledger/contracts/proof_check.hpp"
#include "market/actor/proofs.hpp"
#include "market/onchain/onchain.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;
using ledger::contracts::ProofCheck;
using trust::proof::OnchainCircuit;
using trust::proof::OnchainProof;

ProofCheck::Circuit circuit_of(const OnchainCircuit& c) {
  const auto& p = c.layout.params;
  ProofCheck::Circuit out;
  out.shape = {
      p.rows_log,       p.queries,         p.work_bits, p.pads, p.weight_pads, c.layout.weight_cells, c.layout.witness_cells,
      c.layout.lookups, c.constraints_log, {}};
  for (const auto& form : c.forms) out.shape.forms.push_back({form.rows_log, form.columns_log, form.inner_log});
  out.inputs = c.inputs;
  out.outputs = c.outputs;
  out.parts = c.parts;
  return out;
}

class OnchainProofs final : public ProofLedger {
 public:
  OnchainProofs(ledger::Rpc& rpc, ledger::TxSender& sender, const base::Address& check) : sender_(sender), check_(rpc, check) {}

  Result<Hash> subject(const OnchainCircuit& circuit, std::uint8_t hidden, const Hash& weights) override {
    return check_.subject(hidden, weights, circuit_of(circuit));
  }
  Result<Hash> outcome(const Hash& program, const Hash& input_root) override { return check_.outcome(program, input_root); }

  Result<ProofCost> prove(const OnchainCircuit& circuit, const OnchainProof& proof, const Tell& tell,
                          std::stop_token stop) override {
    Pieces p{{proof.program, proof.hidden, proof.weights, proof.input, proof.output},
             circuit_of(circuit),
             base::Wei::from_word(proof.constant),
             {}};
    KOINON_TRY(p.seen, check_.preview(p.statement, p.circuit, p.constant, proof.cut.messages));
    Run run{{}, proof.cut.parts.size() + circuit.tape.size() + 2, 0, tell, std::move(stop)};
    KOINON_TRY(const auto at, check_.session(p.seen.id));
    if (at.places == 0) {
      KOINON_CHECK(send(run, check_.begin(p.statement, p.circuit, p.constant, proof.cut.messages)));
    } else {
      ++run.done;
    }
    for (const auto& part : proof.cut.parts) {
      if (part.to <= at.opened) {
        ++run.done;
        continue;
      }
      KOINON_CHECK(send(run, check_.open(p.seen.id, p.seen.queries, p.circuit.shape, part.to, part.bytes)));
    }
    for (std::size_t i = 0; i < circuit.tape.size(); ++i) {
      if (i < at.read_) {
        ++run.done;
        continue;
      }
      KOINON_CHECK(send(
          run, check_.read(p.seen.id, p.seen.claim, p.statement, p.circuit, proof.inputs, proof.outputs, circuit.tape[i])));
    }
    KOINON_CHECK(send(run, check_.conclude(p.statement, p.circuit, p.constant, base::keccak256(proof.cut.messages))));
    return run.cost;
  }

 private:
  struct Pieces {
    ProofCheck::Statement statement;
    ProofCheck::Circuit circuit;
    base::Wei constant;
    ProofCheck::PreviewResult seen;
  };
  struct Run {
    ProofCost cost;
    std::uint64_t total = 0, done = 0;
    const Tell& tell;
    std::stop_token stop;
  };

  Status send(Run& run, const Result<ledger::TxRequest>& request) {
    if (run.stop.stop_requested()) return fail(Code::cancelled, "[proof] stopped after {} of {}", run.done, run.total);
    if (!request) return fail(request.error());
    KOINON_TRY(const auto receipt, sender_.send(*request));
    ++run.cost.transactions;
    run.cost.gas += receipt.gas_used;
    ++run.done;
    if (run.tell) run.tell(run.done, run.total, run.cost.gas);
    return {};
  }

  ledger::TxSender& sender_;
  ProofCheck check_;
};

}  // namespace

std::unique_ptr<ProofLedger> open_proofs(ledger::Rpc& rpc, ledger::TxSender& sender, const base::Address& check) {
  return std::make_unique<OnchainProofs>(rpc, sender, check);
}

}  // namespace koinon::market
