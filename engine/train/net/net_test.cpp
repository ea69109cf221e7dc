#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "engine/train/arith/generator.hpp"
#include "engine/train/net/layers.hpp"
#include "engine/train/net/optimiser.hpp"

namespace koinon::engine::train {
namespace {

using kernels::Isa;
using testing::HasSubstr;

void fill(std::vector<float>& to, std::uint64_t part, float low = -1, float high = 1) {
  const Generator random(11, Stream::data, part);
  for (std::size_t i = 0; i < to.size(); ++i) to[i] = low + (high - low) * random.uniform(i);
}

/// A net of one operator: inputs of the given shapes are parameters, and the loss is the operator's output times fixed numbers,
/// averaged.
struct Probe {
  Graph graph;
  std::vector<int> inputs;
  int loss = 0;

  Probe(std::unique_ptr<Op> op, const std::vector<Shape>& shapes, const std::vector<bool>& trained = {}) {
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      inputs.push_back(graph.parameter("p" + std::to_string(i), shapes[i], trained.empty() || trained[i]));
      fill(graph.value(inputs.back()).data, i);
    }
    auto made = graph.add(std::move(op), inputs);
    EXPECT_TRUE(made) << made.error().text;
    const auto shape = graph.value(*made).shape;
    if (shape == Shape{1}) {
      loss = *made;
      return;
    }
    const auto weights = graph.parameter("weights", shape, false);
    fill(graph.value(weights).data, 99);
    const auto zeros = graph.parameter("zeros", shape, false);
    fill(graph.value(zeros).data, 98);
    const auto product = *graph.add(make_multiply(), {*made, weights});
    loss = *graph.add(make_mean_squared(), {product, zeros});
  }

  double value(const Pass& pass) {
    graph.forward(pass);
    return static_cast<double>(graph.value(loss).data[0]);
  }

