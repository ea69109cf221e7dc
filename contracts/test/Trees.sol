// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @dev The trees of base/merkle.hpp written once more and plainly, for tests that make programs and traces.
library Trees {
    uint8 internal constant TENSOR = 1;
    uint8 internal constant STEPS = 2;
    uint8 internal constant WEIGHTS = 3;
    uint8 internal constant TABLES = 4;
    uint8 internal constant TRACE = 5;
    uint8 internal constant OUTPUTS = 6;
    uint8 internal constant INPUTS = 7;

    function node(uint8 domain, bytes32 left, bytes32 right) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(1), domain, left, right));
    }

    function rootOf(uint8 domain, uint64 length, bytes32 summit) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(2), domain, length, summit));
    }

    function itemLeaf(uint8 domain, uint64 index, bytes32 item) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(0), domain, index, item));
    }

    /// The leaves of a list, the absent ones zero.
    function leaves(uint8 domain, bytes32[] memory items) internal pure returns (bytes32[] memory list) {
        uint256 n = 1;
        while (n < items.length) n *= 2;
        list = new bytes32[](n);
        for (uint256 i = 0; i < items.length; ++i) list[i] = itemLeaf(domain, uint64(i), items[i]);
    }

    function listRoot(uint8 domain, bytes32[] memory items) internal pure returns (bytes32) {
        return rootOf(domain, uint64(items.length), top(domain, leaves(domain, items)));
    }

    function top(uint8 domain, bytes32[] memory level) internal pure returns (bytes32) {
        while (level.length > 1) level = above(domain, level);
        return level[0];
    }

    function above(uint8 domain, bytes32[] memory level) internal pure returns (bytes32[] memory next) {
        next = new bytes32[](level.length / 2);
        for (uint256 i = 0; i < next.length; ++i) next[i] = node(domain, level[2 * i], level[2 * i + 1]);
    }

    /// Siblings of node `index` of `level`, upwards.
    function path(uint8 domain, bytes32[] memory level, uint256 index) internal pure returns (bytes32[] memory siblings) {
        uint256 depth;
        while (1 << depth < level.length) ++depth;
        siblings = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            siblings[i] = level[index ^ 1];
            level = above(domain, level);
            index /= 2;
        }
    }

    function leaf(bytes memory data) internal pure returns (bytes32) {
        return keccak256(bytes.concat(hex"0001", data, new bytes(1024 - data.length)));
    }

    /// Root of a tensor of one leaf.
    function tensor(bytes memory data) internal pure returns (bytes32) {
        return rootOf(TENSOR, uint64(data.length), leaf(data));
    }

    /// The lowest byte first.
    function le(uint256 x, uint256 bytes_) internal pure returns (bytes memory out) {
        out = new bytes(bytes_);
        for (uint256 i = 0; i < bytes_; ++i) out[i] = bytes1(uint8(x >> (8 * i)));
    }
}
