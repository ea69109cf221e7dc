#pragma once
#include <string_view>
#include <vector>

#include "ledger/key.hpp"

namespace koinon::ledger {

/// Digest of a message for people (EIP-191, version 0x45): keccak256("\x19Ethereum Signed Message:\n" length message).
Hash message_hash(ByteView message);

/// Domain of typed data (EIP-712) with all four usual fields.
struct TypedDomain {
  std::string name;
  std::string version;
  std::uint64_t chain_id = 0;
  Address verifying_contract;
  [[nodiscard]] Hash separator() const;
};

/// Domain of typed data that is bound to no chain: EIP712Domain(string name,string version).
Hash plain_domain_separator(std::string_view name, std::string_view version);

/// Builds hashStruct: keccak256(typeHash | words). Members in the order of the type.
///
///   StructHash("Permit(address owner,uint256 value)").add(owner).add(value).hash()
class StructHash {
 public:
  explicit StructHash(std::string_view type);
  StructHash& add(const Hash& word);  ///< bytes32, or the hash of a nested struct
  StructHash& add(const Address& address);
  StructHash& add(const Wei& number);
  StructHash& add(std::uint64_t number);
  StructHash& add_bytes(ByteView bytes);                 ///< bytes or string: enters as its keccak256
  StructHash& add_list(const std::vector<Hash>& words);  ///< array of words: enters as keccak256 of their concatenation
  [[nodiscard]] Hash hash() const;

 private:
  Bytes words_;
};

/// Digest that is signed: keccak256(0x1901 | separator | struct hash).
Hash typed_data_hash(const Hash& separator, const Hash& struct_hash);

}  // namespace koinon::ledger
