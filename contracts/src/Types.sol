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
    BadInput, // 5: the quorum found that the input is not what inputRoot binds, and no jury found otherwise
    Refuted, // 6: a proof showed that the claim is wrong: a fraud proof, of an optimistic order; that of another output, of one that asks for a proof
    Withheld, // 7: the provider of an optimistic order left a demand for a part of its claim unanswered
    Unproven // 8: the claim of an order that asks for a proof was neither confirmed nor proven in time
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

/// @dev Kind of work on ciphertexts: its orders, and no others, are private.
uint8 constant ENCRYPTED = 15;

/// @dev Check code of optimistic orders in Terms.check.
uint8 constant OPTIMISTIC = 1;
/// @dev Check code of orders that ask for a proof: the contract at this place of the list is an IProofCheck.
uint8 constant PROOF = 2;

/// @dev First word of what a challenge hashes.
bytes32 constant CHALLENGE_DOMAIN = keccak256("koinon.challenge");

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
    bytes32 inputRoot; // list_root(Domain::inputs); salted, unless the check is optimistic
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

/// @notice What a fraud proof shows. Its bytes are abi.encode of one struct: Reading.Proof for an element, else that of ClaimCheck.
enum Fraud {
    Element, // 0: an element does not follow from its operands; Reading.Proof
    Input, // 1: an input of the trace is not the order's; InputProof
    Output, // 2: an output of the claim is not the value of the trace; OutputProof
    Count, // 3: the trace has more or fewer values than the program; CountProof
    Length, // 4: a value has another length than its shape; LengthProof
    Outputs, // 5: the claim has more or fewer outputs than the program; OutputsProof
    Range, // 6: an element of an input lies outside what the program declares; RangeProof
    Padding, // 7: a byte behind the end of a value is not zero; PaddingProof
    Absent, // 8: a leaf behind the end of the list of values or of outputs is not zero; AbsentProof
    Inner, // 9: a value that the program calls inner has a tree in the trace, or one that it does not has none; InnerProof
    Inputs, // 10: the order has more or fewer inputs than the program takes; InputsProof
    InputLength // 11: an input of the order has another length than the program takes; InputLengthProof
}

/// @notice What an optimistic claim says, and what it is about.
struct ClaimRoots {
    bytes32 program; // id
    bytes32 inputs; // of the order: list_root(Domain::inputs), not salted
    bytes32 outputs; // of the claim
    bytes32 trace;
}

/// @notice A part of what a claim binds.
struct Place {
    uint8 tree; // 1 the list of the roots of all values (trace), 2 of the outputs, 3 the bytes of one value
    uint8 kind; // 1 summit: length and top; 2 nodes: what stands at most five levels (tree 3: six) below a node; 3 leaf: bytes
    uint64 value; // number of the value, tree 3 only; below 2^32
    uint8 level; // of the node, leaves being 0; of kind 3 up to 2: the bytes of 2^level leaves
    uint64 index; // of the node in its level
}

/// @notice What stands at a place. Where the place does not exist, the summit of the tree: its length, and `hashes` its top alone;
/// where the value of tree 3 does not exist, that of the trace: `count`, and its top.
struct Answer {
    uint64 length; // items of the list, bytes of the value
    bytes32[] hashes; // summit: the top. nodes: the 2^min(5 or 6, level) that many levels below; of lists at level 0 the items that there are
    bytes data; // leaf: bytes, without padding
    bytes32[] siblings; // of the node, upwards; none of a summit
    uint64 count; // tree 3: items of the trace
    bytes32[] list; // tree 3: siblings of the value's root in the trace
}

/// @notice The state of the disputes of an order, as stored.
struct Dispute {
    uint40 until; // seconds: no deadline of a challenge, demand or turn is later
    uint32 openDemands; // not answered
    bool condemned;
    uint32 winner; // number of the first right challenge, when `proven`
    bool proven;
    uint40 finality; // seconds: a condemned claim is ended after it
    uint32 provider; // account whose claim it is; 0 before the first challenge or demand
    uint32 challenges; // so far
}

/// @notice One challenge as stored.
struct Challenge {
    uint32 account;
    uint40 deadline; // to prove, seconds
    uint64 madeIn; // block
    bool proven;
    bool closed; // its bond was returned, or is that of the winner
    bytes32 commitment;
}

/// @notice The demands of one account in an order.
struct TraceDemand {
    bool open;
    bool closed; // the fees were paid or returned
    uint8 made; // demands so far
    uint8 answered;
    uint40 deadline; // seconds, of the open demand, else of the next move
    Place place; // of the last demand
}

/// @notice Times and bounds of disputes, fixed at deployment.
struct DisputeConfig {
    uint32 proveWindow; // seconds from a challenge to its proof
    uint32 answerWindow; // seconds to answer a demand; more while many are open: see IDisputes.demandTrace
    uint32 moveWindow; // seconds to demand again or challenge after an answer
    uint8 maxDemands; // of one account in an order, at most 64
    uint128 demandFee; // wei for each demand
}
