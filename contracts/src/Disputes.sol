// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IFraudCheck} from "./dispute/IFraudCheck.sol";
import {Parts} from "./dispute/Parts.sol";
import {IDisputes} from "./IDisputes.sol";
import {IRegistry} from "./IRegistry.sol";
import {MarketBase} from "./MarketBase.sol";
import {Settling} from "./Settling.sol";
import {
    Answer, Challenge, CHALLENGE_DOMAIN, ClaimRoots, Dispute, DisputeConfig, Fraud, OPTIMISTIC, Order, Phase, Place,
    RefundReason, Settlement, TraceDemand
} from "./Types.sol";

/// @title How a claim that stands alone is disputed
/// @notice Run by WorkMarket in its own storage; see MarketBase. Invariants of an order whose claim stands:
///  1. until the claim is condemned, what ends it otherwise waits for every deadline of a challenge, a demand and a turn (`until`)
///  2. a claim is condemned by a proof or by an unanswered demand alone, and stays so
///  3. the market holds a bond for each challenge that is not closed until the claim is paid, and the fees of each account whose demands were not collected
contract Disputes is MarketBase, IDisputes {
    address public immutable settling;
    IFraudCheck public immutable fraudCheck;
    uint32 private immutable _proveWindow;
    uint32 private immutable _answerWindow;
    uint32 private immutable _moveWindow;
    uint8 private immutable _maxDemands;
    uint128 private immutable _demandFee;
    /// A provider that answers one demand in each ANSWERS-th part of answerWindow is late with none.
    uint40 private constant ANSWERS = 256;

    constructor(IRegistry registry_, Settling settling_, IFraudCheck fraudCheck_, DisputeConfig memory c) MarketBase(registry_) {
        if (address(settling_.registry()) != address(registry_)) revert InvalidConfig("settling");
        if (address(fraudCheck_).code.length == 0) revert InvalidConfig("fraudCheck");
        if (c.proveWindow == 0 || c.answerWindow < 2 || c.moveWindow == 0) revert InvalidConfig("window");
        if (c.maxDemands == 0 || c.maxDemands > MAX_TRACE_DEMANDS) revert InvalidConfig("maxDemands");
        if (c.demandFee == 0) revert InvalidConfig("demandFee");
        (settling, fraudCheck) = (address(settling_), fraudCheck_);
        (_proveWindow, _answerWindow, _moveWindow) = (c.proveWindow, c.answerWindow, c.moveWindow);
        (_maxDemands, _demandFee) = (c.maxDemands, c.demandFee);
    }

    // ---- Fraud proofs

    /// @inheritdoc IDisputes
    function challenge(uint64 id, uint32 account, bytes32 commitment) external returns (uint32 number) {
        Order storage o = _disputable(id);
        _onlyActor(account);
        _onTime(id, o, account);
        if (commitment == 0) revert EmptyCommitment();
        uint40 deadline = uint40(block.timestamp) + _proveWindow;
        Dispute storage d = _extend(id, o, deadline);
        number = d.challenges++;
        _challenges[id][number] = Challenge(account, deadline, uint64(block.number), false, false, commitment);
        uint128 bond = _bond(o);
        emit Challenged(id, account, number, commitment, bond, deadline);
        registry.pledge(account, bond);
    }

    /// @inheritdoc IDisputes
    function prove(uint64 id, uint32 number, Fraud fraud, bytes calldata proof, bytes32 salt) external {
        Order storage o = _standing(id);
        Challenge storage c = _challenge(id, number);
        Dispute storage d = _disputes[id];
        if (c.proven) revert AlreadyProven(id, number);
        if (d.condemned && number > d.winner) revert ClaimCondemned(id);
        _notLate(c.deadline);
        if (block.number <= c.madeIn) revert SameBlock(id, number);
        bytes32 computed = challengeOf(id, c.account, fraud, keccak256(proof), salt);
        if (computed != c.commitment) revert WrongProof(computed, c.commitment);
        if (!fraudCheck.refutes(ClaimRoots(o.spec, o.inputRoot, o.outputRoot, o.traceRoot), fraud, proof)) revert NotRefuted(id);
        emit Proven(id, c.account, number, fraud);
        (c.proven, d.proven, d.winner) = (true, true, number);
        // Deadlines do not fall from one challenge to the next, so while an earlier one may be proven, so may the one before this.
        uint40 before = number == 0 ? 0 : _challenges[id][number - 1].deadline;
        d.finality = before;
        _condemn(id, o, RefundReason.Refuted);
        if (before < block.timestamp) _endRefuted(id, o);
    }

    /// @inheritdoc IDisputes
    function reclaim(uint64 id, uint32 number) external {
        Challenge storage c = _challenge(id, number);
        Order storage o = _orders[id];
        if (o.phase != Phase.Refunded || c.closed) revert NothingToCollect(id);
        c.closed = true;
        uint128 bond = _bond(o);
        emit ChallengeReturned(id, c.account, number, bond);
        registry.credit(c.account, bond);
    }

    // ---- Demands for what the claim binds

    /// @inheritdoc IDisputes
    function demandTrace(uint64 id, uint32 account, Place calldata place) external {
        Order storage o = _disputable(id);
        _onlyActor(account);
        _onTime(id, o, account);
        if (!Parts.valid(place)) revert InvalidPlace();
        TraceDemands storage t = _traceDemands[id][account];
        uint8 number = t.made;
        if (t.open) revert TraceDemandOpen(id, account);
        if (number == _maxDemands) revert DemandsExhausted(id, account);
        uint128 fee = number == 0 ? _demandFee * _maxDemands : 0;
        uint40 deadline = uint40(block.timestamp) + _queue(id, o);
        _extend(id, o, deadline);
        emit TraceDemanded(id, account, number, place, fee, deadline);
        (t.open, t.made, t.deadline) = (true, number + 1, deadline);
        (t.tree, t.kind, t.level, t.value, t.index) = (place.tree, place.kind, place.level, uint32(place.value), place.index);
        if (fee != 0) registry.pledge(account, fee);
    }

    /// @inheritdoc IDisputes
    function answerTrace(uint64 id, uint32 demander, uint32 account, Answer calldata answer) external {
        Order storage o = _disputable(id);
        TraceDemands storage t = _traceDemands[id][demander];
        if (!t.open) revert NoTraceDemand(id, demander);
        _notLate(t.deadline);
        uint8 number = t.answered;
        if (account != _disputes[id].provider) {
            uint40 half = t.deadline - _answerWindow / 2;
            if (block.timestamp <= half) revert ProviderFirst(id, half);
            t.byOthers |= uint64(1) << number;
            t.others[number] = account;
        }
        Place memory place = _placeOf(t);
        if (!Parts.answers(place, answer, o)) revert WrongAnswer();
        uint40 deadline = uint40(block.timestamp) + _moveWindow;
        (t.open, t.answered, t.deadline) = (false, number + 1, deadline);
        Dispute storage d = _extend(id, o, deadline);
        if (--d.openDemands == 0) d.until = _lastMove(id, d.challenges, deadline);
        else --_queuedDemands[d.provider];
        emit TraceAnswered(id, demander, account, number, place, answer, deadline);
    }

    /// @inheritdoc IDisputes
    function condemn(uint64 id, uint32 demander) external {
        Order storage o = _disputable(id);
        TraceDemands storage t = _traceDemands[id][demander];
        if (!t.open) revert NoTraceDemand(id, demander);
        _onlyAfter(t.deadline);
        _endWithheld(id, o);
    }

    /// @inheritdoc IDisputes
    function collect(uint64 id, uint32 demander) external {
        TraceDemands storage t = _traceDemands[id][demander];
        Order storage o = _orders[id];
        if (o.phase < Phase.Settled || t.made == 0 || t.closed) revert NothingToCollect(id);
        t.closed = true;
        uint256 answered = o.phase == Phase.Refunded ? 0 : t.answered;
        uint128 paid = _demandFee * uint128(answered);
        uint128 returned = _demandFee * _maxDemands - paid;
        emit DemandsClosed(id, demander, paid, returned);
        for (uint256 i = 0; i < answered; ++i) {
            if ((t.byOthers >> i) & 1 == 0) continue;
            paid -= _demandFee;
            registry.credit(t.others[i], _demandFee);
        }
        if (paid != 0) registry.credit(_disputes[id].provider, paid);
        if (returned != 0) registry.credit(demander, returned);
    }

    // ---- The end: called by the market for orders of this check whose claim stands

    /// @notice IWorkMarket.settle
    function settle(uint64 id) external {
        Order storage o = _standing(id);
        Dispute storage d = _disputes[id];
        _noDemand(id);
        if (d.condemned) {
            _onlyAfter(d.finality);
            return _endRefuted(id, o);
        }
        _onlyAfter(o.deadline);
        if (block.timestamp <= d.until) revert DisputeOpen(id, d.until);
        if (d.openDemands != 0) return _endWithheld(id, o);
        _endSettled(id, o);
    }

    /// @notice IWorkMarket.confirm
    function confirm(uint64 id) external {
        Order storage o = _standing(id);
        Dispute storage d = _disputes[id];
        _onlyActor(o.buyer);
        _noDemand(id);
        if (d.condemned) revert ClaimCondemned(id);
        if (block.timestamp <= d.until || d.openDemands != 0) revert DisputeOpen(id, d.until);
        _endSettled(id, o);
    }

    // ---- Views

    /// @inheritdoc IDisputes
    function getDispute(uint64 id) external view returns (Dispute memory) {
        return _disputes[id];
    }

    /// @inheritdoc IDisputes
    function getChallenges(uint64 id) external view returns (Challenge[] memory all) {
        all = new Challenge[](_disputes[id].challenges);
        for (uint32 i = 0; i < all.length; ++i) all[i] = _challenges[id][i];
    }

    /// @inheritdoc IDisputes
    function getTraceDemand(uint64 id, uint32 account) external view returns (TraceDemand memory) {
        TraceDemands storage t = _traceDemands[id][account];
        return TraceDemand(t.open, t.closed, t.made, t.answered, t.deadline, _placeOf(t));
    }

    /// @inheritdoc IDisputes
    function getDisputeConfig() external view returns (DisputeConfig memory) {
        return DisputeConfig(_proveWindow, _answerWindow, _moveWindow, _maxDemands, _demandFee);
    }

    /// @inheritdoc IDisputes
    function challengeBond(uint64 id) external view returns (uint128) {
        return _bond(_orders[id]);
    }

    /// @inheritdoc IDisputes
    function challengeOf(uint64 id, uint32 account, Fraud fraud, bytes32 proofHash, bytes32 salt) public view returns (bytes32) {
        return keccak256(abi.encode(CHALLENGE_DOMAIN, block.chainid, address(this), id, account, fraud, proofHash, salt));
    }

    // ---- Inside

    function _standing(uint64 id) private view returns (Order storage o) {
        o = _in(id, Phase.Standing);
        if (o.check != OPTIMISTIC) revert NotOptimistic(id);
    }

    function _disputable(uint64 id) private view returns (Order storage o) {
        o = _standing(id);
        if (_disputes[id].condemned) revert ClaimCondemned(id);
    }

    /// The window is open (a demand for the output stops its clock), or it is the turn of `account`.
    function _onTime(uint64 id, Order storage o, uint32 account) private view {
        if (block.timestamp <= o.deadline || _demands[id].open) return;
        TraceDemands storage t = _traceDemands[id][account];
        if (t.made == 0 || block.timestamp > t.deadline) revert TooLate(o.deadline);
    }

    function _challenge(uint64 id, uint32 number) private view returns (Challenge storage) {
        if (number >= _disputes[id].challenges) revert NoChallenge(id, number);
        return _challenges[id][number];
    }

    function _bond(Order storage o) private view returns (uint128) {
        return registry.price(o.maxTier);
    }

    /// One more demand is open; the seconds to answer it. Half of the window is for the first demands about each claim of the
    /// provider, which are not counted; for each of the others that are open, about any of its claims, there is one `pace` more.
    function _queue(uint64 id, Order storage o) private returns (uint40) {
        Dispute storage d = _extend(id, o, 0);
        uint32 queued = _queuedDemands[d.provider];
        if (d.openDemands++ != 0) _queuedDemands[d.provider] = ++queued;
        uint40 pace = (_answerWindow + ANSWERS - 1) / ANSWERS;
        uint40 time = _answerWindow / 2 + pace * queued;
        return time > _answerWindow ? time : _answerWindow;
    }

    function _placeOf(TraceDemands storage t) private view returns (Place memory) {
        return Place(t.tree, t.kind, t.value, t.level, t.index);
    }

    function _seat(uint64 seats) private pure returns (uint256 i) {
        while (seats >> i != 1) ++i;
    }

    function _extend(uint64 id, Order storage o, uint40 deadline) private returns (Dispute storage d) {
        d = _disputes[id];
        if (deadline > d.until) d.until = deadline;
        if (d.provider == 0) d.provider = _members[id][_seat(o.accepted)].account;
    }

    /// The last deadline when no demand is open. `turn` began just now, so no other turn ends later; nor does a challenge made before the last.
    function _lastMove(uint64 id, uint32 challenges, uint40 turn) private view returns (uint40) {
        uint40 last = challenges == 0 ? 0 : _challenges[id][challenges - 1].deadline;
        return last > turn ? last : turn;
    }

    function _condemn(uint64 id, Order storage o, RefundReason reason) private {
        Dispute storage d = _disputes[id];
        if (!d.condemned) {
            d.condemned = true;
            if (d.openDemands > 1) _queuedDemands[d.provider] -= d.openDemands - 1;
            (o.rejected, o.accepted) = (o.accepted, 0);
            if (_demands[id].open) {
                _closeDemand(id, o);
                registry.credit(o.buyer, _config.demandBond);
            }
        }
        emit Condemned(id, d.provider, reason, d.finality);
    }

    function _endRefuted(uint64 id, Order storage o) private {
        uint32 number = _disputes[id].winner;
        Challenge storage c = _challenges[id][number];
        c.closed = true;
        uint128 bond = _bond(o);
        emit ChallengeReturned(id, c.account, number, bond);
        _run(settling, abi.encodeCall(Settling.refuted, (id, c.account, bond)));
    }

    function _endWithheld(uint64 id, Order storage o) private {
        _disputes[id].finality = uint40(block.timestamp);
        _condemn(id, o, RefundReason.Withheld);
        _finish(id, false, RefundReason.Withheld);
    }

    function _endSettled(uint64 id, Order storage o) private {
        uint128 bonds = _disputes[id].challenges * _bond(o);
        if (bonds != 0) {
            emit ChallengesBurned(id, bonds);
            registry.settle(o.kind, new Settlement[](0), bonds);
        }
        _finish(id, true, RefundReason.Undrawn);
    }

    function _finish(uint64 id, bool settled, RefundReason reason) private {
        _run(settling, abi.encodeCall(Settling.finish, (id, settled, reason)));
    }
}
