#include <functional>

#include "engine/program/builder.hpp"
#include "engine/program/params.hpp"
#include "test/quorum/chain.hpp"
#include "test/quorum/openings.hpp"

namespace koinon::test::quorum {
namespace {

using engine::program::Builder;
using engine::program::DType;
using engine::program::Ref;
using engine::program::Scale;
using engine::tensor::IntTensor;
using engine::tensor::Shape;

constexpr std::uint64_t kCap = 16'777'216;  ///< gas of a transaction (EIP-7825)

/// Any values that the type holds, the extremes often.
IntTensor fill(base::Random& random, DType type, const Shape& shape) {
  auto out = IntTensor::zeros(type, shape);
  random.fill(out.bytes);
  const auto width = engine::tensor::dtype_size(type);
  for (std::size_t at = 0; at + width <= out.bytes.size(); at += width) {
    const auto lot = random.u64() % 8;
    if (lot > 1) continue;
    for (std::size_t i = 0; i < width; ++i) out.bytes[at + i] = lot == 0 ? 0 : 0xff;
    out.bytes[at + width - 1] = lot == 0 ? 0x80 : 0x7f;  // the lowest, the highest
  }
  return out;
}

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

/// The same trace with another value of element `index` of the last tensor.
Trace falsified(Trace trace, std::uint64_t index, base::Random& random) {
  auto& out = trace.values.back();
  const auto width = engine::tensor::dtype_size(out.dtype);
  out.bytes[index * width + random.u64() % width] ^= static_cast<std::uint8_t>(1 + random.u64() % 255);
  return trace;
}

class Elements : public ChainTest {
 protected:
  ElementChecks contract_ = deploy<ElementChecks>("ElementChecks");
  base::SeededRandom random_{11};

  base::Result<bool> refutes(const Trace& trace, std::size_t step, std::uint64_t index, std::uint8_t output = 0) {
    return contract_.refutes(trace.id(), trace.root(), open_element(trace, {step, index, output}));
  }

  /// A program of one step on random inputs of these shapes, which may be built with further constants.
  using Build = std::function<void(Builder&, const std::vector<Ref>&)>;
  Trace one_step(DType type, const std::vector<Shape>& shapes, const Build& build) {
    Builder b;
    const auto limit = std::int64_t{1} << (8 * engine::tensor::dtype_size(type) - 1);
    std::vector<IntTensor> inputs;
    std::vector<Ref> refs;
    for (const auto& shape : shapes) {
      inputs.push_back(fill(random_, type, shape));
      refs.push_back(b.input("x" + std::to_string(refs.size()), {type, shape}, Scale{}, -limit, limit - 1));
    }
    build(b, refs);
    auto program = b.finish({});
    KOINON_INVARIANT(program.has_value());
    return trace_of(*std::move(program), std::move(inputs));
  }

  base::Result<bool> refutes(const Trace& trace, const Where& where) {
    return contract_.refutes(trace.id(), trace.root(), open_element(trace, where));
  }

  /// Every output of the only step: no true element is refuted, a false one is.
  void expect_agreement(const Trace& trace, const std::string& name) {
    ASSERT_EQ(trace.program.steps.size(), 1U) << name;
    const auto& step = trace.program.steps[0];
    for (std::uint8_t output = 0; output < step.outputs.size(); ++output) {
      const auto at = step.first_output + output;
      const auto count = static_cast<std::uint64_t>(trace.values[at].size());
      for (int i = 0; i < 4; ++i) {
        const auto index = random_.u64() % count;
        const auto honest = refutes(trace, 0, index, output);
        ASSERT_TRUE(honest) << name << ": " << honest.error().text;
        ASSERT_FALSE(*honest) << name << ", element " << index << " of output " << int{output};
        auto lie = trace;
        auto& bytes = lie.values[at].bytes;
        const auto width = engine::tensor::dtype_size(lie.values[at].dtype);
        bytes[index * width + random_.u64() % width] ^= static_cast<std::uint8_t>(1 + random_.u64() % 255);
        ASSERT_TRUE(refutes(lie, 0, index, output).value()) << name << ", element " << index;
      }
    }
  }
};

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

void out(Builder& b, Ref ref) { b.output("y" + std::to_string(ref.index()), ref, Scale{}); }

TEST_F(Elements, of_steps_that_move_elements_are_those_of_the_engine) {
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

TEST_F(Elements, of_a_scatter_are_shown_by_the_place_of_their_index) {
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

TEST_F(Elements, of_a_convolution_are_those_of_the_engine) {
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

TEST_F(Elements, of_a_reduction_are_those_of_the_engine) {
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

TEST_F(Elements, of_a_maximum_that_is_too_small_are_refuted_by_one_larger) {
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

TEST_F(Elements, of_a_prefix_sum_follow_from_the_one_before) {
  for (const std::size_t axis : {0U, 1U, 2U})
    for (const auto type : {DType::i8, DType::i16})
      for (int i = 0; i < 4; ++i)
        expect_agreement(one_step(type, {{4, 30, 5}}, [&](Builder& b, const auto& x) { out(b, b.prefix_sum(x[0], axis)); }),
                         "prefix_sum");
}

TEST_F(Elements, of_an_argmax_are_refuted_by_what_comes_before) {
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

TEST_F(Elements, of_a_topk_are_refuted_by_value_order_or_what_is_missing) {
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

TEST_F(Elements, may_be_opened_leaf_by_leaf_in_any_order) {
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
