#pragma once

namespace koinon::engine::train {

struct Lanes;
const Lanes& lanes_ref();   ///< for any processor
const Lanes& lanes_avx2();  ///< for processors with AVX2 and FMA

}  // namespace koinon::engine::train
