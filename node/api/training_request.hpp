#pragma once
#include <nlohmann/json_fwd.hpp>

#include "base/hash.hpp"

namespace koinon::node::api {

/// NewTraining of the document, read: what is trained, on what, and from where on.
struct TrainingAsked {
  base::Bytes recipe;      ///< toml (docs/work/training.md)
  base::Bytes data;        ///< engine/train/data, encode_data
  base::Bytes model;       ///< ONNX, when the recipe goes on from one
  base::Bytes checkpoint;  ///< where the order before ended

  /// What the order names.
  [[nodiscard]] base::Hash spec() const { return base::keccak256(recipe); }
  /// The inputs of the job, in their order.
  [[nodiscard]] std::vector<base::Bytes> inputs() const;
};

/// Errors: invalid_argument, out_of_range, malformed (no base64).
base::Result<TrainingAsked> parse_training(const nlohmann::json& value);

}  // namespace koinon::node::api
