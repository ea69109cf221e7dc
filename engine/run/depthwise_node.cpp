#include <algorithm>

#include "engine/kernels/depthwise.hpp"
#include "engine/run/windows.hpp"

namespace koinon::engine::run {
namespace {

using program::DType;
using program::Step;

class DepthwiseNode final : public Node {
 public:
  DepthwiseNode(const Making& making, std::size_t number, const Step* requantise, const kernels::Epilogue* epilogue)
      : geometry_(making, number) {
    const Step& step = making.program.steps[number];
    const Step& end = requantise == nullptr ? step : *requantise;
    const kernels::Conv conv = conv_of(step);
    reads = {step.operands[0]};
    writes = {end.first_output};
    if (requantise != nullptr && making.writes_sums(step)) writes.push_back(step.first_output);
    last_step = number;
    type_ = end.outputs[0].dtype;
    kernels::ChannelFilters::Shape shape;
    shape.channels = conv.channels;
    shape.taps = static_cast<std::int64_t>(geometry_.windows.segments.size());
    shape.flat = conv.stride_width == 1;
    scratch = geometry_.scratch();
    filters_ = kernels::ChannelFilters::pack(making.isa, shape, constant_operand(making.program, step, 1),
                                             constant_operand(making.program, step, 2), step.operand_infos[0].dtype,
                                             geometry_.shifted(), epilogue);
    own_bytes = filters_.bytes_held();
  }

  base::Status run(const Frame& frame) const override {
    kernels::ChannelProduct job;
    job.filters = &filters_;
    job.windows = geometry_.windows;
    job.windows.data = geometry_.begin(frame, reads[0]);
    job.out = {type_, frame.write(writes[0])};
    if (writes.size() > 1) job.sums = reinterpret_cast<std::int32_t*>(frame.write(writes[1]));
    kernels::channel_product(frame.context, job);
    return {};
  }

 private:
  WindowGeometry geometry_;
  DType type_;
  kernels::ChannelFilters filters_;
};

}  // namespace

NodePtr depthwise_node(const Making& making, std::size_t number, const Step* requantise) {
  const Step& step = making.program.steps[number];
  if (making.isa == kernels::Isa::ref || step.kind != program::StepKind::conv || !packable(step)) return nullptr;
  const kernels::Conv conv = conv_of(step);
  if (conv.groups != conv.channels || conv.filters != conv.channels || conv.groups == 1) return nullptr;
  std::optional<kernels::Epilogue> epilogue;
  if (requantise != nullptr) {
    epilogue = epilogue_of(making.program, *requantise);
    if (!epilogue) return nullptr;
  }
  return std::make_unique<DepthwiseNode>(making, number, requantise, epilogue ? &*epilogue : nullptr);
}

}  // namespace koinon::engine::run
