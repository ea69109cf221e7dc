// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ElementCheck} from "./ElementCheck.sol";
import {Reading} from "./Reading.sol";
import {Steps} from "./Steps.sol";

/// @title reduce and prefix_sum
library Folds {
    using Reading for Reading.Reader;

    /// The elements of one window that lie inside x: count[a] of them along axis a, step[a] apart.
    struct Window {
        uint256 first;
        uint256[] count;
        uint256[] step;
    }

    error WrongHint(uint256 hint);

    /// @notice Sum, largest or smallest of a window, all of which is read.
    function reduce(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (int256 best) {
        int256 op = r.s.params[0];
        Window memory w = _window(r, r.index);
        bool made = ElementCheck.isMade(r, p, 0);
        if (op != 1) best = !made ? r.get(p, 0, w.first) : op == 2 ? type(int256).min : type(int256).max;
        uint256 rank = w.count.length;
        uint256 inner = rank; // the last axis along which there is more than one
        while (inner > 1 && w.count[inner - 1] == 1) --inner;
        uint256 others = 1;
        for (uint256 a = 0; a + 1 < inner; ++a) others *= w.count[a];
        for (uint256 i = 0; i < others; ++i) {
            uint256 index = w.first;
            uint256 rest = i;
            for (uint256 a = inner; a > 1; --a) {
                index += rest % w.count[a - 2] * w.step[a - 2];
                rest /= w.count[a - 2];
            }
            (uint256 step, uint256 count) = inner == 0 ? (0, 1) : (w.step[inner - 1], w.count[inner - 1]);
            best = made ? _foldMade(r, p, index, step, count, op, best) : r.fold(p, 0, index, step, count, op, best);
        }
    }

    /// The same as Reading.fold of elements that are parts of their own.
    function _foldMade(Reading.Reader memory r, Reading.Proof calldata p, uint256 index, uint256 step, uint256 count, int256 op, int256 best)
        private
        pure
        returns (int256)
    {
        for (; count > 0; --count) {
            int256 x = ElementCheck.operand(r, p, 0, index);
            if (op == 1) best += x;
            else if (op == 2 ? x > best : x < best) best = x;
            index += step;
        }
        return best;
    }

    /// @notice True when the element of the window at hints[0] (its number in the window) is beyond the claimed largest or smallest.
    function beaten(Reading.Reader memory r, Reading.Proof calldata p, int256 claimed) internal pure returns (bool) {
        Window memory w = _window(r, r.index);
        uint256 index = w.first;
        uint256 rest = p.hints[0];
        for (uint256 a = w.count.length; a > 0; --a) {
            index += rest % w.count[a - 1] * w.step[a - 1];
            rest /= w.count[a - 1];
        }
        if (rest != 0 || r.s.params[0] == 1) revert WrongHint(p.hints[0]);
        int256 x = r.get(p, 0, index);
        return r.s.params[0] == 2 ? x > claimed : x < claimed;
    }

    /// @notice The sum before, as the same trace has it, and one element more. So no axis is too long.
    function prefixSum(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (int256 sum) {
        uint32[] memory sizes = r.tensors[0].sizes;
        uint256 axis = uint256(int256(r.s.params[0]));
        uint256 inner = 1;
        for (uint256 a = axis + 1; a < sizes.length; ++a) inner *= sizes[a];
        sum = r.get(p, 0, r.index);
        if (r.index / inner % sizes[axis] != 0) sum += r.get(p, 1, r.index - inner);
    }

    /// Of element `index` of the result.
    function _window(Reading.Reader memory r, uint256 index) private pure returns (Window memory w) {
        (uint32[] memory x, uint32[] memory y) = (r.tensors[0].sizes, r.s.outputs[0].sizes);
        uint256 rank = x.length;
        (w.count, w.step) = (new uint256[](rank), new uint256[](rank));
        uint256 stride = 1;
        for (uint256 a = rank; a > 0; --a) {
            int256 dilation = r.s.params[2 * rank + a];
            int256 place = int256(index % y[a - 1]) * r.s.params[rank + a] - r.s.params[3 * rank + a];
            int256 many = r.s.params[a];
            index /= y[a - 1];
            if (place < 0) {
                int256 skipped = (dilation - 1 - place) / dilation;
                (place, many) = (place + skipped * dilation, many - skipped);
            }
            int256 room = (int256(uint256(x[a - 1])) - place + dilation - 1) / dilation;
            if (many > room) many = room;
            if (many < 1) revert Steps.Malformed(a);
            w.first += uint256(place) * stride;
            (w.count[a - 1], w.step[a - 1]) = (uint256(many), uint256(dilation) * stride);
            stride *= x[a - 1];
        }
    }
}
