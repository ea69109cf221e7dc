// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/IDisputes.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Challenge, Dispute, Fraud, Phase} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";

/// @dev No order ends as paid while anybody may still show its claim wrong: not by the buyer that agrees, not by time.
contract EarlyEndTest is DisputeFixture {
    uint32 private asks;
    uint32 private finder;

    function setUp() public override {
        super.setUp();
        asks = account(100 ether);
        finder = account(100 ether);
    }

    function tryConfirm(uint64 id) external {
        vm.prank(actor(BUYER));
        market.confirm(id);
    }

    function refusesConfirm(uint64 id, bytes memory why) private {
        vm.expectRevert(why);
        this.tryConfirm(id);
    }

    function test_only_the_buyer_ends_it_early() public {
        (uint64 id, uint32 who) = claimed(truth());
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotActor.selector, BUYER, actor(who)));
        vm.prank(actor(who));
        market.confirm(id);
    }

    function test_not_while_a_challenge_may_be_proven() public {
        (uint64 id,) = claimed(deepLie());
        challenge(id, finder, proofOf(deepLie(), 0, 2));
        uint40 until = disputes.getDispute(id).until;
        vm.warp(until);
        refusesConfirm(id, abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, until));
        vm.warp(until + 1);
        this.tryConfirm(id);
        phaseIs(id, Phase.Settled);
    }

    function test_not_while_a_demand_waits_nor_in_the_turn_after_its_answer() public {
        (uint64 id, uint32 who) = claimed(truth());
        demand(id, asks, traceTop());
        uint40 until = disputes.getDispute(id).until;
        refusesConfirm(id, abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, until));
        vm.warp(until);
        answer(id, asks, who, traceItems(truth()));
        until = disputes.getDispute(id).until;
        vm.warp(until);
        refusesConfirm(id, abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, until));
        vm.warp(until + 1);
        this.tryConfirm(id);
        phaseIs(id, Phase.Settled);
    }

    function test_not_over_a_demand_that_was_left_unanswered() public {
        (uint64 id,) = claimed(truth());
        demand(id, asks, traceTop());
        uint40 until = disputes.getDispute(id).until;
        vm.warp(until + 1);
        refusesConfirm(id, abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, until));
        settle(id);
        phaseIs(id, Phase.Refunded);
    }

    function test_not_while_an_output_is_demanded() public {
        (uint64 id, uint32 who) = claimed(truth());
        vm.prank(actor(BUYER));
        market.demandOutput(id, who, 0, 0);
        refusesConfirm(id, abi.encodeWithSelector(IMarketEvents.DemandOpen.selector, id));
    }

    function test_not_once_it_is_condemned_though_its_end_waits_for_an_earlier_challenge() public {
        (uint64 id,) = claimed(deepLie());
        challenge(id, asks, "nothing");
        refute(id, finder, Fraud.Element, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Standing);
        uint40 finality = disputes.getDispute(id).finality;
        refusesConfirm(id, abi.encodeWithSelector(IDisputes.ClaimCondemned.selector, id));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, finality));
        market.settle(id);
        vm.warp(disputes.getDispute(id).until + 1);
        refusesConfirm(id, abi.encodeWithSelector(IDisputes.ClaimCondemned.selector, id));
        market.settle(id);
        phaseIs(id, Phase.Refunded);
    }

    /// Any moves in any order: what ends as paid was neither condemned nor open to anybody's move.
    function testFuzz_what_ends_as_paid_was_open_to_nobody(bool lies, uint256 moves) public {
        Run memory r = lies ? deepLie() : truth();
        (uint64 id, uint32 who) = claimed(r);
        for (uint256 i = 0; i < 24; ++i) {
            uint256 move = uint256(keccak256(abi.encode(moves, i)));
            Dispute memory d = disputes.getDispute(id);
            uint256 window = order(id).deadline;
            bool outputs = market.getDemand(id).open;
            bool free_ = !d.condemned && !outputs && d.openDemands == 0 && block.timestamp > d.until;
            (bool ended,) = address(this).call(abi.encodeCall(this.doMove, (id, who, move)));
            ended;
            if (order(id).phase == Phase.Standing) continue;
            if (order(id).phase == Phase.Settled) {
                isTrue(free_, "open to nobody");
                isTrue(block.timestamp > window || move % 9 == 0, "by time, or by the buyer");
            } else {
                isTrue(d.condemned || d.openDemands != 0 || lies, "a right claim falls by silence alone");
            }
            return;
        }
    }

    function doMove(uint64 id, uint32 who, uint256 move) external {
        Run memory r = uint256(claimOf(truth()).trace) == uint256(order(id).traceRoot) ? truth() : deepLie();
        uint256 what = move % 9;
        Challenge[] memory all = disputes.getChallenges(id);
        if (what == 0) this.tryConfirm(id);
        else if (what == 1) challenge(id, finder, proofOf(deepLie(), 0, 2));
        else if (what == 2) prove(id, uint32((move >> 8) % all.length), proofOf(deepLie(), 0, 2));
        else if (what == 3) demand(id, asks, traceTop());
        else if (what == 4) answer(id, asks, who, traceItems(r));
        else if (what == 5) disputes.condemn(id, asks);
        else if (what == 6) market.settle(id);
        else vm.warp(block.timestamp + (move >> 8) % 90);
        if (what > 6) nextBlock();
    }
}
