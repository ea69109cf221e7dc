#pragma once
#include "engine/run/layout.hpp"

namespace koinon::engine::run {

/// The tensors of a run in its arena; inputs lie where the caller has them.
class RunFrame final : public Frame {
 public:
  /// All are borrowed.
  RunFrame(const program::Program& program, const Layout& layout, std::span<const tensor::IntTensor> inputs,
           std::uint8_t* arena)
      : program_(program), layout_(layout), inputs_(inputs), arena_(arena) {
    scratch = arena + layout.scratch;
  }
  [[nodiscard]] const std::uint8_t* read(program::Ref ref) const override {
    switch (ref.source()) {
      case program::Source::value: return value(ref.index());
      case program::Source::weight: return program_.weights[ref.index()].data.data();
      case program::Source::table: break;
    }
    return program_.tables[ref.index()].data.data();
  }
  [[nodiscard]] std::uint8_t* write(std::size_t value) const override {
    const auto& view = layout_.views[value];
    return arena_ + layout_.offsets[view.value] + view.offset;
  }
  /// A value that is made and still needed.
  [[nodiscard]] base::ByteView bytes(std::size_t number) const { return {value(number), byte_size(*layout_.infos[number])}; }

 private:
  [[nodiscard]] const std::uint8_t* value(std::size_t number) const {
    const auto& view = layout_.views[number];
    return view.value < inputs_.size() ? inputs_[view.value].bytes.data() + view.offset : write(number);
  }

  const program::Program& program_;
  const Layout& layout_;
  std::span<const tensor::IntTensor> inputs_;
  std::uint8_t* arena_;
};

}  // namespace koinon::engine::run
