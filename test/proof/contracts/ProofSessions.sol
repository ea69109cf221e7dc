// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Argument} from "../../../contracts/src/proof/Argument.sol";
import {CircuitReader} from "../../../contracts/src/proof/CircuitReader.sol";
import {Sessions} from "../../../contracts/src/proof/Sessions.sol";
import {Shapes} from "../../../contracts/src/proof/Shapes.sol";

/// @title Proofs in several transactions, open to calls
contract ProofSessions {
    mapping(bytes32 => Sessions.Session) private sessions;
    CircuitReader private reader;

    function use(CircuitReader reader_) external {
        reader = reader_;
    }

    /// @notice The calldata that later parts are shown, for whoever sends them.
    event Begun(bytes32 indexed id, uint64 places);
    event Opened(bytes32 indexed id, uint64 opened, bool all);
    event Read(bytes32 indexed id, uint64 read, bool good);

    function begin(Shapes.Statement calldata statement, Shapes.Circuit calldata circuit, bytes32 constant_, bytes calldata messages) external {
        (bytes32 id,, Argument.Queries memory queries) = Sessions.begin(sessions, statement, circuit, uint256(constant_), messages);
        emit Begun(id, uint64(queries.places.length));
    }

    function open(bytes32 id, Argument.Queries calldata queries, Shapes.Shape calldata shape, uint64 to, bytes calldata part) external {
        bool all = Sessions.open(sessions, id, queries, shape, to, part);
        emit Opened(id, to, all);
    }

    function read(
        bytes32 id,
        Argument.Claim calldata claim,
        Shapes.Statement calldata statement,
        Shapes.Circuit calldata circuit,
        bytes[] calldata inputs,
        bytes[] calldata outputs,
        bytes calldata part
    ) external {
        Sessions.read(sessions, reader, id, claim, statement, circuit, inputs, outputs, part);
        emit Read(id, sessions[id].read, Sessions.good(sessions[id]));
    }

    function session(bytes32 id) external view returns (uint64 opened, uint64 places, uint64 read_, uint64 parts, bool good) {
        Sessions.Session storage s = sessions[id];
        return (s.opened, s.places, s.read, s.parts, Sessions.good(s));
    }

    /// @notice What `begin` would make: the id, the queries that later parts are shown, and what the circuit must give.
    function preview(Shapes.Statement calldata statement, Shapes.Circuit calldata circuit, bytes32 constant_, bytes calldata messages)
        external
        pure
        returns (bytes32 id, Argument.Queries memory queries, Argument.Claim memory claim)
    {
        uint256 position;
        assembly ("memory-safe") {
            position := messages.offset
        }
        (claim, queries,) = Argument.follow(statement, circuit.shape, uint256(constant_), position);
        return (Sessions.idOf(statement, circuit, uint256(constant_), messages), queries, claim);
    }
}
