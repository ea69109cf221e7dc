// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProofCheck} from "./IProofCheck.sol";
import {IRegistry} from "./IRegistry.sol";
import {MarketBase} from "./MarketBase.sol";
import {Settling} from "./Settling.sol";
import {Witness} from "./Witness.sol";
import {
    Action, Appeal, BAD_INPUT, Case, ClaimView, Decision, Demand, Member, Order, Phase, PROOF, RefundReason, Role, Round, RoundView
} from "./Types.sol";

/// @title The life of an order: how one phase follows another
/// @notice Run by WorkMarket in its own storage; see MarketBase.
contract Rounds is MarketBase {
    uint8 private constant MAX_JURIES = Witness.LINKS;
    /// Appeal windows that a claim stands that needs a proof: one for the buyer to confirm it, two to prove it here.
    uint40 private constant PROOF_WINDOWS = 3;

    address public immutable settling;

    constructor(IRegistry registry_, Settling settling_) MarketBase(registry_) {
        if (address(settling_.registry()) != address(registry_)) revert InvalidConfig("settling");
        settling = address(settling_);
    }

    // ---- Called by anyone, through the market

    function draw(uint64 id) external {
        Order storage o = _in(id, Phase.Draw);
        _seat(id, o, _seed(id, o));
    }

    function drawAudit(uint64 id) external {
        Order storage o = _in(id, Phase.AuditDraw);
        bytes32 seed = _seed(id, o);
        o.auditSeed = seed;
        emit AuditDrawn(id, seed, false);
        _decide(id, o);
        if (o.phase == Phase.Draw) _seat(id, o, keccak256(abi.encode(seed)));
    }

    function advance(uint64 id) external {
        Order storage o = _orders[id];
        Phase phase = o.phase;
        if (phase == Phase.None || phase >= Phase.Settled) revert WrongPhase(id, phase);
        if (_demands[id].open) return _unanswered(id, o);
        bool acted = (phase == Phase.Commit && o.committed & o.acting == o.acting)
            || (phase == Phase.Reveal && o.revealed & o.acting == o.acting);
        if (!acted) _onlyAfter(phase == Phase.Standing ? _standsUntil(o) : o.deadline);
        _expire(id, o);
    }

    function settle(uint64 id) external {
        Order storage o = _in(id, Phase.Standing);
        _noDemand(id);
        _onlyAfter(_standsUntil(o));
        _expire(id, o);
    }

    function confirm(uint64 id) external {
        Order storage o = _in(id, Phase.Standing);
        _onlyActor(o.buyer);
        _noDemand(id);
        if (o.rejected != 0 || o.accepted != o.revealed) revert NotUnanimous(id);
        _finish(id, true, RefundReason.Undrawn);
    }

    function appeal(uint64 id, uint32 account) external {
        Order storage o = _in(id, Phase.Standing);
        _onlyActor(account);
        _notLate(o.deadline);
        _noDemand(id);
        if (o.juries == MAX_JURIES) revert AppealsExhausted(id);
        uint8 size = _jury(_checks[o.check].jurySize(o.n, o.juries));
        uint128 bond = uint128(size) * registry.price(o.maxTier) * 5 / 4;
        uint8 round = o.rounds;
        _appeals[id].push(Appeal(account, round, bond, uint64((uint256(1) << _members[id].length) - 1), o.accepted, o.rejected));
        uint256 available = registry.eligibleBeside(o.kind, o.maxTier, _excluded(id, o));
        // A jury that outnumbers the quorum can judge. Were all seats of it required, liars with a part of the offers could end them,
        // and so leave too few for any appeal.
        if (available <= o.n) revert TooFewEligible(available, o.n + 1);
        ++o.appeals;
        ++o.juries;
        emit Appealed(id, account, round, bond);
        _open(id, o, Role.Jury, size, true);
        registry.pledge(account, bond);
    }

    function _seed(uint64 id, Order storage o) private view returns (bytes32) {
        if (block.number < o.seedBlock) revert TooEarly(o.seedBlock);
        _notLate(o.deadline);
        return keccak256(abi.encode(block.prevrandao, id, o.rounds, o.phase));
    }

    // ---- Inside

    function _jury(uint8 size) private view returns (uint8) {
        return size < _config.maxJury ? size : _config.maxJury;
    }

    /// Accounts that may not be drawn: those already in the order, its buyer and its appellants.
    function _excluded(uint64 id, Order storage o) private view returns (uint32[] memory list) {
        Member[] storage members = _members[id];
        uint256 n = members.length;
        uint256 appeals = _appeals[id].length;
        list = new uint32[](n + appeals + 1);
        uint256 filled;
        for (uint256 i = 0; i < n; ++i) list[filled++] = members[i].account;
        for (uint256 i = 0; i <= appeals; ++i) {
            uint32 account = i == appeals ? o.buyer : _appeals[id][i].account;
            if (!_has(list, filled, account)) list[filled++] = account;
        }
        assembly ("memory-safe") {
            mstore(list, filled)
        }
    }

    function _has(uint32[] memory list, uint256 length, uint32 account) private pure returns (bool) {
        for (uint256 i = 0; i < length; ++i) if (list[i] == account) return true;
        return false;
    }

    function _seat(uint64 id, Order storage o, bytes32 seed) private {
        uint8 round = o.rounds - 1;
        Round storage r = _rounds[id][round];
        uint128 lock = _lock(o.n, registry.price(o.maxTier));
        (uint32[] memory accounts, uint8[] memory tiers) = registry.seat(o.kind, o.maxTier, r.wanted, lock, seed, _excluded(id, o));
        uint256 first = _members[id].length;
        for (uint256 i = 0; i < accounts.length; ++i) {
            _members[id].push(Member(accounts[i], round, tiers[i], lock, 0, 0, 0, 0, 0));
        }
        r.seated = uint8(accounts.length);
        o.acting = uint64(((uint256(1) << accounts.length) - 1) << first);
        o.phase = Phase.Input;
        o.deadline = uint40(block.timestamp) + _config.inputWindow;
        emit Drawn(id, round, seed, accounts, tiers, lock, o.deadline);
        if (r.role == Role.Quorum) {
            if (_bits(o.committed) + accounts.length < o.k) _void(id, o, RefundReason.NoProviders);
        } else if (accounts.length == 0) {
            _lapse(id, o);
        }
    }

    /// Ends a quorum before its reveal: nobody is blamed but those of earlier draws who never committed.
    function _void(uint64 id, Order storage o, RefundReason reason) private {
        o.excused |= o.committed;
        if (reason != RefundReason.Silence) o.excused |= o.acting;
        _finish(id, false, reason);
    }

    /// Ends an audit or jury that could not work; the check goes on without it.
    function _lapse(uint64 id, Order storage o) private {
        o.excused |= o.acting;
        _rounds[id][o.rounds - 1].lapsed = true;
        emit RoundLapsed(id, o.rounds - 1);
        _decide(id, o);
    }

    function _closeCommit(uint64 id, Order storage o) private {
        Round storage r = _rounds[id][o.rounds - 1];
        uint64 ready = r.role == Role.Quorum ? o.committed : o.committed & o.acting;
        uint256 count = _bits(ready);
        if (r.role == Role.Quorum && count < o.k) {
            if (o.redraws == _config.maxRedraws) return _void(id, o, RefundReason.Silence);
            ++o.redraws;
            return _open(id, o, Role.Quorum, uint8(o.n - count), false);
        }
        if (count == 0) return o.excused & o.acting == 0 ? _decide(id, o) : _lapse(id, o);
        o.acting = ready;
        o.excused &= ~ready; // who committed must reveal
        o.phase = Phase.Reveal;
        o.deadline = uint40(block.timestamp) + _config.revealWindow;
        emit RevealOpened(id, o.rounds - 1, o.deadline);
    }

    function _decide(uint64 id, Order storage o) private {
        Decision memory d = _checks[o.check].decide(_case(id, o));
        if (d.action == Action.DrawAudit) {
            o.phase = Phase.AuditDraw;
            (o.seedBlock, o.deadline) = _seedTimes();
            emit AuditOpened(id, o.seedBlock, o.deadline);
        } else if (d.action == Action.SeatAudit) {
            _open(id, o, Role.Audit, 1, false);
        } else if (d.action == Action.SeatJury && o.juries < MAX_JURIES) {
            ++o.juries;
            _open(id, o, Role.Jury, _jury(d.seats), false);
        } else if (d.action == Action.Stand || d.action == Action.BadInput) {
            o.phase = Phase.Standing;
            o.deadline = uint40(block.timestamp) + _config.appealWindow * (o.check == PROOF ? PROOF_WINDOWS : 1);
            if (d.action == Action.BadInput) (d.outputRoot, d.traceRoot) = (BAD_INPUT, 0);
            (o.outputRoot, o.traceRoot, o.witness) = (d.outputRoot, d.traceRoot, d.witness);
            (o.accepted, o.rejected) = (d.accepted, d.rejected);
            emit VerdictStanding(id, d.outputRoot, d.traceRoot, d.witness, d.accepted, d.rejected, o.deadline);
        } else {
            (o.accepted, o.rejected) = (0, 0);
            _finish(id, false, RefundReason.Undecided);
        }
    }

    function _case(uint64 id, Order storage o) private view returns (Case memory c) {
        (c.chainId, c.market, c.orderId) = (block.chainid, address(this), id);
        (c.n, c.k, c.auditBps, c.auditForced, c.auditSeed) = (o.n, o.k, o.auditBps, o.auditForced, o.auditSeed);
        Round[] storage rounds = _rounds[id];
        c.rounds = new RoundView[](rounds.length);
        for (uint256 i = 0; i < rounds.length; ++i) {
            Round storage r = rounds[i];
            c.rounds[i] = RoundView(r.role, r.appealed, r.lapsed, r.seated);
        }
        Member[] storage members = _members[id];
        c.claims = new ClaimView[](members.length);
        uint64 revealed = o.revealed;
        for (uint256 i = 0; i < members.length; ++i) {
            Member storage m = members[i];
            ClaimView memory v = c.claims[i];
            (v.account, v.round) = (m.account, m.round);
            if ((revealed >> i) & 1 == 0) continue;
            (v.revealed, v.outputRoot, v.traceRoot, v.mark) = (true, m.outputRoot, m.traceRoot, m.mark);
        }
    }

    // ---- Time

    /// The deadline of the phase has passed and no demand is open.
    function _expire(uint64 id, Order storage o) private {
        Phase phase = o.phase;
        bool quorum = _rounds[id][o.rounds - 1].role == Role.Quorum;
        if (phase == Phase.Draw) {
            quorum ? _void(id, o, RefundReason.Undrawn) : _lapse(id, o);
        } else if (phase == Phase.Input) {
            quorum ? _void(id, o, RefundReason.NoInput) : _lapse(id, o);
        } else if (phase == Phase.Commit) {
            _closeCommit(id, o);
        } else if (phase == Phase.Reveal) {
            _decide(id, o);
        } else if (phase == Phase.AuditDraw) {
            // Nobody drew. Were this "no audit", cheats would profit from it; so the audit is held, at the price in escrow.
            o.auditForced = true;
            emit AuditDrawn(id, 0, true);
            _decide(id, o);
        } else if (o.check == PROOF) {
            _endProof(id, o);
        } else {
            bool settled = o.outputRoot != BAD_INPUT;
            _finish(id, settled, settled ? RefundReason.Undrawn : RefundReason.BadInput);
        }
    }

    /// The last second of a verdict. A claim that a proof shows to be a lie is over at once. One that it shows to be true stands for the first
    /// window, which is its buyer's to demand the output: what was proven before, in another order, may be claimed by one who never ran it.
    function _standsUntil(Order storage o) private view returns (uint40) {
        bytes32 proven = _proven(o);
        if (proven == 0) return o.deadline;
        return proven == o.outputRoot ? o.deadline - (PROOF_WINDOWS - 1) * _config.appealWindow : 0;
    }

    /// The output root that a checked proof shows of the order's program and input; zero: none, or the order asks for no proof.
    function _proven(Order storage o) private view returns (bytes32) {
        return o.check == PROOF ? IProofCheck(address(_checks[PROOF])).outcome(o.spec, o.inputRoot) : bytes32(0);
    }

    /// A claim that a proof shows is paid, and one that a proof of another output shows to be a lie loses its lock. One of which there is
    /// no proof was never checked: it is not paid, and who made it without being able to show it was silent when it was asked.
    function _endProof(uint64 id, Order storage o) private {
        bytes32 proven = _proven(o);
        if (proven == o.outputRoot) return _finish(id, true, RefundReason.Undrawn);
        if (proven == 0) o.silent |= o.accepted;
        else o.rejected = o.accepted;
        o.accepted = 0;
        _finish(id, false, proven == 0 ? RefundReason.Unproven : RefundReason.Refuted);
    }

    /// A demand ran out: the member counts as silent, or the input of the quorum as never published. An audit or jury goes on, or
    /// one bought juror and rubbish published by an accomplice would end it: from then on nobody of it must commit.
    function _unanswered(uint64 id, Order storage o) private {
        Demand memory d = _demands[id];
        _onlyAfter(d.deadline);
        _closeDemand(id, o);
        uint32 account = _members[id][d.member].account;
        uint32 demander = d.output ? o.buyer : account;
        emit Unanswered(id, account, d.output);
        registry.credit(demander, _config.demandBond);
        if (d.output) {
            o.silent |= uint64(1) << d.member;
            return;
        }
        if (_rounds[id][o.rounds - 1].role == Role.Quorum) return _void(id, o, RefundReason.NoInput);
        o.excused |= o.acting;
        o.acting &= ~(uint64(1) << d.member);
        if (o.acting == 0) _lapse(id, o);
        else if (o.committed & o.acting == o.acting) _closeCommit(id, o);
    }

    function _finish(uint64 id, bool settled, RefundReason reason) private {
        _run(settling, abi.encodeCall(Settling.finish, (id, settled, reason)));
    }
}
