#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/files/model_file.hpp"
#include "cli/graph/svg.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"
#include "engine/program/bounds.hpp"
#include "trust/optimistic/disputable.hpp"
#include "trust/proof/prove.hpp"

namespace koinon::cli {
namespace {

using engine::program::Program;
using engine::program::Range;
using engine::program::TensorInfo;
using engine::tensor::shape_text;
using nlohmann::json;

constexpr std::size_t kMostRows = 400;  ///< of a table for people

std::string info_text(const TensorInfo& info) { return fmt::format("{} {}", dtype_name(info.dtype), shape_text(info.shape)); }

std::string ref_text(engine::program::Ref ref) {
  static constexpr std::string_view kLetters = "vwt?";
  return fmt::format("{}{}", kLetters[static_cast<std::size_t>(ref.source())], ref.index());
}

const TensorInfo& info_of(const Program& program, engine::program::Ref ref) {
  auto at = ref.index();
  if (at < program.inputs.size()) return program.inputs[at].info;
  for (const auto& step : program.steps)
    if (at - step.first_output < step.outputs.size() && at >= step.first_output) return step.outputs[at - step.first_output];
  KOINON_INVARIANT(false);
  std::abort();
}

std::string steps_table(const Program& program, const std::vector<Range>& ranges) {
  using enum Table::Align;
  Table table({{"#", right}, {"step"}, {"takes"}, {"gives"}, {"type"}, {"lowest", right}, {"highest", right}});
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    const auto& step = program.steps[s];
    std::string takes;
    for (const auto operand : step.operands) takes += (takes.empty() ? "" : " ") + ref_text(operand);
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const auto value = step.first_output + o;
      const bool known = value < ranges.size();
      table.add({o == 0 ? std::to_string(s) : "", o == 0 ? std::string(step_name(step.kind)) : "", o == 0 ? takes : "",
                 fmt::format("v{}", value), info_text(step.outputs[o]), known ? std::to_string(ranges[value].low) : "?",
                 known ? std::to_string(ranges[value].high) : "?"});
    }
  }
  return table.text(kMostRows);
}

std::uint64_t data_bytes(const std::vector<engine::program::Constant>& constants) {
  std::uint64_t out = 0;
  for (const auto& c : constants)
    out += static_cast<std::uint64_t>(engine::tensor::element_count(c.info.shape)) * dtype_size(c.info.dtype);
  return out;
}

json steps_json(const Program& program, const std::vector<Range>& ranges) {
  auto out = json::array();
  for (const auto& step : program.steps) {
    json one = {{"kind", step_name(step.kind)}, {"takes", json::array()}, {"gives", json::array()}, {"params", step.params}};
    for (const auto operand : step.operands) one["takes"].push_back(ref_text(operand));
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const auto value = step.first_output + o;
      json given = {{"value", value}, {"dtype", dtype_name(step.outputs[o].dtype)}, {"shape", step.outputs[o].shape}};
      if (value < ranges.size()) given["range"] = {ranges[value].low, ranges[value].high};
      one["gives"].push_back(std::move(given));
    }
    out.push_back(std::move(one));
  }
  return out;
}

json program_json(const ModelFile& model, const std::vector<Range>& ranges) {
  const auto& program = model.program;
  const auto roots = engine::program::roots(program);
  json out = {{"program", base::to_hex(roots.id)},
              {"version", program.version},
              {"name", program.metadata.name},
              {"author", program.metadata.author},
              {"licence", program.metadata.licence},
              {"description", program.metadata.description},
              {"bytes", model.bytes.size()},
              {"weights_bytes", data_bytes(program.weights)},
              {"tables_bytes", data_bytes(program.tables)},
              {"weights", program.has_weights() ? "included" : "hidden"},
              {"operations", engine::program::operation_count(program)},
              {"roots",
               {{"io", base::to_hex(roots.io)},
                {"steps", base::to_hex(roots.steps)},
                {"weights", base::to_hex(roots.weights)},
                {"tables", base::to_hex(roots.tables)}}},
              {"inputs", json::array()},
              {"outputs", json::array()},
              {"steps", steps_json(program, ranges)}};
  for (const auto& input : program.inputs)
    out["inputs"].push_back({{"name", input.name},
                             {"dtype", dtype_name(input.info.dtype)},
                             {"shape", input.info.shape},
                             {"unit", input.scale.real()},
                             {"range", {input.low, input.high}}});
  for (const auto& output : program.outputs) {
    const auto& info = info_of(program, output.ref);
    out["outputs"].push_back(
        {{"name", output.name}, {"dtype", dtype_name(info.dtype)}, {"shape", info.shape}, {"unit", output.scale.real()}});
  }
  return out;
}

