#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::node::api {

/// An output in real units.
struct RealOutput {
  std::string name;
  engine::tensor::Shape shape;
  std::vector<double> data;
  std::vector<std::string> labels;                 ///< of the last dimension; empty when unknown
  std::optional<std::string> text = std::nullopt;  ///< what the values say, when they are the tokens of a text
};

/// The result in a few words of at most 80 bytes: of one output with 2 to 1000 elements the highest class with its share
/// ("7 (93 %)"; the lowest index wins a tie; scores that are no probabilities are turned into shares by softmax), of a text its
/// beginning, else the first values ("0.5, 1.25, ...").
std::string answer_text(const std::vector<RealOutput>& outputs);

}  // namespace koinon::node::api
