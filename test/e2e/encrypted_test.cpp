#include <gtest/gtest.h>

#include <set>

#include "engine/program/builder.hpp"
#include "engine/run/execute.hpp"
#include "test/e2e/world.hpp"
#include "work/encrypted/buyer_keys.hpp"

// Runs on encrypted inputs: providers compute on ciphertexts, the quorum compares ciphertexts, the buyer decrypts.
namespace koinon::test::e2e {
namespace {

using engine::program::Builder;
using engine::program::Program;
using engine::tensor::DType;
using engine::tensor::IntTensor;
using market::OrderView;
using market::Phase;
using market::Standing;

constexpr auto kKind = static_cast<std::uint8_t>(work::KindCode::encrypted);

/// Four inputs, three hidden values by tables, two outputs and the class.
Program network() {
  Builder b;
  auto x = b.input("x", {DType::i8, {1, 4}}, {}, -1, 2);
  x = b.matmul(x, b.weight(IntTensor::of<std::int8_t>({3, 4}, {1, -1, 1, 0, 0, 1, 1, 1, -1, 0, 1, 1})));
  x = b.lookup(x, b.table(IntTensor::of<std::int8_t>({13}, {0, 0, 0, 1, 1, 2, 3, 2, 1, 0, 3, 3, 3})), -4);
  x = b.matmul(x, b.weight(IntTensor::of<std::int8_t>({2, 3}, {5, -3, 2, -7, 1, 4})));
  b.output("scores", x, {});
  b.output("class", b.argmax(x, 1), {});
  auto out = b.finish({"secrets", "", "", ""});
  if (!out) throw std::runtime_error(out.error().text);
  return *out;
}

/// A buyer's secret input, its keys and what the program gives in plain.
struct Secret {
  Program program = network();
  base::SystemRandom random;
  work::BuyerKeys::Made made = work::BuyerKeys::make(engine::program::encode(program), random, nullptr).value();
  std::vector<base::Bytes> plain{{2, 0, 255, 1}};
  std::vector<base::Bytes> right;

  Secret() {
    const std::vector<IntTensor> input{{DType::i8, {1, 4}, plain[0]}};
    const auto run = engine::run::execute(program, input, {}).value();
    for (const auto& tensor : run.outputs) right.push_back(tensor.bytes);
  }
  market::Purchase purchase(World& world) {
    market::Purchase out;
    out.kind = kKind;
    out.privacy = world.buyer().node->deployment().version == "3" ? 0 : 1;
    out.max_price = prices(1);
    out.audit_bps = 0;
    out.commit_window = 30;
    out.spec = made.id;
    out.model = program.metadata.name;
    out.artifact = world.buyer().node->artifacts().put(made.spec.encode()).value();
    out.inputs = {made.keys.encrypt(plain, random).value()};
    return out;
  }
};

/// Exactly these providers offer encrypted work; nobody offers work of the usual kind.
void cast_encrypted(World& world, const std::vector<std::size_t>& providers) {
  world.cast({});
  for (std::size_t i = 0; i < World::kProviders; ++i) {
    const bool active = std::ranges::find(providers, i) != providers.end();
    auto& member = world.provider(i);
    bool offered = false;
    member.node->sync().read(
        [&](const market::Book& book, std::uint64_t) { offered = book.account(member.account())->offers.contains(kKind); });
    if (!active && !offered) continue;
    if (const auto set = member.node->accounts().set_offer(member.account(), kKind, World::kTier, active); !set)
      ADD_FAILURE() << set.error().text;
  }
}

TEST(EncryptedOrders, are_settled_by_a_quorum_over_ciphertexts_and_a_liar_is_slashed) {
  auto& world = World::shared();
  cast_encrypted(world, {0, 1, 2});
  world.provider(1).conduct->seller = Mood::slips;
  Secret secret;
  const auto id = world.place(secret.purchase(world));
  const auto order = world.await_end(id);
  ASSERT_EQ(order.phase, Phase::settled);
  EXPECT_EQ(order.terms.kind, kKind);
  const auto& liar = seat_of(order, world.provider(1));
  EXPECT_EQ(liar.verdict, Standing::rejected);
  EXPECT_FALSE(liar.slashed.is_zero());
  for (const auto i : std::vector<std::size_t>{0, 2}) EXPECT_EQ(seat_of(order, world.provider(i)).paid, net_price());
  expect_conserved(order);

  const auto receipt = world.receipt(id);
  EXPECT_EQ(receipt.kind, "encrypted");
  EXPECT_EQ(receipt.privacy, order.terms.privacy == 0 ? "plain" : "private");
  EXPECT_EQ(receipt.spec, secret.made.id);
  const auto report = market::verify_offline(receipt);
  EXPECT_TRUE(report) << report.error().text;
  EXPECT_EQ(secret.made.keys.decrypt(receipt.outputs).value(), secret.right);
}

TEST(EncryptedOrders, of_one_model_and_buyer_share_their_artifact) {
  auto& world = World::shared();
  cast_encrypted(world, {3, 4, 5});
  Secret secret;
  std::set<base::Hash> roots;
  for (int i = 0; i < 2; ++i) {
    const auto wanted = secret.purchase(world);
    const auto order = world.await_end(world.place(wanted));
    ASSERT_EQ(order.phase, Phase::settled);
    roots.insert(order.verdict->output_root);
    EXPECT_EQ(secret.made.keys.decrypt(world.receipt(order.id).outputs).value(), secret.right);
    for (const auto p : std::vector<std::size_t>{3, 4, 5})
      EXPECT_TRUE(world.provider(p).node->artifacts().has(wanted.artifact));
  }
  EXPECT_EQ(roots.size(), 2U);  // encrypted afresh, nobody can tell that the input is the same
}

TEST(EncryptedOrders, of_what_is_no_ciphertext_are_the_buyers_fault) {
  auto& world = World::shared();
  cast_encrypted(world, {0, 1, 2});
  Secret secret;
  auto wanted = secret.purchase(world);
  wanted.inputs[0].resize(wanted.inputs[0].size() / 2);
  const auto order = world.await_end(world.place(wanted));
  ASSERT_TRUE(order.verdict);
  EXPECT_EQ(order.verdict->output_root, trust::bad_input_roots().output);
  for (const auto& seat : order.seats) EXPECT_TRUE(seat.slashed.is_zero());
  expect_conserved(order);
}

}  // namespace
}  // namespace koinon::test::e2e
