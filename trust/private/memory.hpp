#pragma once
#include <cstddef>

namespace koinon::trust::fhe {

/// Memory of at least `bytes` on cache lines, from blocks of the same size that were given back if there are any: operations
/// allocate and free megabytes each, and letting the kernel map and clear those anew costs more than the arithmetic. Blocks
/// held back are at most 256 MiB in all; beyond that they return to the system. Thread-safe. Contents are whatever was there.
void* take_block(std::size_t bytes);
/// Gives back what take_block gave for this size.
void give_block(void* block, std::size_t bytes) noexcept;

}  // namespace koinon::trust::fhe
