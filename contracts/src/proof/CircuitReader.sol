// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Argument} from "./Argument.sol";
import {Shapes} from "./Shapes.sol";
import {Stated} from "./Stated.sol";
import {Tape} from "./Tape.sol";

/// @title What a part of a circuit's tape gives
/// @notice A contract of its own, because one that also checks arguments would exceed 24,576 bytes. It holds nothing and answers the same for ever.
contract CircuitReader {
    /// @notice The number that `part` adds at a claim's coins. `inputs` and `outputs`: the public tensors, little-endian; reverts unless their roots are
    /// the statement's.
    function read(
        Argument.Claim calldata claim,
        Shapes.Statement calldata statement,
        Shapes.Circuit calldata circuit,
        uint256 theta,
        bytes[] calldata inputs,
        bytes[] calldata outputs,
        bytes calldata part
    ) external pure returns (uint256) {
        return Tape.read(claim, circuit.shape, theta, Stated.values(statement, circuit, inputs, outputs), part);
    }
}
