// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/IDisputes.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Challenge, Dispute, Fraud, Phase, TraceDemand} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";

/// @dev No order ends as paid while anybody may still show its claim wrong: not by the buyer that agrees, not by time.
contract EarlyEndTest is DisputeFixture {
    uint32 private constant FLOOD = 150;
    uint32 private constant LAST = 30 + FLOOD - 1; // seconds of the last of a flood: half of the window, and one for each but the first

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

    // ---- The end falls to the last move that is left when nobody waits for an answer

    function untilIs(uint64 id, uint256 wanted, string memory what) private view {
        isEqual(disputes.getDispute(id).until, wanted, what);
    }

    function refusesSettle(uint64 id) private {
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, disputes.getDispute(id).until));
        market.settle(id);
    }

    /// Demands of so many new accounts, at the last second of the window.
    function flood(uint64 id, uint32 count) private returns (uint32 first) {
        first = registry.accountCount() + 1;
        vm.warp(order(id).deadline);
        for (uint32 i = 0; i < count; ++i) demand(id, account(10 ether), traceTop());
    }

    function test_a_flood_that_is_answered_at_once_delays_the_end_by_one_turn() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 first = flood(id, FLOOD);
        untilIs(id, block.timestamp + LAST, "a second for each demand");
        nextBlock();
        for (uint32 i = 0; i < FLOOD; ++i) answer(id, first + i, who, traceItems(truth()));
        uint40 end = uint40(block.timestamp) + 40;
        untilIs(id, end, "one turn");
        vm.warp(end);
        refusesSettle(id);
        refusesConfirm(id, abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, end));
        vm.warp(end + 1);
        uint256 snapshot = vm.snapshotState();
        this.tryConfirm(id);
        phaseIs(id, Phase.Settled);
        vm.revertToState(snapshot);
        market.settle(id);
        phaseIs(id, Phase.Settled);
        for (uint32 i = 0; i < FLOOD; ++i) disputes.collect(id, first + i);
        closed();
    }

    function test_an_answer_while_another_demand_waits_lowers_nothing() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 first = flood(id, FLOOD);
        uint40 last = uint40(block.timestamp) + LAST;
        for (uint32 i = 1; i < FLOOD; ++i) {
            answer(id, first + i, who, traceItems(truth()));
            untilIs(id, last, "one still waits");
        }
        vm.warp(disputes.getTraceDemand(id, first).deadline);
        refusesSettle(id);
        answer(id, first, who, traceItems(truth()));
        untilIs(id, block.timestamp + 40, "none waits");
    }

    /// One that was left unanswered is not forgotten by the answers to the others.
    function test_a_late_demand_among_answered_ones_condemns_all_the_same() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 first = flood(id, FLOOD);
        vm.warp(disputes.getTraceDemand(id, first).deadline + 1);
        for (uint32 i = FLOOD / 2; i < FLOOD; ++i) answer(id, first + i, who, traceItems(truth()));
        untilIs(id, order(id).deadline + LAST, "the late one waits");
        disputes.condemn(id, first);
        phaseIs(id, Phase.Refunded);
    }

    function test_a_turn_that_began_earlier_holds_the_end() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint32 first = flood(id, 2);
        answer(id, first, who, traceItems(deepLie()));
        uint40 turn = disputes.getTraceDemand(id, first).deadline;
        answer(id, first + 1, who, traceItems(deepLie()));
        untilIs(id, turn, "both turns end then");
        vm.warp(turn);
        refusesSettle(id);
        refute(id, first, Fraud.Element, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
    }

    function test_a_challenge_holds_the_end_when_all_is_answered() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        vm.warp(order(id).deadline - 5);
        challenge(id, asks, "nothing");
        uint32 first = flood(id, FLOOD);
        uint32 number = challenge(id, finder, proof);
        uint40 end = disputes.getChallenges(id)[number].deadline;
        for (uint32 i = 0; i < FLOOD; ++i) answer(id, first + i, who, traceItems(deepLie()));
        untilIs(id, end, "the last challenge");
        isTrue(end > block.timestamp + 40, "is later than the turns");
        vm.warp(end);
        vm.roll(block.number + 1);
        refusesSettle(id);
        prove(id, number, proof);
        phaseIs(id, Phase.Refunded);
        disputes.reclaim(id, 0);
        for (uint32 i = 0; i < FLOOD; ++i) disputes.collect(id, first + i);
        closed();
    }

    function test_a_challenge_that_is_late_holds_nothing() public {
        (uint64 id, uint32 who) = claimed(truth());
        vm.warp(order(id).deadline - 51);
        challenge(id, finder, "nothing");
        uint32 first = flood(id, FLOOD);
        for (uint32 i = 0; i < FLOOD; ++i) answer(id, first + i, who, traceItems(truth()));
        untilIs(id, block.timestamp + 40, "the turns alone");
    }

    /// The last second at which anybody that has moved may move again.
    function lastMoveOf(uint64 id) private view returns (uint256 last) {
        Challenge[] memory all = disputes.getChallenges(id);
        for (uint256 i = 0; i < all.length; ++i) if (all[i].deadline > last) last = all[i].deadline;
        TraceDemand memory t = disputes.getTraceDemand(id, asks);
        if (t.deadline > last) last = t.deadline;
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
            bool free_ = !d.condemned && !outputs && d.openDemands == 0 && block.timestamp > lastMoveOf(id);
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
