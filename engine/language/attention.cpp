#include <algorithm>
#include <cmath>

#include "engine/language/lower.hpp"
#include "engine/math/math.hpp"

namespace koinon::engine::language {
namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

constexpr std::int64_t kTurnLimit = 16384;   // of cosines and sines
constexpr std::int64_t kScoreLimit = 16383;  // of scores: the difference of two, and of one and kUnseen, has a table entry
constexpr std::int64_t kUnseen = -32768;
constexpr double kScoreReach = 11.5;  // e^-11.5 is a third of the least weight
constexpr double kRoom = 1.25;

double at_least(double x) { return std::max(x, 1e-9); }

/// Each element for `each` columns.
std::vector<double> spread(const std::vector<double>& values, std::int64_t each) {
  std::vector<double> out;
  for (double v : values) out.insert(out.end(), at(each), v);
  return out;
}

}  // namespace

// Pairs (i, i + half) of each head [rows, count, size] are turned by the angle of their place; units stay, doubled by nothing.
Ref Lower::rotate(Ref heads, std::int64_t count) {
  const auto size = config_.head_size, half = size / 2;
  IntTensor cosines = IntTensor::zeros(DType::i16, {context_, half}), sines = cosines;
  for (std::int64_t p = 0; p < context_; ++p)
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle = static_cast<double>(p) * rope_frequency(config_, i);
      cosines.set(p * half + i, static_cast<std::int64_t>(std::floor(math::cos(angle) * kTurnLimit + 0.5)));
      sines.set(p * half + i, static_cast<std::int64_t>(std::floor(math::sin(angle) * kTurnLimit + 0.5)));
    }
  const auto of_place = [&](IntTensor table) {
    return b_.reshape(b_.gather(b_.weight(std::move(table)), positions_, 0), {rows_, 1, half});
  };
  const Ref c = of_place(std::move(cosines));
  const Ref s = of_place(std::move(sines));
  const Ref a = b_.slice(heads, {0, 0, 0}, {1, 1, 1}, {rows_, count, half});
  const Ref b = b_.slice(heads, {0, 0, half}, {1, 1, 1}, {rows_, count, half});
  const Ref ac = b_.mul(a, c, DType::i32);
  const Ref bs = b_.mul(b, s, DType::i32);
  const Ref bc = b_.mul(b, c, DType::i32);
  const Ref as = b_.mul(a, s, DType::i32);
  const Ref first = b_.sub(ac, bs, DType::i32);
  const Ref second = b_.add(bc, as, DType::i32);
  return b_.concat({first, second}, 2);
}

// exp(score - largest) of the places that a token sees, 0 elsewhere: integers up to `most` (mix).
Ref Lower::weigh(Ref scores, const std::vector<double>& units, double seen) {
  const auto kv = config_.kv_heads, groups = config_.groups();
  int bits = 10;
  while (bits > 0 && seen * kRoom * static_cast<double>(1 << bits) > static_cast<double>(kScoreLimit)) --bits;
  std::vector<double> ratios;
  for (double u : units) ratios.push_back(u * static_cast<double>(1 << bits));
  const Shape shape{kv, groups, rows_, context_};
  const Ref split = b_.reshape(scores, shape);
  const Ref narrow = rescale(split, ratios, kScoreLimit, DType::i16, {kv, 1, 1, 1});
  const Ref shown = b_.select(mask_, narrow, scalar(DType::i16, kUnseen));
  const Ref top = b_.reduce(shown, program::ReduceParams::axes(program::ReduceOp::max, shape, {3}));
  const auto reach = static_cast<std::int64_t>(kScoreReach * static_cast<double>(1 << bits));
  const Ref below = clamp(b_.sub(top, shown, DType::i32), 0, reach, DType::i16);
  const std::int64_t room = 0x7fffffff / (state_limit_ * context_);
  const auto most = std::min<std::int64_t>(32767, room >= 1023 ? room : 16383);
  const Ref weights = table(0, reach, DType::i16, [&](std::int64_t i) {
    return i == reach ? 0 : static_cast<double>(most) * math::exp(-static_cast<double>(i) / static_cast<double>(1 << bits));
  });
  return b_.lookup(below, weights, 0);
}

