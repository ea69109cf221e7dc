// Client-aided runs and encrypted training, with only bytes between the two sides.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <sstream>

#include "engine/run/execute.hpp"
#include "trust/private/models/bundle.hpp"
#include "trust/private/models/lenet_test.hpp"
#include "work/encrypted/fixed_rows.hpp"
#include "work/encrypted/round_client.hpp"
#include "work/encrypted/round_server.hpp"

namespace koinon::work {
namespace {

using base::Code;
using base::fail;
using engine::tensor::DType;
using engine::tensor::IntTensor;

/// A provider that is asked as over HTTP, counts what it was asked, and lies in round `lie` (-1: never).
struct Provider {
  explicit Provider(RoundServer::Limits limits = {}) : server(limits, random, nullptr) {}
  Helper helper(std::string name = "a") {
    return {std::move(name), [this](const std::string& path, base::ByteView body) { return answer(path, body); }};
  }
  base::Result<base::Bytes> answer(const std::string& path, base::ByteView body) {
    bodies.emplace_back(body.begin(), body.end());
    auto out = dispatch(path, body);
    if (out && static_cast<int>(bodies.size()) - 1 == lie) out->back() ^= 1;
    return out;
  }
  base::Result<base::Bytes> dispatch(const std::string& path, base::ByteView body) {
    const auto bytes = [](const base::Hash& h) { return base::Bytes(h.bytes.begin(), h.bytes.end()); };
    std::vector<std::string> parts;
    std::stringstream in(path.substr(1));
    for (std::string part; std::getline(in, part, '/');) parts.push_back(part);
    if (parts[0] == "aided") return server.layer(*base::fixed_from_hex<32>(parts[1]), std::stoul(parts[2]), body);
    if (parts.size() == 1) {
      KOINON_TRY(const auto name, server.open(body));
      return bytes(name);
    }
    const auto session = *base::fixed_from_hex<32>(parts[1]);
    if (parts[2] == "scores") return server.scores(session, body);
    if (parts[2] == "gradient") return server.gradient(session, body);
    KOINON_CHECK(server.close(session));
    return base::Bytes{};
  }
  base::SystemRandom random;
  RoundServer server;
  std::vector<base::Bytes> bodies;
  int lie = -1;
};

IntTensor picture(int seed) {
  std::mt19937_64 rng(static_cast<std::uint64_t>(seed));
  auto out = IntTensor::zeros(DType::i8, {1, 28, 28, 1});
  for (std::int64_t i = 0; i < out.size(); ++i) out.set(i, static_cast<std::int64_t>(rng() % 128));
  return out;
}

TEST(Rounds, lenet_over_rounds_gives_the_plain_result_and_all_members_get_the_same_bytes) {
  const auto program = trust::fhe::lenet();
  Provider a, b;
  const auto id = a.server.offer(program).value();
  ASSERT_EQ(b.server.offer(program).value(), id);
  const auto client = trust::fhe::decode_aided(a.server.plan(id).value());
  ASSERT_TRUE(client) << client.error().text;
  EXPECT_TRUE(client->layers[0].weights.weights.empty()) << "a client gets no weights of layers";
  base::SystemRandom random;
  const std::vector<Helper> helpers{a.helper("a"), b.helper("b")};
  const auto run = run_aided(*client, picture(3), helpers, random);
  ASSERT_TRUE(run) << run.error().text;
  EXPECT_EQ(run->outputs, engine::run::execute(program, std::vector{picture(3)}, {}).value().outputs);
  EXPECT_EQ(run->cost.rounds, 5U);
  EXPECT_EQ(a.bodies, b.bodies);
  a.bodies.clear();
  ASSERT_TRUE(run_aided(*client, picture(3), helpers, random));
  EXPECT_NE(a.bodies[0], b.bodies[0]) << "every run has keys of its own";
}

TEST(Rounds, a_member_that_differs_is_not_answered) {
  const auto program = trust::fhe::lenet();
  Provider a, b;
  const auto id = a.server.offer(program).value();
  ASSERT_TRUE(b.server.offer(program));
  const auto client = trust::fhe::decode_aided(a.server.plan(id).value()).value();
  base::SystemRandom random;
  b.lie = 1;
  const std::vector<Helper> helpers{a.helper("one"), b.helper("two")};
  const auto run = run_aided(client, picture(1), helpers, random);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::conflict);
  EXPECT_THAT(run.error().text, ::testing::HasSubstr("round 2: one and two"));
  EXPECT_EQ(a.bodies.size(), 2U) << "nothing was sent after the difference";
  EXPECT_EQ(b.bodies.size(), 2U);
}

/// The round in which a client stops would tell a provider whether what it sent back decrypts to a value in range.
TEST(Rounds, a_lie_is_found_when_all_rounds_are_over) {
  Provider a;
  const auto id = a.server.offer(trust::fhe::lenet()).value();
  const auto client = trust::fhe::decode_aided(a.server.plan(id).value()).value();
  base::SystemRandom random;
  for (const int lie : {0, 2}) {
    a.bodies.clear();
    a.lie = lie;
    const auto run = run_aided(client, picture(1), std::vector{a.helper()}, random);
    ASSERT_FALSE(run) << lie;
    EXPECT_EQ(run.error().code, Code::out_of_range) << run.error().text;
    EXPECT_THAT(run.error().text, ::testing::HasSubstr("a provider computed something else"));
    EXPECT_EQ(a.bodies.size(), 5U) << lie;
  }
  a.bodies.clear();
  auto wrong = picture(1);
  wrong.set(3, -128);
  EXPECT_EQ(run_aided(client, wrong, std::vector{a.helper()}, random).error().code, Code::out_of_range);
  EXPECT_TRUE(a.bodies.empty()) << "an input that does not fit is refused before the first round";
}

TEST(Rounds, what_is_not_offered_or_malformed_is_refused) {
  Provider a;
  const auto id = a.server.offer(trust::fhe::lenet()).value();
  EXPECT_EQ(a.server.plan(base::Hash{}).error().code, Code::not_found);
  EXPECT_EQ(a.server.layer(id, 5, {}).error().code, Code::not_found);
  EXPECT_EQ(a.server.layer(id, 0, {}).error().code, Code::malformed);
  EXPECT_EQ(a.server.open({}).error().code, Code::malformed);
  EXPECT_EQ(a.server.scores(base::Hash{}, {}).error().code, Code::not_found);
  auto plan = a.server.plan(id).value();
  plan.pop_back();
  EXPECT_EQ(trust::fhe::decode_aided(plan).error().code, Code::malformed);
}

struct Table {
  trust::fhe::LogisticPlan plan;
  std::vector<std::int64_t> x;
  std::vector<int> labels;
};
/// Rows whose label is the sign of their first two features.
Table table(std::size_t rows) {
  const trust::fhe::LogisticRule rule{
      .features = 8, .rows = rows, .feature_bound = 127, .weight_bound = 4095, .score_shift = 9, .step_shift = 11};
  Table out{trust::fhe::plan_logistic(rule).value(), {}, {}};
  std::mt19937_64 rng(7);
  for (std::size_t i = 0; i < rows; ++i) {
    for (std::size_t j = 0; j < 8; ++j) out.x.push_back(j == 7 ? 127 : static_cast<std::int64_t>(rng() % 255) - 127);
    out.labels.push_back(out.x[i * 8] + out.x[i * 8 + 1] > 0 ? 1 : 0);
  }
  return out;
}

TEST(Rounds, training_with_two_trainers_gives_the_plain_weights_and_leaves_no_session) {
  const auto data = table(700);
  Provider a({.sessions = 1}), b({.sessions = 1});
  const std::vector<Helper> helpers{a.helper("a"), b.helper("b")};
  base::SystemRandom random;
  std::size_t told = 0;
  for (int again = 0; again < 2; ++again) {
    const auto run =
        train_encrypted(data.plan, data.x, data.labels, 6, helpers, random,
                        {.progress = [&](std::size_t, std::size_t total) { told += total == 12 ? 1 : 0; }, .stop = {}});
    ASSERT_TRUE(run) << run.error().text;
    EXPECT_EQ(run->weights, trust::fhe::train_plain(data.plan.rule, data.x, data.labels, 6));
    EXPECT_EQ(run->cost.rounds, 12U);
  }
  EXPECT_EQ(told, 24U);
  b.lie = static_cast<int>(b.bodies.size()) + 2;
  const auto run = train_encrypted(data.plan, data.x, data.labels, 6, helpers, random);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::conflict);
  b.lie = -1;
  EXPECT_TRUE(train_encrypted(data.plan, data.x, data.labels, 1, helpers, random)) << "sessions of a failed run are closed";
}

