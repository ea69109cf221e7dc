// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Openings} from "./Openings.sol";
import {Steps} from "./Steps.sol";

/// @title Elements of the tensors that a proof opens
/// @notice A tensor is tied to its root when it is first read; what nobody reads need not be opened. Whatever is read and not opened
/// reverts, so the indices that the rules compute choose the bytes, never the proof.
library Reading {
    using Steps for Steps.Tensor;

    error OutOfRange(uint256 index, uint256 count);
    error NotOpened(uint256 tensor, uint256 from);

    /// @notice Which element is wrong, and all that shows it.
    struct Proof {
        Openings.Program program;
        uint64 valueCount; // of the trace
        uint8 output; // which output of the step
        uint64 index; // of the element in it, row-major
        uint64[] hints; // what a counter-example points at; see the kinds
        Part[] parts; // the step, then those that make its inner operands, depth first, in the order in which they are read
    }

    /// @notice A step, and tensors around it.
    struct Part {
        uint64 step; // its number
        bytes stepBytes;
        bytes32[] stepSiblings;
        Openings.Opened[] opened; // of each operand in order; of the first part then of the output, of topk every output. A constant
        // that an earlier part of the same step opens as well need not be opened again
    }

    /// @notice Parts that were taken, shared by the readers of a proof.
    struct Taken {
        uint256 count;
    }

    /// @notice What was read so far.
    struct Reader {
        bytes32 trace;
        Taken taken;
        uint256 part; // number of the part
        Steps.Step s;
        uint8 output; // which output of the step
        uint256 index; // of the element in it
        Steps.Tensor[] tensors; // in the order of Part.opened
        uint32[] refs; // where each comes from
        uint256[][] runs; // of each: from, end and position of each run, 64 bits each; empty until first read
    }

    /// @notice Calldata position of `length` bytes from `from` on of tensor `i`. Reverts unless one run holds them.
    function place(Reader memory r, Proof calldata p, uint256 i, uint256 from, uint256 length) internal pure returns (uint256) {
        (uint256 first,, uint256 position) = _find(r, p, i, from, length);
        return position + from - first;
    }

    /// @notice Element `index` of tensor `i`.
    function get(Reader memory r, Proof calldata p, uint256 i, uint256 index) internal pure returns (int256) {
        Steps.Tensor memory t = r.tensors[i];
        uint256 count = t.elements();
        if (index >= count) revert OutOfRange(index, count);
        return load(place(r, p, i, index * t.width, t.width), t.width);
    }

    /// @notice Sum (op 1), largest (2) or smallest (3) of `best` and of `count` elements of tensor `i`, `step` apart from `index` on.
    function fold(Reader memory r, Proof calldata p, uint256 i, uint256 index, uint256 step, uint256 count, int256 op, int256 best)
        internal
        pure
        returns (int256)
    {
        uint256 width = r.tensors[i].width;
        (uint256 from, uint256 end, uint256 position) = (1, 0, 0);
        unchecked {
            index *= width;
            step *= width;
            for (; count > 0; --count) {
                if (index < from || index + width > end) (from, end, position) = _find(r, p, i, index, width);
                int256 x = load(position + index - from, width);
                if (op == 1) best += x;
                else if (op == 2 ? x > best : x < best) best = x;
                index += step;
            }
        }
        return best;
    }

    /// @notice The little-endian integer of `width` bytes at a calldata position.
    function load(uint256 position, uint256 width) internal pure returns (int256 x) {
        assembly ("memory-safe") {
            let word := calldataload(position)
            x := byte(0, word)
            if gt(width, 1) {
                x := or(x, shl(8, byte(1, word)))
                if gt(width, 2) {
                    x := or(x, or(shl(16, byte(2, word)), shl(24, byte(3, word))))
                    if gt(width, 4) {
                        x := or(x, or(shl(32, byte(4, word)), shl(40, byte(5, word))))
                        x := or(x, or(shl(48, byte(6, word)), shl(56, byte(7, word))))
                    }
                }
            }
            x := signextend(sub(width, 1), x)
        }
    }

    function _find(Reader memory r, Proof calldata p, uint256 i, uint256 from, uint256 length)
        private
        pure
        returns (uint256 first, uint256 end, uint256 position)
    {
        uint256[] memory runs = r.runs[i];
        if (runs.length == 0) runs = r.runs[i] = _open(r, p, i);
        for (uint256 j = 0; j < runs.length; ++j) {
            (first, end, position) = (runs[j] >> 128, uint64(runs[j] >> 64), uint64(runs[j]));
            if (from >= first && from + length <= end) return (first, end, position);
        }
        revert NotOpened(i, from);
    }

    function _open(Reader memory r, Proof calldata p, uint256 i) private pure returns (uint256[] memory runs) {
        Openings.Opened calldata o = _opened(r, p, i);
        uint64 number = r.refs[i] & 0x3fffffff;
        uint256 source = r.refs[i] >> 30;
        if (source == 0) Openings.item(Openings.TRACE, r.trace, p.valueCount, number, o.root, o.list);
        else if (source == 1) Openings.item(Openings.WEIGHTS, p.program.weights, p.program.weightCount, number, o.root, o.list);
        else if (source == 2) Openings.item(Openings.TABLES, p.program.tables, p.program.tableCount, number, o.root, o.list);
        else revert OutOfRange(source, 3);
        uint64 size = r.tensors[i].bytesOf();
        runs = new uint256[](o.runs.length);
        for (uint256 j = 0; j < runs.length; ++j) {
            (uint256 from, uint256 end, uint256 position) = Openings.run(o.runs[j], o.root, size);
            runs[j] = (from << 128) | (end << 64) | position;
        }
    }

    /// What the part opens of tensor `i`; of a constant of which it opens nothing what the first part of the same step does.
    function _opened(Reader memory r, Proof calldata p, uint256 i) private pure returns (Openings.Opened calldata o) {
        o = p.parts[r.part].opened[i];
        if (o.runs.length != 0 || r.refs[i] >> 30 == 0) return o;
        uint64 step = p.parts[r.part].step;
        for (uint256 j = 0; j < r.part; ++j) {
            if (p.parts[j].step == step) return p.parts[j].opened[i];
        }
    }
}
