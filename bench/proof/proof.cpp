// Time, memory and size of proofs. A proof is verified before its time counts.
//
//   bench_proof [NAME...]   # digits-mlp, digits-lenet, cnn-264k, dense-4m, or a .koinon file; all but files by default
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <bit>
#include <chrono>

#include "base/file.hpp"
#include "engine/program/builder.hpp"
#include "engine/quantise/build.hpp"
#include "trust/proof/prove.hpp"

namespace {

using namespace koinon;
using namespace koinon::trust::proof;
using engine::program::Builder;
using engine::program::Program;
using engine::program::Ref;
using engine::tensor::DType;
using engine::tensor::IntTensor;

IntTensor random_tensor(DType dtype, engine::tensor::Shape shape, std::int64_t low, std::int64_t high, base::Random& random) {
  auto out = IntTensor::zeros(dtype, std::move(shape));
  for (std::int64_t i = 0; i < out.size(); ++i)
    out.set(i, low + static_cast<std::int64_t>(random.u64() % static_cast<std::uint64_t>(high - low + 1)));
  return out;
}

/// Layers with random 8-bit weights and multipliers that keep about the range.
class Layers {
 public:
  explicit Layers(engine::tensor::Shape shape) : at_(b_.input("x", {DType::i8, std::move(shape)}, {}, -127, 127)) {}

  void dense(std::int64_t inner, std::int64_t columns, std::int64_t low = 0) {
    at_ = b_.matmul(at_, weights({columns, inner}), b_.weight(random_tensor(DType::i32, {columns}, -5000, 5000, random_)));
    scale(inner, columns, low);
  }
  void conv(std::int64_t kernel, std::int64_t channels, std::int64_t columns) {
    at_ = b_.conv(at_, weights({columns, kernel, kernel, channels}), {1, {1, 1}, {1, 1}, {0, 0}, {0, 0}},
                  b_.weight(random_tensor(DType::i32, {columns}, -5000, 5000, random_)));
    scale(kernel * kernel * channels, columns, 0);
  }
  void pool() {
    using engine::program::ReduceOp;
    at_ = b_.reduce(at_, {ReduceOp::max, {1, 2, 2, 1}, {1, 2, 2, 1}, {1, 1, 1, 1}, {0, 0, 0, 0}, {0, 0, 0, 0}});
  }
  void flatten(std::int64_t size) { at_ = b_.reshape(at_, {1, size}); }
  base::Result<Program> finish() {
    b_.output("y", at_, {});
    return b_.finish({"bench", "", "", ""});
  }

 private:
  Ref weights(engine::tensor::Shape shape) { return b_.weight(random_tensor(DType::i8, std::move(shape), -127, 127, random_)); }
  void scale(std::int64_t inner, std::int64_t columns, std::int64_t low) {
    const int bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(inner))) / 2;
    at_ = b_.requantise(at_, b_.weight(random_tensor(DType::i16, {columns}, 16384, 32767, random_)),
                        b_.weight(random_tensor(DType::i8, {columns}, 20 + bits, 21 + bits, random_)), low, 127);
  }

  base::SeededRandom random_{5};
  Builder b_;
  Ref at_;
};

base::Result<Program> digits(const std::string& name) {
  KOINON_TRY(const auto bytes, base::read_file("examples/digits/" + name + ".onnx", 64 << 20));
  KOINON_TRY(auto built, engine::quantise::build(bytes, {}, {}));
  return std::move(built.program);
}

/// Six layers like LeNet's over 32 x 32 x 3: 264 thousand parameters.
base::Result<Program> cnn_264k() {
  Layers layers({1, 32, 32, 3});
  layers.conv(5, 3, 16);
  layers.pool();
  layers.conv(5, 16, 32);
  layers.pool();
  layers.flatten(800);
  layers.dense(800, 256);
  layers.dense(256, 160);
  layers.dense(160, 10, -127);
  return layers.finish();
}

/// 4.2 million parameters.
base::Result<Program> dense_4m() {
  Layers layers({1, 1024});
  for (int i = 0; i < 4; ++i) layers.dense(1024, 1024);
  layers.dense(1024, 10, -127);
  return layers.finish();
}