/// Values of a program beyond which stating the cost of a proof takes too long for a look at it.
constexpr std::uint64_t kQuickValues = 1 << 22;

/// What a proof of a run takes, with weights public and hidden.
struct Provable {
  std::string mode;
  base::Result<trust::proof::Cost> cost;
};

std::vector<Provable> provable(const engine::program::Program& program) {
  std::uint64_t values = 0;
  for (const auto& step : program.steps)
    for (const auto& info : step.outputs) values += static_cast<std::uint64_t>(engine::tensor::element_count(info.shape));
  std::vector<Provable> out;
  if (values > kQuickValues || !program.has_weights()) return out;
  out.push_back({"public weights", trust::proof::cost(program, {})});
  out.push_back({"hidden weights", trust::proof::cost(program, {true, false})});
  return out;
}

std::string provable_text(const std::vector<Provable>& modes) {
  std::string out;
  for (const auto& [mode, cost] : modes)
    out +=
        cost ? fmt::format("{:<12} {}: {} constraints, about {} of memory and {} of processor time, at most {}, {:.1f} bits\n",
                           "proof", mode, cost->rows, size_text(cost->memory_bytes), seconds_text(cost->cpu_seconds),
                           size_text(cost->bytes), cost->soundness_bits)
             : fmt::format("{:<12} {}: none: {}\n", "proof", mode, cost.error().text);
  return out;
}

json provable_json(const std::vector<Provable>& modes) {
  json out = json::array();
  for (const auto& [mode, cost] : modes)
    out.push_back(cost ? json{{"mode", mode},
                              {"constraints", cost->rows},
                              {"memory_bytes", cost->memory_bytes},
                              {"cpu_seconds", cost->cpu_seconds},
                              {"bytes", cost->bytes},
                              {"soundness_bits", cost->soundness_bits}}
                       : json{{"mode", mode}, {"refused", cost.error().text}});
  return out;
}

/// The longest proof of a wrong element in an optimistic order.
trust::optimistic::ProofBound longest_dispute(const Program& program) {
  trust::optimistic::ProofBound out;
  for (std::size_t step = 0; step < program.steps.size(); ++step) {
    if (program.steps[step].inner) continue;
    const auto bound = trust::optimistic::proof_bound(program, step);
    out.bytes = std::max(out.bytes, bound.bytes);
    out.gas = std::max(out.gas, bound.gas);
  }
  return out;
}

std::string dispute_text(const Program& program) {
  if (const auto fit = trust::optimistic::disputable(program); !fit)
    return fmt::format("{:<12} no optimistic orders: {}\n", "dispute", fit.error().text);
  const auto longest = longest_dispute(program);
  return fmt::format("{:<12} any wrong element is shown in at most {} and {:.1f} million gas\n", "dispute",
                     size_text(longest.bytes), static_cast<double>(longest.gas) / 1e6);
}

json dispute_json(const Program& program) {
  if (const auto fit = trust::optimistic::disputable(program); !fit) return {{"refused", fit.error().text}};
  const auto longest = longest_dispute(program);
  return {{"bytes", longest.bytes}, {"gas", longest.gas}};
}

