#include "ledger/keystore.hpp"

#include <crypto++/scrypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <bit>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"

namespace koinon::ledger {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxMemory = std::uint64_t{1} << 30;  ///< bytes that scrypt may take
constexpr std::uint64_t kMaxRounds = 10'000'000;              ///< of pbkdf2
constexpr std::uint64_t kMaxFile = 64u << 10;                 ///< bytes

/// 32 derived bytes that are wiped when they go: the cipher key and the MAC key.
struct Derived {
  std::array<std::uint8_t, 32> bytes{};
  Derived() = default;
  Derived(const Derived&) = default;
  Derived& operator=(const Derived&) = default;
  ~Derived() { base::wipe(bytes); }
};

Result<Derived> scrypt(std::string_view password, ByteView salt, const ScryptCost& cost) {
  const bool sane = cost.n >= 2 && std::has_single_bit(cost.n) && cost.r >= 1 && cost.r <= 64 && cost.p >= 1 && cost.p <= 64 &&
                    cost.n <= kMaxMemory / 128 / cost.r;
  if (!sane)
    return fail(Code::out_of_range, "[keystore] scrypt n {}, r {}, p {}: a power of two within 1 GiB expected", cost.n, cost.r,
                cost.p);
  Derived out;
  // Not OpenSSL's: it refuses n >= 2^(16 r) (RFC 7914, section 6), which keystores in use, and the official vector, have.
  try {
    CryptoPP::Scrypt().DeriveKey(out.bytes.data(), out.bytes.size(), reinterpret_cast<const std::uint8_t*>(password.data()),
                                 password.size(), salt.data(), salt.size(), cost.n, cost.r, cost.p);
  } catch (const std::exception& error) {
    return fail(Code::exhausted, "[keystore] scrypt with {} MiB: {}", cost.n * cost.r * 128 >> 20, error.what());
  }
  return out;
}

Result<Derived> pbkdf2(std::string_view password, ByteView salt, std::uint64_t rounds) {
  if (rounds < 1 || rounds > kMaxRounds)
    return fail(Code::out_of_range, "[keystore] {} rounds: at most {}", rounds, kMaxRounds);
  Derived out;
  if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salt.data(), static_cast<int>(salt.size()),
                        static_cast<int>(rounds), EVP_sha256(), static_cast<int>(out.bytes.size()), out.bytes.data()) != 1)
    return fail(Code::internal, "[keystore] pbkdf2 failed");
  return out;
}

/// AES-128 in counter mode: its own inverse.
Result<Bytes> aes_ctr(const Derived& key, ByteView iv, ByteView text) {
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
  Bytes out(text.size());
  int size = 0;
  if (!cipher || EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_ctr(), nullptr, key.bytes.data(), iv.data()) != 1 ||
      EVP_EncryptUpdate(cipher.get(), out.data(), &size, text.data(), static_cast<int>(text.size())) != 1)
    return fail(Code::internal, "[keystore] cipher failed");
  return out;
}

Hash mac_of(const Derived& key, ByteView text) { return base::keccak256({ByteView(key.bytes).subspan(16), text}); }

std::string hex(ByteView bytes) { return base::to_hex(bytes).substr(2); }

Result<std::string> text_at(const json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || at == object.end() || !at->is_string())
    return fail(Code::malformed, "[keystore] no text '{}'", name);
  return at->get<std::string>();
}

Result<Bytes> hex_at(const json& object, const char* name, std::size_t limit) {
  KOINON_TRY(const auto text, text_at(object, name));
  KOINON_TRY(auto bytes, base::from_hex(text));
  if (bytes.size() > limit) return fail(Code::malformed, "[keystore] '{}' has {} bytes: at most {}", name, bytes.size(), limit);
  return bytes;
}

