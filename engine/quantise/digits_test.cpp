#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>

#include "base/file.hpp"
#include "engine/operators/import.hpp"
#include "engine/program/bounds.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/execute.hpp"

// The committed example models on their committed test set.
namespace koinon::engine::quantise {
namespace {

/// Bytes of a gzip file behind a header of `skip` bytes.
std::vector<std::uint8_t> unpacked(const std::string& path, std::size_t skip) {
  gzFile file = gzopen(path.c_str(), "rb");
  EXPECT_NE(file, nullptr) << path;
  std::vector<std::uint8_t> out(1 << 21);
  const int n = gzread(file, out.data(), static_cast<unsigned>(out.size()));
  gzclose(file);
  out.resize(static_cast<std::size_t>(std::max(n, 0)));
  out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(std::min(skip, out.size())));
  return out;
}

struct Digits {
  std::vector<tensor::FloatTensor> images;  ///< [1, 1, 28, 28] in [0, 1]
  std::vector<std::uint8_t> labels;
};

const Digits& digits() {
  static const Digits all = [] {
    Digits out;
    const auto pixels = unpacked("examples/digits/test-images.idx3.gz", 16);
    out.labels = unpacked("examples/digits/test-labels.idx1.gz", 8);
    for (std::size_t i = 0; i + 784 <= pixels.size(); i += 784) {
      tensor::FloatTensor image{{1, 1, 28, 28}, {}};
      for (std::size_t k = 0; k < 784; ++k) image.data.push_back(static_cast<float>(pixels[i + k]) / 255.0F);
      out.images.push_back(std::move(image));
    }
    return out;
  }();
  return all;
}

std::size_t best(const std::vector<double>& scores) {
  return static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
}

std::size_t float_answer(const onnx::Graph& graph, const tensor::FloatTensor& image) {
  const auto values = operators::run_reference(graph, {onnx::Value::of_floats(image.shape, image.data)});
  const auto& y = *(*values)[static_cast<std::size_t>(graph.outputs[0])];
  return best({y.floats.begin(), y.floats.end()});
}

std::size_t program_answer(const program::Program& program, const tensor::FloatTensor& image) {
  const auto& input = program.inputs[0];
  auto x = tensor::IntTensor::zeros(input.info.dtype, input.info.shape);
  for (std::int64_t i = 0; i < x.size(); ++i) {
    const double v = static_cast<double>(image.data[static_cast<std::size_t>(i)]) / input.scale.real();
    x.set(i, std::clamp(static_cast<std::int64_t>(std::floor(v + 0.5)), input.low, input.high));
  }
  run::RunOptions options;
  options.trace = false;
  const auto done = run::execute(program, {&x, 1}, options);
  EXPECT_TRUE(done) << (done ? "" : done.error().text);
  std::vector<double> scores;
  for (std::int64_t i = 0; i < done->outputs[0].size(); ++i) scores.push_back(static_cast<double>(done->outputs[0].at(i)));
  return best(scores);
}

Built built(const std::string& model, const BuildOptions& options) {
  const auto bytes = base::read_file("examples/digits/" + model);
  std::vector<std::vector<tensor::FloatTensor>> samples;
  for (std::size_t i = 0; i < 64; ++i) samples.push_back({digits().images[i]});
  auto out = build(*bytes, samples, options);
  EXPECT_TRUE(out) << (out ? "" : out.error().text);
  return *std::move(out);
}

Built built(const std::string& model, int bits) {
  BuildOptions options;
  options.activations = bits;
  return built(model, options);
}

class Models : public testing::TestWithParam<const char*> {};

TEST_P(Models, lose_at_most_half_a_point_at_8_bits) {
  const auto bytes = base::read_file(std::string("examples/digits/") + GetParam());
  const auto graph = operators::import_model(*bytes);
  ASSERT_TRUE(graph) << graph.error().text;
  const auto eight = built(GetParam(), 8);
  ASSERT_EQ(digits().images.size(), 1000U);
  int exact = 0, integer = 0;
  for (std::size_t i = 0; i < digits().images.size(); ++i) {
    exact += float_answer(*graph, digits().images[i]) == digits().labels[i];
    integer += program_answer(eight.program, digits().images[i]) == digits().labels[i];
  }
  std::printf("%s: %.1f%% float, %.1f%% at 8 bits; largest error %.4f of the range\n", GetParam(), exact / 10.0, integer / 10.0,
              eight.report.outputs[0].relative);
  EXPECT_GT(exact, 950);
  EXPECT_GE(integer, exact - 5);
}

TEST_P(Models, are_within_one_percent_at_16_bits) {
  const auto sixteen = built(GetParam(), 16);
  EXPECT_LT(sixteen.report.outputs[0].relative, 0.01);
  EXPECT_FALSE(sixteen.report.synthetic);
}

TEST_P(Models, are_the_same_bytes_when_built_again) {
  EXPECT_EQ(program::encode(built(GetParam(), 8).program), program::encode(built(GetParam(), 8).program));
}

// Golden ids: the same on every machine, compiler and level of optimisation. They change when a rule of the quantiser or a step
// changes, and then every program that people have built changes too.
TEST(build, gives_the_ids_that_every_machine_gives) {
  EXPECT_EQ(base::to_hex(program::program_id(built("digits-mlp.onnx", 8).program)),
            "0x89cd91f99148f2cb6367065dadfc70879d8f30fc399c85b8018b75444d720df9");
  EXPECT_EQ(base::to_hex(program::program_id(built("digits-lenet.onnx", 8).program)),
            "0xe8d4a30825645563ce68344d252808430290c29a56f073ce6cf41e2307a01e7f");
  EXPECT_EQ(base::to_hex(program::program_id(built("digits-lenet.onnx", 16).program)),
            "0x3e0205479614b6aea924be16f4fc4b9120d505c41c51ae46dedf6e62b53cd91b");
}

INSTANTIATE_TEST_SUITE_P(Digits, Models, testing::Values("digits-mlp.onnx", "digits-lenet.onnx"), [](const auto& model) {
  return std::string(model.param).find("mlp") != std::string::npos ? "Mlp" : "Lenet";
});

TEST(build, refuses_options_and_samples_that_do_not_fit) {
  const auto bytes = base::read_file("examples/digits/digits-mlp.onnx");
  BuildOptions options;
  for (int bits : {0, 1, 9, 15, 17}) {
    options.activations = bits;
    EXPECT_EQ(build(*bytes, {}, options).error().code, base::Code::invalid_argument);
  }
  options = {};
  options.weights = 9;
  EXPECT_EQ(build(*bytes, {}, options).error().code, base::Code::invalid_argument);
  options = {};
  options.max_error = 0;
  EXPECT_EQ(build(*bytes, {}, options).error().code, base::Code::invalid_argument);
  options.max_error = 0.1;
  options.activations = 16;
  EXPECT_EQ(build(*bytes, {}, options).error().code, base::Code::invalid_argument);
  EXPECT_EQ(build(*bytes, {{}}).error().code, base::Code::invalid_argument);
  EXPECT_EQ(build(*bytes, {{tensor::FloatTensor{{3}, {1, 2, 3}}}}).error().code, base::Code::invalid_argument);
}

BuildOptions with(int activations, int weights) {
  BuildOptions options;
  options.activations = activations;
  options.weights = weights;
  return options;
}

double error_of(const std::string& model, const BuildOptions& options) {
  const auto out = built(model, options);
  return out.report.outputs[0].mean_error / (out.report.outputs[0].high - out.report.outputs[0].low);
}

TEST(build, loses_less_with_more_bits) {
  double last = 1;
  for (int bits : {2, 3, 4, 5, 6, 7, 8, 16}) {
    const double error = error_of("digits-lenet.onnx", with(bits, bits));
    EXPECT_LT(error, last) << bits;
    last = error;
  }
  EXPECT_LT(error_of("digits-lenet.onnx", with(16, 8)), error_of("digits-lenet.onnx", with(8, 8)));
}

TEST(build, keeps_to_an_error_budget_with_as_few_wide_values_as_it_takes) {
  BuildOptions options;
  const auto even = built("digits-lenet.onnx", options);
  options.max_error = even.report.outputs[0].relative / 2;
  const auto mixed = built("digits-lenet.onnx", options);
  EXPECT_LE(mixed.report.outputs[0].relative, *options.max_error);
  EXPECT_GT(mixed.report.widened, 0U);
  std::size_t wide = 0;
  for (const auto& t : mixed.report.tensors) wide += t.bits > 8 ? 1 : 0;
  EXPECT_GT(wide, 0U);
  EXPECT_LT(wide, mixed.report.tensors.size());
  options.max_error = even.report.outputs[0].relative;
  EXPECT_EQ(program::encode(built("digits-lenet.onnx", options).program), program::encode(even.program));
  options.max_error = 1e-9;
  const auto bytes = base::read_file("examples/digits/digits-lenet.onnx");
  const auto refused = build(*bytes, {{digits().images[0]}}, options);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("--max-error"), std::string::npos) << refused.error().text;
}

