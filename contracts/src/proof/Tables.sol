// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Field} from "./Field.sol";

/// @title Products eq(point, index), by table
/// @notice eq(point, i) = prod_j ((1 - point_j)(1 - i_j) + point_j i_j), bit j of i being variable j. Of a block of 2^k indices that
/// begins at a multiple of 2^k, number u, `low[k]` and `high` give the factor of the variables from k on.
library Tables {
    using Field for uint256;

    uint256 internal constant LOW = 8; // variables that the low tables hold
    uint256 internal constant LEVELS = 8; // of blocks: 2^0 to 2^7

    struct Table {
        uint256[] point;
        uint256[] high; // variables from 8 on
        uint256[][8] low; // variables k to 7, made when they are asked for
        uint256[8] blocks; // what `both` gave with the one other table that it is asked for, or zero
    }

    /// @notice Table of eq over variables `from` to `to` - 1.
    function eqRange(uint256[] memory point, uint256 from, uint256 to) internal pure returns (uint256[] memory out) {
        unchecked {
            out = new uint256[](1 << (to - from));
            out[0] = 1;
            for (uint256 j = from; j < to; ++j) {
                uint256 r = point[j];
                assembly ("memory-safe") {
                    // Doubles the table: out[i + size] = out[i] r, out[i] -= out[i] r.
                    let size := shl(add(sub(j, from), 5), 1)
                    let m := 0xffffffffffffffffffff
                    let p := 0xffffffff00000001
                    let r0 := and(r, m)
                    let r1 := and(shr(80, r), m)
                    let r2 := shr(160, r)
                    let first := add(out, 32)
                    for { let pos := first } lt(pos, add(first, size)) { pos := add(pos, 32) } {
                        let a := mload(pos)
                        let a0 := and(a, m)
                        let a1 := and(shr(80, a), m)
                        a := shr(160, a)
                        let c := add(mul(a1, r2), mul(a, r1))
                        let c0 := mod(add(mul(a0, r0), c), p)
                        let c1 := mod(add(add(mul(a0, r1), mul(a1, r0)), add(c, mul(a, r2))), p)
                        c := mod(add(add(mul(a0, r2), mul(a, r0)), add(mul(a1, r1), mul(a, r2))), p)
                        mstore(add(pos, size), or(c0, or(shl(80, c1), shl(160, c))))
                        a0 := mod(add(a0, sub(p, c0)), p)
                        a1 := mod(add(a1, sub(p, c1)), p)
                        a := mod(add(a, sub(p, c)), p)
                        mstore(pos, or(a0, or(shl(80, a1), shl(160, a))))
                    }
                }
            }
        }
    }

    function make(uint256[] memory point) internal pure returns (Table memory t) {
        t.point = point;
        t.high = point.length > LOW ? eqRange(point, LOW, point.length) : eqRange(point, 0, 0);
    }

    /// @notice The low table of blocks of 2^k.
    function lowOf(Table memory t, uint256 k) internal pure returns (uint256[] memory low) {
        low = t.low[k];
        if (low.length != 0) return low;
        low = eqRange(t.point, k, t.point.length < LOW ? t.point.length : LOW);
        t.low[k] = low;
    }

    /// @notice eq(point, i).
    function value(Table memory t, uint256 i) internal pure returns (uint256) {
        uint256[] memory low = lowOf(t, 0);
        return t.high[i / low.length].mul(low[i % low.length]);
    }

    /// @notice prod_{j < k} ((1 - a_j)(1 - b_j) + a_j b_j): what a block of 2^k indices that run through both gives. `b` is the same for every call
    /// upon `a`.
    function both(Table memory a, Table memory b, uint256 k) internal pure returns (uint256 out) {
        if (a.blocks[k] != 0) return a.blocks[k];
        out = 1;
        for (uint256 j = 0; j < k; ++j) {
            uint256 product = a.point[j].mul(b.point[j]);
            out = out.mul(Field.sub(1 + product + product, a.point[j] + b.point[j]));
        }
        a.blocks[k] = out;
    }

    /// @notice sum_{u < n} of the products of words at `a`, `a` + 32, ... and at `b`, `b` + step, ...: elements with canonical lanes. n at most 2^12.
    function dot(uint256 a, uint256 b, uint256 step, uint256 n) internal pure returns (uint256 out) {
        assembly ("memory-safe") {
            let s0 := 0
            let s1 := 0
            let s2 := 0
            for { n := add(a, shl(5, n)) } lt(a, n) { a := add(a, 32) } {
                let x := mload(a)
                let y := mload(b)
                b := add(b, step)
                let x0 := and(x, 0xffffffffffffffffffff)
                let x1 := and(shr(80, x), 0xffffffffffffffffffff)
                x := shr(160, x)
                let y0 := and(y, 0xffffffffffffffffffff)
                let y1 := and(shr(80, y), 0xffffffffffffffffffff)
                y := shr(160, y)
                let d := add(mul(x1, y), mul(x, y1))
                s0 := add(s0, add(mul(x0, y0), d))
                d := add(d, mul(x, y))
                s1 := add(s1, add(add(mul(x0, y1), mul(x1, y0)), d))
                s2 := add(s2, add(add(mul(x0, y), mul(x, y0)), add(mul(x1, y1), mul(x, y))))
            }
            let p := 0xffffffff00000001
            out := or(mod(s0, p), or(shl(80, mod(s1, p)), shl(160, mod(s2, p))))
        }
    }

    /// @notice sum of n words at `a`, and of each times its number, canonical. n at most 2^8.
    function sums(uint256 a, uint256 n) internal pure returns (uint256 total, uint256 numbered) {
        assembly ("memory-safe") {
            for { let u := 0 } lt(u, n) { u := add(u, 1) } {
                let x := mload(add(a, shl(5, u)))
                total := add(total, x)
                numbered := add(numbered, mul(x, u))
            }
        }
        return (Field.canonical(total), Field.canonical(numbered));
    }
}
