// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Float32} from "./Float32.sol";

/// @title The functions of engine/train/arith/functions.hpp, operation by operation
/// @notice Float32 in, float32 out, as bits. Names and constants are those of functions_body.hpp, which says how each is computed.
library FloatFunctions {
    uint256 private constant ONE = 0x3f800000;
    uint256 private constant HALF = 0x3f000000;
    uint256 private constant MINUS_HALF = 0xbf000000;
    uint256 private constant LN2_HIGH = 0x3f317200;
    uint256 private constant LN2_LOW = 0x35bfbe8e;
    uint256 private constant LOG2E = 0x3fb8aa3b;
    uint256 private constant ROUND = 0x4b400000;
    uint256 private constant ROOT_HALF = 0x3f3504f3;

    /// The first of `n` coefficients, 32 bits each from the top, times x plus the next, and so on.
    function _polynomial(uint256 coefficients, uint256 n, uint256 x) private pure returns (uint256 y) {
        unchecked {
            y = coefficients >> 224;
            for (; n > 1; --n) {
                coefficients <<= 32;
                y = Float32.fma(y, x, coefficients >> 224);
            }
        }
    }

    function exp(uint256 x) internal pure returns (uint256) {
        unchecked {
            if (Float32.isNan(x)) return Float32.NAN;
            uint256 inside = Float32.lt(0x42b20000, x) ? 0x42b20000 : x;
            if (Float32.lt(inside, 0xc2d00000)) inside = 0xc2d00000;
            uint256 shifted = Float32.fma(inside, LOG2E, ROUND);
            uint256 n = Float32.sub(shifted, ROUND);
            uint256 r = Float32.fma(n, Float32.neg(LN2_LOW), Float32.fma(n, Float32.neg(LN2_HIGH), inside));
            uint256 q = _polynomial(0x3ab6de323c0920a43d2aaa2a3e2aaa433f000000000000000000000000000000, 5, r);
            uint256 e = Float32.add(Float32.fma(Float32.mul(r, r), q, r), ONE);
            int256 whole = int256(shifted) - int256(ROUND);
            int256 half = whole >> 1;
            return Float32.mul(Float32.mul(e, _powerOfTwo(half)), _powerOfTwo(whole - half));
        }
    }

    function _powerOfTwo(int256 n) private pure returns (uint256) {
        unchecked {
            return uint256(n + 127) << 23;
        }
    }

    function log(uint256 x) internal pure returns (uint256) {
        unchecked {
            if (Float32.isNan(x)) return Float32.NAN;
            if (x & ~Float32.SIGN == 0) return Float32.INFINITY | Float32.SIGN;
            if (x >> 31 != 0) return Float32.NAN;
            if (x == Float32.INFINITY) return x;
            bool tiny = x < 0x00800000;
            int256 bits = int256(tiny ? Float32.mul(x, 0x4b000000) : x);
            int256 n = (bits - int256(ROOT_HALF)) >> 23;
            uint256 f = Float32.sub(uint256(bits - n * (1 << 23)), ONE);
            uint256 exponent = Float32.fromInt(tiny ? n - 23 : n);
            uint256 q = _polynomial(0xbda0f6a83e03e866be0670473e113728be2a3c453e4cd2cbbe8001103eaaaaa5, 8, f);
            uint256 square = Float32.mul(f, f);
            uint256 tail = Float32.fma(Float32.mul(square, f), q, Float32.mul(MINUS_HALF, square));
            return Float32.fma(exponent, LN2_HIGH, Float32.add(f, Float32.fma(exponent, LN2_LOW, tail)));
        }
    }

    function tanh(uint256 x) internal pure returns (uint256) {
        if (Float32.isNan(x)) return Float32.NAN;
        uint256 a = x & ~Float32.SIGN;
        if (a == 0) return x;
        uint256 y;
        if (a < 0x3f19999a) {
            uint256 square = Float32.mul(a, a);
            uint256 q = _polynomial(0xbbc185f33caa700abd5c4f6c3e0884eebeaaaa9f000000000000000000000000, 5, square);
            y = Float32.fma(Float32.mul(square, a), q, a);
        } else {
            y = Float32.sub(ONE, Float32.div(0x40000000, Float32.add(exp(Float32.add(a, a)), ONE)));
        }
        return x >> 31 == 0 ? y : Float32.neg(y);
    }

    function erf(uint256 x) internal pure returns (uint256) {
        if (Float32.isNan(x)) return Float32.NAN;
        uint256 a = x & ~Float32.SIGN;
        if (a == 0) return x;
        uint256 y = ONE;
        if (a < 0x3f733333) y = _erfNearZero(a);
        else if (a <= 0x40800000) y = Float32.sub(ONE, exp(_logOfErfc(a)));
        return x >> 31 == 0 ? y : Float32.neg(y);
    }

    function _erfNearZero(uint256 a) private pure returns (uint256) {
        uint256 square = Float32.mul(a, a);
        uint256 q = _polynomial(0x38ac4a38ba547e363baa5248bcdc05873de716f1bec093a13e0375d400000000, 7, square);
        return Float32.fma(a, q, a);
    }

    function _logOfErfc(uint256 t) private pure returns (uint256) {
        uint256 p = _polynomial(0xb531ecabb74edc7a39c9bcf8bb8382cc3ccb4432bddcfdaabf223566bf909015, 8, t);
        return Float32.fma(p, t, 0x3920d538);
    }

    function sigmoid(uint256 x) internal pure returns (uint256) {
        return Float32.div(ONE, Float32.add(ONE, exp(Float32.neg(x))));
    }

    function relu(uint256 x) internal pure returns (uint256) {
        return Float32.lt(x, 0) ? 0 : Float32.canonical(x);
    }

    function gelu(uint256 x) internal pure returns (uint256) {
        return Float32.mul(Float32.mul(HALF, x), Float32.add(ONE, erf(Float32.mul(x, 0x3f3504f3))));
    }

    function silu(uint256 x) internal pure returns (uint256) {
        return Float32.mul(x, sigmoid(x));
    }

    // ---- Derivatives

    function tanhDerivative(uint256 x) internal pure returns (uint256) {
        uint256 y = tanh(x);
        return Float32.fma(Float32.neg(y), y, ONE);
    }

    function sigmoidDerivative(uint256 x) internal pure returns (uint256) {
        uint256 y = sigmoid(x);
        return Float32.mul(y, Float32.sub(ONE, y));
    }

    function geluDerivative(uint256 x) internal pure returns (uint256) {
        uint256 cdf = Float32.mul(HALF, Float32.add(ONE, erf(Float32.mul(x, 0x3f3504f3))));
        uint256 pdf = Float32.mul(0x3ecc422a, exp(Float32.mul(Float32.mul(MINUS_HALF, x), x)));
        return Float32.fma(x, pdf, cdf);
    }

    function siluDerivative(uint256 x) internal pure returns (uint256) {
        uint256 s = sigmoid(x);
        return Float32.mul(s, Float32.fma(x, Float32.sub(ONE, s), ONE));
    }
}
