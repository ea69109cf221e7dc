#include "ledger/key.hpp"

#include <gtest/gtest.h>

#include "base/hash.hpp"
#include "ledger/transaction.hpp"
#include "ledger/typed_data.hpp"

namespace koinon::ledger {
namespace {

Key key_of(std::string_view secret) { return std::move(*Key::from_secret(base::keccak256(base::as_bytes(secret)).view())); }

TEST(Key, has_the_address_of_its_point) {
  // Secret 1: the generator's own address, known from every Ethereum library.
  base::Hash one;
  one.bytes[31] = 1;
  EXPECT_EQ(checksum_address(Key::from_secret(one.view())->address()), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
  EXPECT_FALSE(Key::from_secret(base::Hash{}.view()));
  base::Hash high;
  high.bytes.fill(0xff);
  EXPECT_FALSE(Key::from_secret(high.view()));
}

TEST(Address, checks_the_examples_of_eip_55) {
  for (const auto* text : {"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
                           "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"}) {
    const auto address = parse_address(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(checksum_address(*address), text);
  }
  EXPECT_FALSE(parse_address("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAEd"));
  EXPECT_FALSE(parse_address("5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"));
  EXPECT_TRUE(parse_address("0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"));
}

TEST(Signature, recovers_the_signer_and_refuses_any_change) {
  const auto key = key_of("cow");
  const auto digest = message_hash(base::as_bytes("hello"));
  const auto signature = key.sign(digest);
  EXPECT_EQ(recover(digest, signature).value(), key.address());
  EXPECT_EQ(Signature::from_bytes(signature.bytes()).value(), signature);
  auto other = signature;
  other.r.bytes[5] ^= 1;
  const auto changed = recover(digest, other);
  EXPECT_TRUE(!changed || *changed != key.address());
  other = signature;
  other.s.bytes.fill(0xff);
  EXPECT_EQ(recover(digest, other).error().code, Code::rejected);
}

TEST(TypedData, gives_the_digests_of_eip_712) {
  // "Mail" of EIP-712, section "Test vectors": the key is keccak256("cow").
  const TypedDomain domain{"Ether Mail", "1", 1, parse_address("0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC").value()};
  EXPECT_EQ(base::to_hex(domain.separator()), "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f");
  const auto person = [](std::string_view name, std::string_view wallet) {
    return StructHash("Person(string name,address wallet)")
        .add_bytes(base::as_bytes(name))
        .add(parse_address(wallet).value())
        .hash();
  };
  const auto mail = StructHash("Mail(Person from,Person to,string contents)Person(string name,address wallet)")
                        .add(person("Cow", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"))
                        .add(person("Bob", "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"))
                        .add_bytes(base::as_bytes("Hello, Bob!"))
                        .hash();
  EXPECT_EQ(base::to_hex(mail), "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e");
  const auto digest = typed_data_hash(domain.separator(), mail);
  EXPECT_EQ(base::to_hex(digest), "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2");
  const auto signature = key_of("cow").sign(digest);
  EXPECT_EQ(base::to_hex(signature.r), "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d");
  EXPECT_EQ(base::to_hex(signature.s), "0x07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b91562");
  EXPECT_EQ(signature.bytes()[64], 28);
}

TEST(Transaction, reads_back_what_it_signed) {
  const auto key = key_of("sender");
  // Many nonces, so that r and s with leading zeros occur (1 in 128).
  for (std::uint64_t nonce = 0; nonce < 400; ++nonce) {
    const Transaction tx{31'337, nonce,         base::Wei(1),     base::Wei(2'000'000'000),
                         21'000, key.address(), base::Wei(nonce), {1, 2}};
    const auto signed_tx = sign(tx, key);
    const auto back = decode_transaction(signed_tx.raw);
    ASSERT_TRUE(back) << back.error().text;
    EXPECT_EQ(back->transaction, tx);
    EXPECT_EQ(back->sender, key.address());
    EXPECT_EQ(back->hash, signed_tx.hash);
  }
}

TEST(Transaction, predicts_contract_addresses) {
  // The first two contracts of the well-known first development account.
  const auto sender = parse_address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266").value();
  EXPECT_EQ(checksum_address(contract_address(sender, 0)), "0x5FbDB2315678afecb367f032d93F642f64180aa3");
  EXPECT_EQ(checksum_address(contract_address(sender, 1)), "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512");
}

TEST(Transaction, refuses_cut_bytes) {
  const auto key = key_of("sender");
  const auto raw = sign({1, 2, base::Wei(1), base::Wei(1), 21'000, std::nullopt, base::Wei(), {1}}, key).raw;
  for (std::size_t size = 0; size < raw.size(); ++size) EXPECT_FALSE(decode_transaction(ByteView(raw).first(size)));
}

}  // namespace
}  // namespace koinon::ledger
