#include "cli/commands/training_options.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/base64.hpp"
#include "base/file.hpp"
#include "cli/commands/train_chart.hpp"
#include "cli/commands/trained.hpp"
#include "cli/remote/reply.hpp"
#include "engine/train/recipe/divergence.hpp"
#include "work/training/training.hpp"

namespace koinon::cli {
namespace {

using base::Bytes;
using base::Code;
using base::Result;
using base::Status;
using engine::train::DataSet;
using engine::train::Recipe;
using nlohmann::json;

constexpr std::uint64_t kLeastWindow = 60, kMostWindow = 86'400;  ///< seconds to commit
constexpr double kSlowerThanHere = 4;                             ///< a provider may be, and works on other orders too

/// What is sent, and what has come so far.
struct Course {
  Recipe recipe;
  std::string text;  ///< of the recipe
  DataSet train, test;
  Bytes data, model, checkpoint;
  std::vector<float> losses;
  std::vector<base::Hash> states;
  Bytes onnx;

  /// The field "training"; `until` 0: as the recipe says.
  [[nodiscard]] json asked(std::uint64_t until) const {
    json out = {{"recipe", until == 0 ? text : fmt::format("until = {}\n{}", until, text)},
                {"data", base::encode_base64(data)}};
    if (!model.empty()) out["model"] = base::encode_base64(model);
    if (!checkpoint.empty()) out["checkpoint"] = base::encode_base64(checkpoint);
    return out;
  }
};

Result<Course> load(const std::filesystem::path& path) {
  Course out;
  KOINON_TRY(const auto bytes, base::read_file(path));
  KOINON_TRY(out.recipe, engine::train::read_recipe(bytes, path.string(), path.parent_path()));
  out.text = base::as_text(bytes);
  KOINON_TRY(auto data, load_data(out.recipe));
  out.train = std::move(data.first);
  out.test = std::move(data.second);
  out.data = engine::train::encode_data(out.train);
  if (!out.recipe.onnx.empty()) {
    KOINON_TRY(out.model, base::read_file(path.parent_path() / out.recipe.onnx));
  }
  return out;
}

/// How a run is cut into orders, and what they take.
struct Cut {
  std::uint64_t until = 0;  ///< the last step
  std::uint64_t orders = 1;
  double seconds = 0;       ///< of a step; 0: not measured
  std::int64_t window = 0;  ///< seconds for one order
};

Result<Cut> cut(Console& console, NodeClient& node, const Course& course, std::int64_t wanted) {
  KOINON_TRY(const auto plan, node.post("/api/v1/training/plan", {{"training", course.asked(0)}}));
  const auto steps = number_at(plan, "until"), work = std::max<std::uint64_t>(number_at(plan, "step_work"), 1);
  if (steps == 0) return base::fail(Code::malformed, "[order] the node's plan has no steps");
  const auto most = std::min(number_at(plan, "order_work") / work, work::Training::kMaxSteps);
  if (most == 0)
    return base::fail(Code::out_of_range, "[order] a step takes {} million multiply-adds: more than one order buys",
                      work / 1'000'000);
  Cut out;
  out.until = steps;
  out.orders = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(wanted), (steps + most - 1) / most, steps);
  const auto each = (steps + out.orders - 1) / out.orders;
  const auto& measured = child(plan, "step_seconds");
  out.seconds = measured.is_number() ? measured.get<double>() : 0;
  const auto expected = static_cast<double>(each) * (out.seconds > 0 ? out.seconds : static_cast<double>(work) / 1e9);
  out.window = static_cast<std::int64_t>(std::clamp(kSlowerThanHere * expected + kLeastWindow,
                                                    static_cast<double>(kLeastWindow), static_cast<double>(kMostWindow)));
  console.print(fmt::format(
      "{} parameters, {} samples, {} steps of {:.1f} million multiply-adds: {:.2g} % of what one order buys{}\n",
      number_at(plan, "parameters"), number_at(plan, "samples"), steps, static_cast<double>(work) / 1e6,
      100 * static_cast<double>(work) * static_cast<double>(steps) / static_cast<double>(number_at(plan, "order_work", 1)),
      out.seconds > 0 ? fmt::format("; {:.1f} ms a step on this node, {} for all", out.seconds * 1e3,
                                    seconds_text(out.seconds * static_cast<double>(steps)))
                      : ""));
  if (out.orders > 1)
    console.print(fmt::format("in {} orders, each of which goes on from the checkpoint of the one before\n", out.orders));
  return out;
}

/// Takes over what an order gave.
Status take(Course& course, const market::Receipt& receipt) {
  KOINON_TRY(auto result, work::TrainingResult::read(receipt.outputs));
  course.losses.insert(course.losses.end(), result.losses.begin(), result.losses.end());
  course.states.insert(course.states.end(), result.states.begin(), result.states.end());
  course.onnx = std::move(result.onnx);
  course.checkpoint = std::move(result.checkpoint);
  return {};
}

/// Writes what was bought, and what is made of it here.
Status finish(Console& console, const Course& course, const std::string& name, std::vector<std::string> receipts) {
  const auto title = std::filesystem::path(name).filename().string();
  KOINON_CHECK(base::write_file(name + ".onnx", course.onnx));
  KOINON_CHECK(
      base::write_file(name + ".svg", base::as_bytes(training_chart(title, course.losses, {}, course.train.classes > 0))));
  const engine::train::StateTrace trace{{}, 0, course.states};
  KOINON_CHECK(base::write_file(name + ".trace", trace.encode()));
  if (!course.checkpoint.empty()) KOINON_CHECK(base::write_file(name + ".checkpoint", course.checkpoint));
  engine::quantise::BuildOptions options;
  options.metadata.name = title;
  auto built = program_of(course.onnx, course.train, options);
  if (!built) return base::fail(std::move(built).error().within(name + ".onnx is written; its program failed"));
  KOINON_CHECK(base::write_file(name + ".koinon", engine::program::encode(built->program)));
  base::ThreadPool pool(0);
  const auto& judge = course.test.count > 0 ? course.test : course.train;
  KOINON_TRY(const auto score, score_program(built->program, judge, pool));
  const auto id = base::to_hex(engine::program::program_id(built->program));
  const float first = course.losses.empty() ? 0 : course.losses.front(),
              last = course.losses.empty() ? 0 : course.losses.back();
  console.print(
      fmt::format("{0}.onnx    the model, after {1} steps: loss {2:.4f} to {3:.4f}\n"
                  "{0}.koinon  its program, to be run or sold: {4} of {5} {6} samples, {7}\n"
                  "{0}.svg     the course of the run; {0}.trace  the state root after each step\n",
                  name, course.losses.size(), first, last, score_text(score, judge.classes > 0), score.samples,
                  course.test.count > 0 ? "test" : "training", id));
  json out = {{"steps", course.losses.size()},
              {"loss", last},
              {"state_root", course.states.empty() ? json(nullptr) : json(base::to_hex(course.states.back()))},
              {"program", id},
              {"files", {name + ".onnx", name + ".koinon", name + ".svg", name + ".trace"}},
              {"receipts", std::move(receipts)}};
  if (judge.classes > 0)
    out["program_accuracy"] = score.right;
  else
    out["program_error"] = score.loss;
  console.object(out);
  return {};
}

}  // namespace

