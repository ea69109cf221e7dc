// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {Openings} from "./Openings.sol";
import {Steps} from "./Steps.sol";

/// @title Claims that are wrong whatever their elements are
/// @notice Each is true when the claim is wrong, and reverts when what is shown does not open.
library ClaimCheck {
    using Steps for Steps.Tensor;

    uint8 internal constant INPUTS = 7;

    error WrongItem(uint256 got, uint256 expected);

    /// @notice An item of a list of `count` tensor roots.
    struct Item {
        uint64 count;
        uint64 index;
        bytes32 root;
        bytes32[] siblings;
    }

    /// @notice A step of the program.
    struct Step {
        Openings.Program program;
        uint64 number;
        bytes data;
        bytes32[] siblings;
    }

    struct InputProof {
        Openings.Program program;
        bytes io; // the program's description of its inputs and outputs
        Item given; // in the order's list of inputs
        Item traced; // in the trace
    }

    struct OutputProof {
        Openings.Program program;
        bytes io;
        Item claimed; // in the claim's list of outputs
        Item traced;
    }

    struct CountProof {
        Step last;
        uint64 count; // values of the trace
        bytes32 top; // of its list
    }

    struct LengthProof {
        Step step;
        uint8 output; // of the step
        Item traced;
        uint64 size; // bytes of the value
        bytes32 top; // of its tree
    }

    struct InnerProof {
        Step step;
        uint8 output; // of the step
        Item traced;
    }

    /// @notice Input `given.index` of the order, whose root is not salted, is not that of the trace. `io` are the program's bytes.
    function inputDiffers(
        bytes32 id,
        bytes32 trace,
        bytes32 inputs,
        Openings.Program calldata program,
        bytes calldata io,
        Item calldata given,
        Item calldata traced
    ) internal pure returns (bool) {
        checkIo(id, program, io);
        (uint32 count,) = Steps.u32(io, 0);
        if (given.index >= count || traced.index != given.index) revert WrongItem(traced.index, given.index);
        _item(INPUTS, inputs, given);
        _item(Openings.TRACE, trace, traced);
        return given.root != traced.root;
    }

    /// @notice Output `claimed.index` of the claim is not the value of the trace that the program names for it.
    function outputDiffers(
        bytes32 id,
        bytes32 trace,
        bytes32 outputs,
        Openings.Program calldata program,
        bytes calldata io,
        Item calldata claimed,
        Item calldata traced
    ) internal pure returns (bool) {
        checkIo(id, program, io);
        uint32 value = _outputValue(io, claimed.index);
        if (traced.index != value) revert WrongItem(traced.index, value);
        _item(Merkle.OUTPUTS, outputs, claimed);
        _item(Openings.TRACE, trace, traced);
        return claimed.root != traced.root;
    }

    /// @notice The trace holds `count` values, which is not what the program's last step ends with.
    function countDiffers(bytes32 id, bytes32 trace, Step calldata last, uint64 count, bytes32 top) internal pure returns (bool) {
        Steps.Step memory s = _step(id, last);
        if (last.number + 1 != last.program.stepCount) revert WrongItem(last.number, last.program.stepCount);
        if (Merkle.root(Openings.TRACE, count, top) != trace) revert Openings.WrongOpening(trace);
        return count != s.firstOutput + s.outputs.length;
    }

    /// @notice Output `output` of a step has `size` bytes in the trace, which is not what its shape says.
    function lengthDiffers(bytes32 id, bytes32 trace, Step calldata step, uint8 output, Item calldata traced, uint64 size, bytes32 top)
        internal
        pure
        returns (bool)
    {
        Steps.Step memory s = _step(id, step);
        if (traced.index != s.firstOutput + output) revert WrongItem(traced.index, s.firstOutput + output);
        _item(Openings.TRACE, trace, traced);
        if (Merkle.root(Merkle.TENSOR, size, top) != traced.root) revert Openings.WrongOpening(traced.root);
        return size != s.outputs[output].bytesOf();
    }

    /// @notice Output `output` of a step has a tree in the trace although the program says that it is inner, or none although it is not.
    function innerDiffers(bytes32 id, bytes32 trace, Step calldata step, uint8 output, Item calldata traced) internal pure returns (bool) {
        Steps.Step memory s = _step(id, step);
        if (output >= s.outputs.length || traced.index != s.firstOutput + output) revert WrongItem(traced.index, s.firstOutput + output);
        _item(Openings.TRACE, trace, traced);
        return (traced.root == Openings.INNER) != s.inner;
    }

    /// @notice Reverts unless `io` are the program's bytes.
    function checkIo(bytes32 id, Openings.Program calldata program, bytes calldata io) internal pure {
        Openings.check(program, id);
        if (keccak256(io) != program.io) revert Openings.WrongOpening(program.io);
    }

    function _step(bytes32 id, Step calldata s) private pure returns (Steps.Step memory) {
        Openings.check(s.program, id);
        Openings.item(Openings.STEPS, s.program.steps, s.program.stepCount, s.number, keccak256(s.data), s.siblings);
        return Steps.read(s.data);
    }

    function _item(uint8 domain, bytes32 root, Item calldata i) private pure {
        Openings.item(domain, root, i.count, i.index, i.root, i.siblings);
    }

    /// @notice Where the number of outputs stands:
    ///   io: u32 inputs,  each: text name, tensor, i32 mantissa, i32 exponent, i64 low, i64 high
    ///       u32 outputs, each: text name, u32 ref, i32 mantissa, i32 exponent
    function afterInputs(bytes calldata io) internal pure returns (uint256 next) {
        uint256 count;
        (count, next) = Steps.u32(io, 0);
        for (uint256 i = 0; i < count; ++i) (, next) = _input(io, next);
    }

    /// @notice The tensor of input `index`, and where its low (i64), followed by its high, stands.
    function input(bytes calldata io, uint256 index) internal pure returns (Steps.Tensor memory t, uint256 limits) {
        (uint256 count, uint256 next) = Steps.u32(io, 0);
        if (index >= count) revert WrongItem(index, count);
        for (uint256 i = 0; i <= index; ++i) (t, next) = _input(io, next);
        limits = next - 16;
    }

    function _input(bytes calldata io, uint256 at_) private pure returns (Steps.Tensor memory t, uint256 next) {
        (t, next) = Steps.tensor(io, _text(io, at_));
        next += 24;
    }

    /// The value that output `index` names.
    function _outputValue(bytes calldata io, uint256 index) private pure returns (uint32 value) {
        (uint256 count, uint256 next) = Steps.u32(io, afterInputs(io));
        if (index >= count) revert WrongItem(index, count);
        for (uint256 i = 0; i < index; ++i) next = _text(io, next) + 12;
        (value,) = Steps.u32(io, _text(io, next));
    }

    function _text(bytes calldata data, uint256 from) private pure returns (uint256) {
        (uint32 length, uint256 next) = Steps.u32(data, from);
        return next + length;
    }
}
