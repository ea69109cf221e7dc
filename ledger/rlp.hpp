#pragma once
#include <vector>

#include "base/money.hpp"

namespace koinon::ledger {

using base::Address;
using base::Bytes;
using base::ByteView;
using base::Code;
using base::Error;
using base::fail;
using base::Hash;
using base::Result;
using base::Status;
using base::Wei;

/// An RLP item (Yellow Paper, appendix B): a byte string, or a list of items.
struct Rlp {
  bool is_list = false;
  Bytes bytes;             ///< of a string
  std::vector<Rlp> items;  ///< of a list

  static Rlp string(ByteView bytes) { return {false, Bytes(bytes.begin(), bytes.end()), {}}; }
  /// Big-endian without leading zeros; zero is the empty string, which encodes as 0x80.
  static Rlp number(std::uint64_t value);
  static Rlp number(const Wei& value);
  static Rlp list(std::vector<Rlp> items) { return {true, {}, std::move(items)}; }

  [[nodiscard]] Bytes encode() const;
  /// Decodes exactly one item that fills `bytes`, in its only canonical form. Errors: malformed (length, non-canonical form,
  /// trailing bytes, nesting deeper than 16).
  static Result<Rlp> decode(ByteView bytes);

  /// The string as a number below 2^64 or 2^256. Errors: malformed (list, leading zero, too long).
  [[nodiscard]] Result<std::uint64_t> to_u64() const;
  [[nodiscard]] Result<Wei> to_wei() const;
  friend bool operator==(const Rlp&, const Rlp&) = default;
};

}  // namespace koinon::ledger
