#include <charconv>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/files/calibration.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"
#include "engine/quantise/build.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Status;
using engine::quantise::OutputReport;
using engine::quantise::Report;
using nlohmann::json;

constexpr std::size_t kMostRows = 400;  ///< of a table for people

const std::vector<std::string> kBits = {"2", "3", "4", "5", "6", "7", "8", "16"};

std::string short_number(double value) { return fmt::format("{:.3g}", value); }

std::string tensor_table(const Report& report) {
  using enum Table::Align;
  Table table({{"tensor"},
               {"made by"},
               {"low", right},
               {"high", right},
               {"bits", right},
               {"unit", right},
               {"max error", right},
               {"mean error", right}});
  for (const auto& t : report.tensors)
    table.add({clean_end(t.name, 40), clean(t.op, 24), short_number(t.low), short_number(t.high), std::to_string(t.bits),
               short_number(t.scale), short_number(t.max_error), short_number(t.mean_error)});
  return table.text(kMostRows);
}

std::string output_table(const std::vector<OutputReport>& outputs, const std::string& title) {
  using enum Table::Align;
  Table table({{title},
               {"low", right},
               {"high", right},
               {"max error", right},
               {"mean error", right},
               {"of the range", right},
               {"same top", right}});
  for (const auto& o : outputs)
    table.add({clean_end(o.name, 40), short_number(o.low), short_number(o.high), short_number(o.max_error),
               short_number(o.mean_error), fmt::format("{:.2f} %", 100 * o.relative),
               fmt::format("{:.1f} %", 100 * o.same_top)});
  return table.text();
}

json outputs_json(const std::vector<OutputReport>& outputs) {
  auto out = json::array();
  for (const auto& o : outputs)
    out.push_back({{"name", o.name},
                   {"low", o.low},
                   {"high", o.high},
                   {"max_error", o.max_error},
                   {"mean_error", o.mean_error},
                   {"relative", o.relative},
                   {"same_top", o.same_top}});
  return out;
}

json report_json(const Report& report) {
  json out = {{"synthetic", report.synthetic},
              {"samples", report.samples},
              {"compared", report.compared},
              {"tensors", json::array()},
              {"outputs", outputs_json(report.outputs)},
              {"widened", report.widened},
              {"equalised", report.equalised}};
  if (!report.standard.empty()) {
    out["standard_outputs"] = outputs_json(report.standard);
    out["value_bits"] = report.value_bits;
  }
  for (const auto& t : report.tensors)
    out["tensors"].push_back({{"name", t.name},
                              {"op", t.op},
                              {"low", t.low},
                              {"high", t.high},
                              {"bits", t.bits},
                              {"unit", t.scale},
                              {"max_error", t.max_error},
                              {"mean_error", t.mean_error}});
  return out;
}

class ModelBuild final : public Command {
 public:
  ModelBuild()
      : Command(
            {"model build", "Compile an ONNX model into an exact integer program",
             "koinon model build examples/digits/digits-lenet.onnx --calibrate examples/digits/digit-*.png -o digits.koinon"}) {
  }

  void options(Line& line) override {
    line.text("model", onnx_, "The .onnx file", Need::required)
        .text("-o,--output FILE", output_, "The .koinon file to write", Need::required)
        .texts("--calibrate FILE...", calibrate_, "Real inputs that set the ranges: .json, .npy, .npz, .png, .jpg")
        .choice("--activations", activations_, kBits, "Bits of values, and of weights unless --weights says otherwise")
        .choice("--weights", weights_, kBits, "Bits of weights")
        .choice("--profile", profile_, {"standard", "private"},
                "private: every value within 16 bits, sums included, as encrypted evaluation needs it")
        .real("--max-error", max_error_, 0, 100,
              "Largest error of an output in % of its range; values get 16 bits until it is kept to")
        .flag("--equalise", equalise_, "Balance the channels between layers first")
        .texts("--dim NAME=SIZE...", dims_, "Size of a dynamic dimension, by its name or as INPUT.AXIS")
        .texts("--fix NAME=VALUE...", fixed_,
               "An input that becomes part of the program: a number, or a file with one for each element")
        .choice("--clip", clip_, {"error", "extremes", "percentile"}, "How ranges are cut")
        .text("--name TEXT", metadata_.name, "Name of the model; the graph's when absent")
        .text("--author TEXT", metadata_.author, "Who made it")
        .text("--licence SPDX", metadata_.licence, "Licence, such as Apache-2.0")
        .text("--description TEXT", metadata_.description, "What it does");
  }

