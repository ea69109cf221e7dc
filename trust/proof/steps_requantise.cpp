#include "engine/program/steps/rule.hpp"
#include "trust/proof/steps.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using engine::program::Range;
using engine::program::Step;

namespace {

using Wide = engine::program::steps::Wide;

constexpr std::int64_t kFurthest = std::int64_t{1} << 61;

/// Numbers of one element that the verifier knows.
struct Scaling {
  std::int64_t multiplier = 1, low = 0, high = 0;
  std::int64_t y_low = 0, y_high = 0;  ///< where y is shown to lie; [low, high] or, when that is too wide, what x can reach
  unsigned shift = 1;
  std::int64_t excess = 0;    ///< how far the unclamped value can lie outside [low, high]
  unsigned excess_bits = 0;   ///< of that
  bool exact_excess = false;  ///< the bound itself is shown, not only its bits
};

std::int64_t scaled(std::int64_t x, const Scaling& s) {
  return static_cast<std::int64_t>((static_cast<Wide>(x) * s.multiplier + (Wide{1} << (s.shift - 1))) >> s.shift);
}

/// True when |x * M + half| and |(y + excess) * 2^s + r| differ by less than p, so that equality modulo p is equality.
bool fits(const Scaling& s, Wide furthest_x) {
  const Wide largest = std::max(s.y_high < 0 ? -Wide{s.y_high} : Wide{s.y_high}, s.y_low < 0 ? -Wide{s.y_low} : Wide{s.y_low});
  const Wide left = furthest_x * s.multiplier + (Wide{1} << (s.shift - 1));
  const Wide right = ((s.exact_excess ? Wide{s.excess} : Wide{1} << s.excess_bits) + largest) << s.shift;
  return left + right < static_cast<Wide>(kPrime);
}

/// The range of x as far as a valid program lets it reach: |x * M + half| < 2^62.
Range admitted(const Range& x, std::int64_t multiplier, unsigned shift) {
  const auto most = static_cast<std::int64_t>(((Wide{1} << 62) - 1 - (Wide{1} << (shift - 1))) / multiplier);
  return {std::clamp(x.low, -most, most), std::clamp(x.high, -most, most)};
}

base::Result<Scaling> scaling(const Range& declared, std::int64_t multiplier, std::int64_t shift, std::int64_t low,
                              std::int64_t high) {
  if (multiplier < 1 || multiplier > 32767 || shift < 1 || shift > 62 || low > high)
    return fail(Code::out_of_range, "multiplier {}, shift {} or bounds {} to {} are not those of a valid program", multiplier,
                shift, low, high);
  low = std::clamp(low, -kFurthest, kFurthest);  // |v| <= 2^61, so bounds beyond that clamp nothing
  high = std::clamp(high, -kFurthest, kFurthest);
  Scaling out{multiplier, low, high, low, high, static_cast<unsigned>(shift)};
  const Range x = admitted(declared, multiplier, out.shift);
  const Wide furthest = std::max(x.high < 0 ? -Wide{x.high} : Wide{x.high}, x.low < 0 ? -Wide{x.low} : Wide{x.low});
  const std::int64_t least = scaled(x.low, out), most = scaled(x.high, out);
  out.excess = std::max<std::int64_t>({0, most - high, low - least});
  out.excess_bits = static_cast<unsigned>(std::bit_width(static_cast<std::uint64_t>(out.excess)));
  if (fits(out, furthest)) return out;
  out.y_low = std::clamp(least, low, high);  // a large shift leaves few values: only those are then allowed
  out.y_high = std::clamp(most, low, high);
  if (out.y_low == out.y_high || fits(out, furthest)) return out;
  out.exact_excess = true;
  if (fits(out, furthest)) return out;
  return fail(Code::unsupported, "values up to 2^{} with multiplier {} and shift {} do not fit the field",
              static_cast<int>(std::bit_width(static_cast<std::uint64_t>(furthest))), multiplier, shift);
}

// y = clamp(v), v * 2^s + r = x * M + 2^(s-1), 0 <= r < 2^s. With d = |v - y| and b = 1 where v is above:
//   d * (b (high - low) + low - y) = 0;  b * 2d = (v - y) + d;  b * b = b.
void add_element(Build& build, Var x, Var y, const Scaling& s) {
  Circuit& circuit = build.circuit;
  Affine place = Affine::of(y);
  place.constant = -Fp::from(s.y_low);
  circuit.range(place, static_cast<std::uint64_t>(s.y_high - s.y_low) + 1);
  if (s.y_low == s.y_high) return;  // every x of the range gives this y

  const std::int64_t value = build.integer(x), v = scaled(value, s);
  const Wide rest = static_cast<Wide>(value) * s.multiplier + (Wide{1} << (s.shift - 1)) - (static_cast<Wide>(v) << s.shift);
  const auto r = circuit.limbs(s.shift, static_cast<std::uint64_t>(rest));
  const Fp scale = inverse(Fp(std::uint64_t{1} << s.shift));
  Affine excess = Affine::of(x, Fp::from(s.multiplier) * scale);  // v - y
  excess.constant = Fp(std::uint64_t{1} << (s.shift - 1)) * scale;
  excess.add(r, -scale).add(y, -Fp(1));
  if (s.excess_bits == 0) return circuit.zero(excess);

  const std::int64_t outside = v - build.integer(y);
  const auto d = circuit.limbs(s.excess_bits, static_cast<std::uint64_t>(outside < 0 ? -outside : outside));
  if (s.exact_excess) {
    Affine left;
    left.constant = Fp::from(s.excess);
    circuit.range_bits(left.add(d, -Fp(1)), s.excess_bits);
  }
  const Var above = circuit.add_vars(Home::witness, 1);
  if (circuit.with_values()) circuit.set(above, Fp(outside > 0 ? 1 : 0));
  Affine bound = Affine::of(above, Fp::from(s.high - s.low));
  bound.constant = Fp::from(s.low);
  bound.add(y, -Fp(1));
  circuit.product(d, bound, {});
  Affine twice;
  twice.add(d, Fp(2));
  circuit.product(Affine::of(above), twice, excess.add(d, Fp(1)));
  circuit.product(Affine::of(above), Affine::of(above), Affine::of(above));
}

}  // namespace

base::Status add_requantise(Build& build, const Step& step) {
  const auto& shape = step.outputs[0].shape;
  const auto x = build.vars(step.operands[0]);
  const auto multipliers = build.constant(step.operands[1]), shifts = build.constant(step.operands[2]);
  const auto at_m = stretch(step.operand_infos[1].shape, shape), at_s = stretch(step.operand_infos[2].shape, shape);
  const auto range = build.range(step.operands[0]);
  auto out = build.output(step, 0, Home::witness);
  for (std::size_t i = 0; i < out.size(); ++i) {
    KOINON_TRY(const auto numbers, scaling(range, multipliers[at_m[i]], shifts[at_s[i]], step.params[0], step.params[1]));
    add_element(build, x[i], out[i], numbers);
  }
  build.values.push_back(std::move(out));
  return {};
}

}  // namespace koinon::trust::proof
