#pragma once
#include "trust/proof/prove.hpp"

namespace koinon::trust::proof {

/// A proof's argument in pieces that a contract takes one by one (contracts/src/proof/Sessions.sol).
struct CutProof {
  struct Part {
    std::size_t to = 0;  ///< number of the first place that it does not open
    base::Bytes bytes;   ///< in the encoding of proofs, with siblings of its own
  };
  base::Bytes messages;
  std::vector<Part> parts;
};

/// Cuts the queries of an argument into `count` parts of about as many places. `places` are those drawn
/// (`reduce_argument`). Preconditions: 1 <= count <= places.size(). Errors: rejected when the openings are not those of the
/// places.
base::Result<CutProof> cut_proof(const Layout& layout, const Argument& argument, const std::vector<std::uint32_t>& places,
                                 std::size_t count);
/// The bytes that open places number `from` to `to` - 1 alone: for a session that stands elsewhere than at the end of a part.
/// Errors: invalid_argument unless from < to <= places.size(); those of cut_proof.
base::Result<base::Bytes> cut_part(const Layout& layout, const Argument& argument, const std::vector<std::uint32_t>& places,
                                   std::size_t from, std::size_t to);

}  // namespace koinon::trust::proof
