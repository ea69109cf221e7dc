// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Dot} from "./Dot.sol";
import {ElementCheck} from "./ElementCheck.sol";
import {Reading} from "./Reading.sol";
import {Steps} from "./Steps.sol";

/// @title Sums of products: matmul and conv
/// @notice The program proves that each sum fits its type. A row of a matmul, and what lies side by side of a kernel's row, must be
/// in one run. What a conv of one channel a group reads may be inner: then each element of it is a part of its own.
library Linear {
    using Reading for Reading.Reader;

    /// @notice bias[j] + sum over l of a[.., i, l] * b[.., j, l].
    function matmul(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (int256 sum) {
        uint32[] memory b = r.tensors[1].sizes;
        uint32[] memory a = r.tensors[0].sizes;
        uint256 k = b[b.length - 1];
        uint256 n = b[b.length - 2];
        uint256 row = r.index / n; // over the batches too
        uint256 column = r.index % n;
        uint256 other = b.length == 2 ? column : row / a[a.length - 2] * n + column;
        sum = _row(r, p, row * k, other * k, k);
        if (r.s.refs.length == 3) sum += r.get(p, 2, column);
    }

    /// Where one output of a convolution stands. The axes are the spatial ones.
    struct Place {
        uint256 axes;
        uint256 image; // number of it in the batch
        uint256 feature; // output channel
        uint256 channels; // of the input
        uint256 width; // input channels of a group
        uint256 group; // first input channel of this one
        int256[] corner; // where the kernel begins, perhaps in the padding
    }

    /// @notice bias[o] + sum over t and i of x[n, p * stride - pad + t * dilation, i] * w[o, t, i], i over the channels of the group.
    function conv(Reading.Reader memory r, Reading.Proof calldata p) internal pure returns (int256 sum) {
        Place memory at_ = _place(r, r.index);
        uint32[] memory kernel = r.tensors[1].sizes; // [o, k.., c / g]
        uint256 positions = 1;
        for (uint256 a = 0; a < at_.axes; ++a) positions *= kernel[a + 1];
        uint256 row = kernel[at_.axes]; // positions side by side
        for (uint256 t = 0; t < positions; t += row) {
            (bool inside, uint256 line) = _line(r, at_, t / row);
            if (inside) sum += _alongLine(r, p, at_, line, at_.feature * positions + t, row);
        }
        if (r.s.refs.length == 3) sum += r.get(p, 2, at_.feature);
    }

    function _place(Reading.Reader memory r, uint256 index) private pure returns (Place memory at_) {
        (uint32[] memory x, uint32[] memory w, uint32[] memory y) = (r.tensors[0].sizes, r.tensors[1].sizes, r.s.outputs[0].sizes);
        uint256 axes = x.length - 2;
        (at_.axes, at_.channels, at_.width) = (axes, x[axes + 1], w[axes + 1]);
        at_.feature = index % y[axes + 1];
        at_.group = at_.feature / (y[axes + 1] / _param(r, 0)) * at_.width;
        index /= y[axes + 1];
        at_.corner = new int256[](axes);
        for (uint256 a = axes; a > 0; --a) {
            int256 step = r.s.params[a]; // stride
            at_.corner[a - 1] = int256(index % y[a]) * step - r.s.params[2 * axes + a]; // less the padding before
            index /= y[a];
        }
        at_.image = index;
    }

    /// Whether a line of the kernel (all axes but the last) lies in x, and the number of its first position there, over the batch.
    function _line(Reading.Reader memory r, Place memory at_, uint256 t) private pure returns (bool, uint256) {
        (uint32[] memory x, uint32[] memory kernel) = (r.tensors[0].sizes, r.tensors[1].sizes);
        uint256 stride = 1;
        uint256 line;
        for (uint256 a = at_.axes - 1; a > 0; --a) {
            int256 place = at_.corner[a - 1] + int256(t % kernel[a]) * r.s.params[at_.axes + a];
            t /= kernel[a];
            if (place < 0 || place >= int256(uint256(x[a]))) return (false, 0);
            line += uint256(place) * stride;
            stride *= x[a];
        }
        return (true, (at_.image * stride + line) * x[at_.axes]);
    }

    /// The products along the last axis, from position `t` of all kernels on.
    function _alongLine(Reading.Reader memory r, Reading.Proof calldata p, Place memory at_, uint256 line, uint256 t, uint256 row)
        private
        pure
        returns (int256 sum)
    {
        int256 length = int256(uint256(r.tensors[0].sizes[at_.axes]));
        int256 dilation = r.s.params[2 * at_.axes];
        int256 corner = at_.corner[at_.axes - 1];
        bool made = ElementCheck.isMade(r, p, 0);
        bool joined = !made && dilation == 1 && at_.width == at_.channels;
        for (uint256 i = 0; i < row; ++i) {
            int256 place = corner + int256(i) * dilation;
            if (place < 0 || place >= length) continue;
            uint256 count = 1;
            if (joined) count = row - i < uint256(length - place) ? row - i : uint256(length - place);
            uint256 from = (line + uint256(place)) * at_.channels + at_.group;
            if (made) {
                sum += ElementCheck.operand(r, p, 0, from) * r.get(p, 1, (t + i) * at_.width);
                continue;
            }
            sum += _row(r, p, from, (t + i) * at_.width, count * at_.width);
            if (joined) break;
        }
    }

    function _row(Reading.Reader memory r, Reading.Proof calldata p, uint256 left, uint256 right, uint256 k) private pure returns (int256) {
        (uint256 a, uint256 b) = (r.tensors[0].width, r.tensors[1].width);
        return Dot.dot(r.place(p, 0, left * a, k * a), a, r.place(p, 1, right * b, k * b), b, k);
    }

    function _param(Reading.Reader memory r, uint256 i) private pure returns (uint256) {
        return uint256(int256(r.s.params[i]));
    }
}
