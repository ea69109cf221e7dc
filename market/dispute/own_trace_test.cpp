#include "market/dispute/own_trace.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "engine/program/builder.hpp"
#include "engine/program/inner.hpp"
#include "market/dispute/lane.hpp"
#include "trust/optimistic/liar.hpp"

namespace koinon::market {
namespace {

using base::Code;
using engine::program::DType;
using engine::tensor::IntTensor;
using trust::optimistic::Answer;
using trust::optimistic::ClaimTree;
using trust::optimistic::Demand;
using trust::optimistic::DemandKind;
using trust::optimistic::Provider;

constexpr std::size_t kSteps = 12;
constexpr std::int64_t kElements = 4'096;

/// x, then sums of the value before with itself.
Provider chain() {
  engine::program::Builder b;
  auto value = b.input("x", {DType::i32, {kElements}}, engine::program::Scale{}, -100, 100);
  for (std::size_t i = 0; i < kSteps; ++i) value = b.add(value, value, DType::i32);
  b.output("y", value, engine::program::Scale{});
  auto x = IntTensor::zeros(DType::i32, {kElements});
  for (std::int64_t i = 0; i < kElements; ++i) x.set(i, i % 100);
  return trust::optimistic::honest(b.finish({}).value(), {x});
}

class Chain final : public work::Kind {
 public:
  explicit Chain(const Provider& truth)
      : job_(std::make_shared<work::Disputable>(
            work::Disputable{std::make_shared<engine::program::Program>(truth.program), truth.inputs})) {}
  [[nodiscard]] std::uint8_t code() const override { return 8; }
  [[nodiscard]] std::string_view name() const override { return "chain"; }
  base::Result<work::Outcome> run(const work::Job&, const work::Means&) const override {
    return base::fail(Code::unsupported, "no part of this test");
  }
  base::Result<std::shared_ptr<const work::Disputable>> disputable(const work::Job&) const override { return job_; }

