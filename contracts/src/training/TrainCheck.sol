// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {Openings} from "../dispute/Openings.sol";
import {Formulas} from "./Formulas.sol";
import {Tape} from "./Tape.sol";

/// @title Whether a proof shows that a step of training is wrong
/// @notice A contract without storage. A step is claimed by the root of its tape (its formulas, which follow from the order), the root of
/// its trace (all values: what the run was before, what it is after, and everything between) and the state roots before and after it.
/// docs/trust/training.md says what that is, and what is left to a jury.
contract TrainCheck {
    /// @notice What a tape's root hashes.
    struct TapeRoots {
        bytes32 formulas; // list of the keccak256 of each
        uint64 count; // of formulas
        uint64 values;
        uint64 arrays; // of a state: values [0, arrays) are those before the step, [arrays, 2 arrays) those after it
    }

    /// @notice What somebody asserts of step `step`, counted from 0.
    struct Step {
        bytes32 tape;
        bytes32 trace;
        bytes32 before;
        bytes32 afterwards;
        uint64 step;
    }

    /// @notice One element of what a formula makes, with all that it is made of.
    struct ElementProof {
        TapeRoots tape;
        uint64 number; // of the formula
        bytes formula;
        bytes32[] siblings; // of its hash in the list of formulas
        uint64 index; // of the element
        Openings.Opened[] opened; // operands, then the output
    }

    /// @notice An array of a state that is another one in the trace.
    struct StateProof {
        TapeRoots tape;
        bool afterwards; // of the state after the step
        uint64 array;
        bytes32 list; // root of the state's arrays
        bytes32 inState;
        bytes32[] stateSiblings;
        bytes32 inTrace;
        bytes32[] traceSiblings;
    }

    error WrongTape(bytes32 root);
    error WrongState(bytes32 root);
    error WrongCount(uint256 got, uint256 expected);
    error OutOfRange(uint256 got, uint256 end);

    /// @notice The root of a tape.
    function tapeRoot(TapeRoots calldata t) public pure returns (bytes32) {
        return keccak256(abi.encodePacked("koinon.training.tape", t.formulas, t.count, t.values, t.arrays));
    }

    /// @notice True when the element is not what the formula makes of its operands. Reverts when the proof opens nothing.
    function refutes(Step calldata s, ElementProof calldata p) external pure returns (bool) {
        _tape(s, p.tape);
        Openings.item(Openings.STEPS, p.tape.formulas, p.tape.count, p.number, keccak256(p.formula), p.siblings);
        Tape.Formula memory f = Tape.read(p.formula);
        uint256 n = f.operands.length;
        if (p.opened.length != n + 1) revert WrongCount(p.opened.length, n + 1);
        if (p.index >= f.output.elements) revert OutOfRange(p.index, f.output.elements);
        for (uint256 i = 0; i < n; ++i) Tape.hold(f.operands[i], p.opened[i], s.trace, p.tape.values);
        Tape.hold(f.output, p.opened[n], s.trace, p.tape.values);
        return Tape.element(f.output, n, p.index) != Formulas.element(f, p.index);
    }

    /// @notice True when an array of the state before or after the step is not the one in the trace.
    function misstates(Step calldata s, StateProof calldata p) external pure returns (bool) {
        _tape(s, p.tape);
        if (p.array >= p.tape.arrays) revert OutOfRange(p.array, p.tape.arrays);
        (bytes32 state, uint64 steps, uint64 first) = p.afterwards ? (s.afterwards, s.step + 1, p.tape.arrays) : (s.before, s.step, 0);
        bytes32 got = keccak256(abi.encodePacked("koinon.training.state", steps, p.list));
        if (got != state) revert WrongState(got);
        Openings.item(Merkle.TENSOR, p.list, p.tape.arrays, p.array, p.inState, p.stateSiblings);
        Openings.item(Openings.TRACE, s.trace, p.tape.values, first + p.array, p.inTrace, p.traceSiblings);
        return p.inState != p.inTrace;
    }

    function _tape(Step calldata s, TapeRoots calldata t) private pure {
        bytes32 got = tapeRoot(t);
        if (got != s.tape) revert WrongTape(got);
    }
}
