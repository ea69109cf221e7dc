#pragma once
#include <optional>

#include "engine/program/program.hpp"

namespace koinon::node::api {

/// Where the pixels of a tensor are. All but `channels` in elements.
struct PictureLayout {
  std::int64_t channels = 1, height = 0, width = 0;
  std::int64_t channel_step = 0, row_step = 0, column_step = 1;
};

/// The layout when a shape looks like a picture: [1, c, h, w], [c, h, w], [1, h, w, c] or [h, w, c] with 1 or 3 channels, a
/// square [h, h], or [1, n*n] and [n*n]; sides from 8 to 4096.
std::optional<PictureLayout> picture_layout(const engine::tensor::Shape& shape);

/// A PNG of an input, each pixel enlarged so that the longer side has about 280. Values are shown from black to white: 0 to 1
/// when all lie there, 0 to 255 when all lie there, else from the lowest to the highest. Errors: not_found when it is no
/// picture, invalid_argument (number of values), internal.
base::Result<std::string> picture_png(const engine::tensor::Shape& shape, const std::vector<double>& values);

}  // namespace koinon::node::api
