// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SumTree} from "../src/SumTree.sol";
import {Vm} from "./Vm.sol";

/// @dev The tree against a plain array of the same leaves, before and after the block.
contract SumTreeTest {
    using SumTree for SumTree.Tree;

    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant LEAVES = 12;
    uint64 private constant HEAVIEST = (1 << 24) - 1; // what Offers makes at most

    SumTree.Tree private tree;
    uint256[LEAVES] private places = [0, 1, 3, 4, 5, 63, 64, 65_535, 65_536, 1 << 20, (1 << 23) - 1, SumTree.CAPACITY - 1];

    function change(uint64[LEAVES] memory leaves, uint256 random) private {
        uint256 i = random % LEAVES;
        uint64 weight = random % 5 == 0 ? 0 : uint64((random >> 8) % (uint256(HEAVIEST) + 1));
        tree.set(places[i], leaves[i], weight);
        leaves[i] = weight;
    }

    function check(uint64[LEAVES] memory then, uint64[LEAVES] memory leaves, uint256 random) private view {
        uint64 sum;
        uint64 sumThen;
        for (uint256 i = 0; i < LEAVES; ++i) {
            require(tree.sumBelow(places[i]) == sum && tree.sumBelowBefore(places[i]) == sumThen, "sum below");
            require(tree.get(places[i]) == leaves[i], "leaf");
            sum += leaves[i];
            sumThen += then[i];
            require(tree.sumBelow(places[i] + 1) == sum && tree.sumBelowBefore(places[i] + 1) == sumThen, "sum with");
        }
        if (sumThen == 0) return;
        uint64 mark = uint64(random % sumThen);
        (uint256 index, uint64 start, uint64 weight) = tree.findBefore(mark);
        uint64 below;
        for (uint256 i = 0; i < LEAVES; below += then[i++]) {
            if (mark < below || mark >= below + then[i]) continue;
            require(index == places[i] && start == below && weight == then[i], "found");
        }
        require(mark >= start && mark < start + weight, "mark within the leaf");
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_agrees_with_an_array(uint256 seed, uint8 blocks, uint8 changes) public {
        uint64[LEAVES] memory leaves;
        for (uint256 b = 0; b < 1 + blocks % 5; ++b) {
            vm.roll(block.number + 1 + seed % 3);
            uint64[LEAVES] memory then;
            for (uint256 i = 0; i < LEAVES; ++i) then[i] = leaves[i];
            for (uint256 i = 0; i < changes % 9; ++i) {
                change(leaves, uint256(keccak256(abi.encode(seed, b, i))));
                check(then, leaves, uint256(keccak256(abi.encode(seed, b, i, "mark"))));
            }
        }
    }

    function test_the_heaviest_neighbours_do_not_spill_into_each_other() public {
        for (uint256 i = 0; i < 64; ++i) tree.set(i, 0, HEAVIEST);
        for (uint256 i = 0; i < 64; i += 3) tree.set(i, HEAVIEST, 0);
        for (uint256 i = 0; i < 64; ++i) require(tree.get(i) == (i % 3 == 0 ? 0 : HEAVIEST), "leaf");
        require(tree.sumBelow(SumTree.CAPACITY) == 42 * uint64(HEAVIEST), "sum");
        // All leaves that a kind can have, at the heaviest, stay within a lane of 48 bits.
        require(uint256(HEAVIEST) << 23 < 1 << 48, "bound");
    }
}
