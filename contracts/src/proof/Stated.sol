// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../Merkle.sol";
import {Shapes} from "./Shapes.sol";

/// @title The public tensors of a statement
library Stated {
    uint256 private constant P = 0xffffffff00000001;
    uint8 private constant INPUTS = 7;

    error NotTheRoot(bytes32 root, bytes32 expected);
    error WrongTensors(uint256 count, uint256 expected);
    error WrongLength(uint256 tensor, uint256 length, uint256 expected);

    /// @notice Elements of public inputs, then of outputs, modulo p, after their lengths were found to be the circuit's and their roots the statement's.
    /// With a hidden input there are none of it.
    function values(Shapes.Statement memory statement, Shapes.Circuit memory circuit, bytes[] calldata inputs, bytes[] calldata outputs)
        internal
        pure
        returns (uint256[] memory out)
    {
        bool hidden = statement.hidden & 2 != 0;
        if (inputs.length != (hidden ? 0 : circuit.inputs.length)) revert WrongTensors(inputs.length, circuit.inputs.length);
        if (outputs.length != circuit.outputs.length) revert WrongTensors(outputs.length, circuit.outputs.length);
        uint256 elements = count(inputs, circuit.inputs, circuit.inputBytes) + count(outputs, circuit.outputs, circuit.outputBytes);
        if (!hidden) check(INPUTS, inputs, statement.input);
        check(Merkle.OUTPUTS, outputs, statement.output);
        out = new uint256[](elements);
        uint256 pos = append(out, 0, inputs, circuit.inputs);
        append(out, pos, outputs, circuit.outputs);
    }

    /// @dev Elements of tensors as long as the circuit says. A root binds a length of its own: without this, one of other bytes than the
    /// program's could stand for the same elements.
    function count(bytes[] calldata tensors, uint8[] memory widths, uint64[] memory lengths) private pure returns (uint256 n) {
        for (uint256 i = 0; i < tensors.length; ++i) {
            if (tensors[i].length != lengths[i]) revert WrongLength(i, tensors[i].length, lengths[i]);
            n += tensors[i].length / widths[i];
        }
    }

    /// @dev list_root(domain, roots of tensors) of base/merkle.hpp.
    function check(uint8 domain, bytes[] calldata tensors, bytes32 expected) private pure {
        uint256 depth = Merkle.depth(tensors.length);
        bytes32[] memory level = new bytes32[](1 << depth);
        for (uint256 i = 0; i < tensors.length; ++i) {
            uint64 size = uint64(tensors[i].length);
            bytes32 top = Merkle.fold(Merkle.TENSOR, tensors[i], Merkle.depth(Merkle.leavesOf(size)));
            level[i] = Merkle.itemLeaf(domain, uint64(i), Merkle.root(Merkle.TENSOR, size, top));
        }
        bytes32 root = Merkle.root(domain, uint64(tensors.length), Merkle.join(domain, level));
        if (root != expected) revert NotTheRoot(root, expected);
    }

    function append(uint256[] memory out, uint256 pos, bytes[] calldata tensors, uint8[] memory widths) private pure returns (uint256) {
        for (uint256 i = 0; i < tensors.length; ++i) pos = decode(out, pos, tensors[i], widths[i]);
        return pos;
    }

    /// @dev Signed little-endian numbers of `width` bytes: one, two, four or eight.
    function decode(uint256[] memory out, uint256 pos, bytes calldata data, uint256 width) private pure returns (uint256) {
        uint256 size = data.length / width;
        assembly ("memory-safe") {
            let at := add(add(out, 32), shl(5, pos))
            let bits := shl(3, width)
            let from := data.offset
            for { let end := add(from, mul(size, width)) } lt(from, end) { from := add(from, width) } {
                let w := calldataload(from)
                let v := 0
                for { let b := width } b {} {
                    b := sub(b, 1)
                    v := or(shl(8, v), byte(b, w))
                }
                if shr(sub(bits, 1), v) { v := sub(P, sub(shl(bits, 1), v)) }
                mstore(at, v)
                at := add(at, 32)
            }
        }
        return pos + size;
    }
}
