#pragma once
#include <map>
#include <optional>
#include <set>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/money.hpp"

namespace koinon::work::federated {

using base::Address;
using base::Hash;
using base::Wei;

/// A vote: what a proposal does to the voter's own loss, in millionths of it; above 0 is better (score.hpp).
using Vote = std::int32_t;
inline constexpr Vote kMostVote = 1'000'000;
inline constexpr Vote kUnusable = -kMostVote;  ///< the artifact is not there, or is no update of this model

/// The terms of a federated order.
struct Rules {
  static constexpr int kLeastRounds = 3;  ///< of harm before a slash, whatever the votes

  Wei stake;                       ///< of each participant, all of it at risk
  Wei reward;                      ///< of a round, for its proposers together
  Wei voter_fee;                   ///< of each voter that shows its votes
  std::uint32_t rounds = 10;       ///< 1 to 65,535
  std::uint32_t proposers = 8;     ///< drawn for a round, 1 to 1,024
  std::uint32_t voters = 15;       ///< drawn for a round, 1 to 1,023, an odd number
  std::uint32_t least_voters = 5;  ///< so few, an odd number, where people are missing; with fewer the order ends
  std::uint32_t slash_bps = 5000;  ///< of the stake, for a proposal that harms
  std::uint32_t quiet_bps = 200;   ///< of the stake, for a seat that is left empty
  Vote harm = -75'000;             ///< a record at which a proposer is slashed; one round takes it a third of the way at most
  Vote credit = 10'000;            ///< the best record: what good proposals make up for; 0 or more
  std::uint32_t agree_bps = 6000;  ///< more than this share of the drawn voters must find harm; 5000 to 9999
  Vote worth = 1'500;              ///< a proposal is paid for when more than half grant it this or more; above 0
  std::uint32_t most_share = 2;    ///< most that one proposer is paid, in equal shares of the reward

  /// Errors: out_of_range naming the term.
  [[nodiscard]] base::Status check() const;
};

// What happens. Who may send an event, and that it is in time, is the ledger's business; whether it fits, this machine's.
struct Fund {
  Wei amount;  ///< by the buyer
};
struct Join {
  Address who;  ///< with its stake
};
struct Leave {
  Address who;  ///< at the end of the round in progress
};
struct Begin {
  Hash seed;  ///< of the round's draw, known to nobody before
};
struct CommitProposal {
  Address who;
  Hash commitment;  ///< proposal_commitment
};
struct ShowProposal {
  Address who;
  Hash root, salt;
};
struct CommitVotes {
  Address who;
  Hash commitment;  ///< votes_commitment
};
struct ShowVotes {
  Address who;
  std::vector<Vote> votes;  ///< one for each shown proposal, in the order of shown()
  Hash salt;
};
struct Close {};  ///< the deadline of the phase is over
using Event = std::variant<Fund, Join, Leave, Begin, CommitProposal, ShowProposal, CommitVotes, ShowVotes, Close>;

/// What the driver does. Persisted: never renumber.
struct Action {
  enum class Kind : std::uint8_t {
    take = 1,      ///< money in: a stake, the buyer's fund (who zero)
    pay = 2,       ///< money out: reward, fee, stake returned; to the buyer when who is zero
    burn = 3,      ///< money destroyed
    slash = 4,     ///< who lost amount of its stake (burned and returned to the pot by halves)
    propose = 5,   ///< who is drawn to propose
    vote = 6,      ///< who is drawn to vote
    accept = 7,    ///< root belongs to the aggregate of this round
    round = 8,     ///< the round is over
    finished = 9,  ///< the order is over, all money is out
  };
  Kind kind;
  Address who = {};
  Wei amount = {};
  Hash root = {};
};
using Actions = std::vector<Action>;

/// What became of a proposer.
enum class Fate : std::uint8_t {
  open = 0,
  quiet = 1,    ///< committed to nothing, or showed nothing
  harmful = 2,  ///< slashed
  refused = 3,  ///< not in the aggregate, not slashed
  useless = 4,  ///< in the aggregate, but worth too little to be paid for
  paid = 5,
};

struct ProposerSeat {
  Address who;
  std::optional<Hash> commitment, root;
  Vote score = 0;           ///< the most that more than half of the drawn voters grant it; missing votes grant nothing above -1
  Vote blame = 0;           ///< below 0: what more than agree_bps of the drawn voters find it to be, or worse
  std::int64_t record = 0;  ///< of its account, after this round
  Fate fate = Fate::open;
  Wei paid;
};
struct VoterSeat {
  Address who;
  std::optional<Hash> commitment;
  std::vector<Vote> votes;  ///< empty until shown
  bool shown = false;
  Wei paid;
};

enum class Phase : std::uint8_t {
  idle = 0,  ///< between rounds
  proposing = 1,
  showing = 2,
  voting = 3,
  opening = 4,
  over = 5,
};

/// Who harms is told from who is unlucky by a record (the cumulative sum of Page, "Continuous inspection schemes", 1954): blame
/// and scores of an account's proposals are added up, `credit` at most; an honest proposer's drifts upwards, at `harm` its
/// account is slashed. One round's blame counts a third of `harm` at most: one draw of voters can be hostile by chance, three
/// hardly.
///
/// The rules of a federated order as a state machine: events in, actions out. It holds no clock, network or ledger, draws
/// nothing itself, and gives the same actions for the same events everywhere.
///
/// Invariants, each a property test:
///  1. Money in = money out + burned + held.
///  2. A proposer that commits and shows in time loses nothing as long as agree_bps or fewer of the voters drawn in each round
///     vote below 0 on its proposal; no other proposal matters to it.
///  3. A round ends after at most four Close events, an order after rounds of them and one more Begin.
///  4. Nobody proposes and votes in one round; nobody has two seats.
class Rounds {
 public:
  /// Errors: those of Rules::check.
  static base::Result<Rounds> make(const Rules& rules);

