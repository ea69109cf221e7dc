// Operators that go along axes: reductions, what moves or picks elements, scans and recurrent nets.
#include <numeric>

#include "engine/quantise/random_maker.hpp"

namespace koinon::engine::quantise {

void Maker::reduction() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  const auto d = axis(x);
  Sizes shape = x.shape;
  const bool kept = dice_.roll(2) == 0;
  if (kept)
    shape[d] = 1;
  else
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(d));
  const double n = static_cast<double>(x.shape[d]), reach = n * x.size();
  const Attributes keepdims{{"keepdims", std::int64_t{kept ? 1 : 0}}};
  const auto name = [&](const char* op) { return node(op, {x.name, integers({static_cast<std::int64_t>(d)})}, keepdims); };
  switch (dice_.roll(8)) {
    case 0: return keep({name("ReduceSum"), shape, -reach, reach});
    case 1: return keep({name("ReduceMean"), shape, x.low, x.high});
    case 2: return keep({name("ReduceMax"), shape, x.low, x.high});
    case 3: return keep({name("ReduceMin"), shape, x.low, x.high});
    case 4: return keep({name("ReduceL1"), shape, 0, reach});
    case 5: return keep({name("ReduceL2"), shape, 0, reach});
    case 6: return keep({name("ReduceSumSquare"), shape, 0, reach * x.size()});
    default: return keep({name("ReduceLogSumExp"), shape, x.low, x.high + std::log(n)});
  }
}

void Maker::rearranged() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  switch (dice_.roll(5)) {
    case 0: return keep(shaped(x, static_cast<std::size_t>(roll(1, 4))));
    case 1: {
      Sizes order(x.rank()), shape;
      std::iota(order.begin(), order.end(), 0);
      for (std::size_t i = order.size(); i-- > 1;)
        std::swap(order[i], order[static_cast<std::size_t>(dice_.roll(static_cast<std::int64_t>(i) + 1))]);
      for (auto i : order) shape.push_back(x.shape[static_cast<std::size_t>(i)]);
      return keep({node("Transpose", {x.name}, {{"perm", order}}), shape, x.low, x.high});
    }
    case 2: {
      Sizes repeats, shape = x.shape;
      for (auto& d : shape) {
        repeats.push_back(elements(shape) <= kMostElements / 4 ? roll(1, 2) : 1);
        d *= repeats.back();
      }
      return keep({node("Tile", {x.name, integers(repeats)}), shape, x.low, x.high});
    }
    case 3: {
      Sizes shape = x.shape;
      if (elements(shape) * 2 > kMostElements || x.rank() > 4) return unary();
      shape.insert(shape.begin(), 2);
      return keep({node("Expand", {x.name, integers(shape)}), shape, x.low, x.high});
    }
    default: {
      if (x.rank() != 4 || x.shape[2] % 2 != 0 || x.shape[3] % 2 != 0) return unary();
      return keep({node("SpaceToDepth", {x.name}, {{"blocksize", std::int64_t{2}}}),
                   {x.shape[0], x.shape[1] * 4, x.shape[2] / 2, x.shape[3] / 2},
                   x.low,
                   x.high});
    }
  }
}

void Maker::joined() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  const auto d = axis(x);
  std::vector<std::string> parts{x.name};
  double low = x.low, high = x.high;
  Sizes shape = x.shape;
  for (const auto& v : pool_) {
    auto same = v.shape;
    if (v.rank() != x.rank() || parts.size() == 3) continue;
    same[d] = x.shape[d];
    if (same != x.shape) continue;
    parts.push_back(v.name);
    shape[d] += v.shape[d];
    low = std::min(low, v.low);
    high = std::max(high, v.high);
  }
  if (elements(shape) > kMostElements) return unary();
  keep({node("Concat", parts, {{"axis", static_cast<std::int64_t>(d)}}), shape, low, high});
}

void Maker::cut() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  const auto d = axis(x);
  const auto n = x.shape[d], at = static_cast<std::int64_t>(d);
  Sizes shape = x.shape;
  switch (dice_.roll(3)) {
    case 0: {
      const auto start = roll(0, n - 1), step = roll(1, 2);
      shape[d] = (n - start + step - 1) / step;
      return keep(
          {node("Slice", {x.name, integers({start}), integers({n}), integers({at}), integers({step})}), shape, x.low, x.high});
    }
    case 1:
      return keep(
          {node("Slice", {x.name, integers({-1}), integers({-n - 1}), integers({at}), integers({-1})}), shape, x.low, x.high});
    default: {
      if (n < 2) return unary();
      const auto first = roll(1, n - 1);
      const auto name = node("Split", {x.name, integers({first, n - first})}, {{"axis", at}}, 2);
      Sizes second = shape;
      shape[d] = first;
      second[d] = n - first;
      keep({name, shape, x.low, x.high});
      return keep({name + "_1", second, x.low, x.high});
    }
  }
}

