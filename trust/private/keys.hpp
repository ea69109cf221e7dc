#pragma once
#include <map>
#include <optional>

#include "base/random.hpp"
#include "trust/private/context.hpp"
#include "trust/private/sample.hpp"

namespace koinon::trust::fhe {

/// A ternary secret s and its NTT values modulo every modulus. Wiped when it goes; never printed.
struct SecretKey {
  Small coefficients;
  SecretPoly values;
};

/// (b, a) with b = -a s + t e modulo every prime; a is drawn from the seed.
struct PublicKey {
  base::Hash seed;
  Poly b, a;
  friend bool operator==(const PublicKey&, const PublicKey&) = default;
};

/// Switches from a secret s' to s: for each digit j of `level`, b_j = -a_j s + t e_j + P s' [row in digit j], over the extended
/// moduli of `level` (Han and Ki, CT-RSA 2020, section 3). Serves every level up to its own.
struct SwitchKey {
  std::size_t level = 0;
  base::Hash seed;
  std::vector<Poly> b, a;
  friend bool operator==(const SwitchKey&, const SwitchKey&) = default;
};

/// What a provider needs to compute; says nothing of the secret under circular ring-LWE, as in every such scheme.
struct EvaluationKeys {
  std::optional<SwitchKey> relinearise;       ///< from s^2
  std::map<std::uint32_t, SwitchKey> galois;  ///< from s(X^element), by element
  friend bool operator==(const EvaluationKeys&, const EvaluationKeys&) = default;
};

/// Draws a secret key.
SecretKey make_secret_key(const Context& context, base::Random& random);
/// A secret key of given coefficients in {-1, 0, 1} (from a file). Error: malformed.
base::Result<SecretKey> restore_secret_key(const Context& context, Small coefficients);
PublicKey make_public_key(const Context& context, const SecretKey& key, base::Random& random);
/// Key for products of ciphertexts of at most `level`. Error: invalid_argument on a level outside 1 to all.
base::Result<SwitchKey> make_relinearisation_key(const Context& context, const SecretKey& key, std::size_t level,
                                                 base::Random& random, base::ThreadPool* pool = nullptr);
/// Key for X -> X^element. Errors: invalid_argument on a level as above or an element that is even or not below 2N.
base::Result<SwitchKey> make_galois_key(const Context& context, const SecretKey& key, std::uint32_t element, std::size_t level,
                                        base::Random& random, base::ThreadPool* pool = nullptr);

/// The public halves drawn from seeds, in NTT values: as a receiver of seeded objects expands them.
Poly expand(const Context& context, const base::Hash& seed, Use use, std::size_t level);
std::vector<Poly> expand_switch_key(const Context& context, const base::Hash& seed, std::size_t level,
                                    base::ThreadPool* pool = nullptr);
/// out[i] = in[permutation[i]] in every row.
template <class P>
P permuted(const P& in, const std::vector<std::uint32_t>& permutation) {
  P out(in.degree(), in.limbs());
  for (std::size_t row = 0; row < in.limbs(); ++row)
    for (std::size_t i = 0; i < in.degree(); ++i) out[row][i] = in[row][permutation[i]];
  return out;
}

}  // namespace koinon::trust::fhe