// The values' mean by the weights, doubled twice over for rounding: integers up to `limit` in 2^-f of a value's unit.
Operand Lower::mix(Ref weights, Ref values, std::int64_t most, std::int64_t limit) {
  const auto kv = config_.kv_heads, groups = config_.groups(), size = config_.head_size;
  const Shape shape{kv, groups * rows_, context_};
  const Ref flat = b_.reshape(weights, shape);
  const Ref total = b_.reduce(flat, program::ReduceParams::axes(program::ReduceOp::sum, shape, {2}), DType::i64);
  // The largest weight is one of the sum.
  const Ref sum = clamp(total, most, most * context_, DType::i64);
  int f = 0;
  while (state_limit_ << (f + 1) <= limit) ++f;
  const bool fits = most * state_limit_ * context_ <= 0x7fffffff;
  const Ref mixed = b_.matmul(flat, values, {}, fits ? DType::i32 : DType::i64);
  const Ref divided = b_.quotient(b_.shift(mixed, f + 1, DType::i64), sum, DType::i64);
  const Ref rounded = halve(divided, -limit, limit, limit <= 127 ? DType::i8 : DType::i16);
  const Ref split = b_.reshape(rounded, {kv, groups, rows_, size});
  const Ref by_row = rows_ == 1 ? split : b_.transpose(split, {2, 0, 1, 3});
  return {b_.reshape(by_row, {rows_, config_.heads * size}), std::ldexp(1.0, -f)};
}

// Puts the values v [rows, kv * size] of new places into the state, and returns it as [kv, size, places].
Ref Lower::keep_values(Ref state, Ref v) {
  const auto kv = config_.kv_heads, size = config_.head_size, blocks = block_count(context_);
  const Shape shape{kv, blocks, size, kBlock};
  const Ref flat = b_.reshape(state, {kv * blocks * size * kBlock});
  const Ref all = b_.reshape(b_.scatter(flat, value_places_, v, 0), shape);
  new_states_.push_back(all);
  const Ref by_size = b_.reshape(b_.transpose(all, {0, 2, 1, 3}), {kv, size, blocks * kBlock});
  return context_ == blocks * kBlock ? by_size : b_.slice(by_size, {0, 0, 0}, {1, 1, 1}, {kv, size, context_});
}

// Where the values of each row's place lie in the state's bytes: [rows, kv * size].
Ref Lower::places_of_values() {
  const auto kv = config_.kv_heads, size = config_.head_size, blocks = block_count(context_);
  IntTensor starts = IntTensor::zeros(DType::i32, {1, kv * size});
  for (std::int64_t i = 0; i < kv * size; ++i) starts.set(i, (i / size * blocks * size + i % size) * kBlock);
  const Ref rows = b_.reshape(positions_, {rows_, 1});
  const auto [block, within] = b_.divide(rows, scalar(DType::i32, kBlock));
  const Ref begin = b_.mul(block, scalar(DType::i32, size * kBlock), DType::i32);
  const Ref place = b_.add(begin, within, DType::i32);
  const Ref heads = b_.weight(std::move(starts));
  return b_.add(place, heads, DType::i32);
}

