#pragma once
#include <string>
#include <vector>

namespace koinon::engine::quantise {

/// Takes a model through import, float, quantisation at 16 and at 8 bits, and runs; what went wrong, in words, empty when
/// nothing did:
///   1. it imports, float gives finite outputs, and it becomes a program whose file reads back;
///   2. scalar and fast kernels, one thread and two, traced and untraced, give the same roots;
///   3. each node by itself keeps to float within two units of its output, beyond what half a unit's change of its inputs and
///      of its constant weights explains;
///   4. where nothing jumps or divides by a spread that may be next to nothing, inputs that calibration did not see, but whose
///      values lie in the ranges that it saw, lose at most four times what the report says of those that it saw, and a
///      hundredth of the range.
std::vector<std::string> check_model(const std::string& onnx);

}  // namespace koinon::engine::quantise
