// What is packed once and done in registers, against the scalar kernels: every instruction set that this machine has.
#include "engine/kernels/filters.hpp"

#include <gtest/gtest.h>

#include <random>

#include "engine/kernels/chain.hpp"
#include "engine/kernels/conv.hpp"
#include "engine/kernels/depthwise.hpp"
#include "engine/kernels/gemm.hpp"
#include "engine/kernels/requantise.hpp"

namespace koinon::engine::kernels {
namespace {

using tensor::IntTensor;

std::vector<Isa> fast_sets() {
  std::vector<Isa> out;
  for (auto isa : {Isa::avx2, Isa::avx512})
    if (isa <= best_isa()) out.push_back(isa);
  return out;
}

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  std::int64_t roll(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  /// One element in eight is an end of the range.
  IntTensor tensor(DType type, Shape shape, std::int64_t low, std::int64_t high) {
    auto t = IntTensor::zeros(type, std::move(shape));
    for (std::int64_t i = 0; i < t.size(); ++i) t.set(i, roll(0, 7) == 0 ? (roll(0, 1) == 0 ? low : high) : roll(low, high));
    return t;
  }
  IntTensor tensor(DType type, Shape shape) {
    return tensor(type, std::move(shape), tensor::dtype_low(type), tensor::dtype_high(type));
  }

 private:
  std::mt19937_64 engine_;
};

ConstArray view(const IntTensor& t) { return {t.dtype, t.bytes.data()}; }
Array view(IntTensor& t) { return {t.dtype, t.bytes.data()}; }

// M and s of each column, and what they make of sums in scalar code.
struct Scales {
  std::vector<std::int64_t> m, s;
  std::int64_t low, high;

