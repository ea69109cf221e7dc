#include "test/quorum/elements.hpp"

namespace koinon::test::quorum {
namespace {

using ElementKinds = Elements;

void out(Builder& b, Ref ref) { b.output("y" + std::to_string(ref.index()), ref, Scale{}); }

TEST_F(ElementKinds, of_steps_that_move_elements_are_those_of_the_engine) {
  const auto run = [&](const std::string& name, const std::vector<Shape>& shapes, const Build& build) {
    for (const auto type : {DType::i8, DType::i16, DType::i32})
      for (int i = 0; i < 3; ++i) expect_agreement(one_step(type, shapes, build), name);
  };
  run("transpose", {{3, 4, 5, 2}}, [](Builder& b, const auto& x) { out(b, b.transpose(x[0], {2, 0, 3, 1})); });
  run("slice", {{7, 9, 5}}, [](Builder& b, const auto& x) { out(b, b.slice(x[0], {6, 1, 0}, {-2, 3, 1}, {3, 3, 5})); });
  run("concat", {{3, 2, 5}, {3, 4, 5}, {3, 1, 5}}, [](Builder& b, const auto& x) { out(b, b.concat(x, 1)); });
  run("pad", {{4, 3}}, [](Builder& b, const auto& x) { out(b, b.pad(x[0], {2, 0}, {1, 3}, -7)); });
  const auto at = [](std::int32_t n) { return IntTensor::of<std::int32_t>({2, 3}, {0, n, 1, n, 2, 0}); };
  run("gather", {{2, 3, 5, 4}}, [&](Builder& b, const auto& x) { out(b, b.gather(x[0], b.weight(at(4)), 2, 0)); });
  run("gather of batches", {{2, 3, 5, 4}}, [&](Builder& b, const auto& x) { out(b, b.gather(x[0], b.weight(at(4)), 2, 1)); });
  run("scatter", {{2, 5, 6}, {2, 3, 6}},
      [&](Builder& b, const auto& x) { out(b, b.scatter(x[0], b.weight(at(4)), x[1], 1, 1)); });
}

TEST_F(ElementKinds, of_a_scatter_are_shown_by_the_place_of_their_index) {
  const auto trace = one_step(DType::i16, {{5, 6}, {3, 6}}, [](Builder& b, const auto& x) {
    out(b, b.scatter(x[0], b.weight(IntTensor::of<std::int32_t>({3}, {4, 0, 2})), x[1], 0, 0));
  });
  const auto lie = falsified(trace, 13, random_);  // row 2: the index at place 2
  EXPECT_FALSE(refutes(trace, {0, 13, 0, {2}}).value());
  EXPECT_TRUE(refutes(lie, {0, 13, 0, {2}}).value());
  EXPECT_FALSE(refutes(lie, {0, 13, 0, {1}})) << "that index puts a row elsewhere";
  EXPECT_FALSE(refutes(lie, {0, 13, 0, {3}})) << "there is no such index";
  EXPECT_FALSE(refutes(trace, {0, 13, 0, {1, 2}}).value()) << "the indices are distinct";
  EXPECT_FALSE(refutes(trace, {0, 13, 0, {1, 1}})) << "one index is not two";
}

TEST_F(ElementKinds, of_a_convolution_are_those_of_the_engine) {
  using engine::program::ConvParams;
  struct Case {
    Shape x, w;
    ConvParams params;
  };
  const std::vector<Case> cases{
      {{2, 19, 6}, {4, 3, 6}, {1, {2}, {3}, {4}, {1}}},
      {{1, 9, 8, 5}, {6, 3, 3, 5}, {1, {1, 1}, {1, 1}, {1, 1}, {1, 1}}},
      {{2, 9, 8, 6}, {4, 3, 2, 3}, {2, {2, 1}, {1, 2}, {0, 1}, {1, 0}}},
      {{1, 12, 11, 8}, {8, 5, 5, 1}, {8, {2, 2}, {1, 1}, {2, 2}, {2, 2}}},
      {{1, 5, 6, 7, 4}, {2, 2, 3, 3, 4}, {1, {1, 2, 1}, {2, 1, 1}, {1, 0, 2}, {0, 1, 1}}},
      {{1, 6, 6, 200}, {3, 3, 3, 200}, {1, {1, 1}, {1, 1}, {1, 1}, {1, 1}}},
  };
  for (const auto& one : cases)
    for (const auto type : {DType::i8, DType::i16})
      for (const bool bias : {false, true}) {
        const auto trace = one_step(type, {one.x}, [&](Builder& b, const auto& x) {
          const auto w = b.weight(fill(random_, random_.u64() % 2 == 0 ? DType::i8 : DType::i16, one.w));
          std::optional<Ref> offset;
          if (bias) offset = b.weight(fill(random_, DType::i32, {one.w[0]}));
          out(b, b.conv(x[0], w, one.params, offset, DType::i64));
        });
        for (int i = 0; i < 3; ++i) expect_agreement(trace, "conv of " + std::to_string(one.x.size() - 2) + " axes");
      }
}

TEST_F(ElementKinds, of_a_reduction_are_those_of_the_engine) {
  using engine::program::ReduceOp;
  using engine::program::ReduceParams;
  for (const auto op : {ReduceOp::sum, ReduceOp::max, ReduceOp::min})
    for (const auto type : {DType::i8, DType::i16, DType::i32}) {
      const Shape shape{2, 9, 8, 3};
      const ReduceParams pool{op, {1, 3, 2, 1}, {1, 2, 1, 1}, {1, 2, 3, 1}, {0, 1, 2, 0}, {0, 2, 1, 0}};
      for (int i = 0; i < 3; ++i) {
        expect_agreement(one_step(type, {shape}, [&](Builder& b, const auto& x) { out(b, b.reduce(x[0], pool)); }), "pool");
        expect_agreement(
            one_step(type, {shape},
                     [&](Builder& b, const auto& x) { out(b, b.reduce(x[0], ReduceParams::axes(op, shape, {1, 2}))); }),
            "two axes");
        expect_agreement(
            one_step(type, {{3, 700}},
                     [&](Builder& b, const auto& x) { out(b, b.reduce(x[0], ReduceParams::axes(op, {3, 700}, {1}))); }),
            "a long axis");
      }
    }
}

TEST_F(ElementKinds, of_a_maximum_that_is_too_small_are_refuted_by_one_larger) {
  using engine::program::ReduceOp;
  auto lie = one_step(DType::i16, {{3, 5'000}}, [](Builder& b, const auto& x) {
    out(b, b.reduce(x[0], engine::program::ReduceParams::axes(ReduceOp::max, {3, 5'000}, {1})));
  });
  auto x = lie.values[0].values<std::int16_t>();
  for (auto& v : x) v = 5;
  x[5'000 + 4'321] = 9;
  lie.values[1].values<std::int16_t>()[1] = 5;
  EXPECT_TRUE(refutes(lie, {0, 1, 0, {4'321}}).value());
  EXPECT_FALSE(refutes(lie, {0, 1, 0, {4'320}}).value());
  EXPECT_FALSE(refutes(lie, {0, 1, 0, {5'000}})) << "not in the window";
  EXPECT_TRUE(refutes(lie, {0, 1}).value()) << "all of it";
}

TEST_F(ElementKinds, of_a_prefix_sum_follow_from_the_one_before) {
  for (const std::size_t axis : {0U, 1U, 2U})
    for (const auto type : {DType::i8, DType::i16})
      for (int i = 0; i < 4; ++i)
        expect_agreement(one_step(type, {{4, 30, 5}}, [&](Builder& b, const auto& x) { out(b, b.prefix_sum(x[0], axis)); }),
                         "prefix_sum");
}

TEST_F(ElementKinds, of_an_argmax_are_refuted_by_what_comes_before) {
  for (const auto type : {DType::i8, DType::i16})
    for (int i = 0; i < 6; ++i) {
      const auto trace = one_step(type, {{3, 40, 2}}, [](Builder& b, const auto& x) { out(b, b.argmax(x[0], 1)); });
      const auto index = random_.u64() % 6;
      const auto best = static_cast<std::uint64_t>(trace.values[1].values<std::int32_t>()[index]);
      for (std::uint64_t hint = 0; hint < 40; hint += 3) EXPECT_FALSE(refutes(trace, {0, index, 0, {hint}}).value()) << hint;
      for (const std::int32_t claimed : {static_cast<std::int32_t>((best + 1 + random_.u64() % 39) % 40), -1, 40}) {
        auto lie = trace;
        lie.values[1].values<std::int32_t>()[index] = claimed;
        EXPECT_TRUE(refutes(lie, {0, index, 0, {best}}).value()) << claimed << " for " << best;
      }
      EXPECT_FALSE(refutes(trace, {0, index, 0, {40}})) << "beyond the axis";
    }
}

TEST_F(ElementKinds, of_a_topk_are_refuted_by_value_order_or_what_is_missing) {
  for (int i = 0; i < 4; ++i) {
    const auto trace = one_step(DType::i8, {{2, 30, 3}}, [](Builder& b, const auto& x) {
      const auto [values, indices] = b.topk(x[0], 1, 4);
      out(b, values);
      out(b, indices);
    });
    const auto inner = random_.u64() % 3;
    const auto at = [&](std::uint64_t j) { return j * 3 + inner; };  // of the first row
    const auto index = [](const Trace& t, std::uint64_t j) -> std::int32_t { return t.values[2].values<std::int32_t>()[j]; };
    for (std::uint64_t j = 0; j < 4; ++j) {
      EXPECT_FALSE(refutes(trace, {0, at(j)}).value());
      for (std::uint64_t hint = 0; hint < 30; hint += 4) EXPECT_FALSE(refutes(trace, {0, at(j), 1, {hint}}).value());
      auto lie = trace;
      lie.values[1].bytes[at(j)] ^= 0x11;
      EXPECT_TRUE(refutes(lie, {0, at(j)}).value()) << "a value that does not stand there";
      lie = trace;
      lie.values[2].values<std::int32_t>()[at(j)] = j % 2 == 0 ? 30 : -1;
      EXPECT_TRUE(refutes(lie, {0, at(j), 1}).value()) << "an index beyond the axis";
    }
    const auto put = [&](Trace& t, std::uint64_t j, std::int32_t e) {
      t.values[2].values<std::int32_t>()[at(j)] = e;
      t.values[1].bytes[at(j)] = t.values[0].bytes[static_cast<std::uint64_t>(e) * 3 + inner];
    };
    auto swapped = trace;
    put(swapped, 1, index(trace, at(2)));
    put(swapped, 2, index(trace, at(1)));
    EXPECT_TRUE(refutes(swapped, {0, at(2)}).value()) << "a wrong order";
    auto repeated = trace;
    put(repeated, 2, index(trace, at(1)));
    EXPECT_TRUE(refutes(repeated, {0, at(2)}).value()) << "a repeated index";
    auto missing = trace;  // the best is left out, the others move up
    for (std::uint64_t j = 0; j < 3; ++j) put(missing, j, index(trace, at(j + 1)));
    EXPECT_TRUE(refutes(missing, {0, at(0), 1, {static_cast<std::uint64_t>(index(trace, at(0)))}}).value()) << "one is missing";
  }
}

TEST_F(ElementKinds, may_be_opened_leaf_by_leaf_in_any_order) {
  const auto trace = one_step(DType::i16, {{3, 5'000}}, [](Builder& b, const auto& x) { out(b, b.prefix_sum(x[0], 1)); });
  const auto lie = falsified(trace, 7'000, random_);
  Where where{0, 7'000};
  where.leaf_by_leaf = true;
  EXPECT_FALSE(refutes(trace, where).value());
  EXPECT_TRUE(refutes(lie, where).value());
  auto proof = open_element(lie, where);
  proof.opened[0].runs.erase(proof.opened[0].runs.begin() + static_cast<std::ptrdiff_t>(proof.opened[0].runs.size()) - 14);
  EXPECT_FALSE(contract_.refutes(lie.id(), lie.root(), proof)) << "what is read is not opened";
}

/// Gas of the other kinds, of proofs that open no leaf too many.
TEST_F(ElementKinds, of_every_kind_cost_less_than_a_long_row) {
  using engine::program::ReduceOp;
  using engine::program::ReduceParams;
  const auto gas = [&](const std::string& name, const Trace& lie, Where where) {
    where.leaf_by_leaf = true;
    auto proof = open_element(lie, where);
    ASSERT_TRUE(contract_.refutes(lie.id(), lie.root(), proof).value()) << name;
    for (std::size_t i = 0; i < proof.opened.size(); ++i)
      for (std::size_t j = proof.opened[i].runs.size(); j > 0; --j) {
        auto less = proof;
        less.opened[i].runs.erase(less.opened[i].runs.begin() + static_cast<std::ptrdiff_t>(j) - 1);
        if (contract_.refutes(lie.id(), lie.root(), less)) proof = less;
      }
    const auto request = contract_.refute(lie.id(), lie.root(), proof).value();
    const auto used = rpc().estimate_gas({sender().address(), request.to, request.data, {}}).value();
    std::printf("%s: %llu gas, %zu bytes\n", name.c_str(), static_cast<unsigned long long>(used), request.data.size());
    EXPECT_LT(used, 700'000U) << name;
  };
  for (const auto type : {DType::i8, DType::i16}) {
    const auto bits = std::to_string(8 * engine::tensor::dtype_size(type)) + " bits";
    const auto one = [&](const std::string& name, const std::vector<Shape>& shapes, const Build& build) {
      gas(name + ", " + bits, falsified(one_step(type, shapes, build), 77, random_), {0, 77});
    };
    one("conv 3 x 3 x 64", {{1, 12, 12, 64}}, [&](Builder& b, const auto& x) {
      out(b, b.conv(x[0], b.weight(fill(random_, type, {8, 3, 3, 64})), {1, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, {}, DType::i64));
    });
    one("sum of 7 x 7", {{1, 7, 7, 128}},
        [](Builder& b, const auto& x) { out(b, b.reduce(x[0], ReduceParams::axes(ReduceOp::sum, {1, 7, 7, 128}, {1, 2}))); });
    one("maximum of 2 x 2", {{1, 16, 16, 8}}, [](Builder& b, const auto& x) {
      out(b, b.reduce(x[0], {ReduceOp::max, {1, 2, 2, 1}, {1, 2, 2, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}}));
    });
    one("prefix_sum", {{4, 4'096}}, [](Builder& b, const auto& x) { out(b, b.prefix_sum(x[0], 1)); });
    one("transpose", {{64, 64}}, [](Builder& b, const auto& x) { out(b, b.transpose(x[0], {1, 0})); });
    one("slice", {{64, 64}}, [](Builder& b, const auto& x) { out(b, b.slice(x[0], {63, 0}, {-1, 2}, {64, 32})); });
    one("concat", {{32, 64}, {32, 64}}, [](Builder& b, const auto& x) { out(b, b.concat(x, 1)); });
    one("pad", {{64, 64}}, [](Builder& b, const auto& x) { out(b, b.pad(x[0], {1, 0}, {0, 1})); });
    const auto rows = IntTensor::of<std::int32_t>({3}, {7, 1, 40});
    one("gather", {{64, 64}}, [&](Builder& b, const auto& x) { out(b, b.gather(x[0], b.weight(rows), 0)); });
    one("scatter", {{64, 64}, {3, 64}}, [&](Builder& b, const auto& x) { out(b, b.scatter(x[0], b.weight(rows), x[1], 0)); });
    auto first = one_step(type, {{1, 8'000}}, [](Builder& b, const auto& x) { out(b, b.argmax(x[0], 1)); });
    auto& claimed = first.values[1].values<std::int32_t>()[0];
    const auto best = static_cast<std::uint64_t>(claimed);
    claimed = (claimed + 1) % 8'000;
    gas("argmax of 8000, " + bits, first, {0, 0, 0, {best}});
    auto top = one_step(type, {{1, 8'000}}, [](Builder& b, const auto& x) {
      const auto [values, indices] = b.topk(x[0], 1, 40);
      out(b, values);
      out(b, indices);
    });
    std::swap(top.values[2].values<std::int32_t>()[20], top.values[2].values<std::int32_t>()[21]);
    gas("topk, 40 of 8000, " + bits, top, {0, 21, 1, {0}});
  }
}

}  // namespace
}  // namespace koinon::test::quorum
