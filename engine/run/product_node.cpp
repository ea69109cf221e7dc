#include "base/hash.hpp"
#include "engine/kernels/filters.hpp"
#include "engine/run/windows.hpp"

namespace koinon::engine::run {
namespace {

using kernels::ConstArray;
using kernels::Filters;
using program::DType;
using program::Step;

class ProductNode final : public Node {
 public:
  // `requantise`, when not null, is done by what follows the sums: the epilogue of their size.
  ProductNode(const Making& making, std::size_t number, const Step* requantise, const kernels::Epilogue* epilogue,
              const kernels::WideEpilogue* wide_epilogue)
      : geometry_(making, number) {
    const Step& step = making.program.steps[number];
    const Step& end = requantise == nullptr ? step : *requantise;
    reads = {step.operands[0]};
    writes = {end.first_output};
    if (requantise != nullptr && making.writes_sums(step)) writes.push_back(step.first_output);
    last_step = number;
    scratch = geometry_.scratch();
    type_ = end.outputs[0].dtype;
    columns_ = step.outputs[0].shape.back();
    pack(making, step);
    const std::int64_t each = filters_.front()->columns();
    for (std::int64_t g = 0; requantise != nullptr && g < columns_ / each; ++g) {
      if (epilogue != nullptr) epilogues_.push_back(epilogue->part(g * each, each));
      if (wide_epilogue != nullptr) wide_epilogues_.push_back(wide_epilogue->part(g * each, each));
    }
  }

  base::Status run(const Frame& frame) const override {
    const std::uint8_t* x = geometry_.begin(frame, reads[0]);
    std::uint8_t* out = frame.write(writes[0]);
    auto* sums = writes.size() < 2 ? nullptr : frame.write(writes[1]);
    const auto size = static_cast<std::int64_t>(tensor::dtype_size(type_));
    kernels::Product job;
    job.windows = geometry_.windows;
    job.out_stride = columns_;
    for (std::size_t g = 0; g < filters_.size(); ++g) {
      const auto group = static_cast<std::int64_t>(g);
      job.filters = filters_[g].get();
      job.windows.data = x + group * geometry_.group_bytes;
      job.epilogue = epilogues_.empty() ? nullptr : &epilogues_[g];
      job.wide_epilogue = wide_epilogues_.empty() ? nullptr : &wide_epilogues_[g];
      job.out = {type_, out + group * filters_[g]->columns() * size};
      if (sums != nullptr) job.sums = sums + group * filters_[g]->columns() * (filters_[g]->wide() ? 8 : 4);
      kernels::product(frame.context, job);
    }
    return {};
  }

 private:
  void pack(const Making& making, const Step& step) {
    const ConstArray w = constant_operand(making.program, step, 1), bias = constant_operand(making.program, step, 2);
    const std::int64_t groups = conv_of(step).groups, each = columns_ / groups;
    const Filters::Shape shape{each, static_cast<std::int64_t>(geometry_.windows.segments.size()), geometry_.elements};
    const auto part = [](ConstArray a, std::int64_t first) {
      if (a.data != nullptr) a.data += first * static_cast<std::int64_t>(tensor::dtype_size(a.dtype));
      return a;
    };
    for (std::int64_t g = 0; g < groups; ++g) {
      const std::int64_t first = g * each;
      const auto make = [&] {
        if (step.outputs[0].dtype == DType::i64)
          return Filters::pack_wide(shape, part(w, first * shape.segments * shape.elements), part(bias, first));
        return Filters::pack(making.isa, shape, part(w, first * shape.segments * shape.elements), part(bias, first),
                             step.operand_infos[0].dtype, geometry_.shifted());
      };
      const bool shared = making.packs != nullptr;
      filters_.push_back(shared ? making.packs->get(key_of(making, step, shape, g), make)
                                : std::make_shared<const Filters>(make()));
      own_bytes += filters_.back()->bytes_held();
    }
  }

  // Names what pack() makes of a group.
  base::Hash key_of(const Making& making, const Step& step, const Filters::Shape& shape, std::int64_t group) const {
    base::Bytes text;
    for (std::size_t i = 1; i < step.operands.size(); ++i) {
      const auto& root = making.program.weights[step.operands[i].index()].root.bytes;
      text.insert(text.end(), root.begin(), root.end());
    }
    const auto number = [&](auto value) {
      for (auto byte : base::be64(static_cast<std::uint64_t>(value))) text.push_back(byte);
    };
    for (std::int64_t value : {group, shape.columns, shape.segments, shape.elements}) number(value);
    for (std::size_t i = 0; i < step.operands.size(); ++i) number(step.operand_infos[i].dtype);
    number(step.outputs[0].dtype);
    number(making.isa);
    number(geometry_.shifted());
    return base::keccak256(text);
  }

  WindowGeometry geometry_;
  DType type_ = DType::i32;
  std::int64_t columns_ = 0;
  std::vector<Packs::Shared> filters_;  // one a group
  std::vector<kernels::Epilogue> epilogues_;
  std::vector<kernels::WideEpilogue> wide_epilogues_;
};

// True when the columns that fill registers up would make large weights several times larger.
bool too_thin(const Step& step) {
  constexpr std::int64_t kRegister = 16, kLarge = std::int64_t{1} << 24;
  const auto& w = step.operand_infos[1].shape;
  const std::int64_t groups = conv_of(step).groups, each = w[0] / groups;
  const std::int64_t size = tensor::element_count(w), packed = size / each * ((each + kRegister - 1) / kRegister * kRegister);
  return packed > kLarge && packed > 4 * size;
}

}  // namespace

NodePtr product_node(const Making& making, std::size_t number, const Step* requantise) {
  const Step& step = making.program.steps[number];
  const bool matmul = step.kind == program::StepKind::matmul && step.operand_infos[1].shape.size() == 2;
  if ((!matmul && step.kind != program::StepKind::conv) || making.isa == kernels::Isa::ref) return nullptr;
  const bool wide = packable_wide(step, making.isa);
  if (!wide && !packable(step)) return nullptr;
  if (too_thin(step)) return nullptr;
  // Many groups of few channels each fill too little of a register.
  if (!matmul && step.params[0] > 1 && step.operand_infos[0].shape.back() / step.params[0] < 8) return nullptr;
  std::optional<kernels::Epilogue> epilogue;
  std::optional<kernels::WideEpilogue> wide_epilogue;
  if (requantise != nullptr) {
    if (wide) wide_epilogue = wide_epilogue_of(making.program, *requantise);
    if (!wide) epilogue = epilogue_of(making.program, *requantise);
    if (!epilogue && !wide_epilogue) return nullptr;
  }
  return std::make_unique<ProductNode>(making, number, requantise, epilogue ? &*epilogue : nullptr,
                                       wide_epilogue ? &*wide_epilogue : nullptr);
}

}  // namespace koinon::engine::run
