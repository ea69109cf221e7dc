// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Argument} from "./Argument.sol";
import {CircuitReader} from "./CircuitReader.sol";
import {Field} from "./Field.sol";
import {Places} from "./Places.sol";
import {Shapes} from "./Shapes.sol";
import {Transcript} from "./Transcript.sol";

/// @title A proof in several transactions
/// @notice The first follows the messages; others open the drawn places in order; others read the parts of the circuit's tape in order, at the
/// proof's coins. A session's id names everything that was said, and its states are hashes of what is checked against, so that parts of different
/// proofs cannot be mixed, left out, or told twice. Whoever sends a part does not matter.
library Sessions {
    struct Session {
        bytes32 state; // hash of the queries and the shape; zero: not begun
        bytes32 claim; // hash of what the circuit must give, and of the statement and the circuit
        uint64 opened; // places
        uint64 places;
        uint64 read; // parts of the tape
        uint64 parts;
        uint256 sum; // of those read
    }

    error AlreadyBegun(bytes32 id);
    error NotBegun(bytes32 id);
    error NotTheState(bytes32 state);
    error NotAPart(uint256 to, uint256 places);
    error NotTheClaim(bytes32 claim);
    error NotThePart(uint256 part, bytes32 hash);
    error CircuitDisagrees();
    error TrailingBytes(uint256 position, uint256 end);

    /// @notice The id of a proof's session.
    function idOf(Shapes.Statement memory statement, Shapes.Circuit memory circuit, uint256 constant_, bytes calldata messages)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(statement, circuit, constant_, keccak256(messages)));
    }

    /// @notice Follows the messages: the bytes of a proof from its witness root to its nonce. Returns what the later parts are shown.
    function begin(
        mapping(bytes32 => Session) storage sessions,
        Shapes.Statement memory statement,
        Shapes.Circuit memory circuit,
        uint256 constant_,
        bytes calldata messages
    ) internal returns (bytes32 id, Argument.Claim memory claim, Argument.Queries memory queries) {
        id = idOf(statement, circuit, constant_, messages);
        Session storage session = sessions[id];
        if (session.state != 0) revert AlreadyBegun(id);
        uint256 position;
        assembly ("memory-safe") {
            position := messages.offset
        }
        uint256 end;
        (claim, queries, end) = Argument.follow(statement, circuit.shape, constant_, position);
        if (end != position + messages.length) revert TrailingBytes(end, position + messages.length);
        session.state = keccak256(abi.encode(queries, circuit.shape));
        session.claim = keccak256(abi.encode(claim, statement, circuit));
        session.places = uint64(queries.places.length);
        session.parts = uint64(circuit.parts.length);
    }

    /// @notice True when a session's proof is good: all places are open, and the circuit gives what the argument claims.
    function good(Session storage session) internal view returns (bool) {
        return session.state != 0 && session.opened == session.places && session.read == session.parts;
    }

    /// @notice Reads the next part of the tape. `inputs` and `outputs`: the public tensors, little-endian (inputs none when they are hidden). The last
    /// part reverts unless the circuit gives what the claim says: value + theta * constant, theta drawn when both were fixed.
    function read(
        mapping(bytes32 => Session) storage sessions,
        CircuitReader reader,
        bytes32 id,
        Argument.Claim calldata claim,
        Shapes.Statement calldata statement,
        Shapes.Circuit calldata circuit,
        bytes[] calldata inputs,
        bytes[] calldata outputs,
        bytes calldata part
    ) internal {
        Session storage session = sessions[id];
        bytes32 hash = keccak256(abi.encode(claim, statement, circuit));
        if (session.state == 0) revert NotBegun(id);
        if (hash != session.claim) revert NotTheClaim(hash);
        uint256 index = session.read;
        if (index == session.parts || keccak256(part) != circuit.parts[index]) revert NotThePart(index, keccak256(part));
        (, uint256 theta) = Transcript.challenge(hash, "theta", 5);
        uint256 sum = Field.canonical(session.sum + reader.read(claim, statement, circuit, theta, inputs, outputs, part));
        if (index + 1 == session.parts && sum != Field.canonical(claim.value + Field.mul(theta, claim.constant_))) revert CircuitDisagrees();
        session.sum = sum;
        session.read = uint64(index + 1);
    }

    /// @notice Opens the places from where the session stands to number `to` - 1. Returns true when all are open.
    function open(
        mapping(bytes32 => Session) storage sessions,
        bytes32 id,
        Argument.Queries memory queries,
        Shapes.Shape memory shape,
        uint64 to,
        bytes calldata part
    ) internal returns (bool) {
        Session storage session = sessions[id];
        if (session.state == 0) revert NotBegun(id);
        bytes32 state = keccak256(abi.encode(queries, shape));
        if (state != session.state) revert NotTheState(state);
        if (to <= session.opened || to > session.places) revert NotAPart(to, session.places);
        uint256 position;
        assembly ("memory-safe") {
            position := part.offset
        }
        uint256 end = Places.check(queries, shape, session.opened, to, position);
        if (end != position + part.length) revert TrailingBytes(end, position + part.length);
        session.opened = to;
        return to == session.places;
    }
}
