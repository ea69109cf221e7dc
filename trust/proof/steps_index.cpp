// gather and scatter: indexed lookups in tables of variables.
#include "trust/proof/gadgets.hpp"
#include "trust/proof/steps.hpp"

namespace koinon::trust::proof {

using engine::program::Ref;
using engine::program::Source;
using engine::program::Step;

namespace {

/// x as [batch, outer, length, inner], indices as [batch, count].
struct Rows {
  std::size_t batch = 1, outer = 1, length = 1, inner = 1, count = 1;

  /// Calls body(b, o, j, i, flat index of the row's element) for every element of the rows.
  template <class F>
  void each(F&& body) const {
    std::size_t at = 0;
    for (std::size_t b = 0; b < batch; ++b)
      for (std::size_t o = 0; o < outer; ++o)
        for (std::size_t j = 0; j < count; ++j)
          for (std::size_t i = 0; i < inner; ++i) body(b * count + j, ((b * outer + o) * length) * inner + i, at++);
  }
};

Rows rows_of(const Step& step) {
  const auto &x = step.operand_infos[0].shape, &indices = step.operand_infos[1].shape;
  const auto axis = static_cast<std::size_t>(step.params[0]), batch = static_cast<std::size_t>(step.params[1]);
  Rows out;
  for (std::size_t i = 0; i < x.size(); ++i)
    (i < batch ? out.batch : i < axis ? out.outer : i == axis ? out.length : out.inner) *= static_cast<std::size_t>(x[i]);
  for (std::size_t i = batch; i < indices.size(); ++i) out.count *= static_cast<std::size_t>(indices[i]);
  return out;
}

Affine constant(std::uint64_t number) {
  Affine out;
  out.constant = Fp(number);
  return out;
}

/// Place in x of a row's element: first + index * inner.
Affine place(const Rows& rows, Var index, std::size_t first) {
  Affine out = Affine::of(index, Fp(rows.inner));
  out.constant = Fp(first);
  return out;
}

/// Indices inside the axis. Those of a program whose weights are public are proved to be; behind hidden weights it is shown.
void bound_indices(Build& build, Ref ref, const std::vector<Var>& indices, const Rows& rows) {
  const auto range = build.range(ref);
  if (range.low >= 0 && range.high < static_cast<std::int64_t>(rows.length)) return;
  for (const auto index : indices) build.circuit.range(Affine::of(index), rows.length);
}

/// Index of a run, or 0; a forged one is brought inside.
std::size_t index_of(const Build& build, const Rows& rows, Var index) {
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(build.integer(index), 0, static_cast<std::int64_t>(rows.length) - 1));
}

std::size_t known_index(const Build& build, Var index) { return static_cast<std::size_t>(build.circuit.value(index).v); }

/// A table of (place, variable) that stands for a tensor.
class Tensor {
 public:
  Tensor(Build& build, const std::vector<Var>& vars) : build_(build), table_(build.circuit.add_table({})) {
    const Var first = build.circuit.add_vars(Home::witness, vars.size());
    for (std::size_t i = 0; i < vars.size(); ++i) {
      times_.push_back(first + static_cast<Var>(i));
      build.circuit.supply(table_, constant(i), Affine::of(vars[i]), Affine::of(times_[i]));
    }
  }
  /// The element at `place`, which is `at` in this run, is y.
  void holds(const Affine& place, const Affine& y, std::size_t at) {
    build_.circuit.demand(table_, place, y);
    if (build_.circuit.with_values()) build_.circuit.set(times_[at], build_.circuit.value(times_[at]) + Fp(1));
  }

 private:
  Build& build_;
  std::uint32_t table_;
  std::vector<Var> times_;
};

/// Public x: the table's entries are public too, and cost one cell each.
void gather_public(Build& build, const Step& step, const Rows& rows, const std::vector<Var>& indices,
                   const std::vector<Var>& out) {
  std::vector<std::array<Fp, 2>> entries;
  for (const auto value : build.constant(step.operands[0])) entries.push_back({Fp(entries.size()), Fp::from(value)});
  const auto table = build.circuit.add_table(std::move(entries));
  rows.each([&](std::size_t j, std::size_t first, std::size_t at) {
    build.circuit.lookup(table, place(rows, indices[j], first), Affine::of(out[at]),
                         first + index_of(build, rows, indices[j]) * rows.inner);
  });
}

}  // namespace

