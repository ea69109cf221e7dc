// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Field} from "./Field.sol";
import {Reader} from "./Reader.sol";

/// @title Cosets of a layer of folding: read, hashed and folded (docs/trust/proof.md, 5.2, steps 5 and 8)
library Cosets {
    uint256 private constant P = 0xffffffff00000001;
    uint256 private constant LANE = 0xffffffffffffffffffff;
    /// @dev Field.HIGH, and 4 p.
    uint256 private constant HIGH = 0x1fffffffe000000020001fffffffe000000020001fffffffe00000002000;
    uint256 private constant FOUR = 0x3fffffffc00000004;

    /// @dev What the folding of a layer's cosets needs.
    struct Folding {
        uint256[] roots; // inverses of generators
        uint256[] turns; // 1 / z of the pairs of a coset, over that of its first
        uint256[] challenges;
        uint256 first; // challenge
        uint256 fold; // variables
        uint256 halves; // 2^-fold
        uint256[] v; // the coset
    }

    function begin(uint256[] memory challenges, uint256[] memory roots, uint256 first, uint256 fold) internal pure returns (Folding memory f) {
        f.roots = roots;
        f.challenges = challenges;
        f.first = first;
        f.fold = fold;
        f.v = new uint256[](1 << fold);
        f.turns = new uint256[](1 << fold);
        f.turns[0] = 1;
        f.halves = 1;
        for (uint256 k = 0; k < fold; ++k) {
            for (uint256 i = 0; i < 1 << k; ++i) f.turns[i + (1 << k)] = mulmod(f.turns[i], roots[k + 2], P);
            f.halves = mulmod(f.halves, Field.HALF, P);
        }
    }

    /// @dev Reads the coset at `pos` into `v`, and hashes it to its leaf.
    function read(uint256[] memory v, uint256 pos) internal pure returns (bytes32 leaf) {
        bool bad;
        assembly ("memory-safe") {
            let size := mul(24, mload(v))
            let m := mload(0x40)
            mstore8(m, 0x12)
            calldatacopy(add(m, 1), pos, size)
            leaf := keccak256(m, add(1, size))
            let p := P
            let word64 := 0xffffffffffffffff
            let to := add(v, 32)
            for { let end := add(pos, size) } lt(pos, end) { pos := add(pos, 24) } {
                let w := calldataload(pos)
                let k := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
                w := or(shl(8, and(w, k)), and(shr(8, w), k))
                k := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
                w := or(shl(16, and(w, k)), and(shr(16, w), k))
                k := 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff
                w := or(shl(32, and(w, k)), and(shr(32, w), k))
                let a := shr(192, w)
                let b := and(shr(128, w), word64)
                let c := and(shr(64, w), word64)
                bad := or(bad, iszero(and(lt(a, p), and(lt(b, p), lt(c, p)))))
                mstore(to, or(a, or(shl(80, b), shl(160, c))))
                to := add(to, 32)
            }
        }
        if (bad) revert Reader.NotCanonical(pos);
    }

    /// @dev The fold of the coset number `place` in f.v, which is used up. The halves of the rule are taken together in the end. Sums are
    /// reduced once: lanes of a difference are below 2^78, times 1 / z below 2^142, times a challenge below 2^206.
    function folded(Folding memory f, uint256 place) internal pure returns (uint256) {
        uint256 inverse = 1; // of the domain's point at the coset's first place
        uint256[] memory roots = f.roots;
        uint256[] memory turns = f.turns;
        uint256[] memory v = f.v;
        uint256[] memory challenges = f.challenges;
        uint256 first = f.first;
        uint256 fold = f.fold;
        assembly ("memory-safe") {
            let p := P
            for { let at_ := add(roots, shl(5, add(fold, 2))) } place { at_ := add(at_, 32) } {
                if and(place, 1) { inverse := mulmod(inverse, mload(at_), p) }
                place := shr(1, place)
            }
            let challenge := add(challenges, shl(5, add(first, 1)))
            for { let size := shr(1, mload(v)) } size { size := shr(1, size) } {
                let r := mload(challenge)
                challenge := add(challenge, 32)
                let r0 := and(r, LANE)
                let r1 := and(shr(80, r), LANE)
                let r2 := shr(160, r)
                let from := add(v, 32)
                let to := from
                let turn := add(turns, 32)
                for { let end := add(from, shl(5, size)) } lt(to, end) { to := add(to, 32) } {
                    let o := mload(from)
                    let e := mload(add(from, 32))
                    from := add(from, 64)
                    let z := mulmod(inverse, mload(turn), p)
                    turn := add(turn, 32)
                    {
                        let sum := add(o, e)
                        o := sub(add(o, HIGH), e)
                        e := sum
                    }
                    // o / z - e by lanes, 4 p added
                    let o0 := sub(add(mul(and(o, LANE), z), FOUR), and(e, LANE))
                    let o1 := sub(add(mul(and(shr(80, o), LANE), z), FOUR), and(shr(80, e), LANE))
                    let o2 := sub(add(mul(shr(160, o), z), FOUR), shr(160, e))
                    let d3 := add(mul(o1, r2), mul(o2, r1))
                    let d4 := mul(o2, r2)
                    o := mod(add(and(e, LANE), add(mul(o0, r0), d3)), p)
                    o := or(o, shl(80, mod(add(add(and(shr(80, e), LANE), add(mul(o0, r1), mul(o1, r0))), add(d3, d4)), p)))
                    o := or(o, shl(160, mod(add(add(shr(160, e), add(mul(o0, r2), mul(o2, r0))), add(mul(o1, r1), d4)), p)))
                    mstore(to, o)
                }
                inverse := mulmod(inverse, inverse, p)
            }
        }
        return Field.scale(v[0], f.halves);
    }
}
