#pragma once
#include "work/federated/rounds.hpp"
#include "work/federated/trainer.hpp"

namespace koinon::work::federated {

/// What all voters know when they judge the proposals of a round.
struct Standing {
  Values model;                ///< at the beginning of the round
  std::vector<Values> before;  ///< changes of the model in the rounds before, the last first; at most kEchoes count
  std::size_t proposals = 1;   ///< that were shown
  double limit = 0;            ///< norm to which updates are clipped: the median of those shown
};

/// So many changes of the model a proposer cannot earn with again.
inline constexpr std::size_t kEchoes = 3;

/// Takes from `update` what lies in the directions of `before`: who sends an old change of the model again sends nothing.
/// Modified Gram and Schmidt, in order, in double.
void remove_echoes(Values& update, const std::vector<Values>& before);

/// One voter's vote on an update: by how many millionths its own loss falls when the model takes the update, clipped and
/// divided by the number of proposals: what the mean would make of it. A step so small asks for the right direction, not for a
/// model that does well on the voter's data by itself, which a proposer with other classes could not have. Where the loss
/// falls, what counts is the update's new part (remove_echoes), 0 at least: harm is judged by all of an update, merit by what
/// is new in it. An update of less than a hundredth of the median norm is none: -1. Deterministic for the same samples.
/// kUnusable when the loss is not finite.
base::Result<Vote> vote_on(Trainer& trainer, const DataSet& data, const Samples& own, const Standing& standing, Values update,
                           double loss_before);

}  // namespace koinon::work::federated
