// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Elementwise} from "./Elementwise.sol";
import {Folds} from "./Folds.sol";
import {Linear} from "./Linear.sol";
import {Movement} from "./Movement.sol";
import {Openings} from "./Openings.sol";
import {Orders} from "./Orders.sol";
import {Reading} from "./Reading.sol";
import {Steps} from "./Steps.sol";

/// @title One element of one step, recomputed
/// @notice A claim's trace root binds every value of a run. Whoever knows a value that does not follow from its operands opens them:
/// the step from the program's id, the operands from the same trace, or from the program where they are constants. The indices of the
/// operands are computed here, so a proof chooses nothing but the element, and what a counter-example points at.
library ElementCheck {
    using Reading for Reading.Reader;
    using Steps for Steps.Tensor;

    error WrongCount(uint256 got, uint256 expected);

    /// @notice True when the element that `trace` holds is not what the step gives. Reverts when the proof does not open it.
    function refutes(bytes32 program, bytes32 trace, Reading.Proof calldata p) internal pure returns (bool) {
        Openings.check(p.program, program);
        Openings.item(Openings.STEPS, p.program.steps, p.program.stepCount, p.step, keccak256(p.stepBytes), p.stepSiblings);
        Reading.Reader memory r = _reader(trace, p);
        uint8 kind = r.s.kind;
        uint256 last = r.s.refs.length; // the output named, of topk the first
        if (kind == Steps.TOPK) return Orders.topk(r, p);
        if (kind == Steps.ARGMAX) return Orders.argmax(r, p);
        int256 claimed = r.get(p, last, p.index);
        if (kind == Steps.REDUCE && p.hints.length == 1) return Folds.beaten(r, p, claimed);
        if (kind == Steps.SCATTER && p.hints.length == 2) return Movement.repeated(r, p);
        return claimed != _value(r, p);
    }

    /// The tensors that a proof opens, none of them read.
    function _reader(bytes32 trace, Reading.Proof calldata p) private pure returns (Reading.Reader memory r) {
        Steps.Step memory s = Steps.read(p.stepBytes);
        (r.trace, r.s) = (trace, s);
        uint256 count = s.refs.length;
        if (p.output >= s.outputs.length) revert Reading.OutOfRange(p.output, s.outputs.length);
        uint256 outputs = s.kind == Steps.TOPK ? s.outputs.length : 1;
        if (p.opened.length != count + outputs) revert WrongCount(p.opened.length, count + outputs);
        r.tensors = new Steps.Tensor[](count + outputs);
        r.refs = new uint32[](count + outputs);
        r.runs = new uint256[][](count + outputs);
        for (uint256 i = 0; i < count; ++i) (r.tensors[i], r.refs[i]) = (s.operands[i], s.refs[i]);
        for (uint256 i = 0; i < outputs; ++i) {
            uint256 output = s.kind == Steps.TOPK ? i : p.output;
            (r.tensors[count + i], r.refs[count + i]) = (s.outputs[output], uint32(s.firstOutput + output));
        }
        uint256 elements = s.outputs[p.output].elements();
        if (p.index >= elements) revert Reading.OutOfRange(p.index, elements);
    }

    /// The value that the element should have.
    function _value(Reading.Reader memory r, Reading.Proof calldata p) private pure returns (int256) {
        uint8 kind = r.s.kind;
        if (kind == Steps.MATMUL) return Linear.matmul(r, p);
        if (kind == Steps.CONV) return Linear.conv(r, p);
        if (kind == Steps.REDUCE) return Folds.reduce(r, p);
        if (kind == Steps.PREFIX_SUM) return Folds.prefixSum(r, p);
        if (kind == Steps.RESHAPE) return r.get(p, 0, p.index);
        if (kind == Steps.LOOKUP) {
            int256 entry = r.get(p, 0, p.index) - r.s.params[0];
            if (entry < 0) revert Reading.OutOfRange(0, 0);
            return r.get(p, 1, uint256(entry));
        }
        if (Movement.moves(kind)) return Movement.value(r, p);
        Steps.Tensor memory result = r.s.outputs[p.output];
        int256[] memory x = new int256[](r.s.refs.length);
        for (uint256 i = 0; i < x.length; ++i) x[i] = r.get(p, i, Elementwise.indexOf(result, r.s.operands[i], p.index));
        return Elementwise.value(kind, p.output, x, r.s.params);
    }
}
