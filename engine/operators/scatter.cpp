#include <algorithm>

#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"
#include "engine/operators/whole.hpp"

// ScatterElements (and Scatter, its old name) and ScatterND: a copy of data in which the elements or rows that indices name are
// replaced, or reduced with (add, mul, max, min), one update after the other.
namespace koinon::engine::operators {

namespace {

using program::CompareOp;

/// More run-time updates than this are one scatter step, which refuses repeated places; fewer are selects, which do not.
constexpr std::int64_t kMaxSelects = 64;

/// Where updates go: rows of `inner` elements in the data seen as [rows, inner].
struct Job {
  std::int64_t rows = 1, inner = 1, count = 1;
  std::string reduction;
};

bool by_rows(const Call& call) { return call.node().op == "ScatterND"; }

Result<Job> read(const Call& call) {
  const auto &x = call.shape(0), &indices = call.shape(1), &updates = call.shape(2);
  Job job;
  job.reduction = call.text("reduction", "none");
  static constexpr std::string_view kReductions[] = {"none", "add", "mul", "max", "min"};
  if (std::ranges::find(kReductions, job.reduction) == std::end(kReductions))
    return call.fail(Code::malformed, "reduction '{}'", job.reduction);
  KOINON_CHECK(same_elements(call, 0, 2));
  if (call.type(1).element != Element::i64 && call.type(1).element != Element::i32)
    return call.fail(Code::malformed, "indices of {}", onnx::element_name(call.type(1).element));
  const auto wrong = [&] {
    return call.fail(Code::malformed, "data {}, indices {}, updates {}", tensor::shape_text(x), tensor::shape_text(indices),
                     tensor::shape_text(updates));
  };
  if (by_rows(call)) {
    if (x.empty() || indices.empty() || indices.back() < 1 || indices.back() > static_cast<std::int64_t>(x.size()))
      return wrong();
    Shape wanted(indices.begin(), indices.end() - 1);
    wanted.insert(wanted.end(), x.begin() + indices.back(), x.end());
    if (updates != wanted) return wrong();
    job.rows = onnx::count({x.begin(), x.begin() + indices.back()});
    job.inner = onnx::count({x.begin() + indices.back(), x.end()});
    job.count = onnx::count({indices.begin(), indices.end() - 1});
    return job;
  }
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), x.size()));
  if (indices != updates || indices.size() != x.size()) return wrong();
  for (std::size_t i = 0; i < x.size(); ++i)
    if (i != axis && indices[i] > x[i]) return wrong();
  job.rows = onnx::count(x);
  job.count = onnx::count(indices);
  return job;
}

Result<std::vector<Type>> infer(const Call& call) {
  KOINON_TRY(const auto job, read(call));
  static_cast<void>(job);
  return std::vector<Type>{call.type(0)};
}

/// The row that each update goes to. Errors: malformed on an index that its axis does not have.
Result<std::vector<std::int64_t>> rows_of(const Call& call, const Job& job) {
  const auto& x = call.shape(0);
  const auto& indices = call.value(1);
  const auto place = [&](std::int64_t index, std::int64_t n) -> Result<std::int64_t> {
    if (index < -n || index >= n) return call.fail(Code::malformed, "index {} on an axis of {}", index, n);
    return index < 0 ? index + n : index;
  };
  std::vector<std::int64_t> out(static_cast<std::size_t>(job.count), 0);
  if (by_rows(call)) {
    const auto depth = static_cast<std::size_t>(indices.shape.back());
    for (std::size_t r = 0; r < out.size(); ++r)
      for (std::size_t k = 0; k < depth; ++k) {
        KOINON_TRY(const auto at, place(indices.ints[r * depth + k], x[k]));
        out[r] = out[r] * x[k] + at;
      }
    return out;
  }
  KOINON_TRY(const auto axis, call.axis(call.integer("axis", 0), x.size()));
  auto strides = strides_of(x);
  const auto step = strides[axis];
  strides[axis] = 0;
  walk(indices.shape, strides, 0, [&](std::size_t i, std::size_t at) { out[i] = static_cast<std::int64_t>(at); });
  for (std::size_t i = 0; i < out.size(); ++i) {
    KOINON_TRY(const auto at, place(indices.ints[i], x[axis]));
    out[i] += at * step;
  }
  return out;
}

template <class T>
T reduced(const std::string& how, T old, T update) {
  if (how == "add") return static_cast<T>(old + update);
  if (how == "mul") return static_cast<T>(old * update);
  if (how == "max") return std::max(old, update);
  if (how == "min") return std::min(old, update);
  return update;
}

Result<std::vector<Value>> compute(const Call& call) {
  KOINON_TRY(const auto job, read(call));
  KOINON_TRY(const auto rows, rows_of(call, job));
  Value y = call.value(0);
  const auto& updates = call.value(2);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::int64_t i = 0; i < job.inner; ++i) {
      const auto at = static_cast<std::size_t>(rows[r] * job.inner + i);
      const auto from = r * static_cast<std::size_t>(job.inner) + static_cast<std::size_t>(i);
      if (onnx::is_float(y.element))
        y.floats[at] = reduced(job.reduction, y.floats[at], updates.floats[from]);
      else
        y.ints[at] = reduced(job.reduction, y.ints[at], updates.ints[from]);
    }
  return std::vector<Value>{std::move(y)};
}

