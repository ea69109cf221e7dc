#pragma once
#include <optional>

#include "base/random.hpp"
#include "trust/private/keys.hpp"
#include "trust/private/plain.hpp"

namespace koinon::trust::fhe {

/// An encryption: c_0 + c_1 s (+ c_2 s^2) = message + t * error modulo q_0 * ... * q_(level-1), each part in NTT values.
///
/// 1. parts are 2, or 3 between multiply and relinearise. 2. every part has `level` rows. 3. `noise` bounds log2 of the
/// canonical norm of message + t * error for whoever followed the plan, and is below the level's capacity.
struct Ciphertext {
  std::size_t level = 0;
  std::vector<Poly> parts;
  Bits noise;
  /// Of a fresh symmetric encryption: what c_1 was drawn from, so that it travels as 32 bytes.
  std::optional<base::Hash> seed;

  friend bool operator==(const Ciphertext&, const Ciphertext&) = default;
};

/// Encrypts with the secret key (smaller noise, half the bytes). `random` gives two fresh seeds, public and secret.
/// Errors: invalid_argument on a wrong plaintext or level, exhausted when the level cannot hold a message.
base::Result<Ciphertext> encrypt(const Context& context, const SecretKey& key, const Plain& plain, std::size_t level,
                                 base::Random& random);
/// Encrypts with the public key.
base::Result<Ciphertext> encrypt(const Context& context, const PublicKey& key, const Plain& plain, std::size_t level,
                                 base::Random& random);
/// Decrypts 2 or 3 parts. Errors: invalid_argument when the shape is wrong, exhausted when the plan does not promise the
/// result.
base::Result<Plain> decrypt(const Context& context, const SecretKey& key, const Ciphertext& cipher);

/// Circuit privacy: adds an encryption of zero and t times noise uniform over `flood_bits` more bits than the plan's bound, so
/// that the error left says nothing of the circuit but with probability 2^-flood_bits a coefficient (Gentry, 2009, section
/// 21.2; here the wide noise is uniform). Everything is drawn from `seed`: the same on every member of a quorum that shares it;
/// whoever knows it can undo the flood. Errors: exhausted when the level is too small.
base::Result<Ciphertext> flood(const Context& context, const PublicKey& key, const Ciphertext& cipher, const base::Hash& seed,
                               int flood_bits = 40);

/// What flooding will make of a bound v: the flood's coefficients are uniform in [-2^bits, 2^bits), and `total` bounds the
/// result.
struct FloodPlan {
  int bits;
  Bits total;
};
FloodPlan flooded(const NoisePlan& plan, const Parameters& parameters, Bits v, int flood_bits);

/// c_0 + c_1 s + ... modulo the primes of the level, as coefficients: what decryption rounds. Secret.
SecretPoly phase(const Context& context, const SecretKey& key, const Ciphertext& cipher);

}  // namespace koinon::trust::fhe
