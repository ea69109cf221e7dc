#pragma once
#include <array>
#include <string_view>

#include "base/random.hpp"
#include "ledger/contracts/floats.hpp"
#include "test/quorum/chain.hpp"

namespace koinon::test::training {

using ledger::contracts::Floats;

/// Bits of three numbers.
using Three = std::array<std::uint32_t, 3>;

/// An operation of contracts/Floats.sol: its number, and what the machine (or engine/train/arith) gives, bits as they come.
struct Operation {
  std::uint8_t number;
  std::string_view name;
  int operands;
  std::uint32_t (*machine)(const Three& x);
};

/// Every operation.
const std::vector<Operation>& operations();

/// Zeros, ones, subnormals, the ends of each range, halves of last places, infinities and NaNs of several kinds.
const std::vector<std::uint32_t>& extremes();

/// Every extreme, or every two of them, and for three operands 4,000 threes.
std::vector<Three> extreme_cases(int operands, base::Random& random);

/// A case where most is likely to go wrong: any bits; exponents near each other; sums that nearly vanish; ties; results at the
/// ends of the range; arguments of functions where they change their form.
Three throw_case(base::Random& random);

/// As trees hash it: one NaN.
std::uint32_t canonical(std::uint32_t bits);

/// A contract with every operation, and a comparison of many cases.
class FloatTwins : public quorum::ChainTest {
 protected:
  Floats contract_ = deploy<Floats>("Floats");

  void compare(const Operation& operation, const std::vector<Three>& cases);
};

/// Bytes of numbers, the lowest first.
base::Bytes little_endian(const std::vector<std::uint32_t>& numbers);
base::Bytes little_endian(const std::vector<Three>& cases);

}  // namespace koinon::test::training