base::Status add_gather(Build& build, const Step& step) {
  const Rows rows = rows_of(step);
  const auto indices = build.vars(step.operands[1]);
  if (step.operands[1].source() != Source::value) {  // constant indices move variables
    const auto x = build.vars(step.operands[0]);
    std::vector<Var> out;
    rows.each([&](std::size_t j, std::size_t first, std::size_t) {
      out.push_back(x[first + known_index(build, indices[j]) * rows.inner]);
    });
    build.values.push_back(std::move(out));
    return {};
  }
  bound_indices(build, step.operands[1], indices, rows);
  auto out = build.output(step, 0, Home::witness);
  const Ref source = step.operands[0];
  if (source.source() != Source::value && !build.is_hidden(source)) {
    gather_public(build, step, rows, indices, out);
  } else {
    Tensor tensor(build, build.vars(source));
    rows.each([&](std::size_t j, std::size_t first, std::size_t at) {
      tensor.holds(place(rows, indices[j], first), Affine::of(out[at]), first + index_of(build, rows, indices[j]) * rows.inner);
    });
  }
  build.values.push_back(std::move(out));
  return {};
}

namespace {

/// One bit for each row of x, [batch, length], that an index of its batch names it. Bits, so no index stands twice.
std::vector<Var> named_rows(Build& build, const Rows& rows, const std::vector<Var>& indices) {
  Circuit& circuit = build.circuit;
  const auto table = circuit.add_table({});
  std::vector<Var> out;
  for (std::size_t i = 0; i < rows.batch * rows.length; ++i) {
    out.push_back(cell(circuit, Fp()));
    circuit.supply(table, constant(i), {}, Affine::of(out[i]));
    circuit.product(Affine::of(out[i]), Affine::of(out[i]), Affine::of(out[i]));
  }
  for (std::size_t j = 0; j < indices.size(); ++j) {
    const std::size_t first = j / rows.count * rows.length;
    Affine row = Affine::of(indices[j]);
    row.constant = Fp(first);
    circuit.demand(table, row, {});
    if (circuit.with_values()) circuit.set(out[first + index_of(build, rows, indices[j])], Fp(1));
  }
  return out;
}

}  // namespace

// Rows that are named hold what the table of the result says; the others hold what x does.
base::Status add_scatter(Build& build, const Step& step) {
  const Rows rows = rows_of(step);
  const auto x = build.vars(step.operands[0]), indices = build.vars(step.operands[1]), written = build.vars(step.operands[2]);
  if (step.operands[1].source() != Source::value) {
    auto out = x;
    rows.each([&](std::size_t j, std::size_t first, std::size_t at) {
      out[first + known_index(build, indices[j]) * rows.inner] = written[at];
    });
    build.values.push_back(std::move(out));
    return {};
  }
  bound_indices(build, step.operands[1], indices, rows);
  auto out = build.output(step, 0, Home::witness);
  const auto named = named_rows(build, rows, indices);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t row = i / rows.inner, batch = row / (rows.outer * rows.length);
    Affine kept = Affine::of(named[batch * rows.length + row % rows.length], -Fp(1)), change = Affine::of(out[i]);
    kept.constant = Fp(1);
    build.circuit.product(kept, change.add(x[i], -Fp(1)), {});
  }
  Tensor tensor(build, out);
  rows.each([&](std::size_t j, std::size_t first, std::size_t at) {
    tensor.holds(place(rows, indices[j], first), Affine::of(written[at]),
                 first + index_of(build, rows, indices[j]) * rows.inner);
  });
  build.values.push_back(std::move(out));
  return {};
}

}  // namespace koinon::trust::proof
