// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Dot products of rows of 8 or 16 bits
library Dot {
    uint256 private constant ONES = type(uint256).max / 0xffff; // in every 16 bits
    uint256 private constant LOW_BYTES = ONES * 0xff;
    uint256 private constant PAIRS = type(uint256).max / type(uint32).max * 0xffff; // the lower of every two lanes
    uint256 private constant DIGITS = type(uint256).max / type(uint64).max * 0xffff; // the lowest of every four
    uint256 private constant BYTES = type(uint256).max / type(uint32).max * 0xff; // the lowest byte of every four
    uint256 private constant HALVES = type(uint256).max / type(uint64).max * type(uint32).max; // the lower two of every four
    uint256 private constant QUADS = type(uint256).max / type(uint128).max * type(uint64).max; // the lower four of every eight
    /// @notice Longest row: sums of its lanes stay below 2^32 - 1.
    uint256 internal constant MAX_ROW = 65_536;

    error RowTooLong(uint256 elements);

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

    /// @notice Sum of the products of `k` elements at two places of the calldata; widths are 1 or 2 bytes.
    /// Sixteen at a time: elements are made unsigned (a + 128 or a + 32768) in lanes of 16 bits. Every fourth lane of the one, by every
    /// fourth lane of the other in reverse order, as numbers of four digits of 64 bits: the fourth digit of the product is the sum of
    /// their four products. A digit stays below 2^48, so none carries into the next.
    function dot(uint256 left, uint256 leftWidth, uint256 right, uint256 rightWidth, uint256 k) internal pure returns (int256) {
        if (k > MAX_ROW) revert RowTooLong(k);
        if (leftWidth == 1 && rightWidth == 1) return _bytes(left, right, k);
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

    /// The same for rows of bytes, 32 at a time: every fourth byte of the one by every fourth of the other as numbers of eight digits of
    /// 32 bits, whose eighth digit is the sum of eight products. 65,536 products of two bytes stay below 2^32, so none carries.
    function _bytes(uint256 left, uint256 right, uint256 k) private pure returns (int256) {
        (uint256 quads, uint256 halves, uint256 low, uint256 bias) = (QUADS, HALVES, BYTES, BYTES / 0xff * 0x80808080);
        uint256 products;
        uint256 leftSum;
        uint256 rightSum;
        unchecked {
            for (uint256 i = 0; i < k; i += 32) {
                uint256 a;
                uint256 b;
                assembly ("memory-safe") {
                    a := xor(calldataload(add(left, i)), bias)
                    b := xor(calldataload(add(right, i)), bias)
                }
                if (k - i < 32) {
                    uint256 cut = 256 - 8 * (k - i); // bits beyond the row
                    (a, b) = ((a >> cut) << cut, (b >> cut) << cut);
                }
                b = (b >> 128) | (b << 128);
                b = ((b >> 64) & quads) | ((b & quads) << 64);
                b = ((b >> 32) & halves) | ((b & halves) << 32);
                for (uint256 r = 0; r < 4; ++r) {
                    (uint256 x, uint256 y) = (a & low, b & low);
                    products += x * y;
                    leftSum += x;
                    rightSum += y;
                    (a, b) = (a >> 8, b >> 8);
                }
            }
        }
        return int256(products >> 224) - 128 * int256(leftSum % type(uint32).max + rightSum % type(uint32).max) + int256(k << 14);
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
}
