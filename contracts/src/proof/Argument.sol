// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Field} from "./Field.sol";
import {Reader} from "./Reader.sol";
import {Shapes} from "./Shapes.sol";
import {Transcript} from "./Transcript.sol";

/// @title The argument of docs/trust/proof.md, section 5, up to its queries
/// @notice Follows a proof's messages from its two roots to its nonce, where they lie in calldata in the encoding of section 9, and leaves
/// what is still to be shown: a `Claim` on the circuit, and `Queries` to the oracles. Reverts with the name of the check that fails.
library Argument {
    using Field for uint256;
    using Transcript for bytes32;

    error NoStatement();
    error RowsDoNotMultiply();
    error FormDoesNotMultiply(uint256 form);
    error FoldDoesNotContinue(uint256 round);
    error LastDoesNotContinue();
    error NoWork();

    /// @notice What the circuit must be shown to give at these coins: the linear form of section 5.1 at `point` has the value `value` when its
    /// columns weigh `columns`, and its public part is `constant_`.
    struct Claim {
        uint256 alpha;
        uint256 beta;
        uint256[] tau;
        uint256[] rowsPoint;
        uint256[][] formTau;
        uint256[][] formPoint;
        uint256 lambda;
        uint256[] point;
        uint256[] columns; // the last three are the masks
        uint256 constant_;
        uint256 value;
    }

    /// @notice What the opened places are checked against.
    struct Queries {
        bytes32[3] roots; // weights (zero: none), witness, auxiliary
        bytes32[] layers;
        uint256[] challenges; // one a variable folded
        uint256 gamma;
        uint256[] last;
        uint256[] places; // ascending
    }

    /// @dev Where the reader stands, the transcript's state, and the sum of the linear claims.
    struct Walk {
        uint256 pos;
        bytes32 state;
        uint256[] values; // of the linear claims, in order
        uint256 claims;
    }

    /// @notice Follows the messages at `position`. Returns the position behind the nonce.
    function follow(Shapes.Statement memory statement, Shapes.Shape memory shape, uint256 constant_, uint256 position)
        internal
        pure
        returns (Claim memory claim, Queries memory queries, uint256 end)
    {
        if (Field.canonical(constant_) != constant_) revert Reader.NotCanonical(0);
        if (statement.hidden > 3 || (shape.weightCells == 0 && statement.weights != 0)) revert NoStatement();
        Walk memory walk = Walk(position, begin(statement, shape), new uint256[](5 + 4 * shape.forms.length), 0);
        queries.roots = [statement.weights, Reader.word(position), Reader.word(position + 32)];
        claim.constant_ = constant_;
        commitments(walk, claim);
        rows(walk, shape, claim);
        forms(walk, shape, claim);
        (walk.state, claim.lambda) = walk.state.challenge("lambda", 6);
        product(walk, shape, claim);
        folding(walk, shape, claim, queries);
        end = walk.pos;
    }

    /// @dev The transcript's state after the statement.
    function begin(Shapes.Statement memory s, Shapes.Shape memory shape) private pure returns (bytes32 state) {
        state = state.absorbBytes("protocol", 8, "koinon.proof.2");
        state = state.absorbBytes("program", 7, abi.encodePacked(s.program));
        state = state.absorbBytes("secrecy", 7, abi.encodePacked(s.hidden & 1, s.hidden >> 1));
        state = state.absorbBytes(
            "sizes",
            5,
            abi.encodePacked(
                shape.rowsLog, shape.queries, shape.workBits, shape.pads, shape.weightPads, shape.weightCells, shape.witnessCells, shape.lookups
            )
        );
        state = state.absorbBytes("weights", 7, abi.encodePacked(s.weights));
        state = state.absorbBytes("input", 5, abi.encodePacked(s.input));
        state = state.absorbBytes("output", 6, abi.encodePacked(s.output));
    }

    function commitments(Walk memory walk, Claim memory claim) private pure {
        bytes32 state = walk.state.absorb("witness", 7, walk.pos, 32);
        (state, claim.alpha) = state.challenge("alpha", 5);
        (state, claim.beta) = state.challenge("beta", 4);
        walk.state = state.absorb("auxiliary", 9, walk.pos + 32, 32);
        walk.pos += 64;
    }

    function push(Walk memory walk, uint256 value) private pure {
        walk.values[walk.claims++] = value;
    }

    function rows(Walk memory walk, Shapes.Shape memory shape, Claim memory claim) private pure {
        uint256 variables = shape.constraintsLog;
        walk.state = walk.state.draw("tau", 3);
        claim.tau = walk.state.elements(variables);
        uint256 pos = walk.pos;
        bytes32 state = walk.state.absorb("rows.total", 10, pos, 24);
        uint256 sum = Reader.element(pos);
        push(walk, sum);
        Reader.count(pos + 24, 3 * variables);
        pos += 28;
        claim.rowsPoint = new uint256[](variables);
        for (uint256 i = 0; i < variables; ++i) {
            state = state.absorb("rows.message", 12, pos, 72);
            uint256 r;
            (state, r) = state.challenge("rows.point", 10);
            sum = Field.round3(Reader.element(pos), Reader.element(pos + 24), Reader.element(pos + 48), sum, r);
            claim.rowsPoint[i] = r;
            pos += 72;
        }
        walk.state = state.absorb("rows.values", 11, pos, 72);
        uint256 a = Reader.element(pos);
        uint256 b = Reader.element(pos + 24);
        uint256 mask = Reader.element(pos + 48);
        if (!Field.equal(Field.eq(claim.tau, claim.rowsPoint).mul(a).mul(b).add(mask), sum)) revert RowsDoNotMultiply();
        push(walk, a);
        push(walk, b);
        push(walk, mask);
        push(walk, 0); // the inverses of the lookups add up to nothing
        walk.pos = pos + 72;
    }

    function forms(Walk memory walk, Shapes.Shape memory shape, Claim memory claim) private pure {
        uint256 count = shape.forms.length;
        Reader.count(walk.pos, count);
        walk.pos += 4;
        claim.formTau = new uint256[][](count);
        claim.formPoint = new uint256[][](count);
        for (uint256 i = 0; i < count; ++i) form(walk, shape.forms[i], claim, i);
    }

    function form(Walk memory walk, Shapes.Form memory f, Claim memory claim, uint256 index) private pure {
        walk.state = walk.state.draw("form.tau", 8);
        claim.formTau[index] = walk.state.elements(uint256(f.rowsLog) + f.columnsLog);
        uint256 pos = walk.pos;
        bytes32 state = walk.state.absorb("form.total", 10, pos, 24);
        uint256 sum = Reader.element(pos);
        push(walk, sum);
        Reader.count(pos + 24, 2 * uint256(f.innerLog));
        pos += 28;
        uint256[] memory point = new uint256[](f.innerLog);
        for (uint256 i = 0; i < point.length; ++i) {
            state = state.absorb("form.message", 12, pos, 48);
            (state, point[i]) = state.challenge("form.point", 10);
            sum = Field.round2(Reader.element(pos), Reader.element(pos + 24), sum, point[i]);
            pos += 48;
        }
        claim.formPoint[index] = point;
        walk.state = state.absorb("form.values", 11, pos, 72);
        uint256 left = Reader.element(pos);
        uint256 right = Reader.element(pos + 24);
        uint256 mask = Reader.element(pos + 48);
        if (!Field.equal(left.mul(right).add(mask), sum)) revert FormDoesNotMultiply(index);
        push(walk, left);
        push(walk, right);
        push(walk, mask);
        walk.pos = pos + 72;
    }

    /// @dev The linear claims as one, sum_k lambda^k value_k - constant.
    function combined(Walk memory walk, Claim memory claim) private pure returns (uint256 sum) {
        for (uint256 i = walk.values.length; i != 0; --i) sum = sum.mul(claim.lambda).add(walk.values[i - 1]);
        sum = Field.canonical(Field.sub(sum, claim.constant_));
    }

    /// @dev The sumcheck over the rows of the oracles (5.2, 1 to 3): leaves the value that the circuit's weights must give.
    function product(Walk memory walk, Shapes.Shape memory shape, Claim memory claim) private pure {
        uint256 pos = walk.pos;
        bytes32 state = walk.state.absorb("open.mask", 9, pos, 24);
        uint256 rho;
        (state, rho) = state.challenge("open.rho", 8);
        uint256 sum = Field.canonical(combined(walk, claim).add(rho.mul(Reader.element(pos))));
        uint256 variables = shape.rowsLog;
        Reader.count(pos + 24, variables);
        pos += 28;
        uint256[] memory point = new uint256[](variables);
        uint256 second = rho; // rho prod (1 + r_i), the weight of the second mask
        for (uint256 i = 0; i < variables; ++i) {
            state = state.absorb("open.product", 12, pos, 48);
            uint256 r;
            (state, r) = state.challenge("open.point", 10);
            sum = Field.round2(Reader.element(pos), Reader.element(pos + 24), sum, r);
            second = second.mul(r.add(1));
            point[i] = r;
            pos += 48;
        }
        claim.point = point;
        uint256[3] memory oracles = Shapes.oracles(shape);
        uint256 count = oracles[0] + oracles[1] + oracles[2] - Shapes.MASK_COLUMNS + 3;
        Reader.count(pos, count);
        pos += 4;
        walk.state = state.absorb("open.columns", 12, pos, 24 * count);
        uint256[] memory values = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) values[i] = Reader.element(pos + 24 * i);
        claim.columns = values;
        walk.pos = pos + 24 * count;
        uint256 masks = rho.mul(values[count - 3]).add(second.mul(values[count - 2]));
        claim.value = Field.canonical(Field.sub(sum, masks));
    }

    /// @dev The layers, down to the nonce (5.2, 4 to 7), and the places drawn.
    function folding(Walk memory walk, Shapes.Shape memory shape, Claim memory claim, Queries memory queries) private pure {
        (bytes32 state, uint256 gamma) = walk.state.challenge("open.gamma", 10);
        queries.gamma = gamma;
        uint256 sum;
        for (uint256 i = claim.columns.length; i != 0; --i) sum = sum.mul(gamma).add(claim.columns[i - 1]);
        sum = Field.canonical(sum);
        (uint256[] memory plan, uint256 folded) = Shapes.folds(shape);
        uint256 pos = walk.pos;
        Reader.count(pos, plan.length);
        uint256 rounds = pos + 4 + 32 * plan.length;
        Reader.count(rounds, folded);
        rounds += 4;
        queries.layers = new bytes32[](plan.length);
        queries.challenges = new uint256[](folded);
        uint256 round;
        for (uint256 layer = 0; layer < plan.length; ++layer) {
            uint256 root = pos + 4 + 32 * layer;
            queries.layers[layer] = Reader.word(root);
            state = state.absorb("open.layer", 10, root, 32);
            for (uint256 k = 0; k < plan[layer]; ++k) {
                uint256 low = Reader.element(rounds);
                uint256 high = Reader.element(rounds + 24);
                if (Field.between(low, high, claim.point[round]) != sum) revert FoldDoesNotContinue(round);
                state = state.absorb("open.fold", 9, rounds, 48);
                uint256 r;
                (state, r) = state.challenge("open.r", 6);
                sum = Field.between(low, high, r);
                queries.challenges[round++] = r;
                rounds += 48;
            }
        }
        last(walk, shape, claim, queries, state, rounds, sum);
    }

    function last(
        Walk memory walk,
        Shapes.Shape memory shape,
        Claim memory claim,
        Queries memory queries,
        bytes32 state,
        uint256 pos,
        uint256 sum
    ) private pure {
        uint256[] memory eq = Field.eqTable(claim.point, queries.challenges.length);
        Reader.count(pos, eq.length);
        pos += 4;
        state = state.absorb("open.last", 9, pos, 24 * eq.length);
        queries.last = new uint256[](eq.length);
        uint256 value;
        for (uint256 i = 0; i < eq.length; ++i) {
            queries.last[i] = Reader.element(pos);
            value = value.add(eq[i].mul(queries.last[i]));
            pos += 24;
        }
        if (Field.canonical(value) != sum) revert LastDoesNotContinue();
        uint256 nonce = Reader.number(pos);
        if (!state.worked(nonce, shape.workBits)) revert NoWork();
        state = state.absorbBytes("work", 4, abi.encodePacked(uint64(nonce)));
        state = state.draw("open.places", 11);
        queries.places = state.places(shape.queries, shape.rowsLog + Shapes.RATE_LOG);
        walk.pos = pos + 8;
    }
}