  /// Largest difference between gradient and central differences, against the largest gradient of the input.
  double worst(double step = 4e-3) {
    Pass pass;
    value(pass);
    graph.backward(pass, loss);
    double out = 0;
    for (auto i : inputs) {
      auto& v = graph.value(i);
      if (v.gradient.empty()) continue;
      const auto gradient = v.gradient;
      double largest = 1e-3;
      for (float g : gradient) largest = std::max(largest, std::fabs(static_cast<double>(g)));
      for (std::size_t e = 0; e < v.data.size(); ++e) {
        const float before = v.data[e];
        v.data[e] = before + static_cast<float>(step);
        const double up = value(pass), above = static_cast<double>(v.data[e]);
        v.data[e] = before - static_cast<float>(step);
        const double down = value(pass), below = static_cast<double>(v.data[e]);
        v.data[e] = before;
        out = std::max(out, std::fabs((up - down) / (above - below) - static_cast<double>(gradient[e])) / largest);
      }
    }
    return out;
  }
};

TEST(gradients, agree_with_finite_differences) {
  EXPECT_LT(Probe(make_linear(), {{5, 7}, {4, 7}, {4}}).worst(), 0.01);
  EXPECT_LT(Probe(make_linear(), {{2, 3, 7}, {4, 7}}).worst(), 0.01);
  EXPECT_LT(Probe(make_conv({1, 1, 1, 1}, 1), {{2, 3, 5, 6}, {4, 3, 3, 3}, {4}}).worst(), 0.01);
  EXPECT_LT(Probe(make_conv({1, 1, 1, 0}, 1), {{2, 2, 6, 5}, {3, 2, 3, 2}, {3}}).worst(), 0.01);
  EXPECT_LT(Probe(make_conv({1, 1, 2, 1}, 1), {{2, 2, 7, 6}, {3, 2, 3, 3}}).worst(), 0.01);
  EXPECT_LT(Probe(make_conv({1, 1, 1, 1}, 2), {{2, 4, 5, 5}, {6, 2, 3, 3}, {6}}).worst(), 0.01);
  EXPECT_LT(Probe(make_conv({1, 1, 2, 0}, 4), {{2, 4, 5, 5}, {4, 1, 1, 1}}).worst(), 0.01);
  EXPECT_LT(Probe(make_average_pool({2, 2, 2, 0}), {{2, 3, 5, 4}}).worst(), 0.01);
  EXPECT_LT(Probe(make_max_pool({3, 3, 2, 1}), {{2, 3, 6, 5}}).worst(1e-4), 0.02);
  EXPECT_LT(Probe(make_global_average(), {{2, 3, 4, 4}}).worst(), 0.01);
  EXPECT_LT(Probe(make_layer_norm(1e-5), {{6, 9}, {9}, {9}}).worst(), 0.01);
  EXPECT_LT(Probe(make_batch_norm(1e-5, 0.1), {{5, 3, 4}, {3}, {3}, {3}, {3}}, {true, true, true, false, false}).worst(), 0.01);
  EXPECT_LT(Probe(make_attention(2, false), {{2, 5, 24}}).worst(), 0.01);
  EXPECT_LT(Probe(make_attention(2, true), {{2, 5, 24}}).worst(), 0.01);
  EXPECT_LT(Probe(make_add(), {{4, 3, 5}, {3, 5}}).worst(), 0.01);
  EXPECT_LT(Probe(make_multiply(), {{4, 5}, {4, 5}}).worst(), 0.01);
  EXPECT_LT(Probe(make_mean_tokens(), {{3, 4, 5}}).worst(), 0.01);
  EXPECT_LT(Probe(make_mean_squared(), {{3, 4}, {3, 4}}).worst(), 0.01);
  EXPECT_LT(Probe(make_dropout(0.4, 1), {{30, 4}}).worst(), 0.01);
  EXPECT_LT(Probe(make_reshape({0, 20}), {{3, 4, 5}}).worst(), 0.01);
  for (const auto* name : {"gelu", "silu", "tanh", "sigmoid"})
    EXPECT_LT(Probe(make_activation(name), {{6, 7}}).worst(), 0.01) << name;
  EXPECT_LT(Probe(make_activation("relu"), {{6, 7}}).worst(1e-4), 0.02);
}

TEST(gradients, of_whole_numbers) {
  Graph g;
  const auto words = g.parameter("words", {3, 2}, false), table = g.parameter("table", {5, 4});
  g.value(words).data = {4, 0, 1, 4, 4, 2};
  fill(g.value(table).data, 1);
  const auto rows = *g.add(make_embedding(), {words, table});
  const auto labels = g.parameter("labels", {3, 2}, false);
  g.value(labels).data = {3, 0, 1, 2, 2, 1};
  const auto loss = *g.add(make_cross_entropy(), {rows, labels});
  g.forward({});
  g.backward({}, loss);
  const auto gradient = g.value(table).gradient;
  for (std::size_t e = 0; e < gradient.size(); ++e) {
    auto& at = g.value(table).data[e];
    const float before = at;
    at = before + 0.01F;
    g.forward({});
    const double up = static_cast<double>(g.value(loss).data[0]);
    at = before - 0.01F;
    g.forward({});
    const double down = static_cast<double>(g.value(loss).data[0]);
    at = before;
    EXPECT_NEAR((up - down) / 0.02, static_cast<double>(gradient[e]), 2e-4);
  }
}

TEST(graph, adds_gradients_of_a_value_used_twice) {
  Graph g;
  const auto x = g.parameter("x", {4});
  fill(g.value(x).data, 1);
  const auto square = *g.add(make_multiply(), {x, x});
  const auto sum = *g.add(make_add(), {square, x});
  const auto zero = g.parameter("zero", {4}, false);
  const auto loss = *g.add(make_mean_squared(), {sum, zero});
  g.forward({});
  g.backward({}, loss);
  for (std::size_t i = 0; i < 4; ++i) {
    const float v = g.value(x).data[i];
    EXPECT_NEAR(g.value(x).gradient[i], 2 * (v * v + v) * (2 * v + 1) / 4, 1e-6);
  }
}

TEST(max_pool, takes_the_first_of_equals_and_no_border) {
  Probe p(make_max_pool({2, 2, 2, 0}), {{1, 1, 2, 2}});
  p.graph.value(p.inputs[0]).data = {-3, -3, -3, -3};
  p.graph.forward({});
  p.graph.backward({}, p.loss);
  const auto& d = p.graph.value(p.inputs[0]).gradient;
  EXPECT_NE(d[0], 0);
  EXPECT_EQ(d[1], 0);
  EXPECT_EQ(d[3], 0);
}

TEST(batch_norm, uses_the_running_mean_outside_training) {
  Probe p(make_batch_norm(1e-5, 0.5), {{4, 2, 3}, {2}, {2}, {2}, {2}}, {true, true, true, false, false});
  for (std::size_t i = 0; i < 2; ++i) p.graph.value(p.inputs[3]).data[i] = 0, p.graph.value(p.inputs[4]).data[i] = 1;
  p.graph.forward({});
  const auto mean = p.graph.value(p.inputs[3]).data;
  EXPECT_NE(mean[0], 0);
  Pass evaluate;
  evaluate.training = false;
  p.graph.forward(evaluate);
  EXPECT_EQ(p.graph.value(p.inputs[3]).data, mean);
  p.graph.backward(evaluate, p.loss);
}

TEST(dropout, drops_the_stated_share_by_step) {
  Graph g;
  const auto x = g.parameter("x", {100000}, false);
  std::fill(g.value(x).data.begin(), g.value(x).data.end(), 1.0F);
  const auto y = *g.add(make_dropout(0.25, 1), {x});
  g.forward({{}, true, 5, 0});
  const auto first = g.value(y).data;
  EXPECT_NEAR(static_cast<double>(std::count(first.begin(), first.end(), 0.0F)), 25000, 600);
  g.forward({{}, true, 5, 1});
  EXPECT_NE(g.value(y).data, first);
  g.forward({{}, true, 5, 0});
  EXPECT_EQ(g.value(y).data, first);
  g.forward({{}, false, 5, 0});
  EXPECT_EQ(g.value(y).data, g.value(x).data);
}

TEST(optimiser, follows_the_definition) {
  Graph g;
  const auto w = g.parameter("w", {1});
  g.value(w).data = {2};
  OptimiserOptions options;
  options.rate = 0.1, options.momentum = 0.5, options.decay = 0.25, options.clip = 3;
  Optimiser sgd(g, options);
  g.value(w).gradient = {6};  // clipped to 3, plus decay 0.5
  EXPECT_DOUBLE_EQ(sgd.take({}, 0), 6);
  EXPECT_FLOAT_EQ(g.value(w).data[0], 2 - 0.1F * 3.5F);
  options = {};
  options.method = Method::adamw, options.rate = 0.1, options.decay = 0.5;
  g.value(w).data = {2};
  Optimiser adam(g, options);
  g.value(w).gradient = {6};
  adam.take({}, 0);  // the first step is one of the rate
  EXPECT_NEAR(g.value(w).data[0], 2 - 0.1 * 0.5 * 2 - 0.1, 1e-6);
}

TEST(optimiser, schedules) {
  OptimiserOptions o;
  o.rate = 1, o.warmup = 10, o.steps = 110, o.schedule = Schedule::cosine, o.final_share = 0.1;
  EXPECT_DOUBLE_EQ(o.rate_at(0), 0.1);
  EXPECT_DOUBLE_EQ(o.rate_at(9), 1);
  EXPECT_NEAR(o.rate_at(60), 0.55, 1e-12);
  EXPECT_NEAR(o.rate_at(110), 0.1, 1e-12);
  o.schedule = Schedule::linear;
  EXPECT_NEAR(o.rate_at(35), 0.775, 1e-12);
}

TEST(layers, say_what_is_wrong) {
  const auto error = [](std::vector<Layer> layers, Shape sample = {1, 8, 8}) {
    auto net = build_net({std::move(sample), std::move(layers), Loss::cross_entropy}, 2);
    return net ? std::string() : net.error().text;
  };
  EXPECT_THAT(error({{"conf 8 3", {}, 12}}), HasSubstr("line 12: layer 'conf 8 3': unknown"));
  EXPECT_THAT(error({{"conv 8", {}, 3}}), HasSubstr("conv N KERNEL"));
  EXPECT_THAT(error({{"conv 8 3 strid=2", {}, 3}}), HasSubstr("conv N KERNEL"));
  EXPECT_THAT(error({{"conv 8 x=y", {}, 3}}), HasSubstr("a number expected"));
  EXPECT_THAT(error({{"conv 8 9", {}, 4}}), HasSubstr("line 4"));
  EXPECT_THAT(error({{"relu", {}, 1}}), HasSubstr("nothing to train"));
  EXPECT_THAT(error({{"linear 65536", {}, 1}, {"linear 65536", {}, 2}}), HasSubstr("line 2"));
  EXPECT_THAT(error({{"", {{"flatten", {}, 8}}, 7}}), HasSubstr("line 7"));
  EXPECT_EQ(error({{"flatten", {}, 1}, {"linear 3", {}, 2}}), "");
}

}  // namespace
}  // namespace koinon::engine::train
