// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Elementwise} from "./Elementwise.sol";
import {Openings} from "./Openings.sol";
import {Steps} from "./Steps.sol";

/// @title One element of one step, recomputed
/// @notice A claim's trace root binds every value of a run. Whoever knows a value that does not follow from its operands opens them:
/// the step from the program's id, the operands from the same trace, or from the program where they are constants. The indices of the
/// operands are computed here, so a proof chooses nothing but the element.
library ElementCheck {
    using Openings for Openings.Leaves;
    using Steps for Steps.Tensor;

    uint256 private constant ONES = type(uint256).max / 0xffff; // in every 16 bits
    uint256 private constant LOW_BYTES = ONES * 0xff;
    uint256 private constant PAIRS = type(uint256).max / type(uint32).max * 0xffff; // the lower of every two lanes
    uint256 private constant DIGITS = type(uint256).max / type(uint64).max * 0xffff; // the lowest of every four
    uint256 private constant HALVES = type(uint256).max / type(uint64).max * type(uint32).max; // the lower two of every four
    uint256 private constant QUADS = type(uint256).max / type(uint128).max * type(uint64).max; // the lower four of every eight
    /// @notice Longest row: sums of its lanes stay below 2^32 - 1.
    uint256 internal constant MAX_ROW = 65_536;

    error OutOfRange(uint256 index, uint256 count);
    error WrongCount(uint256 got, uint256 expected);

    /// In memory, because the compiler would make each such constant anew at each use.
    struct Masks {
        uint256 lowBytes;
        uint256 pairs;
        uint256 halves;
        uint256 quads;
        uint256 digits;
        uint256 bias8;
        uint256 bias16;
    }

    /// @notice Which element is wrong, and all that shows it.
    struct Proof {
        Openings.Program program;
        uint64 valueCount; // of the trace
        uint64 step; // number of the step
        uint8 output; // which output of the step
        uint64 index; // of the element in it, row-major
        bytes stepBytes;
        bytes32[] stepSiblings;
        Openings.Leaves[] opened; // of each operand in order, then of the output
    }

    /// @notice True when the element that `trace` holds is not what the step gives. Reverts when the proof does not open it.
    function refutes(bytes32 program, bytes32 trace, Proof calldata p) internal pure returns (bool) {
        Openings.check(p.program, program);
        Openings.item(Openings.STEPS, p.program.steps, p.program.stepCount, p.step, keccak256(p.stepBytes), p.stepSiblings);
        Steps.Step memory s = Steps.read(p.stepBytes);
        if (p.opened.length != s.refs.length + 1) revert WrongCount(p.opened.length, s.refs.length + 1);
        for (uint256 i = 0; i < s.refs.length; ++i) _root(p, trace, s.refs[i], p.opened[i]);
        Openings.Leaves calldata out = p.opened[s.refs.length];
        if (p.output >= s.outputs.length) revert OutOfRange(p.output, s.outputs.length);
        _root(p, trace, s.firstOutput + p.output, out);
        Steps.Tensor memory result = s.outputs[p.output];
        uint256 count = result.elements();
        if (p.index >= count) revert OutOfRange(p.index, count);
        return _element(out, result, p.index) != _value(s, result, p);
    }

    /// The value that the element should have.
    function _value(Steps.Step memory s, Steps.Tensor memory result, Proof calldata p) private pure returns (int256) {
        if (s.kind == Steps.MATMUL) return _matmul(s, p);
        if (s.kind == Steps.RESHAPE) return _element(p.opened[0], s.operands[0], p.index);
        if (s.kind == Steps.LOOKUP) {
            int256 entry = _element(p.opened[0], s.operands[0], p.index) - s.params[0];
            if (entry < 0) revert OutOfRange(0, 0);
            return _element(p.opened[1], s.operands[1], uint256(entry));
        }
        int256[] memory x = new int256[](s.refs.length);
        for (uint256 i = 0; i < x.length; ++i) {
            x[i] = _element(p.opened[i], s.operands[i], Elementwise.indexOf(result, s.operands[i], p.index));
        }
        return Elementwise.value(s.kind, p.output, x, s.params);
    }

    /// bias[j] + sum over l of a[.., i, l] * b[.., j, l]. The program proves that it fits the output's type.
    function _matmul(Steps.Step memory s, Proof calldata p) private pure returns (int256 sum) {
        (Steps.Tensor memory a, Steps.Tensor memory b) = (s.operands[0], s.operands[1]);
        uint256 rank = b.sizes.length;
        uint256 k = b.sizes[rank - 1];
        uint256 n = b.sizes[rank - 2];
        uint256 row = p.index / n; // over the batches too
        uint256 column = p.index % n;
        uint256 other = rank == 2 ? column : row / a.sizes[a.sizes.length - 2] * n + column;
        uint256 left = p.opened[0].run(a.bytesOf(), row * k * a.width, k * a.width);
        uint256 right = p.opened[1].run(b.bytesOf(), other * k * b.width, k * b.width);
        sum = _dot(left, a.width, right, b.width, k);
        if (s.refs.length == 3) sum += _element(p.opened[2], s.operands[2], column);
    }

    /// Sum of the products of `k` elements at two places of the calldata; widths are 1 or 2 bytes.
    /// Sixteen at a time: elements are made unsigned (a + 128 or a + 32768) in lanes of 16 bits. Every fourth lane of the one, by every
    /// fourth lane of the other in reverse order, as numbers of four digits of 64 bits: the fourth digit of the product is the sum of
    /// their four products. A digit stays below 2^48, so none carries into the next.
    function _dot(uint256 left, uint256 leftWidth, uint256 right, uint256 rightWidth, uint256 k) private pure returns (int256) {
        if (k > MAX_ROW) revert OutOfRange(k, MAX_ROW);
        Masks memory m = Masks(LOW_BYTES, PAIRS, HALVES, QUADS, DIGITS, ONES << 7, ONES << 15);
        uint256 products;
        uint256 leftSum;
        uint256 rightSum;
        unchecked {
            for (uint256 i = 0; i < k; i += 16) {
                uint256 cut = k - i < 16 ? 256 - 16 * (k - i) : 0; // bits beyond the row
                uint256 a = _lanes(m, left + i * leftWidth, leftWidth, cut);
                uint256 b = _lanes(m, right + i * rightWidth, rightWidth, cut);
                leftSum += (a & m.pairs) + ((a >> 16) & m.pairs);
                rightSum += (b & m.pairs) + ((b >> 16) & m.pairs);
                b = (b >> 128) | (b << 128);
                b = ((b >> 64) & m.quads) | ((b & m.quads) << 64);
                products += (a & m.digits) * (b & m.digits) + ((a >> 16) & m.digits) * ((b >> 16) & m.digits)
                    + ((a >> 32) & m.digits) * ((b >> 32) & m.digits) + ((a >> 48) & m.digits) * ((b >> 48) & m.digits);
            }
        }
        int256 biasA = leftWidth == 1 ? int256(128) : int256(32_768);
        int256 biasB = rightWidth == 1 ? int256(128) : int256(32_768);
        // Lanes of 32 bits whose sum is below 2^32 - 1 add up in the remainder.
        return int256(products >> 192) - biasB * int256(leftSum % type(uint32).max) - biasA * int256(rightSum % type(uint32).max)
            + int256(k) * biasA * biasB;
    }

    /// Sixteen elements from `position` on as unsigned lanes of 16 bits, the first on top; the lowest `cut` bits are zero.
    function _lanes(Masks memory m, uint256 position, uint256 width, uint256 cut) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := calldataload(position)
        }
        if (width == 1) {
            word >>= 128;
            word = (word | (word << 64)) & m.quads;
            word = (word | (word << 32)) & m.halves;
            word = (word | (word << 16)) & m.pairs;
            word = ((word | (word << 8)) & m.lowBytes) ^ m.bias8;
        } else {
            word = (((word & m.lowBytes) << 8) | ((word >> 8) & m.lowBytes)) ^ m.bias16;
        }
        if (cut != 0) word = (word >> cut) << cut;
    }

    /// Element `index` of an opened tensor.
    function _element(Openings.Leaves calldata l, Steps.Tensor memory t, uint256 index) private pure returns (int256 x) {
        uint256 position = l.run(t.bytesOf(), index * t.width, t.width);
        for (uint256 i = t.width; i > 0; --i) {
            uint256 digit;
            assembly ("memory-safe") {
                digit := byte(0, calldataload(add(position, sub(i, 1))))
            }
            x = (x << 8) | int256(digit);
        }
        uint256 top = t.width - 1;
        assembly ("memory-safe") {
            x := signextend(top, x)
        }
    }

    /// Reverts unless `l.root` is the root of the tensor that `ref` names.
    function _root(Proof calldata p, bytes32 trace, uint32 ref, Openings.Leaves calldata l) private pure {
        uint64 index = ref & 0x3fffffff;
        uint256 source = ref >> 30;
        if (source == 0) Openings.item(Openings.TRACE, trace, p.valueCount, index, l.root, l.list);
        else if (source == 1) Openings.item(Openings.WEIGHTS, p.program.weights, p.program.weightCount, index, l.root, l.list);
        else if (source == 2) Openings.item(Openings.TABLES, p.program.tables, p.program.tableCount, index, l.root, l.list);
        else revert OutOfRange(source, 3);
    }
}
