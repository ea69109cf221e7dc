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
/// @notice A claim's trace root binds every value of a run that is not inner. Whoever knows a value that does not follow from its
/// operands opens them: the step from the program's id, the operands from the same trace, or from the program where they are constants.
/// An inner operand is in no trace: the step that makes it is opened instead, and the element that is read recomputed in turn. The
/// indices of the operands are computed here, so a proof chooses nothing but the element, and what a counter-example points at.
library ElementCheck {
    using Reading for Reading.Reader;
    using Steps for Steps.Tensor;

    /// @notice Steps that one element is recomputed through, at most: the program's rule keeps to it.
    uint256 internal constant MAX_PARTS = 24;

    error WrongCount(uint256 got, uint256 expected);
    error WrongPart(uint256 part, uint256 value);

    /// @notice True when the element that `trace` holds is not what the step gives. Reverts when the proof does not open it.
    function refutes(bytes32 program, bytes32 trace, Reading.Proof calldata p) internal pure returns (bool wrong) {
        Openings.check(p.program, program);
        if (p.parts.length > MAX_PARTS) revert WrongCount(p.parts.length, MAX_PARTS);
        Reading.Reader memory r;
        r.trace = trace;
        _takePart(r, p);
        // Nothing is claimed about an inner value.
        if (r.s.inner) revert WrongPart(0, r.s.firstOutput);
        _addOutputs(r, p.output);
        r.index = p.index;
        wrong = _differs(r, p);
        if (r.taken.count != p.parts.length) revert WrongCount(p.parts.length, r.taken.count);
    }

    function _differs(Reading.Reader memory r, Reading.Proof calldata p) private pure returns (bool) {
        uint8 kind = r.s.kind;
        uint256 opened = r.s.refs.length + (kind == Steps.TOPK ? r.s.outputs.length : 1);
        if (p.parts[0].opened.length != opened) revert WrongCount(p.parts[0].opened.length, opened);
        _checkIndex(r);
        if (kind == Steps.TOPK) return Orders.topk(r, p);
        if (kind == Steps.ARGMAX) return Orders.argmax(r, p);
        int256 claimed = r.get(p, r.s.refs.length, p.index);
        if (kind == Steps.REDUCE && p.hints.length == 1) return Folds.beaten(r, p, claimed);
        if (kind == Steps.SCATTER && p.hints.length == 2) return Movement.repeated(r, p);
        return claimed != _value(r, p);
    }

    /// The next part's step, with its operands, none of them read.
    function _takePart(Reading.Reader memory r, Reading.Proof calldata p) private pure {
        r.part = r.taken.count++;
        Reading.Part calldata part = p.parts[r.part];
        Openings.item(Openings.STEPS, p.program.steps, p.program.stepCount, part.step, keccak256(part.stepBytes), part.stepSiblings);
        r.s = Steps.read(part.stepBytes);
        (r.tensors, r.refs) = (r.s.operands, r.s.refs);
        r.runs = new uint256[][](part.opened.length);
    }

    /// The output named behind the operands, of topk every output.
    function _addOutputs(Reading.Reader memory r, uint8 output) private pure {
        Steps.Step memory s = r.s;
        if (output >= s.outputs.length) revert Reading.OutOfRange(output, s.outputs.length);
        r.output = output;
        uint256 count = s.refs.length;
        uint256 outputs = s.kind == Steps.TOPK ? s.outputs.length : 1;
        (r.tensors, r.refs) = (new Steps.Tensor[](count + outputs), new uint32[](count + outputs));
        for (uint256 i = 0; i < count; ++i) (r.tensors[i], r.refs[i]) = (s.operands[i], s.refs[i]);
        for (uint256 i = 0; i < outputs; ++i) {
            uint256 number = s.kind == Steps.TOPK ? i : output;
            (r.tensors[count + i], r.refs[count + i]) = (s.outputs[number], uint32(s.firstOutput + number));
        }
    }

    function _checkIndex(Reading.Reader memory r) private pure {
        uint256 elements = r.s.outputs[r.output].elements();
        if (r.index >= elements) revert Reading.OutOfRange(r.index, elements);
    }

    /// The value that the element should have.
    function _value(Reading.Reader memory r, Reading.Proof calldata p) private pure returns (int256) {
        uint8 kind = r.s.kind;
        if (kind == Steps.MATMUL) return Linear.matmul(r, p);
        if (kind == Steps.CONV) return Linear.conv(r, p);
        if (kind == Steps.REDUCE) return Folds.reduce(r, p);
        if (kind == Steps.PREFIX_SUM) return Folds.prefixSum(r, p);
        if (kind == Steps.GATHER) return operand(r, p, 0, Movement.gathered(r, p));
        if (kind == Steps.SCATTER) return Movement.scatter(r, p);
        if (kind == Steps.LOOKUP) {
            int256 entry = operand(r, p, 0, r.index) - r.s.params[0];
            if (entry < 0) revert Reading.OutOfRange(0, 0);
            return r.get(p, 1, uint256(entry));
        }
        if (Movement.moves(kind)) {
            (bool inside, uint256 from, uint256 at_) = Movement.source(r);
            return inside ? operand(r, p, from, at_) : int256(r.s.params[r.s.params.length - 1]);
        }
        Steps.Tensor memory result = r.s.outputs[r.output];
        int256[] memory x = new int256[](r.s.refs.length);
        for (uint256 i = 0; i < x.length; ++i) x[i] = operand(r, p, i, Elementwise.indexOf(result, r.s.operands[i], r.index));
        return Elementwise.value(kind, r.output, x, r.s.params);
    }

    /// @notice Whether elements of an operand are made by parts of their own: it is a value of which the proof opens nothing.
    function isMade(Reading.Reader memory r, Reading.Proof calldata p, uint256 i) internal pure returns (bool) {
        return p.parts[r.part].opened[i].runs.length == 0 && r.refs[i] >> 30 == 0;
    }

    /// @notice Element `index` of an operand: read, or made by the next part.
    function operand(Reading.Reader memory r, Reading.Proof calldata p, uint256 i, uint256 index) internal pure returns (int256) {
        if (!isMade(r, p, i)) return r.get(p, i, index);
        if (r.taken.count == p.parts.length) revert Reading.NotOpened(i, index);
        return _inner(r.trace, r.taken, p, r.refs[i], index);
    }

    /// Element `index` of value `number`, which is inner. What it is made of is read from the same trace.
    function _inner(bytes32 trace, Reading.Taken memory taken, Reading.Proof calldata p, uint32 number, uint256 index)
        private
        pure
        returns (int256 x)
    {
        Reading.Reader memory r;
        (r.trace, r.taken, r.index) = (trace, taken, index);
        _takePart(r, p);
        if (!r.s.inner || r.s.firstOutput != number || r.s.outputs.length != 1) revert WrongPart(r.part, number);
        if (r.runs.length != r.s.refs.length) revert WrongCount(r.runs.length, r.s.refs.length);
        _checkIndex(r);
        x = _value(r, p);
        // A run never leaves the type, so what does comes from a trace that is wrong before this element.
        int256 limit = int256(1) << (8 * r.s.outputs[0].width - 1);
        if (x < -limit || x >= limit) revert Reading.OutOfRange(r.part, r.index);
    }
}
