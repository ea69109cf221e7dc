#include "trust/proof/claims.hpp"
#include "trust/proof/parallel.hpp"

namespace koinon::trust::proof {
namespace {

/// Columns of `count` cells with random pads, where cell i holds value(i).
template <class F>
std::vector<Fp> columns_of(const Layout& layout, std::size_t columns, std::uint32_t pads, std::size_t count,
                           base::Random& random, F&& value) {
  const std::size_t rows = layout.params.rows();
  std::vector<Fp> out(columns * rows);
  for (std::size_t c = 0; c < columns; ++c) fill_random(random, std::span(out).subspan((c + 1) * rows - pads, pads));
  for (std::size_t i = 0; i < count; ++i) out[layout.place(i, pads)] = value(i);
  return out;
}

std::vector<Fp> cells_of(const Layout& layout, const Circuit& circuit, Home home, std::size_t columns, std::uint32_t pads,
                         base::Random& random) {
  std::vector<Fp> cells(circuit.cells(home));
  for (Var var = 0; var < circuit.values().size(); ++var)
    if (circuit.home(var) == home) cells[circuit.cell(var)] = circuit.value(var);
  return columns_of(layout, columns, pads, cells.size(), random, [&](std::size_t i) { return cells[i]; });
}

Ext element(const Circuit& circuit, Var first) {
  return {circuit.value(first), circuit.value(first + 1), circuit.value(first + 2)};
}

/// Draws what hides: pairs of random elements with their product, and the masks.
void draw_hiding(Circuit& circuit, base::Random& random) {
  std::vector<Fp> drawn(circuit.values().size() - circuit.random_from());
  fill_random(random, drawn);
  for (std::size_t i = 0; i < drawn.size(); ++i) circuit.set(static_cast<Var>(circuit.random_from() + i), drawn[i]);
  const auto tie = [&](Var first) {
    const Ext product = element(circuit, first) * element(circuit, first + 3);
    for (Var k = 0; k < 3; ++k) circuit.set(first + 6 + k, product.c[k]);
  };
  tie(circuit.hiding_row());
  for (const auto& form : circuit.bilinears()) tie(form.hide);
}

MaskPolynomial mask_of(const Circuit& circuit, Var first, unsigned degree, unsigned variables) {
  MaskPolynomial out{degree, {}};
  for (std::size_t i = 0; i < mask_size(degree, variables); ++i)
    out.coefficients.push_back(element(circuit, first + static_cast<Var>(3 * i)));
  return out;
}

/// alpha minus the fingerprint of each lookup.
std::vector<Ext> lookup_denominators(const Circuit& circuit, const Coins& coins, base::ThreadPool* pool) {
  std::vector<Ext> out(circuit.lookups());
  in_chunks(pool, out.size(), 1024, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t j = begin; j < end; ++j) {
      const auto& lookup = circuit.lookup_rows()[j];
      out[j] = coins.alpha - fingerprint(lookup.table, circuit.evaluate(lookup.x, circuit.values()),
                                         circuit.evaluate(lookup.y, circuit.values()), coins.beta);
    }
  });
  return out;
}

/// The factors a and b of every row, padded with zeros.
std::array<std::vector<Ext>, 2> row_factors(const Circuit& circuit, const std::vector<Ext>& inverses,
                                            const std::vector<Ext>& denominators) {
  std::array<std::vector<Ext>, 2> out;
  for (auto& factor : out) factor.reserve(std::size_t{1} << circuit.rows_log());
  for (const auto& product : circuit.products()) {
    out[0].emplace_back(circuit.evaluate(product.a, circuit.values()));
    out[1].emplace_back(circuit.evaluate(product.b, circuit.values()));
  }
  const auto hiding = [&](Var first) {
    out[0].push_back(element(circuit, first));
    out[1].push_back(element(circuit, first + 3));
  };
  hiding(circuit.hiding_row());
  for (const auto& form : circuit.bilinears()) hiding(form.hide);
  out[0].insert(out[0].end(), inverses.begin(), inverses.end());
  out[1].insert(out[1].end(), denominators.begin(), denominators.end());
  for (auto& factor : out) factor.resize(std::size_t{1} << circuit.rows_log());
  return out;
}

/// The factor of a bilinear form, its outer index bound to `point`, with the hiding element after the inner ones.
std::vector<Ext> form_factor(const Circuit& circuit, const Bilinear& form, const std::vector<Var>& vars, std::size_t count,
                             std::span<const Ext> point, Var hide, base::ThreadPool* pool) {
  const auto outer = eq_table(point);
  std::vector<Ext> out(std::size_t{1} << form.inner_log());
  in_chunks(pool, form.inner, 128, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = 0; i < count; ++i)
      for (std::size_t l = begin; l < end; ++l) out[l] += outer[i] * circuit.value(vars[i * form.inner + l]);
  });
  out[form.inner] = element(circuit, hide);
  return out;
}

}  // namespace