  Scales(Random& random, std::int64_t columns, DType type) {
    for (std::int64_t j = 0; j < columns; ++j) m.push_back(random.roll(1, 32767)), s.push_back(random.roll(17, 62));
    low = random.roll(0, 1) == 0 ? tensor::dtype_low(type) : 0;
    high = random.roll(0, 1) == 0 ? tensor::dtype_high(type) : 100;
  }
  IntTensor of(const IntTensor& sums, DType type) const {
    auto out = IntTensor::zeros(type, sums.shape);
    const auto columns = static_cast<std::int64_t>(m.size());
    for (std::int64_t i = 0; i < sums.size(); ++i) {
      const auto j = static_cast<std::size_t>(i % columns);
      out.set(i, requantise_one(sums.at(i), m[j], s[j], low, high));
    }
    return out;
  }
};

// x with zeros around, as windows read it.
Buffer staged(const Stage& sizes, const IntTensor& x) {
  Buffer out(static_cast<std::size_t>(sizes.batch * sizes.box_bytes()));
  Stage job = sizes;
  job.x = view(x);
  job.to = out.data();
  stage({}, job);
  return out;
}

Staging staging_of(bool bytes, DType type, bool shifted) {
  if (!bytes) return type == DType::i8 ? Staging::widened : Staging::plain;
  return shifted ? Staging::shifted : Staging::plain;
}

TEST(Product, equals_the_scalar_matrix_product) {
  base::ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const std::int64_t m = random.roll(1, 40), n = random.roll(1, 150), k = random.roll(1, 70);
    const DType a_type = random.roll(0, 1) == 0 ? DType::i8 : DType::i16,
                b_type = random.roll(0, 2) > 0 ? DType::i8 : DType::i16;
    // Sums of i16 by i16 must fit i32.
    const std::int64_t reach = a_type == DType::i16 && b_type == DType::i16 ? 4000 : tensor::dtype_high(a_type);
    const bool positive = random.roll(0, 1) == 0;
    const auto a = random.tensor(a_type, {m, k}, positive ? 0 : -reach - 1, reach);
    const auto b = random.tensor(b_type, {n, k}, b_type == DType::i16 ? -4000 : -128, b_type == DType::i16 ? 4000 : 127);
    const auto bias = random.tensor(DType::i32, {n}, -1000000, 1000000);
    auto sums = IntTensor::zeros(DType::i32, {m, n});
    matmul_ref({1, m, n, k, true, view(a), view(b), view(bias), view(sums)});
    for (auto isa : fast_sets()) {
      const bool shifted = !positive && a_type == DType::i8 && b_type == DType::i8 && isa == Isa::avx512;
      const auto filters = Filters::pack(isa, {n, 1, k}, view(b), view(bias), a_type, shifted);
      Stage sizes;
      sizes.line = m * k;
      sizes.x.dtype = a_type;
      sizes.staging = staging_of(filters.bytes(), a_type, shifted);
      const Buffer x = staged(sizes, a);
      Product job;
      job.filters = &filters;
      job.windows.data = x.data();
      job.windows.counts[3] = m;
      job.windows.strides[3] = k * sizes.element();
      job.out_stride = n;
      auto got = IntTensor::zeros(DType::i32, {m, n});
      job.out = view(got);
      product({seed % 2 == 0 ? &pool : nullptr, isa}, job);
      ASSERT_EQ(got, sums) << seed;
      for (auto type : {DType::i8, DType::i16, DType::i32}) {
        const Scales scales(random, n, type);
        const auto epilogue = Epilogue::of(scales.m, scales.s, scales.low, scales.high).value();
        auto y = IntTensor::zeros(type, {m, n});
        job.epilogue = &epilogue;
        job.out = view(y);
        auto beside = IntTensor::zeros(DType::i32, {m, n});
        job.sums = seed % 3 == 0 ? nullptr : beside.bytes.data();
        product({nullptr, isa}, job);
        ASSERT_EQ(y, scales.of(sums, type)) << seed;
        if (job.sums != nullptr) ASSERT_EQ(beside, sums) << seed;
        job.epilogue = nullptr;
        job.sums = nullptr;
      }
    }
  }
}

TEST(Product, equals_the_scalar_matrix_product_into_64_bits) {
  if (best_isa() != Isa::avx512) GTEST_SKIP() << "wide filters are AVX-512's";
  base::ThreadPool pool(2);
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    const std::int64_t m = random.roll(1, 20), n = random.roll(1, 80),
                       k = seed % 4 == 0 ? random.roll(475, 1500) : random.roll(1, 70);
    auto a = random.tensor(DType::i16, {m, k}), b = random.tensor(DType::i16, {n, k});
    // The longest runs of the ends, which 32 bits hold only just.
    for (std::int64_t i = 0; seed % 8 == 0 && i < k; ++i) {
      a.set(i, -32768);
      b.set(i, seed % 16 == 0 ? -32768 : 32767);
    }
    const auto bias = random.tensor(DType::i64, {n}, -(std::int64_t{1} << 40), std::int64_t{1} << 40);
    auto sums = IntTensor::zeros(DType::i64, {m, n});
    matmul_ref({1, m, n, k, true, view(std::as_const(a)), view(std::as_const(b)), view(bias), view(sums)});
    const auto filters = Filters::pack_wide({n, 1, k}, view(std::as_const(b)), view(bias));
    Stage sizes;
    sizes.line = m * k;
    sizes.x.dtype = DType::i16;
    const Buffer x = staged(sizes, a);
    Product job;
    job.filters = &filters;
    job.windows.data = x.data();
    job.windows.counts[3] = m;
    job.windows.strides[3] = 2 * k;
    job.out_stride = n;
    auto got = IntTensor::zeros(DType::i64, {m, n}), beside = got;
    job.out = view(got);
    product({seed % 2 == 0 ? &pool : nullptr, Isa::avx512}, job);
    ASSERT_EQ(got, sums) << seed;
    for (auto type : {DType::i8, DType::i16, DType::i32, DType::i64}) {
      const Scales scales(random, n, DType::i16);
      const auto epilogue =
          WideEpilogue::of(scales.m, scales.s, type == DType::i8 ? -128 : scales.low, type == DType::i8 ? 127 : scales.high);
      auto y = IntTensor::zeros(type, {m, n}), want = y;
      for (std::int64_t i = 0; i < sums.size(); ++i) {
        const auto j = static_cast<std::size_t>(i % n);
        want.set(i, requantise_one(sums.at(i), scales.m[j], scales.s[j], epilogue.low, epilogue.high));
      }
      job.wide_epilogue = &epilogue;
      job.out = view(y);
      job.sums = seed % 3 == 0 ? nullptr : beside.bytes.data();
      product({nullptr, Isa::avx512}, job);
      ASSERT_EQ(y, want) << seed;
      if (job.sums != nullptr) ASSERT_EQ(beside, sums) << seed;
      job.wide_epilogue = nullptr;
      job.sums = nullptr;
    }
  }
}

