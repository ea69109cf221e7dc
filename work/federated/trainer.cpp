#include "work/federated/trainer.hpp"

#include <algorithm>
#include <cmath>

#include "engine/train/arith/generator.hpp"
#include "engine/train/net/layers.hpp"
#include "engine/train/recipe/import_net.hpp"
#include "work/federated/aggregate.hpp"
#include "work/federated/privacy.hpp"

namespace koinon::work::federated {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
namespace train = engine::train;
using train::Role;

/// One step's rate over a whole run of rounds, with an optimiser that begins anew in each.
train::OptimiserOptions local_options(const Recipe& recipe, const LocalWork& work, std::uint64_t steps) {
  auto schedule = recipe.optimiser;
  schedule.steps = std::max<std::uint64_t>(1, work.rounds * steps);
  auto out = recipe.optimiser;
  out.rate = schedule.rate_at(std::min(work.round * steps + schedule.warmup, schedule.steps - 1));
  out.schedule = train::Schedule::constant;
  out.warmup = 0;
  out.steps = std::max<std::uint64_t>(1, steps);
  return out;
}

}  // namespace

struct Trainer::State {
  Recipe recipe;
  const DataSet& data;
  Machine machine;
  train::Net net;
  Values initial;
  bool mixes = false;                               ///< samples of a batch meet
  std::optional<train::Net> single = std::nullopt;  ///< for a batch of 1

  static Result<train::Net> build(const Recipe& recipe, const DataSet& data, std::int64_t batch) {
    if (!recipe.onnx.empty()) {
      auto with = recipe;
      with.batch = batch;
      return train::import_net(with, data.sample);
    }
    return train::build_net({data.sample, recipe.layers, recipe.loss}, batch);
  }
  static std::vector<int> ids(const train::Net& net) {
    std::vector<int> out;
    for (int i = 0; i < net.graph.size(); ++i)
      if (const auto role = net.graph.value(i).role; role == Role::parameter || role == Role::buffer) out.push_back(i);
    return out;
  }
  static Values values(const train::Net& net) {
    Values out;
    for (const int i : ids(net)) out.insert(out.end(), net.graph.value(i).data.begin(), net.graph.value(i).data.end());
    return out;
  }
  static void put(train::Net& net, const Values& values) {
    auto from = values.begin();
    for (const int i : ids(net)) {
      auto& to = net.graph.value(i).data;
      std::copy_n(from, to.size(), to.begin());
      from += static_cast<std::ptrdiff_t>(to.size());
    }
  }
  /// Fills the net's batch with samples; what is missing repeats the last.
  static void load(train::Net& net, const DataSet& from, const std::uint32_t* samples, std::size_t count) {
    const auto batch = static_cast<std::size_t>(net.graph.value(net.input).shape[0]);
    const auto input = static_cast<std::size_t>(engine::tensor::element_count(from.sample));
    const auto target = static_cast<std::size_t>(engine::tensor::element_count(from.target));
    float* x = net.graph.value(net.input).data.data();
    float* y = net.graph.value(net.target).data.data();
    for (std::size_t i = 0; i < batch; ++i) from.take(samples[std::min(i, count - 1)], x + i * input, y + i * target);
  }
  [[nodiscard]] Status check(const Values& from, const Samples& samples) const {
    if (from.size() != initial.size())
      return fail(Code::invalid_argument, "[federated] {} values: the net has {}", from.size(), initial.size());
    if (samples.empty()) return fail(Code::invalid_argument, "[federated] no samples to train on");
    for (const auto s : samples)
      if (s >= data.count) return fail(Code::invalid_argument, "[federated] sample {}: the data has {}", s, data.count);
    return {};
  }
  Result<float> gradient(train::Net& from, std::uint64_t seed, std::uint64_t step) const {
    const train::Pass pass{machine, true, seed, step};
    from.graph.forward(pass);
    const float loss = from.graph.value(from.loss).data[0];
    if (!std::isfinite(loss)) return fail(Code::out_of_range, "[federated] local step {}: the loss is {}", step, loss);
    from.graph.backward(pass, from.loss);
    return loss;
  }
  Result<Values> change(const train::Net& after, const Values& from) const {
    auto out = values(after);
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] -= from[i];
      if (!std::isfinite(out[i])) return fail(Code::out_of_range, "[federated] value {} is not finite after training", i);
    }
    return out;
  }
};

Trainer::Trainer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Trainer::~Trainer() = default;
std::size_t Trainer::size() const { return state_->initial.size(); }
const Values& Trainer::initial() const { return state_->initial; }

Result<std::unique_ptr<Trainer>> Trainer::make(const Recipe& recipe, const DataSet& data, const Machine& machine) {
  KOINON_TRY([[maybe_unused]] const auto fits, train::Run::make(recipe, data, machine));  // says what does not fit
  KOINON_TRY(auto net, State::build(recipe, data, recipe.batch));
  if (recipe.onnx.empty()) initialise(net.graph, recipe.seed);
  auto state = std::make_unique<State>(State{recipe, data, machine, std::move(net), {}});
  state->initial = State::values(state->net);
  state->mixes = std::ranges::any_of(state->net.graph.nodes(), [](const auto& n) { return n.op->name() == "batch_norm"; });
  return std::unique_ptr<Trainer>(new Trainer(std::move(state)));
}

