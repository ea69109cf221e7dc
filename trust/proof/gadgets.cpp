#include "trust/proof/gadgets.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;

unsigned width(Integer number) {
  unsigned out = 0;
  for (; number > 0; number >>= 1) ++out;
  return out;
}

unsigned Span::bits() const { return width(high - low); }

Affine minus(const Affine& a, const Affine& b) {
  Affine out = a;
  out.add(b, -Fp(1));
  return out;
}

Var cell(Circuit& circuit, Fp value) {
  const Var out = circuit.add_vars(Home::witness, 1);
  if (circuit.with_values()) circuit.set(out, value);
  return out;
}

void within(Circuit& circuit, const Affine& form, const Span& span) {
  Affine above = form;
  above.constant += -Fp::from(static_cast<std::int64_t>(span.low));
  circuit.range(above, static_cast<std::uint64_t>(span.high - span.low) + 1);
}

// form + 2^n (1 - bit) lies in [0, 2^n). Exact when no number of the span is congruent to one of the other sign's interval.
base::Result<Var> is_not_negative(Build& build, const Affine& form, const Span& span, std::optional<Var> bit) {
  const unsigned n = std::max(width(span.high), width(-span.low - 1));
  const Integer half = Integer{1} << n;
  if (n > 63 || half + std::max(span.high, -span.low - 1) >= static_cast<Integer>(kPrime))
    return fail(Code::unsupported, "numbers of {} bits do not fit the field", n + 1);
  Circuit& circuit = build.circuit;
  const Fp value = circuit.with_values() ? circuit.value(form) : Fp();
  const Var out = bit ? *bit : cell(circuit, Fp(value.v <= kPrime / 2 ? 1 : 0));
  const Fp shift(std::uint64_t{1} << n);
  Affine rest = form;
  rest.constant += shift;
  circuit.range_bits(rest.add(out, -shift), n);
  circuit.product(Affine::of(out), Affine::of(out), Affine::of(out));
  return out;
}

// form * inverse = 1 - bit and form * bit = 0: where form is not 0 the second gives bit = 0, where it is 0 the first gives 1.
Var is_zero(Build& build, const Affine& form, std::optional<Var> bit) {
  Circuit& circuit = build.circuit;
  const Fp value = circuit.with_values() ? circuit.value(form) : Fp();
  const Var out = bit ? *bit : cell(circuit, Fp(value == Fp() ? 1 : 0));
  const Var inverted = cell(circuit, value == Fp() ? Fp() : inverse(value));
  Affine rest = Affine::of(out, -Fp(1));
  rest.constant = Fp(1);
  circuit.product(form, Affine::of(inverted), rest);
  circuit.product(form, Affine::of(out), {});
  return out;
}

void largest(Circuit& circuit, std::span<const Affine> elements, const Affine& y, unsigned bits) {
  std::vector<Affine> differences;
  for (const auto& x : elements) {
    differences.push_back(minus(y, x));
    circuit.range_bits(differences.back(), bits);
  }
  Affine product = differences[0];
  for (std::size_t i = 1; i + 1 < differences.size(); ++i) {
    const Var next = cell(circuit, circuit.with_values() ? circuit.value(product) * circuit.value(differences[i]) : Fp());
    circuit.product(product, differences[i], Affine::of(next));
    product = Affine::of(next);
  }
  if (differences.size() == 1)
    circuit.zero(product);
  else
    circuit.product(product, differences.back(), {});
}

engine::kernels::Lines lines_of(const engine::program::Step& step) {
  return engine::kernels::Lines::along(step.operand_infos[0].shape, static_cast<std::size_t>(step.params[0]));
}

}  // namespace koinon::trust::proof
