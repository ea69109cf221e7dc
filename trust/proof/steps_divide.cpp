// divide and isqrt: the result is advice, and remainders on both sides are shown not to be negative.
#include "trust/proof/gadgets.hpp"
#include "trust/proof/steps.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using engine::program::Source;
using engine::program::Step;

namespace {

constexpr unsigned kHalf = 31;  // bits of the lower part of a number below 2^62

/// Numbers of a division a = b q + r, 0 <= r < b, that the verifier knows.
struct Division {
  Span a, b, q;
  unsigned rest_bits = 0;  ///< r and b - 1 - r are below 2^rest_bits

  /// True when |a - b q - r| stays below p for every q in the interval that `within` shows.
  [[nodiscard]] bool fits() const {
    const Integer reach = Integer{1} << q.bits();
    const Integer most = std::max({q.high, -q.low, q.low + reach});
    const Integer furthest = std::max({a.high, -a.low, Integer{1}});
    if (width(b.high) + width(most) > 64) return false;
    return b.high * most + furthest + (Integer{2} << rest_bits) < static_cast<Integer>(kPrime);
  }
};

/// A number below 2^62 as low + 2^31 high, both shown to be below 2^31.
std::array<Affine, 2> halves(Circuit& circuit, const Affine& number) {
  const std::uint64_t value = circuit.with_values() ? circuit.value(number).v : 0;
  const auto high = circuit.limbs(kHalf, value >> kHalf);
  Affine low = number;
  low.add(high, -Fp(std::uint64_t{1} << kHalf));
  circuit.range_bits(low, kHalf);
  return {low, high};
}

Affine times(Circuit& circuit, const Affine& a, const Affine& b) {
  const Var out = cell(circuit, circuit.with_values() ? circuit.value(a) * circuit.value(b) : Fp());
  circuit.product(a, b, Affine::of(out));
  return Affine::of(out);
}

/// a = b q + r over the integers for numbers below 2^62 that are not negative: by halves, so that no product wraps.
void add_wide(Circuit& circuit, const Affine& a, const Affine& b, const Affine& q, const Affine& r) {
  const auto b_parts = halves(circuit, b), q_parts = halves(circuit, q);
  circuit.product(b_parts[1], q_parts[1], {});
  Affine middle = times(circuit, b_parts[1], q_parts[0]);
  middle.add(times(circuit, b_parts[0], q_parts[1]), Fp(1));
  circuit.range_bits(middle, kHalf);
  Affine rest = minus(a, r);
  circuit.product(b_parts[0], q_parts[0], rest.add(middle, -Fp(std::uint64_t{1} << kHalf)));
}

/// One element. Where a is negative, ~a = -1 - a takes its place: floor(a / b) = -1 - floor(~a / b), and the remainder turns.
base::Status add_wide_element(Build& build, Var a, Var b, Var q, Var r, const Division& division) {
  Circuit& circuit = build.circuit;
  Affine plain_a = Affine::of(a), plain_q = Affine::of(q), plain_r = Affine::of(r);
  if (division.a.low >= 0) {
    add_wide(circuit, plain_a, Affine::of(b), plain_q, plain_r);
    return {};
  }
  KOINON_TRY(const Var up, is_not_negative(build, plain_a, division.a));
  const auto turned = [&](const Affine& form, const Affine& negative) {  // up ? form : negative
    Affine out = times(circuit, Affine::of(up), minus(form, negative));
    out.add(negative, Fp(1));
    return out;
  };
  const auto below = [](const Affine& form, const Affine& from) { return minus(from, form); };
  Affine minus_one, last = Affine::of(b);
  minus_one.constant = -Fp(1);
  last.constant = -Fp(1);
  add_wide(circuit, turned(plain_a, below(plain_a, minus_one)), Affine::of(b), turned(plain_q, below(plain_q, minus_one)),
           turned(plain_r, below(plain_r, last)));
  return {};
}

}  // namespace

base::Status add_divide(Build& build, const Step& step) {
  Circuit& circuit = build.circuit;
  const auto& shape = step.outputs[0].shape;
  const auto a = build.vars(step.operands[0]), b = build.vars(step.operands[1]);
  const auto at_a = stretch(step.operand_infos[0].shape, shape), at_b = stretch(step.operand_infos[1].shape, shape);
  Division division{Span::of(build.range(step.operands[0])), Span::of(build.range(step.operands[1])),
                    Span::of(build.ranges[step.first_output]), 0};
  division.b = {std::max<Integer>(division.b.low, 1), std::max<Integer>(division.b.high, 1)};
  division.rest_bits = width(division.b.high - 1);
  const bool fits = division.fits();
  auto q = build.output(step, 0, Home::witness);
  std::vector<Var> r;
  if (step.outputs.size() == 2) r = build.output(step, 1, Home::witness);
  Circuit::Batch batch(circuit);
  for (std::size_t i = 0; i < q.size(); ++i, batch.next()) {
    const Var x = a[at_a[i]], y = b[at_b[i]];
    if (step.outputs.size() == 1)
      r.push_back(cell(circuit, circuit.with_values() ? circuit.value(x) - circuit.value(y) * circuit.value(q[i]) : Fp()));
    Affine below = minus(Affine::of(y), Affine::of(r[i]));
    below.constant = -Fp(1);
    circuit.range_bits(Affine::of(r[i]), division.rest_bits);
    circuit.range_bits(below, division.rest_bits);
    if (fits) {
      within(circuit, Affine::of(q[i]), division.q);
      circuit.product(Affine::of(y), Affine::of(q[i]), minus(Affine::of(x), Affine::of(r[i])));
    } else {
      KOINON_CHECK(add_wide_element(build, x, y, q[i], r[i], division));
    }
  }
  build.values.push_back(std::move(q));
  if (step.outputs.size() == 2) build.values.push_back(std::move(r));
  return {};
}

// y^2 <= x < (y + 1)^2: x - y^2 and 2 y - (x - y^2) are not negative.
base::Status add_isqrt(Build& build, const Step& step) {
  Circuit& circuit = build.circuit;
  const auto x = build.vars(step.operands[0]);
  const Integer most = std::max<Integer>(build.range(step.operands[0]).high, 0);
  const auto bits = width(static_cast<Integer>(engine::kernels::integer_sqrt(static_cast<std::int64_t>(most))));
  auto out = build.output(step, 0, Home::witness);
  Circuit::Batch batch(circuit);
  for (std::size_t i = 0; i < out.size(); ++i, batch.next()) {
    const Affine y = Affine::of(out[i]), rest = minus(Affine::of(x[i]), times(circuit, y, y));
    circuit.range_bits(y, bits);
    circuit.range_bits(rest, bits + 1);
    Affine above;
    above.add(y, Fp(2));
    circuit.range_bits(minus(above, rest), bits + 1);
  }
  build.values.push_back(std::move(out));
  return {};
}

}  // namespace koinon::trust::proof
