#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/train_chart.hpp"
#include "cli/commands/trained.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/train/recipe/divergence.hpp"
#include "engine/train/recipe/export_net.hpp"
#include "engine/train/recipe/run.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using engine::train::DataSet;
using engine::train::Recipe;
using engine::train::Run;
using engine::train::Score;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

class Train final : public Command {
 public:
  Train()
      : Command({"train", "Train a model from a recipe, the same bits on every machine",
                 "koinon train examples/training/digits.toml -o trained"}) {}

  void options(Line& line) override {
    line.text("recipe", recipe_, "The .toml recipe (docs/work/training.md)")
        .text("-o,--output NAME", output_,
              "Files are NAME.checkpoint, NAME.onnx, NAME.koinon, NAME.svg; the recipe's name when absent")
        .flag("--fresh", fresh_, "Begin anew even where a checkpoint of another run stands")
        .number("--stop-after N", stop_after_, 1, std::int64_t{1} << 40, "Stop after N steps more, with a checkpoint")
        .flag("--trace", traced_, "Write the state root after each step to NAME.trace, for koinon train compare")
        .number("--record N", record_, 0, std::int64_t{1} << 40, "Write all that step N computes to NAME.step, and stop")
        .choice("--activations", activations_, {"8", "16"}, "Bits of the program's values")
        .number("--threads N", threads_, 0, 1024, "Threads; 0: one a core. The result never depends on it");
  }

  Status check() const override {
    if (recipe_.empty()) return base::fail(Code::invalid_argument, "[train] a recipe expected");
    if (traced_ && !fresh_ && std::filesystem::exists(name() + ".checkpoint"))
      return base::fail(Code::invalid_argument,
                        "[train] --trace: {}.checkpoint stands in the middle of a run: --fresh expected", name());
    return {};
  }

  Status run(Console& console) override {
    const std::filesystem::path path = recipe_;
    name_ = name();
    KOINON_TRY(const auto text, base::read_file(path));
    KOINON_TRY(const auto recipe, engine::train::read_recipe(text, recipe_, path.parent_path()));
    KOINON_TRY(auto data, load_data(recipe));
    base::ThreadPool pool(static_cast<std::size_t>(threads_));
    auto made = Run::make(recipe, data.first, {&pool, engine::kernels::best_isa()});
    if (!made) return base::fail(std::move(made).error().within(recipe_));
    auto& run = **made;
    KOINON_CHECK(resume(console, run));
    if (record_ >= 0) return record(console, run);
    tell_start(console, run, data.first, data.second);
    const auto every = recipe.checkpoint_every > 0 ? recipe.checkpoint_every : run.steps_an_epoch();
    const auto until = recipe.until > 0 ? std::min(recipe.until, run.steps()) : run.steps();
    KOINON_CHECK(train(console, run, data.second, {static_cast<std::uint64_t>(recipe.batch), every, until}));
    if (run.done() < run.steps()) {
      console.print(fmt::format("stopped after step {} of {}; the same command goes on\n", run.done(), run.steps()));
      console.object({{"steps", run.done()}, {"of", run.steps()}, {"state_root", base::to_hex(run.state())}});
      return {};
    }
    return finish(console, run, data.first, data.second, pool);
  }

 private:
  [[nodiscard]] std::string name() const { return output_.empty() ? std::filesystem::path(recipe_).stem().string() : output_; }
  /// Takes the steps before the one that is asked for, and writes that one down.
  Status record(Console& console, Run& run) const {
    const auto step = static_cast<std::uint64_t>(record_);
    if (step < run.done() || step >= run.steps())
      return base::fail(Code::out_of_range, "[train] --record {}: a step from {}{} to {} expected", step, run.done(),
                        run.done() > 0 ? ", where the checkpoint stands (--fresh begins anew)," : "", run.steps() - 1);
    while (run.done() < step) {
      KOINON_TRY([[maybe_unused]] const float loss, run.step());
    }
    KOINON_TRY(const auto record, engine::train::StepRecord::of(run));
    const auto bytes = record.encode();
    KOINON_CHECK(base::write_file(name_ + ".step", bytes));
    console.print(fmt::format("{}.step  step {}: {} arrays, {} bytes\n", name_, step, record.entries.size(), bytes.size()));
    console.object({{"step", step}, {"entries", record.entries.size()}, {"files", {name_ + ".step"}}});
    return {};
  }

  [[nodiscard]] std::string checkpoint() const { return name_ + ".checkpoint"; }

  Status resume(Console& console, Run& run) const {
    if (fresh_ || !std::filesystem::exists(checkpoint())) return {};
    KOINON_TRY(const auto bytes, base::read_file(checkpoint()));
    if (auto ok = run.restore(bytes); !ok)
      return advise(std::move(ok).error().within(checkpoint()), "--fresh begins anew, -o gives another name");
    console.note(fmt::format("koinon: going on from {} at step {}", checkpoint(), run.done()));
    return {};
  }

  static void tell_start(Console& console, const Run& run, const DataSet& train, const DataSet& test) {
    console.print(fmt::format("{} parameters, {} samples{}, {} steps ({} an epoch)\n", run.net().graph.parameter_count(),
                              train.count, test.count > 0 ? fmt::format(" and {} for testing", test.count) : "", run.steps(),
                              run.steps_an_epoch()));
  }

