// What a contract is shown.
#include "trust/proof/onchain.hpp"

#include <gtest/gtest.h>

#include "engine/run/roots.hpp"
#include "trust/proof/proof_fixture.hpp"
#include "trust/proof/statement.hpp"

namespace koinon::trust::proof {
namespace {

Proof prove_sample(const Program& program, const Secrecy& secrecy, std::uint64_t seed) {
  base::SeededRandom random(seed);
  auto out = prove(program, random_input(program, seed), {secrecy}, random);
  KOINON_INVARIANT(out.has_value());
  return std::move(*out);
}

/// An order names the circuit before there is a run, so no run may change it.
TEST(OnchainCircuit, follows_from_the_program_whatever_the_run) {
  for (const auto& [name, program] : sample_programs())
    for (const Secrecy secrecy : {Secrecy{false, false}, Secrecy{true, false}}) {
      const auto circuit = onchain_circuit(program, secrecy);
      ASSERT_TRUE(circuit) << name << ": " << circuit.error().text;
      const auto inputs = random_input(program, 7);
      const auto run = engine::run::execute(program, inputs, {});
      ASSERT_TRUE(run) << name;
      const auto view = public_view(program, secrecy);
      const auto real = build_circuit({view, secrecy, inputs, run->outputs}, nullptr);
      ASSERT_TRUE(real) << name;
      EXPECT_EQ(real->rows_log(), circuit->constraints_log) << name;
      EXPECT_EQ(choose_layout(*real).params, circuit->layout.params) << name;
      const auto tape = compile_tape(choose_layout(*real), *real, public_tensors(view, secrecy));
      ASSERT_TRUE(tape) << name;
      EXPECT_EQ(tape->parts, circuit->tape) << name;
    }
}

TEST(OnchainProof, states_what_the_proof_states_and_holds_all_of_it) {
  const auto program = dense_network();
  const auto proof = prove_sample(program, {true, false}, 3);
  const auto shown = onchain_proof(program, proof);
  ASSERT_TRUE(shown) << shown.error().text;
  EXPECT_EQ(shown->program, engine::program::program_id(program));
  EXPECT_EQ(shown->hidden, 1);
  EXPECT_EQ(shown->weights, proof.weight_root);
  EXPECT_EQ(shown->input, engine::run::input_root(proof.inputs));
  EXPECT_EQ(shown->output, engine::run::output_root(proof.outputs));
  EXPECT_EQ(shown->cut.messages, encode_messages(proof.argument));
  ASSERT_FALSE(shown->cut.parts.empty());
  for (const auto& part : shown->cut.parts) EXPECT_LT(part.bytes.size(), std::size_t{110} << 10);
  EXPECT_EQ(shown->cut.parts.back().to, proof.argument.opening.oracles[0].rows.size());
}

TEST(OnchainProof, of_other_sizes_is_refused) {
  const auto program = dense_network();
  auto proof = prove_sample(program, {false, false}, 3);
  proof.argument.rows.messages.pop_back();
  EXPECT_EQ(onchain_proof(program, proof).error().code, base::Code::rejected);
}

}  // namespace
}  // namespace koinon::trust::proof
