#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "base/file.hpp"
#include "engine/operators/import.hpp"

// The float test vectors of ONNX itself (Debian's libonnx-testdata) for every operator that we have.
namespace koinon::engine::operators {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = "/usr/share/libonnx-testdata/data/node";

/// What became of a test: passed, or why not.
struct Outcome {
  enum { passed, left_out, failed } kind = failed;
  std::string why;
};

Result<Value> tensor_file(const fs::path& path) {
  KOINON_TRY(const auto bytes, base::read_file(path));
  return onnx::read_tensor(bytes);
}

bool close(double got, double want) {
  if (std::isnan(want) || std::isinf(want)) return (std::isnan(got) && std::isnan(want)) || got == want;
  return std::fabs(got - want) <= 1e-5 + 1e-4 * std::fabs(want);
}

Outcome compare(const Value& got, const Value& want) {
  if (got.type() != want.type())
    return {Outcome::failed,
            fmt::format("{} {} where {} {} is right", onnx::element_name(got.element), tensor::shape_text(got.shape),
                        onnx::element_name(want.element), tensor::shape_text(want.shape))};
  for (std::int64_t i = 0; i < want.size(); ++i)
    if (!close(got.real(i), want.real(i)))
      return {Outcome::failed, fmt::format("element {}: {} where {} is right", i, got.real(i), want.real(i))};
  return {Outcome::passed, ""};
}

Outcome run(const fs::path& folder) {
  const auto bytes = base::read_file(folder / "model.onnx");
  if (!bytes) return {Outcome::failed, bytes.error().text};
  const auto data = folder / "test_data_set_0";
  // Inputs that shape the graph must be known: a model whose import needs one is left out.
  const auto graph = import_model(*bytes);
  if (!graph) return {graph.error().code == Code::unsupported ? Outcome::left_out : Outcome::failed, graph.error().text};
  std::vector<Value> inputs;
  for (std::size_t i = 0; i < graph->inputs.size(); ++i) {
    auto value = tensor_file(data / fmt::format("input_{}.pb", i));
    if (!value) return {Outcome::failed, value.error().text};
    inputs.push_back(*std::move(value));
  }
  const auto values = run_reference(*graph, inputs);
  if (!values) return {Outcome::failed, values.error().text};
  for (std::size_t i = 0; i < graph->outputs.size(); ++i) {
    const auto want = tensor_file(data / fmt::format("output_{}.pb", i));
    if (!want) return {Outcome::failed, want.error().text};
    const auto& got = (*values)[static_cast<std::size_t>(graph->outputs[i])];
    if (!got) return {Outcome::failed, "no output"};
    if (auto outcome = compare(*got, *want); outcome.kind != Outcome::passed) return outcome;
  }
  return {Outcome::passed, ""};
}

TEST(conformance, passes_every_onnx_node_test_that_imports) {
  if (!fs::exists(kRoot)) GTEST_SKIP() << "libonnx-testdata is not installed";
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(kRoot)) folders.insert(entry.path());
  int passed = 0, left_out = 0;
  for (const auto& folder : folders) {
    // These vectors are stored as uint16.
    const bool mistyped = folder.filename().string().find("BFLOAT16") != std::string::npos;
    const auto outcome = mistyped ? Outcome{Outcome::left_out, "vectors of another type"} : run(folder);
    if (outcome.kind == Outcome::failed) ADD_FAILURE() << folder.filename().string() << ": " << outcome.why;
    passed += outcome.kind == Outcome::passed;
    left_out += outcome.kind == Outcome::left_out;
  }
  RecordProperty("passed", passed);
  RecordProperty("left_out", left_out);
  std::printf("%d passed, %d need operators or types that are not there yet\n", passed, left_out);
  EXPECT_GE(passed, 260);
}

}  // namespace
}  // namespace koinon::engine::operators