Result<std::uint64_t> number_at(const json& object, const char* name) {
  const auto at = object.is_object() ? object.find(name) : object.end();
  if (!object.is_object() || at == object.end() || !at->is_number_unsigned())
    return fail(Code::malformed, "[keystore] no number '{}'", name);
  return at->get<std::uint64_t>();
}

Result<json> object_at(const json& object, const char* name) {
  const auto at = object.find(name);
  if (at == object.end() || !at->is_object()) return fail(Code::malformed, "[keystore] no object '{}'", name);
  return *at;
}

Result<json> read(std::string_view text) {
  if (text.size() > kMaxFile) return fail(Code::malformed, "[keystore] {} bytes: at most {}", text.size(), kMaxFile);
  auto out = base::parse_json(text);
  if (!out.is_object()) return fail(Code::malformed, "[keystore] not a JSON object");
  return out;
}

Result<Derived> derive(const json& crypto, std::string_view password) {
  KOINON_TRY(const auto kdf, text_at(crypto, "kdf"));
  KOINON_TRY(const auto params, object_at(crypto, "kdfparams"));
  KOINON_TRY(const auto salt, hex_at(params, "salt", 1024));
  KOINON_TRY(const auto size, number_at(params, "dklen"));
  if (size != 32) return fail(Code::unsupported, "[keystore] dklen {}: 32 expected", size);
  if (kdf == "scrypt") {
    KOINON_TRY(const auto n, number_at(params, "n"));
    KOINON_TRY(const auto r, number_at(params, "r"));
    KOINON_TRY(const auto p, number_at(params, "p"));
    if (r > 64 || p > 64) return fail(Code::out_of_range, "[keystore] scrypt r {}, p {}: at most 64", r, p);
    return scrypt(password, salt, {n, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(p)});
  }
  if (kdf != "pbkdf2") return fail(Code::unsupported, "[keystore] kdf '{}': scrypt or pbkdf2 expected", kdf.substr(0, 40));
  KOINON_TRY(const auto prf, text_at(params, "prf"));
  if (prf != "hmac-sha256") return fail(Code::unsupported, "[keystore] prf '{}': hmac-sha256 expected", prf.substr(0, 40));
  KOINON_TRY(const auto rounds, number_at(params, "c"));
  return pbkdf2(password, salt, rounds);
}

/// A random UUID (RFC 4122, version 4).
std::string uuid(base::Random& random) {
  auto bytes = random.hash();
  bytes.bytes[6] = static_cast<std::uint8_t>((bytes.bytes[6] & 0x0f) | 0x40);
  bytes.bytes[8] = static_cast<std::uint8_t>((bytes.bytes[8] & 0x3f) | 0x80);
  const auto text = hex(bytes.view().first(16));
  return fmt::format("{}-{}-{}-{}-{}", text.substr(0, 8), text.substr(8, 4), text.substr(12, 4), text.substr(16, 4),
                     text.substr(20));
}

}  // namespace

Result<std::string> seal_key(const Key& key, std::string_view password, base::Random& random, const ScryptCost& cost) {
  const auto salt = random.hash();
  const auto seed = random.hash();
  const auto iv = seed.view().first(16);
  KOINON_TRY(const auto derived, scrypt(password, salt.view(), cost));
  KOINON_TRY(const auto text, aes_ctr(derived, iv, key.secret()));
  const json out = {{"version", 3},
                    {"id", uuid(random)},
                    {"address", hex(key.address().view())},
                    {"crypto",
                     {{"cipher", "aes-128-ctr"},
                      {"cipherparams", {{"iv", hex(iv)}}},
                      {"ciphertext", hex(text)},
                      {"kdf", "scrypt"},
                      {"kdfparams", {{"dklen", 32}, {"n", cost.n}, {"r", cost.r}, {"p", cost.p}, {"salt", hex(salt.view())}}},
                      {"mac", hex(mac_of(derived, text).view())}}}};
  return out.dump(2) + "\n";
}

