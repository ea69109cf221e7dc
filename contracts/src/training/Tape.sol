// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Openings} from "../dispute/Openings.sol";
import {Float32} from "./Float32.sol";

/// @title The formulas of one step of training, and what is opened of their values
/// @notice A formula is bytes, whole numbers with the lowest byte first:
///   kind (1) | operands n (1) | n times: value (4), elements (4) | output value (4), elements (4) | sizes m (1) | m sizes (4 each)
/// A value is a tensor of float32 in a list behind the trace root of the step, as docs/work/training.md draws it.
library Tape {
    // Numbers are in tapes: never renumber. In order of their families.
    uint256 internal constant PRODUCT = 1;
    uint256 internal constant COPY = 2;
    uint256 internal constant MAP = 3;
    uint256 internal constant SLOPE = 4;
    uint256 internal constant ADD = 5;
    uint256 internal constant SUBTRACT = 6;
    uint256 internal constant MULTIPLY = 7;
    uint256 internal constant SCALE = 8;
    uint256 internal constant SUMS = 16;
    uint256 internal constant MEAN = 17;
    uint256 internal constant MEAN_SQUARE = 18;
    uint256 internal constant SHARES = 24;
    uint256 internal constant ROW_LOSS = 25;
    uint256 internal constant ENTROPY_SLOPE = 26;
    uint256 internal constant SQUARE_SLOPE = 27;
    uint256 internal constant VELOCITY = 32;
    uint256 internal constant SGD = 33;
    uint256 internal constant ADAM_MEAN = 34;
    uint256 internal constant ADAM_SQUARE = 35;
    uint256 internal constant ADAM = 36;

    error ShortFormula(uint256 bytes_);
    error NotOpened(uint256 operand, uint256 element);

    /// @notice Where some bytes of a value lie in calldata: bytes [from, end) from `position` on.
    struct Held {
        uint256 from;
        uint256 end;
        uint256 position;
    }

    struct Value {
        uint32 id;
        uint32 elements;
        Held[] held;
    }

    struct Formula {
        uint256 kind;
        Value[] operands;
        Value output;
        uint256[] sizes;
    }

    /// @notice Reads the bytes of a formula. What it opens is not filled in.
    function read(bytes calldata data) internal pure returns (Formula memory f) {
        if (data.length < 2) revert ShortFormula(data.length);
        f.kind = uint8(data[0]);
        uint256 n = uint8(data[1]);
        uint256 place = 2 + 8 * n + 8;
        if (data.length < place + 1) revert ShortFormula(data.length);
        f.operands = new Value[](n);
        for (uint256 i = 0; i < n; ++i) _value(f.operands[i], data, 2 + 8 * i);
        _value(f.output, data, place - 8);
        uint256 m = uint8(data[place]);
        if (data.length != place + 1 + 4 * m) revert ShortFormula(data.length);
        f.sizes = new uint256[](m);
        for (uint256 i = 0; i < m; ++i) f.sizes[i] = _number(data, place + 1 + 4 * i);
    }

    function _value(Value memory v, bytes calldata data, uint256 place) private pure {
        (v.id, v.elements) = (uint32(_number(data, place)), uint32(_number(data, place + 4)));
    }

    function _number(bytes calldata data, uint256 place) private pure returns (uint256) {
        return Float32.swap(uint32(bytes4(data[place:place + 4])));
    }

    /// @notice Checks what is opened of a value against its root in the list behind `trace`, and keeps where it lies.
    function hold(Value memory v, Openings.Opened calldata o, bytes32 trace, uint64 count) internal pure {
        Openings.item(Openings.TRACE, trace, count, v.id, o.root, o.list);
        v.held = new Held[](o.runs.length);
        for (uint256 i = 0; i < o.runs.length; ++i) {
            Held memory h = v.held[i];
            (h.from, h.end, h.position) = Openings.run(o.runs[i], o.root, uint64(v.elements) * 4);
        }
    }

    /// @notice Element `i` of operand `n`.
    function get(Formula memory f, uint256 n, uint256 i) internal pure returns (uint256) {
        return element(f.operands[n], n, i);
    }

    /// @notice Element `i` of a value, operand `n` in errors.
    function element(Value memory v, uint256 n, uint256 i) internal pure returns (uint256) {
        return Float32.swap(_load(v.held[_find(v.held, n, i, 0)], i));
    }

    /// @notice Elements start, start + step, ... of operand `n` one after another in memory, as they are hashed.
    function gather(Formula memory f, uint256 n, uint256 start, uint256 step, uint256 count) internal pure returns (uint256 row) {
        Held[] memory held = f.operands[n].held;
        bytes memory to = new bytes(4 * count + 32);
        assembly ("memory-safe") {
            row := add(to, 32)
        }
        if (step == 1) {
            _copy(held, n, start, count, row);
            return row;
        }
        uint256 r;
        for (uint256 i = 0; i < count; ++i) {
            uint256 place = start + i * step;
            r = _find(held, n, place, r);
            uint256 bits = _load(held[r], place);
            // The next one overwrites what is behind.
            assembly ("memory-safe") {
                mstore(add(row, mul(4, i)), shl(224, bits))
            }
        }
    }

    /// Neighbours, as many at a time as are held together.
    function _copy(Held[] memory held, uint256 n, uint256 start, uint256 count, uint256 row) private pure {
        uint256 end = 4 * (start + count);
        for (uint256 from = 4 * start; from < end;) {
            Held memory h = held[_find(held, n, from / 4, 0)];
            uint256 size = (h.end < end ? h.end : end) - from;
            uint256 position = h.position + from - h.from;
            assembly ("memory-safe") {
                calldatacopy(row, position, size)
            }
            (row, from) = (row + size, from + size);
        }
    }

    /// The number of what holds element `i`, tried from `first` on.
    function _find(Held[] memory held, uint256 n, uint256 i, uint256 first) private pure returns (uint256 r) {
        unchecked {
            r = first;
            for (uint256 tried = 0; tried < held.length; ++tried) {
                Held memory h = held[r];
                if (4 * i >= h.from && 4 * i < h.end) return r;
                ++r;
                if (r == held.length) r = 0;
            }
            revert NotOpened(n, i);
        }
    }

    function _load(Held memory h, uint256 i) private pure returns (uint256 bits) {
        uint256 position = h.position + 4 * i - h.from;
        assembly ("memory-safe") {
            bits := shr(224, calldataload(position))
        }
    }
}
