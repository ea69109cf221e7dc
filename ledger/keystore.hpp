#pragma once
#include <filesystem>
#include <string>

#include "ledger/key.hpp"

namespace koinon::ledger {

/// Cost of scrypt (RFC 7914): memory is 128 * n * r bytes.
struct ScryptCost {
  std::uint64_t n = std::uint64_t{1} << 17;  ///< a power of two
  std::uint32_t r = 8;
  std::uint32_t p = 1;
};

/// Writes a key as Web3 secret storage version 3 (scrypt, aes-128-ctr, keccak256 MAC). The text is JSON.
/// Errors: invalid_argument (cost).
Result<std::string> seal_key(const Key& key, std::string_view password, base::Random& random, const ScryptCost& cost = {});

/// Opens Web3 secret storage version 3 with scrypt or pbkdf2 (hmac-sha256). Parameters that would take more than 1 GiB of
/// memory or 10 million rounds are refused. Errors: malformed, unsupported (cipher, kdf), unauthorised (wrong password).
Result<Key> open_key(std::string_view json, std::string_view password);

/// The address that a keystore file names, without opening it. Errors: malformed, not_found (the field is optional).
Result<Address> keystore_address(std::string_view json);

/// The password in a file: its first line. Errors: not_found, unauthorised when group or others may read it, malformed (empty).
Result<std::string> read_password_file(const std::filesystem::path& path);

/// Opens the key in `keystore` with the password in `password_file`: how a node unlocks itself unattended.
Result<Key> unlock(const std::filesystem::path& keystore, const std::filesystem::path& password_file);

/// Opens `keystore`, or when there is none makes a new key there, with a random password in `password_file` when that is absent
/// too. Both files get mode 0600. Errors: as unlock; io.
Result<Key> unlock_or_create(const std::filesystem::path& keystore, const std::filesystem::path& password_file,
                             base::Random& random, const ScryptCost& cost = {});

}  // namespace koinon::ledger