Ref Lower::attention(std::size_t number, const Layer& layer, const LayerRanges& seen, Ref residual) {
  const auto kv = config_.kv_heads, groups = config_.groups(), size = config_.head_size;
  const bool turned = config_.rope_base > 0;
  const auto q_rows = rows_of(layer.q, &layer.before_attention), k_rows = rows_of(layer.k, &layer.before_attention),
             v_rows = rows_of(layer.v, &layer.before_attention);
  const auto x = normalise(residual, seen.attention_in, operand_limit({&q_rows, &k_rows, &v_rows}));
  const auto state_type = state_limit_ == 127 ? DType::i8 : DType::i16;
  const auto q_limit = std::min(value_limit_, 0x7fffffff / (state_limit_ * size));
  const auto q_type = q_limit <= 127 ? DType::i8 : DType::i16;
  const double q_room = q_limit > 127 ? kRoom : 1.0;

  // Heads [rows, count, size] in units of one head's own scale.
  std::vector<double> units;
  const auto heads = [&](const Rows& rows, std::int64_t count, const std::vector<double>& tops,
                         const std::vector<double>& plain, double room, std::int64_t limit, DType type) {
    const auto share = count / kv;
    const Ref y = product(x, rows, units);
    const auto& first = turned ? plain : tops;
    const auto first_limit = turned ? std::int64_t{32767} : limit;
    std::vector<double> ratios = units;
    for (std::size_t i = 0; i < ratios.size(); ++i)
      ratios[i] *= static_cast<double>(first_limit) / (at_least(first[i / at(size * share)]) * (turned ? kRoom : room));
    const Ref narrow = b_.reshape(rescale(y, ratios, first_limit, turned ? DType::i16 : type), {rows_, count, size});
    if (!turned) return narrow;
    std::vector<double> back;
    for (std::size_t h = 0; h < at(count); ++h) {
      const auto g = h / at(share);
      back.push_back(at_least(plain[g]) * kRoom / 32767 / kTurnLimit * static_cast<double>(limit) / (at_least(tops[g]) * room));
    }
    return rescale(rotate(narrow, count), back, limit, type, {count, 1});
  };
  const auto unit_of = [](double top, double room, std::int64_t limit) {
    return at_least(top) * room / static_cast<double>(limit);
  };

  const Ref k = b_.transpose(heads(k_rows, kv, seen.k, seen.k_plain, 1, state_limit_, state_type), {1, 0, 2});
  const Ref q = heads(q_rows, config_.heads, seen.q, seen.q_plain, q_room, q_limit, q_type);
  const Ref v_flat = product(x, v_rows, units);
  std::vector<double> v_ratios = units, v_units, score_units;
  for (std::int64_t g = 0; g < kv; ++g) {
    v_units.push_back(unit_of(seen.v[at(g)], 1, state_limit_));
    score_units.push_back(unit_of(seen.k[at(g)], 1, state_limit_) * unit_of(seen.q[at(g)], q_room, q_limit) /
                          std::sqrt(static_cast<double>(size)));
  }
  for (std::size_t i = 0; i < v_ratios.size(); ++i) v_ratios[i] /= v_units[i / at(size)];
  const Ref v = rescale(v_flat, v_ratios, state_limit_, state_type);

  const Ref keys = b_.scatter(states_[2 * number], positions_, k, 1);
  new_states_.push_back(keys);
  const Ref values = keep_values(states_[2 * number + 1], v);

  const Ref by_head = b_.transpose(b_.reshape(q, {rows_, kv, groups, size}), {1, 2, 0, 3});
  const Ref scores = b_.matmul(b_.reshape(by_head, {kv, groups * rows_, size}), keys, {}, DType::i32);
  const Ref weights = weigh(scores, score_units, seen.score);

  // A head's value unit goes into the columns that read it.
  Linear out = layer.o;
  const auto column_units = spread(v_units, size * groups);
  for (std::int64_t r = 0; r < out.out; ++r)
    for (std::int64_t c = 0; c < out.in; ++c)
      out.weights[at(r * out.in + c)] =
          static_cast<float>(static_cast<double>(out.weights[at(r * out.in + c)]) * column_units[at(c)]);
  const auto o_rows = rows_of(out, nullptr);
  const auto most = b_.error() ? 1 : b_.range(weights).high;
  const auto mixed = mix(weights, values, most, operand_limit({&o_rows}));
  const Ref y = product(mixed, o_rows, units);
  return add_to(residual, y, units);
}

}  // namespace koinon::engine::language
