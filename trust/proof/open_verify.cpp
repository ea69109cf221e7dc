#include <algorithm>

#include "trust/proof/multilinear.hpp"
#include "trust/proof/open_common.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;

namespace {

/// What the folding phase leaves for the queries.
struct Folding {
  Ext gamma;
  std::vector<Ext> challenges;  ///< one a variable
};

std::size_t all_columns(std::span<const OracleClaim> oracles) {
  std::size_t out = 0;
  for (const auto& oracle : oracles) out += oracle.columns;
  return out;
}

base::Status check_sizes(const Params& params, std::span<const OracleClaim> oracles, const OpeningProof& proof) {
  const auto plan = fold_plan(params.rows_log);
  unsigned folded = 0;
  for (const auto fold : plan) folded += fold;
  const bool good = proof.product_rounds.size() == params.rows_log &&
                    proof.columns.size() == all_columns(oracles) - kMaskColumns + 3 &&
                    proof.layer_roots.size() == plan.size() && proof.fold_rounds.size() == folded &&
                    proof.last.size() == std::size_t{1} << (params.rows_log - folded) &&
                    proof.oracles.size() == oracles.size() && proof.layers.size() == plan.size();
  if (!good) return fail(Code::rejected, "[verify] opening: sizes are not those of the parameters");
  return {};
}

/// The sumcheck over rows; returns its point.
base::Result<std::vector<Ext>> check_product(const Params& params, std::span<const Ext> weights, const Ext& sum,
                                             const OpeningProof& proof, Transcript& transcript) {
  const std::size_t rows = params.rows();
  transcript.absorb("open.mask", std::span(&proof.mask_sum, 1));
  const Ext rho = transcript.challenge("open.rho");
  Ext claim = sum + rho * proof.mask_sum;
  std::vector<Ext> point;
  for (const auto& message : proof.product_rounds) {
    transcript.absorb("open.product", message);
    point.push_back(transcript.challenge("open.point"));
    claim = round_value(message, claim, point.back());
  }
  transcript.absorb("open.columns", proof.columns);
  const auto eq = eq_table(point);
  Ext expected;
  const std::size_t plain = proof.columns.size() - 3;
  for (std::size_t c = 0; c < plain; ++c) {
    const auto column = weights.subspan(c * rows, rows);
    Ext weight;
    for (std::size_t i = 0; i < rows; ++i)
      if (!column[i].is_zero()) weight += column[i] * eq[i];
    expected += weight * proof.columns[c];
  }
  Ext second = rho;  // the second mask's weight, 2^(ones of x), at the point
  for (const auto& r : point) second *= Ext(Fp(1)) + r;
  expected += rho * proof.columns[plain] + second * proof.columns[plain + 1];
  if (!(expected == claim)) return fail(Code::rejected, "[verify] opening: the columns do not add up to the claimed sum");
  return point;
}

base::Result<Folding> check_folding(const Params& params, const std::vector<Ext>& point, const OpeningProof& proof,
                                    Transcript& transcript) {
  Folding out;
  out.gamma = transcript.challenge("open.gamma");
  Ext claim, scale(Fp(1));
  for (const auto& column : proof.columns) {
    claim += scale * column;
    scale *= out.gamma;
  }
  std::size_t round = 0, layer = 0;
  for (const auto fold : fold_plan(params.rows_log)) {
    transcript.absorb("open.layer", proof.layer_roots[layer++].view());
    for (unsigned k = 0; k < fold; ++k, ++round) {
      const auto& halves = proof.fold_rounds[round];
      if (!(halves[0] + point[round] * (halves[1] - halves[0]) == claim))
        return fail(Code::rejected, "[verify] opening: folding round {} does not continue its claim", round);
      transcript.absorb("open.fold", halves);
      out.challenges.push_back(transcript.challenge("open.r"));
      claim = halves[0] + out.challenges.back() * (halves[1] - halves[0]);
    }
  }
  transcript.absorb("open.last", proof.last);
  if (!(evaluate(proof.last, std::span(point).subspan(round)) == claim))
    return fail(Code::rejected, "[verify] opening: the last word does not continue its claim");
  return out;
}

/// Place of a folded word from a coset of the word: one challenge a halving. z is the domain point of the coset's first place.
Ext fold_coset(std::vector<Ext> coset, std::size_t place, unsigned bits, std::span<const Ext> challenges) {
  const Fp half = inverse(Fp(2));
  for (const auto& r : challenges) {
    for (std::size_t i = 0; i < coset.size() / 2; ++i) {
      const Fp z = domain_point(place * coset.size() + 2 * i, bits);
      const Ext even = (coset[2 * i] + coset[2 * i + 1]) * half;
      const Ext odd = (coset[2 * i] - coset[2 * i + 1]) * (half * inverse(z));
      coset[i] = even + r * (odd - even);
    }
    coset.resize(coset.size() / 2);
    --bits;
  }
  return coset[0];
}

std::size_t index_of(const std::vector<std::uint32_t>& places, std::size_t place) {
  return static_cast<std::size_t>(std::lower_bound(places.begin(), places.end(), place) - places.begin());
}

base::Status check_oracles(const Params& params, std::span<const OracleClaim> oracles, const std::vector<std::uint32_t>& places,
                           const OpeningProof& proof) {
  for (std::size_t o = 0; o < oracles.size(); ++o) {
    const auto& opening = proof.oracles[o];
    std::vector<base::Hash> leaves;
    for (const auto& row : opening.rows) {
      if (row.symbols.size() != oracles[o].columns) return fail(Code::rejected, "[verify] oracle {}: wrong row size", o);
      leaves.push_back(row_hash(oracles[o].kind, row));
    }
    if (!opens(oracles[o].root, params.rows_log + kRateLog, places, std::move(leaves), opening.siblings))
      return fail(Code::rejected, "[verify] oracle {}: the opened places are not those committed to", o);
  }
  return {};
}

/// The combination of all columns at each opened place.
std::vector<Ext> combined_rows(const OpeningProof& proof, const Ext& gamma) {
  std::size_t columns = 0;
  for (const auto& opening : proof.oracles) columns += opening.rows[0].symbols.size();
  const auto scales = column_scales(columns, gamma);
  std::vector<Ext> out(proof.oracles[0].rows.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::size_t column = 0;
    for (const auto& opening : proof.oracles)
      for (const auto symbol : opening.rows[i].symbols) out[i] += scales[column++] * symbol;
  }
  return out;
}

base::Status check_layers(const Params& params, std::vector<std::uint32_t> places, const OpeningProof& proof,
                          const Folding& folding) {
  std::vector<Ext> expected = combined_rows(proof, folding.gamma);  // of the next layer, at `places`
  unsigned bits = params.rows_log + kRateLog;
  std::size_t variable = 0, layer = 0;
  for (const auto fold : fold_plan(params.rows_log)) {
    const auto& opening = proof.layers[layer];
    const std::size_t size = std::size_t{1} << fold;
    std::vector<std::uint32_t> cosets(places);
    for (auto& place : cosets) place = static_cast<std::uint32_t>(place / size);
    cosets = distinct(std::move(cosets));
    if (opening.cosets.size() != cosets.size()) return fail(Code::rejected, "[verify] layer {}: wrong number of cosets", layer);
    std::vector<base::Hash> leaves;
    for (const auto& coset : opening.cosets) {
      if (coset.size() != size) return fail(Code::rejected, "[verify] layer {}: wrong coset size", layer);
      leaves.push_back(coset_hash(coset));
    }
    if (!opens(proof.layer_roots[layer], bits - fold, cosets, std::move(leaves), opening.siblings))
      return fail(Code::rejected, "[verify] layer {}: the opened cosets are not those committed to", layer);
    for (std::size_t i = 0; i < places.size(); ++i)
      if (!(opening.cosets[index_of(cosets, places[i] / size)][places[i] % size] == expected[i]))
        return fail(Code::rejected, "[verify] layer {}: place {} is not the fold of the one before", layer, places[i]);
    expected.clear();
    for (std::size_t i = 0; i < cosets.size(); ++i)
      expected.push_back(fold_coset(opening.cosets[i], cosets[i], bits, std::span(folding.challenges).subspan(variable, fold)));
    places = std::move(cosets);
    bits -= fold;
    variable += fold;
    ++layer;
  }
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Fp z = domain_point(places[i], bits);
    Ext value;
    for (std::size_t k = proof.last.size(); k-- > 0;) value = value * z + proof.last[k];
    if (!(value == expected[i])) return fail(Code::rejected, "[verify] the last word is not the fold of the last layer");
  }
  return {};
}

}  // namespace

base::Status verify_opening(const Params& params, std::span<const OracleClaim> oracles, std::span<const Ext> weights,
                            const Ext& sum, const OpeningProof& proof, Transcript& transcript) {
  KOINON_INVARIANT(weights.size() == all_columns(oracles) * params.rows());
  KOINON_CHECK(check_sizes(params, oracles, proof));
  KOINON_TRY(const auto point, check_product(params, weights, sum, proof, transcript));
  KOINON_TRY(const auto folding, check_folding(params, point, proof, transcript));
  if (!transcript.work(params.work_bits, proof.nonce)) return fail(Code::rejected, "[verify] opening: the nonce is no work");
  const auto places = distinct(transcript.positions("open.places", params.queries, params.rows_log + kRateLog));
  for (const auto& opening : proof.oracles)
    if (opening.rows.size() != places.size()) return fail(Code::rejected, "[verify] opening: wrong number of rows");
  KOINON_CHECK(check_oracles(params, oracles, places, proof));
  return check_layers(params, places, proof, folding);
}

}  // namespace koinon::trust::proof
