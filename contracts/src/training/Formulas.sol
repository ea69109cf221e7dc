// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Float32} from "./Float32.sol";
import {FloatFunctions} from "./FloatFunctions.sol";
import {FloatSums} from "./FloatSums.sol";
import {Tape} from "./Tape.sol";

/// @title One element of what a formula makes
/// @notice The same as trust/optimistic/training/element.cpp, which draws each kind.
library Formulas {
    using Tape for Tape.Formula;

    uint256 private constant TWO = 0x40000000;

    error UnknownFormula(uint256 kind);
    error UnknownFunction(uint256 function_);
    error WrongLabel(uint256 bits);

    /// @notice Bits of element `i` of the output, every NaN as 0x7fc00000.
    function element(Tape.Formula memory f, uint256 i) internal pure returns (uint256) {
        if (f.kind == Tape.PRODUCT) return Float32.canonical(_product(f, i));
        if (f.kind < Tape.SUMS) return Float32.canonical(_pointwise(f, i));
        if (f.kind < Tape.SHARES) return Float32.canonical(_sum(f, i));
        if (f.kind < Tape.VELOCITY) return Float32.canonical(_loss(f, i));
        return Float32.canonical(_update(f, i));
    }

    /// sizes: lines of the right, depth, and how far lines and elements of a line lie apart in the left and in the right.
    function _product(Tape.Formula memory f, uint256 i) private pure returns (uint256 y) {
        uint256[] memory s = f.sizes;
        (uint256 row, uint256 column) = (i / s[0], i % s[0]);
        uint256 left = f.gather(0, row * s[2], s[3], s[1]);
        uint256 right = f.gather(1, column * s[4], s[5], s[1]);
        y = FloatSums.dot(left, right, s[1]);
        if (f.operands.length > 2) y = Float32.add(y, f.get(2, column));
    }

    function _pointwise(Tape.Formula memory f, uint256 i) private pure returns (uint256) {
        uint256 x = f.get(0, i);
        if (f.kind == Tape.COPY) return x;
        if (f.kind == Tape.MAP) return _map(f.sizes[0], x);
        if (f.kind == Tape.SLOPE) return _slope(f.sizes[0], x, f.get(1, i));
        if (f.kind == Tape.ADD) return Float32.add(x, f.get(1, i % f.sizes[0]));
        if (f.kind == Tape.SUBTRACT) return Float32.sub(x, f.get(1, i));
        if (f.kind == Tape.MULTIPLY) return Float32.mul(x, f.get(1, i));
        if (f.kind == Tape.SCALE) return Float32.mul(f.get(1, f.sizes[0]), x);
        revert UnknownFormula(f.kind);
    }

    function _map(uint256 function_, uint256 x) private pure returns (uint256) {
        if (function_ == 1) return FloatFunctions.relu(x);
        if (function_ == 2) return FloatFunctions.gelu(x);
        if (function_ == 3) return FloatFunctions.silu(x);
        if (function_ == 4) return FloatFunctions.tanh(x);
        if (function_ == 5) return FloatFunctions.sigmoid(x);
        revert UnknownFunction(function_);
    }

    function _slope(uint256 function_, uint256 x, uint256 dy) private pure returns (uint256) {
        if (function_ == 1) return Float32.lt(0, x) ? dy : 0;
        if (function_ == 2) return Float32.mul(dy, FloatFunctions.geluDerivative(x));
        if (function_ == 3) return Float32.mul(dy, FloatFunctions.siluDerivative(x));
        if (function_ == 4) return Float32.mul(dy, FloatFunctions.tanhDerivative(x));
        if (function_ == 5) return Float32.mul(dy, FloatFunctions.sigmoidDerivative(x));
        revert UnknownFunction(function_);
    }

    /// sizes: of a sum of columns, their number and that of rows; of a mean, how many.
    function _sum(Tape.Formula memory f, uint256 i) private pure returns (uint256) {
        uint256[] memory s = f.sizes;
        if (f.kind == Tape.SUMS) return FloatSums.blocks(f.gather(0, i, s[0], s[1]), s[1]);
        uint256 count = Float32.fromInt(int256(s[0]));
        uint256 row = f.gather(0, 0, 1, s[0]);
        if (f.kind == Tape.MEAN) return Float32.div(FloatSums.sum(row, s[0]), count);
        if (f.kind == Tape.MEAN_SQUARE) return Float32.div(FloatSums.sumSquares(row, s[0], 0), count);
        revert UnknownFormula(f.kind);
    }

    /// sizes: classes and rows; of the slope of a mean of squares, how many.
    function _loss(Tape.Formula memory f, uint256 i) private pure returns (uint256) {
        uint256[] memory s = f.sizes;
        if (f.kind == Tape.SQUARE_SLOPE) return Float32.mul(Float32.div(TWO, Float32.fromInt(int256(s[0]))), f.get(0, i));
        uint256 classes = s[0];
        if (f.kind == Tape.ENTROPY_SLOPE) {
            uint256 share = f.get(0, i);
            if (_label(f.get(1, i / classes), classes) == i % classes) share = Float32.sub(share, Float32.ONE);
            return Float32.mul(Float32.div(Float32.ONE, Float32.fromInt(int256(s[1]))), share);
        }
        uint256 from = f.kind == Tape.SHARES ? i / classes : i;
        uint256 row = f.gather(0, from * classes, 1, classes);
        uint256 top = FloatSums.largest(row, classes);
        uint256 total = _sumOfExp(row, classes, top);
        if (f.kind == Tape.SHARES) {
            uint256 own = FloatFunctions.exp(Float32.sub(FloatSums.get(row, i % classes), top));
            return Float32.mul(own, Float32.div(Float32.ONE, total));
        }
        if (f.kind != Tape.ROW_LOSS) revert UnknownFormula(f.kind);
        uint256 label = _label(f.get(1, i), classes);
        return Float32.sub(Float32.add(FloatFunctions.log(total), top), FloatSums.get(row, label));
    }

    function _sumOfExp(uint256 row, uint256 n, uint256 top) private pure returns (uint256) {
        uint256[16] memory lane;
        for (uint256 i = 0; i < n; ++i) {
            uint256 l = i % FloatSums.LANES;
            lane[l] = Float32.add(lane[l], FloatFunctions.exp(Float32.sub(FloatSums.get(row, i), top)));
        }
        return FloatSums.fold(lane);
    }

    function _label(uint256 bits, uint256 classes) private pure returns (uint256) {
        int256 label = Float32.toInt(bits);
        if (label < 0 || uint256(label) >= classes) revert WrongLabel(bits);
        return uint256(label);
    }

    /// Operand 0 are the numbers of this step: rate, momentum, decay; or rate, beta1, beta2, epsilon, decay, correct1, correct2. The
    /// order of the others stands in element.cpp.
    function _update(Tape.Formula memory f, uint256 i) private pure returns (uint256) {
        uint256 x = f.get(1, i);
        uint256 y = f.get(2, i);
        if (f.kind == Tape.VELOCITY) {
            return Float32.fma(f.get(0, 1), y, Float32.fma(f.get(0, 2), f.get(3, i), x));
        }
        if (f.kind == Tape.SGD) return Float32.fma(Float32.neg(f.get(0, 0)), x, y);
        if (f.kind == Tape.ADAM_MEAN) {
            uint256 beta = f.get(0, 1);
            return Float32.fma(beta, y, Float32.mul(Float32.sub(Float32.ONE, beta), x));
        }
        if (f.kind == Tape.ADAM_SQUARE) {
            uint256 beta = f.get(0, 2);
            return Float32.fma(beta, y, Float32.mul(Float32.mul(Float32.sub(Float32.ONE, beta), x), x));
        }
        if (f.kind == Tape.ADAM) return _adam(f, x, y, f.get(3, i));
        revert UnknownFormula(f.kind);
    }

    function _adam(Tape.Formula memory f, uint256 mean, uint256 square, uint256 weight) private pure returns (uint256) {
        uint256 rate = f.get(0, 0);
        uint256 root = Float32.add(Float32.sqrt(Float32.mul(square, f.get(0, 6))), f.get(0, 3));
        uint256 move = Float32.div(Float32.mul(mean, f.get(0, 5)), root);
        uint256 shrink = Float32.mul(rate, f.get(0, 4));
        return Float32.fma(Float32.neg(rate), move, Float32.fma(Float32.neg(shrink), weight, weight));
    }
}