/// One update (or many to distinct places) with what stands there.
Ref combine(Lowering& to, const std::string& how, Ref old, Ref update) {
  auto& b = to.builder();
  if (how == "none") return update;
  if (how == "add") return b.add(old, update);
  const bool max = how == "max";
  const auto less = b.compare(max ? old : update, max ? update : old, CompareOp::less);
  const auto pair = one_type(to, {update, old});
  return b.select(less, pair[0], pair[1]);
}

/// Constant places: in rounds, none of which names a place twice. Without a reduction only the last update of a place counts.
Ref known_places(Lowering& to, const Job& job, Ref data, Ref updates, const std::vector<std::int64_t>& rows) {
  auto& b = to.builder();
  std::map<std::int64_t, std::vector<std::int64_t>> by_row;
  for (std::size_t r = 0; r < rows.size(); ++r) by_row[rows[r]].push_back(static_cast<std::int64_t>(r));
  std::size_t rounds = 1;
  for (auto& [row, list] : by_row) {
    if (job.reduction == "none") list = {list.back()};
    rounds = std::max(rounds, list.size());
  }
  for (std::size_t k = 0; k < rounds; ++k) {
    std::vector<std::int64_t> at, from;
    for (const auto& [row, list] : by_row)
      if (k < list.size()) {
        at.push_back(row);
        from.push_back(list[k]);
      }
    const auto n = static_cast<std::int64_t>(at.size());
    const auto places = whole_weight(to, {n}, at);
    const auto sources = whole_weight(to, {n}, from);
    const auto news = b.gather(updates, sources, 0);
    const auto olds = b.gather(data, places, 0);
    const auto pair = one_type(to, {data, combine(to, job.reduction, olds, news)});
    data = b.scatter(pair[0], places, pair[1], 0);
  }
  return data;
}

/// Places that are computed: one select an update, in order.
Ref selected(Lowering& to, const Job& job, Ref data, Ref updates, Ref places) {
  auto& b = to.builder();
  const auto rows = counting(to, job.rows, 0, 2);
  for (std::int64_t r = 0; r < job.count; ++r) {
    const auto place = b.slice(places, {r, 0}, {1, 1}, {1, 1});
    const auto update = b.slice(updates, {r, 0}, {1, 1}, {1, job.inner});
    const auto here = b.compare(rows, place, CompareOp::equal);
    const auto news = combine(to, job.reduction, data, update);
    const auto full = b.info(news).shape == b.info(data).shape ? news : b.broadcast(news, {job.rows, job.inner});
    const auto pair = one_type(to, {full, data});
    data = b.select(here, pair[0], pair[1]);
    if (b.error()) return data;
  }
  return data;
}

/// The places of computed indices, [count, 1].
Ref computed_places(const Call& call, Lowering& to, const Job& job, Ref index) {
  auto& b = to.builder();
  const auto &x = call.shape(0), &indices = call.shape(1);
  if (by_rows(call)) return b.reshape(flat_places(to, x, index, indices, 0), {job.count, 1});
  const auto axis = static_cast<std::size_t>(call.integer("axis", 0) +
                                             (call.integer("axis", 0) < 0 ? static_cast<std::int64_t>(x.size()) : 0));
  auto strides = strides_of(x);
  const auto step = strides[axis];
  strides[axis] = 0;
  std::vector<std::int64_t> offsets(static_cast<std::size_t>(job.count));
  walk(indices, strides, 0, [&](std::size_t i, std::size_t at) { offsets[i] = static_cast<std::int64_t>(at); });
  const auto by = whole_weight(to, {}, {step});
  const auto base = whole_weight(to, {job.count, 1}, offsets);
  const auto on_axis = b.reshape(places(to, index, x[axis]), {job.count, 1});
  const auto scaled = b.mul(on_axis, by);
  return b.add(scaled, base);
}

Status lower(const Call& call, Lowering& to) {
  KOINON_TRY(const auto job, read(call));
  const bool whole = is_whole(call, 0);
  if (job.reduction == "mul") return call.fail(Code::unsupported, "reduction 'mul' at run time");
  KOINON_TRY(const auto operands, alike(call, to, {0, 2}));
  auto& b = to.builder();
  Ref data = b.reshape(operands[0], {job.rows, job.inner});
  const Ref updates = b.reshape(operands[1], {job.count, job.inner});
  if (call.known(1) != nullptr) {
    KOINON_TRY(const auto rows, rows_of(call, job));
    data = known_places(to, job, data, updates, rows);
  } else {
    KOINON_TRY(const auto index, to.in(call, 1));
    const auto places = computed_places(call, to, job, to.plain(index));
    if (job.count <= kMaxSelects)
      data = selected(to, job, data, updates, places);
    else if (job.reduction == "none")
      data = b.scatter(data, b.reshape(places, {job.count}), updates, 0);
    else
      return call.fail(Code::unsupported, "reduction '{}' of {} computed places: at most {}", job.reduction, job.count,
                       kMaxSelects);
  }
  const auto out = b.reshape(data, call.shape(0));
  if (whole) return to.set_whole(call, out);
  if (job.reduction == "add") return to.emit(call, out, {scale_of(call, to).real()});
  return to.set(call, out, scale_of(call, to));
}

constexpr Operator kOperators[] = {{"Scatter", 9, 10, 3, 3, infer, compute, lower},
                                   {"ScatterElements", 11, kNewest, 3, 3, infer, compute, lower},
                                   {"ScatterND", 11, kNewest, 3, 3, infer, compute, lower}};

}  // namespace

std::span<const Operator> scatter_operators() { return kOperators; }

}  // namespace koinon::engine::operators
