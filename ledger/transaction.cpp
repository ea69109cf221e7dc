#include "ledger/transaction.hpp"

#include "base/hash.hpp"

namespace koinon::ledger {
namespace {

constexpr std::uint8_t kType = 0x02;
constexpr std::size_t kMaxRaw = 131'072;  ///< bytes, as most nodes' pools

std::vector<Rlp> fields(const Transaction& tx) {
  return {Rlp::number(tx.chain_id), Rlp::number(tx.nonce),     Rlp::number(tx.max_priority_fee),
          Rlp::number(tx.max_fee),  Rlp::number(tx.gas_limit), Rlp::string(tx.to ? tx.to->view() : ByteView{}),
          Rlp::number(tx.value),    Rlp::string(tx.data),      Rlp::list({})};
}

Bytes typed(std::vector<Rlp> items) {
  const auto body = Rlp::list(std::move(items)).encode();
  Bytes out{kType};
  out.insert(out.end(), body.begin(), body.end());
  return out;
}

Result<Hash> word_of(const Rlp& item) {
  KOINON_TRY(const auto value, item.to_wei());
  return value.word();
}

Result<Transaction> read_fields(const std::vector<Rlp>& items) {
  Transaction tx;
  KOINON_TRY(tx.chain_id, items[0].to_u64());
  KOINON_TRY(tx.nonce, items[1].to_u64());
  KOINON_TRY(tx.max_priority_fee, items[2].to_wei());
  KOINON_TRY(tx.max_fee, items[3].to_wei());
  KOINON_TRY(tx.gas_limit, items[4].to_u64());
  if (items[5].is_list || (items[5].bytes.size() != 20 && !items[5].bytes.empty()))
    return fail(Code::malformed, "[transaction] recipient of {} bytes: 20 or none expected", items[5].bytes.size());
  if (!items[5].bytes.empty()) tx.to = base::fixed<20>(items[5].bytes);
  KOINON_TRY(tx.value, items[6].to_wei());
  if (items[7].is_list) return fail(Code::malformed, "[transaction] data is a list");
  tx.data = items[7].bytes;
  if (!items[8].is_list) return fail(Code::malformed, "[transaction] access list is no list");
  if (!items[8].items.empty()) return fail(Code::unsupported, "[transaction] access lists are not supported");
  return tx;
}

}  // namespace

Hash signing_hash(const Transaction& transaction) { return base::keccak256(typed(fields(transaction))); }

SignedTransaction sign(const Transaction& transaction, const Key& key) {
  const auto signature = key.sign(signing_hash(transaction));
  auto items = fields(transaction);
  // Rlp::number strips leading zeros of r and s: one signature in 128 has some.
  items.push_back(Rlp::number(std::uint64_t{signature.y_parity}));
  items.push_back(Rlp::number(Wei::from_word(signature.r)));
  items.push_back(Rlp::number(Wei::from_word(signature.s)));
  SignedTransaction out{transaction, key.address(), typed(std::move(items)), {}};
  out.hash = base::keccak256(out.raw);
  return out;
}

Result<SignedTransaction> decode_transaction(ByteView raw) {
  if (raw.empty() || raw.size() > kMaxRaw)
    return fail(Code::malformed, "[transaction] {} bytes: 1 to {} expected", raw.size(), kMaxRaw);
  if (raw[0] != kType) return fail(Code::unsupported, "[transaction] type {}: 2 (EIP-1559) expected", raw[0]);
  KOINON_TRY(const auto list, Rlp::decode(raw.subspan(1)));
  if (!list.is_list || list.items.size() != 12)
    return fail(Code::malformed, "[transaction] {} fields: 12 expected", list.items.size());
  KOINON_TRY(auto tx, read_fields(list.items));
  Signature signature;
  KOINON_TRY(const auto parity, list.items[9].to_u64());
  if (parity > 1) return fail(Code::malformed, "[transaction] y parity {}: 0 or 1 expected", parity);
  signature.y_parity = static_cast<std::uint8_t>(parity);
  KOINON_TRY(signature.r, word_of(list.items[10]));
  KOINON_TRY(signature.s, word_of(list.items[11]));
  KOINON_TRY(const auto sender, recover(signing_hash(tx), signature));
  return SignedTransaction{std::move(tx), sender, Bytes(raw.begin(), raw.end()), base::keccak256(raw)};
}

Address contract_address(const Address& sender, std::uint64_t nonce) {
  const auto hash = base::keccak256(Rlp::list({Rlp::string(sender.view()), Rlp::number(nonce)}).encode());
  return base::fixed<20>(hash.view().subspan(12));
}

}  // namespace koinon::ledger
