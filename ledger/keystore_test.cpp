#include "ledger/keystore.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/file.hpp"

namespace koinon::ledger {
namespace {

// The two vectors of the Web3 Secret Storage Definition; the password is "testpassword".
constexpr std::string_view kPbkdf2 =
    R"({"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
"ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":{"c":262144,"dklen":32,
"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
"mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3})";
constexpr std::string_view kScrypt =
    R"({"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},
"ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt","kdfparams":{"dklen":32,"n":262144,
"r":1,"p":8,"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
"mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},"id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3})";
constexpr auto kSecret = "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
constexpr ScryptCost kCheap{1u << 10, 8, 1};

TEST(Keystore, opens_the_official_vectors) {
  for (const auto vector : {kPbkdf2, kScrypt}) {
    const auto key = open_key(vector, "testpassword");
    ASSERT_TRUE(key) << key.error().text;
    EXPECT_EQ(base::to_hex(key->secret()), kSecret);
    EXPECT_EQ(open_key(vector, "Testpassword").error().code, Code::unauthorised);
  }
}

TEST(Keystore, opens_what_it_sealed) {
  base::SeededRandom random(1);
  const auto key = Key::generate(random);
  const auto text = seal_key(key, "secret", random, kCheap);
  ASSERT_TRUE(text);
  EXPECT_EQ(open_key(*text, "secret")->address(), key.address());
  EXPECT_EQ(keystore_address(*text).value(), key.address());
  EXPECT_EQ(text->find(base::to_hex(key.secret()).substr(2)), std::string::npos);
}

TEST(Keystore, refuses_costs_that_would_take_the_machine) {
  std::string text(kScrypt);
  text.replace(text.find("262144"), 6, "1073741824");
  EXPECT_EQ(open_key(text, "x").error().code, Code::out_of_range);
  text = kPbkdf2;
  text.replace(text.find("262144"), 6, "999999999");
  EXPECT_EQ(open_key(text, "x").error().code, Code::out_of_range);
  EXPECT_EQ(open_key("{}", "x").error().code, Code::malformed);
  EXPECT_EQ(open_key("[", "x").error().code, Code::malformed);
}

TEST(Keystore, unlocks_only_with_a_private_password_file) {
  const base::TempFolder folder;
  base::SeededRandom random(2);
  const auto keystore = folder.path() / "key.json";
  const auto password = folder.path() / "password";
  const auto made = unlock_or_create(keystore, password, random, kCheap);
  ASSERT_TRUE(made) << made.error().text;
  EXPECT_EQ(unlock(keystore, password)->address(), made->address());
  std::filesystem::permissions(password, std::filesystem::perms::group_read, std::filesystem::perm_options::add);
  EXPECT_EQ(unlock(keystore, password).error().code, Code::unauthorised);
  EXPECT_EQ(unlock(keystore, folder.path() / "none").error().code, Code::not_found);
}

}  // namespace
}  // namespace koinon::ledger
