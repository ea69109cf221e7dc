#pragma once
#include <vector>

#include "engine/program/program.hpp"

namespace koinon::engine::program {

/// Inner values: outputs of steps that one later step alone reads, few elements for each of its own. They are in no trace;
/// whoever checks an element that reads one computes it again. Which they are follows from the program alone:
///
///   A step can be inner when it has one output, its kind is one that makes_inner() names, the output is no output of the
///   program, it is read exactly once in the whole program, and elements_read() of that operand is not 0. Walking the steps in
///   order and their operands in order, each that can be is, unless its reader would then have more than kMostParts parts, or
///   more than kMostSums sums, or more than one whose rows are together longer than kMostRowBytes. With n elements read of each
///   inner operand, parts(s) = 1 + the sum of n times the parts of its maker; sums(s) = 1 for matmul and conv, else 0, + the
///   sum of n times the sums of its maker; rows(s) likewise from the bytes of the two rows that a matmul or conv multiplies.
///
/// The bounds keep the proof of one wrong element to 128 KiB and one transaction: a depthwise window of 3 x 3 over what a
/// pointwise convolution of 1024 channels gives, requantised before and after, is 20 parts, 10 sums and 36 KiB of 16 bits.
inline constexpr std::size_t kMostParts = 24;        ///< steps done to compute one element again, its own among them
inline constexpr std::size_t kMostSums = 10;         ///< of these, matmul and conv
inline constexpr std::size_t kMostRowBytes = 40960;  ///< of all sums, where there are several

/// Bit of the kind byte in a step's canonical bytes that says that its output is inner.
inline constexpr std::uint8_t kInnerBit = 0x80;

/// What stands for an inner value in the list behind the trace root and in the witness: keccak256("koinon.inner"). No tree has
/// this root.
inline constexpr base::Hash kInnerRoot{{0xd0, 0x16, 0x7d, 0x51, 0xa6, 0xae, 0x06, 0xe7, 0x44, 0x15, 0x46,
                                        0x5a, 0x91, 0x76, 0x4a, 0x43, 0x0e, 0x39, 0x35, 0x1e, 0xd6, 0x8e,
                                        0x30, 0x80, 0xc2, 0x21, 0x2a, 0x00, 0x2b, 0x43, 0x40, 0x69}};

/// True when steps of this kind may have an inner output: an element of it reads few elements, or is one sum.
bool makes_inner(StepKind kind);
/// How many elements of an operand that is a value one element of the step's first output reads at most, when the operand may
/// be inner; 0 when it may not: because that is many, or because the operand has fewer elements than the output (other than of
/// pad and concat), each of which would be computed again for many.
std::size_t elements_read(const Step& step, std::size_t operand);

/// For every step whether its output is inner. Precondition: operands name values that exist (what validate finds otherwise is
/// passed over).
std::vector<bool> inner_steps(const Program& program);
/// Sets Step::inner of every step to what inner_steps says.
void mark_inner(Program& program);
/// For every value whether it is inner, by the steps' flags.
std::vector<bool> inner_values(const Program& program);

}  // namespace koinon::engine::program
