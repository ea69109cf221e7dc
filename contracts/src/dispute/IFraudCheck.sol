// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimRoots, Fraud} from "../Types.sol";

/// @title Whether a proof shows that a claim is wrong
interface IFraudCheck {
    /// The bytes are no abi.encode of one struct.
    error ShortProof(uint256 got);

    /// @notice True when `proof`, which is abi.encode of the struct that `fraud` names, shows that claim `c` is wrong. False when what
    /// it shows is as it should be. Reverts when it opens nothing.
    function refutes(ClaimRoots calldata c, Fraud fraud, bytes calldata proof) external pure returns (bool);
}
