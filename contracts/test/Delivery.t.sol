// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Merkle} from "../src/Merkle.sol";
import {Phase} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";
import {Vm} from "./Vm.sol";

/// @dev Answers from within another call: whoever wants the bytes must not need to know how they came.
contract Wrapper {
    function pass(address to, bytes calldata call_) external {
        (bool ok, bytes memory answer) = to.call(call_);
        if (!ok) revert(string(answer));
    }
}

/// @dev Bytes that are withheld, on both sides.
contract DeliveryTest is Fixture {
    bytes private data = "forty-two bytes of an answer or an envelope";
    bytes32[] private none;

    function setUp() public override {
        super.setUp();
        providers(12);
    }

    function rootOf(uint8 domain, bytes calldata bytes_, bytes32[] calldata siblings) external pure returns (bytes32) {
        return Merkle.byteRoot(domain, uint64(bytes_.length), 0, bytes_, siblings);
    }

    function listOf(bytes32 item) external view returns (bytes32) {
        return this.list(item, none);
    }

    function list(bytes32 item, bytes32[] calldata siblings) external pure returns (bytes32) {
        return Merkle.listRoot(Merkle.OUTPUTS, 1, 0, item, siblings);
    }

    /// An order whose envelopes are `data`.
    function fed() private returns (uint64 id, uint32[] memory ms) {
        id = place(terms(3, 2));
        draw(id);
        bytes32 root = this.rootOf(Merkle.ENVELOPE, data, none);
        vm.prank(actor(BUYER));
        market.publishInput(id, 0, BUYER, root, uint64(data.length), "");
        ms = seated(id);
    }

    /// An order whose output is one tensor of `data`, and whose verdict stands.
    function answered() private returns (uint64 id, uint32[] memory ms) {
        id = ordered(3, 2, 0);
        honest.output = this.listOf(this.rootOf(Merkle.TENSOR, data, none));
        ms = work(id, honest);
        drawAudit(id);
    }

    function demandInput(uint64 id, uint32 who) private {
        vm.prank(actor(who));
        market.demandInput(id, who, 0);
    }

    function demandOutput(uint64 id, uint32 who, uint32 tensor, uint32 subtree) private {
        vm.prank(actor(BUYER));
        market.demandOutput(id, who, tensor, subtree);
    }

    function test_false_demand_for_input_costs_its_bond() public {
        (uint64 id, uint32[] memory ms) = fed();
        uint40 deadline = market.getOrder(id).deadline;
        (uint128 member, uint128 buyer) = (free(ms[0]), free(BUYER));
        demandInput(id, ms[0]);
        vm.warp(block.timestamp + 50);
        vm.expectRevert(IMarketEvents.WrongAnswer.selector);
        market.answerInput(id, "something else entirely, of another length", none);
        market.answerInput(id, data, none);
        isEqual(member - free(ms[0]), 0.01 ether, "demander pays");
        isEqual(free(BUYER) - buyer, 0.01 ether, "publisher gets it");
        isEqual(market.getOrder(id).deadline, deadline + 50, "the clock stood still");
        solvent();
    }

    function test_withheld_input_ends_as_if_never_published() public {
        (uint64 id, uint32[] memory ms) = fed();
        uint128 before = free(ms[0]);
        commit(id, ms[1], honest);
        demandInput(id, ms[0]);
        vm.expectRevert();
        market.advance(id);
        pass();
        vm.expectRevert();
        market.answerInput(id, data, none);
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        isTrue(free(ms[0]) > before, "bond back and a share of the buyer's");
        closed();
    }

    function test_commit_withdraws_ones_own_demand() public {
        (uint64 id, uint32[] memory ms) = fed();
        demandInput(id, ms[0]);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.DemandOpen.selector, id));
        demandInput(id, ms[1]);
        for (uint256 i = 0; i < 3; ++i) commit(id, ms[i], honest);
        phaseIs(id, Phase.Reveal);
        solvent();
    }

    function test_demand_for_a_subtree_beyond_the_envelopes_is_refused() public {
        (uint64 id, uint32[] memory ms) = fed();
        vm.prank(actor(ms[0]));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongSubtree.selector, 1));
        market.demandInput(id, ms[0], 1);
    }

    function test_output_is_delivered_on_demand() public {
        (uint64 id, uint32[] memory ms) = answered();
        demandOutput(id, ms[0], 0, 0);
        pass();
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.DemandOpen.selector, id));
        market.settle(id);
        vm.warp(block.timestamp - 1_950);
        market.answerOutput(id, data, none, uint64(data.length), 1, none);
        settle(id);
        isEqual(registry.getAccount(ms[0]).accepted, 1, "accepted");
        closed();
    }

    function test_right_root_but_withheld_bytes_is_silence() public {
        (uint64 id, uint32[] memory ms) = answered();
        demandOutput(id, ms[0], 0, 0);
        pass();
        market.advance(id);
        settle(id);
        isEqual(registry.getAccount(ms[0]).silent, 1, "silent");
        isTrue(stakeOf(ms[0]) < STAKE, "slashed");
        isEqual(registry.getAccount(ms[1]).accepted, 1, "the others are paid");
        closed();
    }

    function test_demand_for_what_does_not_exist_is_refuted() public {
        (uint64 id, uint32[] memory ms) = answered();
        bytes32 tensor = this.rootOf(Merkle.TENSOR, data, none);
        demandOutput(id, ms[0], 1, 0);
        bytes32 top = keccak256(abi.encodePacked(uint8(0), Merkle.OUTPUTS, uint64(0), tensor));
        vm.expectRevert(IMarketEvents.WrongAnswer.selector);
        market.refuteOutput(id, 0, 0, 1, none);
        market.refuteOutput(id, top, 0, 1, none);
        demandOutput(id, ms[0], 0, 1);
        bytes memory leaf = new bytes(1024);
        for (uint256 i = 0; i < data.length; ++i) leaf[i] = data[i];
        market.refuteOutput(id, keccak256(abi.encodePacked(uint8(0), Merkle.TENSOR, leaf)), uint64(data.length), 1, none);
        settle(id);
        closed();
    }

    function test_only_accepted_members_of_the_quorum_owe_outputs() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 1, lie);
        drawAudit(id);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotAccepted.selector, id, ms[0]));
        demandOutput(id, ms[0], 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NoDemand.selector, id));
        market.answerOutput(id, data, none, 1, 1, none);
    }

    /// The first log of `selector` that the market wrote since recordLogs.
    function logOf(bytes32 selector) private returns (Vm.Log memory) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == selector && logs[i].emitter == address(market)) return logs[i];
        }
        revert("no such log");
    }

    function test_answered_input_is_in_the_log_whoever_brought_it() public {
        (uint64 id, uint32[] memory ms) = fed();
        demandInput(id, ms[0]);
        Wrapper wrapper = new Wrapper();
        vm.recordLogs();
        wrapper.pass(address(market), abi.encodeCall(market.answerInput, (id, data, none)));
        Vm.Log memory log = logOf(IMarketEvents.InputPosted.selector);
        isEqual(uint256(log.topics[1]), id, "order");
        isEqual(uint256(log.topics[2]), 0, "round");
        isTrue(log.topics[3] == this.rootOf(Merkle.ENVELOPE, data, none), "which envelopes");
        (uint32 part, uint32 parts, bytes memory got) = abi.decode(log.data, (uint32, uint32, bytes));
        isTrue(part == 0 && parts == 1 && keccak256(got) == keccak256(data), "bytes");
    }

    function test_answered_output_is_in_the_log() public {
        (uint64 id, uint32[] memory ms) = answered();
        demandOutput(id, ms[0], 0, 0);
        vm.recordLogs();
        market.answerOutput(id, data, none, uint64(data.length), 1, none);
        Vm.Log memory log = logOf(IMarketEvents.OutputPosted.selector);
        isTrue(uint256(log.topics[1]) == id && uint256(log.topics[2]) == ms[0] && uint256(log.topics[3]) == 0, "whose, which");
        (uint32 part, uint32 parts, uint64 size, uint64 count, bytes memory got) = abi.decode(log.data, (uint32, uint32, uint64, uint64, bytes));
        isTrue(part == 0 && parts == 1 && size == data.length && count == 1 && keccak256(got) == keccak256(data), "bytes");
    }

    /// Two envelopes of one publisher in one order: each part says whose it is.
    function test_parts_of_two_envelopes_are_told_apart() public {
        (uint64 id, uint32[] memory ms) = fed();
        demandInput(id, ms[0]);
        market.answerInput(id, data, none);
        pass();
        market.advance(id); // nobody committed: drawn again
        draw(id);
        bytes memory other = "another envelope of the same publisher";
        bytes32 root = this.rootOf(Merkle.ENVELOPE, other, none);
        vm.prank(actor(BUYER));
        market.publishInput(id, 1, BUYER, root, uint64(other.length), "");
        demandInput(id, seated(id)[0]);
        vm.recordLogs();
        market.answerInput(id, other, none);
        Vm.Log memory log = logOf(IMarketEvents.InputPosted.selector);
        isEqual(uint256(log.topics[2]), 1, "round");
        isTrue(log.topics[3] == root, "which envelopes");
    }
}
