// prefix_sum, argmax and topk: steps along one axis. The order of elements, the lower index first at ties, is that of the keys
// L x + (L - 1 - i), which differ.
#include "trust/proof/gadgets.hpp"
#include "trust/proof/steps.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using engine::kernels::Lines;
using engine::program::Step;

namespace {

/// Keys of the elements of lines, and how far they reach.
struct Keys {
  Lines lines;
  Span x;
  unsigned bits = 0;  ///< differences of keys are below 2^bits

  [[nodiscard]] Affine of(Var value, const Affine& index) const {
    Affine out = Affine::of(value, Fp(static_cast<std::uint64_t>(lines.length)));
    out.constant = Fp(static_cast<std::uint64_t>(lines.length - 1));
    return minus(out, index);
  }
  [[nodiscard]] Affine of(Var value, std::int64_t index) const {
    Affine number;
    number.constant = Fp(static_cast<std::uint64_t>(index));
    return of(value, number);
  }
};

base::Result<Keys> keys_of(const Build& build, const Step& step) {
  Keys out{lines_of(step), Span::of(build.range(step.operands[0])), 0};
  const Integer length = out.lines.length;
  out.bits = out.x.bits() > 62 ? 63 : width((out.x.high - out.x.low) * length + length - 1);
  const Integer furthest = std::max(out.x.high, -out.x.low) * length + length;
  if (out.bits > 62 || width(furthest) > 62)
    return fail(Code::unsupported, "keys of {} elements of {} bits do not fit the field", out.lines.length, out.x.bits());
  return out;
}

/// Shows that a value and an index lie where those of a line do, so that their key stands for no other pair.
void bound_pair(Circuit& circuit, const Keys& keys, Var value, Var index) {
  within(circuit, Affine::of(value), keys.x);
  within(circuit, Affine::of(index), {0, keys.lines.length - 1});
}

}  // namespace

namespace {

class PrefixSums : public LinearStep {
 public:
  PrefixSums(std::vector<Var> x, std::vector<Var> out, const Lines& lines)
      : x_(std::move(x)), out_(std::move(out)), lines_(lines) {}
  void push(LinearForm& form) const override {
    for (std::int64_t line = 0; line < lines_.outer * lines_.inner; ++line) {
      Ext asked;
      for (std::int64_t i = lines_.length; i-- > 0;) {
        const auto at = line_at(lines_, lines_.length, line, i);
        asked += form.of[out_[at]];
        form.of[x_[at]] += asked;
      }
    }
  }
  [[nodiscard]] const std::vector<Var>& out() const override { return out_; }
  /// The sum before, and the element.
  [[nodiscard]] Affine row(std::size_t i) const override {
    Affine sum = Affine::of(x_[i]);
    const auto inner = static_cast<std::size_t>(lines_.inner);
    if (i / inner % static_cast<std::size_t>(lines_.length) != 0) sum.add(out_[i - inner], Fp(1));
    return sum;
  }

 private:
  std::vector<Var> x_, out_;
  Lines lines_;
};

}  // namespace

base::Status add_prefix_sum(Build& build, const Step& step) {
  const auto x = build.vars(step.operands[0]);
  const Lines lines = lines_of(step);
  auto out = build.output(step, 0, Home::linear);
  build.circuit.add_linear_step(std::make_shared<PrefixSums>(x, out, lines));
  build.values.push_back(std::move(out));
  return {};
}

base::Status add_argmax(Build& build, const Step& step) {
  Circuit& circuit = build.circuit;
  const auto x = build.vars(step.operands[0]);
  KOINON_TRY(const auto keys, keys_of(build, step));
  auto out = build.output(step, 0, Home::witness);
  Circuit::Batch batch(circuit);
  for (std::int64_t line = 0; line < keys.lines.outer * keys.lines.inner; ++line, batch.next()) {
    const Var index = out[line_at(keys.lines, 1, line, 0)];
    std::vector<Affine> elements;
    Fp most;
    for (std::int64_t i = 0; i < keys.lines.length; ++i) {
      const Var element = x[line_at(keys.lines, keys.lines.length, line, i)];
      elements.push_back(keys.of(element, i));
      if (circuit.with_values() && circuit.value(index) == Fp(static_cast<std::uint64_t>(i))) most = circuit.value(element);
    }
    const Var value = cell(circuit, most);
    bound_pair(circuit, keys, value, index);
    largest(circuit, elements, keys.of(value, Affine::of(index)), keys.bits);
  }
  build.values.push_back(std::move(out));
  return {};
}

