#pragma once
#include <gtest/gtest.h>

#include "test/proof/twin.hpp"
#include "trust/proof/proof_fixture.hpp"

namespace koinon::test::proof {

inline constexpr std::array<trust::proof::Secrecy, 4> kModes{{{false, false}, {true, false}, {false, true}, {true, true}}};

/// A proof, what verifies it, and what a contract is shown of it.
struct Case {
  std::string name;
  engine::program::Program description;
  Proof proof;
  Shown shown;
};

/// Honest proofs of every sample program in every mode.
inline std::vector<Case> honest_cases() {
  std::vector<Case> out;
  base::SeededRandom random(31);
  for (const auto& [name, program] : trust::proof::sample_programs())
    for (const auto& secrecy : kModes) {
      auto proof = trust::proof::prove(program, trust::proof::random_input(program, 5), {secrecy}, random);
      EXPECT_TRUE(proof) << proof.error().text;
      auto description = trust::proof::public_description(program, secrecy);
      auto shown = show(description, *proof);
      EXPECT_TRUE(shown);
      out.push_back({name + (secrecy.weights ? ", weights hidden" : "") + (secrecy.input ? ", input hidden" : ""),
                     std::move(description), std::move(*proof), std::move(*shown)});
    }
  return out;
}

/// Changes a byte of a proof's argument, or cuts or extends it. Half of the changes fall before the queries, which are most of
/// the bytes and few of the checks. Returns what was done.
inline std::string mutate(base::Bytes& argument, base::Random& random) {
  const auto lot = random.u64() % 16;
  if (lot == 0) {
    argument.resize(argument.size() - 1 - random.u64() % 40);
    return "cut";
  }
  if (lot == 1) {
    argument.push_back(static_cast<std::uint8_t>(random.u64()));
    return "extended";
  }
  const std::size_t within = random.u64() % 2 == 0 ? std::min<std::size_t>(argument.size(), 6000) : argument.size();
  const std::size_t place = random.u64() % within;
  argument[place] ^= static_cast<std::uint8_t>(1 + random.u64() % 255);
  return "byte " + std::to_string(place);
}

/// `trust::proof::verify` upon a proof whose argument has these bytes, and what a contract is shown of it.
struct Verdict {
  bool accepted = false;
  Shown shown;
};
inline Verdict judge(const Case& one, const base::Bytes& argument) {
  auto bytes = trust::proof::encode_proof(one.proof);
  bytes.resize(bytes.size() - one.shown.argument.size());
  bytes.insert(bytes.end(), argument.begin(), argument.end());
  Verdict out{false, one.shown};
  if (const auto proof = trust::proof::decode_proof(bytes)) {
    out.accepted = trust::proof::verify(one.description, *proof).has_value();
    if (auto shown = show(one.description, *proof)) out.shown = std::move(*shown);
  }
  out.shown.argument = argument;
  return out;
}

}  // namespace koinon::test::proof
