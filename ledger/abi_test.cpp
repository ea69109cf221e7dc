#include "ledger/abi.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace koinon::ledger::abi {
namespace {

Value list(std::vector<Value> items) {
  Value out;
  out.items = std::move(items);
  return out;
}

Type type(std::string_view text) {
  auto out = Type::parse(text);
  EXPECT_TRUE(out) << out.error().text;
  return *out;
}

TEST(Rlp, encodes_the_examples_of_the_yellow_paper) {
  EXPECT_EQ(base::to_hex(Rlp::string(base::as_bytes("dog")).encode()), "0x83646f67");
  EXPECT_EQ(base::to_hex(Rlp::list({Rlp::string(base::as_bytes("cat")), Rlp::string(base::as_bytes("dog"))}).encode()),
            "0xc88363617483646f67");
  EXPECT_EQ(base::to_hex(Rlp::number(std::uint64_t{0}).encode()), "0x80");
  EXPECT_EQ(base::to_hex(Rlp::number(std::uint64_t{15}).encode()), "0x0f");
  EXPECT_EQ(base::to_hex(Rlp::number(std::uint64_t{1024}).encode()), "0x820400");
  EXPECT_EQ(base::to_hex(Rlp::list({}).encode()), "0xc0");
}

TEST(Rlp, refuses_every_second_encoding) {
  for (const auto* hex : {"8100", "817f", "b80102", "b800", "f800", "c1", "8080", "b90001ff", "bfffffffffffffffff", ""})
    EXPECT_FALSE(Rlp::decode(base::from_hex(hex).value())) << hex;
  EXPECT_FALSE(Rlp::string(base::from_hex("0001").value()).to_u64());
}

TEST(Abi, encodes_the_examples_of_the_specification) {
  // "Examples" of the Contract ABI Specification: sam(bytes,bool,uint256[]) with "dave", true, [1,2,3].
  const auto value = list({value_of(std::string_view("dave")), value_of(true),
                           list({value_of(std::uint64_t{1}), value_of(std::uint64_t{2}), value_of(std::uint64_t{3})})});
  const auto bytes = encode(type("(bytes,bool,uint256[])"), value);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(base::to_hex(selector("sam(bytes,bool,uint256[])")), "0xa5643bf2");
  EXPECT_EQ(bytes->size(), 9 * 32u);
  EXPECT_EQ((*bytes)[31], 0x60);
  EXPECT_EQ((*bytes)[95], 0xa0);
  EXPECT_EQ(decode(type("(bytes,bool,uint256[])"), *bytes).value(), value);
}

TEST(Abi, refuses_what_solidity_does_not_write) {
  const auto tuple = type("(bytes,uint8)");
  const auto good = encode(tuple, list({value_of(std::string_view("ab")), value_of(std::uint64_t{3})})).value();
  ASSERT_TRUE(decode(tuple, good));
  const auto with = [&](std::size_t at, std::uint8_t byte) {
    auto out = good;
    out[at] = byte;
    return out;
  };
  EXPECT_FALSE(decode(tuple, with(31, 0x60)));  // offset into the tail
  EXPECT_FALSE(decode(tuple, with(31, 0x00)));  // offset into the head
  EXPECT_FALSE(decode(tuple, with(62, 1)));     // 259 is no uint8
  EXPECT_FALSE(decode(tuple, with(95, 33)));    // longer than the input
  EXPECT_FALSE(decode(tuple, with(98, 1)));     // padding
  EXPECT_FALSE(decode(tuple, ByteView(good).first(96)));
  auto longer = good;
  longer.resize(longer.size() + 32);
  EXPECT_FALSE(decode(tuple, longer));
}

TEST(Abi, bounds_hostile_lengths) {
  Bytes bytes(64, 0);
  bytes[31] = 32;
  std::fill(bytes.begin() + 32, bytes.end(), std::uint8_t{0xff});
  EXPECT_EQ(decode(type("(uint256[])"), bytes).error().code, Code::malformed);
}

TEST(Abi, parses_types_and_refuses_others) {
  EXPECT_EQ(type("(address,(uint64,bytes32[])[2],string)[]").text(), "(address,(uint64,bytes32[])[2],string)[]");
  EXPECT_EQ(type("(uint8,uint8)[3]").head_size(), 192u);
  for (const auto* bad : {"", "uint7", "uint264", "bytes33", "bytes0", "uint[0]", "uint[", "(uint", "()", "map", "uint08",
                          "uint256[65537]", "(uint,)"})
    EXPECT_FALSE(Type::parse(bad)) << bad;
}

TEST(Abi, describes_reverts) {
  auto entries =
      parse_abi(nlohmann::json::parse(
                    R"([{"type":"error","name":"Low","inputs":[{"name":"a","type":"uint64"},{"name":"b","type":"string"}]}])"))
          .value();
  auto data = encode(entries[0].inputs, list({value_of(std::uint64_t{5}), value_of(std::string_view("x"))})).value();
  const auto id = entries[0].id();
  data.insert(data.begin(), id.bytes.begin(), id.bytes.begin() + 4);
  EXPECT_EQ(describe_revert(data, entries), "Low(a: \"5\", b: \"x\")");
  EXPECT_EQ(describe_revert({}, entries), "no reason given");
  data.resize(10);
  EXPECT_TRUE(describe_revert(data, entries).starts_with("unknown error 0x"));
}

TEST(Abi, writes_signed_numbers) {
  EXPECT_EQ(to_json(type("int256"), value_of(std::int64_t{-5})), "-5");
  EXPECT_EQ(to_json(type("int32"), value_of(std::int64_t{-5})), -5);
  EXPECT_EQ(encode(type("(int8)"), list({value_of(std::int64_t{-129})})).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace koinon::ledger::abi
