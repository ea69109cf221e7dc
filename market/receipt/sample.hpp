#pragma once
#include "market/receipt/receipt.hpp"
#include "work/parcel.hpp"

// A receipt made with keys of its own, for tests and the fuzz target.
namespace koinon::market {

inline ledger::Key sample_key(std::uint8_t number) {
  base::Bytes secret(32, 1);
  secret[31] = number;
  return ledger::Key::from_secret(secret).value();
}

/// Signs as the sample's issuer.
inline void sign_sample(Receipt& receipt) {
  const auto issuer = sample_key(99);
  receipt.issuer = issuer.address();
  receipt.signature = base::fixed<65>(issuer.sign(receipt.digest()).bytes());
}

/// quorum(3, 2): accounts 1 and 2 agree, account 3 lied.
inline Receipt sample_receipt() {
  Receipt out;
  out.chain_id = 31337;
  out.market.bytes.fill(0x22);
  out.order = 12;
  out.kind = "inference";
  out.check = "quorum";
  out.privacy = "plain";
  out.n = 3;
  out.k = 2;
  out.spec.bytes.fill(0x33);
  out.input_root.bytes.fill(0x44);
  out.trace_root.bytes.fill(0x55);
  out.outputs = {{1, 2, 3, 4}};
  out.output_root = work::outputs_root(out.outputs);
  out.verdict = "accepted";
  for (std::uint8_t account = 1; account <= 3; ++account) {
    const auto key = sample_key(account);
    SignedClaim claim;
    claim.account = account;
    claim.operator_address = key.address();
    claim.output_root = out.output_root;
    claim.trace_root = out.trace_root;
    if (account == 3) claim.output_root.bytes[0] ^= 1;
    const auto digest = claim_digest({out.chain_id, out.market, out.order}, account, out.spec, out.input_root,
                                     claim.output_root, claim.trace_root);
    claim.signature = base::fixed<65>(key.sign(digest).bytes());
    out.claims.push_back(claim);
    out.payments.push_back(
        {account, account == 3 ? "rejected" : "accepted", Wei(account == 3 ? 0 : 100), Wei(account == 3 ? 500 : 0)});
  }
  out.paid = Wei(200);
  out.slashed = Wei(500);
  out.burned = Wei(252);
  out.refunded = Wei(300);
  out.settled_block = 77;
  out.issued_at_ms = 1'700'000'000'000;
  sign_sample(out);
  return out;
}

/// An order that asked for a proof, of which account 1 made one.
inline Receipt sample_proven() {
  auto out = sample_receipt();
  out.check = "proof";
  out.n = out.k = 1;
  out.claims = {out.claims[0]};
  out.payments = {out.payments[0]};
  out.proof = Hash{};
  out.proof->bytes.fill(0x77);
  sign_sample(out);
  return out;
}

/// An optimistic order: the claim of account 3 was refuted by account 5.
inline Receipt sample_condemned() {
  auto out = sample_receipt();
  out.check = "optimistic";
  out.n = out.k = 1;
  out.outputs.clear();
  out.verdict = "rejected";
  out.claims = {out.claims[2]};
  out.output_root = out.claims[0].output_root;
  out.payments = {out.payments[2]};
  out.paid = Wei{};
  out.condemned = Condemned{"refuted", 3, 5, std::uint8_t{0}, {}};
  out.condemned->tx.bytes.fill(0x66);
  sign_sample(out);
  return out;
}

}  // namespace koinon::market
