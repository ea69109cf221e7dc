#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/program/builder.hpp"
#include "engine/run/execute.hpp"

namespace koinon::engine::run {
namespace {

using base::Code;
using program::Builder;
using program::DType;
using program::Program;
using program::Ref;
using program::Scale;
using tensor::IntTensor;
using testing::HasSubstr;

template <class T>
IntTensor list(std::vector<T> v) {
  const auto n = static_cast<std::int64_t>(v.size());
  return IntTensor::of<T>({n}, v);
}

Program dense() {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 4}}, Scale{1, -7}, -127, 127);
  const Ref w = b.weight(IntTensor::of<std::int8_t>({2, 4}, {1, -2, 3, -4, 5, 6, 7, 8}));
  const Ref bias = b.weight(list<std::int32_t>({100, -100}));
  const Ref acc = b.matmul(x, w, bias);
  const Ref m = b.weight(list<std::int16_t>({1000, 2000})), s = b.weight(list<std::int8_t>({14}));
  const Ref y = b.requantise(acc, m, s, -8, 7, DType::i8);
  b.output("acc", acc, Scale{});
  b.output("y", y, Scale{3, -5});
  return b.finish({}).value();
}

const IntTensor kInput = IntTensor::of<std::int8_t>({1, 4}, {10, 20, -30, 7});

TEST(Execute, computes_what_a_hand_computes) {
  const auto run = execute(dense(), std::vector{kInput}, {}).value();
  // 10 - 40 - 90 - 28 + 100 = -48; 50 + 120 - 210 + 56 - 100 = -84
  EXPECT_EQ(run.outputs[0], IntTensor::of<std::int32_t>({1, 2}, {-48, -84}));
  // (-48000 + 8192) >> 14 = -3; (-168000 + 8192) >> 14 = -10, clamped
  EXPECT_EQ(run.outputs[1], IntTensor::of<std::int8_t>({1, 2}, {-3, -8}));
}

TEST(Execute, golden_roots) {
  const auto run = execute(dense(), std::vector{kInput}, {}).value();
  EXPECT_EQ(base::to_hex(run.input_root), "0xd55cdda910020af8c15d3db5aef6647de3bb74de81c2b2ec1ffe7a4daf48dcb1");
  EXPECT_EQ(base::to_hex(run.output_root), "0xa5b9d997ce11257e71e78a9cacf32c624c9379cac0996c9fce3775533eb463d2");
  EXPECT_EQ(base::to_hex(run.trace_root), "0xf43053748a30d782fafadf56fe317f3574c9b8c98fc1791a257c18172849582f");
  EXPECT_EQ(base::to_hex(run.witness), "0x3d5da63cb993aeb20f0034112c483dbe309ca174179caf87fa8a89b1a5a2a849");
}

TEST(Execute, roots_commit_to_inputs_steps_and_outputs) {
  const auto run = execute(dense(), std::vector{kInput}, {}).value();
  const std::vector<base::Hash> roots{tensor::tensor_root(kInput), tensor::tensor_root(run.outputs[0]),
                                      tensor::tensor_root(run.outputs[1])};
  EXPECT_EQ(run.step_roots, roots);
  EXPECT_EQ(run.trace_root, base::list_root(base::Domain::trace, roots));
  EXPECT_EQ(run.output_root, base::list_root(base::Domain::outputs, {roots[1], roots[2]}));
  EXPECT_EQ(run.input_root, base::list_root(base::Domain::inputs, {roots[0]}));
  const std::string head = "koinon.witness";
  EXPECT_EQ(run.witness, base::keccak256({base::as_bytes(head), roots[0].view(), roots[1].view(), roots[2].view()}));
}

TEST(Execute, salt_changes_the_input_root) {
  const std::vector inputs{kInput};
  base::Hash salt;
  const auto zero = salted_input_root(salt, inputs);
  salt.bytes[31] = 1;
  EXPECT_NE(salted_input_root(salt, inputs), zero);
  EXPECT_NE(zero, input_root(inputs));
  const std::uint8_t head[] = {3, 7};
  EXPECT_EQ(salted_input_root(salt, inputs), base::keccak256({head, salt.view(), input_root(inputs).view()}));
}

