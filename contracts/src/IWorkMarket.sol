// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Appeal, Config, Demand, Member, Order, Phase, RefundReason, Role, Round, Terms, Verdict} from "./Types.sol";

/// @title What the market says: one event a transition, complete, so that an index needs no calls
interface IMarketEvents {
    event OrderPlaced(uint64 indexed orderId, uint32 indexed buyer, Terms terms, uint128 escrow, uint128 bond);
    event RoundOpened(uint64 indexed orderId, uint8 indexed round, Role role, bool appealed, uint8 wanted, uint64 seedBlock, uint40 deadline);
    event Drawn(uint64 indexed orderId, uint8 indexed round, bytes32 seed, uint32[] accounts, uint8[] tiers, uint128 locked, uint40 deadline);
    event RoundLapsed(uint64 indexed orderId, uint8 indexed round);
    event InputPublished(
        uint64 indexed orderId, uint8 indexed round, uint32 indexed publisher, bytes32 envelopeRoot, uint64 envelopeSize, string locator, uint40 deadline
    );
    event Committed(uint64 indexed orderId, uint32 indexed account, uint8 round, bytes32 commitment);
    event RevealOpened(uint64 indexed orderId, uint8 indexed round, uint40 deadline);
    event Revealed(
        uint64 indexed orderId,
        uint32 indexed account,
        uint8 round,
        bytes32 outputRoot,
        bytes32 traceRoot,
        bytes32 mark,
        bytes32 resultDigest,
        uint64 resultSize
    );
    event AuditOpened(uint64 indexed orderId, uint64 seedBlock, uint40 deadline);
    event AuditDrawn(uint64 indexed orderId, bytes32 seed, bool forced);
    event VerdictStanding(
        uint64 indexed orderId, bytes32 outputRoot, bytes32 traceRoot, bytes32 witness, uint64 accepted, uint64 rejected, uint40 deadline
    );
    event Appealed(uint64 indexed orderId, uint32 indexed account, uint8 round, uint128 bond);
    event Demanded(
        uint64 indexed orderId, uint32 indexed account, bool output, uint32 target, uint32 tensor, uint32 subtree, uint128 bond, uint40 deadline
    );
    /// Part `subtree` of `subtrees` of the envelopes with this root: bytes that answer a demand, read from here by whoever needs them.
    event InputPosted(
        uint64 indexed orderId, uint8 indexed round, bytes32 indexed envelopeRoot, uint32 subtree, uint32 subtrees, bytes data
    );
    /// Part `subtree` of `subtrees` of output `tensor` (of `tensorCount`, and of `tensorSize` bytes) of the claim of `account`.
    event OutputPosted(
        uint64 indexed orderId,
        uint32 indexed account,
        uint32 indexed tensor,
        uint32 subtree,
        uint32 subtrees,
        uint64 tensorSize,
        uint64 tensorCount,
        bytes data
    );
    /// `refuted`: the bytes do not exist, or the demanding member committed without them. Otherwise they were posted just before.
    event Answered(uint64 indexed orderId, uint32 indexed account, bool output, bool refuted);
    event Unanswered(uint64 indexed orderId, uint32 indexed account, bool output);
    event MemberSettled(uint64 indexed orderId, uint32 indexed account, Verdict verdict, uint128 paid, uint128 fee, uint128 slashed);
    event Rewarded(uint64 indexed orderId, uint32 indexed account, uint128 amount);
    event AppealSettled(uint64 indexed orderId, uint32 indexed account, bool succeeded, uint128 returned);
    event Settled(uint64 indexed orderId, uint32 indexed buyer, uint128 paid, uint128 burned, uint128 slashed, uint128 refunded);
    event Refunded(
        uint64 indexed orderId, uint32 indexed buyer, RefundReason reason, uint128 paid, uint128 burned, uint128 slashed, uint128 refunded
    );

    error NotActor(uint32 account, address caller);
    error WrongPhase(uint64 orderId, Phase phase);
    error TooEarly(uint256 until);
    error TooLate(uint256 deadline);
    error UnsupportedCheck(uint8 check);
    error UnsupportedPrivacy(uint8 privacy);
    error InvalidTerms(string field);
    error InvalidConfig(string field);
    error NonceUsed(uint32 buyer, uint64 nonce, uint64 orderId);
    error NotMember(uint64 orderId, uint32 account);
    error WrongRound(uint8 round, uint8 expected);
    error AlreadyCommitted(uint64 orderId, uint32 account);
    error AlreadyRevealed(uint64 orderId, uint32 account);
    error EmptyCommitment();
    error WrongReveal(bytes32 computed, bytes32 committed);
    error NotPublisher(uint64 orderId, uint32 account);
    error LocatorTooLong(uint256 length);
    error InvalidEnvelope();
    error DemandOpen(uint64 orderId);
    error NoDemand(uint64 orderId);
    error TooManyDemands(uint64 orderId);
    error WrongSubtree(uint32 subtree);
    error WrongAnswer();
    error NotAccepted(uint64 orderId, uint32 account);
    error AppealsExhausted(uint64 orderId);
    error TooFewEligible(uint256 eligible, uint256 needed);
    error NotUnanimous(uint64 orderId);
    error NoJury(uint8 jury);
}

/// @title The market of checked work
/// @notice An order runs in rounds: draw, input, commit, reveal; a pure check then decides. Every phase has a deadline after
/// which anyone may `advance`. All money stays in Registry.
interface IWorkMarket is IMarketEvents {
    /// @notice Escrows n prices and one audit at the highest tier, and a bond of a tenth of the n, and opens the quorum round.
    function place(Terms calldata terms) external returns (uint64 orderId);

