// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Openings} from "../src/dispute/Openings.sol";
import {Reading} from "../src/dispute/Reading.sol";
import {IDisputes} from "../src/IDisputes.sol";
import {Answer, Fraud, Phase, Place} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";
import {Trees} from "./Trees.sol";

/// @dev A dispute about 4096 steps (each doubles) of 2^20 elements of 32 bits whose provider shows nothing off the ledger: transactions and gas, each
/// transaction by itself, at least the floor of EIP-7623: gas-disputes.json.
contract DisputeGasTest is DisputeFixture {
    uint64 private constant COUNT = 4097; // values: the input, and one a step
    uint64 private constant STEP = 2047; // its output is wrong
    uint64 private constant WRONG = 699_137; // element of it
    uint64 private constant SIZE = 1 << 22; // bytes of a value
    uint256 private constant LEVELS = 12;

    bytes32[][] private list; // levels of the trace's list
    bytes32[] private steps; // leaves of the list of steps
    bytes32[] private roots;
    bytes32[13] private plain; // nodes over equal leaves of the true output, by level
    bytes32[13] private onPath; // those above the wrong leaf
    bytes32[13] private below; // of the operand
    bytes private wrongLeaf;
    uint256 private sum;
    uint256 private transactions;

    function filled(uint8 byte_, uint256 size) private pure returns (bytes memory data) {
        data = new bytes(size);
        for (uint256 i = 0; i < size; ++i) data[i] = bytes1(byte_);
    }

    function bigStep(uint32 step) private pure returns (bytes memory) {
        bytes memory tensor = bytes.concat(hex"0301", Trees.le(1 << 20, 4));
        return bytes.concat(hex"1201", Trees.le(step, 4), tensor, Trees.le(step + 1, 4), hex"01", tensor, hex"01", Trees.le(1, 8));
    }

    function up(bytes32[13] storage nodes, bytes32 leaf) private {
        nodes[0] = leaf;
        for (uint256 i = 0; i < LEVELS; ++i) nodes[i + 1] = Trees.node(Trees.TENSOR, nodes[i], nodes[i]);
    }

    /// The operand is 0x11111111 everywhere, the output 0x22222222 but for one byte.
    function build() private returns (Openings.Program memory p) {
        up(below, Trees.leaf(filled(0x11, 1024)));
        up(plain, Trees.leaf(filled(0x22, 1024)));
        wrongLeaf = filled(0x22, 1024);
        wrongLeaf[WRONG % 256 * 4] = 0x23;
        onPath[0] = Trees.leaf(wrongLeaf);
        for (uint256 i = 0; i < LEVELS; ++i) {
            bool right = (WRONG / 256 >> i) & 1 == 1;
            onPath[i + 1] = right ? Trees.node(1, plain[i], onPath[i]) : Trees.node(1, onPath[i], plain[i]);
        }
        roots = new bytes32[](COUNT);
        bytes32[] memory hashes = new bytes32[](COUNT - 1);
        for (uint256 i = 0; i < COUNT; ++i) roots[i] = keccak256(abi.encode("value", i));
        for (uint32 i = 0; i < COUNT - 1; ++i) hashes[i] = keccak256(bigStep(i));
        roots[STEP] = Trees.rootOf(Trees.TENSOR, SIZE, below[LEVELS]);
        roots[STEP + 1] = Trees.rootOf(Trees.TENSOR, SIZE, onPath[LEVELS]);
        bytes32[] memory level = Trees.leaves(Trees.TRACE, roots);
        list.push(level);
        while (level.length > 1) {
            level = Trees.above(Trees.TRACE, level);
            list.push(level);
        }
        steps = Trees.leaves(Trees.STEPS, hashes);
        p = program();
        (p.steps, p.stepCount) = (Trees.rootOf(Trees.STEPS, COUNT - 1, Trees.top(Trees.STEPS, steps)), COUNT - 1);
    }

    function path(uint256 level, uint256 index) private view returns (bytes32[] memory siblings) {
        siblings = new bytes32[](list.length - 1 - level);
        for (uint256 i = 0; i < siblings.length; ++i) siblings[i] = list[level + i][(index >> i) ^ 1];
    }

    /// Siblings above the wrong leaf, or above the leaf at its place in the operand.
    function tensorPath(bytes32[13] storage nodes, uint256 level) private view returns (bytes32[] memory siblings) {
        siblings = new bytes32[](LEVELS - level);
        for (uint256 i = 0; i < siblings.length; ++i) siblings[i] = nodes[level + i];
    }

    function nodesOfTrace(uint8 level) private view returns (Place memory p, Answer memory a) {
        (p.tree, p.kind, p.level, p.index) = (1, 2, level, (STEP + 1) >> level);
        uint256 levels = level < 5 ? level : 5;
        a.length = COUNT;
        a.hashes = new bytes32[](1 << levels);
        for (uint256 i = 0; i < a.hashes.length; ++i) {
            uint256 at_ = (uint256(p.index) << levels) + i;
            a.hashes[i] = level > levels ? list[level - levels][at_] : roots[at_];
        }
        (a.siblings, a.list) = (path(level, p.index), new bytes32[](0));
    }

    function nodesOfValue(uint8 level) private view returns (Place memory p, Answer memory a) {
        (p.tree, p.kind, p.value, p.level, p.index) = (3, 2, STEP + 1, level, uint64(WRONG / 256) >> level);
        (a.length, a.count, a.list, a.siblings) = (SIZE, COUNT, path(0, STEP + 1), tensorPath(plain, level));
        a.hashes = new bytes32[](64);
        for (uint256 i = 0; i < 64; ++i) {
            bool on = (p.index << 6) + i == WRONG / 256 >> (level - 6);
            a.hashes[i] = on ? onPath[level - 6] : plain[level - 6];
        }
    }

    function bottom() private view returns (Place memory p, Answer memory a) {
        (p.tree, p.kind, p.value, p.index) = (3, 3, STEP + 1, uint64(WRONG / 256));
        (a.length, a.count, a.list, a.siblings) = (SIZE, COUNT, path(0, STEP + 1), tensorPath(plain, 0));
        (a.data, a.hashes) = (wrongLeaf, new bytes32[](0));
    }

    function opened(uint64 value, bytes32[13] storage nodes, bytes memory data) private view returns (Openings.Opened memory o) {
        (o.root, o.list, o.runs) = (roots[value], path(0, value), new Openings.Run[](1));
        o.runs[0] = Openings.Run(uint64(WRONG / 256), data, tensorPath(nodes, 0));
    }

    function bigProof(Openings.Program memory program_) private view returns (bytes memory) {
        Reading.Proof memory p;
        (p.program, p.valueCount, p.index, p.hints) = (program_, COUNT, WRONG, new uint64[](0));
        p.parts = new Reading.Part[](1);
        Openings.Opened[] memory all = new Openings.Opened[](2);
        all[0] = opened(STEP, below, filled(0x11, 1024));
        all[1] = opened(STEP + 1, plain, wrongLeaf);
        p.parts[0] = Reading.Part(STEP, bigStep(uint32(STEP)), Trees.path(Trees.STEPS, steps, STEP), all);
        return abi.encode(p);
    }

    // ---- Measured

    function used(string memory name, bytes memory data) private {
        uint256 gas = vm.snapshotGasLastCall("gas-disputes", name);
        uint256 floor = 21_000;
        for (uint256 i = 0; i < data.length; ++i) floor += data[i] == 0 ? 10 : 40;
        sum += gas > floor ? gas : floor;
        ++transactions;
    }

    function ask(uint64 id, uint32 who, uint32 provider_, Place memory p, Answer memory a, string memory what) private {
        demand(id, who, p);
        used(string.concat("demandTrace, ", what), abi.encodeCall(IDisputes.demandTrace, (id, who, p)));
        answer(id, who, provider_, a);
        used(string.concat("answerTrace, ", what), abi.encodeCall(IDisputes.answerTrace, (id, who, provider_, a)));
    }

    function test_a_dispute_of_4096_steps_of_a_million_elements() public {
        Openings.Program memory p = build();
        spec = idOf(p);
        (uint64 id, uint32 who) = claimed(
            Claim(claimOf(truth()).output, Trees.rootOf(Trees.TRACE, COUNT, list[list.length - 1][0]), "witness")
        );
        uint32 finder = account(100 ether);
        nextBlock();
        for (uint8 level = 13; level > 0; level = level > 5 ? level - 5 : 0) {
            (Place memory at_, Answer memory a) = nodesOfTrace(level);
            ask(id, finder, who, at_, a, level == 13 ? "first" : level == 8 ? "list" : "items");
        }
        for (uint8 level = 12; level > 0; level -= 6) {
            (Place memory at_, Answer memory a) = nodesOfValue(level);
            ask(id, finder, who, at_, a, "tensor");
        }
        (Place memory place_, Answer memory bytes_) = bottom();
        ask(id, finder, who, place_, bytes_, "leaf");
        bytes memory proof = bigProof(p);
        bytes32 c = disputes.challengeOf(id, finder, Fraud.Element, keccak256(proof), saltOf(finder));
        vm.prank(actor(finder));
        disputes.challenge(id, finder, c);
        used("challenge", abi.encodeCall(IDisputes.challenge, (id, finder, c)));
        nextBlock();
        disputes.prove(id, 0, Fraud.Element, proof, saltOf(finder));
        used("prove, shift of 2^20 elements, and the end of the order", abi.encodeCall(IDisputes.prove, (id, 0, Fraud.Element, proof, 0)));
        phaseIs(id, Phase.Refunded);
        vm.snapshotValue("gas-disputes", "a dispute of 4096 steps of 2^20 elements in all, transactions", transactions);
        vm.snapshotValue("gas-disputes", "a dispute of 4096 steps of 2^20 elements in all", sum);
        isTrue(transactions <= 16, "at most 16 transactions");
        isTrue(sum <= 1_500_000, "at most 1.5M gas");
        disputes.collect(id, finder);
        closed();
    }
}
