// The bounds of disputable.hpp against what proofs take on a chain.
#include "trust/optimistic/disputable.hpp"

#include <functional>

#include "engine/program/builder.hpp"
#include "engine/program/params.hpp"
#include "ledger/contract.hpp"
#include "test/quorum/frauds.hpp"

namespace koinon::test::quorum {
namespace {

using engine::program::Builder;
using engine::program::DType;
using engine::program::ReduceOp;
using engine::program::ReduceParams;
using engine::program::Ref;
using engine::program::Scale;
using engine::tensor::IntTensor;
using engine::tensor::Shape;
using trust::optimistic::Element;
using trust::optimistic::ProgramTrees;
using trust::optimistic::Provider;

using Build = std::function<void(Builder&, const std::vector<Ref>&)>;

class Bounds : public ChainTest {
 protected:
  Provider make(DType type, const std::vector<Shape>& shapes, const Build& build) {
    Builder b;
    std::vector<IntTensor> inputs;
    std::vector<Ref> refs;
    for (const auto& shape : shapes) {
      inputs.push_back(IntTensor::zeros(type, shape));
      random_.fill(inputs.back().bytes);
      refs.push_back(b.input("x" + std::to_string(refs.size()), {type, shape}, Scale{}, engine::tensor::dtype_low(type),
                             engine::tensor::dtype_high(type)));
    }
    build(b, refs);
    auto program = b.finish({});
    KOINON_INVARIANT(program.has_value());
    return trust::optimistic::honest(*std::move(program), std::move(inputs));
  }

  /// Shows an element of the last step and holds bytes and gas against the bound; both are nearly reached when `tight`.
  void expect_bound(const std::string& name, const Provider& truth, const Element& element, bool tight = false) {
    const auto bound = trust::optimistic::proof_bound(truth.program, truth.program.steps.size() - 1);
    EXPECT_TRUE(trust::optimistic::disputable(truth.program)) << name;
    const ProgramTrees trees(truth.program);
    const auto proof = encode(Fraud{show_element(trees, truth, truth.program.steps.size() - 1, element)});
    const auto claim = truth.claim();
    const auto answer = contract_.refutes(roots_of(claim), 0, proof);
    ASSERT_TRUE(answer) << name << ": " << answer.error().text;
    EXPECT_FALSE(*answer) << name;
    const auto gas = gas_of(claim, proof);
    std::printf("%-40s %7zu of %7llu bytes, %8llu of %8llu gas\n", name.c_str(), proof.size(),
                static_cast<unsigned long long>(bound.bytes), static_cast<unsigned long long>(gas),
                static_cast<unsigned long long>(bound.gas));
    EXPECT_LE(proof.size(), bound.bytes) << name;
    EXPECT_LE(gas, bound.gas) << name;
    if (!tight) return;
    EXPECT_GT(proof.size() * 3, bound.bytes * 2) << name;
  }

  /// Gas of a transaction that shows the proof, calldata included.
  std::uint64_t gas_of(const ClaimRoots& claim, const base::Bytes& proof) {
    for (const auto& entry : FraudCheck::entries()) {
      if (entry.name != "refutes") continue;
      const auto request =
          ledger::call_request(contract_.address(), entry,
                               {roots_of(claim).value(), ledger::abi::value_of(std::uint64_t{0}), ledger::abi::value_of(proof)})
              .value();
      return rpc().estimate_gas({sender().address(), request.to, request.data, {}}).value();
    }
    return UINT64_MAX;
  }

  /// What it costs to show that an element of the last value is another.
  void expect_cost(const std::string& name, const Provider& truth, const Element& element, std::uint64_t most,
                   std::size_t parts = 1) {
    auto liar = truth;
    auto& value = liar.values.back();
    const auto at = static_cast<std::int64_t>(element.index);
    value.set(at, value.at(at) ^ 1);
    const ProgramTrees trees(truth.program);
    const Fraud fraud{show_element(trees, liar, liar.program.steps.size() - 1, element)};
    EXPECT_EQ(std::get<trust::optimistic::ElementProof>(fraud).parts.size(), parts) << name;
    const auto bound = trust::optimistic::proof_bound(liar.program, liar.program.steps.size() - 1);
    const auto claim = liar.claim();
    ASSERT_TRUE(contract_.refutes(roots_of(claim), 0, encode(fraud)).value()) << name;
    const auto gas = gas_of(claim, encode(fraud));
    std::printf("%-40s %7zu bytes, %8llu gas\n", name.c_str(), encode(fraud).size(), static_cast<unsigned long long>(gas));
    EXPECT_LT(gas, most) << name;
    EXPECT_LE(gas, bound.gas) << name;
    EXPECT_LE(encode(fraud).size(), bound.bytes) << name;
  }

