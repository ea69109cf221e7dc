// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Merkle trees of 1 KiB leaves and of hashes
/// @notice The same trees as base/merkle.hpp, which draws them:
///   byte leaf = keccak256(0x00 | domain | data padded with zero to 1024)
///   list leaf = keccak256(0x00 | domain | be64(i) | item)
///   node      = keccak256(0x01 | domain | left | right)
///   root      = keccak256(0x02 | domain | be64(length or count) | top)
library Merkle {
    uint8 internal constant TENSOR = 1;
    uint8 internal constant OUTPUTS = 6;
    uint8 internal constant ENVELOPE = 8;
    uint256 internal constant LEAF = 1024;
    /// @notice Levels of a subtree that one call can carry: 64 leaves.
    uint256 internal constant SUBTREE_DEPTH = 6;
    uint256 internal constant SUBTREE = LEAF << SUBTREE_DEPTH;

    /// @notice Root of `length` bytes or items whose tree ends in `top`.
    function root(uint8 domain, uint64 length, bytes32 top) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(2), domain, length, top));
    }

    /// @notice Levels of a tree over `leaves` (at least 1) leaves.
    function depth(uint256 leaves) internal pure returns (uint256 d) {
        while ((uint256(1) << d) < leaves) ++d;
    }

    /// @notice Leaves of `size` bytes.
    function leavesOf(uint64 size) internal pure returns (uint256 leaves) {
        leaves = (uint256(size) + LEAF - 1) / LEAF;
        if (leaves == 0) leaves = 1;
    }

    /// @notice Subtrees of 64 leaves of `size` bytes, at least 1.
    function subtreesOf(uint64 size) internal pure returns (uint256) {
        return (leavesOf(size) + (1 << SUBTREE_DEPTH) - 1) >> SUBTREE_DEPTH;
    }

    /// @notice Root of `size` bytes whose subtree number `subtree` is `data`. Zero when a length does not fit.
    function byteRoot(uint8 domain, uint64 size, uint256 subtree, bytes calldata data, bytes32[] calldata siblings)
        internal
        pure
        returns (bytes32)
    {
        uint256 below = depth(leavesOf(size));
        if (below > SUBTREE_DEPTH) below = SUBTREE_DEPTH;
        if (subtree >= subtreesOf(size) || siblings.length != depth(leavesOf(size)) - below) return 0;
        if (data.length != _subtreeSize(size, subtree)) return 0;
        bytes32 top = fold(domain, data, below);
        return root(domain, size, climb(domain, top, subtree, siblings));
    }

    function _subtreeSize(uint64 size, uint256 subtree) private pure returns (uint256 rest) {
        rest = size - subtree * SUBTREE;
        if (rest > SUBTREE) rest = SUBTREE;
    }

    /// @notice Root of a list of `count` hashes whose number `index` is `item`. Zero when a length does not fit.
    function listRoot(uint8 domain, uint64 count, uint64 index, bytes32 item, bytes32[] calldata siblings) internal pure returns (bytes32) {
        if (index >= count || siblings.length != depth(count)) return 0;
        return root(domain, count, climb(domain, itemLeaf(domain, index, item), index, siblings));
    }

    /// @notice Leaf `index` of a list.
    function itemLeaf(uint8 domain, uint64 index, bytes32 item) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, shl(240, domain))
            mstore(add(p, 2), shl(192, index))
            mstore(add(p, 10), item)
            hash := keccak256(p, 42)
        }
    }

    /// @notice Hash of the node at the end of `siblings` above the node `top` that stands at `index` of its level.
    function climb(uint8 domain, bytes32 top, uint256 index, bytes32[] calldata siblings) internal pure returns (bytes32) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, shl(240, or(0x0100, domain)))
            let end := add(siblings.offset, shl(5, siblings.length))
            for { let from := siblings.offset } lt(from, end) { from := add(from, 32) } {
                let right := and(index, 1)
                mstore(add(p, add(2, shl(5, right))), top)
                mstore(add(p, sub(34, shl(5, right))), calldataload(from))
                top := keccak256(p, 66)
                index := shr(1, index)
            }
        }
        return top;
    }

    /// @notice Hash of the node over 2^levels leaves that hold `data`, which must fit; the leaves beyond it are zero.
    function fold(uint8 domain, bytes calldata data, uint256 levels) internal pure returns (bytes32) {
        uint256 n = uint256(1) << levels;
        bytes32[] memory level = new bytes32[](n);
        bytes memory leaf = new bytes(2 + LEAF);
        leaf[1] = bytes1(domain);
        for (uint256 i = 0; i < n; ++i) {
            assembly ("memory-safe") {
                let from := mul(i, LEAF)
                let size := 0
                if lt(from, data.length) {
                    size := sub(data.length, from)
                    if gt(size, LEAF) { size := LEAF }
                }
                let to := add(leaf, 34)
                calldatacopy(to, add(data.offset, from), size)
                calldatacopy(add(to, size), calldatasize(), sub(LEAF, size))
            }
            level[i] = keccak256(leaf);
        }
        return join(domain, level);
    }

    /// @notice Hash of the node over the nodes `level`, a power of two. Uses them up.
    function join(uint8 domain, bytes32[] memory level) internal pure returns (bytes32 top) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, shl(240, or(0x0100, domain)))
            let base := add(level, 32)
            for { let n := mload(level) } gt(n, 1) { n := shr(1, n) } {
                for { let i := 0 } lt(i, n) { i := add(i, 2) } {
                    mstore(add(p, 2), mload(add(base, shl(5, i))))
                    mstore(add(p, 34), mload(add(base, shl(5, add(i, 1)))))
                    mstore(add(base, shl(4, i)), keccak256(p, 66))
                }
            }
            top := mload(base)
        }
    }

    /// @notice Hash of the node over two.
    function node(uint8 domain, bytes32 left, bytes32 right) internal pure returns (bytes32 hash) {
        assembly ("memory-safe") {
            let p := mload(0x40)
            mstore(p, shl(240, or(0x0100, domain)))
            mstore(add(p, 2), left)
            mstore(add(p, 34), right)
            hash := keccak256(p, 66)
        }
    }
}
