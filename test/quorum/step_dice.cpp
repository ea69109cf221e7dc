#include "test/quorum/step_dice.hpp"

#include <algorithm>
#include <numeric>

#include "engine/program/builder.hpp"
#include "engine/program/params.hpp"

namespace koinon::test::quorum {
namespace {

using engine::program::Builder;
using engine::program::CompareOp;
using engine::program::ConvParams;
using engine::program::DType;
using engine::program::ReduceOp;
using engine::program::ReduceParams;
using engine::program::Ref;
using engine::program::Scale;
using engine::program::StepKind;
using engine::tensor::IntTensor;
using engine::tensor::Shape;
using trust::optimistic::Provider;
using List = std::vector<std::int64_t>;

/// One throw: a program of one step under construction.
class Throw {
 public:
  explicit Throw(base::Random& random) : random_(random) {}

  Provider make(StepKind kind) {
    grow(kind);
    auto program = b_.finish({});
    KOINON_INVARIANT(program.has_value());
    const bool alone = (kind == StepKind::topk || kind == StepKind::divide) && one_in(3);
    if (alone) {  // the first output alone
      program->steps[0].outputs.pop_back();
      program->outputs.pop_back();
      KOINON_INVARIANT(engine::program::validate(*program).has_value());
    }
    return trust::optimistic::honest(*std::move(program), std::move(inputs_));
  }

