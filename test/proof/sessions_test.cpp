// Proofs in several transactions.
#include "base/file.hpp"
#include "engine/quantise/build.hpp"
#include "ledger/contracts/proof_sessions.hpp"
#include "test/proof/cases.hpp"
#include "trust/proof/cut.hpp"

namespace koinon::test::proof {
namespace {

using ledger::contracts::ProofSessions;

constexpr std::uint64_t kCap = 16'777'216;    ///< gas of a transaction (EIP-7825)
constexpr std::size_t kCalldata = 128 << 10;  ///< bytes of one

/// A proof in pieces, as the contract is shown it.
struct Pieces {
  ProofSessions::Statement statement;
  ProofSessions::Shape shape;
  base::Hash constant, value;
  trust::proof::CutProof cut;
};

Pieces pieces_of(const Shown& shown, const Proof& proof, std::size_t parts) {
  const auto& s = shown.statement;
  const auto& p = shown.shape;
  Pieces out{{s.program, s.hidden, s.weights, s.input, s.output},
             {p.rows_log,
              p.queries,
              p.work_bits,
              p.pads,
              p.weight_pads,
              p.weight_cells,
              p.witness_cells,
              p.lookups,
              p.constraints_log,
              {}},
             shown.constant,
             shown.value,
             {}};
  for (const auto& form : p.forms) out.shape.forms.push_back({form.rows_log, form.columns_log, form.inner_log});
  auto cut = trust::proof::cut_proof(shown.layout, proof.argument, shown.places, parts);
  EXPECT_TRUE(cut) << cut.error().text;
  if (cut) out.cut = std::move(*cut);
  return out;
}

class ProofsInParts : public quorum::ChainTest {
 protected:
  ProofSessions contract_ = deploy<ProofSessions>("ProofSessions");

  base::Result<ProofSessions::PreviewResult> preview(const Pieces& p) {
    return contract_.preview(p.statement, p.shape, p.constant, p.cut.messages);
  }
  base::Result<std::uint64_t> begin(const Pieces& p) {
    KOINON_TRY(const auto request, contract_.begin(p.statement, p.shape, p.constant, p.cut.messages));
    return used("messages", request);
  }
  base::Result<std::uint64_t> open(const base::Hash& id, const ProofSessions::Queries& queries, const Pieces& p,
                                   std::uint64_t to, const base::Bytes& bytes) {
    KOINON_TRY(const auto request, contract_.open(id, queries, p.shape, to, bytes));
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
      const auto p = pieces_of(*shown, *proof, secrecy.weights ? 3 : 2);
      const auto seen = preview(p);
      ASSERT_TRUE(seen) << seen.error().text;
      EXPECT_EQ(seen->value_, p.value) << name;
      std::printf("%s%s\n", name.c_str(), secrecy.weights ? ", weights hidden" : "");
      const auto begun = begin(p);
      ASSERT_TRUE(begun) << begun.error().text;
      for (const auto& part : p.cut.parts) {
        const auto done = open(seen->id, seen->queries, p, part.to, part.bytes);
        ASSERT_TRUE(done) << done.error().text;
      }
      const auto session = contract_.session(seen->id);
      ASSERT_TRUE(session);
      EXPECT_EQ(session->opened, session->places);
      EXPECT_EQ(session->places, shown->places.size());
    }
}

TEST_F(ProofsInParts, cannot_be_mixed_up) {
  const auto cases = honest_cases();
  const auto &a = cases[1], &b = cases[3];  // of one program, weights hidden, input shown and hidden
  const auto pa = pieces_of(a.shown, a.proof, 3), pb = pieces_of(b.shown, b.proof, 3);
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
  ++other.shape.queries;
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

/// However it is cut, the parts hold what the whole holds.
TEST_F(ProofsInParts, open_the_same_places) {
  const auto cases = honest_cases();
  const auto& one = cases[4];
  for (const std::size_t parts : {std::size_t{1}, std::size_t{7}, one.shown.places.size()}) {
    const auto p = pieces_of(one.shown, one.proof, parts);
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
