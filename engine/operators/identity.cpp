#include "engine/operators/lowering.hpp"
#include "engine/operators/table.hpp"

// Identity, and Dropout, which at inference is the identity.
namespace koinon::engine::operators {

namespace {

Result<std::vector<Type>> infer(const Call& call) {
  if (call.node().op == "Identity") return std::vector<Type>{call.type(0)};
  if (call.has(2) && (call.known(2) == nullptr || call.known(2)->size() != 1 || call.known(2)->real(0) != 0))
    return call.fail(Code::unsupported, "training_mode that is not constantly false");
  // The mask keeps everything.
  return std::vector<Type>{call.type(0), {Element::boolean, call.shape(0)}};
}

Result<std::vector<Value>> compute(const Call& call) {
  std::vector<Value> out{call.value(0)};
  if (call.outputs() > 1) {
    out.push_back(Value::zeros({Element::boolean, call.shape(0)}));
    for (auto& v : out[1].ints) v = 1;
  }
  return out;
}

Status lower(const Call& call, Lowering& to) {
  if (call.outputs() > 1 && call.output(1) != onnx::kAbsent) return call.fail(Code::unsupported, "the mask as an output");
  KOINON_TRY(const auto x, to.in(call, 0));
  return to.set(call, x.ref, x.scale, x.channels_last);
}

constexpr Operator kOperators[] = {{"Identity", 1, kNewest, 1, 1, infer, compute, lower},
                                   {"Dropout", 7, kNewest, 1, 3, infer, compute, lower}};

}  // namespace

std::span<const Operator> identity_operators() { return kOperators; }

}  // namespace koinon::engine::operators
