// A tape gives what the circuit gives, for every kind of step and mode.
#include "trust/proof/tape.hpp"

#include <gtest/gtest.h>

#include "trust/proof/multilinear.hpp"
#include "trust/proof/proof_fixture.hpp"
#include "trust/proof/statement.hpp"

namespace koinon::trust::proof {
namespace {

Ext draw(base::Random& random) { return {Fp(random.u64() % kPrime), Fp(random.u64() % kPrime), Fp(random.u64() % kPrime)}; }

std::vector<Ext> draw_many(std::size_t count, base::Random& random) {
  std::vector<Ext> out(count);
  for (auto& value : out) value = draw(random);
  return out;
}

Coins draw_coins(const Circuit& circuit, base::Random& random) {
  Coins out;
  out.alpha = draw(random);
  out.beta = draw(random);
  out.lambda = draw(random);
  out.tau = draw_many(circuit.rows_log(), random);
  out.rows_point = draw_many(circuit.rows_log(), random);
  for (const auto& form : circuit.bilinears()) {
    out.form_tau.push_back(draw_many(form_rows_log(form) + form_columns_log(form), random));
    out.form_point.push_back(draw_many(form.inner_log(), random));
  }
  return out;
}

/// The circuit of a run as the verifier has it.
struct Known {
  Program view;
  Circuit circuit;
};
Known known_of(const Program& program, const Secrecy& secrecy, std::uint64_t seed) {
  const auto inputs = random_input(program, seed);
  const auto run = engine::run::execute(program, inputs, {});
  KOINON_INVARIANT(run.has_value());
  auto view = public_view(program, secrecy);
  auto circuit = build_circuit({view, secrecy, secrecy.input ? std::vector<IntTensor>{} : inputs, run->outputs}, nullptr);
  KOINON_INVARIANT(circuit.has_value());
  return {std::move(view), std::move(*circuit)};
}

constexpr std::array<Secrecy, 4> kModes{{{false, false}, {true, false}, {false, true}, {true, true}}};

TEST(Tape, gives_what_the_circuit_gives) {
  base::SeededRandom random(51);
  for (const auto& [name, program] : sample_programs())
    for (const auto& secrecy : kModes) {
      const auto known = known_of(program, secrecy, 5);
      const auto& circuit = known.circuit;
      const auto layout = choose_layout(circuit);
      const auto coins = draw_coins(circuit, random);
      const auto point = draw_many(layout.params.rows_log, random),
                 columns = draw_many(layout.columns() - kMaskColumns, random);
      const Ext theta = draw(random);
      Argument argument;  // claimed values do not enter
      argument.forms.resize(circuit.bilinears().size());
      argument.rows.values = {};
      const auto claim = combine_claims(layout, circuit, coins, argument);
      const auto eq = eq_table(point);
      Ext value = theta * claim.constant;
      for (std::size_t c = 0; c < columns.size(); ++c)
        for (std::size_t i = 0; i < layout.params.rows(); ++i)
          value += claim.weights[c * layout.params.rows() + i] * eq[i] * columns[c];

      const auto tape = compile_tape(layout, circuit, public_tensors(program, secrecy));
      ASSERT_TRUE(tape) << name << ": " << tape.error().text;
      const auto stated = stated_values(circuit);
      ASSERT_EQ(stated.size(), tape->stated);
      std::vector<unsigned> rows_logs;
      for (const auto& form : circuit.bilinears()) rows_logs.push_back(form_rows_log(form));
      Ext read;
      for (const auto& part : tape->parts) read += read_part(part, {layout, coins, point, columns, rows_logs, stated, theta});
      EXPECT_EQ(read, value) << name << (secrecy.weights ? ", weights hidden" : "") << (secrecy.input ? ", input hidden" : "");
    }
}

/// What every part is shown with leaves less room for the part, and at some size none.
TEST(Tape, has_room_for_the_public_tensors) {
  const auto program = dense_network();
  const auto known = known_of(program, {}, 5);
  const auto layout = choose_layout(known.circuit);
  const auto own = public_tensors(program, {});
  EXPECT_EQ(own.count, program.inputs.size() + program.outputs.size());
  EXPECT_GE(own.bytes, own.elements);
  EXPECT_LT(public_tensors(program, {false, true}).bytes, own.bytes) << "a hidden input is not shown";
  const auto parts = [&](std::uint64_t bytes) -> std::size_t {
    const auto tape = compile_tape(layout, known.circuit, {bytes, bytes, 2});
    return tape ? tape->parts.size() : 0;
  };
  EXPECT_GE(parts(16 << 10), parts(own.bytes));
  EXPECT_GT(parts(16 << 10), 0U);
  const auto refused = compile_tape(layout, known.circuit, {64 << 10, 64 << 10, 2});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, base::Code::unsupported);
}

TEST(Tape, is_the_programs_and_not_the_runs) {
  for (const auto& [name, program] : sample_programs())
    for (const auto& secrecy : kModes) {
      const auto one = known_of(program, secrecy, 5), other = known_of(program, secrecy, 6);
      const auto a = compile_tape(choose_layout(one.circuit), one.circuit, public_tensors(program, secrecy)),
                 b = compile_tape(choose_layout(other.circuit), other.circuit, public_tensors(program, secrecy));
      ASSERT_TRUE(a && b);
      EXPECT_EQ(a->hash(), b->hash()) << name;
    }
}

}  // namespace
}  // namespace koinon::trust::proof