    /// @notice Seats the round with the prevrandao of this block; anyone may, once, from Order.seedBlock until the deadline.
    function draw(uint64 orderId) external;

    /// @notice Decides by the prevrandao of this block whether an audit is held, and seats it; anyone may, once.
    function drawAudit(uint64 orderId) external;

    /// @notice Names the envelopes encrypted to the members of the current round: by the buyer, in audits and juries in the second
    /// half of the window also by any earlier member. `locator` (up to 200 bytes) says where they are fetched. In audits and
    /// juries others may add theirs until the commits close, so that rubbish published first stops nobody; the buyer's replaces.
    function publishInput(uint64 orderId, uint8 round, uint32 account, bytes32 envelopeRoot, uint64 envelopeSize, string calldata locator) external;

    /// @notice A member that cannot fetch a subtree of the envelopes demands it on the ledger, against Config.demandBond.
    function demandInput(uint64 orderId, uint32 account, uint32 subtree) external;

    /// @notice Answers with the bytes of the subtree (64 leaves of 1 KiB, less at the end) and the siblings above it. Anyone may.
    function answerInput(uint64 orderId, bytes calldata data, bytes32[] calldata siblings) external;

    /// @notice Binds a claim: see `commitmentOf`.
    function commit(uint64 orderId, uint8 round, uint32 account, bytes32 commitment) external;

    /// @notice Opens the claim. `mark` is `tagOf(orderId, account, link 0)`, of a juror its link of the witness: see Witness.
    function reveal(
        uint64 orderId,
        uint8 round,
        uint32 account,
        bytes32 outputRoot,
        bytes32 traceRoot,
        bytes32 mark,
        bytes32 resultDigest,
        uint64 resultSize,
        bytes32 salt
    ) external;

    /// @notice Moves on an order for which everybody acted, whose deadline has passed, or whose demand was left unanswered. Anyone may.
    function advance(uint64 orderId) external;

    /// @notice Opens a fresh jury against a bond, while a verdict stands.
    function appeal(uint64 orderId, uint32 account) external;

    /// @notice The buyer ends the appeal window early, when every claim was accepted. Never a verdict of BAD_INPUT.
    function confirm(uint64 orderId) external;

    /// @notice The buyer demands 64 leaves of output `tensor` from an accepted quorum member, against Config.demandBond.
    function demandOutput(uint64 orderId, uint32 account, uint32 tensor, uint32 subtree) external;

    /// @notice Answers a demanded output: the bytes of the subtree under the tensor's root, and that root under the output root.
    function answerOutput(
        uint64 orderId,
        bytes calldata data,
        bytes32[] calldata siblings,
        uint64 tensorSize,
        uint64 tensorCount,
        bytes32[] calldata listSiblings
    ) external;

    /// @notice Answers that the demanded tensor does not exist (`top` of the list of `tensorCount`), or that the subtree lies
    /// beyond its end (`top` of the tensor of `tensorSize` bytes, with the siblings of its root).
    function refuteOutput(uint64 orderId, bytes32 top, uint64 tensorSize, uint64 tensorCount, bytes32[] calldata listSiblings) external;

    /// @notice Pays, slashes and refunds when the verdict has stood to its deadline. Anyone may, once.
    function settle(uint64 orderId) external;

    function getOrder(uint64 orderId) external view returns (Order memory);
    function getRound(uint64 orderId, uint8 round) external view returns (Round memory);
    function getRounds(uint64 orderId) external view returns (Round[] memory);
    function getMembers(uint64 orderId) external view returns (Member[] memory);
    function getAppeals(uint64 orderId) external view returns (Appeal[] memory);
    function getDemand(uint64 orderId) external view returns (Demand memory);
    function getConfig() external view returns (Config memory);

    /// @notice Orders placed so far; ids run from 1.
    function orderCount() external view returns (uint64);

    /// @notice The order of a buyer's nonce, 0 when there is none.
    function orderOf(uint32 buyer, uint64 nonce) external view returns (uint64);

    /// @notice What an order of n members up to `maxTier` takes from the buyer, and what each member must have free to lock.
    function cost(uint8 n, uint8 maxTier) external view returns (uint128 escrow, uint128 bond, uint128 lock);

    /// @notice keccak256(abi.encode(keccak256("koinon.commit"), chain id, market, orderId, round, account, outputRoot, traceRoot,
    /// mark, resultDigest, resultSize, salt)), each a word of 32 bytes.
    function commitmentOf(
        uint64 orderId,
        uint8 round,
        uint32 account,
        bytes32 outputRoot,
        bytes32 traceRoot,
        bytes32 mark,
        bytes32 resultDigest,
        uint64 resultSize,
        bytes32 salt
    ) external view returns (bytes32);

    /// @notice keccak256(abi.encode(keccak256("koinon.tag"), chain id, market, orderId, account, witness)), each a word; `witness` is
    /// link 0.
    function tagOf(uint64 orderId, uint32 account, bytes32 witness) external view returns (bytes32);

    /// @notice The link of the witness that a juror of jury `jury` (0, 1) reveals: see Witness. `secret` is what a run yields; it
    /// never goes on chain, so call this off chain only.
    function linkOf(uint64 orderId, bytes32 secret, uint8 jury) external view returns (bytes32);
}