void Maker::padded() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  static const char* const modes[] = {"constant", "reflect", "edge"};
  const std::string mode = modes[dice_.roll(3)];
  Sizes pads(2 * x.rank()), shape = x.shape;
  for (std::size_t i = 0; i < x.rank(); ++i) {
    if (elements(shape) > kMostElements / 4) continue;
    const auto most = mode == "reflect" ? std::min<std::int64_t>(2, x.shape[i] - 1) : 2;
    pads[i] = roll(0, most);
    pads[i + x.rank()] = roll(0, most);
    shape[i] += pads[i] + pads[i + x.rank()];
  }
  keep({node("Pad", {x.name, integers(pads), reals({}, 0.5, 0.5)}, {{"mode", mode}}), shape, std::min(x.low, 0.5),
        std::max(x.high, 0.5)});
}

void Maker::indexed() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  const auto d = axis(x);
  const auto n = x.shape[d], at = static_cast<std::int64_t>(d);
  Sizes shape = x.shape;
  if (dice_.roll(2) == 0) {
    Sizes places;
    for (auto left = roll(1, 4); left > 0; --left) places.push_back(roll(-n, n - 1));
    shape[d] = static_cast<std::int64_t>(places.size());
    return keep({node("Gather", {x.name, integers(places)}, {{"axis", at}}), shape, x.low, x.high});
  }
  // The row of the largest element: places that the data names.
  const auto place = node("ArgMax", {x.name}, {{"axis", at}, {"keepdims", std::int64_t{1}}});
  shape[d] = 1;
  keep({node("GatherElements", {x.name, place}, {{"axis", at}}), shape, x.low, x.high});
}

void Maker::sorted() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  const auto d = axis(x);
  Sizes shape = x.shape;
  shape[d] = roll(1, shape[d]);
  const auto name =
      node("TopK", {x.name, integers({shape[d]})}, {{"axis", static_cast<std::int64_t>(d)}, {"largest", dice_.roll(2)}}, 2);
  keep({name, shape, x.low, x.high});
}

void Maker::resized() {
  const auto x = shaped(pick(), 4);
  Sizes shape = x.shape;
  shape[2] *= 2;
  shape[3] *= 2;
  if (elements(shape) > kMostElements) return unary();
  const bool linear = dice_.roll(2) == 0;
  keep({node("Resize", {x.name, "", "", integers(shape)}, {{"mode", std::string(linear ? "linear" : "nearest")}}), shape, x.low,
        x.high});
}

void Maker::scanned() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  const auto d = axis(x);
  const double reach = x.size() * static_cast<double>(x.shape[d]);
  const auto at = reals({}, 0, 0);
  auto& t = *graph_.mutable_initializer(graph_.initializer_size() - 1);
  t.set_data_type(7);
  t.clear_float_data();
  t.add_int64_data(static_cast<std::int64_t>(d));
  keep({node("CumSum", {x.name, at}, {{"exclusive", dice_.roll(2)}, {"reverse", dice_.roll(2)}}), x.shape, -reach, reach});
}

void Maker::recurrent() {
  const auto picked = pick();
  if (elements(picked.shape) > 256) return unary();
  const auto x = shaped(picked, 3);
  static const std::pair<const char*, std::int64_t> ops[] = {{"RNN", 1}, {"GRU", 3}, {"LSTM", 4}};
  const auto& [op, gates] = ops[dice_.roll(3)];
  const auto hidden = roll(1, 5);
  const auto name = node(op,
                         {x.name, reals({1, gates * hidden, x.shape[2]}, -0.5, 0.5),
                          reals({1, gates * hidden, hidden}, -0.5, 0.5), reals({1, 2 * gates * hidden}, -0.5, 0.5)},
                         {{"hidden_size", hidden}});
  keep({name, {x.shape[0], 1, x.shape[1], hidden}, -1, 1});
}

}  // namespace koinon::engine::quantise