std::string head_text(const ModelFile& model) {
  const auto& program = model.program;
  const auto& about = program.metadata;
  const auto line = [](std::string_view title, std::string_view text) {
    return text.empty() ? std::string() : fmt::format("{:<12} {}\n", title, clean(text));
  };
  auto out = line("name", about.name) + line("author", about.author) + line("licence", about.licence) +
             line("description", about.description) + line("program", base::to_hex(engine::program::program_id(program)));
  out += line("file", fmt::format("{}, format {}", size_text(model.bytes.size()), program.version));
  out += line("weights", fmt::format("{} tensors, {}{}", program.weights.size(), size_text(data_bytes(program.weights)),
                                     program.has_weights() ? "" : ", hidden"));
  out += line("tables", fmt::format("{}, {}", program.tables.size(), size_text(data_bytes(program.tables))));
  out += line("operations", fmt::format("{} a run", engine::program::operation_count(program)));
  for (std::size_t i = 0; i < program.inputs.size(); ++i)
    out += line("input", fmt::format("v{} {}", i, port_text(program.inputs[i])));
  for (const auto& output : program.outputs)
    out += line("output", fmt::format("{} {} {}, unit {:.4g}", ref_text(output.ref), clean(output.name, 60),
                                      info_text(info_of(program, output.ref)), output.scale.real()));
  return out;
}

class ModelInspect final : public Command {
 public:
  ModelInspect()
      : Command({"model inspect", "Show a program: id, steps, shapes, bounds, sizes", "koinon model inspect digits.koinon"}) {}

  void options(Line& line) override {
    line.text("program", file_, "The .koinon file", Need::required)
        .text("--svg FILE", svg_, "Also draw the program: steps, shapes, bits; blocks that repeat once");
  }

  base::Status run(Console& console) override {
    KOINON_TRY(const auto model, ModelFile::load(file_));
    std::vector<Range> ranges;
    if (model.program.has_weights()) {
      KOINON_TRY(ranges, engine::program::analyse(model.program));
    }
    if (!svg_.empty()) KOINON_CHECK(base::write_file(svg_, base::as_bytes(program_svg(model.program, ranges))));
    const auto proofs = provable(model.program);
    console.print(head_text(model) + provable_text(proofs) + dispute_text(model.program) + "\n" +
                  steps_table(model.program, ranges));
    console.print("\nv: a value (inputs first), w: a weight, t: a table. Lowest and highest hold for every input.\n");
    if (!svg_.empty()) console.note("koinon: drawn in " + svg_);
    auto object = program_json(model, ranges);
    object["proofs"] = provable_json(proofs);
    object["dispute"] = dispute_json(model.program);
    console.object(object);
    return {};
  }

 private:
  std::string file_, svg_;
};

/// The public description of a program: what a buyer or a verifier needs, without the weights.
class ModelPublish final : public Command {
 public:
  ModelPublish()
      : Command({"model publish", "Write the public description of a program: everything but its weights, with the same id",
                 "koinon model publish digits.koinon -o digits-public.koinon"}) {}

  void options(Line& line) override {
    line.text("program", file_, "The .koinon file, with its weights", Need::required)
        .text("-o,--output FILE", output_, "The public description to write", Need::required);
  }

  base::Status run(Console& console) override {
    KOINON_TRY(const auto model, ModelFile::load(file_));
    const auto bytes = engine::program::encode(model.program, false);
    std::error_code error;
    if (model.program.has_weights() && std::filesystem::equivalent(file_, output_, error))
      return base::fail(base::Code::conflict, "[model publish] {} holds the weights: name another file to write", output_);
    KOINON_CHECK(base::write_file(output_, bytes));
    const auto id = base::to_hex(engine::program::program_id(model.program));
    console.print(
        fmt::format("{}\n  program     {}\n  size        {} of {}: without the weights, which their root in the id names\n"
                    "Proofs with hidden weights are checked with it: koinon verify PROOF --program {}\n",
                    output_, id, size_text(bytes.size()), size_text(model.bytes.size()), output_));
    console.object({{"program", id}, {"file", output_}, {"bytes", bytes.size()}});
    return {};
  }

 private:
  std::string file_, output_;
};

}  // namespace

std::unique_ptr<Command> make_model_publish() { return std::make_unique<ModelPublish>(); }
std::unique_ptr<Command> make_model_inspect() { return std::make_unique<ModelInspect>(); }

}  // namespace koinon::cli