 private:
  std::int64_t roll(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(random_.u64() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(std::int64_t sides) { return roll(1, sides) == 1; }

  IntTensor tensor(DType type, const Shape& shape, std::int64_t low, std::int64_t high) {
    auto out = IntTensor::zeros(type, shape);
    const bool flat = one_in(4);  // ties
    for (std::int64_t i = 0; i < out.size(); ++i) {
      const auto lot = roll(0, 11);
      const auto value = flat ? low + roll(0, 2) % (high - low + 1) : lot == 0 ? low : lot == 1 ? high : roll(low, high);
      out.set(i, value);
    }
    return out;
  }
  Ref given(IntTensor data, std::int64_t low, std::int64_t high) {
    inputs_.push_back(std::move(data));
    const auto& of = inputs_.back();
    return b_.input("x" + std::to_string(inputs_.size()), {of.dtype, of.shape}, Scale{}, low, high);
  }
  Ref input(DType type, const Shape& shape, std::int64_t low, std::int64_t high) {
    return given(tensor(type, shape, low, high), low, high);
  }
  /// All that the type holds, or as much as keeps sums of products of two within the engine's bounds.
  Ref input(DType type, const Shape& shape) {
    const auto most = std::int64_t{1} << 29;
    return input(type, shape, std::max(engine::tensor::dtype_low(type), -most),
                 std::min(engine::tensor::dtype_high(type), most));
  }
  /// As large as a value that is only moved may be.
  Ref large(DType type, const Shape& shape) {
    const auto most = (std::int64_t{1} << 62) - 1;
    return input(type, shape, std::max(engine::tensor::dtype_low(type), -most),
                 std::min(engine::tensor::dtype_high(type), most));
  }
  DType any() { return static_cast<DType>(roll(1, 4)); }
  DType narrow() { return static_cast<DType>(roll(1, 2)); }
  Shape shape(std::size_t rank, std::int64_t most) {
    Shape out;
    for (std::size_t i = 0; i < rank; ++i) out.push_back(roll(1, most));
    return out;
  }
  Shape shape() {
    if (one_in(6)) return {roll(1, 3), roll(200, 900)};
    return shape(static_cast<std::size_t>(roll(1, 5)), 6);
  }
  /// A shape that broadcasts to another.
  Shape narrower(const Shape& wide) {
    Shape out(wide.begin() + roll(0, static_cast<std::int64_t>(wide.size()) - 1), wide.end());
    for (auto& n : out)
      if (one_in(3)) n = 1;
    return out;
  }
  List list(std::size_t n, std::int64_t low, std::int64_t high) {
    List out;
    for (std::size_t i = 0; i < n; ++i) out.push_back(roll(low, high));
    return out;
  }
  void out(Ref ref) { b_.output("y" + std::to_string(ref.index()), ref, Scale{}); }
  void out(std::pair<Ref, Ref> two) {
    out(two.first);
    out(two.second);
  }

  void matmul() {
    const bool batched = one_in(2);
    const auto k = one_in(5) ? roll(1'000, 2'500) : roll(1, 70), m = roll(1, 4), n = roll(1, 6), batch = roll(1, 3);
    const bool shared = !batched || one_in(2);
    const Ref a = input(narrow(), batched ? Shape{batch, m, k} : Shape{m, k});
    const Shape right = shared ? Shape{n, k} : Shape{batch, n, k};
    const auto type = narrow();
    const auto low = engine::tensor::dtype_low(type), high = engine::tensor::dtype_high(type);
    const Ref b = one_in(2) ? b_.weight(tensor(type, right, low, high)) : input(type, right, low, high);
    std::optional<Ref> bias;
    if (one_in(2)) bias = b_.weight(tensor(DType::i32, {n}, INT32_MIN, INT32_MAX));
    out(b_.matmul(a, b, bias, DType::i64));
  }
  void conv() {
    const auto axes = static_cast<std::size_t>(roll(1, 3));
    const auto groups = roll(1, 3), each = one_in(6) ? roll(100, 300) : roll(1, 4), features = groups * roll(1, 3);
    ConvParams p{groups, list(axes, 1, 2), list(axes, 1, 2), list(axes, 0, 2), list(axes, 0, 2)};
    Shape x{roll(1, 2)}, w{features};
    for (std::size_t a = 0; a < axes; ++a) {
      w.push_back(roll(1, 3));
      x.push_back(p.dilations[a] * (w.back() - 1) + roll(1, 5));
    }
    x.push_back(groups * each);
    w.push_back(each);
    const auto type = narrow();
    const Ref picture = input(narrow(), x);
    const Ref filters = b_.weight(tensor(type, w, engine::tensor::dtype_low(type), engine::tensor::dtype_high(type)));
    std::optional<Ref> bias;
    if (one_in(2)) bias = b_.weight(tensor(DType::i32, {features}, INT32_MIN, INT32_MAX));
    out(b_.conv(picture, filters, p, bias, DType::i64));
  }
  void two(StepKind kind) {
    const auto wide = shape();
    auto left = wide, right = narrower(wide);
    if (one_in(3)) std::swap(left, right);
    const bool product = kind == StepKind::mul;
    const Ref a = product ? input(any(), left) : large_half(left);
    if (kind == StepKind::divide) {
      const auto type = any();
      const Ref b = input(type, right, 1, std::min(engine::tensor::dtype_high(type), std::int64_t{1} << 61));
      return out(b_.divide(a, b));
    }
    const Ref b = product ? input(any(), right) : large_half(right);
    if (kind == StepKind::compare) return out(b_.compare(a, b, static_cast<CompareOp>(roll(1, 3))));
    out(kind == StepKind::add ? b_.add(a, b) : product ? b_.mul(a, b) : b_.sub(a, b));
  }
  Ref large_half(const Shape& of) {
    const auto type = any();
    const auto most = (std::int64_t{1} << 61) - 1;
    return input(type, of, std::max(engine::tensor::dtype_low(type), -most), std::min(engine::tensor::dtype_high(type), most));
  }
  void requantise() {
    const auto x = shape();
    const auto n = one_in(2) ? x.back() : 1;
    const auto type = any();
    const auto most = std::min(engine::tensor::dtype_high(type), std::int64_t{1} << 45);
    const Ref value = input(type, x, std::max(engine::tensor::dtype_low(type), -most), most);
    const Ref m = b_.weight(tensor(DType::i16, {n}, 1, 32'767)), s = b_.weight(tensor(DType::i8, {1}, 1, 62));
    const auto low = roll(-40'000, 0);
    out(b_.requantise(value, m, s, low, roll(low, 40'000)));
  }
  void lookup() {
    const auto type = narrow();
    const auto low = type == DType::i8 ? -128 : roll(-3'000, 0), high = type == DType::i8 ? 127 : roll(0, 3'000);
    const Ref x = input(type, shape(), low, high);
    const auto of = any();
    const auto most = (std::int64_t{1} << 62) - 1;
    out(b_.lookup(x,
                  b_.table(tensor(of, {high - low + 1}, std::max(engine::tensor::dtype_low(of), -most),
                                  std::min(engine::tensor::dtype_high(of), most))),
                  low));
  }
  void reduce() {
    const auto x = shape();
    const auto op = static_cast<ReduceOp>(roll(1, 3));
    const Ref value = op == ReduceOp::sum ? input(any(), x) : large(any(), x);
    ReduceParams p{op, {}, {}, {}, {}, {}};
    for (const auto n : x) {
      const auto window = roll(1, n), dilation = (window - 1) * 2 < n ? roll(1, 2) : 1;
      p.window.push_back(window);
      p.strides.push_back(roll(1, 2));
      p.dilations.push_back(dilation);
      p.pads_begin.push_back(dilation == 1 ? roll(0, window - 1) : 0);
      p.pads_end.push_back(dilation == 1 ? roll(0, window - 1) : 0);
    }
    out(b_.reduce(value, p));
  }
  void along(StepKind kind) {
    const auto x = shape();
    const auto axis = static_cast<std::size_t>(roll(0, static_cast<std::int64_t>(x.size()) - 1));
    if (kind == StepKind::prefix_sum) return out(b_.prefix_sum(input(any(), x), axis));
    const Ref value = large(any(), x);
    if (kind == StepKind::argmax) return out(b_.argmax(value, axis));
    out(b_.topk(value, axis, roll(1, x[axis])));
  }
  void rows(StepKind kind) {
    const auto x = shape(static_cast<std::size_t>(roll(2, 4)), 6);
    const auto axis = roll(0, static_cast<std::int64_t>(x.size()) - 1), batch = roll(0, axis);
    const auto n = x[static_cast<std::size_t>(axis)], count = roll(1, n);
    Shape of(x.begin(), x.begin() + batch);
    const auto batches = std::accumulate(of.begin(), of.end(), std::int64_t{1}, std::multiplies<>());
    of.push_back(count);
    auto indices = IntTensor::zeros(DType::i32, of);
    for (std::int64_t b = 0; b < batches; ++b) {
      List order(static_cast<std::size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_.u64() % i]);
      for (std::int64_t i = 0; i < count; ++i) indices.set(b * count + i, order[static_cast<std::size_t>(i)]);
    }
    const auto type = any();
    const Ref value = large(type, x);
    const auto at = static_cast<std::size_t>(axis), many = static_cast<std::size_t>(batch);
    const Ref index = one_in(2) ? b_.weight(indices) : given(indices, 0, n - 1);
    if (kind == StepKind::gather) return out(b_.gather(value, index, at, many));
    auto put = x;
    put[at] = count;
    const Ref with = large(type, put);
    out(b_.scatter(value, index, with, at, many));
  }
  void move(StepKind kind) {
    const auto x = shape();
    const auto rank = x.size();
    if (kind == StepKind::concat) return concat(x);
    const Ref value = large(any(), x);
    if (kind == StepKind::reshape) {
      return out(b_.reshape(value, {std::accumulate(x.begin(), x.end(), std::int64_t{1}, std::multiplies<>())}));
    }
    if (kind == StepKind::broadcast) {
      auto wide = x;
      wide.insert(wide.begin(), roll(1, 3));
      for (auto& n : wide)
        if (n == 1) n = roll(1, 3);
      return out(b_.broadcast(value, wide));
    }
    if (kind == StepKind::transpose) {
      List order(rank);
      std::iota(order.begin(), order.end(), 0);
      for (std::size_t i = rank; i > 1; --i) std::swap(order[i - 1], order[random_.u64() % i]);
      return out(b_.transpose(value, order));
    }
    if (kind == StepKind::pad) return out(b_.pad(value, list(rank, 0, 3), list(rank, 0, 3), roll(-100, 100)));
    List starts, strides, sizes;
    for (const auto n : x) {
      starts.push_back(roll(0, n - 1));
      strides.push_back(one_in(2) ? roll(1, 2) : -roll(1, 2));
      const auto room = strides.back() > 0 ? (n - 1 - starts.back()) / strides.back() : starts.back() / -strides.back();
      sizes.push_back(roll(1, room + 1));
    }
    out(b_.slice(value, starts, strides, sizes));
  }
  void concat(Shape x) {
    const auto axis = static_cast<std::size_t>(roll(0, static_cast<std::int64_t>(x.size()) - 1));
    const auto type = any();
    std::vector<Ref> parts;
    for (auto left = roll(1, 4); left > 0; --left) {
      x[axis] = roll(1, 5);
      parts.push_back(large(type, x));
    }
    out(b_.concat(parts, axis));
  }
  void grow(StepKind kind) {
    switch (kind) {
      case StepKind::matmul: return matmul();
      case StepKind::conv: return conv();
      case StepKind::add:
      case StepKind::sub:
      case StepKind::mul:
      case StepKind::compare:
      case StepKind::divide: return two(kind);
      case StepKind::requantise: return requantise();
      case StepKind::lookup: return lookup();
      case StepKind::reduce: return reduce();
      case StepKind::prefix_sum:
      case StepKind::argmax:
      case StepKind::topk: return along(kind);
      case StepKind::gather:
      case StepKind::scatter: return rows(kind);
      case StepKind::select: {
        const auto wide = shape(), other = narrower(wide);
        const auto type = any();
        const Ref condition = input(any(), wide, -1, 1), a = large(type, other), b = large(type, wide);
        return out(b_.select(condition, a, b));
      }
      case StepKind::isqrt: {
        const auto type = any();
        const auto most = (std::int64_t{1} << 62) - 1;
        return out(b_.isqrt(input(type, shape(), 0, std::min(engine::tensor::dtype_high(type), most))));
      }
      case StepKind::shift: {
        if (one_in(2)) return out(b_.shift(large(any(), shape()), -roll(0, 62)));
        return out(b_.shift(input(any(), shape()), roll(0, 31)));
      }
      default: return move(kind);
    }
  }

  base::Random& random_;
  Builder b_;
  std::vector<IntTensor> inputs_;
};

}  // namespace

Provider throw_step(StepKind kind, base::Random& random) { return Throw(random).make(kind); }

}  // namespace koinon::test::quorum