Result<Values> Trainer::train(const Values& from, const Samples& samples, const LocalWork& work) {
  auto& s = *state_;
  KOINON_CHECK(s.check(from, samples));
  State::put(s.net, from);
  const auto batch = static_cast<std::size_t>(s.recipe.batch);
  const auto steps = std::max<std::size_t>(1, samples.size() / batch);
  train::Optimiser optimiser(s.net.graph, local_options(s.recipe, work, work.epochs * steps));
  Samples order(samples.size());
  for (std::uint64_t step = 0; step < work.epochs * steps; ++step) {
    if (step % steps == 0) {
      const auto mixed = permutation(train::Generator(work.seed, train::Stream::order, step / steps),
                                     static_cast<std::uint32_t>(samples.size()));
      for (std::size_t i = 0; i < mixed.size(); ++i) order[i] = samples[mixed[i]];
    }
    const auto first = step % steps * batch;
    State::load(s.net, s.data, order.data() + first, std::min(batch, order.size() - first));
    KOINON_TRY([[maybe_unused]] const float loss, s.gradient(s.net, work.seed, step));
    optimiser.take(s.machine, step);
  }
  return s.change(s.net, from);
}

Sampling Trainer::sampling(std::size_t samples, std::uint64_t epochs) const {
  const auto each = std::min<std::size_t>(samples, static_cast<std::size_t>(state_->recipe.batch));
  if (each == 0) return {};
  return {static_cast<double>(each) / static_cast<double>(samples), epochs * std::max<std::size_t>(1, samples / each)};
}

Result<Values> Trainer::train_private(const Values& from, const Samples& samples, const LocalWork& work,
                                      const PrivateWork& terms, base::Random& secret) {
  auto& s = *state_;
  KOINON_CHECK(s.check(from, samples));
  if (s.mixes) return fail(Code::unsupported, "[federated] privacy and batch_norm: the samples of a batch meet in its mean");
  if (!s.single) {
    KOINON_TRY(s.single, State::build(s.recipe, s.data, 1));
  }
  auto& net = *s.single;
  State::put(net, from);
  const auto drawn = this->sampling(samples.size(), work.epochs);
  auto options = local_options(s.recipe, work, drawn.steps);
  options.clip = 0;  // gradients are clipped one by one
  train::Optimiser optimiser(net.graph, options);
  const auto parameters = net.graph.with_role(Role::parameter);
  std::size_t count = 0;
  for (const int id : parameters) count += net.graph.value(id).data.size();
  const double each = drawn.rate * static_cast<double>(samples.size());
  std::vector<double> sum(count);
  for (std::uint64_t step = 0; step < drawn.steps; ++step) {
    std::ranges::fill(sum, 0);
    for (std::size_t i = 0; i < samples.size(); ++i) {
      if (!chance(secret, drawn.rate)) continue;
      State::load(net, s.data, &samples[i], 1);
      KOINON_TRY([[maybe_unused]] const float loss, s.gradient(net, work.seed + i, step));
      double square = 0;
      for (const int id : parameters)
        for (const float g : net.graph.value(id).gradient) square += static_cast<double>(g) * static_cast<double>(g);
      const double factor = std::min(1.0, terms.clip / std::max(std::sqrt(square), 1e-30));
      std::size_t at = 0;
      for (const int id : parameters)
        for (const float g : net.graph.value(id).gradient) sum[at++] += factor * static_cast<double>(g);
    }
    Gaussian noise(secret);
    std::size_t at = 0;
    for (const int id : parameters)
      for (float& g : net.graph.value(id).gradient)
        g = static_cast<float>((sum[at++] + terms.noise * terms.clip * noise.next()) / each);
    optimiser.take(s.machine, step);
  }
  return s.change(net, from);
}

Result<Score> Trainer::evaluate(const Values& values, const DataSet& data, const Samples* samples) {
  auto& s = *state_;
  const auto count = samples != nullptr ? samples->size() : data.count;
  if (values.size() != s.initial.size() || data.sample != s.data.sample || data.target != s.data.target || count == 0)
    return fail(Code::invalid_argument, "[federated] values and samples of the net expected");
  State::put(s.net, values);
  const auto batch = static_cast<std::size_t>(s.recipe.batch);
  Samples chosen(batch);
  Score score;
  double rows = 0;
  for (std::size_t first = 0; first < count; first += batch) {
    const auto n = std::min(batch, count - first);
    for (std::size_t i = 0; i < n; ++i) {
      chosen[i] = samples != nullptr ? (*samples)[first + i] : static_cast<std::uint32_t>(first + i);
      if (chosen[i] >= data.count) return fail(Code::invalid_argument, "[federated] the data has {} samples", data.count);
    }
    State::load(s.net, data, chosen.data(), n);
    s.net.graph.forward({s.machine, false, 0, 0}, s.net.graph.nodes().size() - 1);
    const auto& out = s.net.graph.value(s.net.output).data;
    const auto& target = s.net.graph.value(s.net.target).data;
    const auto width = out.size() / target.size();
    std::vector<float> shares(width);
    for (std::size_t r = 0; r < n * (target.size() / batch); ++r, ++rows) {
      const float* x = out.data() + r * width;
      if (s.recipe.loss == train::Loss::mean_squared) {
        const double d = static_cast<double>(x[0]) - static_cast<double>(target[r]);
        score.loss += d * d;
        continue;
      }
      const auto label = static_cast<std::size_t>(target[r]);
      const float all = train::lanes(s.machine).softmax(static_cast<std::int64_t>(width), x, shares.data());
      score.loss += static_cast<double>(all - x[label]);
      score.right += std::max_element(x, x + width) - x == static_cast<std::ptrdiff_t>(label) ? 1 : 0;
    }
  }
  score.samples = count;
  score.loss /= rows;
  score.right /= rows;
  return score;
}

const train::Net& Trainer::net(const Values& values) {
  State::put(state_->net, values);
  return state_->net;
}

}  // namespace koinon::work::federated