TEST(Execute, without_trace_the_outputs_are_the_same) {
  RunOptions options;
  options.trace = false;
  const auto run = execute(dense(), std::vector{kInput}, options).value();
  EXPECT_EQ(run.output_root, execute(dense(), std::vector{kInput}, {}).value().output_root);
  EXPECT_TRUE(run.trace_root.is_zero());
  EXPECT_TRUE(run.step_roots.empty());
}

TEST(Execute, refuses_inputs_that_do_not_fit) {
  const auto program = dense();
  EXPECT_EQ(execute(program, {}, {}).error().code, Code::invalid_argument);
  EXPECT_THAT(execute(program, std::vector{IntTensor::zeros(DType::i8, {4, 1})}, {}).error().text,
              HasSubstr("input x is i8 [4, 1]: i8 [1, 4] expected"));
  EXPECT_EQ(execute(program, std::vector{IntTensor::zeros(DType::i16, {1, 4})}, {}).error().code, Code::invalid_argument);
  auto low = kInput;
  low.set(3, -128);
  EXPECT_THAT(execute(program, std::vector{low}, {}).error().text, HasSubstr("input x holds -128: -127 to 127 expected"));
  auto lying = kInput;
  lying.bytes.pop_back();
  EXPECT_EQ(execute(program, std::vector{lying}, {}).error().code, Code::invalid_argument);
}

TEST(Execute, refuses_hidden_weights) {
  const auto hidden = program::decode(program::encode(dense(), false)).value();
  EXPECT_EQ(execute(hidden, std::vector{kInput}, {}).error().code, Code::invalid_argument);
}

TEST(Execute, far_padding_takes_no_memory) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 2, 2, 1}}, Scale{}, -127, 127);
  const Ref w = b.weight(IntTensor::of<std::int8_t>({1, 1, 1, 1}, {3}));
  const std::int64_t far = 1 << 20;
  b.output("y", b.conv(x, w, {1, {far, far}, {1, 1}, {far, far}, {far, far}}), Scale{});
  const auto program = b.finish({}).value();
  RunOptions untraced;
  untraced.trace = false;
  const std::vector input{IntTensor::of<std::int8_t>({1, 2, 2, 1}, {5, 6, 7, 8})};
  const auto run = execute(program, input, untraced).value();
  EXPECT_EQ(run.outputs[0], IntTensor::of<std::int32_t>({1, 3, 3, 1}, {0, 0, 0, 0, 15, 0, 0, 0, 0}));
}

TEST(Execute, keeps_to_the_memory_limit) {
  RunOptions options;
  const auto peak = execute(dense(), std::vector{kInput}, options).value().peak_bytes;
  EXPECT_EQ(peak, 4U + 8U);  // the input is freed after its last use
  options.memory_limit = peak;
  EXPECT_TRUE(execute(dense(), std::vector{kInput}, options).has_value());
  options.memory_limit = peak - 1;
  EXPECT_EQ(execute(dense(), std::vector{kInput}, options).error().code, Code::exhausted);
}

TEST(Execute, stops_when_asked_and_reports_progress) {
  std::stop_source source;
  RunOptions options;
  options.stop = source.get_token();
  std::vector<std::uint64_t> done;
  options.progress = [&](std::uint64_t d, std::uint64_t total) {
    done.push_back(d);
    EXPECT_EQ(total, 10U);
    source.request_stop();
  };
  EXPECT_EQ(execute(dense(), std::vector{kInput}, options).error().code, Code::cancelled);
  EXPECT_EQ(done, std::vector<std::uint64_t>{8});
}

TEST(Execute, shows_every_step_to_the_sink) {
  std::vector<base::Hash> roots{tensor::tensor_root(kInput)};
  RunOptions options;
  options.sink = [&](std::size_t, std::span<const IntTensor* const> outputs) {
    for (const auto* t : outputs) roots.push_back(tensor::tensor_root(*t));
  };
  EXPECT_EQ(execute(dense(), std::vector{kInput}, options).value().step_roots, roots);
}

