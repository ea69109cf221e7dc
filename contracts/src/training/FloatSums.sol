// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Float32} from "./Float32.sol";

/// @title Sums of many float32 numbers in the orders of docs/work/training.md
/// @notice Numbers lie in memory as trees hash them: four bytes each, the lowest first, one after another. A row is where its first one
/// lies; reading may touch 32 bytes behind its end.
library FloatSums {
    uint256 internal constant BLOCK = 256;
    uint256 internal constant LANES = 16;

    // The same 32 bits in each of eight lanes.
    uint256 private constant LANE = type(uint256).max / type(uint32).max;
    uint256 private constant FRACTIONS = LANE * 0x7fffff;
    uint256 private constant FIELDS = LANE * 0x7f800000;
    uint256 private constant SIGNS = LANE * 0x80000000;
    uint256 private constant ODD_BYTES = LANE * 0x00ff00ff;
    uint256 private constant HALVES = LANE * 0xffff;

    /// Eight factors side by side, in lanes of 32 bits, the first on top; and the sum so far, as Float32.sum takes it.
    struct Eight {
        uint256 left; // 24 bits of each number
        uint256 right;
        uint256 exponents; // of the products, as Float32.sum counts them; bit 15 is their sign
        uint256 total; // signed
        uint256 exponent;
        uint256 special; // not 0: a number is, or may have become, infinite, none, -0 or subnormal
    }

    /// Constants in memory, because the compiler would make each anew at each use.
    struct Masks {
        uint256 oddBytes;
        uint256 halves;
        uint256 fields;
        uint256 signs;
        uint256 fractions;
        uint256 ones;
    }

    /// @notice Element `i` of a row.
    function get(uint256 row, uint256 i) internal pure returns (uint256 bits) {
        assembly ("memory-safe") {
            bits := shr(224, mload(add(row, shl(2, i))))
        }
        return Float32.swap(bits);
    }

    /// @notice The dot product of two rows of `k` >= 1: chains of fused multiply-adds over blocks of 256, whose sums are added in order.
    function dot(uint256 left, uint256 right, uint256 k) internal pure returns (uint256 total) {
        unchecked {
            Masks memory m = Masks(ODD_BYTES, HALVES, FIELDS, SIGNS, FRACTIONS, LANE);
            for (uint256 i = 0; i < k; i += BLOCK) {
                uint256 n = k - i < BLOCK ? k - i : BLOCK;
                uint256 part = _chain(m, left + 4 * i, right + 4 * i, n);
                total = i == 0 ? part : Float32.add(total, part);
            }
        }
    }

    /// A chain from +0.
    function _chain(Masks memory m, uint256 left, uint256 right, uint256 n) private pure returns (uint256) {
        unchecked {
            Eight memory e;
            for (uint256 i = 0; i < n; i += 8) {
                _decode(m, e, left + 4 * i, right + 4 * i);
                _addProducts(e, n - i < 8 ? 256 - 32 * (n - i) : 0);
            }
            if (e.special != 0) return _slowChain(left, right, n);
            uint256 sign = e.total >> 255;
            return Float32.round(sign, sign == 0 ? e.total : 0 - e.total, e.exponent);
        }
    }

    /// Adds the products one by one, those in lanes from bit `last` on, as Float32.sum adds, but for what is left to `special`.
    function _addProducts(Eight memory eight, uint256 last) private pure {
        assembly ("memory-safe") {
            let c := mload(add(eight, 0x60))
            let ec := mload(add(eight, 0x80))
            for { let lane := 224 } iszero(slt(lane, last)) { lane := sub(lane, 32) } {
                let p := mul(and(shr(lane, mload(eight)), 0xffffff), and(shr(lane, mload(add(eight, 0x20))), 0xffffff))
                if iszero(p) { continue }
                let e := shr(lane, mload(add(eight, 0x40)))
                p := mul(p, sub(1, and(shr(14, e), 2)))
                e := and(e, 0x1ff)
                let t := 45
                switch gt(ec, e)
                case 0 {
                    let d := sub(e, ec)
                    if gt(d, 76) {
                        c := sub(sgt(c, 0), slt(c, 0))
                        d := 76
                    }
                    p := add(shl(d, p), c)
                    e := sub(e, d)
                    t := add(t, d)
                }
                default {
                    let d := sub(ec, e)
                    if gt(d, 76) {
                        p := sub(sgt(p, 0), slt(p, 0))
                        d := 76
                    }
                    p := add(shl(d, c), p)
                    e := sub(ec, d)
                    t := add(t, d)
                }
                // Of a negative number the bits turned round: one less, which is as long but for a power of two.
                let size := xor(p, sar(255, p))
                let y := shr(t, size)
                if iszero(y) {
                    // Little is left, or the numbers were subnormal.
                    size := shl(24, add(size, shr(255, p)))
                    t := shl(7, gt(size, 0xffffffffffffffffffffffffffffffff))
                    t := or(t, shl(6, gt(shr(t, size), 0xffffffffffffffff)))
                    t := or(t, shl(5, gt(shr(t, size), 0xffffffff)))
                    t := or(t, shl(4, gt(shr(t, size), 0xffff)))
                    t := or(t, shl(3, gt(shr(t, size), 0xff)))
                    t := or(t, shl(2, gt(shr(t, size), 0xf)))
                    y := shr(t, size)
                    e := mul(sub(e, 24), iszero(iszero(p)))
                    p := shl(24, p)
                }
                t := add(t, and(shr(shl(1, y), 0xffffaa50), 3))
                ec := add(e, sub(t, 47))
                t := sub(t, 24)
                // Half a unit, less one unless the last bit that stays is odd: ties go to even.
                c := shl(24, sar(add(t, 1), add(p, add(sub(shl(t, 1), 1), and(shr(t, shr(1, p)), 1)))))
                // 127: subnormal below; 379: it may have been rounded up to infinity. Zero has the exponent 0.
                if gt(sub(ec, 127), 252) {
                    c := 0
                    ec := 0
                    if p { mstore(add(eight, 0xa0), 1) }
                }
            }
            mstore(add(eight, 0x60), c)
            mstore(add(eight, 0x80), ec)
        }
    }

    function _slowChain(uint256 left, uint256 right, uint256 n) private pure returns (uint256 sum_) {
        for (uint256 i = 0; i < n; ++i) sum_ = Float32.fma(get(left, i), get(right, i), sum_);
    }

    function _decode(Masks memory m, Eight memory e, uint256 left, uint256 right) private pure {
        unchecked {
            (uint256 a, uint256 b) = (_lanes(m, left), _lanes(m, right));
            (uint256 fields, uint256 signs) = (m.fields, m.signs);
            (uint256 fieldA, uint256 fieldB) = (a & fields, b & fields);
            // Bit 31 of a lane: the field of its exponent is 255; or is not 0.
            if (((fieldA + (m.ones << 23)) | (fieldB + (m.ones << 23))) & signs != 0) e.special = 1;
            (uint256 wholeA, uint256 wholeB) = ((fieldA + fields) & signs, (fieldB + fields) & signs);
            e.left = (a & m.fractions) | (wholeA >> 8);
            e.right = (b & m.fractions) | (wholeB >> 8);
            // A field of 0 counts as 1.
            uint256 exponents = (fieldA >> 23) + (fieldB >> 23) + (m.ones << 1) - (wholeA >> 31) - (wholeB >> 31);
            e.exponents = exponents | (((a ^ b) & signs) >> 16);
        }
    }

    /// Eight numbers from memory, the first on top, each with its highest byte first.
    function _lanes(Masks memory m, uint256 position) private pure returns (uint256 w) {
        assembly ("memory-safe") {
            w := mload(position)
        }
        (uint256 odd, uint256 halves) = (m.oddBytes, m.halves);
        w = ((w & odd) << 8) | ((w >> 8) & odd);
        return ((w & halves) << 16) | ((w >> 16) & halves);
    }

    /// @notice The sum of a row of `n` in order, in blocks of 256 whose sums are added in order: of a column, by rows.
    function blocks(uint256 row, uint256 n) internal pure returns (uint256 total) {
        for (uint256 i = 0; i < n; i += BLOCK) {
            uint256 part;
            uint256 end = n - i < BLOCK ? n : i + BLOCK;
            for (uint256 j = i; j < end; ++j) part = Float32.add(part, get(row, j));
            total = i == 0 ? part : Float32.add(total, part);
        }
    }

    /// @notice Sixteen sums become one: the upper half is added to the lower, until one is left. Uses `lane` up.
    function fold(uint256[16] memory lane) internal pure returns (uint256) {
        for (uint256 half = LANES / 2; half > 0; half /= 2) {
            for (uint256 l = 0; l < half; ++l) lane[l] = Float32.add(lane[l], lane[l + half]);
        }
        return lane[0];
    }

    /// @notice The sum of a row of `n` in sixteen lanes.
    function sum(uint256 row, uint256 n) internal pure returns (uint256) {
        uint256[16] memory lane;
        for (uint256 i = 0; i < n; ++i) lane[i % LANES] = Float32.add(lane[i % LANES], get(row, i));
        return fold(lane);
    }

    /// @notice The sum of the products of two rows in sixteen lanes, by fused multiply-adds.
    function sumProducts(uint256 a, uint256 b, uint256 n) internal pure returns (uint256) {
        uint256[16] memory lane;
        for (uint256 i = 0; i < n; ++i) lane[i % LANES] = Float32.fma(get(a, i), get(b, i), lane[i % LANES]);
        return fold(lane);
    }

    /// @notice The sum of (x - centre)^2 of a row in sixteen lanes.
    function sumSquares(uint256 row, uint256 n, uint256 centre) internal pure returns (uint256) {
        uint256[16] memory lane;
        for (uint256 i = 0; i < n; ++i) {
            uint256 x = Float32.sub(get(row, i), centre);
            lane[i % LANES] = Float32.fma(x, x, lane[i % LANES]);
        }
        return fold(lane);
    }

    /// @notice The largest of a row of `n` >= 1, lanes compared from the first on: which of two zeros it is follows from that.
    function largest(uint256 row, uint256 n) internal pure returns (uint256) {
        uint256[16] memory lane;
        uint256 first = get(row, 0);
        for (uint256 l = 0; l < LANES; ++l) lane[l] = first;
        uint256 whole = n - n % LANES;
        for (uint256 i = 0; i < n; ++i) {
            uint256 l = i < whole ? i % LANES : 0;
            lane[l] = Float32.larger(get(row, i), lane[l]);
        }
        for (uint256 l = 1; l < LANES; ++l) lane[0] = Float32.larger(lane[l], lane[0]);
        return lane[0];
    }
}
