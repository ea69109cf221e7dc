#include "engine/kernels/filters.hpp"

#include <algorithm>

#include "engine/kernels/tile.hpp"

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kMostColumns = 64;              // of a panel
constexpr std::int64_t kTask = std::int64_t{1} << 18;  // products in a parallel piece, about

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Columns of all panels but the last.
std::int64_t whole_panel(Isa isa, bool wide) { return wide ? 32 : isa == Isa::avx512 ? kMostColumns : 16; }

// Columns of the panel that begins at `column`, filled up to whole registers.
std::int64_t panel_width(Isa isa, bool wide, std::int64_t columns, std::int64_t column) {
  const std::int64_t lanes = isa == Isa::avx512 ? 16 : 8;
  return std::min(whole_panel(isa, wide), ceil_div(columns - column, lanes) * lanes);
}

// A segment of a row of w as words, the last filled up with zeros.
void segment_words(ConstArray w, std::int64_t first, std::int64_t elements, bool quads, std::int32_t* to, std::int64_t words) {
  to[words - 1] = 0;
  if (quads) {
    std::memcpy(to, w.data + first, static_cast<std::size_t>(elements));
  } else if (w.dtype == DType::i8) {
    const auto* from = reinterpret_cast<const std::int8_t*>(w.data) + first;
    auto* wide = reinterpret_cast<std::int16_t*>(to);
    for (std::int64_t i = 0; i < elements; ++i) wide[i] = from[i];
  } else {
    std::memcpy(to, w.data + 2 * first, static_cast<std::size_t>(elements) * 2);
  }
}

std::uint32_t row_sum(ConstArray w, std::int64_t first, std::int64_t count) {
  const auto* p = reinterpret_cast<const std::int8_t*>(w.data) + first;
  std::int32_t sum = 0;
  for (std::int64_t i = 0; i < count; ++i) sum += p[i];
  return static_cast<std::uint32_t>(sum);
}

// Some of an epilogue's columns.
template <class E>
E columns_of(E out, std::int64_t first, std::int64_t count) {
  const auto whole = static_cast<std::size_t>(ceil_div(count, kMostColumns) * kMostColumns);
  for (auto* list : {&out.factor, &out.half, &out.shift}) {
    list->erase(list->begin(), list->begin() + first);
    list->resize(static_cast<std::size_t>(count));
    list->resize(whole, 1);
  }
  return out;
}

// The windows of a product, walked in order.
class Walk {
 public:
  Walk(const Windows& windows, std::int64_t row) : windows_(windows) {
    for (std::size_t i = 4; i-- > 0;) {
      at_[i] = row % windows.counts[i];
      row /= windows.counts[i];
    }
    find();
  }
  const std::uint8_t* next() {
    const auto* here = place_;
    place_ += windows_.strides[3];
    if (++at_[3] == windows_.counts[3]) turn();
    return here;
  }

 private:
  void turn() {
    for (std::size_t i = 3; i > 0 && at_[i] == windows_.counts[i]; --i) {
      at_[i] = 0;
      ++at_[i - 1];
    }
    find();
  }
  void find() {
    place_ = windows_.data;
    for (std::size_t i = 0; i < 4; ++i) place_ += at_[i] * windows_.strides[i];
  }

  const Windows& windows_;
  std::int64_t at_[4];
  const std::uint8_t* place_ = nullptr;
};

}  // namespace

std::optional<Epilogue> Epilogue::of(const std::vector<std::int64_t>& multipliers, const std::vector<std::int64_t>& shifts,
                                     std::int64_t low, std::int64_t high) {
  if (low < INT32_MIN || high > INT32_MAX) return std::nullopt;
  Epilogue out;
  out.low = static_cast<std::int32_t>(low);
  out.high = static_cast<std::int32_t>(high);
  for (std::size_t i = 0; i < shifts.size(); ++i) {
    if (shifts[i] < 17) return std::nullopt;
    const std::int64_t more = std::max<std::int64_t>(0, 33 - shifts[i]), s = shifts[i] + more;
    out.factor.push_back(static_cast<std::int32_t>(multipliers[i] << more));
    out.half.push_back(std::int32_t{1} << (s - 33));
    out.shift.push_back(static_cast<std::int32_t>(s - 32));
  }
  const std::size_t whole = (shifts.size() + kMostColumns - 1) / kMostColumns * kMostColumns;
  for (auto* list : {&out.factor, &out.half, &out.shift}) list->resize(whole, 1);
  return out;
}

WideEpilogue WideEpilogue::of(const std::vector<std::int64_t>& multipliers, const std::vector<std::int64_t>& shifts,
                              std::int64_t low, std::int64_t high) {
  WideEpilogue out{multipliers, {}, shifts, low, high};
  for (auto s : shifts) out.half.push_back(std::int64_t{1} << (s - 1));
  const std::size_t whole = (shifts.size() + kMostColumns - 1) / kMostColumns * kMostColumns;
  for (auto* list : {&out.factor, &out.half, &out.shift}) list->resize(whole, 1);
  return out;
}

