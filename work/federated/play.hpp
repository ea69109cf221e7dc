#pragma once
#include <functional>
#include <string>
#include <string_view>

#include "work/federated/aggregate.hpp"
#include "work/federated/rounds.hpp"
#include "work/federated/trainer.hpp"

namespace koinon::work::federated {

/// What a hostile participant proposes.
enum class Attack : std::uint8_t {
  labels = 1,   ///< trains honestly on wrong labels (class c becomes classes - 1 - c)
  reverse = 2,  ///< an honest change turned round and made five times as large
  noise = 3,    ///< random numbers as large as an honest change
  idle = 4,     ///< free rider: no change
  echo = 5,     ///< free rider: the last change of the model once more
  faint = 6,    ///< free rider: small random numbers
  mixed = 7,    ///< each hostile participant the next of these
};
/// Words of the attacks, in order from 1.
const std::vector<std::string>& attack_names();

/// A federation played on one machine with the rules, the training and the judging of the real thing; a participant's data is
/// used by its own training and its own votes alone.
struct PlaySettings {
  std::size_t participants = 20;
  std::size_t hostile = 0;  ///< the last of them
  Attack attack = Attack::mixed;
  bool hostile_votes = true;  ///< hostile voters praise the hostile and damn the others
  double alpha = 0;           ///< of the partition (partition.hpp)
  Combine combine = Combine::trimmed;
  double rate = 1;           ///< of the model along the aggregate
  std::uint64_t epochs = 2;  ///< of local training
  double judged = 0.25;      ///< share of a participant's samples that it keeps for votes
  std::optional<PrivateWork> privacy;
  double delta = 1e-5;
  std::uint64_t seed = 1;
  Rules rules;

  /// Errors: out_of_range naming the setting; those of Rules::check.
  [[nodiscard]] base::Status check() const;
};

struct RoundReport {
  std::uint32_t round = 0;  ///< from 1
  Score score;              ///< of the model after it, on the test data
  std::vector<ProposerSeat> proposers;
  std::vector<VoterSeat> voters;
  std::size_t accepted = 0;
  double epsilon = 0;  ///< spent so far by the participant that took part most; 0 without privacy
};

struct AccountReport {
  Address who;
  std::optional<Attack> attack;  ///< of a hostile participant
  std::size_t samples = 0;
  std::uint32_t proposed = 0, voted = 0, times_paid = 0, times_slashed = 0;
  Wei earned, lost;  ///< rewards and fees; fines
};

struct PlayReport {
  Score first;  ///< of the model before the first round
  std::vector<RoundReport> rounds;
  std::vector<AccountReport> accounts;
  Values model;
  Wei funded, burned, refunded;
};

/// Plays all rounds. `test` scores the model and takes no part. `progress` hears each round and may stop the play by returning
/// false (cancelled). The same settings give the same report on every machine.
base::Result<PlayReport> play(const Recipe& recipe, const DataSet& data, const DataSet& test, const PlaySettings& settings,
                              const Machine& machine, const std::function<bool(const RoundReport&)>& progress = {});

}  // namespace koinon::work::federated
