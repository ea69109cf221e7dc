// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Field} from "./Field.sol";

/// @title Linear steps of a tape
/// @notice Append public linear forms of what stands in L, where the tape gives them in calldata (trust/proof/tape_words.hpp).
library Lines {
    using Field for uint256;

    struct Size {
        uint256 rows;
        uint256 columns;
        uint256 inner;
        uint256 width; // bytes of a weight, 1 or 8
        uint256 runs; // of the left operand
    }

    function words(uint256 bytes_) private pure returns (uint256) {
        return (bytes_ + 31) & ~uint256(31);
    }

    /// @dev The number of `size` bytes at a calldata position.
    function number(uint256 pos, uint256 size) private pure returns (uint256 out) {
        assembly ("memory-safe") {
            out := shr(sub(256, shl(3, size)), calldataload(pos))
        }
    }

    /// @notice Sums of terms, and theta times a constant.
    function rows(uint256[] memory linear, uint256 loaded, uint256 theta, uint256 pos, uint256 count) internal pure returns (uint256) {
        uint256 start = pos;
        for (uint256 i = 0; i < count; ++i) {
            uint256 terms = number(pos, 2);
            uint256 sum = theta.scale(number(pos + 2, 8));
            pos += 10;
            for (uint256 t = 0; t < terms; ++t) {
                sum = sum.add(linear[number(pos, 4)].scale(number(pos + 4, 8)));
                pos += 12;
            }
            linear[loaded + i] = sum.canonical();
        }
        return start + words(pos - start);
    }

    /// @notice out[i, j] = theta * bias[j] + sum over l of left[i, l] * weight[j, l], column after column.
    function product(uint256[] memory linear, uint256 loaded, uint256 theta, uint256 pos, Size memory s) internal pure returns (uint256) {
        uint256[] memory biases = new uint256[](s.columns);
        for (uint256 j = 0; j < s.columns; ++j) biases[j] = theta.scale(number(pos + 8 * j, 8));
        pos += words(8 * s.columns);
        uint256 weights = pos + words(8 * s.runs);
        uint256 line = words(s.inner * s.width);
        uint256[] memory window = new uint256[](words(s.inner)); // zero behind `inner`
        for (uint256 i = 0; i < s.rows; ++i) {
            pos = gather(linear, window, s.inner, pos);
            if (s.width == 1) smallRow(linear, loaded + i, s, window, biases, weights);
            else wideRow(linear, loaded + i, s, window, biases, weights);
        }
        return weights + s.columns * line;
    }

    /// @dev out[i, j] for all j, where `to` is out[i, 0].
    function smallRow(uint256[] memory linear, uint256 to, Size memory s, uint256[] memory window, uint256[] memory biases, uint256 weights)
        private
        pure
    {
        uint256 off = total(window, s.inner).scale(Field.P - 128);
        uint256 line = words(s.inner);
        uint256 count = s.rows;
        for (uint256 j = 0; j < biases.length; ++j) {
            linear[to] = small(window, weights, line).add(off).add(biases[j]).canonical();
            weights += line;
            to += count;
        }
    }

    function wideRow(uint256[] memory linear, uint256 to, Size memory s, uint256[] memory window, uint256[] memory biases, uint256 weights)
        private
        pure
    {
        for (uint256 j = 0; j < biases.length; ++j) {
            linear[to] = wide(window, weights, s.inner).add(biases[j]).canonical();
            weights += words(8 * s.inner);
            to += s.rows;
        }
    }

    /// @dev Fills the window from runs at a calldata position. Returns the position behind them.
    function gather(uint256[] memory linear, uint256[] memory window, uint256 inner, uint256 pos) private pure returns (uint256) {
        assembly ("memory-safe") {
            let to := add(window, 32)
            let end := add(to, shl(5, inner))
            for {} lt(to, end) { pos := add(pos, 8) } {
                let run := calldataload(pos)
                let from := add(add(linear, 32), shl(5, shr(224, run)))
                let stride := shl(5, and(shr(208, run), 0xffff))
                let until := add(to, shl(5, and(shr(192, run), 0xffff)))
                if gt(until, end) { until := end }
                if iszero(gt(until, to)) { revert(0, 0) }
                for {} lt(to, until) { to := add(to, 32) } {
                    mstore(to, mload(from))
                    from := add(from, stride)
                }
            }
        }
        return pos;
    }

    /// @dev Sum of the window's elements, canonical.
    function total(uint256[] memory window, uint256 inner) private pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let pos := add(window, 32)
            for { let end := add(pos, shl(5, inner)) } lt(pos, end) { pos := add(pos, 32) } { sum := add(sum, mload(pos)) }
        }
        return sum.canonical();
    }

    /// @dev sum of window[l] * byte l, `line` bytes of calldata. Each 32 products of lanes below 2^64 with bytes stay below 2^77; their sum is then reduced.
    function small(uint256[] memory window, uint256 pos, uint256 line) private pure returns (uint256 sum) {
        assembly ("memory-safe") {
            let m := 0xffffffffffffffffffff
            let p := 0xffffffff00000001
            let x := add(window, 32)
            for { let end := add(pos, line) } lt(pos, end) { pos := add(pos, 32) } {
                let w := calldataload(pos)
                let part := 0
                for { let until := add(x, 1024) } lt(x, until) { x := add(x, 256) } {
                    part := add(part, mul(mload(x), byte(0, w)))
                    part := add(part, mul(mload(add(x, 32)), byte(1, w)))
                    part := add(part, mul(mload(add(x, 64)), byte(2, w)))
                    part := add(part, mul(mload(add(x, 96)), byte(3, w)))
                    part := add(part, mul(mload(add(x, 128)), byte(4, w)))
                    part := add(part, mul(mload(add(x, 160)), byte(5, w)))
                    part := add(part, mul(mload(add(x, 192)), byte(6, w)))
                    part := add(part, mul(mload(add(x, 224)), byte(7, w)))
                    w := shl(64, w)
                }
                sum := add(sum, or(mod(and(part, m), p), or(shl(80, mod(and(shr(80, part), m), p)), shl(160, mod(shr(160, part), p)))))
            }
        }
    }

    /// @dev The same for weights of eight bytes.
    function wide(uint256[] memory window, uint256 pos, uint256 inner) private pure returns (uint256 sum) {
        for (uint256 l = 0; l < inner; ++l) sum = sum.add(window[l].scale(number(pos + 8 * l, 8))).canonical();
    }
}
