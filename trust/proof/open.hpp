#pragma once
#include "trust/proof/commit.hpp"
#include "trust/proof/transcript.hpp"

namespace koinon::trust::proof {

inline constexpr std::size_t kMaskColumns = 9;  ///< three random columns over F, the last of the auxiliary oracle

/// Opened places of one oracle, in ascending order of the distinct places drawn.
struct OracleOpening {
  std::vector<Row> rows;
  std::vector<base::Hash> siblings;
  friend bool operator==(const OracleOpening&, const OracleOpening&) = default;
};
/// Opened cosets of one layer: 2^(variables folded) elements each, in ascending order of the distinct cosets.
struct LayerOpening {
  std::vector<std::vector<Ext>> cosets;
  std::vector<base::Hash> siblings;
  friend bool operator==(const LayerOpening&, const LayerOpening&) = default;
};

/// Shows that sum over all columns and rows of column * weight is what is claimed. Field order is transcript order.
struct OpeningProof {
  Ext mask_sum;
  std::vector<std::array<Ext, 2>> product_rounds;  ///< rows_log messages p(0), p(2)
  std::vector<Ext> columns;  ///< at the point of the sumcheck: each column but the masks, then the three masks as elements of F
  std::vector<base::Hash> layer_roots;
  std::vector<std::array<Ext, 2>> fold_rounds;  ///< the folded word's two halves, at the rest of the point
  std::vector<Ext> last;                        ///< the folded word, in full
  std::uint64_t nonce = 0;
  std::vector<OracleOpening> oracles;
  std::vector<LayerOpening> layers;
  friend bool operator==(const OpeningProof&, const OpeningProof&) = default;
};

/// Number of variables folded after each layer: their sum and kFinalLog or less make rows_log.
std::vector<unsigned> fold_plan(unsigned rows_log);

/// The prover's side. `oracles` in transcript order, the auxiliary one last, its last kMaskColumns columns random and their
/// weights zero. `weights` [all columns, rows], used as work space. Errors: exhausted when the random padding does not hide
/// (probability below 2^-58: draw it anew).
base::Result<OpeningProof> prove_opening(const Params& params, std::span<const Oracle* const> oracles, std::vector<Ext> weights,
                                         Transcript& transcript, base::ThreadPool* pool);

/// What the verifier knows of an oracle.
struct OracleClaim {
  OracleKind kind = OracleKind::witness;
  base::Hash root;
  std::size_t columns = 0;
};

/// The verifier's side: `weights` as above. Errors: rejected, naming the check that failed.
base::Status verify_opening(const Params& params, std::span<const OracleClaim> oracles, std::span<const Ext> weights,
                            const Ext& sum, const OpeningProof& proof, Transcript& transcript);

}  // namespace koinon::trust::proof