TEST(build, keeps_every_value_within_16_bits_for_private_runs) {
  BuildOptions options;
  options.profile = Profile::small_sums;
  for (const std::string model : {"digits-mlp.onnx", "digits-lenet.onnx"}) {
    const auto out = built(model, options);
    const auto ranges = program::analyse(out.program);
    ASSERT_TRUE(ranges);
    for (const auto& range : *ranges) {
      EXPECT_GE(range.low, -32768);
      EXPECT_LE(range.high, 32767);
    }
    ASSERT_EQ(out.report.standard.size(), 1U);
    const auto &cost = out.report.outputs[0], &free = out.report.standard[0];
    std::printf("%s: mean error %.4f instead of %.4f, same answer %.3f instead of %.3f, %d bits\n", model.c_str(),
                cost.mean_error, free.mean_error, cost.same_top, free.same_top, out.report.value_bits);
    EXPECT_GE(cost.same_top, 0.9);
    EXPECT_GE(out.report.value_bits, 2);
  }
}

TEST(build, equalises_layers_without_changing_the_function) {
  BuildOptions options;
  options.equalise = true;
  const auto out = built("digits-mlp.onnx", options);
  EXPECT_GT(out.report.equalised, 0U);
  EXPECT_LT(out.report.outputs[0].relative, 0.05);
  options.activations = 16;
  EXPECT_LT(built("digits-lenet.onnx", options).report.outputs[0].relative, 0.01);
}

TEST(build, reports_what_every_tensor_takes) {
  const auto out = built("digits-mlp.onnx", BuildOptions{});
  ASSERT_FALSE(out.report.tensors.empty());
  for (const auto& t : out.report.tensors) {
    EXPECT_LE(t.bits, 8) << t.name;
    EXPECT_GT(t.scale, 0) << t.name;
    EXPECT_LE(t.mean_error, t.max_error) << t.name;
  }
  EXPECT_GE(out.report.outputs[0].same_top, 0.95);
}

TEST(build, says_that_calibration_was_synthetic) {
  const auto bytes = base::read_file("examples/digits/digits-mlp.onnx");
  const auto out = build(*bytes, {});
  ASSERT_TRUE(out) << out.error().text;
  EXPECT_TRUE(out->report.synthetic);
  EXPECT_EQ(out->report.samples, kSyntheticSamples);
}

}  // namespace
}  // namespace koinon::engine::quantise
