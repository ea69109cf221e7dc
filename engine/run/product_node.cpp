#include <algorithm>

#include "engine/kernels/conv.hpp"
#include "engine/kernels/filters.hpp"
#include "engine/program/steps/rules.hpp"
#include "engine/run/node.hpp"

namespace koinon::engine::run {
namespace {

using kernels::ConstArray;
using kernels::Filters;
using kernels::Staging;
using program::DType;
using program::Ref;
using program::Source;
using program::Step;

ConstArray constant(const program::Program& program, const Step& step, std::size_t operand) {
  if (operand >= step.operands.size()) return {};
  const auto& c = program.weights[step.operands[operand].index()];
  return {c.info.dtype, c.data.data()};
}

bool narrow(DType type) { return type == DType::i8 || type == DType::i16; }

// A step whose rows of weights can be packed: one result in i32, weights and bias constant.
bool packable(const Step& step) {
  return narrow(step.operand_infos[0].dtype) && narrow(step.operand_infos[1].dtype) && step.outputs[0].dtype == DType::i32 &&
         step.operands[0].source() == Source::value && step.operands[1].source() == Source::weight &&
         (step.operands.size() < 3 || step.operands[2].source() == Source::weight);
}

// M or s of a requantise step, one a column; empty when they differ along other axes too.
std::vector<std::int64_t> by_column(const program::Program& program, const Step& step, std::size_t operand,
                                    std::int64_t columns) {
  const auto& shape = step.operand_infos[operand].shape;
  const std::int64_t count = tensor::element_count(shape);
  if (count != 1 && (shape.back() != columns || count != columns)) return {};
  const ConstArray list = constant(program, step, operand);
  std::vector<std::int64_t> out;
  for (std::int64_t j = 0; j < columns; ++j) out.push_back(list.at(count == 1 ? 0 : j));
  return out;
}

std::optional<kernels::Epilogue> epilogue_of(const program::Program& program, const Step& step) {
  const std::int64_t columns = step.outputs[0].shape.back();
  const DType type = step.outputs[0].dtype;
  const auto m = by_column(program, step, 1, columns), s = by_column(program, step, 2, columns);
  if (m.empty() || s.empty() || type == DType::i64) return std::nullopt;
  // The clamp is taken into the type, which the proved range makes a change of nothing.
  return kernels::Epilogue::of(m, s, std::max(step.params[0], tensor::dtype_low(type)),
                               std::min(step.params[1], tensor::dtype_high(type)));
}

class ProductNode final : public Node {
 public:
  ProductNode(const Making& making, std::size_t number, const Step* requantise) {
    const Step& step = making.program.steps[number];
    const Step& end = requantise == nullptr ? step : *requantise;
    x_ = step.operands[0];
    x_type_ = step.operand_infos[0].dtype;
    type_ = end.outputs[0].dtype;
    if (requantise != nullptr) epilogue_ = epilogue_of(making.program, end);
    reads = {x_};
    writes = {end.first_output};
    last_step = number + (requantise == nullptr ? 0 : 1);
    ready_ = requantise == nullptr || epilogue_.has_value();
    if (ready_) plan(making, step);
  }

  /// False when the requantise step is of a kind that tiles do not do.
  [[nodiscard]] bool ready() const { return ready_; }

  base::Status run(const Frame& frame) const override {
    const std::uint8_t* x = frame.read(x_);
    if (staged_) {
      kernels::Stage stage = stage_;
      stage.x = {x_type_, x};
      stage.to = frame.scratch;
      kernels::stage(frame.context, stage);
      x = frame.scratch;
    }
    std::uint8_t* out = frame.write(writes[0]);
    kernels::Product job;
    job.windows = windows_;
    job.out_stride = columns_;
    for (std::size_t g = 0; g < filters_.size(); ++g) {
      job.filters = &filters_[g];
      job.windows.data = x + static_cast<std::int64_t>(g) * group_bytes_;
      job.epilogue = epilogues_.empty() ? nullptr : &epilogues_[g];
      job.out = {type_, out + static_cast<std::int64_t>(g) * filters_[g].columns() *
                                  static_cast<std::int64_t>(tensor::dtype_size(type_))};
      kernels::product(frame.context, job);
    }
    return {};
  }

 private:
  void plan(const Making& making, const Step& step) {
    const kernels::Conv conv = step.kind == program::StepKind::conv ? program::steps::conv_geometry(step) : as_conv(step);
    columns_ = conv.filters;
    const auto& range = making.ranges[x_.index()];
    const DType w_type = step.operand_infos[1].dtype;
    const bool bytes = making.isa == kernels::Isa::avx512 && x_type_ == DType::i8 && w_type == DType::i8;
    const bool shifted = bytes && range.low < 0;
    stage_.staging = !bytes && x_type_ == DType::i8 ? Staging::widened : shifted ? Staging::shifted : Staging::plain;
    geometry(conv);
    // Windows read up to three bytes too far, which only the arena and the scratch allow.
    const bool input =
        making.views[x_.index()].value < making.program.inputs.size() && shape_.elements * stage_.element() % 4 != 0;
    staged_ = input || padded(conv) || stage_.staging != Staging::plain;
    if (staged_) scratch = static_cast<std::size_t>(conv.batch * stage_.box_bytes());
    pack(making, step, conv, shifted);
  }

