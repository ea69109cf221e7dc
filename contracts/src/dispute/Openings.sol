// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";

/// @title Openings of a program and of the trace of one of its runs
/// @notice The roots are those of docs/engine.md: nothing here is made for the contract, so whoever has the artifact or the trace can
/// open them.
library Openings {
    uint8 internal constant STEPS = 2;
    uint8 internal constant WEIGHTS = 3;
    uint8 internal constant TABLES = 4;
    uint8 internal constant TRACE = 5;

    error WrongProgram(bytes32 id);
    error WrongOpening(bytes32 root);

    /// @notice What a program's id hashes, and how many items its lists hold.
    struct Program {
        uint64 version;
        bytes32 io;
        bytes32 steps;
        bytes32 weights;
        bytes32 tables;
        uint64 stepCount;
        uint64 weightCount;
        uint64 tableCount;
    }

    /// @notice A tensor's root in its list, and a run of its leaves. A last leaf is as short as the tensor ends.
    struct Leaves {
        bytes32 root;
        bytes32[] list; // siblings of the root, from the leaf upwards
        bytes data; // of whole leaves, the first of which holds the first byte that is asked for
        bytes32[] siblings; // of the run: at each level the left one, if any, then the right one, if any
    }

    /// @notice Reverts unless `p` is what `id` names.
    function check(Program calldata p, bytes32 id) internal pure {
        bytes32 got = keccak256(abi.encodePacked(p.version, p.io, p.steps, p.weights, p.tables));
        if (got != id) revert WrongProgram(got);
    }

    /// @notice Reverts unless `item` is number `index` of the list.
    function item(uint8 domain, bytes32 root, uint64 count, uint64 index, bytes32 hash, bytes32[] calldata siblings) internal pure {
        bytes32 got = Merkle.listRoot(domain, count, index, hash, siblings);
        if (got != root) revert WrongOpening(got);
    }

    /// @notice The calldata position of byte `from` of a tensor of `size` bytes, of which `length` bytes from there on are opened.
    /// Reverts unless `l.data` are the leaves that hold them, under `l.root`.
    function run(Leaves calldata l, uint64 size, uint256 from, uint256 length) internal pure returns (uint256 position) {
        uint256 first = from / Merkle.LEAF;
        uint256 last = (from + length - 1) / Merkle.LEAF;
        uint256 end = (last + 1) * Merkle.LEAF;
        if (end > size) end = size;
        bytes calldata data = l.data;
        if (length == 0 || from + length > size || data.length != end - first * Merkle.LEAF) revert WrongOpening(0);
        bytes32[] memory level = _leaves(data, last - first + 1);
        bytes32 top = _climb(level, first, last, Merkle.depth(Merkle.leavesOf(size)), l.siblings);
        bytes32 got = Merkle.root(Merkle.TENSOR, size, top);
        if (got != l.root) revert WrongOpening(got);
        assembly ("memory-safe") {
            position := add(data.offset, sub(from, mul(first, 1024)))
        }
    }

    function _leaves(bytes calldata data, uint256 count) private pure returns (bytes32[] memory level) {
        level = new bytes32[](count);
        bytes memory leaf = new bytes(2 + Merkle.LEAF);
        leaf[1] = bytes1(Merkle.TENSOR);
        for (uint256 i = 0; i < count; ++i) {
            assembly ("memory-safe") {
                let start := mul(i, 1024)
                let size := sub(data.length, start)
                if gt(size, 1024) { size := 1024 }
                calldatacopy(add(leaf, 34), add(data.offset, start), size)
                calldatacopy(add(add(leaf, 34), size), calldatasize(), sub(1024, size))
            }
            level[i] = keccak256(leaf);
        }
    }

    /// The node over everything, from the nodes `first` to `last` of the lowest level. Uses `level` up.
    function _climb(bytes32[] memory level, uint256 first, uint256 last, uint256 depth, bytes32[] calldata siblings)
        private
        pure
        returns (bytes32)
    {
        uint256 used;
        for (; depth > 0; --depth) {
            uint256 into;
            uint256 at_ = first;
            while (at_ <= last) {
                bytes32 left = at_ & 1 == 0 ? level[at_ - first] : siblings[used++];
                if (at_ & 1 == 1) --at_;
                bytes32 right = at_ < last ? level[at_ + 1 - first] : siblings[used++];
                level[into++] = keccak256(abi.encodePacked(uint8(1), Merkle.TENSOR, left, right));
                at_ += 2;
            }
            (first, last) = (first >> 1, last >> 1);
        }
        if (used != siblings.length) revert WrongOpening(0);
        return level[0];
    }
}
