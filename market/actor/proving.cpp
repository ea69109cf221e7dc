// Both sides of orders that ask for a proof.
#include <algorithm>

#include "base/hash.hpp"
#include "base/log.hpp"
#include "engine/run/roots.hpp"
#include "market/actor/buyer.hpp"
#include "market/actor/proofs.hpp"
#include "market/actor/sealing.hpp"
#include "market/actor/seller.hpp"
#include "market/actor/time_limit.hpp"
#include "trust/proof/bound.hpp"
#include "trust/quorum/proof_check.hpp"

namespace koinon::market {

using base::Bytes;
using base::Code;
using base::fail;

namespace {

/// More takes longer than any commit window that a buyer would choose, or more memory than a provider has.
constexpr double kMostCpuSeconds = 600;
constexpr std::uint64_t kMostMemory = std::uint64_t{8} << 30;
/// Of a circuit: building it takes some 120 bytes for each, 8 GB for so many.
constexpr double kMostCircuit = 1 << 26;

}  // namespace

bool asks_for_proof(const Terms& terms) { return terms.check == trust::ProofCheck::kCode; }

Result<trust::proof::Proof> check_proof(const work::Disputable& job, const Hash& output_root, base::ByteView bytes) {
  KOINON_TRY(auto proof, trust::proof::decode_proof(bytes));
  const auto id = engine::program::program_id(*job.program);
  if (proof.program_id != id)
    return fail(Code::rejected, "[proof] it is of program {}: {} expected", base::to_hex(proof.program_id), base::to_hex(id));
  if (proof.secrecy != trust::proof::Secrecy{}) return fail(Code::rejected, "[proof] it hides weights or input");
  if (proof.inputs != job.inputs) return fail(Code::rejected, "[proof] it is of another input than the order's");
  if (const auto root = engine::run::output_root(proof.outputs); root != output_root)
    return fail(Code::rejected, "[proof] it is of output root {}: {} is claimed", base::to_hex(root),
                base::to_hex(output_root));
  KOINON_CHECK(trust::proof::verify(*job.program, proof));
  return proof;
}

Result<Provable> provable(const engine::program::Program& program) {
  if (!program.has_weights())
    return fail(Code::unsupported, "[proof] the program's weights are absent: this check takes programs with public weights");
  // Before anything is built: some bytes of a stranger's program can ask for more memory than there is.
  if (const double numbers = trust::proof::most_numbers(program, {}); numbers > kMostCircuit)
    return fail(Code::unsupported, "[proof] its circuit may have {:.3g} numbers: at most {:.3g}", numbers, kMostCircuit);
  Provable out;
  KOINON_TRY(out.cost, trust::proof::cost(program, {}));
  if (out.cost.cpu_seconds > kMostCpuSeconds || out.cost.memory_bytes > kMostMemory)
    return fail(Code::unsupported,
                "[proof] a run takes about {:.0f} s of CPU and {:.1f} GB to prove: at most {:.0f} s and {} GB",
                out.cost.cpu_seconds, static_cast<double>(out.cost.memory_bytes) / 1e9, kMostCpuSeconds, kMostMemory >> 30);
  auto circuit = trust::proof::onchain_circuit(program, {});
  if (!circuit) return fail(Code::unsupported, "[proof] no contract could be shown its proof: {}", circuit.error().text);
  out.circuit = std::move(*circuit);
  return out;
}

Status proves_in_time(const trust::proof::Cost& cost, std::size_t threads, std::int64_t left_ms) {
  const double seconds = cost.cpu_seconds / static_cast<double>(std::max<std::size_t>(threads, 1));
  if (seconds * 1000 <= static_cast<double>(left_ms)) return {};
  return fail(Code::exhausted,
              "[proof] it takes about {:.0f} s, and {:.0f} s are left before the last quarter of the commit window", seconds,
              static_cast<double>(std::max<std::int64_t>(left_ms, 0)) / 1000);
}

// ---- The provider

/// The proof that goes with a claim; nothing where none is asked for. Errors: rejected where the order asks for what its
/// program cannot give, which costs nobody anything; exhausted where it would not be made, or is not, by the last quarter of
/// the commit window; cancelled; those of the ledger.
Result<Bytes> Seller::prove_run(const OrderView& order, const work::Parcel& input, std::stop_token stop) {
  if (!asks_for_proof(order.terms)) return Bytes{};
  if (s_.proofs == nullptr) return fail(Code::unsupported, "[proof] this market has no contract that checks proofs");
  KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
  KOINON_TRY(auto artifact, find_artifact(order, Reach::here, stop));
  const auto job = kind->disputable({order.terms.spec, std::move(artifact), input.parts});
  const auto able = job ? provable(*(*job)->program) : Result<Provable>(fail(job.error()));
  if (!able) return fail(able.error().code == Code::unsupported ? Code::rejected : able.error().code, "{}", able.error().text);
  KOINON_TRY(const auto subject, s_.proofs->subject(able->circuit, 0, {}));
  if (subject != input.salt)
    return fail(Code::rejected, "[proof] the order asks for a proof of another circuit than its program's");
  const auto until = last_quarter_ms(order);
  const auto left = until - s_.clock->now_ms();
  if (until != 0) KOINON_CHECK(proves_in_time(able->cost, s_.pool == nullptr ? 1 : s_.pool->threads(), left));
  const TimeLimit limit(until == 0 ? std::nullopt : std::optional(left), stop);
  trust::proof::ProveOptions options;
  options.pool = s_.pool;
  options.watch.ended = [&limit] { return limit.token().stop_requested(); };
  base::SystemRandom random;
  const auto proof = trust::proof::prove(*(*job)->program, (*job)->inputs, options, random);
  if (!proof && limit.is_over() && !stop.stop_requested())
    return fail(Code::exhausted, "[proof] it was not made before the last quarter of the commit window");
  if (!proof) return fail(proof.error());
  return trust::proof::encode_proof(*proof);
}

/// The proof of our claim, from the result that we sealed to ourselves too.
Result<Bytes> Seller::own_proof(const JobNote& note) {
  KOINON_TRY(const auto sealed, s_.artifacts->get(base::Cid{note.result_digest}));
  KOINON_TRY(const auto content, open(sealed, *s_.box));
  KOINON_TRY(auto delivery, work::Delivery::decode(content));
  return std::move(delivery.proof);
}

Status Seller::prove(const OrderView& order, std::stop_token stop) {
  if (s_.proofs == nullptr) return fail(Code::unsupported, "[proof] this market has no contract that checks proofs");
  KOINON_TRY(const auto kept, note(order));
  if (!kept) return fail(Code::not_found, "[proof] order {}: the note of our claim is gone", order.id);
  KOINON_TRY(const auto known, s_.proofs->outcome(order.terms.spec, order.terms.input_root));
  if (known.is_zero()) {
    KOINON_TRY(const auto bytes, own_proof(*kept));
    KOINON_TRY(const auto input, known_input(order));
    KOINON_TRY(auto artifact, find_artifact(order, Reach::anywhere, stop));
    KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
    KOINON_TRY(const auto job, kind->disputable({order.terms.spec, std::move(artifact), input.parts}));
    KOINON_TRY(const auto proof, check_proof(*job, kept->claim.output_root, bytes));
    KOINON_TRY(const auto circuit, trust::proof::onchain_circuit(*job->program, {}));
    KOINON_TRY(const auto subject, s_.proofs->subject(circuit, 0, {}));
    if (subject != input.salt)  // it would be recorded where the order does not look, for millions of gas
      return fail(Code::rejected, "[proof] order {} asks for a proof of another circuit than is made here now", order.id);
    KOINON_TRY(const auto shown, trust::proof::onchain_proof(*job->program, proof));
    base::log_info("order {}: its buyer has not confirmed it; proving it on the ledger", order.id);
    const auto tell = [&](std::uint64_t done, std::uint64_t total, std::uint64_t gas) {
      base::log_info("order {}: proof transaction {} of {}, {:.1f}M gas so far", order.id, done, total,
                     static_cast<double>(gas) / 1e6);
    };
    KOINON_TRY([[maybe_unused]] const auto cost, s_.proofs->prove(circuit, shown, tell, stop));
  }
  return s_.ledger->settle(order.id);
}

// ---- The buyer

/// A claim with a proof that holds is confirmed at once. With none, or a false one, its provider proves it on the ledger, or is
/// not paid. Errors: rejected, saying why it is not confirmed.
Status Buyer::judge_proof(const OrderView& order, const Parties& parties, std::stop_token stop) {
  KOINON_CHECK(take_delivery(order, parties, std::move(stop)));
  const auto delivery = result(order);
  if (!delivery) return {};
  KOINON_TRY(const auto parcel, input(order));
  KOINON_TRY(const auto* kind, s_.kinds->find(order.terms.kind));
  KOINON_TRY(auto artifact, s_.artifacts->get(base::Cid{order.terms.spec_digest}));
  KOINON_TRY(const auto job, kind->disputable({order.terms.spec, std::move(artifact), parcel.parts}));
  const auto seen = check_proof(*job, order.verdict->output_root, delivery->proof);
  if (seen) return s_.ledger->confirm(order.id);
  if (s_.proofs != nullptr) {
    // Another order may have proven what this program gives for this input: then it is over at once, one way or the other.
    KOINON_TRY(const auto known, s_.proofs->outcome(order.terms.spec, order.terms.input_root));
    if (!known.is_zero()) return s_.ledger->settle(order.id);
  }
  return fail(Code::rejected, "not confirmed: {}; its provider must prove it on the ledger", seen.error().text);
}

}  // namespace koinon::market
