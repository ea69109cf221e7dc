#include "work/encrypted/encrypted.hpp"

#include <gtest/gtest.h>

#include "engine/program/builder.hpp"
#include "engine/run/execute.hpp"
#include "work/encrypted/buyer_keys.hpp"
#include "work/inference/inference.hpp"
#include "work/parcel.hpp"

namespace koinon::work {
namespace {

using base::Code;
using engine::program::Builder;
using engine::program::Program;
using engine::tensor::DType;
using engine::tensor::IntTensor;

/// Two inputs to two sums; a table and a second layer when `deep`.
Program program_of(bool deep) {
  Builder b;
  auto x = b.input("x", {DType::i8, {1, 2}}, {}, -2, 2);
  const auto w = b.weight(IntTensor::of<std::int8_t>({2, 2}, {1, -1, 2, 1}));
  x = b.matmul(x, w);
  if (deep)
    x = b.matmul(b.lookup(x, b.table(IntTensor::of<std::int8_t>({13}, {3, 1, 2, 0, 1, 1, 2, 5, -3, 2, 2, 0, 1})), -6), w);
  b.output("y", x, {});
  return *b.finish({});
}

/// A buyer with keys, and the job of an order of it.
struct Order {
  Program program;
  base::SeededRandom random{5};
  BuyerKeys::Made made;

  explicit Order(bool deep)
      : program(program_of(deep)), made(*BuyerKeys::make(engine::program::encode(program), random, nullptr)) {}
  Job job(std::int8_t a, std::int8_t b) {
    const std::vector<base::Bytes> plain{{static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)}};
    return {made.id, made.spec.encode(), {made.keys.encrypt(plain, random).value()}};
  }
  /// What the program gives in plain.
  [[nodiscard]] std::vector<base::Bytes> wanted(std::int8_t a, std::int8_t b) const {
    const auto run = engine::run::execute(program, std::vector{IntTensor::of<std::int8_t>({1, 2}, {a, b})}, {}).value();
    std::vector<base::Bytes> out;
    for (const auto& tensor : run.outputs) out.push_back(tensor.bytes);
    return out;
  }
};

TEST(Encrypted, gives_the_buyer_the_plain_result_bit_for_bit) {
  for (const bool deep : {false, true}) {
    Order order(deep);
    const Encrypted kind;
    for (const auto& [a, b] : {std::pair<std::int8_t, std::int8_t>{-2, 2}, {2, 2}, {1, 0}}) {
      const auto outcome = kind.run(order.job(a, b), {});
      ASSERT_TRUE(outcome) << outcome.error().text;
      EXPECT_EQ(outcome->roots.output, outputs_root(outcome->outputs));
      EXPECT_EQ(order.made.keys.decrypt(outcome->outputs).value(), order.wanted(a, b));
    }
  }
}

TEST(Encrypted, is_the_same_at_every_provider_and_for_any_number_of_threads) {
  Order order(true);
  const auto job = order.job(1, -1);
  base::ThreadPool pool(3);
  const auto first = Encrypted().run(job, {}).value();
  const auto again = Encrypted().run(job, {.pool = &pool, .stop = {}, .progress = {}}).value();
  EXPECT_EQ(again.outputs, first.outputs);
  EXPECT_EQ(again.roots, first.roots);
  EXPECT_NE(first.roots.witness, first.roots.trace);
  // The same input encrypted again is another job: nothing tells that it is the same.
  const auto other = Encrypted().run(order.job(1, -1), {}).value();
  EXPECT_NE(other.roots.output, first.roots.output);
  EXPECT_EQ(order.made.keys.decrypt(other.outputs).value(), order.made.keys.decrypt(first.outputs).value());
}

TEST(Encrypted, another_program_shows_in_the_roots) {
  Order order(true);
  auto job = order.job(1, 1);
  auto lie = engine::program::encode(program_of(false));
  job.artifact = EncryptedSpec{lie, order.made.spec.keys}.encode();
  EXPECT_EQ(Encrypted().run(job, {}).error().code, Code::rejected);  // its id is another
}

TEST(Encrypted, blames_the_buyer_for_what_the_buyer_sent) {
  Order order(false);
  const Encrypted kind;
  const auto good = order.job(1, 2);
  auto wrong = good;
  wrong.inputs.clear();
  EXPECT_EQ(kind.run(wrong, {}).error().code, Code::rejected);
  wrong = good;
  wrong.inputs[0].pop_back();
  EXPECT_EQ(kind.run(wrong, {}).error().code, Code::rejected);
  wrong = good;
  wrong.artifact.pop_back();
  EXPECT_EQ(Encrypted().run(wrong, {}).error().code, Code::rejected);
  wrong = good;
  wrong.spec = {};
  EXPECT_EQ(Encrypted().run(wrong, {}).error().code, Code::rejected);
}

TEST(Encrypted, refuses_more_memory_than_it_gives_and_stops_when_asked) {
  Order order(true);
  EXPECT_EQ(Encrypted(1000).run(order.job(1, 2), {}).error().code, Code::exhausted);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(Encrypted().run(order.job(1, 2), {.pool = nullptr, .stop = stop.get_token(), .progress = {}}).error().code,
            Code::cancelled);
}

TEST(BuyerKeys, survive_their_encoding) {
  Order order(true);
  const auto bytes = order.made.keys.encode();
  const auto again = BuyerKeys::decode(bytes).value();
  EXPECT_EQ(again.encode(), bytes);
  const auto outcome = Encrypted().run(order.job(-1, 2), {}).value();
  EXPECT_EQ(again.decrypt(outcome.outputs).value(), order.wanted(-1, 2));
  for (std::size_t i = 0; i < bytes.size(); i += bytes.size() / 50 + 1)
    EXPECT_FALSE(BuyerKeys::decode(base::ByteView(bytes).first(i)));
}

TEST(BuyerKeys, refuse_what_cannot_run_encrypted_and_inputs_that_do_not_fit) {
  Order order(false);
  base::SeededRandom random(1);
  const auto bare = engine::program::encode(program_of(false), false);
  EXPECT_EQ(BuyerKeys::make(bare, random, nullptr).error().code, Code::invalid_argument);
  EXPECT_EQ(BuyerKeys::make(engine::program::encode(program_of(true)), random, nullptr, 1000).error().code, Code::out_of_range);
  EXPECT_EQ(order.made.keys.encrypt({}, random).error().code, Code::rejected);
  EXPECT_EQ(order.made.keys.encrypt({{3, 0}}, random).error().code, Code::out_of_range);
  EXPECT_EQ(order.made.keys.decrypt({}).error().code, Code::malformed);
}

}  // namespace
}  // namespace koinon::work
