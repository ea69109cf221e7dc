#pragma once
#include "trust/proof/build.hpp"
#include "trust/proof/claims.hpp"

namespace koinon::trust::proof {

/// The linear claims of a circuit (docs/trust/proof.md, 5.1) as a list of operations, for a verifier that can neither hold the
/// circuit nor visit each of its cells: contracts/src/proof/Tape.sol follows one. With the circuit's weights W, columns e and
/// point r of an opening, and theta of F, it gives
///
///   sum_j e_j W_j(r) + theta * constant      (`Reduction`: value + theta * constant)
///
/// as a sum over parts, each small enough for a transaction. A tape depends on the program and on what is hidden, not on a run:
/// public inputs and outputs are `stated` variables. Long stretches of rows whose terms are as long a stretch of cells are one
/// operation that takes blocks of 2^k of both at once (Circuit::Batch makes them).
///
/// A part is words of 32 bytes, most significant first:
///
///   op 8 | slot 8 | power 4 | k 4 | stride 16 | row 32 | ref 32 | count 32 | coefficient 64 | outer 32 | form 16 | 0
///
/// op 1 cells     coefficient * sum_{u < count 2^k} weight(row + u) M(ref + u stride); stride is 1 unless k is 0
///    2 linear    ... L(ref + u stride), k = 0
///    3 stated    ... theta * stated(ref + u stride), k = 0
///    4 ones      coefficient * theta * sum_{u < count 2^k} weight(row + u)
///    5 ramp      theta * sum_{u < count 2^k} (coefficient + u) weight(row + u)
///    6 load      appends M(ref + u), u < count, to L; L begins with one 0
///    7 load      appends theta * stated(ref + u)
///    8 product   appends a product with public weights: `append_product` in tape_words.hpp
///    9 rows      appends count sums of terms: `append_rows`
///   10 mask      ref: a place; row: number of its cell among those of the mask; count of cells; form 0 the rows', else form -
///   1
///
/// M(place) = eq(r, row of place) e_column. `weight(i)` by slot, with `power` a factor X^power:
///
///   0 a, 1 b, 3 x, 4 y, 5 alpha   eq(rows.point, i) * lambda, lambda^2, -lambda^2 beta, -lambda^2 beta^2, lambda^2 alpha
///   2 c                           eq(tau, i)
///   6 sum                         lambda^4, whatever i
///   16 out  17 out by columns     lambda^t eq(tau_1, i) eq(tau_2, outer), and with the two changed over;  t = 5 + 4 form
///   18 left 19 left by rows       lambda^{t+1} eq(point, i) eq(tau_1, outer), and changed over
///   20 right 21 right by columns  lambda^{t+2} eq(point, i) eq(tau_2, outer), and changed over
///   22 bias                       -lambda^t eq(tau_2, i) sum_{j < outer} eq(tau_1, j)
///   23 hidden                     lambda^t, whatever i
/// An outer index of 2^32 - 1 leaves its factor out.
struct Tape {
  std::vector<base::Bytes> parts;
  std::uint32_t stated = 0;  ///< variables that the statement gives

  /// keccak256 of the parts' hashes, one after the other.
  [[nodiscard]] base::Hash hash() const;
};

inline constexpr std::uint64_t kPartGas = 13'000'000;  ///< that a part is made to stay below

/// Bytes and elements of the tensors that are public, which every part is shown with.
struct PublicTensors {
  std::uint64_t bytes = 0, elements = 0;
  std::size_t count = 0;
};
/// Of a program's outputs, and of its inputs unless they are hidden. Sizes alone.
PublicTensors public_tensors(const engine::program::Program& program, const Secrecy& secrecy);

/// `shown`: public_tensors of the circuit's program; what they take is not free for a part. Errors: unsupported when they leave
/// no room, or when one step alone is too large for a part.
base::Result<Tape> compile_tape(const Layout& layout, const Circuit& circuit, const PublicTensors& shown);

/// What a tape is read with.
struct Reading {
  const Layout& layout;
  const Coins& coins;
  std::span<const Ext> point, columns;      ///< of the opening: its sumcheck's, and the columns' values there
  std::span<const unsigned> form_rows_log;  ///< of each form: how many of its tau are for rows
  std::span<const Fp> stated;
  Ext theta;
};
/// The number that a part adds, element by element: the twin of the contract, which takes blocks. Precondition: compile_tape
/// made the part.
Ext read_part(base::ByteView part, const Reading& reading);

/// Values of the stated variables of a circuit.
std::vector<Fp> stated_values(const Circuit& circuit);

}  // namespace koinon::trust::proof
