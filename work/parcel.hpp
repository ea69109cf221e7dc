#pragma once
#include <vector>

#include "base/merkle.hpp"

namespace koinon::work {

/// Limits of what travels: enough for any tensor list of one order.
inline constexpr std::uint32_t kMaxParts = 1024;
inline constexpr std::size_t kMaxPart = std::size_t{256} << 20;

/// The inputs of an order as they travel inside an envelope: parts in the order of the program's inputs, behind a salt that
/// keeps anyone from guessing a small input from its root.
struct Parcel {
  base::Hash salt;
  std::vector<base::Bytes> parts;

  /// What the order binds: keccak256(0x03 | Domain::inputs | salt | list_root(Domain::inputs, byte_tree_root of each part)).
  [[nodiscard]] base::Hash root() const;
  /// What an order binds whose input is public, because a contract opens it: list_root(Domain::inputs, byte_tree_root of each
  /// part), without the salt.
  [[nodiscard]] base::Hash public_root() const;
  /// "KNI1" | salt | u32 count | count x (u32 size | bytes).
  [[nodiscard]] base::Bytes encode() const;
  /// Errors: malformed, naming the position; out_of_range above kMaxParts or kMaxPart.
  static base::Result<Parcel> decode(base::ByteView bytes);
  friend bool operator==(const Parcel&, const Parcel&) = default;
};

/// Root of a run's outputs: list_root(Domain::outputs, byte_tree_root(Domain::tensor, part)).
base::Hash outputs_root(const std::vector<base::Bytes>& parts);

/// A provider's result as it travels to the buyer: the outputs, the roots it claims, and its signature over the claim.
struct Delivery {
  std::vector<base::Bytes> outputs;
  base::Hash output_root;
  base::Hash trace_root;
  base::FixedBytes<65> signature;  ///< see market/receipt: EIP-712 signature of the claim by the operator
  base::Bytes proof = {};          ///< of an order that asks for one (trust/proof, encode_proof); else empty

  /// "KNR1" | output root | trace root | signature | u32 count | count x (u32 size | bytes); with a proof "KNR2", and behind
  /// the rest u32 size | proof.
  [[nodiscard]] base::Bytes encode() const;
  /// Errors as Parcel::decode.
  static base::Result<Delivery> decode(base::ByteView bytes);
  friend bool operator==(const Delivery&, const Delivery&) = default;
};

}  // namespace koinon::work
