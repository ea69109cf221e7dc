#include "test/quorum/elements.hpp"

namespace koinon::test::quorum {
namespace {

constexpr std::uint64_t kCap = 16'777'216;  ///< gas of a transaction (EIP-7825)

struct Shapes {
  DType a = DType::i8, b = DType::i8;
  std::int64_t batch = 1, m = 1, k = 1, n = 1;
  bool shared = true;  ///< b is one matrix for all of the batch, and a weight
  bool bias = false;
};

Trace matmul(base::Random& random, const Shapes& s) {
  const auto limit = [](DType type) { return std::int64_t{1} << (8 * engine::tensor::dtype_size(type) - 1); };
  Builder b;
  const Shape left = s.batch == 1 ? Shape{s.m, s.k} : Shape{s.batch, s.m, s.k};
  const Shape right = s.shared ? Shape{s.n, s.k} : Shape{s.batch, s.n, s.k};
  std::vector<IntTensor> inputs{fill(random, s.a, left)};
  const Ref x = b.input("a", {s.a, left}, Scale{}, -limit(s.a), limit(s.a) - 1);
  Ref y;
  if (s.shared) {
    y = b.weight(fill(random, s.b, right));
  } else {
    inputs.push_back(fill(random, s.b, right));
    y = b.input("b", {s.b, right}, Scale{}, -limit(s.b), limit(s.b) - 1);
  }
  std::optional<Ref> bias;
  if (s.bias) bias = b.weight(fill(random, random.u64() % 2 == 0 ? DType::i32 : DType::i16, {s.n}));
  b.output("sum", b.matmul(x, y, bias, DType::i64), Scale{});
  return trace_of(b.finish({}).value(), std::move(inputs));
}

Shapes throw_shapes(base::Random& random) {
  const auto one_to = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + random.u64() % most); };
  Shapes out;
  out.a = random.u64() % 2 == 0 ? DType::i8 : DType::i16;
  out.b = random.u64() % 2 == 0 ? DType::i8 : DType::i16;
  out.k = random.u64() % 4 == 0 ? one_to(2'500) : one_to(70);
  out.m = one_to(5);
  out.n = one_to(9);
  out.shared = random.u64() % 2 == 0;
  out.batch = random.u64() % 2 == 0 ? 1 : 1 + one_to(3);
  if (out.batch == 1) out.shared = true;
  out.bias = random.u64() % 2 == 0;
  return out;
}

TEST_F(Elements, of_a_matmul_are_those_of_the_engine) {
  for (int i = 0; i < 60; ++i) {
    const auto shapes = throw_shapes(random_);
    const auto trace = matmul(random_, shapes);
    const auto count = static_cast<std::uint64_t>(trace.values.back().size());
    const auto wrong = random_.u64() % count;
    const auto lie = falsified(trace, wrong, random_);
    for (int j = 0; j < 3; ++j) {
      const auto index = j == 0 ? wrong : random_.u64() % count;
      const auto honest = refutes(trace, 0, index);
      ASSERT_TRUE(honest) << "case " << i << ": " << honest.error().text;
      ASSERT_FALSE(*honest) << "case " << i << ", element " << index;
      const auto false_claim = refutes(lie, 0, index);
      ASSERT_TRUE(false_claim) << "case " << i << ": " << false_claim.error().text;
      ASSERT_EQ(*false_claim, index == wrong) << "case " << i << ", element " << index;
    }
  }
}

/// One step on x [3, 4, 5] (i16) and, where it takes two, y that broadcasts.
TEST_F(Elements, of_steps_that_work_element_by_element_are_those_of_the_engine) {
  const auto run = [&](const std::string& name, const std::function<void(Builder&, Ref, Ref)>& build,
                       std::int64_t low = -32'768) {
    const Shape shapes[] = {{3, 4, 5}, {4, 5}, {5}, {3, 1, 5}, {1}, {4, 1}};
    for (int i = 0; i < 6; ++i) {
      Builder b;
      const auto& narrow = shapes[i];
      std::vector<IntTensor> inputs{fill(random_, DType::i16, {3, 4, 5})};
      const Ref x = b.input("x", {DType::i16, {3, 4, 5}}, Scale{}, low, 32'767);
      const Ref y = b.input("y", {DType::i16, narrow}, Scale{}, low, 32'767);
      inputs.push_back(fill(random_, DType::i16, narrow));
      for (auto& one : inputs)
        for (auto& v : one.values<std::int16_t>())
          if (v < low) v = static_cast<std::int16_t>(low);
      build(b, x, y);
      auto program = b.finish({});
      ASSERT_TRUE(program) << name << ": " << program.error().text;
      expect_agreement(trace_of(*std::move(program), std::move(inputs)), name);
    }
  };
  const auto out = [](Builder& b, Ref ref) { b.output("z", ref, Scale{}); };
  run("add", [&](Builder& b, Ref x, Ref y) { out(b, b.add(x, y)); });
  run("sub", [&](Builder& b, Ref x, Ref y) { out(b, b.sub(y, x)); });
  run("mul", [&](Builder& b, Ref x, Ref y) { out(b, b.mul(x, y)); });
  using engine::program::CompareOp;
  for (const auto op : {CompareOp::equal, CompareOp::less, CompareOp::less_equal})
    run("compare", [&](Builder& b, Ref x, Ref y) { out(b, b.compare(x, y, op)); });
  run("select", [&](Builder& b, Ref x, Ref y) { out(b, b.select(y, x, y)); });
  run(
      "divide",
      [&](Builder& b, Ref x, Ref y) {
        const auto [quotient, rest] = b.divide(x, y);
        out(b, quotient);
        b.output("rest", rest, Scale{});
      },
      1);
  run("isqrt", [&](Builder& b, Ref x, Ref) { out(b, b.isqrt(x)); }, 0);
  for (const auto bits : {-15, -3, 0, 7, 40}) run("shift", [&](Builder& b, Ref x, Ref) { out(b, b.shift(x, bits)); });
  run("reshape", [&](Builder& b, Ref x, Ref) { out(b, b.reshape(x, {12, 5})); });
  run("broadcast", [&](Builder& b, Ref, Ref y) { out(b, b.broadcast(y, {2, 3, 4, 5})); });
  run("requantise", [&](Builder& b, Ref x, Ref) {
    const Ref m = b.weight(IntTensor::of<std::int16_t>({5}, {1, 32'767, 77, 4'096, 20'000}));
    const Ref s = b.weight(IntTensor::of<std::int8_t>({5}, {1, 15, 30, 8, 62}));
    out(b, b.requantise(x, m, s, -100, 90));
  });
}

TEST_F(Elements, of_a_lookup_are_those_of_the_engine) {
  for (int i = 0; i < 4; ++i) {
    Builder b;
    const Ref x = b.input("x", {DType::i8, {6, 7}}, Scale{}, -128, 127);
    b.output("y", b.lookup(x, b.table(fill(random_, i % 2 == 0 ? DType::i16 : DType::i8, {256})), -128), Scale{});
    expect_agreement(trace_of(b.finish({}).value(), {fill(random_, DType::i8, {6, 7})}), "lookup");
  }
}

/// A program of several steps, so that lists have more than one item and operands come from another step.
TEST_F(Elements, of_a_step_in_the_middle_take_operands_from_the_same_trace) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {3, 40}}, Scale{}, -128, 127);
  const Ref first = b.matmul(x, b.weight(fill(random_, DType::i8, {33, 40})));
  const Ref small = b.requantise(first, b.weight(IntTensor::of<std::int16_t>({1}, {77})),
                                 b.weight(IntTensor::of<std::int8_t>({1}, {14})), -128, 127, DType::i8);
  b.output("y", b.matmul(small, b.weight(fill(random_, DType::i8, {5, 33}))), Scale{});
  const auto trace = trace_of(b.finish({}).value(), {fill(random_, DType::i8, {3, 40})});
  ASSERT_EQ(trace.values.size(), 4U);
  for (std::uint64_t index = 0; index < 15; ++index) EXPECT_FALSE(refutes(trace, 2, index).value());
  auto lie = trace;
  lie.values[2].bytes[34] ^= 3;  // an operand: what follows from it is wrong in this trace
  EXPECT_TRUE(refutes(lie, 2, 5).value() || refutes(lie, 2, 6).value() || refutes(lie, 2, 7).value());
  const auto requantised = open_element(trace, {0, 0});
  auto other = requantised;
  other.step = 1;
  EXPECT_FALSE(contract_.refutes(trace.id(), trace.root(), other)) << "the step is not that one";
}

/// Whatever is changed in a proof, an honest claim is never refuted.
TEST_F(Elements, of_an_honest_trace_are_not_refuted_by_forged_openings) {
  Shapes shapes;
  shapes.m = 3;
  shapes.k = 1'500;
  shapes.n = 4;
  shapes.bias = true;
  const auto trace = matmul(random_, shapes);
  const auto lie = falsified(trace, 7, random_);
  const auto good = open_element(trace, {0, 7});
  const auto bad = open_element(lie, {0, 7});
  std::vector<ElementChecks::Proof> forged(14, good);
  forged[0].index = 6;
  forged[1].step = 1;
  forged[2].value_count += 1;
  forged[3].program.weight_count += 1;
  forged[4].program.steps.bytes[0] ^= 1;
  forged[5].step_bytes.back() ^= 1;
  forged[6].step_bytes.push_back(0);
  for (std::size_t i = 0; i < 3; ++i) {
    forged[7 + i].opened[i].runs[0].data[5] ^= 1;
    forged[10].opened[i].runs[0].siblings.push_back({});
  }
  forged[11].opened.back() = bad.opened.back();  // the false output of another trace
  std::swap(forged[12].opened[0], forged[12].opened[1]);
  forged[13].opened.pop_back();
  for (std::size_t i = 0; i < forged.size(); ++i) {
    const auto answer = contract_.refutes(trace.id(), trace.root(), forged[i]);
    EXPECT_FALSE(answer && *answer) << "forgery " << i;
    EXPECT_FALSE(answer) << "forgery " << i << " opens nothing";
  }
  EXPECT_FALSE(contract_.refutes(lie.id(), trace.root(), bad)) << "a proof against another trace";
  EXPECT_FALSE(contract_.refutes(base::keccak256({}), lie.root(), bad)) << "a proof of another program";
  EXPECT_TRUE(contract_.refutes(lie.id(), lie.root(), bad).value());
}

/// The targets of the check: 8 bits at K = 4096 and 16 bits at K = 2048 within 0.6 million gas, as a transaction of its own.
TEST_F(Elements, cost_what_the_design_allows) {
  const auto gas = [&](DType a, DType b, std::int64_t k) {
    Shapes shapes;
    shapes.a = a;
    shapes.b = b;
    shapes.k = k;
    shapes.m = 3;
    shapes.n = 64;
    shapes.bias = true;
    const auto lie = falsified(matmul(random_, shapes), 65, random_);
    const auto request = contract_.refute(lie.id(), lie.root(), open_element(lie, {0, 65})).value();
    const auto used = rpc().estimate_gas({sender().address(), request.to, request.data, {}}).value();
    EXPECT_LT(request.data.size(), 128U << 10);
    EXPECT_LT(used, kCap);
    std::printf("matmul, %zu x %zu bits, K = %lld: %llu gas, %zu bytes\n", 8 * engine::tensor::dtype_size(a),
                8 * engine::tensor::dtype_size(b), static_cast<long long>(k), static_cast<unsigned long long>(used),
                request.data.size());
    return used;
  };
  EXPECT_LT(gas(DType::i8, DType::i8, 4'096), 600'000U);
  EXPECT_LT(gas(DType::i16, DType::i16, 2'048), 600'000U);
  EXPECT_LT(gas(DType::i8, DType::i16, 4'096), 900'000U);
}

}  // namespace
}  // namespace koinon::test::quorum
