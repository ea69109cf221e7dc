// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Reading} from "./Reading.sol";
import {Steps} from "./Steps.sol";

/// @title argmax and topk, by counter-example
/// @notice However long the axis, a few elements show that a claimed order is wrong. hints[0] is a place on the axis.
library Orders {
    using Reading for Reading.Reader;

    /// A line along the axis: element i of it is base + i * inner.
    struct Line {
        uint256 n;
        uint256 inner;
        uint256 base;
    }

    /// @notice True when the claimed index lies outside the axis, or the element at hints[0] comes before the claimed one.
    function argmax(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (bool) {
        Line memory l = _line(r, r.index, 1);
        int256 best = r.get(p, 1, r.index);
        if (best < 0 || best >= int256(l.n)) return true;
        return _before(r, p, l, _hint(p, l), uint256(best));
    }

    /// @notice Of entry j of topk with indices: true when its index lies outside the axis; the value is not what stands there; the entry
    /// j - 1 does not come before it; or hints[0], if given, comes before it but not before entry j - 1: then it is missing. A list of
    /// which none of that can be said is the right one. Without indices: true when entry j is not the j-th largest of all.
    function topk(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (bool) {
        uint256 k = uint256(int256(r.s.params[1]));
        Line memory l = _line(r, r.index, k);
        uint256 j = r.index / l.inner % k;
        int256 value = r.get(p, 1, r.index);
        if (r.s.outputs.length == 1) return _rank(r, p, l, j, value);
        int256 index = r.get(p, 2, r.index);
        if (index < 0 || index >= int256(l.n)) return true;
        if (p.hints.length == 0 && value != r.get(p, 0, l.base + uint256(index) * l.inner)) return true;
        if (j == 0) return p.hints.length != 0 && _before(r, p, l, _hint(p, l), uint256(index));
        int256 previous = r.get(p, 2, r.index - l.inner);
        if (previous < 0 || previous >= int256(l.n)) return true;
        if (!_before(r, p, l, uint256(previous), uint256(index))) return true;
        if (p.hints.length == 0) return false;
        uint256 hint = _hint(p, l);
        return _before(r, p, l, uint256(previous), hint) && _before(r, p, l, hint, uint256(index));
    }

    function _rank(Reading.Reader memory r, Reading.Proof calldata p, Line memory l, uint256 j, int256 value) private pure returns (bool) {
        uint256 larger;
        uint256 equal;
        for (uint256 i = 0; i < l.n; ++i) {
            int256 x = r.get(p, 0, l.base + i * l.inner);
            if (x > value) ++larger;
            else if (x == value) ++equal;
        }
        return larger > j || larger + equal <= j;
    }

    /// Whether element a of a line comes before element b: it is larger, or equal at a lower index.
    function _before(Reading.Reader memory r, Reading.Proof calldata p, Line memory l, uint256 a, uint256 b) private pure returns (bool) {
        int256 left = r.get(p, 0, l.base + a * l.inner);
        int256 right = r.get(p, 0, l.base + b * l.inner);
        return left > right || (left == right && a < b);
    }

    /// The line of x for element `index` of a result whose axis has size `k`.
    function _line(Reading.Reader memory r, uint256 index, uint256 k) private pure returns (Line memory l) {
        uint32[] memory x = r.tensors[0].sizes;
        uint256 axis = uint256(int256(r.s.params[0]));
        (l.n, l.inner) = (x[axis], 1);
        for (uint256 a = axis + 1; a < x.length; ++a) l.inner *= x[a];
        l.base = index / l.inner / k * l.n * l.inner + index % l.inner;
    }

    function _hint(Reading.Proof calldata p, Line memory l) private pure returns (uint256) {
        if (p.hints[0] >= l.n) revert Reading.OutOfRange(p.hints[0], l.n);
        return p.hints[0];
    }
}
