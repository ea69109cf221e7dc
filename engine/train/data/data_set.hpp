#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "engine/tensor/tensor.hpp"

namespace koinon::engine::train {

/// Bytes of all samples of a data set in memory.
inline constexpr std::uint64_t kMaxData = std::uint64_t{4} << 30;

/// Samples with their targets. Inputs are kept as bytes (pictures: value / 255; text: token numbers) or as floats.
struct DataSet {
  enum class Kind : std::uint8_t { pictures = 1, numbers = 2, text = 3 };

  Kind kind = Kind::numbers;
  tensor::Shape sample;             ///< shape of one sample
  tensor::Shape target;             ///< shape of its target: empty for a label
  std::size_t count = 0;            ///< samples
  std::int64_t classes = 0;         ///< 0: targets are values
  std::vector<std::string> names;   ///< of the classes, when the data names them
  std::vector<std::uint8_t> bytes;  ///< pictures, or the tokens of a text one after another
  std::vector<float> numbers;
  std::vector<float> targets;  ///< none for text, whose target is the text one token further

  /// Writes sample `index` and its target. Precondition: index < count.
  void take(std::size_t index, float* input, float* target_to) const;
  /// Binds every sample, target and shape.
  [[nodiscard]] base::Hash root() const;
};

/// A data set as the canonical bytes that an order carries (names of classes are left out). Layout in encode.cpp.
base::Bytes encode_data(const DataSet& set);
/// Bytes that nobody vouches for. Errors: malformed, out_of_range (a label, token or number that training cannot take).
base::Result<DataSet> decode_data(base::ByteView bytes);

/// Where data lies and how it is read. Relative paths are those of the recipe's folder.
struct DataSource {
  std::string format;              ///< idx, csv, npy, text, images
  std::vector<std::string> files;  ///< idx, npy: inputs and targets; csv, text: one; images: one folder with a folder a class
  std::string target;              ///< csv: column of the target; empty: the last
  bool values = false;             ///< targets are values, not classes
  std::int64_t context = 64;       ///< text: tokens of a sample
  tensor::Shape size;              ///< images: height and width
  std::int64_t channels = 3;       ///< images: 1 (grey) or 3
  std::filesystem::path folder;    ///< of the recipe
};

/// Reads a data set that nobody vouches for. Errors name the file and, where there are any, line and value: not_found, io,
/// malformed, out_of_range, invalid_argument.
base::Result<DataSet> read_data(const DataSource& source);

/// The first samples and the last share of them apart. Precondition: 0 < share < 1. Errors: invalid_argument when one is empty.
base::Result<std::pair<DataSet, DataSet>> hold_out(const DataSet& all, double share);

// Readers of single formats, on bytes.

/// idx of unsigned bytes (yann.lecun.com/exdb/mnist): two zero bytes, type 8, axes, sizes big-endian. gzip is unpacked first.
struct Idx {
  tensor::Shape shape;
  base::Bytes values;
};
base::Result<Idx> read_idx(base::ByteView bytes);

/// Numbers separated by commas, a heading first; the target's column may hold words, which are classes in alphabetical order.
base::Result<DataSet> read_csv(base::ByteView bytes, const std::string& target, bool values);

/// A text as tokens: its distinct bytes in order.
base::Result<DataSet> read_text(base::ByteView bytes, std::int64_t context);

}  // namespace koinon::engine::train