  /// Applies an event. Errors: conflict (wrong phase, no seat, twice), rejected (does not match its commitment, a root that
  /// another showed), out_of_range, exhausted. Nothing changes on an error. Begin without the money or the people for a round
  /// ends the order.
  base::Result<Actions> apply(const Event& event);

  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] std::uint32_t round() const { return round_; }  ///< rounds that are over
  [[nodiscard]] const std::vector<ProposerSeat>& proposers() const { return proposers_; }
  [[nodiscard]] const std::vector<VoterSeat>& voters() const { return voters_; }
  /// Seats of proposers() that showed a proposal, in the order of the draw.
  [[nodiscard]] std::vector<std::size_t> shown() const;
  [[nodiscard]] const std::map<Address, Wei>& stakes() const { return stakes_; }
  [[nodiscard]] const Wei& pot() const { return pot_; }
  [[nodiscard]] Wei held() const;  ///< pot and stakes

 private:
  explicit Rounds(Rules rules) : rules_(std::move(rules)) {}

  base::Result<Actions> on(const Fund& event);
  base::Result<Actions> on(const Join& event);
  base::Result<Actions> on(const Leave& event);
  base::Result<Actions> on(const Begin& event);
  base::Result<Actions> on(const CommitProposal& event);
  base::Result<Actions> on(const ShowProposal& event);
  base::Result<Actions> on(const CommitVotes& event);
  base::Result<Actions> on(const ShowVotes& event);
  base::Result<Actions> on(const Close& event);

  base::Result<ProposerSeat*> proposer(const Address& who, Phase phase);
  base::Result<VoterSeat*> voter(const Address& who, Phase phase);
  Actions advance();  ///< to the next phase with something to do, or to the end of the round
  [[nodiscard]] bool complete() const;
  Actions settle();
  void judge();
  void pay_proposers(Actions& actions);
  void pay_voters(Actions& actions);
  void fine(const Address& who, std::uint32_t bps, Actions& actions);
  void release(Actions& actions);
  Actions finish();

  Rules rules_;
  std::map<Address, std::int64_t> records_;  ///< outlive an account's stake: leaving clears none
  Phase phase_ = Phase::idle;
  std::uint32_t round_ = 0;
  Wei pot_;
  std::map<Address, Wei> stakes_;
  std::set<Address> leaving_;
  std::vector<ProposerSeat> proposers_;
  std::vector<VoterSeat> voters_;
};

/// keccak256("koinon.federated.proposal" | be64(round) | who | root | salt): binds the sender, so that nobody commits to
/// another's work.
Hash proposal_commitment(std::uint32_t round, const Address& who, const Hash& root, const Hash& salt);
/// keccak256("koinon.federated.votes" | be64(round) | who | each vote as be64 of its two's complement | salt).
Hash votes_commitment(std::uint32_t round, const Address& who, const std::vector<Vote>& votes, const Hash& salt);

}  // namespace koinon::work::federated
