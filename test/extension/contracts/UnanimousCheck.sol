// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICheck} from "../../../contracts/src/ICheck.sol";
import {Witness} from "../../../contracts/src/Witness.sol";
import {Action, BAD_INPUT, Case, ClaimView, Decision, Role, TAG_DOMAIN} from "../../../contracts/src/Types.sol";

/// @title Check by unanimity
/// @notice 1. The result that every one of the n members claims stands, without an audit. All n saying BAD_INPUT end the order,
///    unless a jury that an appeal calls finds a result.
/// 2. Anything else, a silent member included, goes to a jury of 2n + 1, unless nobody claims a result: then the order is undecided.
/// 3. A jury decides by the majority of its seats, if it is larger than the quorum, on roots and witness; its truth judges every
///    claim, tags included, as in QuorumCheck. Without a majority an unanimous result stands and anything else is undecided.
/// 4. BAD_INPUT is never accepted nor rejected.
contract UnanimousCheck is ICheck {
    uint256 private constant NONE = type(uint256).max;

    /// @inheritdoc ICheck
    function decide(Case calldata c) external pure returns (Decision memory d) {
        for (uint256 next = c.rounds.length; next > 0; --next) {
            uint256 truth = _majority(c, next - 1);
            if (truth != NONE) return _stand(c, truth, true);
        }
        (uint256 claimed, bool unanimous) = _quorum(c);
        if (unanimous) {
            if (claimed != NONE) return _stand(c, claimed, false);
            d.action = Action.BadInput;
        } else if (claimed == NONE || c.rounds[c.rounds.length - 1].role == Role.Jury) {
            d.action = Action.Undecided;
        } else {
            (d.action, d.seats) = (Action.SeatJury, jurySize(c.n, 0));
        }
    }

    /// @inheritdoc ICheck
    function jurySize(uint8 n, uint8 index) public pure returns (uint8 size) {
        size = 2 * n + 1;
        for (uint256 i = 0; i < index; ++i) size = 2 * size + 1;
    }

    /// The first claim of a result by the quorum, and whether n of them say the same (a result, or that the input is bad).
    function _quorum(Case calldata c) private pure returns (uint256 claimed, bool unanimous) {
        uint256 said;
        uint256 bad;
        bool same = true;
        claimed = NONE;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            if (!c.claims[i].revealed || c.rounds[c.claims[i].round].role != Role.Quorum) continue;
            ++said;
            if (c.claims[i].outputRoot == BAD_INPUT) ++bad;
            else if (claimed == NONE) claimed = i;
            else if (!_sameRoots(c.claims[claimed], c.claims[i])) same = false;
        }
        unanimous = said >= c.n && same && (bad == 0 || bad == said);
    }

    /// A claim that more than half of the seats of jury `round` share.
    function _majority(Case calldata c, uint256 round) private pure returns (uint256) {
        uint256 seated = c.rounds[round].seated;
        if (c.rounds[round].role != Role.Jury || seated <= c.n || c.rounds[round].lapsed) return NONE;
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

    /// The verdict that takes claim `truth` for true; `judged` when a jury's, which knows the witness.
    function _stand(Case calldata c, uint256 truth, bool judged) private pure returns (Decision memory d) {
        ClaimView calldata t = c.claims[truth];
        d.action = Action.Stand;
        (d.outputRoot, d.traceRoot) = (t.outputRoot, t.traceRoot);
        if (judged) d.witness = _base(c, t);
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata claim = c.claims[i];
            if (!claim.revealed || claim.outputRoot == BAD_INPUT) continue;
            bool juror = c.rounds[claim.round].role == Role.Jury;
            if (juror && !judged) continue;
            bool right = _sameRoots(claim, t);
            if (judged) right = right && (juror ? _base(c, claim) == d.witness : claim.mark == _tag(c, claim.account, d.witness));
            if (right) d.accepted |= uint64(1) << uint64(i);
            else d.rejected |= uint64(1) << uint64(i);
        }
    }

    /// Link 0 of the witness, from what a juror revealed.
    function _base(Case calldata c, ClaimView calldata juror) private pure returns (bytes32) {
        uint256 jury;
        for (uint256 r = 0; r < juror.round; ++r) if (c.rounds[r].role == Role.Jury) ++jury;
        return Witness.base(juror.mark, jury);
    }

    function _sameRoots(ClaimView calldata a, ClaimView calldata b) private pure returns (bool) {
        return a.outputRoot == b.outputRoot && a.traceRoot == b.traceRoot;
    }

    function _tag(Case calldata c, uint32 account, bytes32 witness) private pure returns (bytes32) {
        return keccak256(abi.encode(TAG_DOMAIN, c.chainId, c.market, c.orderId, account, witness));
    }
}