WideEpilogue WideEpilogue::part(std::int64_t first, std::int64_t count) const { return columns_of(*this, first, count); }
Epilogue Epilogue::part(std::int64_t first, std::int64_t count) const { return columns_of(*this, first, count); }

Filters Filters::pack(Isa isa, const Shape& shape, ConstArray w, ConstArray bias, DType x_type, bool shifted) {
  Filters out;
  out.isa_ = isa;
  out.shape_ = shape;
  out.quads_ = isa == Isa::avx512 && x_type == DType::i8 && w.dtype == DType::i8;
  out.words_ = ceil_div(shape.elements, out.quads_ ? 4 : 2);
  const std::int64_t depth = shape.segments * shape.elements, words = shape.segments * out.words_;
  const std::int64_t whole = ceil_div(shape.columns, kMostColumns) * kMostColumns;
  std::int64_t packed = 0;  // columns, with those that fill panels up
  while (packed < shape.columns) packed += panel_width(isa, false, shape.columns, packed);
  out.panels_ = Buffer(static_cast<std::size_t>(packed * words) * 4);
  out.starts_ = Buffer(static_cast<std::size_t>(whole) * 4);
  std::vector<std::int32_t> line(static_cast<std::size_t>(words));
  for (std::int64_t column = 0; column < shape.columns;) {
    const std::int64_t width = panel_width(isa, false, shape.columns, column);
    auto* panel = out.panels_.as<std::int32_t>() + column * words;
    for (std::int64_t j = 0; j < width; ++j) {
      const bool exists = column + j < shape.columns;
      for (std::int64_t s = 0; exists && s < shape.segments; ++s)
        segment_words(w, (column + j) * depth + s * shape.elements, shape.elements, out.quads_, line.data() + s * out.words_,
                      out.words_);
      for (std::int64_t i = 0; i < words; ++i) panel[i * width + j] = exists ? line[static_cast<std::size_t>(i)] : 0;
    }
    column += width;
  }
  for (std::int64_t j = 0; j < whole; ++j) {
    const bool exists = j < shape.columns;
    auto start = static_cast<std::uint32_t>(exists && bias.data != nullptr ? bias.at(j) : 0);
    if (exists && shifted && out.quads_) start -= 128U * row_sum(w, j * depth, depth);
    out.starts_.as<std::int32_t>()[j] = static_cast<std::int32_t>(start);
  }
  return out;
}

Filters Filters::pack_wide(const Shape& shape, ConstArray w, ConstArray bias) {
  Filters out;
  out.isa_ = Isa::avx512;
  out.wide_ = true;
  out.shape_ = shape;
  out.words_ = ceil_div(shape.elements, 2);
  const std::int64_t depth = shape.segments * shape.elements, words = shape.segments * out.words_;
  const std::int64_t whole = ceil_div(shape.columns, kMostColumns) * kMostColumns;
  out.panels_ = Buffer(static_cast<std::size_t>(ceil_div(shape.columns, 16) * 16 * words * 2) * 4);
  out.starts_ = Buffer(static_cast<std::size_t>(whole) * 8);
  const auto* from = reinterpret_cast<const std::int16_t*>(w.data);
  for (std::int64_t column = 0; column < shape.columns;) {
    const std::int64_t width = panel_width(Isa::avx512, true, shape.columns, column);
    auto* to = out.panels_.as<std::int16_t>() + column * words * 4;
    for (std::int64_t s = 0; s < shape.segments; ++s)
      for (std::int64_t e = 0; e < shape.elements; e += 2, to += 4 * width)
        for (std::int64_t j = 0; j < width; ++j)
          for (std::int64_t k = 0; k < 2; ++k) {
            const bool exists = column + j < shape.columns && e + k < shape.elements;
            const std::int32_t v = exists ? from[(column + j) * depth + s * shape.elements + e + k] : 0, high = (v + 128) >> 8;
            to[2 * j + k] = static_cast<std::int16_t>(high);
            to[2 * (width + j) + k] = static_cast<std::int16_t>(v - 256 * high);
          }
    column += width;
  }
  for (std::int64_t j = 0; j < whole; ++j)
    out.starts_.as<std::int64_t>()[j] = j < shape.columns && bias.data != nullptr ? bias.at(j) : 0;
  return out;
}

/// One product under way: its pieces, each a panel against some rows.
class Multiplier {
 public:
  explicit Multiplier(const Product& job)
      : job_(job), filters_(*job.filters), panel_(whole_panel(filters_.isa_, filters_.wide_)) {}

  void run(const Context& context) const {
    const std::int64_t rows = job_.windows.rows(), depth = filters_.shape_.segments * filters_.words_ * 4;
    const std::int64_t panels = ceil_div(filters_.columns(), panel_);
    if (context.pool == nullptr || rows * depth * filters_.columns() < 2 * kTask) {
      for (std::int64_t panel = 0; panel < panels; ++panel) piece(panel * panel_, 0, rows);
      return;
    }
    const std::int64_t block = std::clamp<std::int64_t>(ceil_div(kTask, depth * kMostColumns * 12) * 12, 12, rows);
    const std::int64_t blocks = ceil_div(rows, block);
    context.parallel_for(panels * blocks, [&](std::int64_t task) {
      piece(task / blocks * panel_, task % blocks * block, std::min(rows, (task % blocks + 1) * block));
    });
  }

