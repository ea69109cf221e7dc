// Proofs in several transactions.
#include "base/file.hpp"
#include "engine/quantise/build.hpp"
#include "engine/run/roots.hpp"
#include "ledger/contracts/proof_circuit.hpp"
#include "ledger/contracts/proof_sessions.hpp"
#include "test/proof/cases.hpp"
#include "trust/proof/cut.hpp"

namespace koinon::test::proof {
namespace {

using ledger::contracts::ProofCircuit;
using ledger::contracts::ProofSessions;

constexpr std::uint64_t kCap = 16'777'216;    ///< gas of a transaction (EIP-7825)
constexpr std::size_t kCalldata = 128 << 10;  ///< bytes of one

/// A proof in pieces, as the contract is shown it.
struct Pieces {
  ProofSessions::Statement statement;
  ProofSessions::Circuit circuit;
  base::Hash constant, value;
  trust::proof::CutProof cut;
  ShownCircuit of;
};

Pieces pieces_of(const engine::program::Program& program, const Shown& shown, const Proof& proof, std::size_t parts) {
  const auto& s = shown.statement;
  const auto& p = shown.shape;
  Pieces out{{s.program, s.hidden, s.weights, s.input, s.output},
             {{p.rows_log,
               p.queries,
               p.work_bits,
               p.pads,
               p.weight_pads,
               p.weight_cells,
               p.witness_cells,
               p.lookups,
               p.constraints_log,
               {}},
              {},
              {},
              {},
              {},
              {}},
             shown.constant,
             shown.value,
             {},
             {}};
  for (const auto& form : p.forms) out.circuit.shape.forms.push_back({form.rows_log, form.columns_log, form.inner_log});
  auto cut = trust::proof::cut_proof(shown.layout, proof.argument, shown.places, parts);
  EXPECT_TRUE(cut) << cut.error().text;
  if (cut) out.cut = std::move(*cut);
  auto circuit = show_circuit(program, proof);
  EXPECT_TRUE(circuit);
  if (circuit) out.of = std::move(*circuit);
  out.circuit.inputs = out.of.inputs;
  out.circuit.outputs = out.of.outputs;
  out.circuit.input_bytes = out.of.input_bytes;
  out.circuit.output_bytes = out.of.output_bytes;
  out.circuit.parts = out.of.parts;
  return out;
}

class ProofsInParts : public quorum::ChainTest {
 protected:
  ProofSessions contract_ = deploy<ProofSessions>("ProofSessions");
  ProofCircuit reader_ = deploy<ProofCircuit>("ProofCircuit");

  void SetUp() override {
    const auto request = contract_.use(reader_.address());
    ASSERT_TRUE(request);
    ASSERT_TRUE(sender().send(*request));
  }
  base::Result<std::uint64_t> read(const ProofSessions::PreviewResult& seen, const Pieces& p, std::size_t part) {
    return read_as(seen.id, seen.claim, p, p.of.tape.parts[part]);
  }
  base::Result<std::uint64_t> read_as(const base::Hash& id, const ProofSessions::Claim& claim, const Pieces& p,
                                      const base::Bytes& part) {
    KOINON_TRY(const auto request, contract_.read(id, claim, p.statement, p.circuit, p.of.input_data, p.of.output_data, part));
    return used("tape", request);
  }