TEST(Rounds, a_trainers_lie_is_found_when_all_steps_are_over) {
  const auto data = table(700);
  Provider a;
  base::SystemRandom random;
  a.lie = 1;  // the first scores
  const auto run = train_encrypted(data.plan, data.x, data.labels, 4, std::vector{a.helper()}, random);
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().code, Code::out_of_range) << run.error().text;
  EXPECT_EQ(a.bodies.size(), 1U + 2 * 4 + 1) << "rows, every product, the end";
}

TEST(Rounds, trainers_take_as_much_as_they_say_and_forget_who_rests) {
  const auto data = table(700);
  Provider none({.sessions = 0}), small({.training_bytes = 1000}), full({.sessions = 1}),
      brief({.sessions = 1, .idle = std::chrono::milliseconds(0)});
  base::SystemRandom random;
  const auto code = [&](Provider& provider) {
    const std::vector<Helper> helpers{provider.helper()};
    const auto run = train_encrypted(data.plan, data.x, data.labels, 1, helpers, random);
    return run ? Code::internal : run.error().code;
  };
  EXPECT_EQ(code(none), Code::unauthorised);
  EXPECT_EQ(code(small), Code::exhausted);
  const auto context = *trust::fhe::Context::create(data.plan.parameters);
  const auto key = trust::fhe::make_secret_key(*context, random);
  const auto rows = trust::fhe::encrypt_rows(*context, data.plan, key, data.x, random).value();
  const auto sent = RowsSent{data.plan.rule, trust::fhe::encode(*context, rows)}.encode();
  ASSERT_TRUE(full.server.open(sent));
  EXPECT_EQ(code(full), Code::exhausted);
  const auto first = brief.server.open(sent).value();
  ASSERT_TRUE(brief.server.open(sent)) << "who rested gave its place away";
  EXPECT_EQ(brief.server.scores(first, {}).error().code, Code::not_found);
}

