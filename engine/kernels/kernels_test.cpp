// Each fast kernel against its scalar twin, over shapes that reach every edge and values at the ends of each type.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "engine/kernels/conv.hpp"
#include "engine/kernels/elementwise.hpp"
#include "engine/kernels/gemm.hpp"
#include "engine/kernels/index.hpp"
#include "engine/kernels/move.hpp"
#include "engine/kernels/reduce.hpp"
#include "engine/kernels/requantise.hpp"
#include "engine/kernels/scan.hpp"

namespace koinon::engine::kernels {
namespace {

using tensor::IntTensor;

enum class Fill { random, low, high };

class Kernels : public testing::Test {
 protected:
  IntTensor make(DType dtype, Shape shape, Fill fill = Fill::random) {
    IntTensor t = IntTensor::zeros(dtype, std::move(shape));
    for (std::int64_t i = 0; i < t.size(); ++i) t.set(i, value(tensor::dtype_low(dtype), tensor::dtype_high(dtype), fill));
    return t;
  }
  std::int64_t value(std::int64_t low, std::int64_t high, Fill fill) {
    if (fill == Fill::low) return low;
    if (fill == Fill::high) return high;
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  std::int64_t roll(std::int64_t low, std::int64_t high) { return value(low, high, Fill::random); }
  static ConstArray in(const IntTensor& t) { return {t.dtype, t.bytes.data()}; }
  static Array out(IntTensor& t) { return {t.dtype, t.bytes.data()}; }

  std::mt19937_64 random_{7};
  base::ThreadPool pool_{2};
  Context fast_{nullptr, best_isa()};
  Context threads_{&pool_, best_isa()};
  // Also the set below the best one, so that a machine with the best still tests both.
  Context avx2_{&pool_, has_avx2(best_isa()) ? Isa::avx2 : Isa::ref};
};

TEST_F(Kernels, matmul_equals_ref) {
  const std::int64_t shapes[][3] = {{1, 1, 1},      {1, 10, 784}, {3, 17, 33},    {4, 16, 32},  {6, 16, 513},
                                    {7, 33, 65},    {97, 31, 3},  {100, 300, 64}, {800, 20, 5}, {2, 5, 1000},
                                    {13, 47, 1025}, {5, 3, 2500}, {9, 40, 4097}};
  for (const auto& [m, n, k] : shapes)
    for (auto a_type : {DType::i8, DType::i16})
      for (auto b_type : {DType::i8, DType::i16})
        for (auto type : {DType::i32, DType::i64})
          for (auto fill : {Fill::random, Fill::low, Fill::high}) {
            const auto a = make(a_type, {m, k}, fill), b = make(b_type, {n, k}, fill), bias = make(DType::i32, {n});
            auto want = IntTensor::zeros(type, {m, n}), got = want, split = want;
            // i32 results that do not fit wrap, and the same way.
            matmul_ref({1, m, n, k, true, in(a), in(b), in(bias), out(want)});
            matmul(fast_, {1, m, n, k, true, in(a), in(b), in(bias), out(got)});
            matmul(threads_, {1, m, n, k, true, in(a), in(b), in(bias), out(split)});
            ASSERT_EQ(got, want) << m << " " << n << " " << k << dtype_name(a_type) << dtype_name(b_type) << dtype_name(type);
            ASSERT_EQ(split, want);
            matmul(avx2_, {1, m, n, k, true, in(a), in(b), in(bias), out(split)});
            ASSERT_EQ(split, want);
          }
}

TEST_F(Kernels, matmul_has_the_value_that_a_hand_gives) {
  const auto a = IntTensor::of<std::int8_t>({2, 3}, {1, 2, 3, -4, 5, -128});
  const auto b = IntTensor::of<std::int8_t>({2, 3}, {1, 1, 1, 127, -128, -128});
  const auto bias = IntTensor::of<std::int32_t>({2}, {10, -10});
  auto y = IntTensor::zeros(DType::i32, {2, 2});
  matmul(fast_, {1, 2, 2, 3, true, in(a), in(b), in(bias), out(y)});
  EXPECT_EQ(y, IntTensor::of<std::int32_t>({2, 2}, {16, 127 - 256 - 384 - 10, -127 + 10, -508 - 640 + 16384 - 10}));
}

TEST_F(Kernels, batched_matmul_equals_ref) {
  for (bool shared : {true, false}) {
    const auto a = make(DType::i8, {3, 5, 9}), b = make(DType::i8, {shared ? 1 : 3, 11, 9});
    auto want = IntTensor::zeros(DType::i32, {3, 5, 11}), got = want;
    matmul_ref({3, 5, 11, 9, shared, in(a), in(b), {}, out(want)});
    matmul(fast_, {3, 5, 11, 9, shared, in(a), in(b), {}, out(got)});
    EXPECT_EQ(got, want);
  }
}

TEST_F(Kernels, conv_equals_ref) {
  for (int round = 0; round < 200; ++round) {
    Conv job;
    job.groups = roll(1, 3);
    const bool depthwise = roll(0, 3) == 0;
    job.channels = depthwise ? std::max<std::int64_t>(2, job.groups) : job.groups * roll(1, 9);
    if (depthwise) job.groups = job.channels;
    job.filters = depthwise ? job.channels : job.groups * roll(1, 20);
    job.batch = roll(1, 2);
    job.kernel_height = roll(1, 5);
    job.kernel_width = roll(1, 5);
    job.stride_height = roll(1, 3);
    job.stride_width = roll(1, 3);
    job.dilation_height = roll(1, 2);
    job.dilation_width = roll(1, 2);
    job.pad_top = roll(0, 3);
    job.pad_left = roll(0, 3);
    const auto span = [](std::int64_t kernel, std::int64_t dilation) { return (kernel - 1) * dilation + 1; };
    if (roll(0, 2) == 0) {
      job.kernel_depth = roll(1, 3);
      job.stride_depth = roll(1, 2);
      job.dilation_depth = roll(1, 2);
      job.pad_front = roll(0, 2);
      job.depth = span(job.kernel_depth, job.dilation_depth) + roll(0, 3);
      job.out_depth = (job.depth + job.pad_front - span(job.kernel_depth, job.dilation_depth)) / job.stride_depth + 1;
    }
    job.height = span(job.kernel_height, job.dilation_height) + roll(0, 9);
    job.width = span(job.kernel_width, job.dilation_width) + roll(0, 9);
    job.out_height =
        (job.height + job.pad_top + roll(0, 3) - span(job.kernel_height, job.dilation_height)) / job.stride_height + 1;
    job.out_width = (job.width + job.pad_left + roll(0, 3) - span(job.kernel_width, job.dilation_width)) / job.stride_width + 1;
    const auto type = [&] { return roll(0, 1) == 0 ? DType::i8 : DType::i16; };
    const auto x = make(type(), {job.batch, job.depth, job.height, job.width, job.channels}, static_cast<Fill>(roll(0, 2)));
    const auto w =
        make(type(), {job.filters, job.kernel_depth, job.kernel_height, job.kernel_width, job.channels / job.groups});
    const auto bias = make(DType::i16, {job.filters});
    auto want = IntTensor::zeros(roll(0, 1) == 0 ? DType::i32 : DType::i64,
                                 {job.batch, job.out_depth, job.out_height, job.out_width, job.filters});
    auto got = want, split = want;
    job.x = in(x);
    job.w = in(w);
    if (roll(0, 1) == 0) job.bias = in(bias);
    job.out = out(want);
    conv_ref(job);
    job.out = out(got);
    conv(fast_, job);
    ASSERT_EQ(got, want) << round;
    job.out = out(split);
    conv(threads_, job);
    ASSERT_EQ(split, want) << round;
    conv(avx2_, job);
    ASSERT_EQ(split, want) << round;
  }
}

TEST_F(Kernels, requantise_equals_ref_at_every_shift) {
  for (std::int64_t s = 1; s <= 62; ++s)
    for (auto x_type : {DType::i8, DType::i16, DType::i32, DType::i64})
      for (auto y_type : {DType::i8, DType::i16, DType::i32, DType::i64}) {
        const std::int64_t n = roll(1, 40), rows = roll(1, 70);
        auto x = make(x_type, {rows, n});
        auto m = IntTensor::zeros(DType::i16, {n}), shift = IntTensor::zeros(DType::i8, {n});
        for (std::int64_t i = 0; i < n; ++i) m.set(i, roll(1, 32767));
        for (std::int64_t i = 0; i < n; ++i) shift.set(i, s);
        // |x*M + 2^(s-1)| stays below 2^62.
        if (x_type == DType::i64)
          for (std::int64_t i = 0; i < x.size(); ++i) x.set(i, roll(-(std::int64_t{1} << 46), std::int64_t{1} << 46));
        const std::int64_t low = tensor::dtype_low(y_type) / 3, high = tensor::dtype_high(y_type);
        auto want = IntTensor::zeros(y_type, {rows, n}), got = want, split = want;
        Requantise job{{rows, n}, in(x), {in(m), {0, 1}}, {in(shift), {0, 1}}, low, high, out(want)};
        requantise_ref(job);
        job.out = out(got);
        requantise(fast_, job);
        ASSERT_EQ(got, want) << s;
        job.out = out(split);
        requantise(threads_, job);
        ASSERT_EQ(split, want);
      }
}

TEST_F(Kernels, requantise_sends_ties_up) {
  EXPECT_EQ(requantise_one(1, 1, 1, -128, 127), 1);
  EXPECT_EQ(requantise_one(-1, 1, 1, -128, 127), 0);
  EXPECT_EQ(requantise_one(-3, 1, 1, -128, 127), -1);
  EXPECT_EQ(requantise_one(1000, 1, 1, -128, 127), 127);
}

TEST_F(Kernels, elementwise_equals_ref) {
  const Function functions[] = {Function::add,       Function::sub,   Function::mul,        Function::quotient,
                                Function::remainder, Function::equal, Function::less,       Function::less_equal,
                                Function::select,    Function::isqrt, Function::shift_left, Function::shift_right};
  const Shape shapes[] = {{}, {1}, {300}, {3, 700}, {2, 3, 4, 5}, {5, 1, 7}};
  for (auto function : functions)
    for (const auto& shape : shapes)
      for (int round = 0; round < 8; ++round) {
        const DType types[] = {static_cast<DType>(roll(1, 3)), static_cast<DType>(roll(1, 3)), static_cast<DType>(roll(1, 3))};
        std::vector<IntTensor> tensors;
        std::vector<Stretched> operands;
        for (std::size_t i = 0; i < 3; ++i) {
          Shape own = shape;
          for (auto& n : own) n = roll(0, 3) == 0 ? 1 : n;
          tensors.push_back(make(types[i], own));
          auto& t = tensors.back();
          for (std::int64_t at = 0; at < t.size(); ++at) {
            const bool divides = function == Function::quotient || function == Function::remainder;
            const bool shifts = function == Function::shift_left || function == Function::shift_right;
            if (i == 1 && divides) t.set(at, roll(1, tensor::dtype_high(t.dtype)));
            if (i == 1 && shifts) t.set(at, roll(0, 30));
            if (i == 0 && function == Function::isqrt) t.set(at, roll(0, tensor::dtype_high(t.dtype)));
          }
        }
        for (const auto& t : tensors) operands.push_back({in(t), broadcast_strides(t.shape, shape)});
        auto want = IntTensor::zeros(DType::i64, shape), got = want;
        elementwise_ref(function, shape, operands, out(want));
        elementwise(fast_, function, shape, operands, out(got));
        ASSERT_EQ(got, want) << static_cast<int>(function);
      }
}

TEST_F(Kernels, square_roots_are_floors) {
  for (std::int64_t root : {std::int64_t{0}, std::int64_t{1}, std::int64_t{46340}, (std::int64_t{1} << 31) - 1}) {
    EXPECT_EQ(integer_sqrt(root * root), root);
    if (root > 0) {
      EXPECT_EQ(integer_sqrt(root * root - 1), root - 1);
    }
  }
}

TEST_F(Kernels, reduce_equals_ref) {
  for (int round = 0; round < 300; ++round) {
    Reduce job;
    job.op = static_cast<Reduction>(roll(0, 2));
    const std::int64_t rank = roll(0, 4);
    for (std::int64_t i = 0; i < rank; ++i) {
      job.in.push_back(roll(1, 8));
      job.window.push_back(roll(0, 1) == 0 ? 1 : roll(1, job.in.back()));
      job.strides.push_back(roll(1, 3));
      job.dilations.push_back(1);
      job.pads_begin.push_back(roll(0, job.window.back() - 1));
      const std::int64_t end = roll(0, job.window.back() - 1);
      job.out.push_back((job.in.back() + job.pads_begin.back() + end - job.window.back()) / job.strides.back() + 1);
    }
    const auto x = make(static_cast<DType>(roll(1, 3)), job.in);
    auto want = IntTensor::zeros(DType::i64, job.out), got = want;
    job.x = in(x);
    job.y = out(want);
    reduce_ref(job);
    job.y = out(got);
    reduce(threads_, job);
    ASSERT_EQ(got, want) << round;
  }
}

TEST_F(Kernels, scans_equal_ref) {
  for (int round = 0; round < 200; ++round) {
    const Lines lines{roll(1, 5), roll(1, round % 10 == 0 ? 5000 : 30), roll(0, 1) == 0 ? 1 : roll(1, 40)};
    const auto type = static_cast<DType>(roll(1, 4));
    auto x = make(type, {lines.outer, lines.length, lines.inner}, roll(0, 9) == 0 ? Fill::low : Fill::random);
    if (type == DType::i64 || roll(0, 1) == 0)  // few values, so that there are ties
      for (std::int64_t i = 0; i < x.size(); ++i) x.set(i, roll(-3, 3));
    if (lines.length < 100) {
      auto want = IntTensor::zeros(DType::i64, x.shape), got = want;
      prefix_sum_ref(lines, in(x), out(want));
      prefix_sum(threads_, lines, in(x), out(got));
      ASSERT_EQ(got, want) << round;
    }
    auto want = IntTensor::zeros(DType::i32, {lines.outer, 1, lines.inner}), got = want;
    argmax_ref(lines, in(x), out(want));
    argmax(threads_, lines, in(x), out(got));
    ASSERT_EQ(got, want) << round;
    const std::int64_t k = roll(1, std::min<std::int64_t>(lines.length, 20));
    auto values = IntTensor::zeros(type, {lines.outer, k, lines.inner}), fast_values = values;
    auto indices = IntTensor::zeros(DType::i32, values.shape), fast_indices = indices;
    topk_ref({lines, k, in(x), out(values), out(indices)});
    topk(threads_, {lines, k, in(x), out(fast_values), out(fast_indices)});
    ASSERT_EQ(fast_values, values) << round;
    ASSERT_EQ(fast_indices, indices) << round;
    auto alone = IntTensor::zeros(type, values.shape);
    topk(fast_, {lines, k, in(x), out(alone), {}});
    ASSERT_EQ(alone, values) << round;
  }
}

TEST_F(Kernels, argmax_takes_the_lowest_index_at_ties) {
  const auto x = IntTensor::of<std::int16_t>({2, 4}, {3, 7, 7, 1, -5, -5, -5, -6});
  auto y = IntTensor::zeros(DType::i32, {2, 1});
  argmax(fast_, {2, 4, 1}, in(x), out(y));
  EXPECT_EQ(y, IntTensor::of<std::int32_t>({2, 1}, {1, 0}));
}

TEST_F(Kernels, gather_and_scatter_equal_ref) {
  for (int round = 0; round < 200; ++round) {
    const auto type = static_cast<DType>(roll(1, 4)), index_type = static_cast<DType>(roll(1, 4));
    Rows job;
    job.batch = roll(1, 3), job.outer = roll(1, 3), job.length = roll(1, 120), job.count = roll(1, job.length);
    job.inner = roll(0, 1) == 0 ? 1 : roll(1, 3000);
    job.size = tensor::dtype_size(type);
    auto indices = IntTensor::zeros(index_type, {job.batch, job.count});
    std::vector<std::int64_t> all(static_cast<std::size_t>(job.length));
    std::iota(all.begin(), all.end(), 0);
    for (std::int64_t b = 0; b < job.batch; ++b) {
      std::shuffle(all.begin(), all.end(), random_);
      for (std::int64_t i = 0; i < job.count; ++i) indices.set(b * job.count + i, all[static_cast<std::size_t>(i)]);
    }
    job.indices = in(indices);
    ASSERT_EQ(repeated_index(job), -1);
    const auto x = make(type, {job.batch, job.outer, job.length, job.inner});
    const auto rows = make(type, {job.batch, job.outer, job.count, job.inner});
    auto want = IntTensor::zeros(type, rows.shape), got = want;
    gather_ref(job, x.bytes.data(), want.bytes.data());
    gather(threads_, job, x.bytes.data(), got.bytes.data());
    ASSERT_EQ(got, want) << round;
    auto scattered = IntTensor::zeros(type, x.shape), fast = scattered;
    scatter_ref(job, x.bytes.data(), rows.bytes.data(), scattered.bytes.data());
    scatter(threads_, job, x.bytes.data(), rows.bytes.data(), fast.bytes.data());
    ASSERT_EQ(fast, scattered) << round;
    gather(fast_, job, fast.bytes.data(), got.bytes.data());
    ASSERT_EQ(got, rows) << "what was scattered is gathered";
    if (job.count < 2) continue;
    indices.set(indices.size() - 1, indices.at(indices.size() - 2));
    job.indices = in(indices);
    ASSERT_EQ(repeated_index(job), indices.at(indices.size() - 1));
  }
}

TEST_F(Kernels, lookup_reads_both_ends_of_its_table) {
  std::vector<std::int16_t> entries(256);
  for (std::size_t i = 0; i < 256; ++i) entries[i] = static_cast<std::int16_t>(i * 3);
  const auto table = IntTensor::of<std::int16_t>({256}, entries);
  const auto x = IntTensor::of<std::int8_t>({3}, {-128, 0, 127});
  auto y = IntTensor::zeros(DType::i16, {3});
  lookup(fast_, in(x), 3, -128, in(table), out(y));
  EXPECT_EQ(y, IntTensor::of<std::int16_t>({3}, {0, 384, 765}));
}

TEST_F(Kernels, copy_box_transposes_every_size_and_order) {
  for (const Shape& shape : {Shape{5, 7, 9}, {3, 70, 40}, {1, 3, 9000}, {300, 4, 35}, {64, 4, 32}, {2, 130, 67}})
    for (auto type : {DType::i8, DType::i16, DType::i32, DType::i64}) {
      const auto x = make(type, shape);
      std::vector<std::size_t> order{0, 1, 2};
      do {
        const auto strides = strides_of(shape);
        Shape to;
        std::vector<std::int64_t> from;
        for (auto axis : order) to.push_back(shape[axis]), from.push_back(strides[axis]);
        auto y = IntTensor::zeros(type, to);
        copy_box(threads_, tensor::dtype_size(type), to, x.bytes.data(), from, y.bytes.data(), strides_of(to));
        std::int64_t at = 0;
        for (std::int64_t a = 0; a < to[0]; ++a)
          for (std::int64_t b = 0; b < to[1]; ++b)
            for (std::int64_t c = 0; c < to[2]; ++c, ++at)
              ASSERT_EQ(y.at(at), x.at(a * from[0] + b * from[1] + c * from[2])) << tensor::shape_text(to);
      } while (std::next_permutation(order.begin(), order.end()));
    }
}

TEST_F(Kernels, copy_box_reads_backwards_repeats_and_leaves_gaps) {
  const auto x = make(DType::i16, {20, 33});
  auto y = IntTensor::zeros(DType::i16, {33, 45});
  // The columns of x backwards as rows, with a gap behind each; then one of them over and over.
  copy_box(threads_, 2, {33, 20}, x.bytes.data(), {1, 33}, y.bytes.data() + 4, {45, 1});
  copy_box(threads_, 2, {33, 20}, x.bytes.data() + 2 * 32, {-1, 33}, y.bytes.data() + 4 + 2 * 22, {45, 1});
  for (std::int64_t i = 0; i < 33; ++i)
    for (std::int64_t j = 0; j < 20; ++j) {
      ASSERT_EQ(y.at(i * 45 + 2 + j), x.at(j * 33 + i));
      ASSERT_EQ(y.at(i * 45 + 24 + j), x.at(j * 33 + 32 - i));
    }
  ASSERT_EQ(y.at(0), 0);
  ASSERT_EQ(y.at(45 + 22), 0);
  copy_box(threads_, 2, {33, 20}, x.bytes.data(), {1, 0}, y.bytes.data(), {45, 1});
  for (std::int64_t j = 0; j < 20; ++j) ASSERT_EQ(y.at(7 * 45 + j), x.at(7));
}

}  // namespace
}  // namespace koinon::engine::kernels