TEST(Epilogue, leaves_small_shifts_to_others) {
  EXPECT_FALSE(Epilogue::of({1}, {16}, -128, 127).has_value());
  EXPECT_TRUE(Epilogue::of({1}, {17}, -128, 127).has_value());
  EXPECT_FALSE(Epilogue::of({1}, {40}, 0, std::int64_t{1} << 31).has_value());
}

TEST(ChannelProduct, equals_the_scalar_convolution) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Random random(seed);
    Conv conv;
    conv.batch = random.roll(1, 2), conv.height = random.roll(3, 9), conv.width = random.roll(3, 9);
    constexpr std::int64_t kChannels[] = {2, 3, 8, 16, 24, 32, 64, 70, 128, 130};
    conv.channels = conv.filters = conv.groups = kChannels[seed % 10];
    conv.kernel_height = random.roll(1, 3), conv.kernel_width = random.roll(1, 3);
    conv.stride_height = random.roll(1, 2), conv.stride_width = random.roll(1, 2);
    conv.pad_top = random.roll(0, 1), conv.pad_left = random.roll(0, 1);
    conv.out_height = (conv.height + 2 * conv.pad_top - conv.kernel_height) / conv.stride_height + 1;
    conv.out_width = (conv.width + 2 * conv.pad_left - conv.kernel_width) / conv.stride_width + 1;
    const DType type = random.roll(0, 2) > 0 ? DType::i8 : DType::i16;
    const bool positive = random.roll(0, 1) == 0;
    const auto x = random.tensor(type, {conv.batch, conv.height, conv.width, conv.channels},
                                 positive ? 0 : tensor::dtype_low(type), tensor::dtype_high(type));
    const std::int64_t taps = conv.kernel_height * conv.kernel_width;
    const auto w = random.tensor(DType::i8, {conv.channels, taps}),
               bias = random.tensor(DType::i32, {conv.channels}, -9999, 9999);
    auto sums = IntTensor::zeros(DType::i32, {conv.batch, conv.out_height, conv.out_width, conv.channels});
    conv.x = view(x), conv.w = view(w), conv.bias = view(bias), conv.out = view(sums);
    conv_ref(conv);
    for (auto isa : fast_sets()) {
      const bool shifted = !positive && type == DType::i8 && isa == Isa::avx512;
      for (auto out_type : {DType::i32, DType::i8, DType::i16}) {
        const Scales scales(random, conv.channels, out_type);
        const auto epilogue = Epilogue::of(scales.m, scales.s, scales.low, scales.high).value();
        const bool raw = out_type == DType::i32;
        const auto filters = ChannelFilters::pack(isa, {conv.channels, taps, conv.stride_width == 1}, view(w), view(bias), type,
                                                  shifted, raw ? nullptr : &epilogue);
        Stage sizes;
        sizes.batch = conv.batch, sizes.height = conv.height, sizes.line = conv.width * conv.channels;
        sizes.top = sizes.bottom = conv.pad_top, sizes.left = sizes.right = conv.pad_left * conv.channels;
        sizes.x.dtype = type;
        sizes.staging = staging_of(filters.bytes(), type, shifted);
        const Buffer box = staged(sizes, x);
        ChannelProduct job;
        job.filters = &filters;
        job.windows.data = box.data();
        std::vector<std::int64_t> segments;
        const std::int64_t pixel = conv.channels * sizes.element();
        for (std::int64_t t = 0; t < taps; ++t)
          segments.push_back(t / conv.kernel_width * sizes.line_bytes() + t % conv.kernel_width * pixel);
        job.windows.segments = segments;
        const std::int64_t counts[] = {conv.batch, 1, conv.out_height, conv.out_width};
        const std::int64_t strides[] = {sizes.box_bytes(), 0, conv.stride_height * sizes.line_bytes(),
                                        conv.stride_width * pixel};
        std::copy_n(counts, 4, job.windows.counts);
        std::copy_n(strides, 4, job.windows.strides);
        auto got = IntTensor::zeros(out_type, sums.shape);
        job.out = view(got);
        auto beside = IntTensor::zeros(DType::i32, sums.shape);
        if (!raw && seed % 3 != 0) job.sums = reinterpret_cast<std::int32_t*>(beside.bytes.data());
        channel_product({nullptr, isa}, job);
        ASSERT_EQ(got, raw ? sums : scales.of(sums, out_type)) << seed;
        if (job.sums != nullptr) ASSERT_EQ(beside, sums) << seed;
      }
    }
  }
}

