#pragma once
#include <span>

#include "trust/private/cipher.hpp"

namespace koinon::trust::fhe {

/// How updates of many parties are summed without anyone seeing one of them: each party encrypts its update with the owner's
/// public key, an aggregator adds the ciphertexts, the owner decrypts the sum. The aggregator sees no update and no sum. The
/// owner sees the sum alone as long as the aggregator hands it nothing else: the two must not be one.
struct AggregatePlan {
  Parameters parameters;
  std::size_t length = 0;   ///< integers of an update, in coefficients
  std::size_t parties = 0;  ///< at most so many updates
  std::int64_t bound = 0;   ///< of each integer's magnitude: parties * bound stays below t/2, so sums are exact

  [[nodiscard]] std::size_t chunks() const { return (length + parameters.degree - 1) / parameters.degree; }
  friend bool operator==(const AggregatePlan&, const AggregatePlan&) = default;
};

/// The smallest parameters that hold every sum. Errors: invalid_argument (nothing to sum); out_of_range (parties * bound at or
/// above 2^28: fewer bits or fewer parties).
base::Result<AggregatePlan> plan_aggregate(std::size_t length, std::size_t parties, std::int64_t bound);

/// Party: its update of `length` integers. Errors: invalid_argument on another length, out_of_range beyond the bound.
base::Result<std::vector<Ciphertext>> encrypt_update(const Context& context, const AggregatePlan& plan, const PublicKey& key,
                                                     std::span<const std::int64_t> update, base::Random& random);
/// Aggregator: the sum of 1 to `parties` updates, as sent. Errors: invalid_argument on another number of updates or on
/// ciphertexts that are no fresh encryptions.
base::Result<std::vector<Ciphertext>> add_updates(const Context& context, const AggregatePlan& plan,
                                                  std::span<const std::vector<Ciphertext>> updates);
/// Owner: the sums. Errors: invalid_argument, those of decrypt.
base::Result<std::vector<std::int64_t>> decrypt_sum(const Context& context, const AggregatePlan& plan, const SecretKey& key,
                                                    std::span<const Ciphertext> sum);

}  // namespace koinon::trust::fhe