 private:
  std::shared_ptr<const work::Disputable> job_;
};

Demand leaf(std::uint64_t value, std::uint64_t index) { return {ClaimTree::tensor, DemandKind::leaf, value, 0, index}; }
Demand list() { return {ClaimTree::trace, DemandKind::summit, 0, 0, 0}; }

struct OwnTraceTest : testing::Test {
  Provider truth = chain();
  Chain kind{truth};
  trust::optimistic::TraceServer server = truth.server();
  std::unique_ptr<OwnTrace> restored() { return OwnTrace::restore(kind, {}, truth.roots(), nullptr).value(); }
  bool right(const Demand& place, const Answer& answer) {
    const auto want = server.answer(place).value();
    return want.length == answer.length && want.hashes == answer.hashes && want.data == answer.data &&
           want.siblings == answer.siblings && want.count == answer.count && want.list == answer.list;
  }
};

TEST_F(OwnTraceTest, restored_it_is_the_run_and_shows_lists_and_inputs_without_one) {
  const auto own = restored();
  const auto claim = truth.claim();
  EXPECT_TRUE(own->run().confirms(claim.outputs, claim.trace));
  for (const auto& place : {list(), Demand{ClaimTree::outputs, DemandKind::summit, 0, 0, 0}, leaf(0, 2), leaf(99, 0)})
    EXPECT_TRUE(right(place, own->answer(place).value()));
  EXPECT_EQ(own->passes(), 0U);
  EXPECT_EQ(OwnTrace::restore(kind, {}, {base::Hash{}}, nullptr).error().code, Code::invalid_argument);
}

TEST_F(OwnTraceTest, many_questions_take_one_pass_and_more_about_their_values_none) {
  const auto own = restored();
  std::vector<Demand> places{list()};
  for (std::uint64_t value = kSteps; value > 0; --value)
    for (std::uint64_t i = 0; i < 3; ++i) places.push_back(leaf(value, 5 * i));
  const auto answers = own->answers(places, {});
  ASSERT_EQ(answers.size(), places.size());
  for (std::size_t i = 0; i < places.size(); ++i) EXPECT_TRUE(right(places[i], answers[i].value())) << i;
  EXPECT_EQ(own->passes(), 1U);
  for (std::uint64_t value = 1; value <= kSteps; ++value) {
    EXPECT_TRUE(own->at_hand(leaf(value, 1)));
    EXPECT_TRUE(right(leaf(value, 3), own->answer(leaf(value, 3)).value()));
  }
  EXPECT_EQ(own->passes(), 1U);
}

TEST_F(OwnTraceTest, a_value_that_is_in_no_trace_takes_no_run) {
  engine::program::Builder b;
  const auto x = b.input("x", {DType::i32, {8}}, engine::program::Scale{}, -100, 100);
  const auto inner = b.add(x, x, DType::i32);
  b.output("y", b.mul(inner, x, DType::i32), engine::program::Scale{});
  const auto inside = trust::optimistic::honest(b.finish({}).value(), {IntTensor::zeros(DType::i32, {8})});
  ASSERT_EQ(inside.roots().at(1), engine::program::kInnerRoot);
  const auto own = OwnTrace::restore(Chain(inside), {}, inside.roots(), nullptr).value();
  const auto answer = own->answer(leaf(1, 0)).value();
  EXPECT_EQ(answer.count, 3U);
  EXPECT_TRUE(answer.data.empty());
  EXPECT_EQ(own->passes(), 0U);
}

TEST_F(OwnTraceTest, keeps_a_bounded_number_of_values) {
  engine::program::Builder b;
  constexpr std::int64_t kLarge = 5 << 20;
  auto value = b.input("x", {DType::i32, {kLarge}}, engine::program::Scale{}, -1, 1);
  for (int i = 0; i < 4; ++i) value = b.add(value, value, DType::i32);
  b.output("y", value, engine::program::Scale{});
  const auto large = trust::optimistic::honest(b.finish({}).value(), {IntTensor::zeros(DType::i32, {kLarge})});
  const auto own = OwnTrace::restore(Chain(large), {}, large.roots(), nullptr).value();
  std::vector<Demand> places;
  for (std::uint64_t v = 1; v <= 4; ++v) places.push_back(leaf(v, 7));
  for (const auto& one : own->answers(places, {})) EXPECT_TRUE(one);
  EXPECT_FALSE(own->at_hand(leaf(1, 7))) << "four of 20 MiB are more than is kept";
  EXPECT_TRUE(own->at_hand(leaf(4, 7)));
}

TEST_F(OwnTraceTest, a_stopped_pass_says_so_and_the_next_goes_through) {
  const auto own = restored();
  std::stop_source stop;
  stop.request_stop();
  const Demand place = leaf(3, 0);
  EXPECT_EQ(own->answers({&place, 1}, stop.get_token()).front().error().code, Code::cancelled);
  EXPECT_TRUE(right(place, own->answer(place).value()));
}

TEST(Lane, serves_one_visitor_while_one_waits_and_refuses_the_third) {
  Lane lane;
  auto first = lane.enter();
  ASSERT_TRUE(first);
  std::atomic<bool> served = false;
  std::jthread second([&] { served = lane.enter().has_value(); });
  while (lane.waiting() == 0) std::this_thread::yield();
  EXPECT_FALSE(lane.enter()) << "the third";
  EXPECT_FALSE(served);
  first.reset();
  second.join();
  EXPECT_TRUE(served);
  EXPECT_TRUE(lane.enter()) << "and the lane is free again";
}

TEST(Lane, demands_of_the_ledger_stop_visitors_and_keep_them_out) {
  Lane lane;
  auto visitor = lane.enter();
  ASSERT_TRUE(visitor);
  {
    const Lane::Urgent urgent(lane);
    EXPECT_TRUE(visitor->stop().stop_requested());
    EXPECT_FALSE(lane.enter());
  }
  visitor.reset();
  const auto next = lane.enter();
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->stop().stop_requested());
}

}  // namespace
}  // namespace koinon::market
