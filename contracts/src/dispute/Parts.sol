// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {Answer, Order, Place} from "../Types.sol";
import {Openings} from "./Openings.sol";

/// @title What stands at a place of a claim
/// @notice An answer is tied to the claim's roots by itself, so nothing of earlier answers is kept. It has one form only: whatever a
/// run would not have made (a hash of nothing, a byte behind the end) cannot be answered.
library Parts {
    uint8 private constant TRACE = 1;
    uint8 private constant OUTPUTS = 2;
    uint8 private constant VALUE = 3;
    uint8 private constant SUMMIT = 1;
    uint8 private constant NODES = 2;
    uint8 private constant LEAF = 3;
    uint8 private constant MAX_LEVEL = 48;
    uint8 private constant MAX_LEAF_LEVEL = 2; // 4 KiB
    // Levels that one answer goes down.
    uint256 private constant LIST_STEP = 5;
    uint256 private constant VALUE_STEP = 6;

    /// @notice Whether it can be asked for.
    function valid(Place calldata p) internal pure returns (bool) {
        if (p.tree < TRACE || p.tree > VALUE || (p.tree != VALUE && p.value != 0) || p.value >> 32 != 0) return false;
        if (p.kind == SUMMIT) return p.level == 0 && p.index == 0;
        if (p.kind == NODES) return p.level <= MAX_LEVEL;
        return p.kind == LEAF && p.tree == VALUE && p.level <= MAX_LEAF_LEVEL;
    }

    /// @notice True when the roots of the claim that stands bind answer `a` to the demand for `p`.
    function answers(Place memory p, Answer calldata a, Order storage claim) internal view returns (bool) {
        if (p.tree != VALUE) {
            if (a.count != 0 || a.list.length != 0) return false;
            if (p.tree == TRACE) return _is(_list(Openings.TRACE, p, a), claim.traceRoot);
            return _is(_list(Merkle.OUTPUTS, p, a), claim.outputRoot);
        }
        if (p.value >= a.count) {
            if (a.list.length != 0 || a.length != 0) return false;
            return _is(_summit(Openings.TRACE, a.count, a), claim.traceRoot);
        }
        if (_bare(a) && _is(Merkle.listRoot(Openings.TRACE, a.count, p.value, Openings.INNER, a.list), claim.traceRoot)) return true;
        bytes32 value = _value(p, a);
        return value != 0 && _is(Merkle.listRoot(Openings.TRACE, a.count, p.value, value, a.list), claim.traceRoot);
    }

    /// What is said of a place of an inner value, which has no tree: nothing but its item in the list.
    function _bare(Answer calldata a) private pure returns (bool) {
        return a.length == 0 && a.hashes.length == 0 && a.data.length == 0 && a.siblings.length == 0;
    }

    function _is(bytes32 got, bytes32 root) private pure returns (bool) {
        return got != 0 && got == root;
    }

    /// The root of a tree of `length` bytes or items, of which only the top is shown. Zero when more is.
    function _summit(uint8 domain, uint64 length, Answer calldata a) private pure returns (bytes32) {
        if (a.hashes.length != 1 || a.siblings.length != 0 || a.data.length != 0) return 0;
        return Merkle.root(domain, length, a.hashes[0]);
    }

    /// Whether a tree of this depth lacks the place, or the summit was asked for.
    function _top(Place memory p, uint256 depth) private pure returns (bool) {
        return p.kind == SUMMIT || p.level > depth || p.index >> (depth - p.level) != 0;
    }

    function _list(uint8 domain, Place memory p, Answer calldata a) private pure returns (bytes32) {
        uint256 depth = Merkle.depth(a.length);
        if (_top(p, depth)) return _summit(domain, a.length, a);
        uint256 levels = p.level < LIST_STEP ? p.level : LIST_STEP;
        if (a.siblings.length != depth - p.level || a.data.length != 0) return 0;
        bytes32[] memory nodes = a.hashes;
        if (p.level > levels) {
            if (nodes.length != 1 << levels) return 0;
        } else {
            uint256 first = uint256(p.index) << levels;
            uint256 there = _clamp(a.length, first, 1 << levels);
            if (nodes.length != there) return 0;
            nodes = new bytes32[](1 << levels);
            for (uint256 i = 0; i < there; ++i) nodes[i] = Merkle.itemLeaf(domain, uint64(first + i), a.hashes[i]);
        }
        return Merkle.root(domain, a.length, Merkle.climb(domain, Merkle.join(domain, nodes), p.index, a.siblings));
    }

    function _value(Place memory p, Answer calldata a) private pure returns (bytes32) {
        uint256 depth = Merkle.depth(Merkle.leavesOf(a.length));
        if (_top(p, depth)) return _summit(Merkle.TENSOR, a.length, a);
        if (a.siblings.length != depth - p.level) return 0;
        bytes32 node;
        if (p.kind == LEAF) {
            uint256 size = _clamp(a.length, (uint256(p.index) << p.level) * Merkle.LEAF, Merkle.LEAF << p.level);
            if (a.hashes.length != 0 || a.data.length != size) return 0;
            node = Merkle.fold(Merkle.TENSOR, a.data, p.level);
        } else {
            uint256 levels = p.level < VALUE_STEP ? p.level : VALUE_STEP;
            if (a.hashes.length != 1 << levels || a.data.length != 0) return 0;
            bytes32[] memory nodes = a.hashes;
            node = Merkle.join(Merkle.TENSOR, nodes);
        }
        return Merkle.root(Merkle.TENSOR, a.length, Merkle.climb(Merkle.TENSOR, node, p.index, a.siblings));
    }

    /// How many of `most` from number `first` on there are of `all`.
    function _clamp(uint256 all, uint256 first, uint256 most) private pure returns (uint256 there) {
        there = all > first ? all - first : 0;
        if (there > most) there = most;
    }
}