// Every operation of a chain with operands a, b, c, the result stored as i64.
Chain one_step(ChainOp op, bool wide, Random& random) {
  Chain chain;
  chain.rows = 7, chain.columns = 300;
  chain.wide = wide;
  const Spread spreads[] = {Spread::full, Spread::row, Spread::column, Spread::single};
  for (std::uint8_t r = 0; r < 3; ++r) {
    ChainStep load;
    load.to = load.a = r;
    load.spread = r == 0 ? Spread::full : spreads[random.roll(0, 3)];
    chain.steps.push_back(load);
  }
  ChainStep step;
  step.op = op;
  step.to = 3, step.a = 0, step.b = 1, step.c = 2;
  step.x = op == ChainOp::requantise || op == ChainOp::narrow_requantise ? random.roll(1, 32767) : random.roll(0, 12);
  step.y = op == ChainOp::narrow_requantise ? random.roll(1, 28) : random.roll(1, 40);
  step.low = -90, step.high = 100000;
  if (op == ChainOp::lookup) step.b = 3, step.x = -128;
  chain.steps.push_back(step);
  ChainStep store;
  store.op = ChainOp::store;
  store.a = 3;
  chain.steps.push_back(store);
  return chain;
}

TEST(Chain, gives_the_same_for_every_instruction_set) {
  for (int op = static_cast<int>(ChainOp::requantise); op <= static_cast<int>(ChainOp::lookup); ++op)
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Random random(seed);
      const auto chain = one_step(static_cast<ChainOp>(op), seed % 2 == 1, random);
      const auto a = random.tensor(DType::i8, {2100}), b = random.tensor(DType::i16, {2100}, 1, 32767),
                 c = random.tensor(DType::i32, {2100}, op == static_cast<int>(ChainOp::requantise_by) ? 1 : -100000,
                                   op == static_cast<int>(ChainOp::requantise_by) ? 62 : 100000),
                 table = random.tensor(DType::i32, {256});
      std::vector<ConstArray> sources;
      for (const IntTensor* t : {&a, &b, &c, &table}) sources.push_back(view(*t));
      auto want = IntTensor::zeros(DType::i64, {2100});
      run_chain({nullptr, Isa::ref}, chain, sources, std::vector{view(want)});
      for (std::int64_t i = 0; op == static_cast<int>(ChainOp::requantise) && i < 2100; ++i)
        ASSERT_EQ(want.at(i), requantise_one(a.at(i), chain.steps[3].x, chain.steps[3].y, -90, 100000));
      for (auto isa : fast_sets()) {
        auto got = IntTensor::zeros(DType::i64, {2100});
        run_chain({nullptr, isa}, chain, sources, std::vector{view(got)});
        ASSERT_EQ(got, want) << op << " " << seed;
      }
    }
}

