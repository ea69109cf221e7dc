#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace koinon::cli {

/// A score on test data after so many steps.
struct ScorePoint {
  std::uint64_t step = 0;
  double loss = 0, right = 0;
};

/// The course of a run as a picture (SVG): the loss of each step, smoothed, the loss on test data, and the share that was right
/// when `classes`. `title` is text from outside.
std::string training_chart(const std::string& title, const std::vector<float>& losses, const std::vector<ScorePoint>& scores,
                           bool classes);

}  // namespace koinon::cli
