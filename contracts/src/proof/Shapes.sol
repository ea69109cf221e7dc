// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What a proof speaks of, and the sizes that follow from the program
library Shapes {
    uint256 internal constant RATE_LOG = 3;
    uint256 internal constant FOLD_LOG = 3;
    uint256 internal constant FINAL_LOG = 4;
    uint256 internal constant MASK_COLUMNS = 9;

    /// @notice A bilinear form's variables: of its rows, its columns, and its inner index with the hiding place.
    struct Form {
        uint8 rowsLog;
        uint8 columnsLog;
        uint8 innerLog;
    }

    /// @notice Sizes of a program's proof: `Layout` and `Circuit` of trust/proof.
    struct Shape {
        uint64 rowsLog; // a column of an oracle has 2^rowsLog elements
        uint64 queries;
        uint64 workBits;
        uint64 pads;
        uint64 weightPads;
        uint64 weightCells;
        uint64 witnessCells;
        uint64 lookups;
        uint64 constraintsLog;
        Form[] forms;
    }

    /// @notice What a contract must know of a program, and of what is hidden: it follows from both alone, so that anyone can make it again. The
    /// bytes of an element, and of all elements, of each input that is public and of each output; hashes of the parts of the tape
    /// (trust/proof/tape.hpp).
    struct Circuit {
        Shape shape;
        uint8[] inputs;
        uint8[] outputs;
        uint64[] inputBytes;
        uint64[] outputBytes;
        bytes32[] parts;
    }

    /// @notice The public part of a proof. `hidden`: 1 weights, 2 input.
    struct Statement {
        bytes32 program;
        uint8 hidden;
        bytes32 weights;
        bytes32 input;
        bytes32 output;
    }

    /// @notice Columns that hold `cells` cells beside `pads` pads each.
    function columns(Shape memory s, uint256 cells, uint256 pads) internal pure returns (uint256) {
        if (cells == 0) return 0;
        uint256 data = (1 << s.rowsLog) - pads;
        return (cells + data - 1) / data;
    }

    /// @notice Columns of the weight oracle (0: there is none), of the witness oracle and of the auxiliary one.
    function oracles(Shape memory s) internal pure returns (uint256[3] memory) {
        return [columns(s, s.weightCells, s.weightPads), columns(s, s.witnessCells, s.pads), columns(s, 3 * uint256(s.lookups), s.pads) + MASK_COLUMNS];
    }

    /// @notice Variables folded after each layer.
    function folds(Shape memory s) internal pure returns (uint256[] memory plan, uint256 folded) {
        plan = new uint256[](s.rowsLog / 2 + 1);
        uint256 layers;
        for (uint256 left = s.rowsLog; left > FINAL_LOG; ++layers) {
            uint256 fold = left - FINAL_LOG / 2;
            if (fold > FOLD_LOG) fold = FOLD_LOG;
            plan[layers] = fold;
            folded += fold;
            left -= fold;
        }
        assembly ("memory-safe") {
            mstore(plan, layers)
        }
    }
}
