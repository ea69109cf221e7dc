// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Answer, Challenge, Dispute, DisputeConfig, Fraud, Place, RefundReason, TraceDemand} from "./Types.sol";

/// @title Disputes about the claim of an optimistic order
/// @notice Every function is called at the address of the market. While the claim stands (Phase.Standing, check 1, and Order.deadline
/// not past) anyone may `challenge` it, which commits to a fraud proof, or `demandTrace`, which makes the provider show a part of what
/// its claim binds. The order is not over before both have ended:
///
///   challenge ── prove within proveWindow ──> condemned ── earlier challenges proven or late ──> Refunded (Refuted)
///             └─ not proven: the bond is burned when the claim is paid
///   demandTrace ── answerTrace within answerWindow ──> the demander may demand again, or challenge, within moveWindow
///               └─ not answered ──> condemned ──────────────────────────────────────────────────> Refunded (Withheld)
///
/// `settle`, `advance` and `confirm` of the market end it: see IWorkMarket.
interface IDisputes {
    /// `account` committed to a proof; it must be shown in a later block, and not after `deadline` (seconds).
    event Challenged(uint64 indexed orderId, uint32 indexed account, uint32 number, bytes32 commitment, uint128 bond, uint40 deadline);
    /// Challenge `number` showed that the claim is wrong.
    event Proven(uint64 indexed orderId, uint32 indexed account, uint32 number, Fraud fraud);
    /// The claim of `provider` is condemned; no challenge or demand opens any more, every open demand is closed, also one for the
    /// output, and its bond returns. After `finality` (seconds), or at once when it is not in the future, `settle` ends the order.
    event Condemned(uint64 indexed orderId, uint32 indexed provider, RefundReason reason, uint40 finality);
    /// Demand `number` (0, 1, ...) of `account`. The first took `fee` for all that it may make, later ones nothing.
    event TraceDemanded(uint64 indexed orderId, uint32 indexed account, uint8 number, Place place, uint128 fee, uint40 deadline);
    /// The demand of `account` was answered by `answerer`; what it showed is here, whoever called and through whatever contract. The
    /// next move of `account` is not late until `deadline`.
    event TraceAnswered(
        uint64 indexed orderId, uint32 indexed account, uint32 answerer, uint8 number, Place place, Answer answer, uint40 deadline
    );
    /// Bonds of challenges that showed nothing, when the claim was paid.
    event ChallengesBurned(uint64 indexed orderId, uint128 amount);
    /// The bond of the winner, or of another challenge of a condemned claim.
    event ChallengeReturned(uint64 indexed orderId, uint32 indexed account, uint32 number, uint128 amount);
    /// What `account` had paid for its demands: to who answered, and what it got back.
    event DemandsClosed(uint64 indexed orderId, uint32 indexed account, uint128 paid, uint128 returned);

    error NotOptimistic(uint64 orderId);
    error ClaimCondemned(uint64 orderId);
    error NotCondemned(uint64 orderId);
    error NoChallenge(uint64 orderId, uint32 number);
    error AlreadyProven(uint64 orderId, uint32 number);
    error SameBlock(uint64 orderId, uint32 number);
    error WrongProof(bytes32 computed, bytes32 committed);
    error NotRefuted(uint64 orderId);
    error DisputeOpen(uint64 orderId, uint40 until);
    error InvalidPlace();
    error TraceDemandOpen(uint64 orderId, uint32 account);
    error NoTraceDemand(uint64 orderId, uint32 account);
    error DemandsExhausted(uint64 orderId, uint32 account);
    error ProviderFirst(uint64 orderId, uint40 until);
    error NothingToCollect(uint64 orderId);

    /// @notice Commits `account` to a fraud proof against the claim: see `challengeOf`. Takes challengeBond(orderId), like the bond of
    /// an appeal. Until the window closes; who has demanded, also as long as its turn lasts.
    function challenge(uint64 orderId, uint32 account, bytes32 commitment) external returns (uint32 number);

    /// @notice Shows the proof of challenge `number`. Anyone may. `fraud` says which (Fraud), `proof` is abi.encode of its struct. The
    /// first right *challenge* wins, whatever the order of the proofs.
    function prove(uint64 orderId, uint32 number, Fraud fraud, bytes calldata proof, bytes32 salt) external;

    /// @notice Demands a part of what the claim binds, one at a time and at most DisputeConfig.maxDemands an account. The first takes
    /// demandFee for each of them, like the bond of an appeal; what was not answered returns. To be answered within answerWindow, or
    /// within half of it and answerWindow / 256 (rounded up) for each demand, this one included, that is then open about a claim of
    /// this provider, but for one of each such claim, where that is longer: a flood of demands gets no provider late.
    function demandTrace(uint64 orderId, uint32 account, Place calldata place) external;

    /// @notice Answers the open demand of `demander`, for a fee to `account`: until half of answerWindow is left
    /// only the provider, then anyone. Anyone may send it: what the claim binds proves itself.
    function answerTrace(uint64 orderId, uint32 demander, uint32 account, Answer calldata answer) external;

    /// @notice Condemns a claim that left the demand of `demander` unanswered, and ends the order. Anyone may.
    function condemn(uint64 orderId, uint32 demander) external;

    /// @notice Once the order is over: pays a fee for each answered demand of `demander` to who answered and returns the rest; all of it
    /// when the claim was condemned. Anyone may, once.
    function collect(uint64 orderId, uint32 demander) external;

    /// @notice Once a condemned order is over: gives back the bond of challenge `number`, if it was not the winner. Anyone may, once.
    function reclaim(uint64 orderId, uint32 number) external;

    function getDispute(uint64 orderId) external view returns (Dispute memory);
    function getChallenges(uint64 orderId) external view returns (Challenge[] memory);
    function getTraceDemand(uint64 orderId, uint32 account) external view returns (TraceDemand memory);
    function getDisputeConfig() external view returns (DisputeConfig memory);

    /// @notice Wei that a challenge of this order takes: the highest price.
    function challengeBond(uint64 orderId) external view returns (uint128);

    /// @notice keccak256(abi.encode(keccak256("koinon.challenge"), chain id, market, orderId, account, fraud, keccak256(proof), salt)),
    /// each a word of 32 bytes.
    function challengeOf(uint64 orderId, uint32 account, Fraud fraud, bytes32 proofHash, bytes32 salt) external view returns (bytes32);
}
