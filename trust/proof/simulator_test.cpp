// The simulator against the real prover, with the same coins (docs/trust/proof.md, section 8).
#include "trust/proof/simulator.hpp"

#include <gtest/gtest.h>

#include "trust/proof/proof_forger.hpp"

namespace koinon::trust::proof {
namespace {

constexpr std::uint64_t kCoins = 71;

/// A circuit as prover and verifier have it, for the interactive protocol: the coins are given, so there is no work to do.
struct Parties {
  Circuit prover, verifier;
  Layout layout;

  Parties(const Program& program, const Secrecy& secrecy, std::uint64_t seed) : prover(8, true), verifier(8, false) {
    const auto inputs = random_input(program, seed);
    const auto trace = trace_of(program, inputs, -1, 0, 0);
    std::vector<IntTensor> outputs;
    for (const auto& output : program.outputs) outputs.push_back(trace[output.ref.index()]);
    const auto shown = secrecy.input ? std::vector<IntTensor>{} : inputs;
    const auto view = public_view(program, secrecy);
    const Witness witness{program, trace};
    prover = std::move(*build_circuit({view, secrecy, shown, outputs}, &witness));
    verifier = std::move(*build_circuit({view, secrecy, shown, outputs}, nullptr));
    layout = choose_layout(verifier);
    layout.params.work_bits = 0;
  }
  /// The same protocol with few queries and short columns, so that many runs take little time.
  void shorten() {
    layout.params.rows_log = 6;
    layout.params.queries = 6;
    layout.params.pads = layout.params.weight_pads = 16;
  }
  [[nodiscard]] Simulated prove(base::Random& random) const {
    const Encoder encoder(layout.params.rows_log, kRateLog);
    Oracle weights;
    Simulated out;
    if (layout.weight_cells > 0) {
      weights = Oracle(OracleKind::weights, encoder, weight_messages(layout, prover, random), random, nullptr);
      out.weight_root = weights.root();
    }
    base::SeededRandom coins(kCoins);
    Transcript transcript("", coins);
    auto made = prove_circuit(layout, prover, layout.weight_cells > 0 ? &weights : nullptr, random, transcript, nullptr);
    KOINON_INVARIANT(made.has_value());
    out.argument = std::move(*made);
    return out;
  }
  [[nodiscard]] base::Status check(const Simulated& run) const {
    base::SeededRandom coins(kCoins);
    Transcript transcript("", coins);
    return verify_circuit(layout, verifier, run.weight_root, run.argument, transcript);
  }
};

TEST(Simulator, is_accepted_without_any_value_of_the_run) {
  base::SeededRandom random(72);
  for (const auto& [name, program] : sample_programs())
    for (const auto secrecy : {Secrecy{false, false}, Secrecy{true, false}, Secrecy{true, true}}) {
      const Parties parties(program, secrecy, 5);
      const auto done = parties.check(simulate_argument(parties.layout, parties.verifier, kCoins, random));
      EXPECT_TRUE(done) << name << ": " << done.error().text;
    }
}

TEST(Simulator, is_refused_when_a_message_is_changed) {
  base::SeededRandom random(73);
  const Parties parties(dense_network(), {true, true}, 5);
  auto run = simulate_argument(parties.layout, parties.verifier, kCoins, random);
  ASSERT_TRUE(parties.check(run));
  run.argument.opening.columns[0] += Ext(Fp(1));
  EXPECT_FALSE(parties.check(run));
}

/// A small program, so that there are more runs than messages.
Program small_program() {
  base::SeededRandom random(18);
  Builder b;
  const Ref x = b.input("x", {DType::i8, {1, 3}}, {}, -9, 9);
  const Ref h = b.matmul(x, b.weight(random_tensor(DType::i8, {2, 3}, -9, 9, random)));
  return finished(b, scaled(b, h, 2, 0, 7, random));
}

/// Every field element of the messages, and of the first places opened.
std::vector<Fp> coordinates(const Argument& argument) {
  std::vector<Fp> out;
  const auto put = [&](const Ext& value) { out.insert(out.end(), value.c.begin(), value.c.end()); };
  const auto sumcheck = [&](const SumcheckProof& proof) {
    put(proof.total);
    for (const auto& message : proof.messages) put(message);
    put(proof.values[0]);
    put(proof.values[1]);
    put(proof.mask);
  };
  sumcheck(argument.rows);
  for (const auto& form : argument.forms) sumcheck(form);
  const auto& opening = argument.opening;
  put(opening.mask_sum);
  for (const auto* rounds : {&opening.product_rounds, &opening.fold_rounds})
    for (const auto& message : *rounds) {
      put(message[0]);
      put(message[1]);
    }
  for (const auto* list : {&opening.columns, &opening.last})
    for (const auto& value : *list) put(value);
  for (const auto& oracle : opening.oracles)
    for (std::size_t i = 0; i < 2; ++i) out.insert(out.end(), oracle.rows[i].symbols.begin(), oracle.rows[i].symbols.end());
  for (const auto& layer : opening.layers)
    for (const auto& value : layer.cosets[0]) put(value);
  return out;
}

using Samples = std::vector<std::vector<Fp>>;

/// Dimension of the smallest affine space that holds the samples.
std::size_t affine_rank(Samples samples) {
  const auto origin = samples.back();
  samples.pop_back();
  for (auto& sample : samples)
    for (std::size_t i = 0; i < origin.size(); ++i) sample[i] -= origin[i];
  std::size_t rank = 0;
  for (std::size_t column = 0; column < origin.size() && rank < samples.size(); ++column) {
    std::size_t pivot = rank;
    while (pivot < samples.size() && samples[pivot][column] == Fp()) ++pivot;
    if (pivot == samples.size()) continue;
    std::swap(samples[pivot], samples[rank]);
    const Fp unit = inverse(samples[rank][column]);
    for (std::size_t row = rank + 1; row < samples.size(); ++row) {
      const Fp factor = samples[row][column] * unit;
      if (factor == Fp()) continue;
      for (std::size_t i = column; i < origin.size(); ++i) samples[row][i] -= factor * samples[rank][i];
    }
    ++rank;
  }
  return rank;
}

/// The largest chi-square statistic of any coordinate over eight equal parts of the field (7 degrees of freedom).
double largest_chi_square(const Samples& samples) {
  double worst = 0;
  for (std::size_t i = 0; i < samples[0].size(); ++i) {
    std::array<double, 8> seen{};
    for (const auto& sample : samples) seen[sample[i].v >> 61] += 1;
    const double expected = static_cast<double>(samples.size()) / 8;
    double sum = 0;
    for (const auto count : seen) sum += (count - expected) * (count - expected) / expected;
    worst = std::max(worst, sum);
  }
  return worst;
}

// With the coins held fixed all that varies is what the prover draws. Then every message of the simulator is uniform on an
// affine space but for the products of the last checks; the real prover's must be uniform on the same one, whatever the run.
TEST(Simulator, cannot_be_told_from_the_prover) {
  base::SeededRandom random(74);
  const auto program = small_program();
  const Secrecy secrecy{true, true};
  Parties parties(program, secrecy, 5);
  parties.shorten();
  ASSERT_TRUE(parties.check(parties.prove(random)));
  const std::size_t length = coordinates(parties.prove(random).argument).size(), count = length + 40;
  Samples real, simulated;
  for (std::size_t i = 0; i < count; ++i) {
    real.push_back(coordinates(parties.prove(random).argument));
    simulated.push_back(coordinates(simulate_argument(parties.layout, parties.verifier, kCoins, random).argument));
    ASSERT_EQ(real.back().size(), length);
    ASSERT_EQ(simulated.back().size(), length);
  }
  const auto dimension = affine_rank(simulated);
  EXPECT_GT(dimension, length / 3);
  EXPECT_LT(dimension, length) << "the checks tie messages to each other";
  EXPECT_EQ(affine_rank(real), dimension) << "of " << length;
  auto both = real;
  both.insert(both.end(), simulated.begin(), simulated.end());
  EXPECT_EQ(affine_rank(both), dimension) << "the same space";
  // 50 is exceeded with probability 1.4e-8 by one coordinate; a coordinate that leaks is far above.
  EXPECT_LT(largest_chi_square(real), 50) << length << " coordinates, " << count << " proofs";
  EXPECT_LT(largest_chi_square(simulated), 50);
}

/// Zero for a while, then random: a prover that forgets to draw what hides.
class Forgetful final : public base::Random {
 public:
  explicit Forgetful(std::uint64_t seed, std::size_t zeros) : source_(seed), zeros_(zeros) {}
  void fill(std::span<std::uint8_t> out) override {
    source_.fill(out);
    if (fills_++ < zeros_) std::fill(out.begin(), out.end(), std::uint8_t{0});
  }

 private:
  base::SeededRandom source_;
  std::size_t zeros_, fills_ = 0;
};

TEST(Simulator, is_told_from_a_prover_that_draws_no_masks) {
  base::SeededRandom random(75);
  Parties parties(small_program(), {true, true}, 5);
  parties.shorten();
  const std::size_t length = coordinates(parties.prove(random).argument).size();
  Samples simulated, real;
  const auto weights_fills = parties.layout.weight_columns() + 1;  // pads of each column, then salts
  for (std::size_t i = 0; i < length + 40; ++i) {
    Forgetful forgetful(100 + i, weights_fills + 1);  // draw_hiding comes next
    real.push_back(coordinates(parties.prove(forgetful).argument));
    simulated.push_back(coordinates(simulate_argument(parties.layout, parties.verifier, kCoins, random).argument));
  }
  EXPECT_LT(affine_rank(real), affine_rank(simulated));
  EXPECT_GT(largest_chi_square(real), 1000);
}

}  // namespace
}  // namespace koinon::trust::proof