Result<Key> open_key(std::string_view text, std::string_view password) {
  KOINON_TRY(const auto document, read(text));
  KOINON_TRY(const auto version, number_at(document, "version"));
  if (version != 3) return fail(Code::unsupported, "[keystore] version {}: 3 expected", version);
  KOINON_TRY(const auto crypto, object_at(document, document.contains("Crypto") ? "Crypto" : "crypto"));
  KOINON_TRY(const auto cipher, text_at(crypto, "cipher"));
  if (cipher != "aes-128-ctr")
    return fail(Code::unsupported, "[keystore] cipher '{}': aes-128-ctr expected", cipher.substr(0, 40));
  KOINON_TRY(const auto params, object_at(crypto, "cipherparams"));
  KOINON_TRY(const auto iv, hex_at(params, "iv", 16));
  KOINON_TRY(const auto sealed, hex_at(crypto, "ciphertext", 32));
  KOINON_TRY(const auto mac, hex_at(crypto, "mac", 32));
  if (iv.size() != 16 || sealed.size() != 32 || mac.size() != 32)
    return fail(Code::malformed, "[keystore] iv, ciphertext and mac of {}, {} and {} bytes: 16, 32 and 32 expected", iv.size(),
                sealed.size(), mac.size());
  KOINON_TRY(const auto derived, derive(crypto, password));
  const auto expected = mac_of(derived, sealed);
  if (CRYPTO_memcmp(expected.bytes.data(), mac.data(), 32) != 0) return fail(Code::unauthorised, "[keystore] wrong password");
  KOINON_TRY(auto secret, aes_ctr(derived, iv, sealed));
  auto key = Key::from_secret(secret);
  base::wipe(secret);
  return key;
}

Result<Address> keystore_address(std::string_view text) {
  KOINON_TRY(const auto document, read(text));
  if (!document.contains("address")) return fail(Code::not_found, "[keystore] names no address");
  KOINON_TRY(const auto address, text_at(document, "address"));
  return base::fixed_from_hex<20>(address);
}

Result<std::string> read_password_file(const std::filesystem::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return fail(Code::not_found, "[keystore] no password file {}", path.string());
  if ((info.st_mode & 077) != 0)
    return fail(Code::unauthorised, "[keystore] {} is readable by others (mode {:o}): chmod 600 it", path.string(),
                info.st_mode & 0777);
  KOINON_TRY(auto bytes, base::read_file(path, 4096));
  std::string out(base::as_text(bytes));
  base::wipe(bytes);
  out.resize(std::min(out.find_first_of("\r\n"), out.size()));
  if (out.empty()) return fail(Code::malformed, "[keystore] password file {} is empty", path.string());
  return out;
}

Result<Key> unlock(const std::filesystem::path& keystore, const std::filesystem::path& password_file) {
  KOINON_TRY(auto password, read_password_file(password_file));
  KOINON_TRY(const auto text, base::read_file(keystore, kMaxFile));
  auto key = open_key(base::as_text(text), password);
  base::wipe({reinterpret_cast<std::uint8_t*>(password.data()), password.size()});
  if (!key) return fail(std::move(key).error().within(keystore.string()));
  return key;
}

Result<Key> unlock_or_create(const std::filesystem::path& keystore, const std::filesystem::path& password_file,
                             base::Random& random, const ScryptCost& cost) {
  if (std::filesystem::exists(keystore)) return unlock(keystore, password_file);
  if (!std::filesystem::exists(password_file)) {
    const auto password = hex(random.hash().view()) + "\n";
    KOINON_CHECK(base::write_file(password_file, base::as_bytes(password), 0600));
  }
  KOINON_TRY(const auto password, read_password_file(password_file));
  auto key = Key::generate(random);
  KOINON_TRY(const auto text, seal_key(key, password, random, cost));
  KOINON_CHECK(base::write_file(keystore, base::as_bytes(text), 0600));
  return key;
}

}  // namespace koinon::ledger
