#pragma once
#include <cstdint>
#include <string>

#include "base/hash.hpp"

namespace koinon::market {

/// An event of the market's contracts, decoded: arguments by the names that the contract gives them.
struct Event {
  std::uint64_t block = 0;
  base::Hash block_hash;
  base::Hash transaction;
  std::uint64_t index = 0;  ///< of the log in its block
  std::int64_t at_ms = 0;   ///< time of the block, Unix milliseconds
  std::string contract;     ///< "WorkMarket", "Registry"
  std::string name;         ///< "OrderPlaced", ...
  std::string arguments;    ///< JSON object
};

}  // namespace koinon::market
