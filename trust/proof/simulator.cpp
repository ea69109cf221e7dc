#include "trust/proof/simulator.hpp"

#include <algorithm>

#include "trust/proof/claims.hpp"
#include "trust/proof/open_common.hpp"

namespace koinon::trust::proof {
namespace {

/// Every coin of a run, drawn before anything is said.
struct AllCoins {
  Coins coins;
  Ext rho, gamma;
  std::vector<Ext> point;  ///< of the sumcheck over the oracles' rows
  std::vector<std::uint32_t> places;
};

AllCoins draw_coins(const Layout& layout, const Circuit& circuit, std::uint64_t seed) {
  base::SeededRandom source(seed);
  Transcript draws("", source);
  const auto points = [&](unsigned count) {
    std::vector<Ext> out;
    for (unsigned i = 0; i < count; ++i) out.push_back(draws.challenge(""));
    return out;
  };
  AllCoins out;
  out.coins.alpha = draws.challenge("");
  out.coins.beta = draws.challenge("");
  out.coins.tau = draws.challenges("", circuit.rows_log());
  out.coins.rows_point = points(circuit.rows_log());
  for (const auto& form : circuit.bilinears()) {
    out.coins.form_tau.push_back(draws.challenges("", form_rows_log(form) + form_columns_log(form)));
    out.coins.form_point.push_back(points(form.inner_log()));
  }
  out.coins.lambda = draws.challenge("");
  out.rho = draws.challenge("");
  out.point = points(layout.params.rows_log);
  out.gamma = draws.challenge("");
  for (const auto fold : fold_plan(layout.params.rows_log)) points(fold);
  out.places = distinct(draws.positions("", layout.params.queries, layout.params.rows_log + kRateLog));
  return out;
}

class Simulator {
 public:
  Simulator(const Layout& layout, const Circuit& circuit, std::uint64_t coins, base::Random& random)
      : layout_(layout), circuit_(circuit), random_(random), seed_(coins), all_(draw_coins(layout, circuit, coins)) {}

  Simulated run() {
    out_.argument.rows = sumcheck(3, all_.coins.rows_point, eq_value(all_.coins.tau, all_.coins.rows_point));
    for (std::size_t i = 0; i < circuit_.bilinears().size(); ++i)
      out_.argument.forms.push_back(sumcheck(2, all_.coins.form_point[i], Ext(Fp(1))));
    open_rows();
    fold();
    open_oracles();
    return std::move(out_);
  }

 private:
  Fp number() {
    Fp out;
    fill_random(random_, std::span(&out, 1));
    return out;
  }
  Ext element() { return {number(), number(), number()}; }

  /// Uniform messages; the mask's value is what the last check asks for: scale * a * b + mask.
  SumcheckProof sumcheck(unsigned degree, const std::vector<Ext>& point, const Ext& scale) {
    SumcheckProof out;
    out.total = element();
    Ext claim = out.total;
    for (const auto& r : point) {
      std::vector<Ext> message;
      for (unsigned k = 0; k < degree; ++k) message.push_back(element());
      claim = round_value(message, claim, r);
      out.messages.insert(out.messages.end(), message.begin(), message.end());
    }
    out.values = {element(), element()};
    out.mask = claim - scale * out.values[0] * out.values[1];
    return out;
  }

  /// The sumcheck over the oracles' rows; the second mask's value is what the last check asks for.
  void open_rows() {
    auto& opening = out_.argument.opening;
    const auto claim = combine_claims(layout_, circuit_, all_.coins, out_.argument);
    opening.mask_sum = element();
    Ext sum = claim.sum + all_.rho * opening.mask_sum;
    for (const auto& r : all_.point) {
      opening.product_rounds.push_back({element(), element()});
      sum = round_value(opening.product_rounds.back(), sum, r);
    }
    const auto eq = eq_table(all_.point);
    const std::size_t rows = layout_.params.rows();
    for (std::size_t c = 0; c + kMaskColumns < layout_.columns(); ++c) {
      opening.columns.push_back(element());
      Ext weight;
      for (std::size_t i = 0; i < rows; ++i) weight += claim.weights[c * rows + i] * eq[i];
      sum -= weight * opening.columns.back();
    }
    const Ext first = element(), third = element();
    Ext second = all_.rho;
    for (const auto& r : all_.point) second *= Ext(Fp(1)) + r;
    opening.columns.insert(opening.columns.end(), {first, (sum - all_.rho * first) * inverse(second), third});
  }