TEST(Execute, refuses_repeated_scatter_indices) {
  Builder b;
  const Ref x = b.input("x", {DType::i8, {3}}, Scale{}, -9, 9);
  const Ref at = b.input("at", {DType::i8, {2}}, Scale{}, 0, 2);
  b.output("y", b.scatter(x, at, b.weight(list<std::int8_t>({5, 6})), 0), Scale{});
  const auto program = b.finish({}).value();
  const auto x_data = list<std::int8_t>({1, 2, 3});
  EXPECT_EQ(execute(program, std::vector{x_data, list<std::int8_t>({2, 0})}, {}).value().outputs[0],
            list<std::int8_t>({6, 2, 5}));
  const auto refused = execute(program, std::vector{x_data, list<std::int8_t>({1, 1})}, {});
  EXPECT_EQ(refused.error().code, Code::invalid_argument);
  EXPECT_THAT(refused.error().text, HasSubstr("[run] step 0: [scatter]: index 1 is repeated"));
}

// One program a kind: inputs, and the output that the definition gives.
struct Case {
  std::string name;
  std::vector<IntTensor> inputs;
  std::function<Ref(Builder&, const std::vector<Ref>&)> build;
  IntTensor want;
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

class Steps : public testing::TestWithParam<Case> {};

TEST_P(Steps, give_the_defined_result) {
  const auto& c = GetParam();
  Builder b;
  std::vector<Ref> refs;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    std::int64_t low = INT64_MAX, high = INT64_MIN;
    for (std::int64_t at = 0; at < c.inputs[i].size(); ++at) {
      low = std::min(low, c.inputs[i].at(at));
      high = std::max(high, c.inputs[i].at(at));
    }
    refs.push_back(b.input("x" + std::to_string(i), {c.inputs[i].dtype, c.inputs[i].shape}, Scale{}, low, high));
  }
  const Ref y = c.build(b, refs);
  ASSERT_FALSE(b.error().has_value()) << b.error()->text;
  b.output("y", y, Scale{});
  const auto program = b.finish({}).value();
  const auto again = program::decode(program::encode(program));
  ASSERT_TRUE(again.has_value()) << again.error().text;
  for (bool ref : {true, false}) {
    RunOptions options;
    options.force_ref = ref;
    const auto run = execute(*again, c.inputs, options);
    ASSERT_TRUE(run.has_value()) << run.error().text;
    EXPECT_EQ(run->outputs[0], c.want);
  }
}

using Refs = std::vector<Ref>;
const auto kGrid = IntTensor::of<std::int8_t>({2, 3}, {1, -2, 3, -4, 5, -6});

