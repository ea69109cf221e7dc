#pragma once
#include <cstdint>
#include <functional>

#include "engine/kernels/context.hpp"
#include "engine/train/arith/lanes.hpp"

namespace koinon::engine::train {

/// Sets, for its lifetime, how this thread computes with floats: round to nearest even, no flush of subnormal results to zero
/// (FTZ), no subnormal operands taken for zero (DAZ). A library that the process loaded may have set otherwise.
class FloatMode {
 public:
  FloatMode();
  ~FloatMode();
  FloatMode(const FloatMode&) = delete;
  FloatMode& operator=(const FloatMode&) = delete;

 private:
  std::uint64_t before_;
};

/// How training runs: the pool and the instruction set, neither of which changes a bit.
using Machine = kernels::Context;

inline const Lanes& lanes(const Machine& machine) { return lanes(machine.isa); }

/// Calls body(i) for i in [0, n), each in FloatMode.
void parallel(const Machine& machine, std::int64_t n, const std::function<void(std::int64_t)>& body);

/// Elements in one task of an elementwise loop.
inline constexpr std::int64_t kChunk = 16384;

/// Calls body(first, count) for the chunks of [0, n), kChunk elements each; a short array stays on this thread.
void chunks(const Machine& machine, std::int64_t n, const std::function<void(std::int64_t, std::int64_t)>& body);

/// The machine for work inside a task.
inline Machine alone(const Machine& machine) { return {nullptr, machine.isa}; }

}  // namespace koinon::engine::train
