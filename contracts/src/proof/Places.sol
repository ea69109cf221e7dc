// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Argument} from "./Argument.sol";
import {Cosets} from "./Cosets.sol";
import {Field} from "./Field.sol";
import {Reader} from "./Reader.sol";
import {Shapes} from "./Shapes.sol";
import {Transcript} from "./Transcript.sol";

/// @title The opened places of a proof (docs/trust/proof.md, 5.2, step 8)
/// @notice Checks the rows of the oracles and the cosets of the layers at the drawn places number `from` to `to` - 1, in the encoding of
/// section 9: all of them as a proof has them, or a part with siblings of its own, so that a proof above the size of a transaction is
/// checked in several. Reverts with the name of the check that fails.
library Places {
    using Field for uint256;

    uint256 private constant P = 0xffffffff00000001;
    uint256 private constant LANE = 0xffffffffffffffffffff;
    /// @dev 7^((p - 1) / 2^32), which generates the subgroup of order 2^32, and its inverse.
    uint256 private constant ROOT = 1753635133440165772;
    uint256 private constant INVERSE_ROOT = 0x76b6b635b6fc8719;

    error NotCommitted(uint256 tree);
    error NotTheFold(uint256 layer, uint256 place);
    error NotTheLast(uint256 place);
    error SymbolNotCanonical(uint256 oracle, uint256 place);

    /// @dev What is folded: places of the word of a layer, and what stands there.
    struct Word {
        uint256[] places;
        uint256[] values; // canonical
        uint256 bits; // of a place
    }

    /// @notice Checks part of a proof's queries, read at `position`; returns the position behind them.
    function check(Argument.Queries memory q, Shapes.Shape memory shape, uint256 from, uint256 to, uint256 position)
        internal
        pure
        returns (uint256 end)
    {
        Word memory word = Word(new uint256[](to - from), new uint256[](to - from), shape.rowsLog + Shapes.RATE_LOG);
        for (uint256 i = from; i < to; ++i) word.places[i - from] = q.places[i];
        end = oracles(q, shape, word, position);
        (uint256[] memory plan,) = Shapes.folds(shape);
        Reader.count(end, plan.length);
        end += 4;
        uint256[] memory roots = generators(INVERSE_ROOT);
        uint256 variable;
        for (uint256 i = 0; i < plan.length; ++i) {
            end = layer(q, word, Cosets.begin(q.challenges, roots, variable, plan[i]), i, end);
            variable += plan[i];
        }
        checkLast(q, word);
    }

    /// @dev Of the subgroup of order 2^j at place j, for j <= 32, `root` being that of order 2^32.
    function generators(uint256 root) private pure returns (uint256[] memory out) {
        out = new uint256[](33);
        for (uint256 j = 33; j != 0; --j) {
            out[j - 1] = root;
            root = mulmod(root, root, P);
        }
    }

    /// @dev The powers of gamma by column as two words: the first two coordinates in halves of a word, and the third.
    function scales(Argument.Queries memory q, uint256 columns) private pure returns (uint256[] memory out) {
        unchecked {
            out = new uint256[](2 * columns + 8); // zeros behind: words of four symbols are read
            uint256 scale = 1;
            uint256 plain = columns - Shapes.MASK_COLUMNS;
            for (uint256 c = 0; c < plain; ++c) {
                put(out, c, scale);
                scale = scale.mul(q.gamma);
            }
            for (uint256 c = plain; c < columns; c += 3) {
                put(out, c, scale);
                put(out, c + 1, scale.mul(1 << 80));
                put(out, c + 2, scale.mul(1 << 160));
                scale = scale.mul(q.gamma);
            }
        }
    }

    function put(uint256[] memory out, uint256 c, uint256 scale) private pure {
        unchecked {
            out[2 * c] = (scale & Field.LANE) | (((scale >> 80) & Field.LANE) << 128);
            out[2 * c + 1] = scale >> 160;
        }
    }

    /// @dev Rows of all oracles: their leaves stand under the roots, and word.values becomes the combination of the columns.
    function oracles(Argument.Queries memory q, Shapes.Shape memory shape, Word memory word, uint256 pos) private pure returns (uint256) {
        uint256[3] memory columns = Shapes.oracles(shape);
        uint256 weights = columns[0] == 0 ? 0 : 1;
        Reader.count(pos, 2 + weights);
        pos += 4;
        uint256[] memory by = scales(q, columns[0] + columns[1] + columns[2]);
        uint256 first;
        for (uint256 kind = 2 - weights; kind <= 3; ++kind) {
            uint256 width = columns[kind - 1];
            pos = oracle(q, word, by, kind, first, width, pos);
            first += width;
        }
        return pos;
    }

    function oracle(
        Argument.Queries memory q,
        Word memory word,
        uint256[] memory by,
        uint256 kind,
        uint256 first,
        uint256 width,
        uint256 pos
    ) private pure returns (uint256) {
        uint256 count = word.places.length;
        Reader.count(pos, count);
        pos += 4;
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            Reader.count(pos + 16, width);
            (leaves[i], word.values[i]) = row(by, kind, first, width, pos, word.values[i]);
            if (leaves[i] == 0) revert SymbolNotCanonical(kind, word.places[i]);
            pos += 20 + 8 * width;
        }
        return tree(q.roots[kind - 1], word.bits, word.places, leaves, kind, pos);
    }

    /// @dev A row's leaf (0 when a symbol is not below p), and `value` plus the sum of its symbols times their scales.
    function row(uint256[] memory by, uint256 kind, uint256 first, uint256 width, uint256 pos, uint256 value)
        private
        pure
        returns (bytes32 leaf, uint256 sum)
    {
        assembly ("memory-safe") {
            let bad := 0
            let m := mload(0x40)
            mstore8(m, 0x10)
            mstore8(add(m, 1), kind)
            calldatacopy(add(m, 2), pos, 16)
            calldatacopy(add(m, 18), add(pos, 20), shl(3, width))
            leaf := keccak256(m, add(18, shl(3, width)))

            let p := P
            let low := 0xffffffffffffffffffffffffffffffff
            let word64 := 0xffffffffffffffff
            let scale := add(add(by, 32), shl(6, first))
            let from := add(pos, 20)
            let to := add(from, shl(3, width))
            let s0 := and(value, LANE)
            let s1 := and(shr(80, value), LANE)
            let s2 := shr(160, value)
            for {} lt(from, to) { from := add(from, 32) } {
                let w := calldataload(from)
                let rest := sub(to, from)
                if lt(rest, 32) { w := shl(shl(3, sub(32, rest)), shr(shl(3, sub(32, rest)), w)) }
                let k := 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff
                w := or(shl(8, and(w, k)), and(shr(8, w), k))
                k := 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff
                w := or(shl(16, and(w, k)), and(shr(16, w), k))
                k := 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff
                w := or(shl(32, and(w, k)), and(shr(32, w), k))

                let v := shr(192, w)
                bad := or(bad, iszero(lt(v, p)))
                let t := mul(mload(scale), v)
                s0 := add(s0, and(t, low))
                s1 := add(s1, shr(128, t))
                s2 := add(s2, mul(mload(add(scale, 32)), v))
                v := and(shr(128, w), word64)
                bad := or(bad, iszero(lt(v, p)))
                t := mul(mload(add(scale, 64)), v)
                s0 := add(s0, and(t, low))
                s1 := add(s1, shr(128, t))
                s2 := add(s2, mul(mload(add(scale, 96)), v))
                v := and(shr(64, w), word64)
                bad := or(bad, iszero(lt(v, p)))
                t := mul(mload(add(scale, 128)), v)
                s0 := add(s0, and(t, low))
                s1 := add(s1, shr(128, t))
                s2 := add(s2, mul(mload(add(scale, 160)), v))
                v := and(w, word64)
                bad := or(bad, iszero(lt(v, p)))
                t := mul(mload(add(scale, 192)), v)
                s0 := add(s0, and(t, low))
                s1 := add(s1, shr(128, t))
                s2 := add(s2, mul(mload(add(scale, 224)), v))
                scale := add(scale, 256)
            }
            sum := or(mod(s0, p), or(shl(80, mod(s1, p)), shl(160, mod(s2, p))))
            if bad { leaf := 0 }
        }
    }

    /// @dev Reverts unless the leaves stand at the places of the tree of 2^depth leaves under `root`; the siblings, counted, are read at `at`.
    /// Returns the position behind them. `leaves` is work space.
    function tree(bytes32 root, uint256 depth, uint256[] memory places, bytes32[] memory leaves, uint256 number, uint256 pos)
        private
        pure
        returns (uint256 end)
    {
        bool good;
        assembly ("memory-safe") {
            let count := mload(places)
            let m := mload(0x40)
            mstore8(m, 0x11)
            let level := add(m, 96) // places, one word each
            mcopy(level, add(places, 32), shl(5, count))
            let nodes := add(leaves, 32)
            end := add(pos, 4)
            for { let d := 0 } lt(d, depth) { d := add(d, 1) } {
                let kept := 0
                for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                    let place := mload(add(level, shl(5, i)))
                    let node := mload(add(nodes, shl(5, i)))
                    switch and(place, 1)
                    case 0 {
                        mstore(add(m, 1), node)
                        switch and(lt(add(i, 1), count), eq(mload(add(level, shl(5, add(i, 1)))), add(place, 1)))
                        case 1 {
                            i := add(i, 1)
                            mstore(add(m, 33), mload(add(nodes, shl(5, i))))
                        }
                        default {
                            mstore(add(m, 33), calldataload(end))
                            end := add(end, 32)
                        }
                    }
                    default {
                        mstore(add(m, 1), calldataload(end))
                        mstore(add(m, 33), node)
                        end := add(end, 32)
                    }
                    mstore(add(nodes, shl(5, kept)), keccak256(m, 65))
                    mstore(add(level, shl(5, kept)), shr(1, place))
                    kept := add(kept, 1)
                }
                count := kept
            }
            good := and(eq(count, 1), eq(mload(nodes), root))
        }
        if (!good) revert NotCommitted(number);
        Reader.count(pos, (end - pos - 4) / 32);
    }

    /// @dev The cosets of a layer: they hold what the word before gives, stand under the layer's root, and fold to the next word.
    function layer(Argument.Queries memory q, Word memory word, Cosets.Folding memory f, uint256 index, uint256 pos) private pure returns (uint256) {
        uint256[] memory cosets = above(word.places, f.fold);
        Reader.count(pos, cosets.length);
        pos += 4;
        bytes32[] memory leaves = new bytes32[](cosets.length);
        uint256[] memory values = new uint256[](cosets.length);
        uint256 next; // place of the word before that is compared next
        uint256 mask = f.v.length - 1;
        for (uint256 i = 0; i < cosets.length; ++i) {
            Reader.count(pos, f.v.length);
            leaves[i] = Cosets.read(f.v, pos + 4);
            for (; next < word.places.length && word.places[next] >> f.fold == cosets[i]; ++next) {
                if (f.v[word.places[next] & mask] != word.values[next]) revert NotTheFold(index, word.places[next]);
            }
            values[i] = Cosets.folded(f, cosets[i]);
            pos += 4 + (24 << f.fold);
        }
        word.places = cosets;
        word.values = values;
        word.bits -= f.fold;
        return tree(q.layers[index], word.bits, cosets, leaves, 4 + index, pos);
    }

    /// @dev The distinct places >> fold, ascending.
    function above(uint256[] memory places, uint256 fold) private pure returns (uint256[] memory out) {
        unchecked {
            out = new uint256[](places.length);
            uint256 count;
            for (uint256 i = 0; i < places.length; ++i) {
                uint256 place = places[i] >> fold;
                if (count == 0 || out[count - 1] != place) out[count++] = place;
            }
            assembly ("memory-safe") {
                mstore(out, count)
            }
        }
    }

    /// @dev The last word's values at the places are those of its polynomial.
    function checkLast(Argument.Queries memory q, Word memory word) private pure {
        uint256[] memory roots = generators(ROOT);
        for (uint256 i = 0; i < word.places.length; ++i) {
            uint256 z = 1;
            for (uint256 j = 0; j < word.bits; ++j) {
                // The domain's point is the product of generators of order 2^(j + 1) over the set bits j.
                if ((word.places[i] >> j) & 1 == 1) z = mulmod(z, roots[j + 1], P);
            }
            uint256 value;
            for (uint256 k = q.last.length; k != 0; --k) value = value.scale(z).add(q.last[k - 1]);
            if (Field.canonical(value) != word.values[i]) revert NotTheLast(word.places[i]);
        }
    }
}
