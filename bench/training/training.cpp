// Steps of training a second, for four nets. Writes what a peer needs to take the same steps: layers, first weights, batches.
//
//   bench_training write FOLDER          spec.json, weights and batches of every net
//   bench_training time NAME N THREADS   takes N steps, prints losses and seconds as JSON
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "engine/train/arith/generator.hpp"
#include "engine/train/data/data_set.hpp"
#include "engine/train/net/layers.hpp"
#include "engine/train/net/state.hpp"

namespace {

using namespace koinon;
using namespace koinon::engine::train;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kBatches = 12;  // that are gone through again and again

struct Workload {
  std::string name;
  NetSpec net;
  std::int64_t batch;
  OptimiserOptions optimiser;
  std::function<DataSet()> data;
};

std::vector<Layer> plain(const std::vector<std::string>& texts) {
  std::vector<Layer> out;
  for (const auto& t : texts) out.push_back({t});
  return out;
}

DataSet digits() {
  DataSource source;
  source.format = "idx";
  source.folder = "examples/digits";
  source.files = {"test-images.idx3.gz", "test-labels.idx1.gz"};
  auto out = read_data(source);
  if (!out) throw std::runtime_error(out.error().text);
  return *std::move(out);
}

/// Pictures of 3 by 32 by 32: a pattern for each of ten classes, under noise.
DataSet patterns() {
  const Generator random(1, Stream::data, 1), noise(1, Stream::data, 2);
  DataSet set;
  set.kind = DataSet::Kind::pictures, set.sample = {3, 32, 32}, set.classes = 10, set.count = 32 * kBatches;
  for (std::size_t i = 0; i < set.count; ++i) {
    set.targets.push_back(static_cast<float>(i % 10));
    for (std::size_t e = 0; e < 3072; ++e)
      set.bytes.push_back(static_cast<std::uint8_t>((random.word(i % 10 * 3072 + e) >> 26) + (noise.word(i * 3072 + e) >> 25)));
  }
  return set;
}

DataSet text() {
  const auto bytes = base::read_file("examples/language/train.py");
  if (!bytes) throw std::runtime_error(bytes.error().text);
  auto out = read_text(*bytes, 64);
  if (!out) throw std::runtime_error(out.error().text);
  return *std::move(out);
}

Layer branch(const std::vector<std::string>& texts) { return {"", plain(texts)}; }

OptimiserOptions sgd(double rate) {
  OptimiserOptions o;
  o.rate = rate, o.momentum = 0.9;
  return o;
}

std::vector<Workload> workloads() {
  std::vector<Workload> out;
  out.push_back({"mlp",
                 {{1, 28, 28}, plain({"flatten", "linear 256", "relu", "linear 128", "relu", "linear 10"})},
                 64,
                 sgd(0.05),
                 digits});
  out.push_back({"lenet",
                 {{1, 28, 28},
                  plain({"conv 6 5 pad=2", "relu", "max_pool 2", "conv 16 5", "relu", "max_pool 2", "flatten", "linear 120",
                         "relu", "linear 84", "relu", "linear 10"})},
                 64,
                 sgd(0.02),
                 digits});
  NetSpec resnet{{3, 32, 32}, plain({"conv 16 3 pad=1 no_bias", "batch_norm", "relu"})};
  for (const auto* stage : {"16", "32", "64"})
    for (int block = 0; block < 2; ++block) {
      const std::string n = stage, stride = block == 0 && n != "16" ? " stride=2" : "";
      resnet.layers.push_back(branch(
          {"conv " + n + " 3 pad=1 no_bias" + stride, "batch_norm", "relu", "conv " + n + " 3 pad=1 no_bias", "batch_norm"}));
      resnet.layers.push_back({"relu"});
    }
  for (const auto& l : plain({"global_average", "linear 10"})) resnet.layers.push_back(l);
  out.push_back({"resnet", resnet, 32, sgd(0.05), patterns});
  NetSpec transformer{{64}, plain({"embedding 128 128", "positions"})};
  for (int block = 0; block < 4; ++block) {
    transformer.layers.push_back(branch({"layer_norm", "attention 4 causal"}));
    transformer.layers.push_back(branch({"layer_norm", "linear 512", "gelu", "linear 128"}));
  }
  for (const auto& l : plain({"layer_norm", "linear 128"})) transformer.layers.push_back(l);
  OptimiserOptions adam;
  adam.method = Method::adamw, adam.rate = 0.001, adam.decay = 0.01;
  out.push_back({"transformer", transformer, 16, adam, text});
  return out;
}

json layers_json(const std::vector<Layer>& layers) {
  auto out = json::array();
  for (const auto& l : layers) out.push_back(l.branch.empty() ? json(l.text) : layers_json(l.branch));
  return out;
}

/// Batch number `at` (of kBatches) of a data set.
void load(const Workload& w, const DataSet& data, Net& net, std::int64_t at) {
  const auto input = engine::tensor::element_count(data.sample), target = engine::tensor::element_count(data.target);
  for (std::int64_t i = 0; i < w.batch; ++i)
    data.take(static_cast<std::size_t>(at * w.batch + i) % data.count, net.graph.value(net.input).data.data() + i * input,
              net.graph.value(net.target).data.data() + i * target);
}

void append(base::Bytes& to, const std::vector<float>& values) {
  const auto* from = reinterpret_cast<const std::uint8_t*>(values.data());
  to.insert(to.end(), from, from + values.size() * sizeof(float));
}

bool save(const std::string& file, base::ByteView bytes) {
  const auto ok = base::write_file(file, bytes);
  if (!ok) fmt::print(stderr, "{}\n", ok.error().text);
  return ok.has_value();
}

int write(const std::string& folder) {
  auto spec = json::object();
  for (const auto& w : workloads()) {
    auto net = build_net(w.net, w.batch);
    if (!net) return fmt::print(stderr, "{}\n", net.error().text), 1;
    initialise(net->graph, 1);
    base::Bytes weights, batches;
    for (auto p : net->graph.with_role(Role::parameter)) append(weights, net->graph.value(p).data);
    const auto data = w.data();
    for (std::int64_t b = 0; b < kBatches; ++b) {
      load(w, data, *net, b);
      append(batches, net->graph.value(net->input).data);
      append(batches, net->graph.value(net->target).data);
    }
    if (!save(folder + "/" + w.name + ".weights", weights) || !save(folder + "/" + w.name + ".batches", batches)) return 1;
    spec[w.name] = {{"layers", layers_json(w.net.layers)},
                    {"input", net->graph.value(net->input).shape},
                    {"target", net->graph.value(net->target).shape},
                    {"batches", kBatches},
                    {"parameters", net->graph.parameter_count()},
                    {"method", w.optimiser.method == Method::sgd ? "sgd" : "adamw"},
                    {"rate", w.optimiser.rate},
                    {"momentum", w.optimiser.momentum},
                    {"decay", w.optimiser.decay}};
  }
  return save(folder + "/spec.json", base::as_bytes(spec.dump(1))) ? 0 : 1;
}

int time(const std::string& name, int steps, int threads) {
  base::ThreadPool pool(static_cast<std::size_t>(threads));
  const Machine machine{&pool, engine::kernels::best_isa()};
  for (const auto& w : workloads()) {
    if (w.name != name) continue;
    auto net = build_net(w.net, w.batch);
    initialise(net->graph, 1);
    const auto data = w.data();
    Optimiser optimiser(net->graph, w.optimiser);
    std::vector<float> losses;
    double seconds = 0, hashing = 0, processor = 0;
    for (int step = 0; step < steps; ++step) {
      load(w, data, *net, step % kBatches);
      const auto begin = Clock::now();
      const auto clock = std::clock();
      const Pass pass{machine, true, 1, static_cast<std::uint64_t>(step)};
      net->graph.forward(pass);
      net->graph.backward(pass, net->loss);
      optimiser.take(machine, static_cast<std::uint64_t>(step));
      const auto end = Clock::now();
      const auto hashed_from = std::clock();
      processor += static_cast<double>(hashed_from - clock) / CLOCKS_PER_SEC;
      (void)state_root(machine, net->graph, optimiser, static_cast<std::uint64_t>(step) + 1);
      hashing += static_cast<double>(std::clock() - hashed_from) / CLOCKS_PER_SEC;
      seconds += std::chrono::duration<double>(end - begin).count();
      losses.push_back(net->graph.value(net->loss).data[0]);
    }
    const json out = {{"samples_per_second", static_cast<double>(steps * w.batch) / seconds},
                      {"samples_per_processor_second", static_cast<double>(steps * w.batch) / processor},
                      {"root_share", hashing / processor},
                      {"losses", losses}};
    fmt::print("{}\n", out.dump());
    return 0;
  }
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string what = argc > 2 ? argv[1] : "";
  try {
    if (what == "write") return write(argv[2]);
    if (what == "time" && argc == 5) return time(argv[2], std::atoi(argv[3]), std::max(1, std::atoi(argv[4])));
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
    return 1;
  }
  fmt::print(stderr, "bench_training write FOLDER | bench_training time NAME STEPS THREADS\n");
  return 2;
}
