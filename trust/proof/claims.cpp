#include "trust/proof/claims.hpp"

#include <bit>

namespace koinon::trust::proof {

unsigned form_rows_log(const Bilinear& form) { return static_cast<unsigned>(std::bit_width(form.rows - 1)); }
unsigned form_columns_log(const Bilinear& form) { return static_cast<unsigned>(std::bit_width(form.columns - 1)); }

Ext fingerprint(std::uint32_t table, Fp x, Fp y, const Ext& beta) { return Ext(Fp(table)) + beta * x + beta * beta * y; }

namespace {

/// Collects linear claims: a form over variables, one over the lookups' inverses, and the sum that they must have.
class Collector {
 public:
  Collector(const Circuit& circuit, const Coins& coins) : circuit_(circuit), coins_(coins), inverses_(circuit.lookups()) {
    form_.of.resize(circuit.values().size());
  }

  /// Begins the next claim, whose value is `value`.
  void claim(const Ext& value) {
    scale_ = claims_++ == 0 ? Ext(Fp(1)) : scale_ * coins_.lambda;
    sum_ += scale_ * value;
  }
  [[nodiscard]] const Ext& scale() const { return scale_; }
  void add(Var var, const Ext& weight) { form_.of[var] += weight; }
  void add(const Circuit::Form& form, const Ext& weight) {
    for (const auto& term : circuit_.terms(form)) form_.of[term.var] += weight * term.coefficient;
    form_.constant += weight * form.constant;
  }
  /// Three cells that make an element of F.
  void add_element(Var first, const Ext& weight) {
    for (std::size_t k = 0; k < 3; ++k) form_.of[first + k] += weight * basis(k);
  }
  void add_constant(const Ext& weight) { form_.constant += weight; }
  void add_inverse(std::size_t lookup, const Ext& weight) { inverses_[lookup] += weight; }
  void add_mask(Var first, std::span<const Ext> weights) {
    for (std::size_t i = 0; i < weights.size(); ++i) add_element(first + static_cast<Var>(3 * i), scale_ * weights[i]);
  }

  CombinedClaim finish(const Layout& layout);

