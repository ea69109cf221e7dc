#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.hpp"
#include "engine/operators/import.hpp"
#include "onnx-ml.pb.h"

// The node tests of ONNX itself (Debian's libonnx-testdata): each passes or has its reason in docs/engine-operators.md, which
// this test writes when KOINON_WRITE_DOCS is set.
namespace koinon::engine::operators {
namespace {

namespace fs = std::filesystem;
/// KOINON_NODE_TESTS names another folder of such tests, such as those of a newer ONNX; the page is then left alone.
const char* const kOther = std::getenv("KOINON_NODE_TESTS");
const fs::path kRoot = kOther != nullptr ? kOther : "/usr/share/libonnx-testdata/data/node";
const fs::path kTable = "docs/engine-operators.md";

/// What became of a test: passed, or why not.
struct Outcome {
  enum { passed, left_out, failed } kind = failed;
  std::string why;
};

/// A tensor of a test. Those of bfloat16 are stored as the uint16 of their bits.
Result<Value> tensor_file(const fs::path& path, bool bits = false) {
  KOINON_TRY(const auto bytes, base::read_file(path));
  KOINON_TRY(auto value, onnx::read_tensor(bytes));
  if (!bits || value.element != Element::u16) return value;
  for (auto v : value.ints) value.floats.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(v) << 16));
  value.ints.clear();
  value.element = Element::bf16;
  return value;
}

bool close(double got, double want) {
  if (std::isnan(want) || std::isinf(want)) return (std::isnan(got) && std::isnan(want)) || got == want;
  return std::fabs(got - want) <= 1e-5 + 1e-3 * std::fabs(want);
}

/// Random operators draw from a seed of ours: only type and shape are the standard's.
bool drawn(const std::string& name) { return name.find("bernoulli") != std::string::npos; }

Outcome compare(const Value& got, const Value& want, bool any) {
  if (got.type() != want.type())
    return {Outcome::failed,
            fmt::format("{} {} where {} {} is right", onnx::element_name(got.element), tensor::shape_text(got.shape),
                        onnx::element_name(want.element), tensor::shape_text(want.shape))};
  for (std::int64_t i = 0; i < want.size() && !any; ++i)
    if (!close(got.real(i), want.real(i)))
      return {Outcome::failed, fmt::format("element {}: {} where {} is right", i, got.real(i), want.real(i))};
  return {Outcome::passed, ""};
}

