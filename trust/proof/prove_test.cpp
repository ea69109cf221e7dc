#include <gtest/gtest.h>

#include "engine/program/builder.hpp"
#include "trust/proof/prove.hpp"
#include "trust/proof/proof_fixture.hpp"

namespace koinon::trust::proof {
namespace {

TEST(Prove, proves_a_dense_network_with_public_weights) {
  const auto program = dense_network();
  base::SeededRandom random(1);
  const auto input = random_input(program, 5);
  const auto proof = prove(program, input, {}, random);
  ASSERT_TRUE(proof) << proof.error().text;
  const auto verdict = verify(program, *proof);
  EXPECT_TRUE(verdict) << verdict.error().text;
}

TEST(Prove, proves_every_secrecy_of_every_sample_program) {
  base::SeededRandom random(2);
  for (const auto& [name, program] : sample_programs())
    for (const auto secrecy : {Secrecy{false, false}, Secrecy{true, false}, Secrecy{false, true}, Secrecy{true, true}}) {
      const auto input = random_input(program, 6);
      const auto proof = prove(program, input, {.secrecy = secrecy}, random);
      ASSERT_TRUE(proof) << name << ": " << proof.error().text;
      const auto verdict = verify(public_description(program, secrecy), *proof);
      EXPECT_TRUE(verdict) << name << ": " << verdict.error().text;
      EXPECT_EQ(proof->inputs.empty(), secrecy.input);
      const auto again = decode_proof(encode_proof(*proof));
      ASSERT_TRUE(again) << again.error().text;
      EXPECT_EQ(*again, *proof);
    }
}

}  // namespace
}  // namespace koinon::trust::proof
