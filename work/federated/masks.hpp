#pragma once
#include <array>
#include <map>
#include <span>
#include <vector>

#include "base/random.hpp"

namespace koinon::work::federated {

/// Sums of updates of which nobody sees one alone: every two parties agree on a mask that one adds and the other takes away,
/// and each adds one of its own (Bonawitz et al., "Practical secure aggregation for privacy-preserving machine learning", CCS
/// 2017, the protocol against parties and a collector that follow it but are curious). What is needed to take off the masks of
/// parties that drop out is shared among all before (Shamir, 1979): `threshold` parties can, fewer learn nothing.
///
///   1. each party:  MaskParty::keys() to all, through a channel that vouches for whose they are (the ledger)
///   2. each party:  shares() of its two secrets, a sealed box for each other party
///   3. each party:  accept() the boxes, then masked() its update for the parties present, those whose boxes arrived everywhere
///   4. each party:  reveal() for the survivors, those whose masked updates arrived
///   5. collector:   unmask(), with the words of at least `threshold` parties
///
/// A collector that tells parties different lists of survivors could take off one party's masks: lists must be public, too.
/// Such sums cannot be judged one by one: votes, clipping and medians need single updates.
struct MaskTerms {
  std::size_t parties = 2;    ///< 2 to 255
  std::size_t threshold = 2;  ///< more than half of the parties, at most all
  std::size_t length = 1;     ///< integers of an update, 1 to 2^28
  std::int64_t bound = 1;     ///< of an integer's magnitude; parties * bound below 2^31, so that sums are exact

  /// Errors: out_of_range naming the term.
  [[nodiscard]] base::Status check() const;
};

using MaskKey = std::array<std::uint8_t, 32>;
using MaskSet = std::vector<std::size_t>;  ///< numbers of parties, ascending

/// What a party publishes, made anew for every sum.
struct MaskKeys {
  MaskKey box{};    ///< X25519, to seal shares for it
  MaskKey pairs{};  ///< X25519, to agree on masks with it
  base::Hash seed;  ///< keccak256 of the seed of its own mask: tells a false share
};

/// What a party tells in the end: its share of the seed of each survivor, and of the secret key of each party that dropped out.
struct MaskWords {
  std::map<std::size_t, MaskKey> seeds, keys;
};

/// One party of one sum. Secrets are wiped when it goes.
class MaskParty {
 public:
  /// Errors: those of MaskTerms::check; invalid_argument (no such party).
  static base::Result<MaskParty> make(std::size_t index, const MaskTerms& terms, base::Random& random);
  ~MaskParty();
  MaskParty(MaskParty&&) = default;
  MaskParty& operator=(MaskParty&&) = delete;

  [[nodiscard]] const MaskKeys& keys() const { return keys_; }
  /// A sealed box for each party (its own is empty). Errors: invalid_argument (not one key a party, or not this party's own);
  /// rejected (a key that agrees on nothing, or twice the same).
  base::Result<std::vector<base::Bytes>> shares(const std::vector<MaskKeys>& all, base::Random& random);
  /// A box from another party. Errors: conflict (before shares()), rejected (not from that party for this one),
  /// invalid_argument.
  base::Status accept(std::size_t from, base::ByteView box);
  /// The update under its masks, modulo 2^32. Errors: invalid_argument (length, a party without an accepted box), out_of_range
  /// (an integer beyond the bound), exhausted (fewer present than the threshold), conflict (a second time).
  base::Result<std::vector<std::uint32_t>> masked(std::span<const std::int64_t> update, const MaskSet& present);
  /// Once: a second list could ask for the other half of a party's secrets. Errors: conflict, invalid_argument, exhausted.
  base::Result<MaskWords> reveal(const MaskSet& survivors);

 private:
  MaskParty(std::size_t index, const MaskTerms& terms) : index_(index), terms_(terms) {}

  std::size_t index_;
  MaskTerms terms_;
  MaskKeys keys_;
  MaskKey box_secret_{}, pair_secret_{}, seed_{};
  std::vector<MaskKeys> all_;
  std::map<std::size_t, std::array<std::uint8_t, 64>> shares_;  ///< of a party: of its pair key, of its seed
  MaskSet present_;
  bool masked_ = false, revealed_ = false;
};

/// The sum of the survivors' updates. `updates` are the survivors', `words` those of at least `threshold` of them. Errors:
/// invalid_argument (sizes, a party that is not present), exhausted (too few words), rejected (a false share).
base::Result<std::vector<std::int64_t>> unmask(const MaskTerms& terms, const std::vector<MaskKeys>& all, const MaskSet& present,
                                               const std::map<std::size_t, std::vector<std::uint32_t>>& updates,
                                               const std::map<std::size_t, MaskWords>& words);

/// Shares of a secret at the points 1 to `count`: polynomials of degree threshold - 1 over GF(2^8) (0x11b), one a byte.
std::vector<MaskKey> split_secret(const MaskKey& secret, std::size_t count, std::size_t threshold, base::Random& random);
/// The secret of shares by their points. Precondition: distinct points from 1 to 255.
MaskKey join_secret(const std::map<std::uint8_t, MaskKey>& shares);

}  // namespace koinon::work::federated
