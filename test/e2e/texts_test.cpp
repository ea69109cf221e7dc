#include <gtest/gtest.h>

#include "engine/language/bundle.hpp"
#include "engine/language/random_model.hpp"
#include "test/e2e/world.hpp"
#include "work/inference/inference.hpp"
#include "work/language/request.hpp"

// Whole texts of a language model, each one order.
namespace koinon::test::e2e {
namespace {

using market::OrderView;
using market::Phase;
using market::Standing;
using work::language::Request;

struct LanguageModel {
  engine::language::Folder folder;
  base::Hash id;
  base::Bytes file;
};

const LanguageModel& language_model() {
  static const LanguageModel made = [] {
    engine::language::BuildOptions options;
    options.chunk = 4;
    LanguageModel out;
    out.folder = engine::language::random_folder(
        {"gpt2", 2, 16, 2, 2, 8, 32, 48, 260, 1e-5, 0, engine::language::Activation::gelu_tanh, false, false}, options, 1);
    out.id = engine::language::bundle_id(out.folder);
    out.file = engine::language::encode_bundle(out.folder);
    return out;
  }();
  return made;
}

Request request() {
  Request out;
  out.prompt = language_model().folder.tokeniser->encode("the other").value();
  out.tokens = 20;
  out.sampling = {5000, 30, 60000};
  out.seed = base::keccak256(base::as_bytes("a seed of the buyer"));
  out.past_end = true;
  return out;
}

market::Purchase purchase(World& world, const Request& asked) {
  auto out = world.purchase(small_model(), 0);
  out.spec = language_model().id;
  out.model = "words";
  out.artifact = world.buyer().node->artifacts().put(language_model().file).value();
  out.inputs = asked.parts();
  return out;
}

work::Outcome honest(const Request& asked) {
  return work::Inference().run({language_model().id, language_model().file, asked.parts()}, {}).value();
}

void expect_truth(const OrderView& order, const work::Outcome& right) {
  ASSERT_EQ(order.phase, Phase::settled);
  ASSERT_TRUE(order.verdict);
  EXPECT_EQ(order.verdict->output_root, right.roots.output);
  EXPECT_EQ(order.verdict->trace_root, right.roots.trace);
}

TEST(Texts, are_bought_whole_and_a_liar_at_one_token_is_slashed) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  world.provider(1).conduct->seller = Mood::slips;
  const auto right = honest(request());
  const auto id = world.place(purchase(world, request()));
  const auto order = world.await_end(id);
  expect_truth(order, right);
  const auto& liar = seat_of(order, world.provider(1));
  EXPECT_EQ(liar.verdict, Standing::rejected);
  EXPECT_FALSE(liar.slashed.is_zero());
  for (const auto i : std::vector<std::size_t>{0, 2}) EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  expect_conserved(order);

  const auto receipt = world.receipt(id);
  EXPECT_EQ(receipt.spec, language_model().id);
  EXPECT_EQ(receipt.outputs, right.outputs);
  EXPECT_EQ(work::language::decode_tokens(receipt.outputs.at(0)).value().size(), 20U);
  const auto report = market::verify_offline(receipt);
  EXPECT_TRUE(report) << report.error().text;

  // The trace root is the commitment of the transcript that anyone makes again.
  engine::run::RunOptions options;
  options.trace = false;
  const auto asked = request();
  engine::language::Generator generator(language_model().folder.model, asked.sampling, asked.seed, options);
  ASSERT_TRUE(generator.prompt(asked.prompt));
  for (std::int64_t i = 0; i < asked.tokens; ++i) ASSERT_TRUE(generator.next());
  EXPECT_EQ(receipt.trace_root, engine::language::commitment(generator.transcript()));
}

TEST(Texts, majority_that_changes_one_token_is_caught_by_the_audit) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  for (const auto i : std::vector<std::size_t>{0, 1}) world.provider(i).conduct->seller = Mood::slips;
  world.provider(2).conduct->hold = true;
  auto wanted = purchase(world, request());
  wanted.audit_bps = 10'000;
  const auto id = world.place(wanted);
  world.await(id, [](const OrderView& order) { return !order.seats.empty(); });
  world.enter({3, 4, 5, 6, 7, 8, 9});  // of these the auditor and the jury
  world.provider(2).conduct->hold = false;
  const auto order = world.await_end(id);
  expect_truth(order, honest(request()));
  for (const auto i : std::vector<std::size_t>{0, 1}) EXPECT_EQ(seat_of(order, world.provider(i)).verdict, Standing::rejected);
  EXPECT_EQ(order.juries, 1);
  expect_conserved(order);
}

TEST(Texts, that_a_model_does_not_take_are_the_buyers_fault) {
  auto& world = World::shared();
  world.cast({0, 1, 2});
  auto asked = request();
  asked.tokens = 1000;  // a buyer whose own node did not look
  const auto order = world.await_end(world.place(purchase(world, asked)));
  ASSERT_TRUE(order.verdict);
  EXPECT_EQ(order.verdict->output_root, trust::bad_input_roots().output);
  for (const auto i : std::vector<std::size_t>{0, 1, 2})
    EXPECT_TRUE(seat_of(order, world.provider(i)).slashed.is_zero()) << "no provider loses by it";
}

}  // namespace
}  // namespace koinon::test::e2e