  /// A uniform word whose value at the point is the claimed one, folded as the prover folds.
  void fold() {
    auto& opening = out_.argument.opening;
    Ext claim, scale(Fp(1));
    for (const auto& column : opening.columns) {
      claim += scale * column;
      scale *= all_.gamma;
    }
    std::vector<Ext> word(layout_.params.rows());
    for (auto& value : word) value = element();
    word[0] += (claim - evaluate(word, all_.point)) * inverse(eq_table(all_.point)[0]);
    base::SeededRandom source(seed_);
    Transcript transcript("", source);
    skip_coins(transcript);
    folding_ = fold_word(layout_.params, std::move(word), all_.point, transcript, nullptr);
    opening.layer_roots = folding_.roots;
    opening.fold_rounds = folding_.rounds;
    opening.last = folding_.last;
    opening.layers = open_layers(folding_);
  }

  /// Brings a transcript to where the folding's coins are drawn.
  void skip_coins(Transcript& transcript) const {
    const auto& coins = all_.coins;
    std::size_t count = 2 + 2 * coins.tau.size() + 3 + all_.point.size();  // alpha, beta; lambda, rho, gamma
    for (const auto& tau : coins.form_tau) count += tau.size();
    for (const auto& point : coins.form_point) count += point.size();
    (void)transcript.challenges("", count);
  }

  /// Rows at the places drawn: uniform, but the third mask is what the folded word asks for. Leaves that are not opened are
  /// hashes of nothing.
  void open_oracles() {
    auto& opening = out_.argument.opening;
    const auto scales = column_scales(layout_.columns(), all_.gamma);
    const std::size_t free = layout_.columns() - 3;
    std::vector<std::vector<Fp>> symbols;
    for (const auto place : folding_.places) {
      auto& row = symbols.emplace_back();
      Ext rest = folding_.layers[0].word[place];
      for (std::size_t c = 0; c < free; ++c) {
        row.push_back(number());
        rest -= scales[c] * row.back();
      }
      rest *= inverse(scales[free]);
      row.insert(row.end(), rest.c.begin(), rest.c.end());
    }
    std::size_t first = 0;
    const auto oracle = [&](OracleKind kind, std::size_t columns) {
      OracleOpening made;
      for (const auto& row : symbols) {
        const auto begin = row.begin() + static_cast<std::ptrdiff_t>(first);
        Row opened{{}, {begin, begin + static_cast<std::ptrdiff_t>(columns)}};
        random_.fill(opened.salt);
        made.rows.push_back(std::move(opened));
      }
      first += columns;
      const Tree tree(leaves(kind, made));
      made.siblings = tree.open(folding_.places);
      opening.oracles.push_back(std::move(made));
      return tree.root();
    };
    if (layout_.weight_cells > 0) out_.weight_root = oracle(OracleKind::weights, layout_.weight_columns());
    out_.argument.witness_root = oracle(OracleKind::witness, layout_.witness_columns());
    out_.argument.auxiliary_root = oracle(OracleKind::auxiliary, layout_.auxiliary_columns());
  }

  std::vector<base::Hash> leaves(OracleKind kind, const OracleOpening& opened) {
    std::vector<base::Hash> out(layout_.params.rows() << kRateLog);
    for (auto& leaf : out) leaf = random_.hash();
    for (std::size_t i = 0; i < opened.rows.size(); ++i) out[folding_.places[i]] = row_hash(kind, opened.rows[i]);
    return out;
  }

  const Layout& layout_;
  const Circuit& circuit_;
  base::Random& random_;
  std::uint64_t seed_;
  AllCoins all_;
  FoldedWord folding_;
  Simulated out_;
};

}  // namespace

Simulated simulate_argument(const Layout& layout, const Circuit& circuit, std::uint64_t coins, base::Random& random) {
  return Simulator(layout, circuit, coins, random).run();
}

}  // namespace koinon::trust::proof
