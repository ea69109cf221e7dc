// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRegistry} from "./IRegistry.sol";
import {MarketBase} from "./MarketBase.sol";
import {
    Appeal, BAD_INPUT, Member, Order, Phase, RefundReason, Role, Settlement, UNSERVED, Verdict
} from "./Types.sol";

/// @title The end of an order: who is paid, slashed and refunded
/// @notice What comes in (escrow, buyer's bond, appeal bonds, slashed stake) equals what goes out (payments, fees, what is burned,
/// rewards, returned bonds, and the rest to the buyer), to the wei. Nobody who could arrange a fault is paid for it. In order:
///  1. slash: the whole lock of the rejected, Config.silenceBps of that of the silent. What the silent lose is burned, because
///     anybody may keep a machine off the net; so is half (rounded up) of what the rejected lose, so that slashing oneself always
///     loses. The other half is the pool: there is one only where a verdict found a lie.
///  2. accepted members of quorum and audit are paid their price from the escrow, less the burned fee.
///  3. jurors are paid from the pool; those of an appeal that failed from its bond, as are those of one that the pool cannot pay.
///     A jury without a majority is paid from the bond.
///  4. bonds of appeals that changed a verdict, or whose jury had no majority, return; what is left of the others is burned.
///  5. half of the pool's rest rewards whoever found the lie: the appellants, else the auditor that differed; of an optimistic claim the first right challenge. The rest is what it would
///     be had no juror been silent.
///  6. a buyer that failed to give its input leaves its bond to the members of the quorum (or to those of it who said so). An order
///     without verdict pays nobody else: no claim of it was checked.
///  7. a member of the quorum that says UNSERVED, and the buyer for it, lose a tenth of the highest price each, burned.
///  8. what is left of the pool is burned.
///  9. the buyer gets what is left of its own escrow and bond, never more.
contract Settling is MarketBase {
    /// Running sums of one settlement, wei.
    struct Sums {
        uint128 money; // what is left of the buyer's escrow and bond
        uint128 pool; // what is left of the half of what the rejected lost
        uint128 burned;
        uint128 paid;
        uint128 slashed;
        uint64 hung; // rounds whose jury reached no majority: bit r
        Settlement[] out;
        uint128[] bonds; // what is left of each appeal's bond
        bool[] succeeded;
        uint256 auditor; // index of the auditor that differed, else none
    }

    constructor(IRegistry registry_) MarketBase(registry_) {}

    /// @notice Ends order `id`. Reached by delegatecall from Rounds only; on its own storage there is no order to end.
    function finish(uint64 id, bool settled, RefundReason reason) external {
        _end(id, settled, reason, 0, 0);
    }

    /// @notice Ends an optimistic order whose claim a challenge of `finder` refuted: `bond` returns to it, and it has the reward of
    /// point 5. Reached by delegatecall from Disputes only.
    function refuted(uint64 id, uint32 finder, uint128 bond) external {
        _end(id, false, RefundReason.Refuted, finder, bond);
    }

    function _end(uint64 id, bool settled, RefundReason reason, uint32 finder, uint128 bond) private {
        Order storage o = _orders[id];
        if (o.phase == Phase.None || o.phase >= Phase.Settled) revert WrongPhase(id, o.phase);
        o.phase = settled ? Phase.Settled : Phase.Refunded;
        o.deadline = 0;
        Order memory m = o;
        Sums memory s;
        s.money = m.escrow + m.bond;
        _judge(id, m, s);
        _weighAppeals(id, m, s);
        _pay(id, m, s);
        if (reason == RefundReason.NoInput || reason == RefundReason.BadInput) _shareBond(id, m, s, reason == RefundReason.BadInput);
        uint128[] memory returned = _closeAppeals(id, s);
        if (finder != 0) {
            uint128 reward = s.pool / 2;
            s.pool -= reward;
            bond += reward;
            emit Rewarded(id, finder, reward);
        }
        s.burned += s.pool;
        o.silent = m.silent;
        for (uint256 i = 0; i < s.out.length; ++i) {
            Settlement memory x = s.out[i];
            s.paid += x.paid;
            emit MemberSettled(id, x.account, x.verdict, x.paid, x.fee, x.slashed);
        }
        if (settled) emit Settled(id, m.buyer, s.paid, s.burned, s.slashed, s.money);
        else emit Refunded(id, m.buyer, reason, s.paid, s.burned, s.slashed, s.money);
        registry.settle(m.kind, s.out, s.burned);
        for (uint256 i = 0; i < returned.length; ++i) if (returned[i] != 0) registry.credit(_appeals[id][i].account, returned[i]);
        if (finder != 0) registry.credit(finder, bond);
        if (s.money != 0) registry.credit(m.buyer, s.money);
    }

    /// Verdicts and slashes. Adds those without commit or reveal to the silent.
    function _judge(uint64 id, Order memory m, Sums memory s) private view {
        Member[] storage members = _members[id];
        uint256 n = members.length;
        s.out = new Settlement[](n);
        m.silent |= uint64((uint256(1) << n) - 1) & ~m.revealed & ~m.excused;
        s.auditor = type(uint256).max;
        uint128 tithes;
        uint128 lies;
        for (uint256 i = 0; i < n; ++i) {
            Settlement memory x = s.out[i];
            (x.account, x.locked) = (members[i].account, members[i].locked);
            if ((m.rejected >> i) & 1 != 0) {
                // Before silence: a liar must not get off with a part of its lock by withholding its output too.
                x.verdict = Verdict.Rejected;
                x.slashed = x.locked;
                lies += x.slashed;
            } else if ((m.silent >> i) & 1 != 0) {
                x.verdict = Verdict.Silent;
                x.slashed = uint128(uint256(x.locked) * _config.silenceBps / 10_000);
            } else if ((m.accepted >> i) & 1 != 0) {
                x.verdict = Verdict.Accepted;
                if (m.juries != 0 && m.rejected != 0 && _rounds[id][members[i].round].role == Role.Audit) s.auditor = i;
            } else if (members[i].outputRoot == UNSERVED && _isQuorum(id, members[i])) {
                x.slashed = m.bond / m.n;
                tithes += x.slashed;
            }
            s.slashed += x.slashed;
        }
        s.pool = lies / 2;
        s.burned = s.slashed - s.pool + tithes;
        s.money -= tithes;
        m.bond -= tithes; // at most n commit in a quorum, so the bond covers them
    }

    function _isQuorum(uint64 id, Member storage m) private view returns (bool) {
        return _rounds[id][m.round].role == Role.Quorum;
    }

    /// Which appeals changed what was thought of somebody, and which of their juries reached no majority.
    function _weighAppeals(uint64 id, Order memory m, Sums memory s) private view {
        Appeal[] storage appeals = _appeals[id];
        s.bonds = new uint128[](appeals.length);
        s.succeeded = new bool[](appeals.length);
        for (uint256 a = 0; a < appeals.length; ++a) {
            Appeal storage p = appeals[a];
            s.bonds[a] = p.bond;
            s.succeeded[a] = m.accepted & p.members != p.accepted || m.rejected & p.members != p.rejected;
            if (_rounds[id][p.round].lapsed) continue;
            bool judged;
            Member[] storage members = _members[id];
            for (uint256 i = 0; i < members.length; ++i) {
                if (members[i].round == p.round && ((m.accepted | m.rejected) >> i) & 1 != 0) judged = true;
            }
            if (!judged) s.hung |= uint64(1) << p.round;
        }
    }

    function _pay(uint64 id, Order memory m, Sums memory s) private view {
        Member[] storage members = _members[id];
        uint128 missed; // what the silent jurors that the pool pays would have had
        for (uint256 i = 0; i < members.length; ++i) {
            Settlement memory x = s.out[i];
            bool accepted = x.verdict == Verdict.Accepted;
            if (x.verdict == Verdict.Silent && _poolPays(id, s, members[i].round)) missed += registry.price(members[i].tier);
            if (!accepted && (x.verdict != Verdict.None || (m.revealed >> i) & 1 == 0 || _empty(members[i].outputRoot))) continue;
            uint128 gross = registry.price(members[i].tier);
            if (_rounds[id][members[i].round].role == Role.Jury) gross = _juror(id, s, members[i].round, gross, accepted);
            else if (accepted) s.money -= gross;
            else continue;
            if (accepted) x.fee = uint128(uint256(gross) * _config.feeBps / 10_000);
            x.paid = gross - x.fee;
            s.burned += x.fee;
        }
        s.burned += _fromPool(s, missed);
    }

    /// Whether the pool pays the jury of `round`.
    function _poolPays(uint64 id, Sums memory s, uint8 round) private view returns (bool) {
        if (_rounds[id][round].role != Role.Jury) return false;
        Appeal[] storage appeals = _appeals[id];
        for (uint256 a = 0; a < appeals.length; ++a) if (appeals[a].round == round) return s.succeeded[a];
        return true;
    }

    /// A claim that shows no work.
    function _empty(bytes32 outputRoot) private pure returns (bool) {
        return outputRoot == BAD_INPUT || outputRoot == UNSERVED;
    }

    function _juror(uint64 id, Sums memory s, uint8 round, uint128 price, bool accepted) private view returns (uint128) {
        Appeal[] storage appeals = _appeals[id];
        for (uint256 a = 0; a < appeals.length; ++a) {
            if (appeals[a].round != round) continue;
            // Neither accepted nor rejected by a jury that reached a majority: it ran a bad input and did not say so.
            if (!accepted && (s.hung >> round) & 1 == 0) return 0;
            uint128 got = s.succeeded[a] ? _fromPool(s, price) : 0;
            uint128 rest = price - got;
            if (rest > s.bonds[a]) rest = s.bonds[a];
            s.bonds[a] -= rest;
            return got + rest;
        }
        return _fromPool(s, price);
    }

    function _fromPool(Sums memory s, uint128 amount) private pure returns (uint128) {
        if (amount > s.pool) amount = s.pool;
        s.pool -= amount;
        return amount;
    }

    /// The bond of a buyer that did not show its input, in equal parts to the members that were there (or that say so).
    function _shareBond(uint64 id, Order memory m, Sums memory s, bool badOnly) private view {
        Member[] storage members = _members[id];
        uint128 count;
        for (uint256 pass = 0; pass < 2; ++pass) {
            uint128 part = count == 0 ? 0 : m.bond / count;
            for (uint256 i = 0; i < members.length; ++i) {
                if (s.out[i].verdict != Verdict.None || !_isQuorum(id, members[i])) continue;
                if (badOnly && members[i].outputRoot != BAD_INPUT) continue;
                if (pass == 0) {
                    ++count;
                    continue;
                }
                s.out[i].paid += part;
                s.money -= part;
            }
        }
    }

    /// Bonds back or burned, and the reward.
    function _closeAppeals(uint64 id, Sums memory s) private returns (uint128[] memory returned) {
        Appeal[] storage appeals = _appeals[id];
        returned = new uint128[](appeals.length);
        uint128 finders;
        for (uint256 a = 0; a < appeals.length; ++a) if (s.succeeded[a]) ++finders;
        uint128 reward = s.pool / 2;
        if (finders == 0 && s.auditor != type(uint256).max) {
            s.out[s.auditor].paid += reward;
            s.pool -= reward;
            emit Rewarded(id, s.out[s.auditor].account, reward);
        }
        for (uint256 a = 0; a < appeals.length; ++a) {
            Appeal storage p = appeals[a];
            uint128 back = s.bonds[a];
            if (s.succeeded[a]) {
                uint128 part = reward / finders;
                s.pool -= part;
                returned[a] = back + part;
                emit Rewarded(id, p.account, part);
            } else if ((s.hung >> p.round) & 1 != 0) {
                returned[a] = back;
            } else {
                s.burned += back;
            }
            emit AppealSettled(id, p.account, s.succeeded[a], returned[a]);
        }
    }
}
