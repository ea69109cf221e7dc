// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title IEEE 754 binary32 by integers
/// @notice A number is its 32 bits, the upper 224 bits of a word zero. Rounding to nearest, ties to even; subnormals are kept; every NaN
/// that an operation makes is 0x7fc00000, whatever NaN went in. So each function gives the bits that engine/train computes and hashes.
///
/// Inside, a number is a sign and x 2^(e - 300), x an integer of any length, e in two's complement: a product of two numbers with
/// exponent fields a and b is a product of integers with e = a + b.
library Float32 {
    uint256 internal constant NAN = 0x7fc00000;
    uint256 internal constant INFINITY = 0x7f800000;
    uint256 internal constant SIGN = 0x80000000;
    uint256 internal constant ONE = 0x3f800000;
    /// Number of the highest bit of 0 to 31, a byte each, that of 0 being 0.
    uint256 private constant HIGHEST = 0x0000010102020202030303030303030304040404040404040404040404040404;

    // ---- Arithmetic

    function neg(uint256 a) internal pure returns (uint256) {
        return a ^ SIGN;
    }

    function add(uint256 a, uint256 b) internal pure returns (uint256 y) {
        // Two normal numbers whose sum is normal and not much smaller; the rest goes the long way.
        assembly ("memory-safe") {
            let e := and(shr(23, a), 0xff)
            let d := and(shr(23, b), 0xff)
            if and(lt(sub(e, 1), 254), lt(sub(d, 1), 254)) {
                let x := mul(shl(3, or(and(a, 0x7fffff), 0x800000)), sub(1, and(shr(30, a), 2)))
                let z := mul(shl(3, or(and(b, 0x7fffff), 0x800000)), sub(1, and(shr(30, b), 2)))
                d := sub(e, d)
                if slt(d, 0) {
                    e := sub(e, d)
                    d := sub(0, d)
                    let h := x
                    x := z
                    z := h
                }
                // Then the smaller one is below a quarter of a unit of the other's last place.
                if gt(d, 32) {
                    d := 32
                    z := 0
                }
                x := add(shl(d, x), z)
                let sign := sar(255, x)
                let part := shr(add(d, 24), xor(x, sign))
                let above := and(shr(shl(1, part), 0xffffaa50), 3)
                d := add(d, above)
                above := add(sub(e, 3), above)
                if and(iszero(iszero(part)), lt(above, 253)) {
                    let q := sar(add(d, 1), add(x, add(sub(shl(d, 1), 1), and(shr(d, shr(1, x)), 1))))
                    y := or(and(sign, 0x80000000), add(shl(23, above), sub(xor(q, sign), sign)))
                }
            }
        }
        if (y == 0) y = _add(a, b);
    }

    function _add(uint256 a, uint256 b) private pure returns (uint256) {
        unchecked {
            (uint256 ea, uint256 eb) = ((a >> 23) & 0xff, (b >> 23) & 0xff);
            if (ea == 255 || eb == 255) return _special(a, ONE, b);
            (uint256 x, uint256 fromX) = _addend(a, ea);
            (uint256 y, uint256 fromY) = _addend(b, eb);
            return _sum(x, fromX, y, fromY, a & b & SIGN);
        }
    }

    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        return add(a, b ^ SIGN);
    }

    function mul(uint256 a, uint256 b) internal pure returns (uint256 y) {
        uint256 special;
        assembly ("memory-safe") {
            let ea := and(shr(23, a), 0xff)
            let eb := and(shr(23, b), 0xff)
            special := or(eq(ea, 255), eq(eb, 255))
            // The hidden bit is there unless the field is 0, which counts as 1.
            let p := mul(
                or(and(a, 0x7fffff), shl(23, iszero(iszero(ea)))),
                or(and(b, 0x7fffff), shl(23, iszero(iszero(eb))))
            )
            let e := add(add(ea, iszero(ea)), add(eb, iszero(eb)))
            y := shl(31, xor(shr(31, a), shr(31, b)))
            // Two normal numbers: bit 46 or 47 is the highest. What is not in the normal range afterwards goes the long way.
            let s := add(23, shr(47, p))
            let above := sub(add(e, s), 151)
            switch and(gt(p, 0x3fffffffffff), lt(above, 253))
            case 1 {
                let q := shr(s, add(add(p, sub(shl(sub(s, 1), 1), 1)), and(shr(s, p), 1)))
                y := or(y, add(shl(23, above), q))
            }
            default { if iszero(special) { special := 2 } }
        }
        if (special == 0) return y;
        if (special == 1) return _special(a, b, 0);
        (uint256 x, uint256 from) = _product(a, b);
        return round(y >> 31, x, from);
    }

    /// @notice a b + c, rounded once.
    function fma(uint256 a, uint256 b, uint256 c) internal pure returns (uint256 y) {
        // As in `add`.
        assembly ("memory-safe") {
            let e := and(shr(23, a), 0xff)
            let d := and(shr(23, b), 0xff)
            let f := and(shr(23, c), 0xff)
            if and(and(lt(sub(e, 1), 254), lt(sub(d, 1), 254)), lt(sub(f, 1), 254)) {
                let x := mul(or(and(a, 0x7fffff), 0x800000), or(and(b, 0x7fffff), 0x800000))
                x := mul(x, sub(1, and(shr(30, xor(a, b)), 2)))
                let z := mul(shl(24, or(and(c, 0x7fffff), 0x800000)), sub(1, and(shr(30, c), 2)))
                e := add(e, d)
                d := sub(e, add(f, 126))
                if slt(d, 0) {
                    e := sub(e, d)
                    d := sub(0, d)
                    let h := x
                    x := z
                    z := h
                }
                if gt(d, 76) {
                    d := 76
                    z := or(1, sar(255, z)) // it only breaks ties
                }
                x := add(shl(d, x), z)
                let sign := sar(255, x)
                let part := shr(add(d, 45), xor(x, sign))
                let above := and(shr(shl(1, part), 0xffffaa50), 3)
                d := add(add(d, 21), above)
                above := add(sub(e, 129), above)
                if and(iszero(iszero(part)), lt(above, 253)) {
                    let q := sar(add(d, 1), add(x, add(sub(shl(d, 1), 1), and(shr(d, shr(1, x)), 1))))
                    y := or(and(sign, 0x80000000), add(shl(23, above), sub(xor(q, sign), sign)))
                }
            }
        }
        if (y == 0) y = _fma(a, b, c);
    }

    function _fma(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        unchecked {
            uint256 ec = (c >> 23) & 0xff;
            if ((a >> 23) & 0xff == 255 || (b >> 23) & 0xff == 255 || ec == 255) return _special(a, b, c);
            (uint256 p, uint256 ep) = _product(a, b);
            (uint256 y, uint256 from) = _addend(c, ec);
            if (p == 0) ep = 0;
            uint256 sign = (a ^ b) & SIGN;
            return _sum(sign == 0 ? p : 0 - p, ep, y, from, sign & c);
        }
    }

    function div(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            uint256 sign = (a ^ b) >> 31;
            (uint256 pa, uint256 pb) = (a & ~SIGN, b & ~SIGN);
            if (pa > INFINITY || pb > INFINITY) return NAN;
            if (pa == INFINITY || pb == 0) return pb == INFINITY || pa == 0 ? NAN : INFINITY | (sign << 31);
            if (pb == INFINITY || pa == 0) return sign << 31;
            (uint256 x, uint256 ea) = _parts(a);
            (uint256 y, uint256 eb) = _parts(b);
            // At least 40 bits, and one more that says whether something is left.
            x <<= 64;
            uint256 q = (x / y) << 1;
            if (x % y != 0) q |= 1;
            return round(sign, q, 235 + ea - eb);
        }
    }

    function sqrt(uint256 a) internal pure returns (uint256) {
        unchecked {
            if (a & ~SIGN == 0 || a == INFINITY) return a;
            if (a > INFINITY) return NAN;
            (uint256 x, uint256 e) = _parts(a);
            // x 2^(e - 150) = (x 2^(100 + odd)) 2^(2 h), h = (e - 250 - odd) / 2
            uint256 odd = e & 1;
            x <<= 100 + odd;
            // Newton's steps from above fall until they have the root.
            uint256 r = uint256(1) << ((_highest(x) >> 1) + 1);
            while (true) {
                uint256 next = (r + x / r) >> 1;
                if (next >= r) break;
                r = next;
            }
            uint256 q = r << 1;
            if (r * r != x) q |= 1;
            // (e - 250 - odd) / 2 - 1 + 300, e - odd being even
            return round(0, q, 174 + ((e - odd) >> 1));
        }
    }

    // ---- Comparisons: false when one is no number

    function isNan(uint256 a) internal pure returns (bool) {
        return a & ~SIGN > INFINITY;
    }

    function lt(uint256 a, uint256 b) internal pure returns (bool) {
        if (isNan(a) || isNan(b)) return false;
        return _ordered(a) < _ordered(b);
    }

    function eq(uint256 a, uint256 b) internal pure returns (bool) {
        if (isNan(a) || isNan(b)) return false;
        return _ordered(a) == _ordered(b);
    }

    /// @notice a > b ? a : b
    function larger(uint256 a, uint256 b) internal pure returns (uint256) {
        return lt(b, a) ? a : b;
    }

    // ---- Conversions

    /// @notice The nearest number to a whole one.
    function fromInt(int256 a) internal pure returns (uint256) {
        unchecked {
            if (a > type(int128).max || a < type(int128).min) revert OutOfRange(a);
            return a < 0 ? round(1, uint256(-a), 300) : round(0, uint256(a), 300);
        }
    }

    /// @notice The whole number that `a` is. Errors: NotWhole, also from 2^33 on.
    function toInt(uint256 a) internal pure returns (int256) {
        unchecked {
            if (a & ~SIGN == 0) return 0;
            (uint256 x, uint256 e) = _parts(a);
            if (e > 159) revert NotWhole(a);
            if (e < 150) {
                uint256 shift = 150 - e;
                if (shift > 23 || (x >> shift) << shift != x) revert NotWhole(a);
                x >>= shift;
            } else {
                x <<= e - 150;
            }
            return a >> 31 == 0 ? int256(x) : -int256(x);
        }
    }

    error OutOfRange(int256 a);
    error NotWhole(uint256 bits);

    /// @notice Bits as trees hash them: a NaN is the one NaN.
    function canonical(uint256 a) internal pure returns (uint256) {
        return isNan(a) ? NAN : a;
    }

    /// @notice The four bytes, the lowest first, as a number whose highest byte is the first of them.
    function swap(uint256 a) internal pure returns (uint256) {
        return (a >> 24) | ((a >> 8) & 0xff00) | ((a & 0xff00) << 8) | ((a & 0xff) << 24);
    }

    // ---- Inside

    /// @notice The nearest number to (-1)^sign x 2^(e - 300). x < 2^232.
    function round(uint256 sign, uint256 x, uint256 e) internal pure returns (uint256) {
        unchecked {
            if (x == 0) return sign << 31;
            (x, e) = (x << 24, e - 24);
            (uint256 q, uint256 above) = _shorten(x, e, _highest(x));
            return pack(sign, q, above);
        }
    }

    /// @notice q 2^(above - 149) as bits; q is at most 2^24, and above 0 if it is less than 2^23.
    function pack(uint256 sign, uint256 q, uint256 above) internal pure returns (uint256 y) {
        assembly ("memory-safe") {
            y := add(shl(23, above), q)
            if gt(y, 0x7f800000) { y := 0x7f800000 }
            y := or(y, shl(31, sign))
        }
    }

    /// The nearest number to p 2^(ep - 300) + c 2^(ec - 300), p and c signed and of at most 48 bits, not both 2^48; ep and ec below 2^9,
    /// and 0 where p or c is. `zero` is what comes of nothing.
    function _sum(uint256 p, uint256 ep, uint256 c, uint256 ec, uint256 zero) private pure returns (uint256 y) {
        assembly ("memory-safe") {
            if gt(ec, ep) {
                let h := p
                p := c
                c := h
                h := ep
                ep := ec
                ec := h
            }
            let d := sub(ep, ec)
            // From 2^76 on the smaller one only breaks ties: it is below 2^48 and half a unit of the sum's last place is 2^51 or more.
            if gt(d, 76) {
                d := 76
                c := sub(sgt(c, 0), slt(c, 0))
            }
            p := add(shl(d, p), c)
            let e := sub(ep, d)
            // Of a negative number the bits turned round: one less, which is as long but for a power of two, and that is exact.
            let size := xor(p, sar(255, p))
            // The highest bit is mostly one of four, since normal numbers have 47 or 48 bits here.
            let t := add(d, 45)
            let part := shr(t, size)
            if iszero(part) {
                size := shl(24, add(size, shr(255, p)))
                t := shl(7, gt(size, 0xffffffffffffffffffffffffffffffff))
                t := or(t, shl(6, gt(shr(t, size), 0xffffffffffffffff)))
                t := or(t, shl(5, gt(shr(t, size), 0xffffffff)))
                t := or(t, shl(4, gt(shr(t, size), 0xffff)))
                t := or(t, shl(3, gt(shr(t, size), 0xff)))
                t := or(t, shl(2, gt(shr(t, size), 0xf)))
                part := shr(t, size)
                e := sub(e, 24)
                p := shl(24, p)
            }
            t := sub(add(t, and(shr(shl(1, part), 0xffffaa50), 3)), 24)
            let above := sub(add(e, t), 150)
            if slt(above, 0) {
                t := sub(150, e)
                above := 0
            }
            // Half a unit, less one unless the last bit that stays is odd: ties go to even.
            let q := sar(add(t, 1), add(p, add(sub(shl(t, 1), 1), and(shr(t, shr(1, p)), 1))))
            let sign := sar(255, p)
            y := add(shl(23, above), sub(xor(q, sign), sign))
            if gt(y, 0x7f800000) { y := 0x7f800000 }
            y := or(y, shl(31, and(sign, 1)))
            if iszero(p) { y := zero }
        }
    }

    /// Cuts x 2^(e - 300), whose highest bit is number `t` >= 24, down to 24 bits, or fewer where it is subnormal.
    function _shorten(uint256 x, uint256 e, uint256 t) private pure returns (uint256 q, uint256 above) {
        assembly ("memory-safe") {
            let s := sub(t, 23)
            let least := sub(151, e)
            if slt(s, least) { s := least }
            above := sub(add(e, s), 151)
            // Beyond 2^256 nothing is left of it, not even a half.
            if lt(s, 256) { q := shr(s, add(add(x, sub(shl(sub(s, 1), 1), 1)), and(shr(s, x), 1))) }
        }
    }

    /// Number of the highest bit; 0 of 0.
    function _highest(uint256 x) private pure returns (uint256 t) {
        assembly ("memory-safe") {
            t := shl(7, gt(x, 0xffffffffffffffffffffffffffffffff))
            t := or(t, shl(6, gt(shr(t, x), 0xffffffffffffffff)))
            t := or(t, shl(5, gt(shr(t, x), 0xffffffff)))
            t := or(t, shl(4, gt(shr(t, x), 0xffff)))
            t := or(t, shl(3, gt(shr(t, x), 0xff)))
            t := or(t, shl(2, gt(shr(t, x), 0xf)))
            t := add(t, byte(shr(t, x), HIGHEST))
        }
    }

    /// |a| = x 2^(e - 150)
    function _parts(uint256 a) private pure returns (uint256 x, uint256 e) {
        assembly ("memory-safe") {
            e := and(shr(23, a), 0xff)
            x := or(and(a, 0x7fffff), shl(23, iszero(iszero(e))))
            e := add(e, iszero(e))
        }
    }

    /// |a b| = x 2^(e - 300)
    function _product(uint256 a, uint256 b) private pure returns (uint256 x, uint256 e) {
        unchecked {
            (uint256 xa, uint256 ea) = _parts(a);
            (uint256 xb, uint256 eb) = _parts(b);
            return (xa * xb, ea + eb);
        }
    }

    /// a = x 2^(e - 300), x signed and of 48 bits, given the field of its exponent; e = 0 of zero.
    function _addend(uint256 a, uint256 field) private pure returns (uint256 x, uint256 e) {
        assembly ("memory-safe") {
            x := or(and(a, 0x7fffff), shl(23, iszero(iszero(field))))
            e := mul(add(add(field, iszero(field)), 126), iszero(iszero(x)))
            x := mul(shl(24, x), sub(1, and(shr(30, a), 2)))
        }
    }

    /// a b + c where one of them is infinite or no number.
    function _special(uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        (uint256 pa, uint256 pb, uint256 pc) = (a & ~SIGN, b & ~SIGN, c & ~SIGN);
        if (pa > INFINITY || pb > INFINITY || pc > INFINITY) return NAN;
        if (pa != INFINITY && pb != INFINITY) return c;
        if (pa == 0 || pb == 0) return NAN;
        uint256 product = INFINITY | ((a ^ b) & SIGN);
        return pc == INFINITY && c != product ? NAN : product;
    }

    /// Numbers in their order; both zeros are one.
    function _ordered(uint256 a) private pure returns (int256) {
        return a >> 31 == 0 ? int256(a) : -int256(a & ~SIGN);
    }
}