namespace {

/// Shows that above - below - 1 is not negative.
void descends(Circuit& circuit, const Affine& above, const Affine& below, unsigned bits) {
  Affine form = minus(above, below);
  form.constant += -Fp(1);
  circuit.range_bits(form, bits);
}

/// One line: `kept`, in order, and the keys that are left are the keys of the line in another order.
void add_top(Circuit& circuit, const Keys& keys, std::uint32_t table, std::int64_t line, const std::vector<Affine>& elements,
             const std::vector<Affine>& kept) {
  Affine place, once;
  place.constant = Fp(static_cast<std::uint64_t>(line));
  once.constant = Fp(1);
  std::vector<Fp> left;
  for (const auto& element : elements) {
    circuit.supply(table, place, element, once);
    if (circuit.with_values()) left.push_back(circuit.value(element));
  }
  for (std::size_t t = 0; t < kept.size(); ++t) {
    circuit.demand(table, place, kept[t]);
    if (t > 0) descends(circuit, kept[t - 1], kept[t], keys.bits);
    if (const auto at = std::find(left.begin(), left.end(), circuit.value(kept[t])); at != left.end()) left.erase(at);
  }
  for (std::size_t i = kept.size(); i < elements.size(); ++i) {
    const std::size_t at = i - kept.size();
    const Var key = cell(circuit, at < left.size() ? left[at] : Fp());
    circuit.demand(table, place, Affine::of(key));
    descends(circuit, kept.back(), Affine::of(key), keys.bits);
  }
}

}  // namespace

base::Status add_topk(Build& build, const Step& step) {
  Circuit& circuit = build.circuit;
  const auto x = build.vars(step.operands[0]);
  KOINON_TRY(const auto keys, keys_of(build, step));
  const std::int64_t k = step.params[1];
  const auto table = circuit.add_table({});
  auto values = build.output(step, 0, Home::witness);
  std::vector<Var> indices;
  if (step.outputs.size() == 2) indices = build.output(step, 1, Home::witness);
  const bool named = !indices.empty();
  if (!named) {
    const Var first = circuit.add_vars(Home::witness, values.size());
    for (std::size_t i = 0; i < values.size(); ++i) indices.push_back(first + static_cast<Var>(i));
  }
  Circuit::Batch batch(circuit);
  for (std::int64_t line = 0; line < keys.lines.outer * keys.lines.inner; ++line, batch.next()) {
    std::vector<Affine> elements, kept;
    std::vector<bool> taken(static_cast<std::size_t>(keys.lines.length));
    for (std::int64_t i = 0; i < keys.lines.length; ++i)
      elements.push_back(keys.of(x[line_at(keys.lines, keys.lines.length, line, i)], i));
    for (std::int64_t t = 0; t < k; ++t) {
      const auto at = line_at(keys.lines, k, line, t);
      for (std::int64_t i = 0; circuit.with_values() && !named && i < keys.lines.length; ++i)
        if (!taken[static_cast<std::size_t>(i)] &&
            circuit.value(x[line_at(keys.lines, keys.lines.length, line, i)]) == circuit.value(values[at])) {
          circuit.set(indices[at], Fp(static_cast<std::uint64_t>(i)));
          taken[static_cast<std::size_t>(i)] = true;
          break;
        }
      bound_pair(circuit, keys, values[at], indices[at]);
      kept.push_back(keys.of(values[at], Affine::of(indices[at])));
    }
    add_top(circuit, keys, table, line, elements, kept);
  }
  build.values.push_back(std::move(values));
  if (named) build.values.push_back(std::move(indices));
  return {};
}

}  // namespace koinon::trust::proof
