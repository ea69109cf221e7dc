// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Reading} from "./Reading.sol";
import {Steps} from "./Steps.sol";

/// @title Steps that move elements: transpose, slice, concat, pad, gather, scatter
/// @notice The element that stands at an index, as docs/engine.md defines the kinds.
library Movement {
    using Reading for Reading.Reader;

    error WrongHint(uint256 hint);

    function moves(uint8 kind) internal pure returns (bool) {
        return kind == Steps.GATHER || kind == Steps.SCATTER || (kind >= Steps.TRANSPOSE && kind <= Steps.PAD);
    }

    /// @notice The value that element p.index should have.
    function value(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (int256) {
        if (r.s.kind == Steps.GATHER) return _gather(r, p);
        if (r.s.kind == Steps.SCATTER) return _scatter(r, p);
        if (r.s.kind == Steps.CONCAT) return _concat(r, p);
        (bool inside, uint256 index) = _source(r, p.index);
        return inside ? r.get(p, 0, index) : int256(r.s.params[r.s.params.length - 1]);
    }

    /// The element of x for one of transpose, slice or pad; not inside when it is padding.
    function _source(Reading.Reader memory r, uint256 index) private pure returns (bool, uint256 at_) {
        uint32[] memory x = r.tensors[0].sizes;
        uint32[] memory y = r.s.outputs[0].sizes;
        uint256 rank = y.length;
        uint256[] memory strides = new uint256[](rank);
        uint256 stride = 1;
        for (uint256 a = rank; a > 0; --a) {
            strides[a - 1] = stride;
            stride *= x[a - 1];
        }
        for (uint256 a = rank; a > 0; --a) {
            int256 place = int256(index % y[a - 1]);
            index /= y[a - 1];
            int256 param = r.s.params[a - 1];
            if (r.s.kind == Steps.TRANSPOSE) {
                at_ += uint256(place) * strides[uint256(param)];
                continue;
            }
            place = r.s.kind == Steps.SLICE ? param + place * r.s.params[rank + a - 1] : place - param;
            if (place < 0 || place >= int256(uint256(x[a - 1]))) return (false, 0);
            at_ += uint256(place) * strides[a - 1];
        }
        return (true, at_);
    }

    function _concat(Reading.Reader memory r, Reading.Proof calldata p) private pure returns (int256) {
        uint256 axis = uint256(int256(r.s.params[0]));
        (uint256 n, uint256 inner) = _axis(r.s.outputs[0].sizes, axis);
        uint256 place = p.index / inner % n;
        for (uint256 i = 0; i < r.s.refs.length; ++i) {
            uint256 size = r.tensors[i].sizes[axis];
            if (place < size) return r.get(p, i, (p.index / inner / n * size + place) * inner + p.index % inner);
            place -= size;
        }
        revert Reading.OutOfRange(place, n);
    }

    /// y[(outer * j + k) * inner + i] = x[(outer * n + indices[batch * j + k]) * inner + i]
    function _gather(Reading.Reader memory r, Reading.Proof calldata p) private pure returns (int256) {
        (uint256 n, uint256 inner) = _axis(r.tensors[0].sizes, uint256(int256(r.s.params[0])));
        uint256 rows = _rows(r);
        uint256 outer = p.index / inner / rows;
        int256 index = r.get(p, 1, _batch(r, outer) * rows + p.index / inner % rows);
        if (index < 0 || uint256(index) >= n) revert Reading.OutOfRange(uint256(index), n);
        return r.get(p, 0, (outer * n + uint256(index)) * inner + p.index % inner);
    }

    /// The row that an index puts there, hints[0] its place among the indices; without hint all indices of the batch are read, and none
    /// puts one there, or one does. Indices are distinct: see `repeated`.
    function _scatter(Reading.Reader memory r, Reading.Proof calldata p) private pure returns (int256) {
        (uint256 n, uint256 inner) = _axis(r.tensors[0].sizes, uint256(int256(r.s.params[0])));
        uint256 rows = _rows(r);
        uint256 outer = p.index / inner / n;
        uint256 first = _batch(r, outer) * rows;
        int256 target = int256(p.index / inner % n);
        bool hinted = p.hints.length == 1;
        uint256 row = hinted ? p.hints[0] : 0;
        while (row < rows && r.get(p, 1, first + row) != target) {
            if (hinted) revert WrongHint(row);
            ++row;
        }
        if (row < rows) return r.get(p, 2, (outer * rows + row) * inner + p.index % inner);
        if (hinted) revert WrongHint(row);
        return r.get(p, 0, p.index);
    }

    /// @notice True when the indices at the two places hints[0] and hints[1] of one batch are equal: such a run is refused.
    function repeated(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (bool) {
        (uint256 a, uint256 b) = (p.hints[0], p.hints[1]);
        uint256 rows = _rows(r);
        if (a == b || a / rows != b / rows) revert WrongHint(b);
        return r.get(p, 1, a) == r.get(p, 1, b);
    }

    /// Size of an axis, and elements behind it.
    function _axis(uint32[] memory sizes, uint256 axis) private pure returns (uint256 n, uint256 inner) {
        (n, inner) = (sizes[axis], 1);
        for (uint256 a = axis + 1; a < sizes.length; ++a) inner *= sizes[a];
    }

    /// Indices of one batch.
    function _rows(Reading.Reader memory r) private pure returns (uint256 rows) {
        rows = 1;
        uint32[] memory sizes = r.tensors[1].sizes;
        for (uint256 a = uint256(int256(r.s.params[1])); a < sizes.length; ++a) rows *= sizes[a];
    }

    /// The batch of what stands before the axis.
    function _batch(Reading.Reader memory r, uint256 outer) private pure returns (uint256) {
        for (uint256 a = uint256(int256(r.s.params[0])); a > uint256(int256(r.s.params[1])); --a) outer /= r.tensors[0].sizes[a - 1];
        return outer;
    }
}
