#pragma once
#include <optional>

#include "base/cid.hpp"
#include "market/book/book.hpp"

namespace koinon::market {

/// How far a watcher has come with a claim. In notes: never renumber.
enum class GameStage : std::uint8_t {
  agreed = 1,   ///< its own run gave the same
  found = 2,    ///< it has a proof that the claim is wrong
  stuck = 3,    ///< the claim differs from its own run, and it cannot show why
  differs = 4,  ///< the claim differs from its own run, and no proof was found yet
};
std::string_view stage_name(GameStage stage);

/// What a watcher must not forget about a claim: without proof and salt its challenge cannot be proven.
struct GameNote {
  GameStage stage = GameStage::agreed;
  Hash trace_root;              ///< of the claim: a reorganisation may give the order another
  std::int64_t checked_ms = 0;  ///< Unix milliseconds
  std::uint64_t run_ms = 0;     ///< of the own run
  std::uint8_t fraud = 0;       ///< kind of the proof (Types.Fraud)
  base::ArtifactRef proof;
  Hash salt;
  std::string text;  ///< for people: what was found, or why it is stuck
  std::string
      trouble;  ///< for people: what kept it from disputing the claim when it last tried, and what to do; empty: nothing

  [[nodiscard]] std::string to_json() const;
  /// Errors: malformed.
  static Result<GameNote> from_json(std::string_view text);
};

/// Binds the placing transaction: after a reorganisation another order may have the number of this one.
std::string game_key(const OrderView& order);

}  // namespace koinon::market
