#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::engine::io {

/// Real values with their shape and, from an archive, their name.
struct RealTensor {
  std::string name;
  tensor::Shape shape;
  std::vector<double> data;
};

/// Reads the inputs of a program from a file's bytes, which nobody vouches for, and quantises them. The kind of file is told
/// from its first bytes:
///   .npy, .npz   one array, or one an input: by name, else in the order of the archive
///   .png, .jpg   one picture for a program with one input (see picture)
///   .json        {"input_data": [[...], ...]}, one list an input, or a plain list for the only input
/// Errors: malformed, unsupported, out_of_range, invalid_argument (not what the program takes).
base::Result<std::vector<tensor::IntTensor>> read_inputs(const program::Program& program, base::ByteView bytes);
/// The same real values, one tensor for each input of the program and in their order, before they are quantised. Errors: as
/// read_inputs, less what quantising refuses.
base::Result<std::vector<RealTensor>> read_reals(const program::Program& program, base::ByteView bytes);

/// {"input_data": [[...], ...]}, or one list: a tensor each. Lists within a list give its shape, {n} for n numbers where they
/// are uneven; true is 1, false is 0. Errors: malformed.
base::Result<std::vector<RealTensor>> read_json(base::ByteView bytes);
/// NumPy format 1 to 3, little-endian, C order: f4, f8, i1 to i8, u1 to u4, b1.
base::Result<RealTensor> read_npy(base::ByteView bytes);
/// A zip archive of .npy files, stored or deflated, at most `most` bytes unpacked, and 1 GiB.
base::Result<std::vector<RealTensor>> read_npz(base::ByteView bytes, std::uint64_t most = std::uint64_t{1} << 30);
/// A PNG or JPEG picture as the input of `shape` wants it: [1, c, h, w], [c, h, w], [1, h, w, c], [h, w, c] with c 1 (grey) or
/// 3 (red, green, blue), or, of at least 8 by 8, [h, w] and [1, n*n] (grey n by n): fewer numbers are no picture. Each pixel of
/// the result is the mean of the area that it covers, rounded to 8 bits; values are 0 to 1. Transparent parts are laid over
/// black.
base::Result<RealTensor> read_picture(base::ByteView bytes, const tensor::Shape& shape);

/// [{"name", "shape", "data"}, ...] in real units.
nlohmann::json outputs_json(const program::Program& program, const std::vector<tensor::IntTensor>& outputs);

}  // namespace koinon::engine::io
