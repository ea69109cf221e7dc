#pragma once
#include <span>

#include "engine/program/bounds.hpp"
#include "engine/program/program.hpp"

namespace koinon::trust::fhe {

/// For each element of an input the values v, rising, at which what comes of it can change: the bits [x >= v] are all that a
/// program whose input is only compared with constants, such as a tree, needs to know. They show the buyer its thresholds.
using Cuts = std::vector<std::vector<std::int64_t>>;

/// The cuts of a program's input, of which `steps` are those before and in the first layer. Errors: unsupported, naming the
/// step that does something else with the input than move and compare it.
base::Result<Cuts> find_cuts(const engine::program::Program& program, const std::vector<engine::program::Range>& ranges,
                             const std::vector<std::size_t>& steps);

/// Bits of an input under cuts.
std::vector<std::int64_t> bits_of(const Cuts& cuts, std::span<const std::int64_t> x);
/// All bits of an input.
std::size_t bit_count(const Cuts& cuts);

/// Canonical bytes: u32 elements; of each u32 count and i64 cuts.
base::Bytes encode(const Cuts& cuts);
/// Errors: malformed, also for cuts that do not rise within (low, high].
base::Result<Cuts> decode_cuts(base::ByteView bytes, std::int64_t low, std::int64_t high);

}  // namespace koinon::trust::fhe
