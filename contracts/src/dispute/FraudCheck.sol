// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimRoots, Fraud} from "../Types.sol";
import {ClaimCheck} from "./ClaimCheck.sol";
import {ElementCheck} from "./ElementCheck.sol";
import {FormCheck} from "./FormCheck.sol";
import {IFraudCheck} from "./IFraudCheck.sol";
import {Reading} from "./Reading.sol";

/// @title Whether a proof shows that a claim is wrong
/// @notice Holds nothing and knows no order: Disputes gives it the roots of the claim, so a proof chooses none of them.
contract FraudCheck is IFraudCheck {
    /// @inheritdoc IFraudCheck
    function refutes(ClaimRoots calldata c, Fraud fraud, bytes calldata proof) external pure returns (bool) {
        if (fraud == Fraud.Element) return _element(c, proof);
        if (fraud == Fraud.Input) return _input(c, proof);
        if (fraud == Fraud.Output) return _output(c, proof);
        if (fraud == Fraud.Count) return _count(c, proof);
        if (fraud == Fraud.Length) return _length(c, proof);
        if (fraud == Fraud.Outputs) return _outputs(c, proof);
        if (fraud == Fraud.Range) return _range(c, proof);
        if (fraud == Fraud.Padding) return _padding(c, proof);
        if (fraud == Fraud.Absent) return _absent(c, proof);
        if (fraud == Fraud.Inner) return _inner(c, proof);
        if (fraud == Fraud.Inputs) return _inputs(c, proof);
        return _inputLength(c, proof);
    }

    // A struct that holds what has no fixed size begins where the first word says.

    function _at(bytes calldata proof) private pure returns (uint256 place) {
        if (proof.length < 64) revert ShortProof(proof.length);
        uint256 offset = uint256(bytes32(proof[:32]));
        if (offset != 32) revert ShortProof(offset);
        assembly ("memory-safe") {
            place := add(proof.offset, 32)
        }
    }

    function _element(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        Reading.Proof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return ElementCheck.refutes(c.program, c.trace, p);
    }

    function _input(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        ClaimCheck.InputProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return ClaimCheck.inputDiffers(c.program, c.trace, c.inputs, p.program, p.io, p.given, p.traced);
    }

    function _output(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        ClaimCheck.OutputProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return ClaimCheck.outputDiffers(c.program, c.trace, c.outputs, p.program, p.io, p.claimed, p.traced);
    }

    function _count(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        ClaimCheck.CountProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return ClaimCheck.countDiffers(c.program, c.trace, p.last, p.count, p.top);
    }

    function _length(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        ClaimCheck.LengthProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return ClaimCheck.lengthDiffers(c.program, c.trace, p.step, p.output, p.traced, p.size, p.top);
    }

    function _outputs(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        FormCheck.OutputsProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return FormCheck.outputs(c, p);
    }

    function _range(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        FormCheck.RangeProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return FormCheck.range(c, p);
    }

    function _padding(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        FormCheck.PaddingProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return FormCheck.padding(c, p);
    }

    function _absent(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        FormCheck.AbsentProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return FormCheck.absent(c, p);
    }

    function _inner(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        ClaimCheck.InnerProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return ClaimCheck.innerDiffers(c.program, c.trace, p.step, p.output, p.traced);
    }

    function _inputs(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        FormCheck.InputsProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return FormCheck.inputs(c, p);
    }

    function _inputLength(ClaimRoots calldata c, bytes calldata proof) private pure returns (bool) {
        FormCheck.InputLengthProof calldata p;
        uint256 place = _at(proof);
        assembly ("memory-safe") {
            p := place
        }
        return FormCheck.inputLength(c, p);
    }
}
