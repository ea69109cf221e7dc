// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Settlement} from "./Types.sol";

/// @title What the market may do with the money and stake that Registry holds
interface IRegistry {
    /// @notice Wei of a price tier: 1e12 * (4 + t % 4) * 2^(t / 4) / 4, t in 0..127.
    function price(uint8 tier) external pure returns (uint128);

    /// @notice True when `who` is the owner or the operator of `account`.
    function isActor(uint32 account, address who) external view returns (bool);

    /// @notice Providers with an active offer of `kind` at a tier up to `maxTier` and weight, and the sum of their weights.
    function eligible(uint8 kind, uint8 maxTier) external view returns (uint256 count, uint64 weight);

    /// @notice Such providers that are not in `excluded` (distinct accounts).
    function eligibleBeside(uint8 kind, uint8 maxTier, uint32[] calldata excluded) external view returns (uint256 count);

    /// @notice Draws up to `wanted` distinct accounts by weight, none of `excluded`, and locks `lock` wei of the stake of each.
    function seat(uint8 kind, uint8 maxTier, uint8 wanted, uint128 lock, bytes32 seed, uint32[] calldata excluded)
        external
        returns (uint32[] memory accounts, uint8[] memory tiers);

    /// @notice Moves free balance of `account` into what the market holds.
    function debit(uint32 account, uint128 amount) external;

    /// @notice The same for a bond: what the free balance lacks comes from stake that is not locked. What is unbonding is reduced
    /// when it no longer fits.
    function pledge(uint32 account, uint128 amount) external;

    /// @notice Moves what the market holds into the free balance of `account`.
    function credit(uint32 account, uint128 amount) external;

    /// @notice Ends an order of `kind`: unlocks, slashes into what the market holds, pays from it, burns `burned` of it, keeps the
    /// records, and suspends the offers of the silent.
    function settle(uint8 kind, Settlement[] calldata members, uint128 burned) external;
}
