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
    /// @notice The item of an inner value in the list behind a trace root: no tree opens it.
    bytes32 internal constant INNER = keccak256("koinon.inner");

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

    /// @notice Whole leaves of a tensor from number `first` on. The last leaf is as short as the tensor ends.
    struct Run {
        uint64 first;
        bytes data;
        bytes32[] siblings; // at each level the left one, if any, then the right one, if any
    }

    /// @notice A tensor's root in the list that holds it, and runs of its leaves, in any order.
    struct Opened {
        bytes32 root;
        bytes32[] list; // siblings of the root, from the leaf upwards
        Run[] runs;
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

    /// @notice The first byte that run `r` of the tensor with this root and `size` bytes holds, the end of what it holds, and the
    /// calldata position of the first. Reverts unless the run is part of the tensor.
    function run(Run calldata r, bytes32 root, uint64 size) internal pure returns (uint256 from, uint256 end, uint256 position) {
        bytes calldata data = r.data;
        from = uint256(r.first) * Merkle.LEAF;
        end = from + data.length;
        if (data.length == 0 || end > size || (end != size && data.length % Merkle.LEAF != 0)) revert WrongOpening(0);
        uint256 count = (data.length + Merkle.LEAF - 1) / Merkle.LEAF;
        bytes32 top = _climb(_leaves(data, count), r.first, Merkle.depth(Merkle.leavesOf(size)), r.siblings);
        bytes32 got = Merkle.root(Merkle.TENSOR, size, top);
        if (got != root) revert WrongOpening(got);
        assembly ("memory-safe") {
            position := data.offset
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

    /// The node over everything, from the nodes `level` of the lowest level, number `first` on. Uses `level` up.
    function _climb(bytes32[] memory level, uint256 first, uint256 depth, bytes32[] calldata siblings) private pure returns (bytes32) {
        if (level.length == 1) {
            if (siblings.length != depth) revert WrongOpening(0);
            return Merkle.climb(Merkle.TENSOR, level[0], first, siblings);
        }
        (uint256 last, uint256 used) = (first + level.length - 1, 0);
        for (; depth > 0; --depth) {
            uint256 into;
            uint256 at_ = first;
            while (at_ <= last) {
                bytes32 left = at_ & 1 == 0 ? level[at_ - first] : siblings[used++];
                if (at_ & 1 == 1) --at_;
                bytes32 right = at_ < last ? level[at_ + 1 - first] : siblings[used++];
                level[into++] = Merkle.node(Merkle.TENSOR, left, right);
                at_ += 2;
            }
            (first, last) = (first >> 1, last >> 1);
        }
        if (used != siblings.length) revert WrongOpening(0);
        return level[0];
    }
}