  Status check() const override {
    KOINON_TRY([[maybe_unused]] const auto dims, read_dims());
    return {};
  }

  Status run(Console& console) override {
    KOINON_TRY(const auto onnx, base::read_file(onnx_));
    engine::quantise::BuildOptions options;
    options.activations = std::stoi(activations_);
    if (!weights_.empty()) options.weights = std::stoi(weights_);
    if (profile_ == "private") options.profile = engine::quantise::Profile::small_sums;
    if (max_error_ > 0) options.max_error = max_error_ / 100;
    options.equalise = equalise_;
    options.clip = clip_ == "extremes"     ? engine::quantise::Clip::extremes
                   : clip_ == "percentile" ? engine::quantise::Clip::percentile
                                           : engine::quantise::Clip::error;
    options.metadata = metadata_;
    KOINON_TRY(options.dims, read_dims());
    KOINON_TRY(options.fixed, read_fixed(fixed_));
    options.folder = std::filesystem::absolute(onnx_).parent_path();
    KOINON_TRY(const auto samples, load_calibration(onnx, options.dims, calibrate_, options.folder, options.fixed));
    auto progress = console.progress();
    const auto begin = std::chrono::steady_clock::now();
    options.progress = [&](std::size_t done, std::size_t total) {
      if (!console.json() && std::chrono::steady_clock::now() - begin > std::chrono::seconds(1))  // short builds say nothing
        progress.stage(done < total ? "calibrating" : "making the program and comparing it with float");
      progress.update(done, total);
    };
    auto built = engine::quantise::build(onnx, samples, options);
    progress.finish();
    if (!built) return base::fail(std::move(built).error().within(onnx_));
    const auto bytes = engine::program::encode(built->program);
    KOINON_CHECK(base::write_file(output_, bytes));
    tell(console, *built, bytes.size());
    return {};
  }

 private:
  base::Result<std::map<std::string, std::int64_t>> read_dims() const {
    std::map<std::string, std::int64_t> out;
    for (const auto& dim : dims_) {
      const auto at = dim.rfind('=');
      std::int64_t size = 0;
      const auto* end = dim.data() + dim.size();
      const bool read = at != std::string::npos && at > 0 && std::from_chars(dim.data() + at + 1, end, size).ptr == end;
      if (!read || size < 1)
        return base::fail(Code::invalid_argument, "[model build] --dim '{}': NAME=SIZE expected, such as width=224", dim);
      out[dim.substr(0, at)] = size;
    }
    return out;
  }

  void tell(Console& console, const engine::quantise::Built& built, std::size_t bytes) const {
    const auto& program = built.program;
    const auto id = base::to_hex(engine::program::program_id(program));
    const auto operations = engine::program::operation_count(program);
    console.print(tensor_table(built.report) + "\n" + output_table(built.report.outputs, "output against float") + "\n");
    if (!built.report.standard.empty()) console.print(output_table(built.report.standard, "with the standard profile") + "\n");
    console.print(fmt::format("{}\n  program     {}\n  size        {}, {} steps, {} operations a run\n  calibrated  {}\n",
                              output_, id, size_text(bytes), program.steps.size(), operations, calibration_text(built.report)));
    console.object({{"program", id},
                    {"file", output_},
                    {"bytes", bytes},
                    {"steps", program.steps.size()},
                    {"operations", operations},
                    {"report", report_json(built.report)}});
    if (built.report.synthetic)
      console.note("koinon: calibrated with made-up inputs; for a program to use, give real ones: --calibrate FILE...");
  }

  static std::string calibration_text(const Report& report) {
    auto out = fmt::format("with {} {} sample{}, {} of them compared with float", report.samples,
                           report.synthetic ? "made-up" : "given", report.samples == 1 ? "" : "s", report.compared);
    if (report.widened > 0) out += fmt::format("; {} values have 16 bits", report.widened);
    if (report.equalised > 0) out += fmt::format("; {} pairs of layers balanced", report.equalised);
    if (!report.standard.empty()) out += fmt::format("; most values have {} bits", report.value_bits);
    return out;
  }

  std::string onnx_, output_, activations_ = "8", weights_, profile_ = "standard", clip_ = "error";
  double max_error_ = 0;
  bool equalise_ = false;
  std::vector<std::string> calibrate_, dims_, fixed_;
  engine::program::Metadata metadata_;
};

}  // namespace

std::unique_ptr<Command> make_model_build() { return std::make_unique<ModelBuild>(); }

}  // namespace koinon::cli
