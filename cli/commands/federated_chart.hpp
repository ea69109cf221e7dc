#pragma once
#include <string>

#include "work/federated/play.hpp"

namespace koinon::cli {

/// The course of a federation as a picture (SVG): what the model has right (or its loss, where there are no classes) after each
/// round, and below it what became of each round's proposals. `title` is text from outside.
std::string federated_chart(const std::string& title, const work::federated::PlayReport& report, bool classes);

}  // namespace koinon::cli