TEST(Chain, divides_exactly_up_to_its_limit) {
  Random random(3);
  Chain chain;
  chain.columns = 4000;
  chain.wide = true;
  chain.steps.resize(5);
  chain.steps[1].to = chain.steps[1].a = 1;
  chain.steps[2].op = ChainOp::quotient, chain.steps[2].to = 2, chain.steps[2].b = 1;
  chain.steps[3].op = ChainOp::store, chain.steps[3].a = 2;
  chain.steps[4].op = ChainOp::store, chain.steps[4].a = 0, chain.steps[4].to = 1;
  const std::int64_t limit = (std::int64_t{1} << 52) - 1;
  auto a = random.tensor(DType::i64, {4000}, -limit, limit), b = random.tensor(DType::i64, {4000}, 1, limit);
  for (std::int64_t i = 0; i < 2000; ++i) {
    // Just below, at and above whole quotients.
    b.set(i, random.roll(1, 1 << 26));
    a.set(i, random.roll(-(1 << 25), 1 << 25) * b.at(i) + random.roll(-1, 1));
  }
  const std::vector<ConstArray> sources{{DType::i64, a.bytes.data()}, {DType::i64, b.bytes.data()}};
  for (auto isa : {Isa::ref, Isa::avx2, Isa::avx512}) {
    if (isa > best_isa()) continue;
    auto got = IntTensor::zeros(DType::i64, {4000}), same = got;
    run_chain({nullptr, isa}, chain, sources, std::vector{view(got), view(same)});
    ASSERT_EQ(same, a);
    for (std::int64_t i = 0; i < 4000; ++i)
      ASSERT_EQ(got.at(i), a.at(i) / b.at(i) - (a.at(i) % b.at(i) < 0 ? 1 : 0)) << a.at(i) << " / " << b.at(i);
  }
}

TEST(Chain, divides_far_numbers_exactly) {
  Random random(4);
  Chain chain;
  chain.columns = 6000;
  chain.wide = true;
  chain.steps.resize(6);
  chain.steps[1].to = chain.steps[1].a = 1;
  chain.steps[2].op = ChainOp::far_quotient, chain.steps[2].to = 2, chain.steps[2].b = 1;
  chain.steps[3].op = ChainOp::far_remainder, chain.steps[3].to = 3, chain.steps[3].b = 1;
  chain.steps[4].op = ChainOp::store, chain.steps[4].a = 2;
  chain.steps[5].op = ChainOp::store, chain.steps[5].a = 3, chain.steps[5].to = 1;
  const std::int64_t most = (std::int64_t{1} << 62) - 1;
  auto a = random.tensor(DType::i64, {6000}, -most, most),
       b = random.tensor(DType::i64, {6000}, 1 << 13, (std::int64_t{1} << 52) - 1);
  for (std::int64_t i = 0; i < 6000; ++i) {
    if (i % 3 == 0) b.set(i, random.roll(1 << 13, 1 << 26));
    // Just below, at and above whole quotients of the greatest size.
    const std::int64_t q = std::min((std::int64_t{1} << 50) - 2, most / b.at(i) - 1);
    if (i % 2 == 0) a.set(i, (random.roll(0, 1) == 0 ? -q : q) * b.at(i) + random.roll(-1, 1));
    if (std::abs(a.at(i)) / b.at(i) >= (std::int64_t{1} << 50) - 1) a.set(i, random.roll(-1000, 1000) * b.at(i));
  }
  const std::vector<ConstArray> sources{{DType::i64, a.bytes.data()}, {DType::i64, b.bytes.data()}};
  for (auto isa : {Isa::ref, Isa::avx2, Isa::avx512}) {
    if (isa > best_isa()) continue;
    auto quotient = IntTensor::zeros(DType::i64, {6000}), rest = quotient;
    run_chain({nullptr, isa}, chain, sources, std::vector{view(quotient), view(rest)});
    for (std::int64_t i = 0; i < 6000; ++i) {
      const std::int64_t want = a.at(i) / b.at(i) - (a.at(i) % b.at(i) < 0 ? 1 : 0);
      ASSERT_EQ(quotient.at(i), want) << a.at(i) << " / " << b.at(i);
      ASSERT_EQ(rest.at(i), a.at(i) - want * b.at(i)) << a.at(i) << " / " << b.at(i);
    }
  }
}

TEST(Map, reads_tables_by_bytes) {
  Random random(5);
  const auto table = random.tensor(DType::i8, {256});
  for (std::int64_t count : {1, 63, 64, 65, 1000}) {
    const auto x = random.tensor(DType::i8, {count});
    for (auto isa : {Isa::ref, best_isa()}) {
      auto y = IntTensor::zeros(DType::i8, {count});
      map_bytes(isa, x.bytes.data(), count, table.bytes.data(), y.bytes.data());
      for (std::size_t i = 0; i < x.bytes.size(); ++i) ASSERT_EQ(y.bytes[i], table.bytes[x.bytes[i]]);
    }
  }
}

}  // namespace
}  // namespace koinon::engine::kernels
