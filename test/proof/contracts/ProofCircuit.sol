// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {CircuitReader} from "../../../contracts/src/proof/CircuitReader.sol";

/// @title The reader of tapes, for the tests' bindings
contract ProofCircuit is CircuitReader {}
