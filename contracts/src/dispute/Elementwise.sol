// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Steps} from "./Steps.sol";

/// @title Steps whose every element follows from one element of each operand
/// @notice As docs/engine.md defines them, on integers of 256 bits: what the engine proves to fit 64 bits cannot wrap here.
library Elementwise {
    uint8 internal constant ADD = 3;
    uint8 internal constant SUB = 4;
    uint8 internal constant MUL = 5;
    uint8 internal constant REQUANTISE = 6;
    uint8 internal constant COMPARE = 12;
    uint8 internal constant SELECT = 13;
    uint8 internal constant DIVIDE = 16;
    uint8 internal constant ISQRT = 17;
    uint8 internal constant SHIFT = 18;
    uint8 internal constant BROADCAST = 24;

    error UnsupportedStep(uint8 kind);
    error NotDefined(int256 value);

    /// @notice The value of output number `output` for operands `x`.
    function value(uint8 kind, uint8 output, int256[] memory x, int64[] memory params) internal pure returns (int256) {
        if (kind == ADD) return x[0] + x[1];
        if (kind == SUB) return x[0] - x[1];
        if (kind == MUL) return x[0] * x[1];
        if (kind == REQUANTISE) return _requantise(x[0], x[1], x[2], params[0], params[1]);
        if (kind == COMPARE) return _compare(x[0], x[1], params[0]) ? int256(1) : int256(0);
        if (kind == SELECT) return x[0] != 0 ? x[1] : x[2];
        if (kind == DIVIDE) return _divide(x[0], x[1], output);
        if (kind == ISQRT) return _isqrt(x[0]);
        if (kind == SHIFT) return _shift(x[0], params[0]);
        if (kind == BROADCAST) return x[0];
        revert UnsupportedStep(kind);
    }

    /// @notice The element of an operand that stands at element `index` of a result, when it broadcasts as in NumPy.
    function indexOf(Steps.Tensor memory result, Steps.Tensor memory operand, uint256 index) internal pure returns (uint256 at_) {
        uint256 stride = 1;
        uint256 missing = result.sizes.length - operand.sizes.length;
        for (uint256 axis = result.sizes.length; axis > missing; --axis) {
            uint256 size = operand.sizes[axis - 1 - missing];
            if (size != 1) at_ += index % result.sizes[axis - 1] * stride;
            stride *= size;
            index /= result.sizes[axis - 1];
        }
    }

    function _requantise(int256 x, int256 multiplier, int256 shift, int256 low, int256 high) private pure returns (int256 y) {
        if (multiplier < 1 || shift < 1 || shift > 62) revert NotDefined(shift);
        y = (x * multiplier + int256(1 << uint256(shift - 1))) >> uint256(shift);
        if (y < low) y = low;
        if (y > high) y = high;
    }

    function _compare(int256 a, int256 b, int256 op) private pure returns (bool) {
        if (op == 1) return a == b;
        if (op == 2) return a < b;
        if (op == 3) return a <= b;
        revert NotDefined(op);
    }

    /// floor(a / b), and what is left over.
    function _divide(int256 a, int256 b, uint8 output) private pure returns (int256 quotient) {
        if (b <= 0) revert NotDefined(b);
        quotient = a / b;
        if (quotient * b > a) --quotient;
        if (output == 1) return a - quotient * b;
    }

    function _isqrt(int256 x) private pure returns (int256 root) {
        if (x < 0 || x >= 1 << 63) revert NotDefined(x);
        for (int256 bit = 1 << 31; bit != 0; bit >>= 1) if ((root + bit) * (root + bit) <= x) root += bit;
    }

    function _shift(int256 x, int256 bits) private pure returns (int256) {
        if (bits < -62 || bits > 62) revert NotDefined(bits);
        return bits >= 0 ? x * int256(1 << uint256(bits)) : x >> uint256(-bits);
    }
}