  // A matrix product as a convolution of single elements.
  static kernels::Conv as_conv(const Step& step) {
    const auto& w = step.operand_infos[1].shape;
    kernels::Conv conv;
    conv.channels = w[1];
    conv.filters = w[0];
    conv.width = conv.out_width = tensor::element_count(step.operand_infos[0].shape) / w[1];
    return conv;
  }

  static bool padded(const kernels::Conv& c) {
    const auto reach = [](std::int64_t out, std::int64_t stride, std::int64_t kernel, std::int64_t dilation) {
      return (out - 1) * stride + (kernel - 1) * dilation + 1;
    };
    return c.pad_front > 0 || c.pad_top > 0 || c.pad_left > 0 ||
           reach(c.out_depth, c.stride_depth, c.kernel_depth, c.dilation_depth) > c.depth ||
           reach(c.out_height, c.stride_height, c.kernel_height, c.dilation_height) > c.height ||
           reach(c.out_width, c.stride_width, c.kernel_width, c.dilation_width) > c.width;
  }

  void geometry(const kernels::Conv& c) {
    const auto behind = [](std::int64_t out, std::int64_t stride, std::int64_t kernel, std::int64_t dilation, std::int64_t pad,
                           std::int64_t size) {
      return std::max<std::int64_t>(0, (out - 1) * stride + (kernel - 1) * dilation + 1 - pad - size);
    };
    stage_.x.dtype = x_type_;
    stage_.batch = c.batch, stage_.depth = c.depth, stage_.height = c.height, stage_.line = c.width * c.channels;
    stage_.front = c.pad_front, stage_.top = c.pad_top, stage_.left = c.pad_left * c.channels;
    stage_.back = behind(c.out_depth, c.stride_depth, c.kernel_depth, c.dilation_depth, c.pad_front, c.depth);
    stage_.bottom = behind(c.out_height, c.stride_height, c.kernel_height, c.dilation_height, c.pad_top, c.height);
    stage_.right = behind(c.out_width, c.stride_width, c.kernel_width, c.dilation_width, c.pad_left, c.width) * c.channels;
    const std::int64_t e = stage_.element(), pixel = c.channels * e;
    const std::int64_t counts[] = {c.batch, c.out_depth, c.out_height, c.out_width};
    const std::int64_t strides[] = {stage_.box_bytes(), c.stride_depth * stage_.plane_bytes(),
                                    c.stride_height * stage_.line_bytes(), c.stride_width * pixel};
    std::copy_n(counts, 4, windows_.counts);
    std::copy_n(strides, 4, windows_.strides);
    const bool whole_rows = c.groups == 1 && c.dilation_width == 1;
    shape_.elements = whole_rows ? c.kernel_width * c.channels : c.channels / c.groups;
    windows_.segments.clear();
    for (std::int64_t z = 0; z < c.kernel_depth; ++z)
      for (std::int64_t y = 0; y < c.kernel_height; ++y)
        for (std::int64_t x = 0; x < (whole_rows ? 1 : c.kernel_width); ++x)
          windows_.segments.push_back(z * c.dilation_depth * stage_.plane_bytes() +
                                      y * c.dilation_height * stage_.line_bytes() + x * c.dilation_width * pixel);
    shape_.segments = static_cast<std::int64_t>(windows_.segments.size());
    group_bytes_ = c.channels / c.groups * e;
  }

  void pack(const Making& making, const Step& step, const kernels::Conv& conv, bool shifted) {
    const ConstArray w = constant(making.program, step, 1), bias = constant(making.program, step, 2);
    const std::int64_t each = conv.filters / conv.groups;
    shape_.columns = each;
    const auto part = [](ConstArray a, std::int64_t first) {
      if (a.data != nullptr) a.data += first * static_cast<std::int64_t>(tensor::dtype_size(a.dtype));
      return a;
    };
    for (std::int64_t g = 0; g < conv.groups; ++g) {
      const std::int64_t first = g * each;
      filters_.push_back(Filters::pack(making.isa, shape_, part(w, first * shape_.segments * shape_.elements),
                                       part(bias, first), x_type_, shifted));
      if (epilogue_) epilogues_.push_back(conv.groups == 1 ? *epilogue_ : epilogue_->part(first, each));
    }
    epilogue_.reset();
  }

  Ref x_;
  DType x_type_ = DType::i8, type_ = DType::i32;
  bool ready_ = false, staged_ = false;
  kernels::Stage stage_;
  kernels::Windows windows_;
  Filters::Shape shape_;
  std::int64_t columns_ = 0, group_bytes_ = 0;
  std::vector<Filters> filters_;  // one a group
  std::optional<kernels::Epilogue> epilogue_;
  std::vector<kernels::Epilogue> epilogues_;
};

}  // namespace

NodePtr product_node(const Making& making, std::size_t number, const Step* requantise) {
  const Step& step = making.program.steps[number];
  const bool matmul = step.kind == program::StepKind::matmul && step.operand_infos[1].shape.size() == 2;
  if ((!matmul && step.kind != program::StepKind::conv) || making.isa == kernels::Isa::ref || !packable(step)) return nullptr;
  // Many groups of few channels each fill too little of a register.
  if (!matmul && step.params[0] > 1 && step.operand_infos[0].shape.back() / step.params[0] < 8) return nullptr;
  auto node = std::make_unique<ProductNode>(making, number, requantise);
  if (!node->ready()) return nullptr;
  return node;
}

}  // namespace koinon::engine::run
