#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.hpp"
#include "engine/onnx/read.hpp"
#include "engine/quantise/build.hpp"

// ONNX's own node tests (Debian's libonnx-testdata) as programs: how far the integers are from float, and what is not lowered.
namespace koinon::engine::quantise {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = "/usr/share/libonnx-testdata/data/node";

/// The test's inputs, when all of them are float tensors.
std::optional<std::vector<tensor::FloatTensor>> float_inputs(const fs::path& folder) {
  std::vector<tensor::FloatTensor> out;
  for (int i = 0;; ++i) {
    const auto path = folder / "test_data_set_0" / fmt::format("input_{}.pb", i);
    if (!fs::exists(path)) return out;
    const auto bytes = base::read_file(path);
    if (!bytes) return {};
    const auto value = onnx::read_tensor(*bytes);
    if (!value || !onnx::is_float(value->element)) return {};
    out.push_back({value->shape, value->floats});
  }
}

/// Largest error of any output as a share of its range; or the reason why there is no program.
base::Result<double> error_of(const fs::path& folder, int bits) {
  KOINON_TRY(const auto model, base::read_file(folder / "model.onnx"));
  const auto inputs = float_inputs(folder);
  if (!inputs) return base::fail(base::Code::unsupported, "inputs that are not float");
  BuildOptions options;
  options.activations = bits;
  KOINON_TRY(const auto built, build(model, {*inputs}, options));
  double worst = 0;
  for (const auto& output : built.report.outputs) worst = std::max(worst, output.relative);
  return worst;
}

TEST(node_models, become_programs_near_float) {
  if (!fs::exists(kRoot)) GTEST_SKIP() << "libonnx-testdata is not installed";
  const bool talk = std::getenv("KOINON_TABLE") != nullptr;
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(kRoot)) folders.insert(entry.path());
  int built = 0, near = 0;
  for (const auto& folder : folders) {
    const auto name = folder.filename().string();
    const auto fine = error_of(folder, 16);
    if (!fine) {
      EXPECT_NE(fine.error().code, base::Code::internal) << name << ": " << fine.error().text;
      if (talk) std::printf("%-60s %s\n", name.c_str(), fine.error().text.c_str());
      continue;
    }
    ++built;
    near += *fine <= 0.01;
    const auto coarse = error_of(folder, 8);
    if (talk) std::printf("%-60s %.6f %.6f\n", name.c_str(), *fine, coarse.value_or(-1));
  }
  std::printf("%d node tests are programs, %d of them within 1%% of the output's range at 16 bits\n", built, near);
  EXPECT_GE(built, 200);
  EXPECT_GE(near, built - 8);
}

}  // namespace
}  // namespace koinon::engine::quantise
