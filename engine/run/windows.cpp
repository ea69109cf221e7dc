#include "engine/run/windows.hpp"

#include <algorithm>

#include "engine/program/steps/rules.hpp"

namespace koinon::engine::run {
namespace {

using kernels::ConstArray;
using kernels::Conv;
using kernels::Staging;
using program::DType;
using program::Source;
using program::Step;

bool narrow(DType type) { return type == DType::i8 || type == DType::i16; }

// M or s of a requantise step, one a column; empty when they differ along other axes too.
std::vector<std::int64_t> by_column(const program::Program& program, const Step& step, std::size_t operand,
                                    std::int64_t columns) {
  const auto& shape = step.operand_infos[operand].shape;
  const std::int64_t count = tensor::element_count(shape);
  if (count != 1 && (shape.back() != columns || count != columns)) return {};
  const ConstArray list = constant_operand(program, step, operand);
  std::vector<std::int64_t> out;
  for (std::int64_t j = 0; j < columns; ++j) out.push_back(list.at(count == 1 ? 0 : j));
  return out;
}

// A requantise step whose M and s are constants that differ along the columns alone.
struct Scales {
  std::vector<std::int64_t> m, s;
  std::int64_t low, high;
};

std::optional<Scales> scales_of(const program::Program& program, const Step& step) {
  if (step.outputs[0].shape.empty()) return std::nullopt;
  const std::int64_t columns = step.outputs[0].shape.back();
  const DType type = step.outputs[0].dtype;
  auto m = by_column(program, step, 1, columns), s = by_column(program, step, 2, columns);
  if (m.empty() || s.empty()) return std::nullopt;
  // The clamp is taken into the type, which the proved range makes a change of nothing.
  return Scales{std::move(m), std::move(s), std::max(step.params[0], tensor::dtype_low(type)),
                std::min(step.params[1], tensor::dtype_high(type))};
}

// Pixels behind an axis's last that windows reach.
std::int64_t behind(std::int64_t out, std::int64_t stride, std::int64_t kernel, std::int64_t dilation, std::int64_t pad,
                    std::int64_t size) {
  return std::max<std::int64_t>(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - pad - size);
}

// True when a copy of x with zeros around has a size in keeping with x: far padding can make it much larger.
bool room_for_zeros(const Step& step) {
  constexpr double kSmall = 1 << 24, kTimes = 8;  // elements
  const Conv c = conv_of(step);
  const auto axis = [](std::int64_t size, std::int64_t out, std::int64_t stride, std::int64_t kernel, std::int64_t dilation,
                       std::int64_t pad) {
    return static_cast<double>(pad + size + behind(out, stride, kernel, dilation, pad, size));
  };
  const double box = static_cast<double>(c.batch * c.channels) *
                     axis(c.depth, c.out_depth, c.stride_depth, c.kernel_depth, c.dilation_depth, c.pad_front) *
                     axis(c.height, c.out_height, c.stride_height, c.kernel_height, c.dilation_height, c.pad_top) *
                     axis(c.width, c.out_width, c.stride_width, c.kernel_width, c.dilation_width, c.pad_left);
  return box <= kSmall || box <= kTimes * static_cast<double>(tensor::element_count(step.operand_infos[0].shape));
}

bool constant_weights(const Step& step) {
  if (step.kind == program::StepKind::conv && !room_for_zeros(step)) return false;
  return step.operands[0].source() == Source::value && step.operands[1].source() == Source::weight &&
         (step.operands.size() < 3 || step.operands[2].source() == Source::weight);
}

}  // namespace

bool packable(const Step& step) {
  return constant_weights(step) && narrow(step.operand_infos[0].dtype) && narrow(step.operand_infos[1].dtype) &&
         step.outputs[0].dtype == DType::i32;
}

bool packable_wide(const Step& step, kernels::Isa isa) {
  return isa == kernels::Isa::avx512 && constant_weights(step) && step.operand_infos[0].dtype == DType::i16 &&
         step.operand_infos[1].dtype == DType::i16 && step.outputs[0].dtype == DType::i64;
}

ConstArray constant_operand(const program::Program& program, const Step& step, std::size_t operand) {
  if (operand >= step.operands.size()) return {};
  const auto& c = program.weights[step.operands[operand].index()];
  return {c.info.dtype, c.data.data()};
}

Conv conv_of(const Step& step) {
  if (step.kind == program::StepKind::conv) return program::steps::conv_geometry(step);
  const auto& w = step.operand_infos[1].shape;
  Conv conv;
  conv.channels = w[1];
  conv.filters = w[0];
  conv.width = conv.out_width = tensor::element_count(step.operand_infos[0].shape) / w[1];
  return conv;
}

std::optional<kernels::Epilogue> epilogue_of(const program::Program& program, const Step& step) {
  if (step.outputs[0].dtype == DType::i64) return std::nullopt;
  const auto scales = scales_of(program, step);
  if (!scales) return std::nullopt;
  return kernels::Epilogue::of(scales->m, scales->s, scales->low, scales->high);
}

std::optional<kernels::WideEpilogue> wide_epilogue_of(const program::Program& program, const Step& step) {
  const auto scales = scales_of(program, step);
  if (!scales) return std::nullopt;
  return kernels::WideEpilogue::of(scales->m, scales->s, scales->low, scales->high);
}

WindowGeometry::WindowGeometry(const Making& making, std::size_t number) {
  const Step& step = making.program.steps[number];
  const Conv conv = conv_of(step);
  const std::size_t x = step.operands[0].index();
  const DType type = step.operand_infos[0].dtype;
  const bool bytes = making.isa == kernels::Isa::avx512 && type == DType::i8 && step.operand_infos[1].dtype == DType::i8;
  const bool shifted = bytes && making.ranges[x].low < 0;
  stage_.x.dtype = type;
  stage_.staging = !bytes && type == DType::i8 ? Staging::widened : shifted ? Staging::shifted : Staging::plain;
  place(conv);
  // Windows are read in whole words and registers, which only the arena and the scratch allow beyond their ends.
  const bool input = making.views[x].value < making.program.inputs.size();
  const bool padded = stage_.front + stage_.back + stage_.top + stage_.bottom + stage_.left + stage_.right > 0;
  staged_ = input || padded || stage_.staging != Staging::plain;
}

void WindowGeometry::place(const Conv& c) {
  stage_.batch = c.batch, stage_.depth = c.depth, stage_.height = c.height, stage_.line = c.width * c.channels;
  stage_.front = c.pad_front, stage_.top = c.pad_top, stage_.left = c.pad_left * c.channels;
  stage_.back = behind(c.out_depth, c.stride_depth, c.kernel_depth, c.dilation_depth, c.pad_front, c.depth);
  stage_.bottom = behind(c.out_height, c.stride_height, c.kernel_height, c.dilation_height, c.pad_top, c.height);
  stage_.right = behind(c.out_width, c.stride_width, c.kernel_width, c.dilation_width, c.pad_left, c.width) * c.channels;
  const std::int64_t e = stage_.element(), pixel = c.channels * e;
  const std::int64_t counts[] = {c.batch, c.out_depth, c.out_height, c.out_width};
  const std::int64_t strides[] = {stage_.box_bytes(), c.stride_depth * stage_.plane_bytes(),
                                  c.stride_height * stage_.line_bytes(), c.stride_width * pixel};
  std::copy_n(counts, 4, windows.counts);
  std::copy_n(strides, 4, windows.strides);
  const bool whole_rows = c.groups == 1 && c.dilation_width == 1;
  elements = whole_rows ? c.kernel_width * c.channels : c.channels / c.groups;
  for (std::int64_t z = 0; z < c.kernel_depth; ++z)
    for (std::int64_t y = 0; y < c.kernel_height; ++y)
      for (std::int64_t x = 0; x < (whole_rows ? 1 : c.kernel_width); ++x)
        segments_.push_back(z * c.dilation_depth * stage_.plane_bytes() + y * c.dilation_height * stage_.line_bytes() +
                            x * c.dilation_width * pixel);
  windows.segments = segments_;
  group_bytes = c.channels / c.groups * e;
}

std::size_t WindowGeometry::scratch() const {
  return staged_ ? static_cast<std::size_t>(stage_.batch * stage_.box_bytes()) : 0;
}

const std::uint8_t* WindowGeometry::begin(const Frame& frame, program::Ref x) const {
  const std::uint8_t* data = frame.read(x);
  if (!staged_) return data;
  kernels::Stage stage = stage_;
  stage.x.data = data;
  stage.to = frame.scratch;
  kernels::stage(frame.context, stage);
  return frame.scratch;
}

}  // namespace koinon::engine::run
