#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <set>

#include "base/file.hpp"
#include "engine/onnx/read.hpp"
#include "engine/quantise/build.hpp"
#include "onnx-ml.pb.h"

// ONNX's own node tests (Debian's libonnx-testdata) as programs: how far the integers are from float, and what is not lowered.
namespace koinon::engine::quantise {
namespace {

namespace fs = std::filesystem;
const fs::path kRoot = "/usr/share/libonnx-testdata/data/node";

/// A test's model and inputs; inputs from `first_fixed` on are made constants of the model.
struct Case {
  base::Bytes model;
  std::vector<tensor::FloatTensor> inputs;
};

base::Result<Case> read_case(const fs::path& folder, int first_fixed) {
  KOINON_TRY(const auto bytes, base::read_file(folder / "model.onnx"));
  ::onnx::ModelProto model;
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return base::fail(base::Code::malformed, "a model that does not parse");
  Case out;
  for (int i = 0; i < model.graph().input_size(); ++i) {
    KOINON_TRY(const auto data, base::read_file(folder / "test_data_set_0" / fmt::format("input_{}.pb", i)));
    if (i >= first_fixed) {
      auto* constant = model.mutable_graph()->add_initializer();
      if (!constant->ParseFromArray(data.data(), static_cast<int>(data.size())))
        return base::fail(base::Code::unsupported, "an input that is no tensor");
      constant->set_name(model.graph().input(i).name());
      continue;
    }
    KOINON_TRY(const auto value, onnx::read_tensor(data));
    tensor::FloatTensor input{value.shape, value.floats};
    for (auto v : value.ints) input.data.push_back(static_cast<float>(v));
    out.inputs.push_back(std::move(input));
  }
  const auto text = model.SerializeAsString();
  out.model.assign(text.begin(), text.end());
  return out;
}

/// Largest error of any output as a share of its range; or the reason why there is no program.
base::Result<double> error_of(const Case& test, int bits) {
  BuildOptions options;
  options.activations = bits;
  KOINON_TRY(const auto built, build(test.model, {test.inputs}, options));
  double worst = 0;
  for (const auto& output : built.report.outputs) worst = std::max(worst, output.relative);
  return worst;
}

struct Tally {
  int built = 0, near = 0;
  bool talk = false;

  void add(const std::string& name, const Case& test) {
    const auto fine = error_of(test, 16);
    if (!fine) {
      EXPECT_NE(fine.error().code, base::Code::internal) << name << ": " << fine.error().text;
      if (talk) std::printf("%-60s %s\n", name.c_str(), fine.error().text.c_str());
      return;
    }
    ++built;
    near += *fine <= 0.01;
    const auto coarse = error_of(test, 8);
    if (talk) std::printf("%-60s %.6f %.6f\n", name.c_str(), *fine, coarse.value_or(-1));
  }
};

TEST(node_models, become_programs_near_float) {
  if (!fs::exists(kRoot)) GTEST_SKIP() << "libonnx-testdata is not installed";
  Tally tally;
  tally.talk = std::getenv("KOINON_TABLE") != nullptr;
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(kRoot)) folders.insert(entry.path());
  for (const auto& folder : folders) {
    const auto name = folder.filename().string();
    // As it is, and with every input but the first a constant, as weights are.
    if (const auto test = read_case(folder, 1 << 20)) tally.add(name, *test);
    if (!fs::exists(folder / "test_data_set_0/input_1.pb")) continue;
    if (const auto test = read_case(folder, 1)) tally.add(name + " (constants)", *test);
  }
  std::printf("%d node tests are programs, %d of them within 1%% of the output's range at 16 bits\n", tally.built, tally.near);
  // What is further off: truth of values that no integer has (IsNaN, IsInf), ties and steps that a unit decides (rounding,
  // nearest places), and ranges that leave 16 bits no digits (a logarithm of 10^4).
  EXPECT_GE(tally.built, 900);
  EXPECT_GE(tally.near, tally.built - 16);
}

}  // namespace
}  // namespace koinon::engine::quantise
