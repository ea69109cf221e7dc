// Compiled with -mavx2 -mfma on x86-64; elsewhere the same as lanes_ref.cpp.
#include "engine/train/arith/lanes_body.hpp"
#include "engine/train/arith/lanes_tables.hpp"

namespace koinon::engine::train {

const Lanes& lanes_avx2() { return kTable; }

}  // namespace koinon::engine::train
