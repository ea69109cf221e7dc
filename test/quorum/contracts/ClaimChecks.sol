// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimCheck} from "../../../contracts/src/dispute/ClaimCheck.sol";
import {Openings} from "../../../contracts/src/dispute/Openings.sol";

/// @title The checks of a claim's own roots, open to calls
contract ClaimChecks {
    function inputDiffers(
        bytes32 id,
        bytes32 trace,
        bytes32 inputs,
        Openings.Program calldata program,
        bytes calldata io,
        ClaimCheck.Item calldata given,
        ClaimCheck.Item calldata traced
    ) external pure returns (bool) {
        return ClaimCheck.inputDiffers(id, trace, inputs, program, io, given, traced);
    }

    function outputDiffers(
        bytes32 id,
        bytes32 trace,
        bytes32 outputs,
        Openings.Program calldata program,
        bytes calldata io,
        ClaimCheck.Item calldata claimed,
        ClaimCheck.Item calldata traced
    ) external pure returns (bool) {
        return ClaimCheck.outputDiffers(id, trace, outputs, program, io, claimed, traced);
    }

    function countDiffers(bytes32 id, bytes32 trace, ClaimCheck.Step calldata last, uint64 count, bytes32 top) external pure returns (bool) {
        return ClaimCheck.countDiffers(id, trace, last, count, top);
    }

    function lengthDiffers(
        bytes32 id,
        bytes32 trace,
        ClaimCheck.Step calldata step,
        uint8 output,
        ClaimCheck.Item calldata traced,
        uint64 size,
        bytes32 top
    ) external pure returns (bool) {
        return ClaimCheck.lengthDiffers(id, trace, step, output, traced, size, top);
    }
}
