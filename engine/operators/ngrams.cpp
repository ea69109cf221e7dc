#include <algorithm>
#include <map>

#include "engine/operators/expansion.hpp"
#include "engine/operators/table.hpp"

// TfIdfVectorizer of integers, made of simpler nodes: how often each n-gram of a pool stands in a row, counted or weighed.
namespace koinon::engine::operators {

namespace {

constexpr std::int64_t kMostWork = std::int64_t{1} << 24;  // comparisons

struct Pool {
  /// For each length of n-gram: their elements, one n-gram after the other, and their places in the output.
  struct Grams {
    std::vector<std::int64_t> elements, places;
  };
  std::map<std::int64_t, Grams> grams;
  std::int64_t size = 0;  ///< of the output
};

Result<Pool> pool_of(const Call& call) {
  if (call.given("pool_strings")) return call.fail(Code::unsupported, "a pool of strings, which are no tensors of numbers");
  const auto elements = call.integers("pool_int64s"), starts = call.integers("ngram_counts"),
             places = call.integers("ngram_indexes");
  const auto least = call.integer("min_gram_length", 1), most = call.integer("max_gram_length", 1);
  Pool pool;
  std::size_t place = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto length = static_cast<std::int64_t>(i) + 1;
    const auto from = starts[i], end = i + 1 < starts.size() ? starts[i + 1] : static_cast<std::int64_t>(elements.size());
    if (from < 0 || end < from || end > static_cast<std::int64_t>(elements.size()) || (end - from) % length != 0)
      return call.fail(Code::malformed, "n-grams of {} in elements {} to {} of {}", length, from, end, elements.size());
    for (auto at = from; at < end; at += length, ++place) {
      if (place >= places.size()) return call.fail(Code::malformed, "{} places for more n-grams", places.size());
      if (places[place] < 0 || places[place] > 1 << 20) return call.fail(Code::out_of_range, "place {}", places[place]);
      pool.size = std::max(pool.size, places[place] + 1);
      if (length < least || length > most) continue;
      auto& grams = pool.grams[length];
      grams.elements.insert(grams.elements.end(), elements.begin() + at, elements.begin() + at + length);
      grams.places.push_back(places[place]);
    }
  }
  if (pool.size == 0) return call.fail(Code::malformed, "an empty pool");
  return pool;
}

/// How often each of the n-grams of one length stands in the rows [n, l] with `skip` elements between: [n, grams], or absent.
int counted(const Call& call, Expansion& to, int rows, const Shape& shape, std::int64_t length, const Pool::Grams& grams,
            std::int64_t skip) {
  const auto places = shape[1] - (length - 1) * skip, count = static_cast<std::int64_t>(grams.places.size());
  if (places < 1) return onnx::kAbsent;
  int same = onnx::kAbsent;
  for (std::int64_t k = 0; k < length; ++k) {
    Value wanted = Value::zeros({call.type(0).element, {1, 1, count}});
    for (std::int64_t g = 0; g < count; ++g)
      wanted.ints[static_cast<std::size_t>(g)] = grams.elements[static_cast<std::size_t>(g * length + k)];
    const int seen = to.reshape(to.slice(rows, {k * skip}, {k * skip + places}, {1}), {shape[0], places, 1});
    const int equal = to.add("Equal", {seen, to.constant(std::move(wanted))});
    same = same == onnx::kAbsent ? equal : to.add("And", {same, equal});
  }
  const int one = to.add("Cast", {same}, Attributes{{"to", std::int64_t{1}}});
  return to.add("ReduceSum", {one, to.integers({1})}, Attributes{{"keepdims", std::int64_t{0}}});
}

Status expand(const Call& call, Expansion& to) {
  KOINON_TRY(const auto pool, pool_of(call));
  const auto& x = call.shape(0);
  if (onnx::is_float(call.type(0).element) || x.empty() || x.size() > 2)
    return call.fail(Code::malformed, "input {}: one or two axes of integers expected", tensor::shape_text(x));
  const auto mode = call.text("mode", "TF");
  if (mode != "TF" && mode != "IDF" && mode != "TFIDF") return call.fail(Code::malformed, "mode '{}'", mode);
  const auto skips = std::clamp<std::int64_t>(call.integer("max_skip_count", 0), 0, 1 << 10);
  const Shape shape = x.size() == 2 ? x : Shape{1, x[0]};
  const int rows = x.size() == 2 ? call.input(0) : to.reshape(call.input(0), shape);
  if (shape[0] * shape[1] * static_cast<std::int64_t>(call.integers("pool_int64s").size()) * (skips + 1) > kMostWork)
    return call.fail(Code::out_of_range, "more than 2^24 comparisons");
  std::vector<int> parts;
  std::vector<std::int64_t> from(static_cast<std::size_t>(pool.size), 0);  // place of an output among the parts; 0 is a zero
  std::int64_t made = 1;
  parts.push_back(to.constant(Value::zeros({Element::f32, {shape[0], 1}})));
  for (const auto& [length, grams] : pool.grams) {
    int total = onnx::kAbsent;
    for (std::int64_t skip = 1; skip <= (length == 1 ? 1 : skips + 1); ++skip) {
      const int some = counted(call, to, rows, shape, length, grams, skip);
      if (some != onnx::kAbsent) total = total == onnx::kAbsent ? some : to.add("Add", {total, some});
    }
    if (total == onnx::kAbsent) continue;
    parts.push_back(total);
    for (auto place : grams.places) from[static_cast<std::size_t>(place)] = made++;
  }
  int y =
      to.add("Gather", {to.concat(std::move(parts), 1), to.integers(std::move(from))}, Attributes{{"axis", std::int64_t{1}}});
  if (mode == "IDF") y = to.add("Min", {y, to.real(1)});
  if (const auto weights = call.reals("weights"); mode != "TF" && !weights.empty()) {
    if (weights.size() != static_cast<std::size_t>(pool.size))
      return call.fail(Code::malformed, "{} weights of {}", weights.size(), pool.size);
    y = to.add("Mul", {y, to.constant(Value::of_floats({pool.size}, weights))});
  }
  to.result(0, x.size() == 2 ? y : to.reshape(y, {pool.size}));
  return {};
}

constexpr Operator kOperators[] = {{"TfIdfVectorizer", 9, kNewest, 1, 1, nullptr, nullptr, nullptr, false, expand}};

}  // namespace

std::span<const Operator> ngrams_operators() { return kOperators; }

}  // namespace koinon::engine::operators
