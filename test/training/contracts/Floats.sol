// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Float32} from "../../../contracts/src/training/Float32.sol";
import {FloatFunctions} from "../../../contracts/src/training/FloatFunctions.sol";
import {FloatSums} from "../../../contracts/src/training/FloatSums.sol";

/// @title float32 by integers, open to calls
/// @notice Never deployed with a market: differential tests compare it with engine/train/arith.
contract Floats {
    error UnknownOperation(uint8 op);

    /// @notice Operation `op` of each three numbers of `cases`; numbers are four bytes, the lowest first. An operation of fewer takes the
    /// first ones.
    function each(uint8 op, bytes calldata cases) external pure returns (bytes memory out) {
        uint256 n = cases.length / 12;
        out = new bytes(4 * n);
        uint256 to;
        assembly ("memory-safe") {
            to := add(out, 32)
        }
        for (uint256 i = 0; i < n; ++i) {
            (uint256 a, uint256 b, uint256 c) = _three(cases, i);
            uint256 y = Float32.swap(_apply(op, a, b, c));
            assembly ("memory-safe") {
                mstore8(add(to, mul(4, i)), shr(24, y))
                mstore8(add(to, add(1, mul(4, i))), shr(16, y))
                mstore8(add(to, add(2, mul(4, i))), shr(8, y))
                mstore8(add(to, add(3, mul(4, i))), y)
            }
        }
    }

    /// @notice The gas that each of them takes: the most, and all together, reading the case apart. Of operations from 6 on the choice
    /// of the operation is in it.
    function gasOf(uint8 op, bytes calldata cases) external view returns (uint64 most, uint64 total, uint64 used) {
        for (uint256 i = 0; i < cases.length / 12; ++i) {
            (uint256 a, uint256 b, uint256 c) = _three(cases, i);
            uint256 start = gasleft();
            uint256 y = op == 0 ? Float32.add(a, b) : op == 2 ? Float32.mul(a, b) : _other(op, a, b, c);
            uint256 gas_ = start - gasleft();
            used |= uint64(y); // or the compiler would leave it out
            total += uint64(gas_);
            if (gas_ > most) most = uint64(gas_);
        }
    }

    function _other(uint8 op, uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        return op == 3 ? Float32.div(a, b) : op == 4 ? Float32.fma(a, b, c) : op == 5 ? Float32.sqrt(a) : _apply(op, a, b, c);
    }

    /// @notice A sum over two rows (`centre` and the second where it has a use), and its gas.
    function reduce(uint8 op, bytes memory left, bytes memory right, uint32 centre) external view returns (uint32 bits, uint64 gasUsed) {
        uint256 a;
        uint256 b;
        assembly ("memory-safe") {
            a := add(left, 32)
            b := add(right, 32)
        }
        uint256 n = left.length / 4;
        uint256 start = gasleft();
        if (op == 0) bits = uint32(FloatSums.dot(a, b, n));
        else if (op == 1) bits = uint32(FloatSums.sum(a, n));
        else if (op == 2) bits = uint32(FloatSums.sumProducts(a, b, n));
        else if (op == 3) bits = uint32(FloatSums.sumSquares(a, n, centre));
        else if (op == 4) bits = uint32(FloatSums.largest(a, n));
        else if (op == 5) bits = uint32(FloatSums.blocks(a, n));
        else revert UnknownOperation(op);
        gasUsed = uint64(start - gasleft());
    }

    /// @notice Conversions of whole numbers.
    function fromInts(int64[] calldata a) external pure returns (uint32[] memory out) {
        out = new uint32[](a.length);
        for (uint256 i = 0; i < a.length; ++i) out[i] = uint32(Float32.fromInt(a[i]));
    }

    function toInt(uint32 a) external pure returns (int64) {
        return int64(Float32.toInt(a));
    }

    function _three(bytes calldata cases, uint256 i) private pure returns (uint256 a, uint256 b, uint256 c) {
        uint256 w;
        assembly ("memory-safe") {
            w := calldataload(add(cases.offset, mul(12, i)))
        }
        return (Float32.swap(w >> 224), Float32.swap((w >> 192) & 0xffffffff), Float32.swap((w >> 160) & 0xffffffff));
    }

    function _apply(uint8 op, uint256 a, uint256 b, uint256 c) private pure returns (uint256) {
        if (op == 0) return Float32.add(a, b);
        if (op == 1) return Float32.sub(a, b);
        if (op == 2) return Float32.mul(a, b);
        if (op == 3) return Float32.div(a, b);
        if (op == 4) return Float32.fma(a, b, c);
        if (op == 5) return Float32.sqrt(a);
        if (op == 6) return Float32.lt(a, b) ? 1 : 0;
        if (op == 7) return Float32.eq(a, b) ? 1 : 0;
        if (op == 8) return Float32.canonical(Float32.larger(a, b));
        if (op < 16) return _function(op, a);
        if (op == 16) return FloatFunctions.tanhDerivative(a);
        if (op == 17) return FloatFunctions.sigmoidDerivative(a);
        if (op == 18) return FloatFunctions.geluDerivative(a);
        if (op == 19) return FloatFunctions.siluDerivative(a);
        if (op == 20) return FloatFunctions.relu(a);
        revert UnknownOperation(op);
    }

    function _function(uint8 op, uint256 a) private pure returns (uint256) {
        if (op == 9) return FloatFunctions.exp(a);
        if (op == 10) return FloatFunctions.log(a);
        if (op == 11) return FloatFunctions.tanh(a);
        if (op == 12) return FloatFunctions.erf(a);
        if (op == 13) return FloatFunctions.sigmoid(a);
        if (op == 14) return FloatFunctions.gelu(a);
        return FloatFunctions.silu(a);
    }
}
