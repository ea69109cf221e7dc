#include "engine/train/net/golden_runs.hpp"

#include "engine/train/arith/generator.hpp"
#include "engine/train/net/state.hpp"

namespace koinon::engine::train {
namespace {

constexpr std::uint64_t kSeed = 20260101;

std::vector<Layer> plain(const std::vector<std::string>& texts) {
  std::vector<Layer> out;
  for (const auto& t : texts) out.push_back({t, {}, 0});
  return out;
}

GoldenRun mlp() {
  OptimiserOptions o;
  o.rate = 0.05, o.momentum = 0.9, o.decay = 0.0005;
  return {"mlp",
          {{300}, plain({"linear 64", "relu", "dropout 0.2", "linear 10"}), Loss::cross_entropy},
          32,
          10,
          false,
          o,
          "0xc753e9c47190939e88a07e951cda1d6ab0a1da9d44886dcb0cba4673580b7495"};
}

GoldenRun lenet() {
  OptimiserOptions o;
  o.rate = 0.02, o.momentum = 0.9, o.clip = 1;
  return {"lenet",
          {{1, 28, 28},
           plain({"conv 6 5 pad=2", "tanh", "average_pool 2", "conv 16 5", "relu", "max_pool 2", "flatten", "linear 120",
                  "silu", "linear 84", "sigmoid", "linear 10"}),
           Loss::cross_entropy},
          8,
          10,
          false,
          o,
          "0xb99e3c7a4727d9923bb633e0257f873c94289a36f18326387170acd2ebf98299"};
}

GoldenRun residual() {
  OptimiserOptions o;
  o.rate = 0.05, o.schedule = Schedule::linear, o.steps = kGoldenSteps;
  NetSpec net{{3, 12, 12}, plain({"conv 8 3 pad=1", "batch_norm", "relu"}), Loss::cross_entropy};
  net.layers.push_back({"", plain({"conv 8 3 pad=1", "batch_norm", "relu", "conv 8 3 pad=1 groups=2", "batch_norm"}), 0});
  net.layers.push_back({"", plain({"conv 16 3 stride=2 pad=1", "batch_norm"}), 0});
  for (const auto& l : plain({"relu", "global_average", "linear 5"})) net.layers.push_back(l);
  return {"residual", net, 6, 5, false, o, "0xa1cf19e06026eedeccf4b8a39804e37714bdb3b5a103aeac2e20b1a30707dec8"};
}

GoldenRun transformer() {
  OptimiserOptions o;
  o.method = Method::adamw, o.rate = 0.003, o.decay = 0.01, o.clip = 1, o.schedule = Schedule::cosine, o.warmup = 5;
  o.steps = kGoldenSteps;
  NetSpec net{{24}, plain({"embedding 40 32", "positions"}), Loss::cross_entropy};
  for (int block = 0; block < 2; ++block) {
    net.layers.push_back({"", plain({"layer_norm", "attention 4 causal", "dropout 0.1"}), 0});
    net.layers.push_back({"", plain({"layer_norm", "linear 128", "gelu", "linear 32"}), 0});
  }
  net.layers.push_back({"layer_norm", {}, 0});
  net.layers.push_back({"linear 40", {}, 0});
  return {"transformer", net, 4, 40, true, o, "0x5dc723e1649e0ab298dd365bfebd0d82248d86fa6360b1e38fe83cd6f6886aa4"};
}

void fill(std::vector<float>& to, std::uint64_t part, std::uint32_t below) {
  const Generator random(kSeed, Stream::data, part);
  for (std::size_t i = 0; i < to.size(); ++i)
    to[i] = below > 0 ? static_cast<float>(std::uint64_t{random.word(i)} * below >> 32) : random.uniform(i);
}

}  // namespace

std::vector<GoldenRun> golden_runs() { return {mlp(), lenet(), residual(), transformer()}; }

std::vector<base::Hash> run_golden(const GoldenRun& run, const Machine& machine) {
  auto net = build_net(run.net, run.batch);
  KOINON_INVARIANT(net.has_value());
  initialise(net->graph, kSeed);
  Optimiser optimiser(net->graph, run.optimiser);
  std::vector<base::Hash> roots;
  const auto classes = static_cast<std::uint32_t>(run.classes);
  for (std::uint64_t step = 0; step < kGoldenSteps; ++step) {
    const Pass pass{machine, true, kSeed, step};
    fill(net->graph.value(net->input).data, 2 * (step % 4), run.tokens ? classes : 0);
    fill(net->graph.value(net->target).data, 2 * (step % 4) + 1, classes);
    net->graph.forward(pass);
    net->graph.backward(pass, net->loss);
    optimiser.take(machine, step);
    roots.push_back(state_root(machine, net->graph, optimiser, step + 1));
  }
  return roots;
}

}  // namespace koinon::engine::train
