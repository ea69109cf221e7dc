// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Reading} from "./Reading.sol";
import {Steps} from "./Steps.sol";

/// @title Steps that move elements: transpose, slice, concat, pad, gather, scatter
/// @notice The element that stands at an index, as docs/engine.md defines the kinds.
library Movement {
    using Reading for Reading.Reader;

    error WrongHint(uint256 hint);

    /// @notice Whether an element is one of one operand, which the shapes say.
    function moves(uint8 kind) internal pure returns (bool) {
        return kind >= Steps.RESHAPE && kind <= Steps.PAD;
    }

    /// @notice The operand and the element of it that stands at an element; not inside when it is padding.
    function source(Reading.Reader memory r) internal pure returns (bool inside, uint256 operand, uint256 at_) {
        if (r.s.kind == Steps.RESHAPE) return (true, 0, r.index);
        if (r.s.kind == Steps.CONCAT) {
            (operand, at_) = _concat(r);
            return (true, operand, at_);
        }
        (inside, at_) = _source(r, r.index);
    }

    /// The element of x for one of transpose, slice or pad.
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

    function _concat(Reading.Reader memory r) private pure returns (uint256 operand, uint256 at_) {
        uint256 axis = uint256(int256(r.s.params[0]));
        (uint256 n, uint256 inner) = _axis(r.s.outputs[0].sizes, axis);
        uint256 place = r.index / inner % n;
        for (uint256 i = 0; i < r.s.refs.length; ++i) {
            uint256 size = r.tensors[i].sizes[axis];
            if (place < size) return (i, (r.index / inner / n * size + place) * inner + r.index % inner);
            place -= size;
        }
        revert Reading.OutOfRange(place, n);
    }

    /// @notice The element of x, which an index names: y[(outer * j + k) * inner + i] = x[(outer * n + indices[batch * j + k]) * inner + i]
    function gathered(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (uint256) {
        (uint256 n, uint256 inner) = _axis(r.tensors[0].sizes, uint256(int256(r.s.params[0])));
        uint256 rows = _rows(r);
        uint256 outer = r.index / inner / rows;
        int256 index = r.get(p, 1, _batch(r, outer) * rows + r.index / inner % rows);
        if (index < 0 || uint256(index) >= n) revert Reading.OutOfRange(uint256(index), n);
        return (outer * n + uint256(index)) * inner + r.index % inner;
    }

    /// @notice The row that an index puts there, hints[0] its place among the indices; without hint all indices of the batch are read, and none
    /// puts one there, or one does. Indices are distinct: see `repeated`.
    function scatter(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (int256) {
        (uint256 n, uint256 inner) = _axis(r.tensors[0].sizes, uint256(int256(r.s.params[0])));
        uint256 rows = _rows(r);
        uint256 outer = r.index / inner / n;
        uint256 first = _batch(r, outer) * rows;
        int256 target = int256(r.index / inner % n);
        bool hinted = p.hints.length == 1;
        uint256 row = hinted ? p.hints[0] : 0;
        while (row < rows && r.get(p, 1, first + row) != target) {
            if (hinted) revert WrongHint(row);
            ++row;
        }
        if (row < rows) return r.get(p, 2, (outer * rows + row) * inner + r.index % inner);
        if (hinted) revert WrongHint(row);
        return r.get(p, 0, r.index);
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
