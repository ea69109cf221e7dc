// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TrainCheck} from "../../../contracts/src/training/TrainCheck.sol";

/// @title The check of a step of training, with its gas
contract TrainChecks is TrainCheck {
    /// @notice As `refutes`, and the gas that it took.
    function measure(Step calldata s, ElementProof calldata p) external view returns (bool wrong, uint64 gasUsed) {
        uint256 start = gasleft();
        wrong = this.refutes(s, p);
        gasUsed = uint64(start - gasleft());
    }
}
