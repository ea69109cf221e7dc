#include "engine/kernels/depthwise.hpp"

#include <algorithm>

namespace koinon::engine::kernels {
namespace {

constexpr std::int64_t kTask = 1 << 16;  // products in a parallel piece, at least

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

// Result that lane `lane` of quarter (half) `part` holds: unpacking interleaves within 128 bits.
std::int64_t place(bool quads, std::int64_t part, std::int64_t lane) {
  return quads ? lane / 4 * 16 + part * 4 + lane % 4 : lane / 4 * 8 + part * 4 + lane % 4;
}

}  // namespace

ChannelFilters ChannelFilters::pack(Isa isa, const Shape& shape, ConstArray w, ConstArray bias, DType x_type, bool shifted,
                                    const Epilogue* epilogue) {
  ChannelFilters out;
  out.shape_ = shape;
  out.quads_ = isa == Isa::avx512 && x_type == DType::i8 && w.dtype == DType::i8;
  const std::int64_t block = out.block(), c = shape.channels;
  const std::int64_t taps = out.quads_ ? 4 : 2, parts = out.quads_ ? 4 : 2, lanes = block / parts;
  out.together_ = shape.flat && (block % c == 0 || c % block == 0);
  out.patterns_ = ceil_div(c, block);
  out.groups_ = ceil_div(shape.taps, taps);
  const auto all = static_cast<std::size_t>(out.patterns_ * block);
  out.weights_ = Buffer(all * static_cast<std::size_t>(out.groups_) * 4);
  for (auto* list : {&out.starts_, &out.factor_, &out.half_, &out.shift_}) *list = Buffer(all * 4);
  out.requantised_ = epilogue != nullptr;
  if (epilogue != nullptr) out.low_ = epilogue->low, out.high_ = epilogue->high;
  for (std::int64_t i = 0; i < out.patterns_ * block; ++i) {
    const std::int64_t pattern = i / block, part = i % block / lanes, lane = i % lanes;
    const std::int64_t result = pattern * block + place(out.quads_, part, lane);
    const std::int64_t channel = out.together_ ? result % c : result;
    const bool exists = channel < c;
    std::uint32_t sum = 0;
    for (std::int64_t g = 0; g < out.groups_; ++g) {
      std::uint8_t word[4] = {};
      for (std::int64_t t = g * taps; exists && t < std::min(shape.taps, (g + 1) * taps); ++t) {
        const auto v = static_cast<std::int16_t>(w.at(channel * shape.taps + t));
        sum += static_cast<std::uint32_t>(v);
        std::memcpy(word + (t - g * taps) * (out.quads_ ? 1 : 2), &v, out.quads_ ? 1 : 2);
      }
      std::memcpy(out.weights_.as<std::int32_t>() + ((pattern * out.groups_ + g) * parts + part) * lanes + lane, word, 4);
    }
    auto start = static_cast<std::uint32_t>(exists && bias.data != nullptr ? bias.at(channel) : 0);
    if (shifted && out.quads_) start -= 128U * sum;
    out.starts_.as<std::int32_t>()[i] = static_cast<std::int32_t>(start);
    const auto at = static_cast<std::size_t>(exists ? channel : 0);
    out.factor_.as<std::int32_t>()[i] = epilogue == nullptr ? 1 : epilogue->factor[at];
    out.half_.as<std::int32_t>()[i] = epilogue == nullptr ? 1 : epilogue->half[at];
    out.shift_.as<std::int32_t>()[i] = epilogue == nullptr ? 1 : epilogue->shift[at];
  }
  return out;
}

/// One depthwise convolution under way, line by line.
class ChannelMultiplier {
 public:
  explicit ChannelMultiplier(const ChannelProduct& job) : job_(job), f_(*job.filters) {}

  void run(const Context& context) const {
    const auto& counts = job_.windows.counts;
    const std::int64_t lines = counts[0] * counts[1] * counts[2];
    const std::int64_t products = counts[3] * f_.shape_.channels * f_.shape_.taps;
    const std::int64_t group = std::max<std::int64_t>(1, kTask / products);
    if (context.pool == nullptr || lines * products < 4 * kTask) {
      for (std::int64_t at = 0; at < lines; ++at) line(at);
      return;
    }
    context.parallel_for(ceil_div(lines, group), [&](std::int64_t task) {
      for (std::int64_t at = task * group; at < std::min(lines, (task + 1) * group); ++at) line(at);
    });
  }

 private:
  void line(std::int64_t at) const {
    const Windows& w = job_.windows;
    const std::int64_t y = at % w.counts[2], z = at / w.counts[2] % w.counts[1], picture = at / w.counts[2] / w.counts[1];
    const auto* x = w.data + picture * w.strides[0] + z * w.strides[1] + y * w.strides[2];
    const std::int64_t c = f_.shape_.channels, block = f_.block(), e = f_.quads_ ? 1 : 2, width = w.counts[3];
    const auto size = static_cast<std::int64_t>(tensor::dtype_size(job_.out.dtype));
    auto* out = job_.out.data + at * width * c * size;
    for (std::int64_t p = 0; p < f_.patterns_; ++p) {
      ChannelLine part = pattern(p);
      part.x = x + p * block * e;
      part.out = out + p * block * size;
      if (job_.sums != nullptr) part.sums = job_.sums + at * width * c + p * block;
      if (f_.together_ && c <= block) {
        part.step = block * e, part.out_step = block * size, part.sums_step = block;
        part.blocks = ceil_div(width * c, block);
        part.count = block, part.last = width * c - (part.blocks - 1) * block;
      } else {
        part.step = w.strides[3], part.out_step = c * size, part.sums_step = c;
        part.blocks = width;
        part.count = part.last = std::min(block, c - p * block);
      }
      f_.quads_ ? channel_line_avx512(part) : channel_line_avx2(part);
    }
  }

  [[nodiscard]] ChannelLine pattern(std::int64_t p) const {
    const std::int64_t at = p * f_.block();
    ChannelLine out{};
    out.taps = job_.windows.segments.data();
    out.tap_count = f_.shape_.taps;
    out.groups = f_.groups_;
    out.weights = f_.weights_.as<std::int32_t>() + at * f_.groups_;
    out.starts = f_.starts_.as<std::int32_t>() + at;
    out.factor = f_.requantised_ ? f_.factor_.as<std::int32_t>() + at : nullptr;
    out.half = f_.half_.as<std::int32_t>() + at;
    out.shift = f_.shift_.as<std::int32_t>() + at;
    out.low = f_.low_, out.high = f_.high_;
    out.type = job_.out.dtype;
    return out;
  }

  const ChannelProduct& job_;
  const ChannelFilters& f_;
};

void channel_product(const Context& context, const ChannelProduct& job) { ChannelMultiplier(job).run(context); }

}  // namespace koinon::engine::kernels
