// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Argument} from "./Argument.sol";
import {Places} from "./Places.sol";
import {Shapes} from "./Shapes.sol";

/// @title A proof in several transactions
/// @notice The first follows the messages, the others open the drawn places in order. A session's id names everything that was said, and its
/// state is the hash of what is checked against, so that parts of different proofs cannot be mixed, left out, or told twice. Whoever sends
/// a part does not matter.
library Sessions {
    struct Session {
        bytes32 state; // hash of the queries and the shape; zero: not begun
        bytes32 claim; // hash of what the circuit must give
        uint64 opened; // places
        uint64 places;
    }

    error AlreadyBegun(bytes32 id);
    error NotBegun(bytes32 id);
    error NotTheState(bytes32 state);
    error NotAPart(uint256 to, uint256 places);
    error TrailingBytes(uint256 position, uint256 end);

    /// @notice The id of a proof's session.
    function idOf(Shapes.Statement memory statement, Shapes.Shape memory shape, uint256 constant_, bytes calldata messages)
        internal
        pure
        returns (bytes32)
    {
        return keccak256(abi.encode(statement, shape, constant_, keccak256(messages)));
    }

    /// @notice Follows the messages: the bytes of a proof from its witness root to its nonce. Returns what the later parts are shown.
    function begin(
        mapping(bytes32 => Session) storage sessions,
        Shapes.Statement memory statement,
        Shapes.Shape memory shape,
        uint256 constant_,
        bytes calldata messages
    ) internal returns (bytes32 id, Argument.Claim memory claim, Argument.Queries memory queries) {
        id = idOf(statement, shape, constant_, messages);
        Session storage session = sessions[id];
        if (session.state != 0) revert AlreadyBegun(id);
        uint256 position;
        assembly ("memory-safe") {
            position := messages.offset
        }
        uint256 end;
        (claim, queries, end) = Argument.follow(statement, shape, constant_, position);
        if (end != position + messages.length) revert TrailingBytes(end, position + messages.length);
        session.state = keccak256(abi.encode(queries, shape));
        session.claim = keccak256(abi.encode(claim));
        session.places = uint64(queries.places.length);
    }

    /// @notice Opens the places from where the session stands to number `to` - 1. Returns true when all are open: then the argument is good
    /// if the circuit gives what the claim says.
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
