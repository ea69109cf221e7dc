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
        return root(domain, count, climb(domain, keccak256(abi.encodePacked(uint8(0), domain, index, item)), index, siblings));
    }

    /// @notice Hash of the node at the end of `siblings` above `node` that stands at `index` of its level.
    function climb(uint8 domain, bytes32 node, uint256 index, bytes32[] calldata siblings) internal pure returns (bytes32) {
        for (uint256 i = 0; i < siblings.length; ++i) {
            node = index & 1 == 0 ? _node(domain, node, siblings[i]) : _node(domain, siblings[i], node);
            index >>= 1;
        }
        return node;
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
        for (; n > 1; n >>= 1) {
            for (uint256 i = 0; i < n; i += 2) level[i >> 1] = _node(domain, level[i], level[i + 1]);
        }
        return level[0];
    }

    function _node(uint8 domain, bytes32 left, bytes32 right) private pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(1), domain, left, right));
    }
}
