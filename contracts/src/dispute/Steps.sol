// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The canonical bytes of a step
/// @notice Little-endian, as engine/program/encode.cpp draws them:
///   step:   u8 kind (0x80 added: inner), u8 operands, each: u32 ref, tensor; u32 first output; u8 outputs, each: tensor; u8 params, each: i64
///   tensor: u8 type, u8 rank, rank x u32 sizes
///   ref:    source in the two upper bits (0 value, 1 weight, 2 table), index below
library Steps {
    uint8 internal constant MATMUL = 1;
    uint8 internal constant CONV = 2;
    uint8 internal constant LOOKUP = 7;
    uint8 internal constant REDUCE = 8;
    uint8 internal constant PREFIX_SUM = 9;
    uint8 internal constant ARGMAX = 10;
    uint8 internal constant TOPK = 11;
    uint8 internal constant GATHER = 14;
    uint8 internal constant SCATTER = 15;
    uint8 internal constant RESHAPE = 19;
    uint8 internal constant TRANSPOSE = 20;
    uint8 internal constant SLICE = 21;
    uint8 internal constant CONCAT = 22;
    uint8 internal constant PAD = 23;
    uint8 internal constant MAX_RANK = 8;
    uint8 private constant INNER = 0x80;

    error Malformed(uint256 position);

    struct Tensor {
        uint8 width; // bytes of an element
        uint32[] sizes;
    }

    struct Step {
        uint8 kind;
        bool inner; // its output is in no trace
        uint32[] refs;
        Tensor[] operands;
        uint32 firstOutput; // value number of outputs[0]
        Tensor[] outputs;
        int64[] params;
    }

    /// @notice Reads all of `data`.
    function read(bytes calldata data) internal pure returns (Step memory s) {
        uint256 at_;
        s.kind = uint8(data[at_++]);
        (s.inner, s.kind) = (s.kind & INNER != 0, s.kind & ~INNER);
        uint256 count = uint8(data[at_++]);
        (s.refs, s.operands) = (new uint32[](count), new Tensor[](count));
        for (uint256 i = 0; i < count; ++i) {
            (s.refs[i], at_) = u32(data, at_);
            (s.operands[i], at_) = tensor(data, at_);
        }
        (s.firstOutput, at_) = u32(data, at_);
        count = uint8(data[at_++]);
        s.outputs = new Tensor[](count);
        for (uint256 i = 0; i < count; ++i) (s.outputs[i], at_) = tensor(data, at_);
        count = uint8(data[at_++]);
        s.params = new int64[](count);
        for (uint256 i = 0; i < count; ++i) {
            (uint32 low, uint256 next) = u32(data, at_);
            (uint32 high, uint256 end) = u32(data, next);
            s.params[i] = int64((uint64(high) << 32) | low);
            at_ = end;
        }
        if (at_ != data.length) revert Malformed(at_);
    }

    /// @notice Elements of a tensor.
    function elements(Tensor memory t) internal pure returns (uint256 n) {
        n = 1;
        for (uint256 i = 0; i < t.sizes.length; ++i) n *= t.sizes[i];
        if (n > 1 << 31) revert Malformed(n);
    }

    /// @notice Bytes of a tensor.
    function bytesOf(Tensor memory t) internal pure returns (uint64) {
        return uint64(elements(t) * t.width);
    }

    /// @notice The tensor at `at_`, and where it ends.
    function tensor(bytes calldata data, uint256 at_) internal pure returns (Tensor memory t, uint256) {
        uint8 dtype = uint8(data[at_]);
        uint8 rank = uint8(data[at_ + 1]);
        if (dtype == 0 || dtype > 4 || rank > MAX_RANK) revert Malformed(at_);
        t.width = uint8(1) << (dtype - 1);
        t.sizes = new uint32[](rank);
        at_ += 2;
        for (uint256 i = 0; i < rank; ++i) (t.sizes[i], at_) = u32(data, at_);
        return (t, at_);
    }

    /// @notice The number at `at_`, and where it ends.
    function u32(bytes calldata data, uint256 at_) internal pure returns (uint32 x, uint256) {
        if (at_ + 4 > data.length) revert Malformed(at_);
        for (uint256 i = 4; i > 0; --i) x = (x << 8) | uint8(data[at_ + i - 1]);
        return (x, at_ + 4);
    }
}
