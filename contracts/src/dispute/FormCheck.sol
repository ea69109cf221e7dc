// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {ClaimRoots} from "../Types.sol";
import {ClaimCheck} from "./ClaimCheck.sol";
import {Openings} from "./Openings.sol";
import {Reading} from "./Reading.sol";
import {Steps} from "./Steps.sol";

/// @title Claims whose trees have not the form that a run gives them
/// @notice Each is true when the claim is wrong, and reverts when what is shown does not open. Other faults of form cannot be opened
/// by anybody: a demand for what should stand there remains unanswered.
library FormCheck {
    using Steps for Steps.Tensor;

    uint8 private constant TRACE = 1; // Place.tree

    /// @notice The claim has `count` outputs, which is not what the program gives.
    struct OutputsProof {
        Openings.Program program;
        bytes io;
        uint64 count;
        bytes32 top;
    }

    /// @notice The order has `count` inputs, which is not what the program takes.
    struct InputsProof {
        Openings.Program program;
        bytes io;
        uint64 count;
        bytes32 top;
    }

    /// @notice An input of the order has `size` bytes, which is not what the program takes.
    struct InputLengthProof {
        Openings.Program program;
        bytes io;
        ClaimCheck.Item given; // in the order's list of inputs
        uint64 size;
        bytes32 top; // of its tree
    }

    /// @notice Element `index` of input `input` lies outside what the program declares.
    struct RangeProof {
        Openings.Program program;
        bytes io;
        uint64 valueCount; // of the trace
        uint64 input;
        uint64 index; // row-major
        Openings.Opened opened; // of the input, in the trace
    }

    /// @notice Leaf `index` of a value of the trace holds a byte behind the end that is not zero.
    struct PaddingProof {
        ClaimCheck.Item traced;
        uint64 size; // bytes of the value
        uint64 index;
        bytes data; // all 1024 bytes of the leaf
        bytes32[] siblings;
    }

    /// @notice Leaf `index` behind the end of a list is not zero.
    struct AbsentProof {
        uint8 tree; // 1 the list of values, 2 of outputs
        uint64 count;
        uint64 index;
        bytes32 leaf; // its hash
        bytes32[] siblings;
    }

    function outputs(ClaimRoots calldata c, OutputsProof calldata p) internal pure returns (bool) {
        ClaimCheck.checkIo(c.program, p.program, p.io);
        if (Merkle.root(Merkle.OUTPUTS, p.count, p.top) != c.outputs) revert Openings.WrongOpening(c.outputs);
        (uint32 expected,) = Steps.u32(p.io, ClaimCheck.afterInputs(p.io));
        return p.count != expected;
    }

    /// @notice Of an order whose input the program does not take every result is false: an honest provider says BAD_INPUT.
    function inputs(ClaimRoots calldata c, InputsProof calldata p) internal pure returns (bool) {
        ClaimCheck.checkIo(c.program, p.program, p.io);
        if (Merkle.root(ClaimCheck.INPUTS, p.count, p.top) != c.inputs) revert Openings.WrongOpening(c.inputs);
        (uint32 expected,) = Steps.u32(p.io, 0);
        return p.count != expected;
    }

    function inputLength(ClaimRoots calldata c, InputLengthProof calldata p) internal pure returns (bool) {
        ClaimCheck.checkIo(c.program, p.program, p.io);
        (Steps.Tensor memory t,) = ClaimCheck.input(p.io, p.given.index);
        Openings.item(ClaimCheck.INPUTS, c.inputs, p.given.count, p.given.index, p.given.root, p.given.siblings);
        if (Merkle.root(Merkle.TENSOR, p.size, p.top) != p.given.root) revert Openings.WrongOpening(p.given.root);
        return p.size != t.bytesOf();
    }

    function range(ClaimRoots calldata c, RangeProof calldata p) internal pure returns (bool) {
        ClaimCheck.checkIo(c.program, p.program, p.io);
        (Steps.Tensor memory t, uint256 limits) = ClaimCheck.input(p.io, p.input);
        Openings.item(Openings.TRACE, c.trace, p.valueCount, p.input, p.opened.root, p.opened.list);
        if (p.index >= t.elements()) revert Reading.OutOfRange(p.index, t.elements());
        uint256 at_ = p.index * t.width;
        for (uint256 i = 0; i < p.opened.runs.length; ++i) {
            (uint256 from, uint256 end, uint256 position) = Openings.run(p.opened.runs[i], p.opened.root, t.bytesOf());
            if (at_ < from || at_ + t.width > end) continue;
            int256 x = Reading.load(position + at_ - from, t.width);
            return x < _i64(p.io, limits) || x > _i64(p.io, limits + 8);
        }
        revert Reading.NotOpened(p.input, at_);
    }

    function padding(ClaimRoots calldata c, PaddingProof calldata p) internal pure returns (bool) {
        Openings.item(Openings.TRACE, c.trace, p.traced.count, p.traced.index, p.traced.root, p.traced.siblings);
        uint256 depth = Merkle.depth(Merkle.leavesOf(p.size));
        if (p.data.length != Merkle.LEAF || p.index >> depth != 0 || p.siblings.length != depth) revert Openings.WrongOpening(0);
        bytes32 top = Merkle.climb(Merkle.TENSOR, Merkle.fold(Merkle.TENSOR, p.data, 0), p.index, p.siblings);
        if (Merkle.root(Merkle.TENSOR, p.size, top) != p.traced.root) revert Openings.WrongOpening(p.traced.root);
        uint256 first = p.index * Merkle.LEAF;
        for (uint256 i = p.size > first ? p.size - first : 0; i < Merkle.LEAF; ++i) if (p.data[i] != 0) return true;
        return false;
    }

    function absent(ClaimRoots calldata c, AbsentProof calldata p) internal pure returns (bool) {
        (uint8 domain, bytes32 root) = p.tree == TRACE ? (Openings.TRACE, c.trace) : (Merkle.OUTPUTS, c.outputs);
        uint256 depth = Merkle.depth(p.count);
        if (p.index < p.count || p.index >> depth != 0 || p.siblings.length != depth) revert Openings.WrongOpening(0);
        bytes32 got = Merkle.root(domain, p.count, Merkle.climb(domain, p.leaf, p.index, p.siblings));
        if (got != root) revert Openings.WrongOpening(got);
        return p.leaf != 0;
    }

    function _i64(bytes calldata data, uint256 at_) private pure returns (int64) {
        (uint32 low, uint256 next) = Steps.u32(data, at_);
        (uint32 high,) = Steps.u32(data, next);
        return int64((uint64(high) << 32) | low);
    }
}