  static void out(Builder& b, Ref ref) { b.output("y" + std::to_string(ref.index()), ref, Scale{}); }

  base::SeededRandom random_{21};
  FraudCheck contract_ = deploy<FraudCheck>("FraudCheck");
};

TEST_F(Bounds, hold_for_long_rows) {
  const auto row = [&](DType type, std::int64_t k) {
    return make(type, {{2, k}, {3, k}}, [](Builder& b, const auto& x) { out(b, b.matmul(x[0], x[1], {}, DType::i64)); });
  };
  expect_bound("matmul, 8 bits, k = 50,000", row(DType::i8, 50'000), {0, 4, {}}, true);
  expect_bound("matmul, 16 bits, k = 25,000", row(DType::i16, 25'000), {0, 4, {}}, true);
  const auto conv = [&](DType type, const Shape& x, const Shape& w, std::int64_t groups) {
    return make(type, {x, w}, [&](Builder& b, const auto& in) {
      out(b, b.conv(in[0], in[1], {groups, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, {}, DType::i64));
    });
  };
  expect_bound("conv, 3 x 3 x 2048", conv(DType::i8, {1, 7, 7, 2'048}, {4, 3, 3, 2'048}, 1), {0, 99, {}}, true);
  expect_bound("conv, 7 x 7 over 64 groups", conv(DType::i16, {1, 30, 30, 64}, {64, 7, 7, 1}, 64), {0, 28 * 64 * 15 + 900, {}});
}

TEST_F(Bounds, hold_for_what_is_read_one_by_one) {
  const auto sum = [&](DType type, const Shape& shape, const std::vector<std::size_t>& axes) {
    return make(type, {shape},
                [&](Builder& b, const auto& x) { out(b, b.reduce(x[0], ReduceParams::axes(ReduceOp::sum, shape, axes))); });
  };
  expect_bound("sum of 12,000 of 8 bits", sum(DType::i8, {2, 12'000}, {1}), {0, 1, {}}, true);
  expect_bound("sum of 8,000 of 32 bits", sum(DType::i32, {2, 8'000}, {1}), {0, 1, {}}, true);
  expect_bound("sum of 1,500 lines of two", sum(DType::i8, {1'500, 2, 1, 1, 3}, {0, 1}), {0, 1, {}});
  expect_bound("mean of 7 x 7 of 1280", sum(DType::i8, {1, 7, 7, 1'280}, {1, 2}), {0, 1'000, {}}, true);
  expect_bound(
      "maximum of 9,000 of 32 bits, too large",
      make(DType::i32, {{2, 9'000}},
           [](Builder& b, const auto& x) { out(b, b.reduce(x[0], ReduceParams::axes(ReduceOp::max, {2, 9'000}, {1}))); }),
      {0, 0, {}});
  auto values = make(DType::i16, {{2, 2'500}}, [](Builder& b, const auto& x) {
    const auto [top, order] = b.topk(x[0], 1, 3);
    out(b, top);
    out(b, order);
  });
  values.program.steps[0].outputs.pop_back();
  values.program.outputs.pop_back();
  values.values.pop_back();
  expect_bound("topk of 2,500 without indices", values, {0, 5, {}});
  expect_bound("scatter of 2,000 rows",
               make(DType::i16, {{3'000, 2}, {2'000, 2}},
                    [](Builder& b, const auto& x) {
                      auto rows = IntTensor::zeros(DType::i32, {2'000});
                      for (std::int64_t i = 0; i < 2'000; ++i) rows.set(i, i);
                      out(b, b.scatter(x[0], b.weight(rows), x[1], 0));
                    }),
               {0, 5'999, {}});
}

TEST_F(Bounds, hold_for_single_elements) {
  const Shape wide{1, 1, 1, 2, 2, 2, 50, 60};
  expect_bound("concat of 64",
               make(DType::i32, std::vector<Shape>(64, wide), [](Builder& b, const auto& x) { out(b, b.concat(x, 0)); }),
               {0, 64 * 24'000 - 3, {}});
  expect_bound("argmax of 100,000",
               make(DType::i8, {{1, 100'000}}, [](Builder& b, const auto& x) { out(b, b.argmax(x[0], 1)); }), {0, 0, {77'777}});
  expect_bound("topk of 100,000",
               make(DType::i16, {{1, 100'000}},
                    [](Builder& b, const auto& x) {
                      const auto [top, order] = b.topk(x[0], 1, 50'000);
                      out(b, top);
                      out(b, order);
                    }),
               {1, 30'000, {77'777}});
  expect_bound("prefix_sum of 500,000",
               make(DType::i16, {{1'000, 500}}, [](Builder& b, const auto& x) { out(b, b.prefix_sum(x[0], 0)); }),
               {0, 400'000, {}});
  expect_bound("select",
               make(DType::i32, {{400, 500}, {400, 500}, {400, 500}},
                    [](Builder& b, const auto& x) { out(b, b.select(x[0], x[1], x[2])); }),
               {0, 123'456, {}});
}

/// The targets of the check: 8 bits at K = 4096 and 16 bits at K = 2048 within 0.6 million gas.
TEST_F(Bounds, of_the_kinds_keep_to_the_design) {
  const auto matmul = [&](DType a, DType b, std::int64_t k) {
    return make(a, {{3, k}}, [&](Builder& to, const auto& x) {
      auto w = IntTensor::zeros(b, {64, k});
      random_.fill(w.bytes);
      const Ref bias = to.weight(IntTensor::zeros(DType::i32, {64}));
      out(to, to.matmul(x[0], to.weight(std::move(w)), bias, DType::i64));
    });
  };
  expect_cost("matmul, 8 x 8 bits, K = 4096", matmul(DType::i8, DType::i8, 4'096), {0, 65, {}}, 600'000);
  expect_cost("matmul, 16 x 16 bits, K = 2048", matmul(DType::i16, DType::i16, 2'048), {0, 65, {}}, 600'000);
  expect_cost("matmul, 8 x 16 bits, K = 4096", matmul(DType::i8, DType::i16, 4'096), {0, 65, {}}, 900'000);
  const auto requantised = [&](std::int64_t k) {
    return make(DType::i8, {{3, k}}, [&](Builder& to, const auto& x) {
      auto w = IntTensor::zeros(DType::i8, {64, k}), m = IntTensor::zeros(DType::i16, {64});
      random_.fill(w.bytes);
      for (std::int64_t i = 0; i < 64; ++i) m.set(i, 20'000 + i);
      const Ref bias = to.weight(IntTensor::zeros(DType::i32, {64}));
      const Ref sum = to.matmul(x[0], to.weight(std::move(w)), bias);
      const Ref factor = to.weight(std::move(m)), shift = to.weight(IntTensor::of<std::int8_t>({1}, {24}));
      out(to, to.requantise(sum, factor, shift, -128, 127));
    });
  };
  expect_cost("matmul and requantise, 8 bits, K = 4096", requantised(4'096), {0, 65, {}}, 600'000, 2);
  const auto separable = [&] {  // a 1 x 1 conv of 64, requantised, under a 3 x 3 conv of one channel a group, requantised
    return make(DType::i8, {{1, 12, 12, 64}}, [&](Builder& to, const auto& x) {
      auto w = IntTensor::zeros(DType::i8, {64, 1, 1, 64}), deep = IntTensor::zeros(DType::i8, {64, 3, 3, 1});
      random_.fill(w.bytes);
      random_.fill(deep.bytes);
      const Ref one = to.weight(IntTensor::of<std::int16_t>({1}, {20'000})),
                by = to.weight(IntTensor::of<std::int8_t>({1}, {22}));
      const Ref points = to.conv(x[0], to.weight(std::move(w)), {1, {1, 1}, {1, 1}, {0, 0}, {0, 0}});
      const Ref narrow = to.requantise(points, one, by, -128, 127);
      const Ref depth = to.conv(narrow, to.weight(std::move(deep)), {64, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
      out(to, to.requantise(depth, one, by, -128, 127));
    });
  };
  expect_cost("1 x 1 x 64, then 3 x 3 of each channel", separable(), {0, 5 * 12 * 64 + 5 * 64 + 9, {}}, 3'000'000, 20);
  for (const auto type : {DType::i8, DType::i16, DType::i32, DType::i64}) {
    const auto bits = ", " + std::to_string(8 * engine::tensor::dtype_size(type)) + " bits";
    const auto one = [&](const std::string& name, const std::vector<Shape>& shapes, const Build& build,
                         std::vector<std::uint64_t> hints = {}) {
      expect_cost(name + bits, make(type, shapes, build), {0, 77, std::move(hints)}, 1'200'000);
    };
    if (type == DType::i8 || type == DType::i16)
      one("conv 3 x 3 x 64", {{1, 12, 12, 64}, {8, 3, 3, 64}},
          [](Builder& b, const auto& x) { out(b, b.conv(x[0], x[1], {1, {1, 1}, {1, 1}, {1, 1}, {1, 1}}, {}, DType::i64)); });
    if (type != DType::i64) {
      one("sum of 7 x 7", {{1, 7, 7, 128}},
          [](Builder& b, const auto& x) { out(b, b.reduce(x[0], ReduceParams::axes(ReduceOp::sum, {1, 7, 7, 128}, {1, 2}))); });
      one("prefix_sum", {{4, 4'096}}, [](Builder& b, const auto& x) { out(b, b.prefix_sum(x[0], 1)); });
      one("add", {{64, 64}, {64}}, [](Builder& b, const auto& x) { out(b, b.add(x[0], x[1])); });
      one("slice", {{64, 64}}, [](Builder& b, const auto& x) { out(b, b.slice(x[0], {63, 0}, {-1, 2}, {64, 32})); });
      one("pad", {{64, 64}}, [](Builder& b, const auto& x) { out(b, b.pad(x[0], {1, 0}, {0, 1})); });
      one("transpose", {{64, 64}}, [](Builder& b, const auto& x) { out(b, b.transpose(x[0], {1, 0})); });
      const auto rows = IntTensor::of<std::int32_t>({3}, {7, 1, 40});
      one("gather", {{64, 64}}, [&](Builder& b, const auto& x) { out(b, b.gather(x[0], b.weight(rows), 0)); });
      one("scatter", {{64, 64}, {3, 64}}, [&](Builder& b, const auto& x) { out(b, b.scatter(x[0], b.weight(rows), x[1], 0)); },
          {1});
    }
  }
}

TEST_F(Bounds, refuse_what_no_transaction_can_show) {
  const auto refused = [&](const Provider& one, const std::string& why) {
    const auto fit = trust::optimistic::disputable(one.program);
    ASSERT_FALSE(fit) << why;
    EXPECT_EQ(fit.error().code, base::Code::unsupported);
    EXPECT_NE(fit.error().text.find(why), std::string::npos) << fit.error().text;
  };
  refused(make(DType::i8, {{1, 70'000}, {1, 70'000}},
               [](Builder& b, const auto& x) { out(b, b.matmul(x[0], x[1], {}, DType::i64)); }),
          "split the inner size");
  refused(make(DType::i16, {{1, 40'000}, {1, 40'000}},
               [](Builder& b, const auto& x) { out(b, b.matmul(x[0], x[1], {}, DType::i64)); }),
          "bytes");
  refused(make(DType::i8, {{1, 112, 112, 64}},
               [](Builder& b, const auto& x) {
                 out(b, b.reduce(x[0], ReduceParams::axes(ReduceOp::sum, {1, 112, 112, 64}, {1, 2})));
               }),
          "reduce one axis at a time");
  refused(make(DType::i8, {{1, 100'000}},
               [](Builder& b, const auto& x) { out(b, b.reduce(x[0], ReduceParams::axes(ReduceOp::sum, {1, 100'000}, {1}))); }),
          "gas");
}

}  // namespace
}  // namespace koinon::test::quorum
