// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICheck} from "./ICheck.sol";
import {Witness} from "./Witness.sol";
import {Action, BAD_INPUT, Case, ClaimView, Decision, Role, TAG_DOMAIN, UNSERVED} from "./Types.sol";

/// @title Check by quorum, audit and jury
/// @notice 1. k equal claims of the quorum stand; claims that differ without k equal ones go to a jury, silence to a refund.
/// 2. An audit drawn after the reveal re-runs the work. An auditor that agrees changes nothing, one that differs calls a jury.
///    One that is silent or was sent rubbish is replaced once; then the audit lapses.
/// 3. A jury decides by the majority of its seats, if it is larger than the quorum, on roots and witness. Its truth judges every
///    claim: quorum members and auditors by roots and tag (a tag needs the witness, which only a run of the program yields, so
///    a copied claim is exposed), jurors by roots and their link of the witness.
/// 4. A jury without a majority: after an appeal the earlier verdict stands; otherwise the order is undecided.
/// 5. BAD_INPUT of k members, or of any when no claim has k, stands as the verdict. An appeal opens a jury whose members get the
///    input and check the envelopes that the quorum got. A majority for a result shows that those who said BAD_INPUT lied: they
///    are rejected. A majority for BAD_INPUT, with a mark that shows that they got the input, confirms it. In every other case
///    BAD_INPUT is neither accepted nor rejected: a buyer could send rubbish to one member only.
/// 6. UNSERVED counts for nothing here; Settling makes it cost something.
contract QuorumCheck is ICheck {
    uint256 private constant NONE = type(uint256).max;
    uint256 private constant MAX_AUDITS = 2;

    /// @inheritdoc ICheck
    function decide(Case calldata c) external pure returns (Decision memory d) {
        uint256 quorum = _quorum(c);
        Role last = c.rounds[c.rounds.length - 1].role;
        if (last == Role.Jury) return _afterJury(c, quorum);
        if (quorum == NONE) return _disagreed(c);
        if (last == Role.Audit) return _afterAudit(c, quorum);
        if (c.auditSeed == 0 && !c.auditForced) {
            d.action = Action.DrawAudit;
            return d;
        }
        if (c.auditForced || uint256(keccak256(abi.encode(c.auditSeed, c.orderId))) % 10_000 < c.auditBps) return _audit();
        return _stand(c, quorum);
    }

    /// @inheritdoc ICheck
    function jurySize(uint8 n, uint8 index) public pure returns (uint8 size) {
        size = 2 * n + 1;
        for (uint256 i = 0; i < index; ++i) size = 2 * size + 1;
    }

    function _disagreed(Case calldata c) private pure returns (Decision memory d) {
        uint256 bad;
        for (uint256 i = 0; i < c.claims.length; ++i) if (_voted(c, i) && c.claims[i].outputRoot == BAD_INPUT) ++bad;
        if (bad < c.k && _split(c)) (d.action, d.seats) = (Action.SeatJury, jurySize(c.n, 0));
        else if (bad != 0) return _badInput(c, NONE);
        else d.action = Action.Undecided;
    }

    function _afterAudit(Case calldata c, uint256 quorum) private pure returns (Decision memory d) {
        uint256 last = c.rounds.length - 1;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata a = c.claims[i];
            if (a.round != last || !a.revealed || !_real(a)) continue;
            if (_sameRoots(a, c.claims[quorum])) return _stand(c, quorum);
            (d.action, d.seats) = (Action.SeatJury, jurySize(c.n, 0));
            return d;
        }
        uint256 audits;
        for (uint256 r = 0; r <= last; ++r) if (c.rounds[r].role == Role.Audit) ++audits;
        if (!c.rounds[last].lapsed && audits < MAX_AUDITS) return _audit();
        return _stand(c, quorum);
    }

    function _afterJury(Case calldata c, uint256 quorum) private pure returns (Decision memory d) {
        // With no claim of the quorum standing, an appeal can only have been against BAD_INPUT.
        bool bad = quorum == NONE && _firstJuryAppealed(c);
        bool called; // by this check, because claims differ
        for (uint256 next = c.rounds.length; next > 0; --next) {
            uint256 r = next - 1;
            if (c.rounds[r].role != Role.Jury) continue;
            uint256 truth = _majority(c, r, bad);
            if (truth != NONE) return _real(c.claims[truth]) ? _judge(c, truth, bad) : _badInput(c, truth);
            if (!c.rounds[r].appealed) called = true;
        }
        if (bad) return _badInput(c, NONE);
        if (!called && quorum != NONE) return _stand(c, quorum);
        d.action = Action.Undecided;
    }

    function _audit() private pure returns (Decision memory d) {
        (d.action, d.seats) = (Action.SeatAudit, 1);
    }

    /// The verdict that takes claim `truth` of the quorum for true. Jurors, who found nothing, are not judged.
    function _stand(Case calldata c, uint256 truth) private pure returns (Decision memory d) {
        ClaimView calldata t = c.claims[truth];
        d.action = Action.Stand;
        (d.outputRoot, d.traceRoot) = (t.outputRoot, t.traceRoot);
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata claim = c.claims[i];
            if (!claim.revealed || !_real(claim) || c.rounds[claim.round].role == Role.Jury) continue;
            if (_sameRoots(claim, t)) d.accepted |= uint64(1) << uint64(i);
            else d.rejected |= uint64(1) << uint64(i);
        }
    }

    /// The verdict of a jury, whose witness judges every claim. `bad`: what it was asked is whether BAD_INPUT was a lie.
    function _judge(Case calldata c, uint256 truth, bool bad) private pure returns (Decision memory d) {
        ClaimView calldata t = c.claims[truth];
        d.action = Action.Stand;
        (d.outputRoot, d.traceRoot) = (t.outputRoot, t.traceRoot);
        d.witness = _base(c, t);
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata claim = c.claims[i];
            if (!claim.revealed) continue;
            Role role = c.rounds[claim.round].role;
            bool right;
            if (_real(claim)) {
                right = _sameRoots(claim, t);
                if (role == Role.Jury) right = right && _base(c, claim) == d.witness;
                else right = right && claim.mark == _tag(c, claim.account, d.witness);
            } else if (!bad || role != Role.Quorum || claim.outputRoot != BAD_INPUT) {
                continue;
            }
            if (right) d.accepted |= uint64(1) << uint64(i);
            else d.rejected |= uint64(1) << uint64(i);
        }
    }

    /// BAD_INPUT stands; `truth`, if any, is the claim of a jury's majority that confirms it. Only its jurors are accepted: saying
    /// BAD_INPUT earns no record.
    function _badInput(Case calldata c, uint256 truth) private pure returns (Decision memory d) {
        d.action = Action.BadInput;
        if (truth == NONE) return d;
        d.witness = _base(c, c.claims[truth]);
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata claim = c.claims[i];
            if (!claim.revealed || claim.outputRoot != BAD_INPUT || c.rounds[claim.round].role != Role.Jury) continue;
            if (claim.mark != BAD_INPUT && _base(c, claim) == d.witness) d.accepted |= uint64(1) << uint64(i);
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
            if (!_counts(c, i)) continue;
            if (first == NONE) first = i;
            else if (!_sameRoots(c.claims[first], c.claims[i])) return true;
        }
        return false;
    }

    /// A claim that more than half of the seats of jury `round` share; BAD_INPUT only where `bad`, of jurors that got the input.
    function _majority(Case calldata c, uint256 round, bool bad) private pure returns (uint256) {
        uint256 seated = c.rounds[round].seated;
        if (seated <= c.n || c.rounds[round].lapsed) return NONE;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata a = c.claims[i];
            if (a.round != round || !a.revealed) continue;
            if (!_real(a) && !(bad && a.outputRoot == BAD_INPUT && a.mark != BAD_INPUT)) continue;
            uint256 equal;
            for (uint256 j = 0; j < c.claims.length; ++j) {
                ClaimView calldata b = c.claims[j];
                if (b.round == round && b.revealed && _sameRoots(a, b) && a.mark == b.mark) ++equal;
            }
            if (2 * equal > seated) return i;
        }
        return NONE;
    }

    /// A revealed claim of the quorum, whatever it says.
    function _voted(Case calldata c, uint256 i) private pure returns (bool) {
        return c.claims[i].revealed && c.rounds[c.claims[i].round].role == Role.Quorum;
    }

    /// A revealed result of the quorum.
    function _counts(Case calldata c, uint256 i) private pure returns (bool) {
        return _voted(c, i) && _real(c.claims[i]);
    }

    /// A claim of a result.
    function _real(ClaimView calldata a) private pure returns (bool) {
        return a.outputRoot != BAD_INPUT && a.outputRoot != UNSERVED;
    }

    function _sameRoots(ClaimView calldata a, ClaimView calldata b) private pure returns (bool) {
        return a.outputRoot == b.outputRoot && a.traceRoot == b.traceRoot;
    }

    function _firstJuryAppealed(Case calldata c) private pure returns (bool) {
        uint256 r = 0;
        while (c.rounds[r].role != Role.Jury) ++r;
        return c.rounds[r].appealed;
    }

    /// Link 0 of the witness, from what a juror revealed.
    function _base(Case calldata c, ClaimView calldata juror) private pure returns (bytes32) {
        uint256 jury;
        for (uint256 r = 0; r < juror.round; ++r) if (c.rounds[r].role == Role.Jury) ++jury;
        return Witness.base(juror.mark, jury);
    }

    function _tag(Case calldata c, uint32 account, bytes32 witness) private pure returns (bytes32) {
        return keccak256(abi.encode(TAG_DOMAIN, c.chainId, c.market, c.orderId, account, witness));
    }
}
