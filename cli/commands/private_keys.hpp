#pragma once
#include <filesystem>
#include <string>

#include "trust/private/keys.hpp"

namespace koinon::cli {

/// Writes secret.key (sealed to a key in the folder's keystore.json, whose password is in the file named, or in the folder's
/// `password`) and public.key into a new folder. Errors: invalid_argument when the folder holds a secret.key.
base::Status store_keys(const trust::fhe::Context& context, const trust::fhe::SecretKey& key,
                        const std::filesystem::path& folder, const std::string& password_file, base::Random& random);
/// The secret key of a folder, opened. Errors name the file and what to do.
base::Result<trust::fhe::SecretKey> secret_of(const trust::fhe::Context& context, const std::filesystem::path& folder,
                                              const std::string& password_file);

}  // namespace koinon::cli
