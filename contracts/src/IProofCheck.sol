// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a market asks of the check of proofs
interface IProofCheck {
    /// @notice The output root that a checked proof shows of `program` on the input that an order binds as `inputRoot`; zero: none yet. Once
    /// given it never changes.
    function outcome(bytes32 program, bytes32 inputRoot) external view returns (bytes32);
}
