// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev Numbers of every enum below are in events and storage: append, never renumber.

/// @notice Where an order stands. Draw to Reveal repeat in every round.
enum Phase {
    None, // 0: no such order
    Draw, // 1: waits for the seed of the current round
    Input, // 2: waits for the envelopes to be published
    Commit, // 3
    Reveal, // 4
    AuditDraw, // 5: waits for the seed that decides whether there is an audit
    Standing, // 6: a verdict stands; appeals and delivery demands are possible
    Settled, // 7: final, accepted members were paid
    Refunded // 8: final, the buyer has its money back
}

/// @notice What the members of a round are there for.
enum Role {
    Quorum, // 0
    Audit, // 1
    Jury // 2
}

/// @notice What an order found about one member. Final at settlement.
enum Verdict {
    None, // 0: nothing was held against it, nothing was asked of it, or no verdict was reached
    Accepted, // 1
    Rejected, // 2
    Silent // 3
}

/// @notice Why an order ended without a settled verdict.
enum RefundReason {
    Undrawn, // 0: nobody drew in time
    NoProviders, // 1: too few could be seated
    NoInput, // 2: the buyer never published its input, or could not show it
    Silence, // 3: too few committed, after every redraw
    Undecided, // 4: no claim has a majority
    BadInput // 5: the quorum found that the input is not what inputRoot binds, and no jury found otherwise
}

/// @notice What a check wants next.
enum Action {
    DrawAudit, // 0: draw the seed of the audit
    SeatAudit, // 1
    SeatJury, // 2
    Stand, // 3: the verdict in the decision stands
    Undecided, // 4: refund
    BadInput // 5: BAD_INPUT stands as the verdict; unless an appeal undoes it, a refund, and the bond goes to those who said so
}

/// @dev Output root of the claim "the envelope that I got does not hold the input that inputRoot binds, or the program refuses that
/// input"; its trace root is zero. Anyone who has the input can check it, because envelopes are sealed by a fixed rule: a jury that
/// an appeal calls does. As a juror's mark it says that the juror itself got no input; other marks show that it did.
bytes32 constant BAD_INPUT = keccak256("koinon.bad-input");
/// @dev Output root of the claim "the program could not be had"; its trace root is zero. Nobody can check it, so it costs a tenth of
/// the highest price on both sides: the member and the buyer.
bytes32 constant UNSERVED = keccak256("koinon.unserved");

/// @dev First word of what a commitment, a tag and a link of the witness hash.
bytes32 constant COMMIT_DOMAIN = keccak256("koinon.commit");
bytes32 constant TAG_DOMAIN = keccak256("koinon.tag");
bytes32 constant WITNESS_DOMAIN = keccak256("koinon.witness-link");

/// @notice What a buyer asks for. `price(tier)` is Registry.price.
struct Terms {
    uint32 buyer; // account
    uint8 kind; // of work, below 16
    uint8 check; // 0 quorum, 1 optimistic, 2 proof
    uint8 privacy; // 0 plain, 1 private
    uint8 n; // members of the quorum, 1..5
    uint8 k; // equal claims that make a verdict, n/2 < k <= n
    uint8 maxTier; // highest price tier a member may have, 0..127
    uint16 auditBps; // probability of an audit in 1/10000
    uint32 commitWindow; // seconds to compute and commit
    uint64 nonce; // of the buyer; one order a nonce, so a repeated transaction orders once
    bytes32 spec; // program id, or what the kind defines
    bytes32 specDigest; // sha2-256 of the program artifact
    uint64 specSize; // bytes of it
    bytes32 inputRoot; // salted list_root(Domain::inputs)
    uint64 inputSize; // bytes of the plain input
    bytes32 buyerKey; // X25519 key that results are encrypted to
}