base::Status Watch::at(std::string_view stage) const {
  if (ended && ended()) return base::fail(base::Code::cancelled, "[prove] ended before {}", stage);
  if (tell) tell(stage);
  return {};
}

std::vector<Fp> weight_messages(const Layout& layout, const Circuit& circuit, base::Random& random) {
  return cells_of(layout, circuit, Home::weight, layout.weight_columns(), layout.params.weight_pads, random);
}

base::Result<Argument> prove_circuit(const Layout& layout, Circuit circuit, const Oracle* weights, base::Random& random,
                                     Transcript& transcript, base::ThreadPool* pool, const Watch& watch) {
  KOINON_CHECK(watch.at("committing to the values"));
  const Encoder encoder(layout.params.rows_log, kRateLog);
  Argument out;
  Coins coins;
  draw_hiding(circuit, random);
  const Oracle witness(OracleKind::witness, encoder,
                       cells_of(layout, circuit, Home::witness, layout.witness_columns(), layout.params.pads, random), random,
                       pool);
  out.witness_root = witness.root();
  transcript.absorb("witness", out.witness_root.view());
  coins.alpha = transcript.challenge("alpha");
  coins.beta = transcript.challenge("beta");

  KOINON_CHECK(watch.at("committing to the lookups"));
  const auto denominators = lookup_denominators(circuit, coins, pool);
  auto inverses = denominators;
  in_chunks(pool, inverses.size(), 1024, [&](std::size_t, std::size_t begin, std::size_t end) {
    invert_all(std::span(inverses).subspan(begin, end - begin));
    for (std::size_t j = begin; j < end; ++j)
      if (const auto& row = circuit.lookup_rows()[j]; row.supplied)
        inverses[j] = inverses[j] * circuit.evaluate(row.times, circuit.values());
  });
  auto auxiliary_cells =
      columns_of(layout, layout.auxiliary_columns() - kMaskColumns, layout.params.pads, 3 * inverses.size(), random,
                 [&](std::size_t i) { return inverses[i % inverses.size()].c[i / inverses.size()]; });
  std::vector<Fp> masks(kMaskColumns * layout.params.rows());
  fill_random(random, masks);
  auxiliary_cells.insert(auxiliary_cells.end(), masks.begin(), masks.end());
  const Oracle auxiliary(OracleKind::auxiliary, encoder, std::move(auxiliary_cells), random, pool);
  out.auxiliary_root = auxiliary.root();
  transcript.absorb("auxiliary", out.auxiliary_root.view());

  KOINON_CHECK(watch.at("sumchecks"));
  coins.tau = transcript.challenges("tau", circuit.rows_log());
  auto [a, b] = row_factors(circuit, inverses, denominators);
  std::tie(out.rows, coins.rows_point) =
      prove_sumcheck({eq_table(coins.tau), std::move(a), std::move(b)}, mask_of(circuit, circuit.mask(), 3, circuit.rows_log()),
                     kRowLabels, transcript, pool);
  for (const auto& form : circuit.bilinears()) {
    coins.form_tau.push_back(transcript.challenges("form.tau", form_rows_log(form) + form_columns_log(form)));
    const auto tau = std::span<const Ext>(coins.form_tau.back());
    auto left = form_factor(circuit, form, form.left, form.rows, tau.first(form_rows_log(form)), form.hide, pool);
    auto right = form_factor(circuit, form, form.right, form.columns, tau.subspan(form_rows_log(form)), form.hide + 3, pool);
    auto [proof, point] = prove_sumcheck({std::move(left), std::move(right)}, mask_of(circuit, form.mask, 2, form.inner_log()),
                                         kFormLabels, transcript, pool);
    out.forms.push_back(std::move(proof));
    coins.form_point.push_back(std::move(point));
  }
  KOINON_CHECK(watch.at("opening the commitments"));
  coins.lambda = transcript.challenge("lambda");
  auto claim = combine_claims(layout, circuit, coins, out);
  std::vector<const Oracle*> oracles;
  if (weights != nullptr) oracles.push_back(weights);
  oracles.push_back(&witness);
  oracles.push_back(&auxiliary);
  KOINON_TRY(out.opening, prove_opening(layout.params, oracles, std::move(claim.weights), transcript, pool));
  return out;
}

}  // namespace koinon::trust::proof
