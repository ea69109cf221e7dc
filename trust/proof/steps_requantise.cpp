#include <algorithm>
#include <tuple>

#include "trust/proof/gadgets.hpp"
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

// y = clamp(v) is an entry of a table, where v 2^s + r = x M + 2^(s-1): v is a linear form, r is shown to be below 2^s.
void add_clamp(Build& build, Var x, Var y, const Scaling& s, std::uint32_t table, std::int64_t first) {
  Circuit& circuit = build.circuit;
  const std::int64_t value = build.integer(x), v = scaled(value, s);
  const Wide rest = static_cast<Wide>(value) * s.multiplier + (Wide{1} << (s.shift - 1)) - (static_cast<Wide>(v) << s.shift);
  const Fp scale = inverse(Fp(std::uint64_t{1} << s.shift));
  Affine unclamped = Affine::of(x, Fp::from(s.multiplier) * scale);
  unclamped.constant = Fp(std::uint64_t{1} << (s.shift - 1)) * scale;
  unclamped.add(circuit.limbs(s.shift, static_cast<std::uint64_t>(rest)), -scale);
  circuit.lookup(table, unclamped, Affine::of(y), static_cast<std::size_t>(v - first));
}

/// The elements of a step that have one multiplier and shift.
class Group {
 public:
  /// `count` elements of a step of `all`.
  Group(Build& build, const Scaling& scaling, const Range& x, std::size_t count, std::size_t all)
      : build_(build), scaling_(scaling), x_(admitted(x, scaling.multiplier, scaling.shift)) {
    table_ = build.function_table({1, scaling.multiplier, scaling.shift, scaling.low, scaling.high, x_.low, x_.high}, x_, count,
                                  [&](std::int64_t number) { return clamped(scaled(number, scaling_)); });
    if (!table_) choose_clamp(all);
  }
  void add(Var x, Var y) const {
    if (clamp_) return add_clamp(build_, x, y, scaling_, *table_, reach_.low);
    if (!table_) return add_element(build_, x, y, scaling_);
    build_.circuit.lookup(*table_, Affine::of(x), Affine::of(y), static_cast<std::size_t>(build_.integer(x) - x_.low));
  }

  /// Equal for groups whose elements are built alike.
  [[nodiscard]] std::tuple<bool, bool, std::uint32_t, unsigned, unsigned, std::int64_t, std::int64_t> likeness() const {
    const auto& s = scaling_;
    return {clamp_, s.exact_excess, table_.value_or(~0U), s.shift, s.excess_bits, s.y_low, s.y_high};
  }

 private:
  [[nodiscard]] std::int64_t clamped(std::int64_t v) const { return std::clamp(v, scaling_.low, scaling_.high); }

  // The unclamped values of all channels share a table from -2^k to 2^k - 1.
  void choose_clamp(std::size_t count) {
    const std::int64_t least = scaled(x_.low, scaling_), most = scaled(x_.high, scaling_);
    const auto bits = std::bit_width(static_cast<std::uint64_t>(std::max(most, -least - 1)));
    if (bits > 20) return;
    reach_ = {-(std::int64_t{1} << bits), (std::int64_t{1} << bits) - 1};
    const Wide furthest = std::max(x_.high < 0 ? -Wide{x_.high} : Wide{x_.high}, x_.low < 0 ? -Wide{x_.low} : Wide{x_.low});
    Scaling reach = scaling_;
    reach.y_low = reach_.low;
    reach.y_high = reach_.high;
    reach.excess_bits = 0;
    if (!fits(reach, furthest)) return;
    table_ = build_.function_table({2, scaling_.low, scaling_.high, static_cast<std::int64_t>(bits)}, reach_, count,
                                   [&](std::int64_t number) { return clamped(number); });
    clamp_ = table_.has_value();
  }

  Build& build_;
  Scaling scaling_;
  Range x_, reach_;
  std::optional<std::uint32_t> table_;
  bool clamp_ = false;  ///< the table is of unclamped values, not of x
};

}  // namespace

base::Status add_requantise(Build& build, const Step& step) {
  const auto& shape = step.outputs[0].shape;
  const auto x = build.vars(step.operands[0]);
  const auto multipliers = build.constant(step.operands[1]), shifts = build.constant(step.operands[2]);
  const auto at_m = stretch(step.operand_infos[1].shape, shape), at_s = stretch(step.operand_infos[2].shape, shape);
  const auto range = build.range(step.operands[0]);
  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> counts;
  for (std::size_t i = 0; i < x.size(); ++i) ++counts[{multipliers[at_m[i]], shifts[at_s[i]]}];
  std::map<std::pair<std::int64_t, std::int64_t>, Group> groups;
  for (const auto& [pair, count] : counts) {
    KOINON_TRY(const auto numbers, scaling(range, pair.first, pair.second, step.params[0], step.params[1]));
    groups.emplace(pair, Group(build, numbers, range, count, x.size()));
  }
  const auto group = [&](std::size_t i) -> const Group& { return groups.at({multipliers[at_m[i]], shifts[at_s[i]]}); };
  std::map<decltype(groups.begin()->second.likeness()), std::vector<std::size_t>> batches;
  for (std::size_t i = 0; i < x.size(); ++i) batches[group(i).likeness()].push_back(i);
  std::vector<Var> out(x.size());
  for (auto& [likeness, elements] : batches) {
    std::sort(elements.begin(), elements.end(),
              [&](std::size_t i, std::size_t j) { return std::pair(x[i], i) < std::pair(x[j], j); });
    Circuit::Batch batch(build.circuit);
    for (const auto i : elements) {
      batch.next();
      out[i] =
          cell(build.circuit,
               build.circuit.with_values() ? Fp::from(build.trace[step.first_output].at(static_cast<std::int64_t>(i))) : Fp());
      group(i).add(x[i], out[i]);
    }
  }
  build.values.push_back(std::move(out));
  return {};
}

}  // namespace koinon::trust::proof
