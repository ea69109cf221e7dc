#include "base/file.hpp"
#include "engine/quantise/build.hpp"
#include "test/proof/cases.hpp"

namespace koinon::test::proof {
namespace {

class ProofTwins : public Twins {};

TEST_F(ProofTwins, accept_honest_proofs_of_every_kind_and_mode) {
  for (const auto& one : honest_cases()) {
    const auto value = contract_.check(one.shown.statement, one.shown.shape, one.shown.constant, one.shown.argument);
    ASSERT_TRUE(value) << one.name << ": " << value.error().text;
    EXPECT_EQ(*value, one.shown.value) << one.name;
  }
}

TEST_F(ProofTwins, agree_on_changed_proofs) {
  const auto cases = honest_cases();
  base::SeededRandom random(32);
  for (int i = 0; i < 300; ++i) {
    const auto& one = cases[random.u64() % cases.size()];
    auto argument = one.shown.argument;
    const auto what = mutate(argument, random);
    const auto verdict = judge(one, argument);
    ASSERT_FALSE(verdict.accepted) << one.name << ": " << what;
    ASSERT_FALSE(accepts(verdict.shown)) << one.name << ": " << what;
  }
}

TEST_F(ProofTwins, refuse_another_statement_or_shape) {
  const auto cases = honest_cases();
  for (std::size_t i = 0; i < cases.size(); i += 5) {
    const auto& shown = cases[i].shown;
    ASSERT_TRUE(accepts(shown)) << cases[i].name;
    const auto refuses = [&](const std::string& what, const std::function<void(Shown&)>& change) {
      auto other = shown;
      change(other);
      EXPECT_FALSE(accepts(other)) << cases[i].name << ": " << what;
    };
    refuses("program", [](Shown& s) { s.statement.program.bytes[3] ^= 1; });
    refuses("weights", [](Shown& s) { s.statement.weights.bytes[31] ^= 1; });
    refuses("input", [](Shown& s) { s.statement.input.bytes[0] ^= 1; });
    refuses("output", [](Shown& s) { s.statement.output.bytes[9] ^= 1; });
    refuses("hidden", [](Shown& s) { s.statement.hidden ^= 1; });
    refuses("hidden 4", [](Shown& s) { s.statement.hidden |= 4; });
    if (shown.shape.weight_cells == 0)
      refuses("weights that are not there", [](Shown& s) { s.statement.weights.bytes[0] = 1; });
    refuses("a constant that is not canonical", [](Shown& s) { s.constant.bytes[1] = 1; });
    refuses("constant", [](Shown& s) { s.constant.bytes[31] ^= 1; });
    refuses("value", [](Shown& s) { s.value.bytes[31] ^= 1; });
    refuses("queries", [](Shown& s) { --s.shape.queries; });
    refuses("work", [](Shown& s) { s.shape.work_bits = 0; });
    refuses("rows", [](Shown& s) { ++s.shape.rows_log; });
    refuses("pads", [](Shown& s) { --s.shape.pads; });
    refuses("constraints", [](Shown& s) { --s.shape.constraints_log; });
    refuses("lookups", [](Shown& s) { ++s.shape.lookups; });
    refuses("witness cells", [](Shown& s) { ++s.shape.witness_cells; });
    refuses("forms", [](Shown& s) { s.shape.forms.push_back({1, 1, 1}); });
  }
}

/// Gas of the whole check but for the circuit, and of the messages alone.
TEST_F(ProofTwins, cost_what_the_table_says) {
  base::SeededRandom random(33);
  for (const std::string name : {"digits-mlp", "digits-lenet"})
    for (const trust::proof::Secrecy secrecy : {trust::proof::Secrecy{false, false}, trust::proof::Secrecy{true, false}}) {
      const auto bytes = base::read_file("examples/digits/" + name + ".onnx", 64 << 20);
      ASSERT_TRUE(bytes) << bytes.error().text;
      const auto built = engine::quantise::build(*bytes, {}, {});
      ASSERT_TRUE(built);
      const auto& program = built->program;
      const auto proof = trust::proof::prove(program, trust::proof::random_input(program, 5), {secrecy}, random);
      ASSERT_TRUE(proof);
      const auto shown = show(program, *proof);
      ASSERT_TRUE(shown);
      ASSERT_TRUE(accepts(*shown)) << name;
      const auto gas = contract_.check_gas(shown->statement, shown->shape, shown->constant, shown->argument);
      ASSERT_TRUE(gas) << gas.error().text;
      std::printf("%s%s: %zu bytes, messages %llu gas, queries %llu gas\n", name.c_str(),
                  secrecy.weights ? ", weights hidden" : "", shown->argument.size(),
                  static_cast<unsigned long long>(gas->messages), static_cast<unsigned long long>(gas->queried));
    }
}

}  // namespace
}  // namespace koinon::test::proof
