// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimRoots, Fraud} from "../../../contracts/src/Types.sol";

interface IJudge {
    function refutes(ClaimRoots calldata c, Fraud fraud, bytes calldata proof) external pure returns (bool);
}

/// @title Many fraud proofs in one call
/// @notice Never deployed with a market: differential tests ask FraudCheck through it.
contract FraudChecks {
    /// A byte a proof: 0 shows nothing, 1 refutes, 2 reverts.
    function each(IJudge judge, ClaimRoots[] calldata claims, Fraud fraud, bytes[] calldata proofs)
        external
        pure
        returns (bytes memory answers)
    {
        answers = new bytes(proofs.length);
        for (uint256 i = 0; i < proofs.length; ++i) {
            try judge.refutes(claims[i], fraud, proofs[i]) returns (bool wrong) {
                answers[i] = wrong ? bytes1(0x01) : bytes1(0x00);
            } catch {
                answers[i] = 0x02;
            }
        }
    }
}
