#include "cli/commands/describe_output.hpp"

#include <algorithm>

#include "cli/terminal/chart.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/quantise.hpp"

namespace koinon::cli {
namespace {

constexpr std::size_t kChartClasses = 20;
constexpr std::size_t kShownValues = 8;

}  // namespace

std::string describe_output(const engine::program::Output& output, const engine::tensor::IntTensor& value) {
  const auto real = engine::io::dequantise(value, output.scale);
  auto out = fmt::format("{} {}\n", clean(output.name, 60), engine::tensor::shape_text(value.shape));
  if (real.size() > 1 && real.size() <= kChartClasses) return out + class_chart(real);
  for (std::size_t i = 0; i < real.size() && i < kShownValues; ++i)
    out += fmt::format("{}{:.6g}", i == 0 ? "  " : ", ", real[i]);
  if (real.size() > kShownValues) {
    const auto best = std::ranges::max_element(real) - real.begin();
    out += fmt::format(", ... {} values; the largest is {:.6g} at {}", real.size(), real[static_cast<std::size_t>(best)], best);
  }
  return out + "\n";
}

}  // namespace koinon::cli
