// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Case, Decision} from "./Types.sol";

/// @title A way to check results
/// @notice Its position in WorkMarket's list is the check code of an order. Deciding is pure: the same case gives the same
/// decision on and off the chain, for ever. It must not revert on a case that the market builds.
interface ICheck {
    /// @notice What happens next, asked when a round is complete, has lapsed, or the audit seed is drawn.
    function decide(Case calldata c) external pure returns (Decision memory);

    /// @notice Seats of the jury that opens as number `index` (0, 1, ...) over a quorum of n.
    function jurySize(uint8 n, uint8 index) external pure returns (uint8);
}
