// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ElementCheck} from "../../../contracts/src/dispute/ElementCheck.sol";
import {Reading} from "../../../contracts/src/dispute/Reading.sol";

/// @title The check of contracts/src/dispute, open to calls
/// @notice Not deployed with a market yet: differential tests compare it with the engine.
contract ElementChecks {
    bool public refuted;

    /// The check as a transaction, for its gas: a market would do more than keep one bit.
    function refute(bytes32 program, bytes32 trace, Reading.Proof calldata p) external {
        refuted = ElementCheck.refutes(program, trace, p);
    }

    function refutes(bytes32 program, bytes32 trace, Reading.Proof calldata p) external pure returns (bool) {
        return ElementCheck.refutes(program, trace, p);
    }
}
