// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICheck} from "./ICheck.sol";
import {IRegistry} from "./IRegistry.sol";
import {IMarketEvents} from "./IWorkMarket.sol";
import {Appeal, Challenge, Config, Demand, Dispute, Member, Order, Phase, Role, Round} from "./Types.sol";

/// @title What the contracts of the market share: storage and guards
/// @notice One contract would exceed 24,576 bytes. WorkMarket holds the state and is what everybody calls; Rounds, Settling and Disputes
/// are code that it runs by delegatecall, named at deployment for good. They see the variables of this contract only, which come first
/// in storage.
/// Invariants of an order:
///  1. every phase below Settled has a deadline after which `advance` moves it on
///  2. an account sits in it at most once, and never in one that it bought or appealed
///  3. at most one demand is open; while it is, no phase ends
///  4. `acting` are the seats that the current phase waits for
abstract contract MarketBase is IMarketEvents {
    uint8 internal constant MAX_N = 5;
    uint8 internal constant MAX_TRACE_DEMANDS = 64;

    /// @notice The demands of one account in an order: what TraceDemand gives, in one word, and who answered.
    struct TraceDemands {
        bool open;
        bool closed;
        uint8 made;
        uint8 answered;
        uint40 deadline; // of the open demand, else of the next move
        uint8 tree; // the place of the last demand
        uint8 kind;
        uint8 level;
        uint32 value;
        uint64 index;
        uint64 byOthers; // bit i: not the provider answered demand i
        uint32[MAX_TRACE_DEMANDS] others; // who did
    }

    IRegistry public immutable registry;

    Config internal _config;
    ICheck[] internal _checks;
    mapping(uint64 id => Order) internal _orders;
    mapping(uint64 id => Round[]) internal _rounds;
    mapping(uint64 id => Member[]) internal _members;
    mapping(uint64 id => Appeal[]) internal _appeals;
    mapping(uint64 id => Demand) internal _demands;
    mapping(uint64 id => Dispute) internal _disputes;
    mapping(uint64 id => mapping(uint32 number => Challenge)) internal _challenges;
    mapping(uint64 id => mapping(uint32 account => TraceDemands)) internal _traceDemands;
    mapping(uint32 provider => uint32) internal _queuedDemands; // open about its claims, but one for each claim that has any

    constructor(IRegistry registry_) {
        if (address(registry_) == address(0)) revert InvalidConfig("registry");
        registry = registry_;
    }

    // ---- Guards

    function _in(uint64 id, Phase phase) internal view returns (Order storage o) {
        o = _orders[id];
        if (o.phase != phase) revert WrongPhase(id, o.phase);
    }

    function _onlyActor(uint32 account) internal view {
        if (!registry.isActor(account, msg.sender)) revert NotActor(account, msg.sender);
    }

    function _notLate(uint256 deadline) internal view {
        if (block.timestamp > deadline) revert TooLate(deadline);
    }

    function _onlyAfter(uint256 deadline) internal view {
        if (block.timestamp <= deadline) revert TooEarly(deadline);
    }

    function _noDemand(uint64 id) internal view {
        if (_demands[id].open) revert DemandOpen(id);
    }

    function _currentRound(Order storage o, uint8 round) internal view {
        if (round + 1 != o.rounds) revert WrongRound(round, o.rounds - 1);
    }

    /// Index of the seat of `account`. The latest are looked at first.
    function _memberIndex(uint64 id, uint32 account) internal view returns (uint256 i) {
        Member[] storage members = _members[id];
        for (i = members.length; i > 0;) if (members[--i].account == account) return i;
        revert NotMember(id, account);
    }

    function _acting(uint64 id, Order storage o, uint32 account) internal view returns (uint256 i) {
        i = _memberIndex(id, account);
        if ((o.acting >> i) & 1 == 0) revert NotMember(id, account);
    }

    // ---- Shared steps

    function _open(uint64 id, Order storage o, Role role, uint8 wanted, bool appealed) internal {
        uint8 round = o.rounds++;
        _rounds[id].push(Round(role, appealed, false, wanted, 0, 0, 0, 0));
        o.phase = Phase.Draw;
        o.acting = 0;
        (o.seedBlock, o.deadline) = _seedTimes();
        emit RoundOpened(id, round, role, appealed, wanted, o.seedBlock, o.deadline);
    }

    function _seedTimes() internal view returns (uint64, uint40) {
        return (uint64(block.number) + _config.seedDelay, uint40(block.timestamp) + _config.drawWindow);
    }

    /// Closes the open demand and gives its time back to the phase.
    function _closeDemand(uint64 id, Order storage o) internal {
        Demand storage d = _demands[id];
        d.open = false;
        o.deadline += uint40(block.timestamp) - d.opened;
    }

    function _bits(uint64 x) internal pure returns (uint256 n) {
        for (; x != 0; x &= x - 1) ++n;
    }

    /// Stake that a member risks: 20 prices, or so many that half of one slashed lock pays a jury of 2n + 1.
    function _lock(uint8 n, uint128 price) internal pure returns (uint128) {
        uint128 prices = 4 * uint128(n) + 4;
        return price * (prices < 20 ? 20 : prices);
    }

    /// Runs `data` of a contract of this market in this one's storage.
    function _run(address code, bytes memory data) internal {
        (bool ok, bytes memory answer) = code.delegatecall(data);
        if (ok) return;
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }
}
