#include <algorithm>
#include <array>

#include "base/hash.hpp"
#include "ledger/contracts/proof_check.hpp"
#include "market/actor/proofs.hpp"
#include "market/onchain/onchain.hpp"
#include "market/onchain/proof_subject.hpp"

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
  out.input_bytes = c.input_bytes;
  out.output_bytes = c.output_bytes;
  out.parts = c.parts;
  return out;
}

/// The input root of an order whose input has this salt (ProofCheck.sol, conclude).
Hash bound_input(const Hash& salt, const Hash& input) {
  const std::array<std::uint8_t, 2> head = {3, static_cast<std::uint8_t>(base::Domain::inputs)};
  return base::keccak256({head, salt.view(), input.view()});
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
    KOINON_TRY(auto at, stand(p.seen.id, {}));
    for (;;) {
      run.done = done(at, proof);
      const bool last = at.begun && at.opened >= at.places && at.read >= circuit.tape.size();
      const auto sent = send(run, next(at, circuit, proof, p));
      if (sent && last) return run.cost;
      if (!sent && sent.error().code != Code::ledger) return fail(sent.error());
      // Anyone may send a part of any session: what came before ours has done its work, and we go on from there.
      KOINON_TRY(const auto now, stand(p.seen.id, sent ? after(at, proof) : at));
      if (!sent && now == at) {
        if (last && recorded(p)) return run.cost;
        return fail(sent.error());
      }
      at = now;
    }
  }

 private:
  struct Pieces {
    ProofCheck::Statement statement;
    ProofCheck::Circuit circuit;
    base::Wei constant;
    ProofCheck::PreviewResult seen;
  };
  /// How far a session is.
  struct Stand {
    bool begun = false;
    std::uint64_t places = 0, opened = 0, read = 0;
    friend bool operator==(const Stand&, const Stand&) = default;
  };
  struct Run {
    ProofCost cost;
    std::uint64_t total = 0, done = 0;
    const Tell& tell;
    std::stop_token stop;
  };

  /// As the ledger says, and at least `known`: an end point that lags behind does not take us back.
  Result<Stand> stand(const Hash& id, const Stand& known) {
    KOINON_TRY(const auto at, check_.session(id));
    return Stand{known.begun || at.places != 0, std::max(known.places, at.places), std::max(known.opened, at.opened),
                 std::max(known.read, at.read_)};
  }
  /// The place before which the next part of the places ends.
  static std::uint64_t border(const Stand& at, const OnchainProof& proof) {
    for (const auto& part : proof.cut.parts)
      if (part.to > at.opened) return part.to;
    return at.places;
  }
  /// Where a session stands after the transaction of next().
  static Stand after(Stand at, const OnchainProof& proof) {
    if (!at.begun) {
      at.begun = true;
      at.places = proof.places.size();
    } else if (at.opened < at.places) {
      at.opened = border(at, proof);
    } else {
      ++at.read;
    }
    return at;
  }
  static std::uint64_t done(const Stand& at, const OnchainProof& proof) {
    const auto opened =
        std::count_if(proof.cut.parts.begin(), proof.cut.parts.end(), [&](const auto& part) { return part.to <= at.opened; });
    return (at.begun ? 1 : 0) + static_cast<std::uint64_t>(opened) + at.read;
  }
  /// Bytes of the places from where the session stands to the next border: a stranger may have left it anywhere.
  static Result<base::Bytes> places_from(const Stand& at, const OnchainCircuit& circuit, const OnchainProof& proof) {
    std::uint64_t from = 0;
    for (const auto& part : proof.cut.parts) {
      if (from == at.opened) return part.bytes;
      from = part.to;
    }
    return trust::proof::cut_part(circuit.layout, proof.argument, proof.places, at.opened, border(at, proof));
  }
  /// The transaction that takes a session on.
  Result<ledger::TxRequest> next(const Stand& at, const OnchainCircuit& circuit, const OnchainProof& proof, const Pieces& p) {
    if (!at.begun) return check_.begin(p.statement, p.circuit, p.constant, proof.cut.messages);
    if (at.opened < at.places) {
      KOINON_TRY(const auto bytes, places_from(at, circuit, proof));
      return check_.open(p.seen.id, p.seen.queries, p.circuit.shape, border(at, proof), bytes);
    }
    if (at.read < circuit.tape.size())
      return check_.read(p.seen.id, p.seen.claim, p.statement, p.circuit, proof.inputs, proof.outputs, circuit.tape[at.read]);
    return check_.conclude(p.statement, p.circuit, p.constant, base::keccak256(proof.cut.messages));
  }
  /// True where somebody has recorded this output of this program and input.
  bool recorded(const Pieces& p) {
    const auto subject = check_.subject(p.statement.hidden, p.statement.weights, p.circuit);
    if (!subject) return false;
    const auto known = check_.outcome(p.statement.program, bound_input(*subject, p.statement.input));
    return known && *known == p.statement.output;
  }

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

Result<Hash> proof_subject(const OnchainCircuit& circuit, std::uint8_t hidden, const Hash& weights) {
  namespace abi = ledger::abi;
  const auto& entries = ProofCheck::entries();
  const auto at = std::find_if(entries.begin(), entries.end(), [](const abi::Entry& entry) { return entry.name == "subject"; });
  if (at == entries.end() || at->inputs.parts.size() != 3) return fail(Code::internal, "[proof] ProofCheck has no subject()");
  const auto tuple = [](std::vector<abi::Value> items) {
    abi::Value out;
    out.items = std::move(items);
    return out;
  };
  KOINON_TRY(const auto shown, abi::encode(abi::Type::tuple({at->inputs.parts[2]}), tuple({circuit_of(circuit).value()})));
  KOINON_TRY(const auto all, abi::encode(abi::Type::tuple({at->inputs.parts[0], at->inputs.parts[1], at->inputs.parts[1]}),
                                         tuple({abi::value_of(std::uint64_t{hidden}), abi::value_of(weights),
                                                abi::value_of(base::keccak256(shown))})));
  return base::keccak256(all);
}

std::unique_ptr<ProofLedger> open_proofs(ledger::Rpc& rpc, ledger::TxSender& sender, const base::Address& check) {
  return std::make_unique<OnchainProofs>(rpc, sender, check);
}

}  // namespace koinon::market
