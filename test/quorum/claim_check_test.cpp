#include "base/merkle.hpp"
#include "engine/program/params.hpp"
#include "ledger/contracts/claim_checks.hpp"
#include "test/quorum/elements.hpp"

namespace koinon::test::quorum {
namespace {

using base::Domain;
using base::Hash;
using ledger::contracts::ClaimChecks;

/// Claims of a run of two inputs and three steps, whose outputs are the last value and the second input.
class Claims : public ChainTest {
 protected:
  ClaimChecks contract_ = deploy<ClaimChecks>("ClaimChecks");
  base::SeededRandom random_{12};
  Trace trace_ = run();

  Trace run() {
    Builder b;
    const Ref x = b.input("left", {DType::i8, {3, 50}}, Scale{}, -128, 127);
    const Ref y = b.input("right one", {DType::i16, {50}}, Scale{}, -9, 32'767);
    const Ref sum = b.add(x, y);
    const Ref twice = b.mul(sum, sum);
    b.output("last", b.sub(twice, x), Scale{});
    b.output("given", y, Scale{});
    auto right = fill(random_, DType::i16, {50});
    for (auto& v : right.values<std::int16_t>())
      if (v < -9) v = -9;
    return trace_of(b.finish({}).value(), {fill(random_, DType::i8, {3, 50}), right});
  }

  static std::vector<Hash> roots(const Trace& trace) { return engine::run::tensor_roots(trace.values); }
  static ClaimChecks::Item item(Domain domain, const std::vector<Hash>& list, std::uint64_t index) {
    return {list.size(), index, list[index], base::open_list_item(domain, list, index).value().siblings};
  }
  static ClaimChecks::Program parts(const Trace& trace) {
    const auto of = engine::program::roots(trace.program);
    const auto& p = trace.program;
    return {p.version, of.io, of.steps, of.weights, of.tables, p.steps.size(), p.weights.size(), p.tables.size()};
  }
  static ClaimChecks::Step step(const Trace& trace, std::uint64_t number) {
    std::vector<Hash> steps;
    for (const auto& one : trace.program.steps) steps.push_back(base::keccak256(engine::program::encode_step(one)));
    return {parts(trace), number, engine::program::encode_step(trace.program.steps[number]),
            base::open_list_item(Domain::steps, steps, number).value().siblings};
  }
  base::Result<bool> input(const Trace& trace, const std::vector<Hash>& given, std::uint64_t i, std::uint64_t j) {
    return contract_.input_differs(trace.id(), trace.root(), base::list_root(Domain::inputs, given), parts(trace),
                                   engine::program::encode_io(trace.program), item(Domain::inputs, given, i),
                                   item(Domain::trace, roots(trace), j));
  }
  base::Result<bool> output(const Trace& trace, const std::vector<Hash>& claimed, std::uint64_t i, std::uint64_t value) {
    return contract_.output_differs(trace.id(), trace.root(), base::list_root(Domain::outputs, claimed), parts(trace),
                                    engine::program::encode_io(trace.program), item(Domain::outputs, claimed, i),
                                    item(Domain::trace, roots(trace), value));
  }
};

TEST_F(Claims, of_another_input_are_refuted) {
  const auto all = roots(trace_);
  std::vector<Hash> given{all[0], all[1]};
  for (const std::uint64_t i : {0U, 1U}) EXPECT_FALSE(input(trace_, given, i, i).value()) << "an honest claim, input " << i;
  EXPECT_FALSE(input(trace_, given, 0, 1)) << "crossed inputs";
  auto other = trace_;
  other.values[1].bytes[4] ^= 1;
  EXPECT_TRUE(input(other, given, 1, 1).value());
  EXPECT_FALSE(input(other, given, 0, 0).value());
  given.push_back(all[0]);
  EXPECT_FALSE(input(trace_, given, 2, 2)) << "no input of the program";
}

TEST_F(Claims, of_an_output_that_the_trace_does_not_hold_are_refuted) {
  const auto all = roots(trace_);
  const std::vector<Hash> claimed{all[4], all[1]};
  EXPECT_FALSE(output(trace_, claimed, 0, 4).value());
  EXPECT_FALSE(output(trace_, claimed, 1, 1).value());
  EXPECT_FALSE(output(trace_, claimed, 0, 3)) << "another value";
  EXPECT_TRUE(output(trace_, {all[4], all[0]}, 1, 1).value());
  EXPECT_TRUE(output(trace_, {all[3], all[1]}, 0, 4).value());
  EXPECT_FALSE(output(trace_, {all[4], all[1], all[2]}, 2, 2)) << "no output of the program";
}

TEST_F(Claims, of_too_many_or_too_few_values_are_refuted) {
  const auto all = roots(trace_);
  const auto differs = [&](const std::vector<Hash>& list, std::uint64_t number, std::uint64_t count) {
    return contract_.count_differs(trace_.id(), base::list_root(Domain::trace, list), step(trace_, number), count,
                                   base::list_top(Domain::trace, list));
  };
  EXPECT_FALSE(differs(all, 2, 5).value());
  EXPECT_FALSE(differs(all, 1, 5)) << "not the last step";
  EXPECT_FALSE(differs(all, 2, 4)) << "not what the root binds";
  auto list = all;
  list.pop_back();
  EXPECT_TRUE(differs(list, 2, 4).value());
  list = all;
  list.push_back(all[0]);
  EXPECT_TRUE(differs(list, 2, 6).value());
}

TEST_F(Claims, of_values_of_another_length_are_refuted) {
  const auto differs = [&](const Trace& trace, std::uint64_t value) {
    const auto& bytes = trace.values[3].bytes;
    return contract_.length_differs(trace.id(), trace.root(), step(trace, 1), 0, item(Domain::trace, roots(trace), value),
                                    bytes.size(), base::byte_tree_top(Domain::tensor, bytes));
  };
  EXPECT_FALSE(differs(trace_, 3).value());
  EXPECT_FALSE(differs(trace_, 2)) << "another value";
  auto longer = trace_;
  longer.values[3].bytes.push_back(0);
  EXPECT_TRUE(differs(longer, 3).value());
  longer.values[3].bytes.resize(100);
  EXPECT_TRUE(differs(longer, 3).value());
}

}  // namespace
}  // namespace koinon::test::quorum
