#include "cli/commands/private_keys.hpp"

#include "base/file.hpp"
#include "cli/terminal/console.hpp"
#include "ledger/keystore.hpp"
#include "market/envelope/envelope.hpp"
#include "node/core/membership.hpp"
#include "trust/private/serial.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;

/// The pair that a key folder's secret.key is sealed to, from the folder's keystore.
Result<market::BoxPair> lock_of(const std::filesystem::path& folder, const std::string& password_file, bool create) {
  const auto keystore = folder / "keystore.json";
  const std::filesystem::path password = password_file.empty() ? folder / "password" : std::filesystem::path(password_file);
  base::SystemRandom random;
  const auto key = create ? ledger::unlock_or_create(keystore, password, random) : ledger::unlock(keystore, password);
  if (!key) return advise(key.error(), "the password of these keys is in the file that keygen named: --password-file FILE");
  return node::box_of(*key);
}

}  // namespace

Status store_keys(const trust::fhe::Context& context, const trust::fhe::SecretKey& key, const std::filesystem::path& folder,
                  const std::string& password_file, base::Random& random) {
  if (std::filesystem::exists(folder / "secret.key"))
    return base::fail(Code::invalid_argument, "[private keygen] {} exists: name another folder, or its results are lost",
                      (folder / "secret.key").string());
  KOINON_CHECK(base::make_folder(folder));
  const auto open = trust::fhe::make_public_key(context, key, random);
  KOINON_TRY(const auto lock, lock_of(folder, password_file, true));
  auto secret = trust::fhe::encode(context, key);
  const auto sealed = market::seal(secret, {lock.public_key()});
  base::wipe(secret);
  if (!sealed) return base::fail(sealed.error());
  KOINON_CHECK(base::write_file(folder / "secret.key", *sealed, 0600));
  return base::write_file(folder / "public.key", trust::fhe::encode(context, open));
}

Result<trust::fhe::SecretKey> secret_of(const trust::fhe::Context& context, const std::filesystem::path& folder,
                                        const std::string& password_file) {
  KOINON_TRY(const auto lock, lock_of(folder, password_file, false));
  const auto path = folder / "secret.key";
  const auto bytes = base::read_file(path);
  if (!bytes) return advise(bytes.error(), "make keys first: keygen");
  auto key = [&]() -> Result<trust::fhe::SecretKey> {
    KOINON_TRY(auto opened, market::open(*bytes, lock));
    auto decoded = trust::fhe::decode_secret_key(context, opened);
    base::wipe(opened);
    return decoded;
  }();
  if (!key) return advise(std::move(key).error().within(path.string()), "keys, inputs and results belong to one plan");
  return key;
}

}  // namespace koinon::cli
