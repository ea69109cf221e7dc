#include "engine/train/data/data_set.hpp"

#include <algorithm>
#include <cmath>

#include "base/codec.hpp"
#include "base/file.hpp"
#include "base/merkle.hpp"
#include "engine/io/read.hpp"

namespace koinon::engine::train {
namespace {

using base::ByteView;
using base::Code;
using base::Result;
using base::Status;
namespace fs = std::filesystem;

std::size_t elements(const tensor::Shape& shape) { return static_cast<std::size_t>(tensor::element_count(shape)); }

base::Hash bytes_root(const void* data, std::size_t size) {
  return base::byte_tree_root(base::Domain::tensor, {static_cast<const std::uint8_t*>(data), size});
}

Result<base::Bytes> load(const DataSource& source, std::size_t which) {
  const auto path = source.folder / source.files[which];
  auto bytes = base::read_file(path, kMaxData);
  if (!bytes) return base::fail(std::move(bytes).error().within("[data]"));
  return bytes;
}

Status expect_files(const DataSource& source, std::size_t count, std::string_view what) {
  if (source.files.size() == count) return {};
  return base::fail(Code::invalid_argument, "[data] {} files for {}: {} expected", source.files.size(), source.format, what);
}

/// Labels of a byte each become targets.
void set_labels(DataSet& set, const base::Bytes& labels) {
  set.targets.assign(labels.begin(), labels.end());
  set.classes = labels.empty() ? 0 : *std::max_element(labels.begin(), labels.end()) + 1;
}

Result<DataSet> idx(const DataSource& source) {
  KOINON_CHECK(expect_files(source, 2, "a file of images and one of labels"));
  const auto part = [&](std::size_t which) -> Result<Idx> {
    KOINON_TRY(const auto bytes, load(source, which));
    auto out = read_idx(bytes);
    if (!out) return base::fail(std::move(out).error().within(source.files[which]));
    return out;
  };
  KOINON_TRY(auto images, part(0));
  KOINON_TRY(const auto labels, part(1));
  if (images.shape.size() < 2 || labels.shape.size() != 1 || images.shape[0] != labels.shape[0])
    return base::fail(Code::invalid_argument, "[data] {} is {} and {} is {}: as many labels as images expected",
                      source.files[0], tensor::shape_text(images.shape), source.files[1], tensor::shape_text(labels.shape));
  DataSet set;
  set.kind = DataSet::Kind::pictures;
  set.sample.assign(images.shape.begin() + 1, images.shape.end());
  if (set.sample.size() == 2) set.sample.insert(set.sample.begin(), 1);
  set.count = static_cast<std::size_t>(images.shape[0]);
  set.bytes = std::move(images.values);
  set_labels(set, labels.values);
  return set;
}

Result<DataSet> npy(const DataSource& source) {
  KOINON_CHECK(expect_files(source, 2, "an array of inputs and one of targets"));
  const auto part = [&](std::size_t which) -> Result<io::RealTensor> {
    KOINON_TRY(const auto bytes, load(source, which));
    auto out = io::read_npy(bytes);
    if (!out) return base::fail(std::move(out).error().within(source.files[which]));
    for (std::size_t i = 0; i < out->data.size(); ++i)
      if (!std::isfinite(static_cast<float>(out->data[i])))
        return base::fail(Code::out_of_range, "[data] {}: element {} is {}: a finite number expected", source.files[which], i,
                          out->data[i]);
    return out;
  };
  KOINON_TRY(const auto inputs, part(0));
  KOINON_TRY(const auto targets, part(1));
  if (inputs.shape.size() < 2 || targets.shape.empty() || inputs.shape[0] != targets.shape[0])
    return base::fail(Code::invalid_argument, "[data] inputs {} and targets {}: the same first axis expected",
                      tensor::shape_text(inputs.shape), tensor::shape_text(targets.shape));
  DataSet set;
  set.sample.assign(inputs.shape.begin() + 1, inputs.shape.end());
  set.target.assign(targets.shape.begin() + 1, targets.shape.end());
  set.count = static_cast<std::size_t>(inputs.shape[0]);
  set.numbers.assign(inputs.data.begin(), inputs.data.end());
  set.targets.assign(targets.data.begin(), targets.data.end());
  if (source.values) return set;
  for (std::size_t i = 0; i < set.targets.size(); ++i) {
    const float t = set.targets[i];
    if (!(t >= 0 && t < 65536 && t == std::floor(t)))
      return base::fail(Code::out_of_range, "[data] {}: element {} is {}: a class from 0 to 65535 expected", source.files[1], i,
                        t);
    set.classes = std::max(set.classes, static_cast<std::int64_t>(t) + 1);
  }
  return set;
}

Result<std::vector<fs::path>> listing(const fs::path& folder, bool folders) {
  std::error_code error;
  std::vector<fs::path> out;
  for (auto it = fs::directory_iterator(folder, error); !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    if (it->path().filename().string().starts_with('.')) continue;
    if (folders ? it->is_directory(ignored) : it->is_regular_file(ignored)) out.push_back(it->path());
  }
  if (error) return base::fail(Code::io, "[data] {}: {}", folder.string(), error.message());
  std::sort(out.begin(), out.end());
  return out;
}

Result<DataSet> images(const DataSource& source) {
  KOINON_CHECK(expect_files(source, 1, "one folder that holds a folder of pictures for each class"));
  if (source.size.size() != 2)
    return base::fail(Code::invalid_argument, "[data] size is missing: size = [height, width] expected for images");
  const tensor::Shape shape{1, source.channels, source.size[0], source.size[1]};
  KOINON_CHECK(tensor::check_shape(shape));
  DataSet set;
  set.kind = DataSet::Kind::pictures;
  set.sample = {source.channels, source.size[0], source.size[1]};
  KOINON_TRY(const auto classes, listing(source.folder / source.files[0], true));
  for (const auto& folder : classes) {
    KOINON_TRY(const auto files, listing(folder, false));
    for (const auto& file : files) {
      if (set.bytes.size() + elements(set.sample) > kMaxData)
        return base::fail(Code::exhausted, "[data] more than {} bytes of pictures", kMaxData);
      KOINON_TRY(const auto bytes, base::read_file(file, std::uint64_t{256} << 20));
      auto picture = io::read_picture(bytes, shape);
      if (!picture) return base::fail(std::move(picture).error().within(file.string()));
      for (double v : picture->data) set.bytes.push_back(static_cast<std::uint8_t>(std::lround(v * 255)));
      set.targets.push_back(static_cast<float>(set.names.size()));
      ++set.count;
    }
    set.names.push_back(folder.filename().string());
  }
  set.classes = static_cast<std::int64_t>(set.names.size());
  if (set.count == 0) return base::fail(Code::invalid_argument, "[data] {}: no pictures in folders below it", source.files[0]);
  return set;
}

Result<DataSet> one_file(const DataSource& source) {
  KOINON_CHECK(expect_files(source, 1, "one file"));
  KOINON_TRY(const auto bytes, load(source, 0));
  auto out = source.format == "csv" ? read_csv(bytes, source.target, source.values) : read_text(bytes, source.context);
  if (!out) return base::fail(std::move(out).error().within(source.files[0]));
  return out;
}

}  // namespace

void DataSet::take(std::size_t index, float* input, float* target_to) const {
  const auto size = elements(sample);
  if (kind == Kind::text) {
    const auto* from = bytes.data() + index * size;
    for (std::size_t i = 0; i < size; ++i) input[i] = from[i], target_to[i] = from[i + 1];
    return;
  }
  if (kind == Kind::pictures)
    for (std::size_t i = 0; i < size; ++i) input[i] = static_cast<float>(bytes[index * size + i]) / 255.0F;
  else
    std::copy_n(numbers.begin() + static_cast<std::ptrdiff_t>(index * size), size, input);
  const auto each = elements(target);
  std::copy_n(targets.begin() + static_cast<std::ptrdiff_t>(index * each), each, target_to);
}

base::Hash DataSet::root() const {
  base::Writer to;
  to.text("koinon.training.data");
  to.number(static_cast<std::uint8_t>(kind));
  for (const auto& shape : {sample, target}) {
    to.number(static_cast<std::uint8_t>(shape.size()));
    for (auto axis : shape) to.number(axis);
  }
  to.number(static_cast<std::uint64_t>(count));
  to.number(classes);
  to.raw(bytes_root(bytes.data(), bytes.size()).view());
  to.raw(bytes_root(numbers.data(), numbers.size() * sizeof(float)).view());
  to.raw(bytes_root(targets.data(), targets.size() * sizeof(float)).view());
  return base::keccak256(to.bytes());
}

Result<DataSet> read_data(const DataSource& source) {
  if (source.format == "idx") return idx(source);
  if (source.format == "npy") return npy(source);
  if (source.format == "images") return images(source);
  if (source.format == "csv" || source.format == "text") return one_file(source);
  return base::fail(Code::invalid_argument, "[data] format '{}': idx, csv, npy, text or images expected", source.format);
}

Result<std::pair<DataSet, DataSet>> hold_out(const DataSet& all, double share) {
  const auto last = static_cast<std::size_t>(static_cast<double>(all.count) * share);
  const auto first = all.count - last;
  if (first == 0 || last == 0)
    return base::fail(Code::invalid_argument, "[data] holdout {} of {} samples leaves {} and {}: both need some", share,
                      all.count, first, last);
  auto a = all, b = all;
  a.count = first, b.count = last;
  const auto size = elements(all.sample);
  const auto cut = [&](auto& head, auto& tail, std::size_t each, std::size_t extra) {
    if (head.empty()) return;
    tail.erase(tail.begin(), tail.begin() + static_cast<std::ptrdiff_t>(first * each));
    head.resize(first * each + extra);
  };
  cut(a.bytes, b.bytes, size, all.kind == DataSet::Kind::text ? 1 : 0);
  cut(a.numbers, b.numbers, size, 0);
  cut(a.targets, b.targets, elements(all.target), 0);
  return std::pair{std::move(a), std::move(b)};
}

}  // namespace koinon::engine::train
