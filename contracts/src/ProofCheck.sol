// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICheck} from "./ICheck.sol";
import {IProofCheck} from "./IProofCheck.sol";
import {Argument} from "./proof/Argument.sol";
import {CircuitReader} from "./proof/CircuitReader.sol";
import {Sessions} from "./proof/Sessions.sol";
import {Shapes} from "./proof/Shapes.sol";
import {Action, BAD_INPUT, Case, ClaimView, Decision, UNSERVED} from "./Types.sol";

/// @title Check of one claim by a zero-knowledge proof
/// @notice The claim stands until its buyer confirms it, or a proof of it, or of another output, is checked here; with neither it is not
/// paid (Rounds). BAD_INPUT and UNSERVED end the order.
/// @dev An order names what its proof must be about by the salt of its input: `subject` of the circuit and the weight commitment. So a
/// proof of another circuit, of other weights or of another input is recorded where no such order looks. It speaks of all orders of the
/// same program, subject and input alike, since a program gives one output for an input: whoever proves it has proved it for all.
contract ProofCheck is ICheck, IProofCheck {
    using Sessions for Sessions.Session;

    uint8 private constant SALTED = 3;
    uint8 private constant INPUTS = 7;
    uint8 private constant HIDDEN_INPUT = 2;

    CircuitReader public immutable reader;
    mapping(bytes32 id => Sessions.Session) private _sessions;
    mapping(bytes32 program => mapping(bytes32 inputRoot => bytes32)) private _outcomes;

    event Begun(bytes32 indexed session, uint64 places, uint64 parts);
    event Opened(bytes32 indexed session, uint64 opened);
    event Read(bytes32 indexed session, uint64 read);
    event Proven(bytes32 indexed program, bytes32 indexed inputRoot, bytes32 outputRoot, bytes32 session);

    error NoReader(address reader);
    error InputHidden();
    error NotGood(bytes32 session);
    error AlreadyProven(bytes32 outputRoot);

    constructor(CircuitReader reader_) {
        if (address(reader_).code.length == 0) revert NoReader(address(reader_));
        reader = reader_;
    }

    // ---- The check

    /// @inheritdoc ICheck
    function decide(Case calldata c) external pure returns (Decision memory d) {
        d.action = Action.Undecided;
        for (uint256 i = 0; i < c.claims.length; ++i) {
            ClaimView calldata claim = c.claims[i];
            if (!claim.revealed || claim.outputRoot == BAD_INPUT || claim.outputRoot == UNSERVED) continue;
            d.action = Action.Stand;
            (d.outputRoot, d.traceRoot, d.accepted) = (claim.outputRoot, claim.traceRoot, uint64(1) << uint64(i));
            return d;
        }
    }

    /// @inheritdoc ICheck
    function jurySize(uint8, uint8) external pure returns (uint8) {
        return 0;
    }

    /// @inheritdoc IProofCheck
    function outcome(bytes32 program, bytes32 inputRoot) external view returns (bytes32) {
        return _outcomes[program][inputRoot];
    }

    /// @notice The salt of the input of an order whose proof must be of `circuit`, with the weights hidden under `weights` where `hidden` is 1.
    function subject(uint8 hidden, bytes32 weights, Shapes.Circuit calldata circuit) public pure returns (bytes32) {
        return keccak256(abi.encode(hidden, weights, keccak256(abi.encode(circuit))));
    }

    // ---- A proof in several transactions. Anyone may send them.

    /// @notice Follows the messages of a proof: its bytes from the witness root to the nonce.
    function begin(Shapes.Statement calldata statement, Shapes.Circuit calldata circuit, uint256 constant_, bytes calldata messages) external {
        (bytes32 id,, Argument.Queries memory queries) = Sessions.begin(_sessions, statement, circuit, constant_, messages);
        emit Begun(id, uint64(queries.places.length), uint64(circuit.parts.length));
    }

    /// @notice Opens the drawn places from where the session stands to number `to` - 1.
    function open(bytes32 id, Argument.Queries calldata queries, Shapes.Shape calldata shape, uint64 to, bytes calldata part) external {
        Sessions.open(_sessions, id, queries, shape, to, part);
        emit Opened(id, to);
    }

    /// @notice Reads the next part of the circuit's tape. `inputs`, `outputs`: the public tensors, little-endian.
    function read(
        bytes32 id,
        Argument.Claim calldata claim,
        Shapes.Statement calldata statement,
        Shapes.Circuit calldata circuit,
        bytes[] calldata inputs,
        bytes[] calldata outputs,
        bytes calldata part
    ) external {
        Sessions.read(_sessions, reader, id, claim, statement, circuit, inputs, outputs, part);
        emit Read(id, _sessions[id].read);
    }

    /// @notice Records what a session has shown whose places are all open and whose tape is read. `messages`: the hash of what `begin` followed.
    function conclude(Shapes.Statement calldata statement, Shapes.Circuit calldata circuit, uint256 constant_, bytes32 messages) external {
        if (statement.hidden & HIDDEN_INPUT != 0) revert InputHidden();
        bytes32 id = keccak256(abi.encode(statement, circuit, constant_, messages));
        if (!_sessions[id].good()) revert NotGood(id);
        bytes32 salt = subject(statement.hidden, statement.weights, circuit);
        bytes32 inputRoot = keccak256(abi.encodePacked(SALTED, INPUTS, salt, statement.input));
        bytes32 known = _outcomes[statement.program][inputRoot];
        if (known != 0) revert AlreadyProven(known);
        _outcomes[statement.program][inputRoot] = statement.output;
        emit Proven(statement.program, inputRoot, statement.output, id);
    }

    // ---- Views

    /// @notice How far a session is.
    function session(bytes32 id) external view returns (uint64 opened, uint64 places, uint64 read_, uint64 parts, bool good) {
        Sessions.Session storage s = _sessions[id];
        return (s.opened, s.places, s.read, s.parts, s.good());
    }

    /// @notice What `begin` would make: the session's id, the queries and the claim that later parts are shown.
    function preview(Shapes.Statement calldata statement, Shapes.Circuit calldata circuit, uint256 constant_, bytes calldata messages)
        external
        pure
        returns (bytes32 id, Argument.Queries memory queries, Argument.Claim memory claim)
    {
        uint256 position;
        assembly ("memory-safe") {
            position := messages.offset
        }
        (claim, queries,) = Argument.follow(statement, circuit.shape, constant_, position);
        return (Sessions.idOf(statement, circuit, constant_, messages), queries, claim);
    }
}