TEST(FixedRows, rows_of_numbers_train_to_weights_in_their_own_units) {
  std::mt19937_64 rng(5);
  std::vector<double> values;
  std::vector<int> labels;
  for (int i = 0; i < 500; ++i) {
    const double height = 150 + static_cast<double>(rng() % 500) / 10,
                 weight = 0.05 + static_cast<double>(rng() % 1000) / 20000;
    values.insert(values.end(), {height, weight, 7});
    labels.push_back(height / 50 + weight * 40 > 6.5 ? 1 : 0);
  }
  const auto rows = fix_rows(values, 500, 3, 4).value();
  EXPECT_EQ(rows.rule.feature_bound, 127);
  EXPECT_EQ(*std::ranges::max_element(rows.x), 127);
  EXPECT_EQ(*std::ranges::min_element(rows.x), -127);
  ASSERT_TRUE(trust::fhe::plan_logistic(rows.rule));
  const auto weights = trust::fhe::train_plain(rows.rule, rows.x, labels, 60);
  const auto right = right_labels(rows, weights, labels);
  EXPECT_GT(right, 475U);
  const auto real = real_weights(rows, weights);
  std::size_t same = 0;
  for (std::size_t i = 0; i < 500; ++i) {
    double score = real.offset;
    for (std::size_t j = 0; j < 3; ++j) score += real.weights[j] * values[i * 3 + j];
    same += (score > 0) == (labels[i] == 1) ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(same), static_cast<double>(right), 6) << "but for the rounding of rows";
}

TEST(FixedRows, take_coarser_integers_where_there_are_many_and_say_how_many_fit) {
  const std::vector<double> many(20000, 1.5);
  const auto rows = fix_rows(many, 20000, 1, 1).value();
  EXPECT_LT(rows.rule.feature_bound, 127);
  EXPECT_TRUE(trust::fhe::plan_logistic(rows.rule));
  const std::vector<double> bad{1, 0.0 / 0.0};
  EXPECT_EQ(fix_rows(bad, 2, 1, 1).error().code, Code::invalid_argument);
  EXPECT_EQ(fix_rows(many, 20000, 1, 0).error().code, Code::invalid_argument);
  EXPECT_EQ(fix_rows(std::vector<double>(2'000'000), 2'000'000, 1, 1).error().code, Code::out_of_range);
}

}  // namespace
}  // namespace koinon::work
