// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICheck} from "./ICheck.sol";
import {Action, BAD_INPUT, Case, ClaimView, Decision, Role, TAG_DOMAIN} from "./Types.sol";

/// @title Check by quorum, audit and jury
/// @notice 1. k equal claims of the quorum stand; claims that differ without k equal ones go to a jury, silence to a refund.
/// 2. An audit drawn after the reveal re-runs the work. An auditor that agrees changes nothing, one that differs calls a jury.
///    One that is silent or was sent rubbish is replaced once; then the audit lapses.
/// 3. A jury decides by the majority of its seats, if it is larger than the quorum, on roots and witness. Its truth judges every
///    claim: quorum members and auditors by roots and tag (a tag needs the witness, which only a run of the program yields, so
///    a copied claim is exposed), jurors by roots and witness.
/// 4. A jury without a majority: after an appeal the earlier verdict stands; otherwise the order is undecided.
/// 5. BAD_INPUT says something about one member's envelope, which nobody else can see. So it is never rejected (a buyer could
///    send rubbish to one member) and never accepted; k of them end the order.
contract QuorumCheck is ICheck {
    uint256 private constant NONE = type(uint256).max;
    uint256 private constant MAX_AUDITS = 2;

    /// @inheritdoc ICheck
    function decide(Case calldata c) external pure returns (Decision memory d) {
        uint256 quorum = _quorum(c);
        Role last = c.rounds[c.rounds.length - 1].role;
        if (last == Role.Jury) return _afterJury(c, quorum);
        if (quorum == NONE) {
            d.action = _split(c) ? Action.SeatJury : Action.Undecided;
            d.seats = jurySize(c.n, 0);
            return d;
        }
        if (c.claims[quorum].outputRoot == BAD_INPUT) {
            d.action = Action.BadInput;
            return d;
        }
        if (last == Role.Audit) return _afterAudit(c, quorum);
        if (c.auditSeed == 0 && !c.auditForced) {
            d.action = Action.DrawAudit;
            return d;
        }
        if (c.auditForced || uint256(keccak256(abi.encode(c.auditSeed, c.orderId))) % 10_000 < c.auditBps) return _audit();
        return _stand(c, quorum, false);
    }

    /// @inheritdoc ICheck
    function jurySize(uint8 n, uint8 index) public pure returns (uint8 size) {
        size = 2 * n + 1;
        for (uint256 i = 0; i < index; ++i) size = 2 * size + 1;
    }

    function _afterAudit(Case calldata c, uint256 quorum) private pure returns (Decision memory d) {
        uint256 last = c.rounds.length - 1;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata claim = c.claims[i];
            if (claim.round != last || !claim.revealed || claim.outputRoot == BAD_INPUT) continue;
            if (_sameRoots(claim, c.claims[quorum])) return _stand(c, quorum, false);
            d.action = Action.SeatJury;
            d.seats = jurySize(c.n, 0);
            return d;
        }
        uint256 audits;
        for (uint256 r = 0; r <= last; ++r) if (c.rounds[r].role == Role.Audit) ++audits;
        if (!c.rounds[last].lapsed && audits < MAX_AUDITS) return _audit();
        return _stand(c, quorum, false);
    }

    function _afterJury(Case calldata c, uint256 quorum) private pure returns (Decision memory d) {
        bool called; // by this check, because claims differ
        for (uint256 next = c.rounds.length; next > 0; --next) {
            uint256 r = next - 1;
            if (c.rounds[r].role != Role.Jury) continue;
            uint256 truth = _majority(c, r);
            if (truth != NONE) return _stand(c, truth, true);
            if (!c.rounds[r].appealed) called = true;
        }
        if (called || quorum == NONE) {
            d.action = Action.Undecided;
            return d;
        }
        return _stand(c, quorum, false);
    }

    function _audit() private pure returns (Decision memory d) {
        (d.action, d.seats) = (Action.SeatAudit, 1);
    }

    /// The verdict that takes claim `truth` for true; `judged` when a jury's, which knows the witness.
    function _stand(Case calldata c, uint256 truth, bool judged) private pure returns (Decision memory d) {
        ClaimView calldata t = c.claims[truth];
        d.action = Action.Stand;
        (d.outputRoot, d.traceRoot) = (t.outputRoot, t.traceRoot);
        if (judged) d.witness = t.mark;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata claim = c.claims[i];
            if (!claim.revealed || claim.outputRoot == BAD_INPUT) continue;
            bool juror = c.rounds[claim.round].role == Role.Jury;
            if (juror && !judged) continue;
            bool right = _sameRoots(claim, t);
            if (judged) right = right && claim.mark == (juror ? t.mark : _tag(c, claim.account, t.mark));
            if (right) d.accepted |= uint64(1) << uint64(i);
            else d.rejected |= uint64(1) << uint64(i);
        }
    }

    /// A claim that k of the quorum share.
    function _quorum(Case calldata c) private pure returns (uint256) {
        for (uint256 i = 0; i < c.claims.length; ++i) {
            if (!_counts(c, i)) continue;
            uint256 equal;
            for (uint256 j = 0; j < c.claims.length; ++j) if (_counts(c, j) && _sameRoots(c.claims[i], c.claims[j])) ++equal;
            if (equal >= c.k) return i;
        }
        return NONE;
    }

    /// Two of the quorum claim different results.
    function _split(Case calldata c) private pure returns (bool) {
        uint256 first = NONE;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            if (!_counts(c, i) || c.claims[i].outputRoot == BAD_INPUT) continue;
            if (first == NONE) first = i;
            else if (!_sameRoots(c.claims[first], c.claims[i])) return true;
        }
        return false;
    }

    /// A claim that more than half of the seats of jury `round` share.
    function _majority(Case calldata c, uint256 round) private pure returns (uint256) {
        uint256 seated = c.rounds[round].seated;
        if (seated <= c.n || c.rounds[round].lapsed) return NONE;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata a = c.claims[i];
            if (a.round != round || !a.revealed || a.outputRoot == BAD_INPUT) continue;
            uint256 equal;
            for (uint256 j = 0; j < c.claims.length; ++j) {
                ClaimView calldata b = c.claims[j];
                if (b.round == round && b.revealed && _sameRoots(a, b) && a.mark == b.mark) ++equal;
            }
            if (2 * equal > seated) return i;
        }
        return NONE;
    }

    function _counts(Case calldata c, uint256 i) private pure returns (bool) {
        return c.claims[i].revealed && c.rounds[c.claims[i].round].role == Role.Quorum;
    }

    function _sameRoots(ClaimView calldata a, ClaimView calldata b) private pure returns (bool) {
        return a.outputRoot == b.outputRoot && a.traceRoot == b.traceRoot;
    }

    function _tag(Case calldata c, uint32 account, bytes32 witness) private pure returns (bytes32) {
        return keccak256(abi.encode(TAG_DOMAIN, c.chainId, c.market, c.orderId, account, witness));
    }
}
