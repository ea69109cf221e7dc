#include "trust/proof/argument.hpp"

#include "trust/proof/claims.hpp"
#include "trust/proof/multilinear.hpp"
#include "trust/proof/open_common.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;

std::uint64_t estimated_bytes(const Layout& layout) {
  const std::uint64_t queries = layout.params.queries;
  const unsigned depth = layout.params.rows_log + kRateLog;
  const auto path = [&](unsigned levels) { return levels > 7 ? std::uint64_t{32} * (levels - 7) + 32 : 32; };
  const std::uint64_t oracles = layout.weight_cells > 0 ? 3 : 2;
  std::uint64_t each = oracles * (kSaltSize + path(depth)) + 8 * layout.columns();
  unsigned bits = depth;
  for (const auto fold : fold_plan(layout.params.rows_log)) {
    each += (std::uint64_t{24} << fold) + path(bits - fold);
    bits -= fold;
  }
  return queries * each + 24 * layout.columns() + 4096;
}

Layout choose_layout(const Circuit& circuit) {
  Layout best;
  std::uint64_t least = ~std::uint64_t{0};
  for (unsigned log = kMinRowsLog; log <= kMaxRowsLog; ++log) {
    Layout layout;
    layout.params.rows_log = log;
    layout.params.pads = layout.params.queries + 16;
    layout.params.weight_pads = kWeightPads;
    layout.weight_cells = circuit.cells(Home::weight);
    layout.witness_cells = circuit.cells(Home::witness);
    layout.lookups = circuit.lookups();
    if (layout.params.rows() < 2 * (layout.weight_cells > 0 ? kWeightPads : layout.params.pads)) continue;
    const std::uint64_t committed = layout.params.rows() * (layout.witness_columns() + layout.auxiliary_columns());
    const std::uint64_t cost = estimated_bytes(layout) + committed / 2;  // a cell costs what half a byte does
    if (cost < least) {
      least = cost;
      best = layout;
    }
  }
  return best;
}

namespace {

base::Status check_sizes(const Circuit& circuit, const Argument& argument) {
  const auto bad = [](std::size_t have, std::size_t want) {
    return fail(Code::rejected, "[verify] a sumcheck has {} messages: {} expected", have, want);
  };
  if (argument.rows.messages.size() != std::size_t{3} * circuit.rows_log())
    return bad(argument.rows.messages.size(), std::size_t{3} * circuit.rows_log());
  if (argument.forms.size() != circuit.bilinears().size())
    return fail(Code::rejected, "[verify] {} bilinear forms: {} expected", argument.forms.size(), circuit.bilinears().size());
  for (std::size_t i = 0; i < argument.forms.size(); ++i)
    if (argument.forms[i].messages.size() != std::size_t{2} * circuit.bilinears()[i].inner_log())
      return bad(argument.forms[i].messages.size(), std::size_t{2} * circuit.bilinears()[i].inner_log());
  return {};
}

std::vector<OracleClaim> oracle_claims(const Layout& layout, const base::Hash& weight_root, const Argument& argument) {
  std::vector<OracleClaim> out;
  if (layout.weight_cells > 0) out.push_back({OracleKind::weights, weight_root, layout.weight_columns()});
  out.push_back({OracleKind::witness, argument.witness_root, layout.witness_columns()});
  out.push_back({OracleKind::auxiliary, argument.auxiliary_root, layout.auxiliary_columns()});
  return out;
}

/// The coins of an argument, up to lambda. `checked`: with the checks of its sumchecks' ends. Errors: rejected.
base::Result<Coins> follow_messages(const Circuit& circuit, const Argument& argument, Transcript& transcript, bool checked) {
  Coins coins;
  transcript.absorb("witness", argument.witness_root.view());
  coins.alpha = transcript.challenge("alpha");
  coins.beta = transcript.challenge("beta");
  transcript.absorb("auxiliary", argument.auxiliary_root.view());
  coins.tau = transcript.challenges("tau", circuit.rows_log());
  auto rows = follow_sumcheck(argument.rows, 3, circuit.rows_log(), kRowLabels, transcript);
  const auto& [a, b] = argument.rows.values;
  if (checked && !(eq_value(coins.tau, rows.point) * a * b + argument.rows.mask == rows.claim))
    return fail(Code::rejected, "[verify] rows: the factors do not multiply to the sumcheck's claim");
  coins.rows_point = std::move(rows.point);
  for (std::size_t i = 0; i < circuit.bilinears().size(); ++i) {
    const auto& form = circuit.bilinears()[i];
    coins.form_tau.push_back(transcript.challenges("form.tau", form_rows_log(form) + form_columns_log(form)));
    auto end = follow_sumcheck(argument.forms[i], 2, form.inner_log(), kFormLabels, transcript);
    const auto& values = argument.forms[i].values;
    if (checked && !(values[0] * values[1] + argument.forms[i].mask == end.claim))
      return fail(Code::rejected, "[verify] form {}: the factors do not multiply to the sumcheck's claim", i);
    coins.form_point.push_back(std::move(end.point));
  }
  coins.lambda = transcript.challenge("lambda");
  return coins;
}

}  // namespace

base::Status verify_circuit(const Layout& layout, const Circuit& circuit, const base::Hash& weight_root,
                            const Argument& argument, Transcript& transcript) {
  KOINON_CHECK(check_sizes(circuit, argument));
  KOINON_TRY(const auto coins, follow_messages(circuit, argument, transcript, true));
  const auto claim = combine_claims(layout, circuit, coins, argument);
  return verify_opening(layout.params, oracle_claims(layout, weight_root, argument), claim.weights, claim.sum, argument.opening,
                        transcript);
}

Reduction reduce_argument(const Layout& layout, const Circuit& circuit, const Argument& argument, Transcript& transcript) {
  const auto coins = follow_messages(circuit, argument, transcript, false);
  KOINON_INVARIANT(coins.has_value());
  const auto claim = combine_claims(layout, circuit, *coins, argument);
  Reduction out{claim.constant, {}, {}, {}};
  const auto& opening = argument.opening;
  transcript.absorb("open.mask", std::span(&opening.mask_sum, 1));
  (void)transcript.challenge("open.rho");
  for (const auto& message : opening.product_rounds) {
    transcript.absorb("open.product", message);
    out.point.push_back(transcript.challenge("open.point"));
  }
  transcript.absorb("open.columns", opening.columns);
  (void)transcript.challenge("open.gamma");
  std::size_t round = 0, layer = 0;
  for (const auto fold : fold_plan(layout.params.rows_log)) {
    transcript.absorb("open.layer", opening.layer_roots[layer++].view());
    for (unsigned k = 0; k < fold; ++k) {
      transcript.absorb("open.fold", opening.fold_rounds[round++]);
      (void)transcript.challenge("open.r");
    }
  }
  transcript.absorb("open.last", opening.last);
  (void)transcript.work(layout.params.work_bits, opening.nonce);
  out.places = distinct(transcript.positions("open.places", layout.params.queries, layout.params.rows_log + kRateLog));
  const auto eq = eq_table(out.point);
  const std::size_t rows = layout.params.rows();
  for (std::size_t c = 0; c + kMaskColumns < layout.columns(); ++c)
    for (std::size_t i = 0; i < rows; ++i) out.value += claim.weights[c * rows + i] * eq[i] * opening.columns[c];
  return out;
}

}  // namespace koinon::trust::proof