void TrainingOptions::options(Line& line) {
  line.text("--train RECIPE", recipe,
            "Buy training: a .toml recipe (docs/work/training.md) in the place of a program and its input")
      .text("-o,--output NAME", output,
            "Of training: NAME.onnx, NAME.koinon, NAME.svg, NAME.trace; the recipe's name when absent")
      .number("--orders N", orders, 1, 1000, "Of training: pay in N orders, each going on where the one before ended");
}

std::string TrainingOptions::label() const { return std::filesystem::path(recipe).filename().string(); }

Status TrainingOptions::run(Console& console, NodeClient& node, const Buy& buy) const {
  KOINON_TRY(auto course, load(recipe));
  if (course.recipe.until > 0 && orders > 1)
    return base::fail(Code::invalid_argument, "[order] --orders {}: the recipe says until = {} itself", orders,
                      course.recipe.until);
  const auto name = output.empty() ? std::filesystem::path(recipe).stem().string() : output;
  KOINON_TRY(const auto parts, cut(console, node, course, orders));
  std::vector<std::string> ids;
  for (std::uint64_t i = 0; i < parts.orders; ++i) {
    const auto until = parts.until * (i + 1) / parts.orders;
    KOINON_TRY(const auto receipt, buy(course.asked(until == parts.until ? 0 : until), parts.window));
    KOINON_CHECK(take(course, receipt));
    ids.push_back(std::to_string(receipt.order));
    console.print(fmt::format("order {}: accepted; steps up to {} of {}, loss {:.4f}\n", receipt.order, until, parts.until,
                              course.losses.empty() ? 0.0F : course.losses.back()));
  }
  return finish(console, course, name, std::move(ids));
}

}  // namespace koinon::cli
