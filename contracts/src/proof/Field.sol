// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The cubic extension of the Goldilocks field
/// @notice The field F of docs/trust/proof.md, section 2: p = 2^64 - 2^32 + 1, X^3 = X + 1. An element is one word of three lanes of 80 bits,
/// the coefficient of 1 in the lowest. A lane may hold any representative below 2^77: sums stay plain additions, products reduce.
library Field {
    uint256 internal constant P = 0xffffffff00000001;
    uint256 internal constant LANE = (1 << 80) - 1;
    uint256 internal constant ONES = (1 << 160) | (1 << 80) | 1;
    /// @dev 2^13 p in every lane: what is added before a subtraction.
    uint256 internal constant HIGH = (P << 13) * ONES;
    /// @dev 1 / 2 and 1 / 6 modulo p.
    uint256 internal constant HALF = 0x7fffffff80000001;
    uint256 internal constant SIXTH = 0xd555555480000001;

    /// @notice a + b. Lanes add up: the sum of the lanes' bounds must stay below 2^77.
    function add(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            return a + b;
        }
    }

    /// @notice a - b for lanes of b of at most 2^13 p; lanes of the result are below 2^77 if those of a are canonical.
    function sub(uint256 a, uint256 b) internal pure returns (uint256) {
        unchecked {
            return a + HIGH - b;
        }
    }

    /// @notice a * b, canonical. Lanes below 2^80.
    function mul(uint256 a, uint256 b) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            let m := LANE
            let a0 := and(a, m)
            let a1 := and(shr(80, a), m)
            let a2 := shr(160, a)
            let b0 := and(b, m)
            let b1 := and(shr(80, b), m)
            let b2 := shr(160, b)
            let p := P
            let d3 := add(mul(a1, b2), mul(a2, b1))
            let d4 := mul(a2, b2)
            c := mod(add(mul(a0, b0), d3), p)
            c := or(c, shl(80, mod(add(add(mul(a0, b1), mul(a1, b0)), add(d3, d4)), p)))
            c := or(c, shl(160, mod(add(add(mul(a0, b2), mul(a2, b0)), add(mul(a1, b1), d4)), p)))
        }
    }

    /// @notice a * s for an element s of the base field, canonical. s below 2^80.
    function scale(uint256 a, uint256 s) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            let p := P
            c := mod(mul(and(a, LANE), s), p)
            c := or(c, shl(80, mod(mul(and(shr(80, a), LANE), s), p)))
            c := or(c, shl(160, mod(mul(shr(160, a), s), p)))
        }
    }

    /// @notice The same element with lanes below p.
    function canonical(uint256 a) internal pure returns (uint256 c) {
        assembly ("memory-safe") {
            let p := P
            c := or(mod(and(a, LANE), p), or(shl(80, mod(and(shr(80, a), LANE), p)), shl(160, mod(shr(160, a), p))))
        }
    }

    function equal(uint256 a, uint256 b) internal pure returns (bool) {
        return canonical(a) == canonical(b);
    }

    /// @notice a + r (b - a), for canonical a and b.
    function between(uint256 a, uint256 b, uint256 r) internal pure returns (uint256) {
        return canonical(add(a, mul(r, sub(b, a))));
    }

    /// @notice prod_j ((1 - a_j)(1 - b_j) + a_j b_j) over the words of two equally long lists of canonical elements.
    function eq(uint256[] memory a, uint256[] memory b) internal pure returns (uint256 out) {
        out = 1;
        for (uint256 j = 0; j < a.length; ++j) {
            uint256 both = mul(a[j], b[j]);
            out = mul(out, sub(add(1, add(both, both)), add(a[j], b[j])));
        }
    }

    /// @notice Table of eq(point, x) for x in {0,1}^k, k the number of canonical words from `first` on.
    function eqTable(uint256[] memory point, uint256 first) internal pure returns (uint256[] memory out) {
        uint256 count = point.length - first;
        out = new uint256[](1 << count);
        out[0] = 1;
        for (uint256 j = 0; j < count; ++j) {
            uint256 size = 1 << j;
            for (uint256 i = 0; i < size; ++i) {
                uint256 high = mul(out[i], point[first + j]);
                out[i + size] = high;
                out[i] = canonical(sub(out[i], high));
            }
        }
    }

    /// @notice The polynomial of degree 2 with p(0) = p0, p(1) = claim - p0, p(2) = p2, at x. All canonical.
    function round2(uint256 p0, uint256 p2, uint256 claim, uint256 x) internal pure returns (uint256) {
        uint256 p1 = canonical(sub(claim, p0));
        // Newton: p0 + x (p1 - p0) + x (x - 1) / 2 (p2 - 2 p1 + p0)
        uint256 second = mul(mul(x, sub(x, 1)), canonical(sub(add(p2, p0), add(p1, p1))));
        return canonical(add(add(p0, mul(x, sub(p1, p0))), scale(second, HALF)));
    }

    /// @notice The same of degree 3.
    function round3(uint256 p0, uint256 p2, uint256 p3, uint256 claim, uint256 x) internal pure returns (uint256 out) {
        uint256 p1 = canonical(sub(claim, p0));
        uint256 pair = mul(x, sub(x, 1));
        out = add(p0, mul(x, sub(p1, p0)));
        out = add(out, scale(mul(pair, canonical(sub(add(p2, p0), add(p1, p1)))), HALF));
        // p3 - 3 p2 + 3 p1 - p0
        uint256 third = canonical(sub(add(p3, add(p1, add(p1, p1))), add(p0, add(p2, add(p2, p2)))));
        out = canonical(add(out, scale(mul(mul(pair, sub(x, 2)), third), SIXTH)));
    }
}
