// A malicious prover for each kind of step: one element of one step's output is wrong, all that follows is computed honestly
// from it, all advice is made to fit, and the argument is run without checking that the circuit holds.
#include <gtest/gtest.h>

#include <algorithm>

#include "trust/proof/proof_forger.hpp"
#include "trust/proof/soundness.hpp"

namespace koinon::trust::proof {
namespace {

using engine::program::StepKind;

bool moves_data(StepKind kind) {
  return kind == StepKind::reshape || kind == StepKind::transpose || kind == StepKind::slice || kind == StepKind::concat ||
         kind == StepKind::pad || kind == StepKind::broadcast;
}

TEST(Forgery, the_forger_is_accepted_when_honest) {
  for (const auto& [name, program] : sample_programs())
    for (const auto secrecy : {Secrecy{false, false}, Secrecy{true, false}}) {
      const auto proof = forge(program, secrecy, trace_of(program, random_input(program, 3), -1, 0, 0));
      EXPECT_TRUE(verify(public_description(program, secrecy), proof)) << name;
    }
}

TEST(Forgery, one_wrong_element_of_any_step_is_refused) {
  std::map<StepKind, int> tried;
  for (const auto& [name, program] : sample_programs())
    for (const auto secrecy : {Secrecy{false, false}, Secrecy{true, true}})
      for (int i = 0; i < static_cast<int>(program.steps.size()); ++i) {
        const auto kind = program.steps[static_cast<std::size_t>(i)].kind;
        if (moves_data(kind)) continue;  // moved elements are the same variables: there is nothing to forge
        const auto input = random_input(program, 3);
        const auto honest = trace_of(program, input, -1, 0, 0);
        const auto& step = program.steps[static_cast<std::size_t>(i)];
        for (std::size_t output = 0; output < step.outputs.size(); ++output) {
          const auto& made = honest[step.first_output + output];
          const std::int64_t element = (7 * i + 1) % made.size();
          const std::int64_t delta = made.at(element) > 1 ? -1 : 1;
          const auto proof = forge(program, secrecy, trace_of(program, input, i, element, delta, output));
          EXPECT_FALSE(verify(public_description(program, secrecy), proof)) << name << " step " << i << " output " << output;
        }
        ++tried[kind];
      }
  EXPECT_EQ(tried.size(), 18U);  // all kinds but the six that only move data
}

// Two more, not one: the bit that says which side was clamped is free where nothing was, so its other value is right too.
TEST(Forgery, wrong_advice_is_refused) {
  const auto program = dense_network();
  const auto trace = trace_of(program, random_input(program, 3), -1, 0, 0);
  for (const Secrecy secrecy : {Secrecy{false, false}, Secrecy{true, true}}) {
    std::size_t cells = 0;
    forge(program, secrecy, trace, [&](Circuit& c) { cells = c.random_from(); });
    for (std::size_t var = 0; var < cells; var += 23) {
      Home home = Home::known;
      const auto proof = forge(program, secrecy, trace, [&](Circuit& c) {
        home = c.home(static_cast<Var>(var));
        c.set(static_cast<Var>(var), c.value(static_cast<Var>(var)) + Fp(2));
      });
      EXPECT_FALSE(home == Home::witness && verify(public_description(program, secrecy), proof)) << var;
    }
  }
}

// [5,5,5,5,5] passed as a shuffle of [1..5] elsewhere: multiplicities moved between entries.
TEST(Forgery, moved_multiplicities_are_refused) {
  const auto program = dense_network();
  const auto trace = trace_of(program, random_input(program, 3), -1, 0, 0);
  const auto proof = forge(program, {}, trace, [](Circuit& c) {
    Var from = c.multiplicities();
    while (c.value(from) == Fp()) ++from;
    const Var to = from == c.multiplicities() ? from + 1 : from - 1;
    c.set(to, c.value(to) + Fp(1));
    c.set(from, c.value(from) - Fp(1));
  });
  EXPECT_FALSE(verify(program, proof));
}

TEST(Forgery, another_statement_is_refused) {
  const auto program = dense_network();
  const auto proof = forge(program, {}, trace_of(program, random_input(program, 3), -1, 0, 0));
  ASSERT_TRUE(verify(program, proof));
  auto other = proof;
  other.inputs[0].set(4, other.inputs[0].at(4) == 1 ? 2 : 1);
  EXPECT_FALSE(verify(program, other));
  other = proof;
  other.outputs[0].set(0, other.outputs[0].at(0) == 1 ? 2 : 1);
  EXPECT_FALSE(verify(program, other));
  other = proof;
  other.inputs[0].shape = {20, 2};
  EXPECT_FALSE(verify(program, other));
  other = proof;
  other.inputs.clear();
  EXPECT_FALSE(verify(program, other));
  other = proof;
  other.secrecy.input = true;
  EXPECT_FALSE(verify(program, other));
  other = proof;
  other.weight_root.bytes[0] = 1;
  EXPECT_FALSE(verify(program, other));
  other = proof;
  other.program_id = engine::program::program_id(convolutional_network());
  EXPECT_FALSE(verify(program, other));
  EXPECT_FALSE(verify(convolutional_network(), proof));
  EXPECT_FALSE(verify(convolutional_network(), other));
}

TEST(Forgery, other_hidden_weights_or_constants_are_refused) {
  const auto program = dense_network();
  const Secrecy secrecy{true, false};
  const auto proof = forge(program, secrecy, trace_of(program, random_input(program, 3), -1, 0, 0));
  const auto description = public_description(program, secrecy);
  ASSERT_TRUE(verify(description, proof));
  auto other = proof;
  other.weight_root.bytes[31] ^= 1;
  EXPECT_FALSE(verify(description, other));
  for (std::size_t i = 0; i < proof.revealed.size(); ++i) {
    other = proof;
    other.revealed[i][0] ^= 1;
    EXPECT_FALSE(verify(description, other));
  }
  other = proof;
  other.revealed.pop_back();
  EXPECT_FALSE(verify(description, other));
  other.revealed = proof.revealed;
  other.revealed.push_back({1});
  EXPECT_FALSE(verify(description, other));
  other = proof;
  other.secrecy.weights = false;
  EXPECT_FALSE(verify(program, other));
}

TEST(Forgery, every_part_of_the_bytes_counts) {
  for (const Secrecy secrecy : {Secrecy{false, false}, Secrecy{true, true}}) {
    const auto program = dense_network();
    const auto description = public_description(program, secrecy);
    const auto bytes = encode_proof(forge(program, secrecy, trace_of(program, random_input(program, 3), -1, 0, 0)));
    ASSERT_TRUE(verify(description, *decode_proof(bytes)));
    // The first messages byte by byte, the many openings at a stride that meets every kind of field.
    for (std::size_t at = 0; at < bytes.size(); at += at < 2000 ? 13 : 1009) {
      auto bad = bytes;
      bad[at] ^= static_cast<std::uint8_t>(1 << at % 8);
      const auto decoded = decode_proof(bad);
      EXPECT_FALSE(decoded && verify(description, *decoded)) << at;
    }
    for (const std::size_t size : {std::size_t{0}, std::size_t{7}, bytes.size() / 2, bytes.size() - 1})
      EXPECT_FALSE(decode_proof(base::ByteView(bytes).first(size)));
    auto longer = bytes;
    longer.push_back(0);
    EXPECT_FALSE(decode_proof(longer));
  }
}

TEST(Forgery, sumcheck_messages_are_all_checked) {
  const auto program = dense_network();
  const Secrecy secrecy{true, false};
  const auto description = public_description(program, secrecy);
  const auto proof = forge(program, secrecy, trace_of(program, random_input(program, 3), -1, 0, 0));
  const auto refused = [&](const std::function<void(Argument&)>& change) {
    auto bad = proof;
    change(bad.argument);
    return !verify(description, bad);
  };
  const Ext one(Fp(1));
  EXPECT_TRUE(refused([](Argument& a) { a.witness_root.bytes[5] ^= 1; }));
  EXPECT_TRUE(refused([](Argument& a) { a.auxiliary_root.bytes[5] ^= 1; }));
  EXPECT_TRUE(refused([](Argument& a) { std::swap(a.witness_root, a.auxiliary_root); }));
  EXPECT_TRUE(refused([](Argument& a) { a.forms.pop_back(); }));
  EXPECT_TRUE(refused([](Argument& a) { std::swap(a.forms[0], a.forms[1]); }));
  EXPECT_TRUE(refused([](Argument& a) { a.rows.messages.pop_back(); }));
  EXPECT_TRUE(refused([&](Argument& a) { a.forms[0].messages.push_back(one); }));
  std::vector<std::function<SumcheckProof&(Argument&)>> parts{[](Argument& a) -> SumcheckProof& { return a.rows; }};
  for (std::size_t i = 0; i < proof.argument.forms.size(); ++i)
    parts.emplace_back([i](Argument& a) -> SumcheckProof& { return a.forms[i]; });
  for (const auto& part : parts) {
    EXPECT_TRUE(refused([&](Argument& a) { part(a).total += one; }));
    EXPECT_TRUE(refused([&](Argument& a) { part(a).mask += one; }));
    EXPECT_TRUE(refused([&](Argument& a) { part(a).values[0] += one; }));
    EXPECT_TRUE(refused([&](Argument& a) { part(a).values[1] += one; }));
    auto copy = proof.argument;
    for (std::size_t i = 0; i < part(copy).messages.size(); ++i)
      EXPECT_TRUE(refused([&](Argument& a) { part(a).messages[i] += one; }));
  }
}

// The order of docs/trust/proof.md, section 5.
TEST(Transcript, follows_the_specification) {
  const auto program = dense_network();
  const Secrecy secrecy{true, false};
  const auto proof = forge(program, secrecy, trace_of(program, random_input(program, 3), -1, 0, 0));
  const auto view = view_of(public_description(program, secrecy), proof);
  ASSERT_TRUE(view);
  const auto circuit = build_circuit({*view, secrecy, proof.inputs, proof.outputs}, nullptr);
  ASSERT_TRUE(circuit);
  const auto layout = choose_layout(*circuit);
  Transcript transcript(kProtocol);
  std::vector<TranscriptEvent> events;
  transcript.record(&events);
  absorb_statement(transcript, proof, layout);
  ASSERT_TRUE(verify_circuit(layout, *circuit, proof.weight_root, proof.argument, transcript));

  std::vector<std::string> expected{"program", "secrecy", "sizes", "weights",   "input", "output",
                                    "witness", "?alpha",  "?beta", "auxiliary", "?tau",  "rows.total"};
  const auto rounds = [&](std::size_t count, const std::string& message, const std::string& point) {
    for (std::size_t i = 0; i < count; ++i) {
      expected.push_back(message);
      expected.push_back(point);
    }
  };
  rounds(circuit->rows_log(), "rows.message", "?rows.point");
  expected.emplace_back("rows.values");
  for (const auto& form : circuit->bilinears()) {
    expected.insert(expected.end(), {"?form.tau", "form.total"});
    rounds(form.inner_log(), "form.message", "?form.point");
    expected.emplace_back("form.values");
  }
  expected.insert(expected.end(), {"?lambda", "open.mask", "?open.rho"});
  rounds(layout.params.rows_log, "open.product", "?open.point");
  expected.insert(expected.end(), {"open.columns", "?open.gamma"});
  for (const auto fold : fold_plan(layout.params.rows_log)) {
    expected.emplace_back("open.layer");
    rounds(fold, "open.fold", "?open.r");
  }
  expected.insert(expected.end(), {"open.last", "work", "?open.places"});
  std::vector<std::string> order;
  for (const auto& event : events) order.push_back((event.challenge ? "?" : "") + event.label);
  EXPECT_EQ(order, expected);
}

TEST(Soundness, is_at_least_100_bits_and_falls_with_size) {
  for (const auto& [name, program] : sample_programs())
    for (const auto secrecy : {Secrecy{false, false}, Secrecy{true, true}}) {
      const auto costs = cost(program, secrecy);
      ASSERT_TRUE(costs) << costs.error().text;
      EXPECT_GE(costs->soundness_bits, 104.9) << name;
      EXPECT_LT(costs->soundness_bits, 105.0) << name;
      const auto inputs = random_input(program, 3);
      const auto proof = forge(program, secrecy, trace_of(program, inputs, -1, 0, 0));
      const auto view = view_of(public_description(program, secrecy), proof);
      ASSERT_TRUE(view);
      const auto circuit = build_circuit({*view, secrecy, proof.inputs, proof.outputs}, nullptr);
      ASSERT_TRUE(circuit);
      EXPECT_LE(encode_proof(proof).size(), costs->bytes) << name;
      EXPECT_EQ(costs->rows, circuit->rows()) << name << ": counted, and built";
      EXPECT_EQ(costs->table_entries, circuit->entries()) << name;
      EXPECT_EQ(costs->forms, circuit->bilinears().size()) << name;
      const auto layout = choose_layout(*circuit);
      EXPECT_EQ(costs->layout.weight_cells, layout.weight_cells) << name;
      EXPECT_EQ(costs->layout.witness_cells, layout.witness_cells) << name;
      EXPECT_EQ(costs->layout.params, layout.params) << name;
      EXPECT_EQ(costs->soundness_bits, soundness(layout, *circuit).total_bits) << name;
    }
  Circuit circuit(8, false);
  circuit.finish();
  auto layout = choose_layout(circuit);
  const double full = soundness(layout, circuit).total_bits;
  layout.params.queries = 100;
  EXPECT_LT(soundness(layout, circuit).total_bits, full - 9);
}

}  // namespace
}  // namespace koinon::trust::proof