 private:
  const Circuit& circuit_;
  const Coins& coins_;
  LinearForm form_;
  std::vector<Ext> inverses_;
  Ext sum_, scale_;
  std::size_t claims_ = 0;
};

CombinedClaim Collector::finish(const Layout& layout) {
  const auto& steps = circuit_.linear_steps();
  for (std::size_t i = steps.size(); i-- > 0;) steps[i]->push(form_);
  CombinedClaim out;
  const std::size_t rows = layout.params.rows();
  out.weights.resize(layout.columns() * rows);
  const auto witness = std::span(out.weights).subspan(layout.weight_columns() * rows);
  const auto auxiliary = witness.subspan(layout.witness_columns() * rows);
  for (Var var = 0; var < form_.of.size(); ++var) {
    const Ext& weight = form_.of[var];
    const auto home = circuit_.home(var);
    if (home == Home::witness) witness[layout.place(circuit_.cell(var), layout.params.pads)] = weight;
    if (home == Home::weight) out.weights[layout.place(circuit_.cell(var), layout.params.weight_pads)] = weight;
    if (home == Home::known) form_.constant += weight * circuit_.value(var);
  }
  for (std::size_t j = 0; j < inverses_.size(); ++j)
    for (std::size_t k = 0; k < 3; ++k) auxiliary[layout.inverse_place(j, k)] = inverses_[j] * basis(k);
  out.sum = sum_ - form_.constant;
  out.constant = form_.constant;
  return out;
}

/// Sum over rows of eq(tau, i) c_i; a(r), b(r): three claims that visit the same rows.
void add_rows(Collector& to, const Circuit& circuit, const Coins& coins, const Argument& argument) {
  const auto weigh_c = eq_table(coins.tau), weigh_ab = eq_table(coins.rows_point);
  to.claim(argument.rows.total);
  const Ext c = to.scale();
  to.add_mask(circuit.mask(), mask_total_weights(3, circuit.rows_log()));
  to.claim(argument.rows.values[0]);
  const Ext a = to.scale();
  to.claim(argument.rows.values[1]);
  const Ext b = to.scale();
  std::size_t row = 0;
  for (const auto& product : circuit.products()) {
    to.add(product.a, a * weigh_ab[row]);
    to.add(product.b, b * weigh_ab[row]);
    to.add(product.c, c * weigh_c[row]);
    ++row;
  }
  const auto hiding = [&](Var first) {
    to.add_element(first, a * weigh_ab[row]);
    to.add_element(first + 3, b * weigh_ab[row]);
    to.add_element(first + 6, c * weigh_c[row]);
    ++row;
  };
  hiding(circuit.hiding_row());
  for (const auto& form : circuit.bilinears()) hiding(form.hide);
  const Ext square = coins.beta * coins.beta;
  for (std::size_t j = 0; j < circuit.lookups(); ++j, ++row) {
    const auto& lookup = circuit.lookup_rows()[j];
    const Ext weight = b * weigh_ab[row];
    to.add_inverse(j, a * weigh_ab[row]);
    to.add_constant(weight * (coins.alpha - Ext(Fp(lookup.table))));
    to.add(lookup.times, c * weigh_c[row]);
    to.add(lookup.x, -(weight * coins.beta));
    to.add(lookup.y, -(weight * square));
  }
  to.claim(argument.rows.mask);
  to.add_mask(circuit.mask(), mask_value_weights(3, coins.rows_point));
}

/// The inverses of what is demanded add up to those of the tables' entries, each as often as it is read (Haboeck, ePrint
/// 2022/1530, lemma 5). Entries are rows too, whose inverses the prover commits to, times their multiplicity.
void add_lookups(Collector& to, const Circuit& circuit) {
  to.claim(Ext());
  for (std::size_t j = 0; j < circuit.lookups(); ++j)
    to.add_inverse(j, circuit.lookup_rows()[j].supplied ? -to.scale() : to.scale());
}

void add_form(Collector& to, const Bilinear& form, std::span<const Ext> tau, std::span<const Ext> point,
              const SumcheckProof& proof) {
  const auto rows = eq_table(tau.first(form_rows_log(form))), columns = eq_table(tau.subspan(form_rows_log(form)));
  const auto inner = eq_table(point);
  to.claim(proof.total);
  Ext all_rows;
  for (std::size_t i = 0; i < form.rows; ++i) {
    all_rows += rows[i];
    for (std::size_t j = 0; j < form.columns; ++j) to.add(form.out[i * form.columns + j], to.scale() * rows[i] * columns[j]);
  }
  for (std::size_t j = 0; j < form.bias.size(); ++j) to.add(form.bias[j], -(to.scale() * all_rows * columns[j]));
  for (std::size_t j = 0; j < form.public_bias.size(); ++j)
    to.add_constant(-(to.scale() * all_rows * columns[j] * form.public_bias[j]));
  to.add_element(form.hide + 6, to.scale());
  to.add_mask(form.mask, mask_total_weights(2, form.inner_log()));

  const auto factor = [&](const Ext& value, const std::vector<Var>& vars, std::size_t count, const std::vector<Ext>& outer,
                          Var hide) {
    to.claim(value);
    for (std::size_t i = 0; i < count; ++i) {
      const Ext weight = to.scale() * outer[i];
      for (std::size_t l = 0; l < form.inner; ++l) to.add(vars[i * form.inner + l], weight * inner[l]);
    }
    to.add_element(hide, to.scale() * inner[form.inner]);
  };
  factor(proof.values[0], form.left, form.rows, rows, form.hide);
  factor(proof.values[1], form.right, form.columns, columns, form.hide + 3);
  to.claim(proof.mask);
  to.add_mask(form.mask, mask_value_weights(2, point));
}

}  // namespace

CombinedClaim combine_claims(const Layout& layout, const Circuit& circuit, const Coins& coins, const Argument& argument) {
  Collector to(circuit, coins);
  add_rows(to, circuit, coins, argument);
  add_lookups(to, circuit);
  for (std::size_t i = 0; i < circuit.bilinears().size(); ++i)
    add_form(to, circuit.bilinears()[i], coins.form_tau[i], coins.form_point[i], argument.forms[i]);
  return to.finish(layout);
}

}  // namespace koinon::trust::proof
