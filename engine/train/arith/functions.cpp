#include "engine/train/arith/functions.hpp"

#include "engine/train/arith/lanes.hpp"

namespace koinon::engine::train {
namespace {

float one(Lanes::Map map, float x) {
  float y = 0;
  map(1, &x, &y);
  return y;
}

}  // namespace

float exp(float x) { return one(lanes(kernels::Isa::ref).exp, x); }
float log(float x) { return one(lanes(kernels::Isa::ref).log, x); }
float tanh(float x) { return one(lanes(kernels::Isa::ref).tanh, x); }
float erf(float x) { return one(lanes(kernels::Isa::ref).erf, x); }
float sigmoid(float x) { return one(lanes(kernels::Isa::ref).sigmoid, x); }
float gelu(float x) { return one(lanes(kernels::Isa::ref).gelu, x); }
float silu(float x) { return one(lanes(kernels::Isa::ref).silu, x); }

}  // namespace koinon::engine::train