/// Names of a model's inputs, in the order of its data.
std::vector<std::string> input_names(base::ByteView bytes) {
  ::onnx::ModelProto model;
  std::vector<std::string> out;
  if (model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    for (const auto& input : model.graph().input()) out.push_back(input.name());
  return out;
}

Outcome run(const fs::path& folder, bool bits) {
  const auto bytes = base::read_file(folder / "model.onnx");
  if (!bytes) return {Outcome::failed, bytes.error().text};
  const auto data = folder / "test_data_set_0";
  auto graph = import_model(*bytes);
  bool fixed = false;
  std::string why = graph ? "" : graph.error().text;
  if (!graph) {
    // Inputs that shape the graph must be known: with all of them fixed the model folds to its answer.
    ImportOptions options;
    const auto names = input_names(*bytes);
    for (std::size_t i = 0; i < names.size(); ++i)
      if (auto value = tensor_file(data / fmt::format("input_{}.pb", i), bits))
        options.read.fixed[names[i]] = *std::move(value);
    graph = import_model(*bytes, options);
    fixed = true;
  }
  if (!graph) return {graph.error().code == Code::unsupported ? Outcome::left_out : Outcome::failed, graph.error().text};
  std::vector<Value> inputs;
  for (std::size_t i = 0; !fixed && i < graph->inputs.size(); ++i) {
    auto value = tensor_file(data / fmt::format("input_{}.pb", i), bits);
    if (!value) return {Outcome::failed, value.error().text};
    inputs.push_back(*std::move(value));
  }
  const auto values = run_reference(*graph, inputs);
  if (!values) return {values.error().code == Code::unsupported ? Outcome::left_out : Outcome::failed, values.error().text};
  for (std::size_t i = 0; i < graph->outputs.size(); ++i) {
    const auto want = tensor_file(data / fmt::format("output_{}.pb", i), bits);
    if (!want) return {Outcome::failed, want.error().text};
    const auto& got = (*values)[static_cast<std::size_t>(graph->outputs[i])];
    if (!got) return {Outcome::failed, "no output"};
    auto outcome = compare(*got, *want, drawn(folder.filename().string()));
    if (outcome.kind != Outcome::passed) return outcome;
  }
  return {Outcome::passed, ""};
}

/// The reason of an error, without the name of the node.
std::string reason(const std::string& text) {
  const auto node = text.find("(");
  auto out = text.starts_with("[onnx] node '") && node != std::string::npos ? text.substr(node) : text;
  std::ranges::replace(out, '|', '/');
  return out;
}

/// The page: what is there, and what is left out.
std::string page(const std::map<std::string, Outcome>& outcomes) {
  std::map<std::string, std::set<std::string>> families;
  std::size_t passed = 0;
  for (const auto& [name, outcome] : outcomes) {
    passed += outcome.kind == Outcome::passed;
    if (outcome.kind != Outcome::passed) families[reason(outcome.why)].insert(name);
  }
  std::string out = fmt::format(
      "# Operators\n\nWritten by the conformance test (`KOINON_WRITE_DOCS=1 engine_operators_test`), which fails when this "
      "page is "
      "not what it finds.\n\nOf the {} node tests of ONNX (libonnx-testdata) {} pass in the float reference executor; {} are "
      "left "
      "out.\n\n## What is there\n\n\"Steps\" become steps of a program, \"nodes\" become other nodes at import, \"constants\" "
      "have to be "
      "known at import.\n\n| operator | since opset | becomes |\n|---|---|---|\n",
      outcomes.size(), passed, outcomes.size() - passed);
  std::map<std::string, std::string> rows;
  for (const auto* op : all_operators()) {
    const auto* how = op->lower != nullptr ? "steps" : op->expand != nullptr ? "nodes" : "constants";
    auto& row = rows[std::string(op->name)];
    const auto text = fmt::format("| {} | {} | {} |\n", op->name, op->first_opset, how);
    if (row.empty()) row = text;
  }
  for (const auto& [name, row] : rows) out += row;
  out += "\n## Tests left out\n\n| why | tests |\n|---|---|\n";
  for (const auto& [why, names] : families) out += fmt::format("| {} | {} |\n", why, fmt::join(names, ", "));
  return out;
}

TEST(conformance, passes_every_onnx_node_test_or_says_why_not) {
  if (!fs::exists(kRoot)) GTEST_SKIP() << "libonnx-testdata is not installed";
  std::map<std::string, Outcome> outcomes;
  int passed = 0;
  for (const auto& entry : fs::directory_iterator(kRoot)) {
    const auto name = entry.path().filename().string();
    const bool bits = name.find("BFLOAT16") != std::string::npos;
    auto outcome = run(entry.path(), bits);
    if (bits && outcome.kind == Outcome::failed)
      outcome = {Outcome::left_out,
                 "its vectors are not the standard's (bfloat16 cut off, not rounded, or of another shape than the model's)"};
    if (outcome.kind == Outcome::failed) ADD_FAILURE() << name << ": " << outcome.why;
    passed += outcome.kind == Outcome::passed;
    outcomes[name] = std::move(outcome);
  }
  std::printf("%d of %zu pass\n", passed, outcomes.size());
  if (kOther != nullptr) {
    for (const auto& [name, outcome] : outcomes)
      if (outcome.kind == Outcome::left_out) std::printf("%s: %s\n", name.c_str(), outcome.why.c_str());
    return;
  }
  EXPECT_GE(passed, 870);
  const auto text = page(outcomes);
  if (std::getenv("KOINON_WRITE_DOCS") != nullptr) {
    ASSERT_TRUE(base::write_file(kTable, base::as_bytes(text)));
    return;
  }
  const auto there = base::read_file(kTable);
  ASSERT_TRUE(there) << "run with KOINON_WRITE_DOCS=1 and commit the page";
  EXPECT_EQ(std::string(there->begin(), there->end()), text) << "run with KOINON_WRITE_DOCS=1 and commit the page";
}

}  // namespace
}  // namespace koinon::engine::operators