  Status score(Console& console, Run& run, const DataSet& test) {
    if (test.count == 0) return {};
    KOINON_TRY(const auto score, run.evaluate(test));
    scores_.push_back({run.done(), score.loss, score.right});
    console.print(fmt::format("step {:>6}  test loss {:.4f}{}\n", run.done(), score.loss,
                              test.classes > 0 ? fmt::format(", {:.2f} % right", 100 * score.right) : ""));
    return {};
  }

  struct Pace {
    std::uint64_t batch, checkpoint_every, until;
  };
  Status train(Console& console, Run& run, const DataSet& test, const Pace& pace) {
    const auto first = run.done();
    const auto end = stop_after_ > 0 ? std::min(pace.until, first + static_cast<std::uint64_t>(stop_after_)) : pace.until;
    auto progress = console.progress();
    const auto begin = Clock::now();
    double smooth = 0;
    while (run.done() < end) {
      progress.stage("training");
      KOINON_TRY(const float loss, run.step());
      if (traced_) states_.push_back(run.state());
      smooth = run.done() == first + 1 ? static_cast<double>(loss) : 0.95 * smooth + 0.05 * static_cast<double>(loss);
      const auto done = run.done() - first;
      speed_ = static_cast<double>(done * pace.batch) / seconds_since(begin);
      progress.detail(fmt::format("loss {:.4f}, {:.0f} samples/s", smooth, speed_));
      progress.update(done, end - first);
      if (run.done() % pace.checkpoint_every != 0 && run.done() != end) continue;
      KOINON_CHECK(base::write_file(checkpoint(), run.checkpoint()));
      progress.finish();
      KOINON_CHECK(score(console, run, test));
    }
    seconds_ = seconds_since(begin);
    if (!traced_) return {};
    const engine::train::StateTrace trace{run.commitment(), first, states_};
    return base::write_file(name_ + ".trace", trace.encode());
  }

  Status finish(Console& console, Run& run, const DataSet& train, const DataSet& test, base::ThreadPool& pool) {
    const auto& judge = test.count > 0 ? test : train;
    KOINON_TRY(const auto score, run.evaluate(judge));
    const auto title = std::filesystem::path(name_).filename().string();
    const auto onnx = engine::train::export_net(run.net(), title);
    KOINON_CHECK(base::write_file(name_ + ".onnx", onnx));
    if (scores_.empty()) scores_.push_back({run.done(), score.loss, score.right});
    const auto chart = training_chart(title, run.losses(), scores_, judge.classes > 0);
    KOINON_CHECK(base::write_file(name_ + ".svg", base::as_bytes(chart)));
    auto built = make_program(console, onnx, train, title);
    if (!built) return base::fail(std::move(built).error().within(name_ + ".onnx is written; its program failed"));
    KOINON_CHECK(base::write_file(name_ + ".koinon", engine::program::encode(built->program)));
    KOINON_TRY(const auto exact, score_program(built->program, judge, pool));
    tell(console, run, score, exact, built->program, judge.classes > 0, test.count > 0);
    return {};
  }

  Result<engine::quantise::Built> make_program(Console& console, const base::Bytes& onnx, const DataSet& train,
                                               const std::string& title) const {
    engine::quantise::BuildOptions options;
    options.activations = std::stoi(activations_);
    options.metadata.name = title;
    auto progress = console.progress();
    options.progress = [&](std::size_t done, std::size_t total) {
      progress.stage("making the program");
      progress.update(done, total);
    };
    return program_of(onnx, train, options);
  }

  void tell(Console& console, const Run& run, const Score& score, const Score& exact, const engine::program::Program& program,
            bool classes, bool tested) const {
    const auto id = base::to_hex(engine::program::program_id(program));
    console.print(
        fmt::format("\n{0}.onnx    {1} of {2} {3} samples, loss {4:.4f}\n{0}.koinon  {5} of {6} (integers), program {7}\n"
                    "{0}.svg     the course of the run\n",
                    name_, score_text(score, classes), score.samples, tested ? "test" : "training", score.loss,
                    score_text(exact, classes), exact.samples, id));
    console.print(fmt::format("state root  {}\nrun         {}\n", base::to_hex(run.state()), base::to_hex(run.commitment())));
    json out = {{"steps", run.done()},
                {"seconds", seconds_},
                {"samples_per_second", speed_},
                {"parameters", run.net().graph.parameter_count()},
                {"loss", run.losses().empty() ? 0.0F : run.losses().back()},
                {"test_loss", score.loss},
                {"commitment", base::to_hex(run.commitment())},
                {"state_root", base::to_hex(run.state())},
                {"program", id},
                {"files", {name_ + ".checkpoint", name_ + ".onnx", name_ + ".koinon", name_ + ".svg"}}};
    if (classes) {
      out["accuracy"] = score.right;
      out["program_accuracy"] = exact.right;
    } else {
      out["program_error"] = exact.loss;
    }
    console.object(out);
  }

  std::string recipe_, output_, name_, activations_ = "8";
  bool fresh_ = false, traced_ = false;
  std::int64_t stop_after_ = 0, threads_ = 0, record_ = -1;
  std::vector<base::Hash> states_;  ///< after each step, with --trace
  std::vector<ScorePoint> scores_;
  double speed_ = 0, seconds_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_train() { return std::make_unique<Train>(); }

}  // namespace koinon::cli
