// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../../../contracts/src/Merkle.sol";

/// @title The roots of contracts/src/Merkle.sol, open to calls
/// @notice Never deployed with a market: differential tests compare it with base/merkle.hpp.
contract MerkleRoots {
    function byteRoot(uint8 domain, uint64 size, uint64 subtree, bytes calldata data, bytes32[] calldata siblings)
        external
        pure
        returns (bytes32)
    {
        return Merkle.byteRoot(domain, size, subtree, data, siblings);
    }

    function listRoot(uint8 domain, uint64 count, uint64 index, bytes32 item, bytes32[] calldata siblings) external pure returns (bytes32) {
        return Merkle.listRoot(domain, count, index, item, siblings);
    }

    function root(uint8 domain, uint64 length, bytes32 top) external pure returns (bytes32) {
        return Merkle.root(domain, length, top);
    }
}