template <class F>
double seconds(F&& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Processor time of all threads, which a busy machine stretches less than wall time.
double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

base::Status measure(const std::string& name, const Program& program, const Secrecy& secrecy, base::ThreadPool& pool) {
  base::SeededRandom random(1);
  std::vector<IntTensor> inputs;
  for (const auto& input : program.inputs)
    inputs.push_back(random_tensor(input.info.dtype, input.info.shape, input.low, input.high, random));
  KOINON_TRY(const auto costs, cost(program, secrecy));
  WeightCommitment weights;
  double commit = 0;
  if (costs.layout.weight_cells > 0) {
    base::Status made;
    commit = seconds([&] {
      auto done = commit_weights(program, secrecy, random, &pool);
      if (done)
        weights = std::move(*done);
      else
        made = base::fail(std::move(done).error());
    });
    KOINON_CHECK(made);
  }
  const ProveOptions options{secrecy, &pool, costs.layout.weight_cells > 0 ? &weights : nullptr};
  const auto description = engine::program::decode(engine::program::encode(program, !secrecy.weights));
  double best_prove = 1e9, best_verify = 1e9, best_cpu = 1e9;
  std::size_t size = 0;
  for (int i = 0; i < 3; ++i) {
    base::Result<Proof> proof = base::fail(base::Code::internal, "not made");
    const double before = cpu_seconds();
    const double took = seconds([&] { proof = prove(program, inputs, options, random); });
    if (!proof) return base::fail(std::move(proof).error());
    best_cpu = std::min(best_cpu, cpu_seconds() - before);
    base::Status verdict;
    const double checked = seconds([&] { verdict = verify(*description, *proof); });
    KOINON_CHECK(verdict);
    best_prove = std::min(best_prove, took);
    best_verify = std::min(best_verify, checked);
    size = encode_proof(*proof).size();
  }
  fmt::print("{:<13} {:<16} {:>8} {:>9} {:>9.0f} {:>9.0f} {:>9.0f} {:>9.1f} {:>9.0f} {:>8.1f} {:>8.0f}\n", name,
             fmt::format("{}{}", secrecy.weights ? "hidden weights" : "public", secrecy.input ? ", input" : ""), costs.rows,
             costs.layout.witness_cells + 3 * costs.layout.lookups, commit * 1e3, best_prove * 1e3, best_cpu * 1e3,
             best_verify * 1e3, static_cast<double>(size) / 1024, costs.soundness_bits, peak_mib());
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::pair<std::string, std::function<base::Result<Program>()>>> models{
      {"digits-mlp", [] { return digits("digits-mlp"); }},
      {"digits-lenet", [] { return digits("digits-lenet"); }},
      {"cnn-264k", cnn_264k},
      {"dense-4m", dense_4m}};
  for (int i = 1; i < argc; ++i)
    if (const std::string name = argv[i]; name.ends_with(".koinon"))
      models.emplace_back(name, [name]() -> base::Result<Program> {
        KOINON_TRY(const auto bytes, base::read_file(name, std::uint64_t{1} << 32));
        return engine::program::decode(bytes);
      });
  base::ThreadPool pool;
  fmt::print("{} threads\n{:<13} {:<16} {:>8} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>8} {:>8}\n", pool.threads(), "model",
             "mode", "rows", "cells", "commit ms", "prove ms", "cpu ms", "verify ms", "KiB", "bits", "peak MiB");
  for (const auto& [name, make] : models) {
    if (argc > 1 && std::find(argv + 1, argv + argc, name) == argv + argc) continue;
    const auto program = make();
    if (!program) {
      fmt::print("{}: {}\n", name, program.error().text);
      return 1;
    }
    for (const Secrecy secrecy : {Secrecy{false, false}, Secrecy{true, false}})
      if (const auto done = measure(name, *program, secrecy, pool); !done) {
        fmt::print("{}: {}\n", name, done.error().text);
        return 1;
      }
  }
  return 0;
}
