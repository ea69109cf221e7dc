#include "engine/train/arith/lanes_body.hpp"
#include "engine/train/arith/lanes_tables.hpp"

namespace koinon::engine::train {

const Lanes& lanes_ref() { return kTable; }

}  // namespace koinon::engine::train