  base::Result<ProofSessions::PreviewResult> preview(const Pieces& p) {
    return contract_.preview(p.statement, p.circuit, p.constant, p.cut.messages);
  }
  base::Result<std::uint64_t> begin(const Pieces& p) {
    KOINON_TRY(const auto request, contract_.begin(p.statement, p.circuit, p.constant, p.cut.messages));
    return used("messages", request);
  }
  base::Result<std::uint64_t> open(const base::Hash& id, const ProofSessions::Queries& queries, const Pieces& p,
                                   std::uint64_t to, const base::Bytes& bytes) {
    KOINON_TRY(const auto request, contract_.open(id, queries, p.circuit.shape, to, bytes));
    return used("places to " + std::to_string(to), request);
  }
  base::Result<std::uint64_t> used(const std::string& what, const ledger::TxRequest& request) {
    KOINON_TRY(const auto receipt, sender().send(request));
    std::printf("  %s: %zu bytes, %llu gas\n", what.c_str(), request.data.size(),
                static_cast<unsigned long long>(receipt.gas_used));
    EXPECT_LT(receipt.gas_used, kCap);
    EXPECT_LT(request.data.size(), kCalldata);
    return receipt.gas_used;
  }
};

trust::proof::Ext unpacked(const base::Wei& value) {
  const auto word = value.word();
  trust::proof::Ext out;
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t i = 0; i < 8; ++i)
      out.c[k] = trust::proof::Fp(out.c[k].v | std::uint64_t{word.bytes[31 - 10 * k - i]} << (8 * i));
  return out;
}
std::vector<trust::proof::Ext> unpacked(const std::vector<base::Wei>& values) {
  std::vector<trust::proof::Ext> out;
  for (const auto& value : values) out.push_back(unpacked(value));
  return out;
}

ProofCircuit::Claim same(const ProofSessions::Claim& c) {
  return {c.alpha, c.beta, c.tau, c.rows_point, c.form_tau, c.form_point, c.lambda, c.point, c.columns, c.constant_, c.value_};
}
ProofCircuit::Circuit same(const ProofSessions::Circuit& c) {
  const auto& s = c.shape;
  ProofCircuit::Circuit out{{s.rows_log,
                             s.queries,
                             s.work_bits,
                             s.pads,
                             s.weight_pads,
                             s.weight_cells,
                             s.witness_cells,
                             s.lookups,
                             s.constraints_log,
                             {}},
                            c.inputs,
                            c.outputs,
                            c.input_bytes,
                            c.output_bytes,
                            c.parts};
  for (const auto& form : s.forms) out.shape.forms.push_back({form.rows_log, form.columns_log, form.inner_log});
  return out;
}

/// The contract takes blocks and tables, the twin one element after the other: each part gives the same at a proof's coins.
TEST_F(ProofsInParts, of_every_kind_are_read_alike) {
  base::SeededRandom random(61);
  for (const auto& one : honest_cases()) {
    const auto p = pieces_of(one.description, one.shown, one.proof, 1);
    const auto seen = preview(p);
    ASSERT_TRUE(seen) << one.name;
    trust::proof::Coins coins;
    coins.alpha = unpacked(seen->claim.alpha);
    coins.beta = unpacked(seen->claim.beta);
    coins.tau = unpacked(seen->claim.tau);
    coins.rows_point = unpacked(seen->claim.rows_point);
    for (const auto& tau : seen->claim.form_tau) coins.form_tau.push_back(unpacked(tau));
    for (const auto& point : seen->claim.form_point) coins.form_point.push_back(unpacked(point));
    coins.lambda = unpacked(seen->claim.lambda);
    const auto point = unpacked(seen->claim.point), columns = unpacked(seen->claim.columns);
    std::vector<unsigned> rows_logs;
    for (const auto& form : p.circuit.shape.forms) rows_logs.push_back(form.rows_log);
    const trust::proof::Ext theta{trust::proof::Fp(random.u64() >> 1), trust::proof::Fp(5),
                                  trust::proof::Fp(random.u64() >> 1)};
    const ProofCircuit::Statement statement{p.statement.program, p.statement.hidden, p.statement.weights, p.statement.input,
                                            p.statement.output};
    const trust::proof::Reading reading{one.shown.layout, coins, point, columns, rows_logs, p.of.stated, theta};
    const auto alike = [&](const base::Bytes& part) {
      const auto read = reader_.read(same(seen->claim), statement, same(p.circuit), base::Wei::from_word(packed(theta)),
                                     p.of.input_data, p.of.output_data, part);
      EXPECT_TRUE(read) << one.name << ": " << read.error().text;
      return read && read->word() == packed(trust::proof::read_part(part, reading));
    };
    for (const auto& part : p.of.tape.parts) EXPECT_TRUE(alike(part)) << one.name;
  }
}

/// The same elements in other bytes have another root: only those as long as the program's are read.
TEST_F(ProofsInParts, are_of_tensors_as_long_as_the_programs) {
  for (const auto& one : honest_cases()) {
    const auto p = pieces_of(one.description, one.shown, one.proof, 1);
    const auto seen = preview(p);
    ASSERT_TRUE(seen) << one.name;
    const auto reads = [&](const std::vector<engine::tensor::IntTensor>& outputs) {
      std::vector<base::Bytes> data;
      for (const auto& tensor : outputs) data.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
      const ProofCircuit::Statement statement{p.statement.program, p.statement.hidden, p.statement.weights, p.statement.input,
                                              engine::run::output_root(outputs)};
      return reader_
          .read(same(seen->claim), statement, same(p.circuit), base::Wei(9), p.of.input_data, data, p.of.tape.parts[0])
          .has_value();
    };
    EXPECT_TRUE(reads(one.proof.outputs)) << one.name;
    for (const std::size_t more : {std::size_t{1}, engine::tensor::dtype_size(one.proof.outputs[0].dtype)}) {
      auto longer = one.proof.outputs, shorter = longer;
      longer[0].bytes.resize(longer[0].bytes.size() + more);
      EXPECT_FALSE(reads(longer)) << one.name << ": " << more << " bytes more";
      shorter[0].bytes.resize(shorter[0].bytes.size() - more);
      EXPECT_FALSE(reads(shorter)) << one.name << ": " << more << " bytes fewer";
    }
  }
}

/// A place behind the list's end is no number of it.
TEST_F(ProofsInParts, list_only_what_is_stated) {
  const auto cases = honest_cases();
  const auto& one = cases[0];
  const auto p = pieces_of(one.description, one.shown, one.proof, 1);
  const auto seen = preview(p);
  ASSERT_TRUE(seen);
  const ProofCircuit::Statement statement{p.statement.program, p.statement.hidden, p.statement.weights, p.statement.input,
                                          p.statement.output};
  const auto reads = [&](std::uint32_t ref, std::uint32_t count) {
    base::Bytes word(32);
    word[0] = 3;   // stated
    word[4] = 1;   // stride
    word[24] = 1;  // coefficient, its last byte
    for (std::size_t i = 0; i < 4; ++i) {
      word[9 + i] = static_cast<std::uint8_t>(ref >> (24 - 8 * i));
      word[13 + i] = static_cast<std::uint8_t>(count >> (24 - 8 * i));
    }
    return reader_.read(same(seen->claim), statement, same(p.circuit), base::Wei(9), p.of.input_data, p.of.output_data, word)
        .has_value();
  };
  const auto stated = static_cast<std::uint32_t>(p.of.stated.size());
  EXPECT_TRUE(reads(stated - 1, 1));
  EXPECT_TRUE(reads(0, 1));
  EXPECT_FALSE(reads(stated, 1));
  EXPECT_FALSE(reads(stated - 1, 2));
}

TEST_F(ProofsInParts, of_real_networks_fit_their_transactions) {
  base::SeededRandom random(41);
  for (const std::string name : {"digits-mlp", "digits-lenet"})
    for (const trust::proof::Secrecy secrecy : {trust::proof::Secrecy{false, false}, trust::proof::Secrecy{true, false}}) {
      const auto bytes = base::read_file("examples/digits/" + name + ".onnx", 64 << 20);
      ASSERT_TRUE(bytes) << bytes.error().text;
      const auto built = engine::quantise::build(*bytes, {}, {});
      ASSERT_TRUE(built);
      const auto proof = trust::proof::prove(built->program, trust::proof::random_input(built->program, 5), {secrecy}, random);
      ASSERT_TRUE(proof);
      const auto shown = show(built->program, *proof);
      ASSERT_TRUE(shown);
      const auto p = pieces_of(built->program, *shown, *proof, secrecy.weights ? 3 : 2);
      const auto seen = preview(p);
      ASSERT_TRUE(seen) << seen.error().text;
      EXPECT_EQ(seen->claim.value_.word(), p.value) << name;
      std::printf("%s%s\n", name.c_str(), secrecy.weights ? ", weights hidden" : "");
      const auto begun = begin(p);
      ASSERT_TRUE(begun) << begun.error().text;
      for (const auto& part : p.cut.parts) {
        const auto done = open(seen->id, seen->queries, p, part.to, part.bytes);
        ASSERT_TRUE(done) << done.error().text;
      }
      for (std::size_t part = 0; part < p.of.tape.parts.size(); ++part) {
        const auto done = read(*seen, p, part);
        ASSERT_TRUE(done) << name << ", part " << part << ": " << done.error().text;
      }
      const auto session = contract_.session(seen->id);
      ASSERT_TRUE(session);
      EXPECT_TRUE(session->good);
      EXPECT_EQ(session->opened, session->places);
      EXPECT_EQ(session->places, shown->places.size());
    }
}

TEST_F(ProofsInParts, cannot_be_mixed_up) {
  const auto cases = honest_cases();
  const auto &a = cases[1], &b = cases[3];  // of one program, weights hidden, input shown and hidden
  const auto pa = pieces_of(a.description, a.shown, a.proof, 3), pb = pieces_of(b.description, b.shown, b.proof, 3);
  const auto sa = preview(pa), sb = preview(pb);
  ASSERT_TRUE(sa && sb);
  const auto refuses = [&](const char* what, const base::Result<std::uint64_t>& done) { EXPECT_FALSE(done) << what; };
  const auto& parts = pa.cut.parts;
  refuses("not begun", open(sa->id, sa->queries, pa, parts[0].to, parts[0].bytes));
  ASSERT_TRUE(begin(pa));
  ASSERT_TRUE(begin(pb));
  refuses("begun twice", begin(pa));
  auto other = pa;
  other.cut.messages[100] ^= 1;
  refuses("changed messages", begin(other));
  other = pa;
  other.cut.messages.push_back(0);
  refuses("longer messages", begin(other));
  refuses("the second part first", open(sa->id, sa->queries, pa, parts[1].to, parts[1].bytes));
  refuses("another proof's part", open(sa->id, sa->queries, pa, parts[0].to, pb.cut.parts[0].bytes));
  refuses("another proof's queries", open(sa->id, sb->queries, pa, pb.cut.parts[0].to, pb.cut.parts[0].bytes));
  refuses("another proof's session", open(sb->id, sa->queries, pa, parts[0].to, parts[0].bytes));
  auto fewer = sa->queries;
  fewer.places.pop_back();
  refuses("fewer places", open(sa->id, fewer, pa, parts[0].to, parts[0].bytes));
  other = pa;
  ++other.circuit.shape.queries;
  refuses("another shape", open(sa->id, sa->queries, other, parts[0].to, parts[0].bytes));
  refuses("no place", open(sa->id, sa->queries, pa, 0, {}));
  refuses("too many places", open(sa->id, sa->queries, pa, sa->queries.places.size() + 1, parts[0].bytes));
  refuses("a longer claim of a part", open(sa->id, sa->queries, pa, parts[0].to + 1, parts[0].bytes));
  auto longer = parts[0].bytes;
  longer.push_back(0);
  refuses("a longer part", open(sa->id, sa->queries, pa, parts[0].to, longer));
  for (std::size_t at = 3; at < parts[0].bytes.size(); at += parts[0].bytes.size() / 20) {
    auto changed = parts[0].bytes;
    changed[at] ^= 4;
    refuses("a changed part", open(sa->id, sa->queries, pa, parts[0].to, changed));
  }
  ASSERT_TRUE(open(sa->id, sa->queries, pa, parts[0].to, parts[0].bytes));
  refuses("a part twice", open(sa->id, sa->queries, pa, parts[0].to, parts[0].bytes));
  refuses("the last part early", open(sa->id, sa->queries, pa, parts[2].to, parts[2].bytes));
  for (std::size_t i = 1; i < 3; ++i) ASSERT_TRUE(open(sa->id, sa->queries, pa, parts[i].to, parts[i].bytes));
  EXPECT_EQ(contract_.session(sa->id)->opened, sa->queries.places.size());
  EXPECT_EQ(contract_.session(sb->id)->opened, 0U);
}

/// Every kind of step, every mode: the contract's verdict is complete.
TEST_F(ProofsInParts, of_every_kind_are_good_and_bind_what_they_state) {
  for (const auto& one : honest_cases()) {
    const auto p = pieces_of(one.description, one.shown, one.proof, 2);
    const auto seen = preview(p);
    ASSERT_TRUE(seen) << one.name << ": " << seen.error().text;
    const auto refuses = [&](const char* what, const base::Result<std::uint64_t>& done) {
      EXPECT_FALSE(done) << one.name << ": " << what;
    };
    const auto& tape = p.of.tape.parts;
    refuses("a tape not begun", read(*seen, p, 0));
    ASSERT_TRUE(begin(p)) << one.name;
    auto other = p;
    other.of.output_data[0][0] ^= 1;
    refuses("another output", read(*seen, other, 0));
    other = p;
    if (!p.of.input_data.empty()) {
      other.of.input_data[0][0] ^= 1;
      refuses("another input", read(*seen, other, 0));
      other = p;
    }
    ++other.circuit.output_bytes[0];
    refuses("another length", read(*seen, other, 0));
    other = p;
    other.statement.output.bytes[0] ^= 1;
    refuses("another statement", read(*seen, other, 0));
    other = p;
    ++other.circuit.shape.lookups;
    refuses("another shape", read(*seen, other, 0));
    auto claim = seen->claim;
    claim.columns[0] = base::Wei(7);
    refuses("other columns", read_as(seen->id, claim, p, tape[0]));
    claim = seen->claim;
    claim.constant_ = base::Wei(7);
    refuses("another constant", read_as(seen->id, claim, p, tape[0]));
    auto part = tape[0];
    part[40] ^= 1;
    refuses("another part", read_as(seen->id, seen->claim, p, part));
    for (std::size_t i = 0; i < tape.size(); ++i) {
      const auto done = read(*seen, p, i);
      ASSERT_TRUE(done) << one.name << ": " << done.error().text;
    }
    refuses("a part more", read(*seen, p, 0));
    EXPECT_FALSE(contract_.session(seen->id)->good) << one.name << ": places are not open";
    for (const auto& places : p.cut.parts) {
      const auto opened = open(seen->id, seen->queries, p, places.to, places.bytes);
      ASSERT_TRUE(opened) << one.name << ": " << opened.error().text;
    }
    EXPECT_TRUE(contract_.session(seen->id)->good) << one.name;
  }
}

/// A prover that names the constant that makes its lie pass the messages is caught by the circuit; so is one of another
/// circuit.
TEST_F(ProofsInParts, of_what_the_circuit_does_not_give_are_refused) {
  const auto cases = honest_cases();
  for (std::size_t i = 0; i < cases.size(); i += 3) {
    const auto& one = cases[i];
    auto p = pieces_of(one.description, one.shown, one.proof, 1);
    p.constant.bytes[31] ^= 1;  // the value that the argument then leaves is not the circuit's
    const auto seen = preview(p);
    ASSERT_TRUE(seen) << one.name;
    ASSERT_TRUE(begin(p)) << one.name;
    const std::size_t last = p.of.tape.parts.size() - 1;
    for (std::size_t part = 0; part < last; ++part) ASSERT_TRUE(read(*seen, p, part));
    EXPECT_FALSE(read(*seen, p, last)) << one.name;
    EXPECT_FALSE(contract_.session(seen->id)->good) << one.name;
  }
}

/// However it is cut, the parts hold what the whole holds.
TEST_F(ProofsInParts, open_the_same_places) {
  const auto cases = honest_cases();
  const auto& one = cases[4];
  for (const std::size_t parts : {std::size_t{1}, std::size_t{7}, one.shown.places.size()}) {
    const auto p = pieces_of(one.description, one.shown, one.proof, parts);
    if (parts == 1) {
      auto whole = p.cut.messages;
      whole.insert(whole.end(), p.cut.parts[0].bytes.begin(), p.cut.parts[0].bytes.end());
      EXPECT_EQ(whole, one.shown.argument);
      continue;
    }
    ASSERT_EQ(p.cut.parts.size(), parts);
    EXPECT_EQ(p.cut.parts.back().to, one.shown.places.size());
  }
  auto broken = one.proof.argument;
  broken.opening.oracles[0].siblings.pop_back();
  EXPECT_FALSE(trust::proof::cut_proof(one.shown.layout, broken, one.shown.places, 2));
}

}  // namespace
}  // namespace koinon::test::proof
