// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICheck} from "./ICheck.sol";
import {Action, BAD_INPUT, Case, ClaimView, Decision, UNSERVED} from "./Types.sol";

/// @title Check of one claim by whoever disputes it
/// @notice The result that the provider claims stands until somebody shows that it is wrong (Disputes). BAD_INPUT and UNSERVED end the
/// order: no contract can check them. There are no audits and no juries.
contract OptimisticCheck is ICheck {
    /// @inheritdoc ICheck
    function decide(Case calldata c) external pure returns (Decision memory d) {
        d.action = Action.Undecided;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata claim = c.claims[i];
            if (!claim.revealed || claim.outputRoot == BAD_INPUT || claim.outputRoot == UNSERVED) continue;
            d.action = Action.Stand;
            (d.outputRoot, d.traceRoot, d.accepted) = (claim.outputRoot, claim.traceRoot, uint64(1) << uint64(i));
            return d;
        }
    }

    /// @inheritdoc ICheck
    function jurySize(uint8, uint8) external pure returns (uint8) {
        return 0;
    }
}