INSTANTIATE_TEST_SUITE_P(
    Kinds, Steps,
    testing::Values(
        Case{"conv_1d",
             {IntTensor::of<std::int8_t>({1, 4, 1}, {1, 2, 3, 4})},
             [](Builder& b, const Refs& x) {
               return b.conv(x[0], b.weight(IntTensor::of<std::int8_t>({1, 3, 1}, {1, 10, 100})), {1, {1}, {1}, {1}, {1}});
             },
             IntTensor::of<std::int32_t>({1, 4, 1}, {210, 321, 432, 43})},
        Case{"conv_2d_stride_and_groups",
             {IntTensor::of<std::int8_t>({1, 2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8})},
             [](Builder& b, const Refs& x) {
               return b.conv(x[0], b.weight(IntTensor::of<std::int8_t>({2, 2, 2, 1}, {1, 1, 1, 1, 1, -1, 1, -1})),
                             {2, {2, 2}, {1, 1}, {0, 0}, {0, 0}});
             },
             IntTensor::of<std::int32_t>({1, 1, 1, 2}, {16, -4})},
        Case{"add_broadcasts",
             {kGrid, IntTensor::of<std::int8_t>({3}, {100, 10, 1})},
             [](Builder& b, const Refs& x) { return b.add(x[0], x[1], DType::i16); },
             IntTensor::of<std::int16_t>({2, 3}, {101, 8, 4, 96, 15, -5})},
        Case{"sub",
             {kGrid, kGrid},
             [](Builder& b, const Refs& x) { return b.sub(x[0], x[1], DType::i8); },
             IntTensor::of<std::int8_t>({2, 3}, {0, 0, 0, 0, 0, 0})},
        Case{"mul",
             {kGrid, kGrid},
             [](Builder& b, const Refs& x) { return b.mul(x[0], x[1], DType::i32); },
             IntTensor::of<std::int32_t>({2, 3}, {1, 4, 9, 16, 25, 36})},
        Case{"max_pool",
             {kGrid},
             [](Builder& b,
                const Refs& x) { return b.reduce(x[0], {program::ReduceOp::max, {1, 2}, {1, 1}, {1, 1}, {0, 1}, {0, 0}}); },
             IntTensor::of<std::int8_t>({2, 3}, {1, 1, 3, -4, 5, 5})},
        Case{
            "reduce_min_over_all",
            {kGrid},
            [](Builder& b,
               const Refs&
                   x) { return b.reduce(x[0], program::ReduceParams::axes(program::ReduceOp::min, {2, 3}, {0, 1}), DType::i64); },
            IntTensor::of<std::int64_t>({1, 1}, {-6})},
        Case{"reduce_sum",
             {kGrid},
             [](Builder& b,
                const Refs& x) { return b.reduce(x[0], program::ReduceParams::axes(program::ReduceOp::sum, {2, 3}, {1})); },
             IntTensor::of<std::int8_t>({2, 1}, {2, -5})},
        Case{"argmax",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.argmax(x[0], 0); },
             IntTensor::of<std::int32_t>({1, 3}, {0, 1, 0})},
        Case{"conv_3d",
             {IntTensor::of<std::int8_t>({1, 2, 1, 2, 1}, {1, 2, 3, 4})},
             [](Builder& b, const Refs& x) {
               return b.conv(x[0], b.weight(IntTensor::of<std::int8_t>({1, 2, 1, 2, 1}, {1, 10, 100, -100})),
                             {1, {1, 1, 1}, {1, 1, 1}, {1, 0, 0}, {0, 0, 1}});
             },
             IntTensor::of<std::int32_t>({1, 2, 1, 2, 1}, {-100, 200, -79, 402})},
        Case{"prefix_sum",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.prefix_sum(x[0], 1); },
             IntTensor::of<std::int8_t>({2, 3}, {1, -1, 2, -4, 1, -5})},
        Case{"prefix_sum_of_the_outer_axis",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.prefix_sum(x[0], 0, DType::i64); },
             IntTensor::of<std::int64_t>({2, 3}, {1, -2, 3, -3, 3, -3})},
        Case{"topk_values",
             {IntTensor::of<std::int8_t>({2, 4}, {3, 7, 7, 1, -5, -128, -5, -6})},
             [](Builder& b, const Refs& x) { return b.topk(x[0], 1, 3).first; },
             IntTensor::of<std::int8_t>({2, 3}, {7, 7, 3, -5, -5, -6})},
        Case{"topk_indices_take_the_lowest_first_at_ties",
             {IntTensor::of<std::int8_t>({2, 4}, {3, 7, 7, 1, -5, -128, -5, -6})},
             [](Builder& b, const Refs& x) { return b.topk(x[0], 1, 3).second; },
             IntTensor::of<std::int32_t>({2, 3}, {1, 2, 0, 0, 2, 3})},
        Case{"topk_of_the_outer_axis",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.topk(x[0], 0, 2).second; },
             IntTensor::of<std::int32_t>({2, 3}, {0, 1, 0, 1, 0, 1})},
        Case{"gather_rows_of_a_weight",
             {list<std::int8_t>({1, 0, 1})},
             [](Builder& b, const Refs& x) { return b.gather(b.weight(kGrid), x[0], 0); },
             IntTensor::of<std::int8_t>({3, 3}, {-4, 5, -6, 1, -2, 3, -4, 5, -6})},
        Case{"gather_inner_axis_by_a_matrix",
             {kGrid, IntTensor::of<std::int64_t>({2, 1}, {2, 0})},
             [](Builder& b, const Refs& x) { return b.gather(x[0], x[1], 1); },
             IntTensor::of<std::int8_t>({2, 2, 1}, {3, 1, -6, -4})},
        Case{"gather_with_a_batch",
             {kGrid, IntTensor::of<std::int16_t>({2, 2}, {2, 0, 1, 1})},
             [](Builder& b, const Refs& x) { return b.gather(x[0], x[1], 1, 1); },
             IntTensor::of<std::int8_t>({2, 2}, {3, 1, 5, 5})},
        Case{"gather_with_one_index_drops_the_axis",
             {kGrid, IntTensor::of<std::int8_t>({}, {1})},
             [](Builder& b, const Refs& x) { return b.gather(x[0], x[1], 0); },
             list<std::int8_t>({-4, 5, -6})},
        Case{"scatter_rows",
             {kGrid, list<std::int8_t>({1}), IntTensor::of<std::int8_t>({1, 3}, {7, 8, 9})},
             [](Builder& b, const Refs& x) { return b.scatter(x[0], x[1], x[2], 0); },
             IntTensor::of<std::int8_t>({2, 3}, {1, -2, 3, 7, 8, 9})},
        Case{"scatter_with_a_batch",
             {kGrid, IntTensor::of<std::int8_t>({2, 2}, {2, 0, 1, 0}), IntTensor::of<std::int8_t>({2, 2}, {7, 8, 9, 10})},
             [](Builder& b, const Refs& x) { return b.scatter(x[0], x[1], x[2], 1, 1); },
             IntTensor::of<std::int8_t>({2, 3}, {8, -2, 7, 10, 9, -6})},
        Case{"compare",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.compare(x[0], x[0], program::CompareOp::less_equal); },
             IntTensor::of<std::int8_t>({2, 3}, {1, 1, 1, 1, 1, 1})},
        Case{"select",
             {kGrid, IntTensor::of<std::int8_t>({1, 3}, {0, 1, -1})},
             [](Builder& b, const Refs& x) { return b.select(x[1], x[0], b.weight(list<std::int8_t>({9}))); },
             IntTensor::of<std::int8_t>({2, 3}, {9, -2, 3, 9, 5, -6})},
        Case{"floor_quotient",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.quotient(x[0], b.weight(list<std::int8_t>({3}))); },
             IntTensor::of<std::int8_t>({2, 3}, {0, -1, 1, -2, 1, -2})},
        Case{"remainder",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.divide(x[0], b.weight(list<std::int8_t>({3}))).second; },
             IntTensor::of<std::int8_t>({2, 3}, {1, 1, 0, 2, 2, 0})},
        Case{"isqrt",
             {list<std::int32_t>({0, 3, 4, 2147483647})},
             [](Builder& b, const Refs& x) { return b.isqrt(x[0]); },
             list<std::int32_t>({0, 1, 2, 46340})},
        Case{"shift_right_floors",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.shift(x[0], -1); },
             IntTensor::of<std::int8_t>({2, 3}, {0, -1, 1, -2, 2, -3})},
        Case{"shift_left",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.shift(x[0], 8); },
             IntTensor::of<std::int16_t>({2, 3}, {256, -512, 768, -1024, 1280, -1536})},
        Case{"reshape",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.reshape(x[0], {3, 2}); },
             IntTensor::of<std::int8_t>({3, 2}, {1, -2, 3, -4, 5, -6})},
        Case{"transpose",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.transpose(x[0], {1, 0}); },
             IntTensor::of<std::int8_t>({3, 2}, {1, -4, -2, 5, 3, -6})},
        Case{"slice_backwards",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.slice(x[0], {1, 2}, {-1, -2}, {2, 2}); },
             IntTensor::of<std::int8_t>({2, 2}, {-6, -4, 3, 1})},
        Case{"concat",
             {kGrid, IntTensor::of<std::int8_t>({2, 1}, {7, 8})},
             [](Builder& b, const Refs& x) { return b.concat({x[1], x[0]}, 1); },
             IntTensor::of<std::int8_t>({2, 4}, {7, 1, -2, 3, 8, -4, 5, -6})},
        Case{"pad",
             {kGrid},
             [](Builder& b, const Refs& x) { return b.pad(x[0], {1, 0}, {0, 1}, -9); },
             IntTensor::of<std::int8_t>({3, 4}, {-9, -9, -9, -9, 1, -2, 3, -9, -4, 5, -6, -9})},
        Case{"broadcast",
             {IntTensor::of<std::int8_t>({2, 1}, {1, 2})},
             [](Builder& b, const Refs& x) { return b.broadcast(x[0], {2, 2, 2}); },
             IntTensor::of<std::int8_t>({2, 2, 2}, {1, 1, 2, 2, 1, 1, 2, 2})}),
    [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace koinon::engine::run
