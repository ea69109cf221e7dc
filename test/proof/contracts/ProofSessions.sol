// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Argument} from "../../../contracts/src/proof/Argument.sol";
import {Sessions} from "../../../contracts/src/proof/Sessions.sol";
import {Shapes} from "../../../contracts/src/proof/Shapes.sol";

/// @title Proofs in several transactions, open to calls
contract ProofSessions {
    mapping(bytes32 => Sessions.Session) private sessions;

    /// @notice The calldata that later parts are shown, for whoever sends them.
    event Begun(bytes32 indexed id, uint64 places);
    event Opened(bytes32 indexed id, uint64 opened, bool all);

    function begin(Shapes.Statement calldata statement, Shapes.Shape calldata shape, bytes32 constant_, bytes calldata messages) external {
        (bytes32 id,, Argument.Queries memory queries) = Sessions.begin(sessions, statement, shape, uint256(constant_), messages);
        emit Begun(id, uint64(queries.places.length));
    }

    function open(bytes32 id, Argument.Queries calldata queries, Shapes.Shape calldata shape, uint64 to, bytes calldata part) external {
        bool all = Sessions.open(sessions, id, queries, shape, to, part);
        emit Opened(id, to, all);
    }

    function session(bytes32 id) external view returns (bytes32 state, bytes32 claim, uint64 opened, uint64 places) {
        Sessions.Session storage s = sessions[id];
        return (s.state, s.claim, s.opened, s.places);
    }

    /// @notice What `begin` would make: the id, the queries that parts are shown, and the number that the circuit must give.
    function preview(Shapes.Statement calldata statement, Shapes.Shape calldata shape, bytes32 constant_, bytes calldata messages)
        external
        pure
        returns (bytes32 id, Argument.Queries memory queries, bytes32 value)
    {
        uint256 position;
        assembly ("memory-safe") {
            position := messages.offset
        }
        Argument.Claim memory claim;
        (claim, queries,) = Argument.follow(statement, shape, uint256(constant_), position);
        return (Sessions.idOf(statement, shape, uint256(constant_), messages), queries, bytes32(claim.value));
    }
}