 private:
  void piece(std::int64_t column, std::int64_t first, std::int64_t last) const {
    constexpr std::int64_t kHighest = 12;
    const std::int64_t width = width_at(column), words = filters_.words_, parts = filters_.wide_ ? 2 : 1;
    const std::int64_t sum_size = 4 * parts;
    const auto size = static_cast<std::int64_t>(tensor::dtype_size(job_.out.dtype));
    const std::uint8_t* rows[kHighest];
    std::uint8_t* out[kHighest];
    std::uint8_t* sums[kHighest];
    TileJob t{rows,
              out,
              job_.sums == nullptr ? nullptr : sums,
              0,
              std::min(width, filters_.columns() - column),
              job_.windows.segments.data(),
              filters_.shape_.segments,
              words,
              filters_.panels_.as<std::int32_t>() + column * filters_.shape_.segments * words * parts,
              filters_.starts_.data() + column * sum_size,
              job_.epilogue,
              job_.wide_epilogue,
              column,
              job_.out.dtype};
    Walk walk(job_.windows, first);
    for (std::int64_t row = first; row < last;) {
      const TileChoice tile = choose(width, last - row);
      t.count = std::min(tile.height, last - row);
      for (std::int64_t r = 0; r < tile.height; ++r) {
        rows[r] = r < t.count ? walk.next() : rows[0];
        const std::int64_t at = r < t.count ? (row + r) * job_.out_stride + column : 0;
        out[r] = job_.out.data + at * size;
        if (job_.sums != nullptr) sums[r] = job_.sums + at * sum_size;
      }
      tile.run(t);
      row += t.count;
    }
  }

  [[nodiscard]] TileChoice choose([[maybe_unused]] std::int64_t width, [[maybe_unused]] std::int64_t rows) const {
#if defined(__x86_64__)
    if (filters_.wide_) return tile_wide(width, rows);
    return filters_.isa_ == Isa::avx512 ? tile_avx512(filters_.quads_, width, rows) : tile_avx2(width, rows);
#else
    return {};
#endif
  }

  [[nodiscard]] std::int64_t width_at(std::int64_t column) const {
    return panel_width(filters_.isa_, filters_.wide_, filters_.columns(), column);
  }

  const Product& job_;
  const Filters& filters_;
  std::int64_t panel_;  // columns
};

void product(const Context& context, const Product& job) { Multiplier(job).run(context); }

namespace {

void copy_line(const Stage& job, const std::uint8_t* from, std::uint8_t* to) {
  const auto n = static_cast<std::size_t>(job.line);
  switch (job.staging) {
    case Staging::plain: std::memcpy(to, from, n * tensor::dtype_size(job.x.dtype)); return;
    case Staging::shifted:
      for (std::size_t i = 0; i < n; ++i) to[i] = from[i] ^ 0x80;
      return;
    case Staging::widened: break;
  }
  auto* wide = reinterpret_cast<std::int16_t*>(to);
  if (job.x.dtype == DType::i8) {
    for (std::size_t i = 0; i < n; ++i) wide[i] = static_cast<std::int8_t>(from[i]);
  } else {
    std::memcpy(to, from, n * 2);
  }
}

}  // namespace

void stage(const Context& context, const Stage& job) {
  const int zero = job.staging == Staging::shifted ? 0x80 : 0;
  const auto fill = [&](std::uint8_t* to, std::int64_t bytes) {
    if (bytes > 0) std::memset(to, zero, static_cast<std::size_t>(bytes));
  };
  const std::int64_t e = job.element(), from_line = job.line * static_cast<std::int64_t>(tensor::dtype_size(job.x.dtype));
  const auto plane = [&](std::int64_t at) {
    const std::int64_t picture = at / job.depth, z = at % job.depth;
    auto* box = job.to + picture * job.box_bytes();
    if (z == 0) fill(box, job.front * job.plane_bytes());
    if (z == job.depth - 1) fill(box + (job.front + job.depth) * job.plane_bytes(), job.back * job.plane_bytes());
    auto* to = box + (job.front + z) * job.plane_bytes();
    fill(to, job.top * job.line_bytes());
    to += job.top * job.line_bytes();
    for (std::int64_t y = 0; y < job.height; ++y, to += job.line_bytes()) {
      fill(to, job.left * e);
      copy_line(job, job.x.data + (at * job.height + y) * from_line, to + job.left * e);
      fill(to + (job.left + job.line) * e, job.right * e);
    }
    fill(to, job.bottom * job.line_bytes());
  };
  const std::int64_t planes = job.batch * job.depth;
  if (planes * job.plane_bytes() < (1 << 20)) {
    for (std::int64_t at = 0; at < planes; ++at) plane(at);
  } else {
    context.parallel_for(planes, plane);
  }
}

}  // namespace koinon::engine::kernels
