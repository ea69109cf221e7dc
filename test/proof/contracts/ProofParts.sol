// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Argument} from "../../../contracts/src/proof/Argument.sol";
import {Field} from "../../../contracts/src/proof/Field.sol";
import {Places} from "../../../contracts/src/proof/Places.sol";
import {Shapes} from "../../../contracts/src/proof/Shapes.sol";

/// @title The parts of the on-chain verifier, open to calls
/// @notice Never deployed with a market: differential tests compare it with trust/proof.
contract ProofParts {
    error TrailingBytes(uint256 left);

    /// @notice The whole check of an argument but for the circuit: returns what the circuit must give.
    function check(Shapes.Statement calldata statement, Shapes.Shape calldata shape, bytes32 constant_, bytes calldata argument)
        external
        pure
        returns (bytes32)
    {
        uint256 position;
        assembly ("memory-safe") {
            position := argument.offset
        }
        uint256 end = position + argument.length;
        (Argument.Claim memory claim, Argument.Queries memory queries, uint256 pos) = Argument.follow(statement, shape, uint256(constant_), position);
        pos = Places.check(queries, shape, 0, queries.places.length, pos);
        if (pos != end) revert TrailingBytes(end - pos);
        return bytes32(claim.value);
    }

    /// @notice Gas of the messages and of the queries, calldata apart.
    function checkGas(Shapes.Statement calldata statement, Shapes.Shape calldata shape, bytes32 constant_, bytes calldata argument)
        external
        view
        returns (uint64 messages, uint64 queried)
    {
        uint256 pos;
        assembly ("memory-safe") {
            pos := argument.offset
        }
        uint256 start = gasleft();
        (, Argument.Queries memory queries, uint256 next) = Argument.follow(statement, shape, uint256(constant_), pos);
        uint256 middle = gasleft();
        Places.check(queries, shape, 0, queries.places.length, next);
        return (uint64(start - middle), uint64(middle - gasleft()));
    }

    /// @notice Of each a, b, c, d, e in turn: a b, a - b, a + e (b - a), the polynomials of degree 2 and 3 through them at e.
    function arithmetic(bytes32[] calldata y) external pure returns (bytes32[] memory out) {
        uint256[] memory x = new uint256[](y.length);
        for (uint256 i = 0; i < y.length; ++i) x[i] = uint256(y[i]);
        out = new bytes32[](x.length);
        for (uint256 i = 0; i < x.length; i += 5) {
            out[i] = bytes32(Field.mul(x[i], x[i + 1]));
            out[i + 1] = bytes32(Field.canonical(Field.sub(x[i], x[i + 1])));
            out[i + 2] = bytes32(Field.between(x[i], x[i + 1], x[i + 4]));
            out[i + 3] = bytes32(Field.round2(x[i], x[i + 1], x[i + 3], x[i + 4]));
            out[i + 4] = bytes32(Field.round3(x[i], x[i + 1], x[i + 2], x[i + 3], x[i + 4]));
        }
    }
}
