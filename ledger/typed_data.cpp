#include "ledger/typed_data.hpp"

#include <string>

#include "base/hash.hpp"
#include "ledger/abi.hpp"

namespace koinon::ledger {

Hash message_hash(ByteView message) {
  const auto head = "\x19" + std::string("Ethereum Signed Message:\n") + std::to_string(message.size());
  return base::keccak256({base::as_bytes(head), message});
}

Hash TypedDomain::separator() const {
  return StructHash("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
      .add_bytes(base::as_bytes(name))
      .add_bytes(base::as_bytes(version))
      .add(chain_id)
      .add(verifying_contract)
      .hash();
}

Hash plain_domain_separator(std::string_view name, std::string_view version) {
  return StructHash("EIP712Domain(string name,string version)")
      .add_bytes(base::as_bytes(name))
      .add_bytes(base::as_bytes(version))
      .hash();
}

StructHash::StructHash(std::string_view type) { add(base::keccak256(base::as_bytes(type))); }

StructHash& StructHash::add(const Hash& word) {
  words_.insert(words_.end(), word.bytes.begin(), word.bytes.end());
  return *this;
}

StructHash& StructHash::add(const Address& address) { return add(abi::value_of(address).word); }

StructHash& StructHash::add(const Wei& number) { return add(number.word()); }

StructHash& StructHash::add(std::uint64_t number) { return add(Wei(number)); }

StructHash& StructHash::add_bytes(ByteView bytes) { return add(base::keccak256(bytes)); }

StructHash& StructHash::add_list(const std::vector<Hash>& words) {
  Bytes all;
  for (const auto& word : words) all.insert(all.end(), word.bytes.begin(), word.bytes.end());
  return add(base::keccak256(all));
}

Hash StructHash::hash() const { return base::keccak256(words_); }

Hash typed_data_hash(const Hash& separator, const Hash& struct_hash) {
  static constexpr std::array<std::uint8_t, 2> kPrefix = {0x19, 0x01};
  return base::keccak256({kPrefix, separator.view(), struct_hash.view()});
}

}  // namespace koinon::ledger
