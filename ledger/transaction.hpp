#pragma once
#include <optional>

#include "ledger/key.hpp"

namespace koinon::ledger {

/// A transaction of type 2 (EIP-1559) with an empty access list. Amounts are wei of the chain's own coin.
struct Transaction {
  std::uint64_t chain_id = 0;
  std::uint64_t nonce = 0;
  Wei max_priority_fee;  ///< a unit of gas
  Wei max_fee;           ///< a unit of gas
  std::uint64_t gas_limit = 0;
  std::optional<Address> to;  ///< absent: creates a contract
  Wei value;
  Bytes data;
  friend bool operator==(const Transaction&, const Transaction&) = default;
};

struct SignedTransaction {
  Transaction transaction;
  Address sender;
  Bytes raw;  ///< 0x02 | rlp
  Hash hash;  ///< keccak256(raw)
};

/// The digest that is signed: keccak256(0x02 | rlp([chain, nonce, ..., access list])).
Hash signing_hash(const Transaction& transaction);
SignedTransaction sign(const Transaction& transaction, const Key& key);
/// Reads a raw type-2 transaction and recovers its sender. Errors: malformed, unsupported (other type, access list), rejected
/// (signature).
Result<SignedTransaction> decode_transaction(ByteView raw);

/// Address of the contract that `sender` creates with its transaction `nonce`: keccak256(rlp([sender, nonce]))[12..].
Address contract_address(const Address& sender, std::uint64_t nonce);

}  // namespace koinon::ledger
