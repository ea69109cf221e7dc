#pragma once
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "trust/proof/field.hpp"

namespace koinon::trust::proof {

/// What went into or came out of a transcript, for tests that compare the order with docs/trust/proof.md.
struct TranscriptEvent {
  bool challenge = false;
  std::string label;
  std::size_t bytes = 0;  ///< absorbed, or drawn
};

/// Fiat-Shamir: a chain of keccak256 over everything that was said, from which the verifier's coins are drawn.
///
///   absorb:    state = keccak256(0x00 | state | be64(label length) | label | be64(length) | bytes)
///   challenge: state = keccak256(0x01 | state | be64(label length) | label)
///   block i:   keccak256(0x02 | state | be64(i)), cut into eight-byte little-endian words
///
/// Field elements take words below p and skip others, so they are uniform.
class Transcript {
 public:
  explicit Transcript(std::string_view protocol);
  /// The interactive protocol: coins come from `coins`, borrowed, whatever is absorbed. For the simulator and what it is
  /// compared with; no verifier of proofs may use it.
  Transcript(std::string_view protocol, base::Random& coins);

  void absorb(std::string_view label, base::ByteView bytes);
  void absorb(std::string_view label, std::span<const Ext> values);
  Ext challenge(std::string_view label);
  std::vector<Ext> challenges(std::string_view label, std::size_t count);
  /// `count` independent numbers below 2^bits. Precondition: bits <= 32.
  std::vector<std::uint32_t> positions(std::string_view label, std::size_t count, unsigned bits);

  /// True when keccak256(0x03 | state | be64(nonce)) begins with `bits` zero bits; absorbs the nonce.
  bool work(unsigned bits, std::uint64_t nonce);
  /// The smallest nonce that `work` accepts. Expected cost 2^bits hashes.
  [[nodiscard]] std::uint64_t search(unsigned bits) const;

  /// Appends every later event to `events`; borrowed.
  void record(std::vector<TranscriptEvent>* events) { events_ = events; }

 private:
  void draw(std::string_view label);
  std::uint64_t word(std::size_t index);
  [[nodiscard]] bool hits(unsigned bits, std::uint64_t nonce) const;

  base::Hash state_;
  base::Hash block_;
  std::uint64_t block_index_ = 0;
  std::vector<TranscriptEvent>* events_ = nullptr;
  base::Random* coins_ = nullptr;
};

}  // namespace koinon::trust::proof
