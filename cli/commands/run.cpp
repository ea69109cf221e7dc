#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/describe_output.hpp"
#include "cli/files/model_file.hpp"
#include "cli/files/npy.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"
#include "engine/program/inner.hpp"
#include "engine/run/execute.hpp"
#include "engine/run/roots.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Status;
using engine::tensor::IntTensor;
using nlohmann::json;

/// Writes the value of every step into a folder, and trace.json that lists them.
class TraceFolder {
 public:
  TraceFolder(std::filesystem::path folder, const engine::program::Program& program)
      : folder_(std::move(folder)), program_(program) {}

  Status begin(const std::vector<IntTensor>& inputs) {
    KOINON_CHECK(base::make_folder(folder_));
    for (const auto& input : inputs) KOINON_CHECK(add("input", input));
    return {};
  }
  void step(std::size_t number, std::span<const IntTensor* const> outputs) {
    for (const auto* output : outputs)
      if (status_) status_ = add(engine::program::step_name(program_.steps[number].kind), *output);
  }
  Status finish(const engine::run::Run& run) {
    if (!status_) return status_;
    const auto inner = engine::program::inner_values(program_);
    for (std::size_t i = 0; i < values_.size() && i < run.step_roots.size(); ++i) {
      values_[i]["root"] = base::to_hex(run.step_roots[i]);  // its item behind the trace root
      values_[i]["inner"] = static_cast<bool>(inner[i]);
    }
    const json index = {{"program", base::to_hex(engine::program::program_id(program_))},
                        {"trace_root", base::to_hex(run.trace_root)},
                        {"values", values_}};
    return base::write_file(folder_ / "trace.json", base::as_bytes(index.dump(1) + "\n"));
  }

 private:
  Status add(std::string_view step, const IntTensor& value) {
    const auto file = fmt::format("value-{:05}.npy", values_.size());
    KOINON_CHECK(base::write_file(folder_ / file, npy(value)));
    values_.push_back({{"value", values_.size()},
                       {"step", step},
                       {"dtype", dtype_name(value.dtype)},
                       {"shape", value.shape},
                       {"file", file}});
    return {};
  }

  std::filesystem::path folder_;
  const engine::program::Program& program_;
  json values_ = json::array();
  Status status_;
};

class RunCommand final : public Command {
 public:
  RunCommand() : Command({"run", "Run a program here", "koinon run digits.koinon --input examples/digits/digit-7.png"}) {}

  void options(Line& line) override {
    line.text("program", program_, "The .koinon file", Need::required)
        .text("--input FILE", input_, "Input: .json {\"input_data\": [[...]]}, .npy, .npz, .png or .jpg", Need::required)
        .text("--trace DIR", trace_, "Write every step's output into this folder")
        .text("--output FILE", output_, "Write the outputs: .json, or .npy when there is one")
        .text("--salt HEX", salt_,
              "The salt of an order: also print the input root that it bound. An order's own input root is salted, so that "
              "nobody can guess a small input from it")
        .number("--threads N", threads_, 0, 1024, "Threads; 0: one a core. The result never depends on it");
  }

  Status check() const override {
    if (!salt_.empty() && !base::fixed_from_hex<32>(salt_))
      return base::fail(Code::invalid_argument,
                        "[run] --salt '{}': 0x and 64 hex digits expected, as koinon orders show prints it", clean(salt_, 80));
    return {};
  }

  Status run(Console& console) override {
    KOINON_TRY(const auto model, ModelFile::load(program_));
    KOINON_TRY(const auto inputs, load_inputs(model.program, input_));
    if (inputs.clamped.count > 0) console.note("koinon: " + inputs.clamped.text);
    KOINON_TRY(const auto done, execute(console, model.program, inputs.tensors));
    auto result = result_json(model.program, done);
    result["clamped"] = inputs.clamped.count;
    base::Hash salted;
    if (!salt_.empty()) {
      KOINON_TRY(const auto salt, base::fixed_from_hex<32>(salt_));
      salted = engine::run::salted_input_root(salt, inputs.tensors);
      result["salted_input_root"] = base::to_hex(salted);
    }
    if (!output_.empty()) KOINON_CHECK(write_output(model.program, done, result));
    print(console, model.program, done);
    if (!salt_.empty())
      console.print(fmt::format("order's root {}, the input root of an order with this salt\n", base::to_hex(salted)));
    console.object(result);
    return {};
  }

 private:
  base::Result<engine::run::Run> execute(Console& console, const engine::program::Program& program,
                                         const std::vector<IntTensor>& inputs) const {
    base::ThreadPool pool(static_cast<std::size_t>(threads_));
    auto progress = console.progress();
    TraceFolder trace(trace_, program);
    engine::run::RunOptions options;
    options.pool = &pool;
    options.progress = [&](std::uint64_t ready, std::uint64_t total) { progress.update(ready, total); };
    if (!trace_.empty()) {
      KOINON_CHECK(trace.begin(inputs));
      options.sink = [&](std::size_t number, std::span<const IntTensor* const> outputs) { trace.step(number, outputs); };
    }
    KOINON_TRY(auto done, engine::run::execute(program, inputs, options));
    if (!trace_.empty()) KOINON_CHECK(trace.finish(done));
    return done;
  }

  static json result_json(const engine::program::Program& program, const engine::run::Run& done) {
    return {{"program", base::to_hex(engine::program::program_id(program))},
            {"outputs", engine::io::outputs_json(program, done.outputs)},
            {"input_root", base::to_hex(done.input_root)},
            {"output_root", base::to_hex(done.output_root)},
            {"trace_root", base::to_hex(done.trace_root)},
            {"seconds", done.seconds},
            {"peak_bytes", done.peak_bytes},
            {"operations", engine::program::operation_count(program)}};
  }

  Status write_output(const engine::program::Program& program, const engine::run::Run& done, const json& result) const {
    if (!output_.ends_with(".npy")) return base::write_file(output_, base::as_bytes(result.dump(2) + "\n"));
    if (done.outputs.size() != 1)
      return base::fail(Code::invalid_argument, "[run] --output {}: {} outputs, and .npy holds one: use .json", output_,
                        done.outputs.size());
    const auto real = engine::io::dequantise(done.outputs[0], program.outputs[0].scale);
    return base::write_file(output_, npy(done.outputs[0].shape, real));
  }

  void print(Console& console, const engine::program::Program& program, const engine::run::Run& done) const {
    for (std::size_t i = 0; i < done.outputs.size(); ++i) console.print(describe_output(program, i, done.outputs[i]) + "\n");
    console.print(fmt::format("program      {}  {}\ninput root   {}\noutput root  {}\ntrace root   {}\n",
                              base::to_hex(engine::program::program_id(program)), clean(program.metadata.name, 60),
                              base::to_hex(done.input_root), base::to_hex(done.output_root), base::to_hex(done.trace_root)));
    console.print(fmt::format("{} operations in {}, {} of tensors at most\n", engine::program::operation_count(program),
                              seconds_text(done.seconds), size_text(done.peak_bytes)));
    if (!trace_.empty()) console.print(fmt::format("trace        {}/trace.json\n", trace_));
    if (!output_.empty()) console.print(fmt::format("outputs      {}\n", output_));
  }

  std::string program_, input_, trace_, output_, salt_;
  std::int64_t threads_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_run() { return std::make_unique<RunCommand>(); }

}  // namespace koinon::cli