/// @notice One order as stored.
struct Order {
    uint32 buyer;
    uint8 kind;
    uint8 check;
    uint8 privacy;
    uint8 n;
    uint8 k;
    uint8 maxTier;
    uint16 auditBps;
    uint32 commitWindow;
    Phase phase;
    uint8 rounds; // opened so far; the current one is rounds - 1
    uint8 redraws;
    uint8 juries;
    uint8 outputDemands;
    uint8 appeals;
    bool auditForced; // nobody drew the audit seed in time, so the audit is held
    uint40 deadline; // of the phase, seconds
    uint64 committed; // bit i: members[i]
    uint64 revealed;
    uint64 accepted;
    uint64 rejected;
    uint64 silent; // withheld an output; those without commit or reveal are added at the end
    uint64 excused; // never got the input
    uint64 acting; // members that the current phase waits for
    uint64 seedBlock; // first block whose prevrandao may be the seed
    uint128 escrow; // work and audit, wei
    uint128 bond; // of the buyer, wei
    bytes32 auditSeed;
    bytes32 spec;
    bytes32 inputRoot;
    bytes32 outputRoot; // of the standing verdict
    bytes32 traceRoot;
    bytes32 witness; // the link that tags bind; zero unless a jury gave it
}

/// @notice One round as stored.
struct Round {
    Role role;
    bool appealed; // opened by an appeal, not by the check
    bool lapsed; // nobody seated, or its input never came
    uint8 wanted;
    uint8 seated;
    uint32 publisher; // account that published the envelopes
    uint64 envelopeSize; // bytes
    bytes32 envelopeRoot; // byte_tree_root(Domain::envelope)
}

/// @notice One seat of an order as stored.
struct Member {
    uint32 account;
    uint8 round;
    uint8 tier; // at the draw: its price is price(tier)
    uint128 locked; // wei of stake
    uint8 demands; // inputs that it demanded
    bytes32 commitment;
    bytes32 outputRoot;
    bytes32 traceRoot;
    bytes32 mark; // tag; of a juror its link of the witness
}

/// @notice One appeal as stored.
struct Appeal {
    uint32 account;
    uint8 round; // the jury it opened
    uint128 bond; // wei
    uint64 members; // seats that existed before it
    uint64 accepted; // those of them then accepted
    uint64 rejected;
}

/// @notice A demand for bytes. At most one is open in an order.
struct Demand {
    bool open;
    bool output; // of an output tensor, else of the envelopes
    uint8 member; // index of the demanding member (input) or of the one that must answer (output)
    uint32 tensor; // output only
    uint32 subtree; // which 64 leaves of 1 KiB
    uint40 opened; // seconds
    uint40 deadline;
}

/// @notice Times, rates and bounds of a market, fixed at deployment.
struct Config {
    uint32 seedDelay; // blocks between the request for a seed and the first that may give it
    uint32 drawWindow; // seconds
    uint32 inputWindow;
    uint32 minCommitWindow;
    uint32 maxCommitWindow;
    uint32 revealWindow;
    uint32 appealWindow;
    uint32 deliverWindow; // to answer a demand
    uint16 minAuditBps;
    uint16 feeBps; // of what members are paid, burned
    uint16 silenceBps; // of the lock, taken from the silent
    uint8 maxRedraws;
    uint8 maxJury; // seats
    uint128 demandBond; // wei
}

/// @notice What a check sees of one round.
struct RoundView {
    Role role;
    bool appealed;
    bool lapsed;
    uint8 seated;
}

/// @notice What a check sees of one seat. Roots and mark are zero until revealed.
struct ClaimView {
    uint32 account;
    uint8 round;
    bool revealed;
    bytes32 outputRoot;
    bytes32 traceRoot;
    bytes32 mark;
}

/// @notice Everything that a check may decide upon.
struct Case {
    uint256 chainId;
    address market;
    uint64 orderId;
    uint8 n;
    uint8 k;
    uint16 auditBps;
    bool auditForced;
    bytes32 auditSeed; // zero until drawn
    RoundView[] rounds;
    ClaimView[] claims;
}

/// @notice What a check decides. `accepted` and `rejected` are bits over Case.claims, disjoint.
struct Decision {
    Action action;
    uint8 seats; // of the round to open
    bytes32 outputRoot; // of Stand
    bytes32 traceRoot;
    bytes32 witness;
    uint64 accepted;
    uint64 rejected;
}

/// @notice What Registry.settle does with one member.
struct Settlement {
    uint32 account;
    Verdict verdict;
    uint128 locked; // stake to unlock, wei
    uint128 slashed; // of it, taken
    uint128 paid; // to the free balance
    uint128 fee; // burned on this payment; reward points grow by it
}
