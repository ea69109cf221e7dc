#include "trust/proof/refresh.hpp"

#include <bit>

#include "trust/proof/soundness.hpp"
#include "trust/proof/statement.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using engine::program::Program;

namespace {

constexpr std::string_view kRefreshProtocol = "koinon.refresh.1";

unsigned cells_log(const Layout& layout) {
  return static_cast<unsigned>(std::bit_width(std::max<std::size_t>(layout.weight_cells, 2) - 1));
}

void absorb_refresh(Transcript& transcript, const RefreshProof& proof, const Layout& layout) {
  transcript.absorb("program", proof.program_id.view());
  base::Bytes sizes;
  for (const std::uint64_t number :
       {std::uint64_t{layout.params.rows_log}, std::uint64_t{layout.params.queries}, std::uint64_t{layout.params.work_bits},
        std::uint64_t{layout.params.pads}, std::uint64_t{layout.params.weight_pads}, std::uint64_t{layout.weight_cells}}) {
    const auto bytes = base::be64(number);
    sizes.insert(sizes.end(), bytes.begin(), bytes.end());
  }
  transcript.absorb("sizes", sizes);
  transcript.absorb("from", proof.from.view());
  transcript.absorb("to", proof.to.view());
  transcript.absorb("auxiliary", proof.auxiliary_root.view());
}

/// Weights of the claim that eq(zeta, .) sums to the same over the cells of both: sum eq(zeta, i) (from_i - to_i) = 0.
std::vector<Ext> difference_weights(const Layout& layout, Transcript& transcript) {
  const auto eq = eq_table(transcript.challenges("zeta", cells_log(layout)));
  const std::size_t rows = layout.params.rows(), columns = layout.weight_columns();
  std::vector<Ext> out((2 * columns + kMaskColumns) * rows);
  for (std::size_t i = 0; i < layout.weight_cells; ++i) {
    const std::size_t place = layout.place(i, layout.params.weight_pads);
    out[place] = eq[i];
    out[columns * rows + place] = -eq[i];
  }
  return out;
}

bool same_cells(const Layout& layout, const Oracle& a, const Oracle& b) {
  if (a.messages().size() != b.messages().size() || a.columns() != layout.weight_columns()) return false;
  for (std::size_t i = 0; i < layout.weight_cells; ++i) {
    const std::size_t place = layout.place(i, layout.params.weight_pads);
    if (a.messages()[place] != b.messages()[place]) return false;
  }
  return true;
}

}  // namespace

base::Result<RefreshProof> prove_refresh(const Program& program, const Secrecy& secrecy, WeightCommitment& from,
                                         WeightCommitment& to, base::Random& random, base::ThreadPool* pool) {
  RefreshProof out{engine::program::program_id(program), secrecy, from.root(), to.root(), {}, {}, {}};
  KOINON_TRY(const auto costs, cost(program, secrecy));
  if (from.program_id != out.program_id || to.program_id != out.program_id || !same_cells(costs.layout, from.oracle, to.oracle))
    return fail(Code::invalid_argument, "[refresh] the commitments are not of this program's weights in this mode");
  for (const auto* commitment : {&from, &to})
    if (commitment->proofs >= kProofsPerCommitment)
      return fail(Code::exhausted, "[refresh] a weight commitment has hidden {} proofs, as many as it can",
                  kProofsPerCommitment);
  ++from.proofs;
  ++to.proofs;
  for (const auto& constant : public_view(program, secrecy).weights)
    if (!constant.data.empty()) out.revealed.push_back(constant.data);
  std::vector<Fp> masks(kMaskColumns * costs.layout.params.rows());
  fill_random(random, masks);
  const Encoder encoder(costs.layout.params.rows_log, kRateLog);
  const Oracle auxiliary(OracleKind::auxiliary, encoder, std::move(masks), random, pool);
  out.auxiliary_root = auxiliary.root();
  Transcript transcript(kRefreshProtocol);
  absorb_refresh(transcript, out, costs.layout);
  auto weights = difference_weights(costs.layout, transcript);
  const std::array<const Oracle*, 3> oracles{&from.oracle, &to.oracle, &auxiliary};
  KOINON_TRY(out.opening, prove_opening(costs.layout.params, oracles, std::move(weights), transcript, pool));
  return out;
}

base::Status verify_refresh(const Program& program, const RefreshProof& proof) {
  const auto id = engine::program::program_id(program);
  if (id != proof.program_id)
    return fail(Code::rejected, "[verify] the proof is of program {}: {} expected", to_hex(proof.program_id), to_hex(id));
  if (!proof.secrecy.weights) return fail(Code::rejected, "[verify] a refresh of weights that are public");
  if (proof.from == proof.to) return fail(Code::rejected, "[verify] a refresh from a commitment to itself");
  Proof revealed;
  revealed.secrecy = proof.secrecy;
  revealed.revealed = proof.revealed;
  KOINON_TRY(const auto view, view_of(program, revealed));
  KOINON_TRY(const auto costs, cost(view, proof.secrecy));
  const auto& layout = costs.layout;
  if (layout.weight_cells == 0) return fail(Code::rejected, "[verify] the program has no weights that can be hidden");
  const std::size_t columns = layout.weight_columns();
  if (refresh_soundness(layout.params, cells_log(layout), 2 * columns + kMaskColumns).total_bits < kSoundnessBits)
    return fail(Code::unsupported, "[verify] the program is too large for {} bits of soundness", kSoundnessBits);
  Transcript transcript(kRefreshProtocol);
  absorb_refresh(transcript, proof, layout);
  const auto weights = difference_weights(layout, transcript);
  const std::array<OracleClaim, 3> claims{OracleClaim{OracleKind::weights, proof.from, columns},
                                          OracleClaim{OracleKind::weights, proof.to, columns},
                                          OracleClaim{OracleKind::auxiliary, proof.auxiliary_root, kMaskColumns}};
  return verify_opening(layout.params, claims, weights, Ext(), proof.opening, transcript);
}

}  // namespace koinon::trust::proof
