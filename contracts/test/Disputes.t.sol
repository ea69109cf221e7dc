// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDisputes} from "../src/IDisputes.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Answer, Fraud, Phase, Place, Terms, TraceDemand} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";

/// @dev The life of an optimistic order, to the wei and to the second.
contract DisputesTest is DisputeFixture {
    uint32 private constant FINDER = 3;
    uint32 private constant OTHER = 4;
    uint128 private constant FEE = 0.02 ether;

    /// Somebody that is not the provider.
    function beside(uint32 who, uint32 wanted) private pure returns (uint32) {
        return wanted == who ? wanted + 2 : wanted;
    }

    // ---- Without a dispute

    function test_an_undisputed_claim_is_paid_when_the_window_is_over() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint256 before = has(who);
        vm.warp(order(id).deadline);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, order(id).deadline));
        market.settle(id);
        vm.warp(order(id).deadline + 1);
        market.settle(id);
        phaseIs(id, Phase.Settled);
        uint128 price = registry.price(memberOf(id, who).tier);
        isEqual(has(who) - before, price - price / 100, "the provider's pay");
        isEqual(free(BUYER), 100_000 ether - price, "the buyer pays the standing price only");
        closed();
    }

    function test_the_buyer_that_agrees_ends_the_order_early() public {
        (uint64 id,) = claimed(truth());
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotActor.selector, BUYER, address(this)));
        market.confirm(id);
        vm.prank(actor(BUYER));
        market.confirm(id);
        phaseIs(id, Phase.Settled);
        closed();
    }

    function test_bad_input_ends_undecided_and_costs_nobody() public {
        uint64 id = place(optimisticTerms());
        draw(id);
        publish(id, BUYER);
        uint32 who = work(id, bad)[0];
        phaseIs(id, Phase.Refunded);
        isEqual(free(BUYER), 100_000 ether, "the buyer");
        isEqual(has(who), STAKE + 100 ether, "the provider");
        closed();
    }

    function test_a_silent_provider_is_replaced() public {
        uint64 id = place(optimisticTerms());
        draw(id);
        publish(id, BUYER);
        uint32 silent = seated(id)[0];
        pass();
        market.advance(id);
        draw(id);
        publish(id, BUYER);
        uint32 who = work(id, claimOf(deepLie()))[0];
        refute(id, BUYER, Fraud.Element, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
        isEqual(STAKE + 100 ether - has(silent), lockOf(id) / 4, "the silent one");
        isEqual(STAKE + 100 ether - has(who), lockOf(id), "the liar");
        closed();
    }

    function test_appeals_there_are_none() public {
        (uint64 id, uint32 who) = claimed(truth());
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.AppealsExhausted.selector, id));
        appeal(id, beside(who, FINDER));
    }

    function test_terms_that_nobody_could_dispute_are_refused() public {
        Terms memory t = optimisticTerms();
        t.n = t.k = 2;
        invalid(t, "n");
        (t.n, t.k, t.kind) = (1, 1, 1);
        invalid(t, "kind");
        (t.kind, t.auditBps) = (0, 1);
        invalid(t, "auditBps");
        (t.auditBps, t.check) = (0, 3);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.UnsupportedCheck.selector, 3));
        this.tryPlace(t);
    }

    function tryPlace(Terms memory t) external {
        place(t);
    }

    function invalid(Terms memory t, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidTerms.selector, field));
        this.tryPlace(t);
    }

    // ---- Proofs

    function test_a_wrong_element_costs_the_liar_its_lock_and_pays_the_finder_a_quarter() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint32 finder = beside(who, FINDER);
        (uint256 liar, uint256 found) = (has(who), has(finder));
        refute(id, finder, Fraud.Element, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
        isEqual(liar - has(who), lockOf(id), "the lock");
        isEqual(has(finder) - found, lockOf(id) / 4, "the reward");
        isEqual(free(BUYER), 100_000 ether, "the buyer has its own money back");
        isEqual(registry.burnedTotal(), lockOf(id) * 3 / 4, "the rest is burned");
        isTrue(order(id).rejected == 1 && order(id).accepted == 0, "rejected");
        closed();
    }

    function test_two_challengers_the_first_is_paid_the_other_refunded() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        (uint32 first, uint32 second) = (beside(who, FINDER), beside(who, OTHER));
        (uint256 one, uint256 two) = (has(first), has(second));
        bytes memory proof = proofOf(deepLie(), 0, 2);
        uint32 a = challenge(id, first, proof);
        uint32 b = challenge(id, second, proof);
        nextBlock();
        prove(id, b, proof); // the second is faster
        phaseIs(id, Phase.Standing);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, disputes.getDispute(id).finality));
        market.settle(id);
        prove(id, a, proof);
        phaseIs(id, Phase.Refunded);
        disputes.reclaim(id, b);
        isEqual(has(first) - one, lockOf(id) / 4, "the first challenge wins");
        isEqual(has(second), two, "the other has its bond back");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToCollect.selector, id));
        disputes.reclaim(id, b);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToCollect.selector, id));
        disputes.reclaim(id, a);
        closed();
    }

    function test_an_earlier_challenge_that_shows_nothing_only_delays() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        (uint32 sham, uint32 finder) = (beside(who, OTHER), beside(who, FINDER));
        uint256 found = has(finder);
        challenge(id, sham, "nothing");
        vm.warp(block.timestamp + 20);
        uint32 number = challenge(id, finder, proofOf(deepLie(), 0, 2));
        nextBlock();
        prove(id, number, proofOf(deepLie(), 0, 2));
        uint40 finality = disputes.getDispute(id).finality;
        isEqual(finality, disputes.getChallenges(id)[0].deadline, "until the earlier one is late");
        vm.warp(finality);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, finality));
        market.advance(id);
        vm.warp(finality + 1);
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        isEqual(has(finder) - found, lockOf(id) / 4, "the reward");
        disputes.reclaim(id, 0);
        closed();
    }

    function test_an_earlier_challenge_that_is_late_delays_nothing() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        challenge(id, beside(who, OTHER), "nothing");
        vm.warp(block.timestamp + 51);
        refute(id, beside(who, FINDER), Fraud.Element, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
        disputes.reclaim(id, 0);
        closed();
    }

    function test_a_challenge_that_shows_nothing_loses_its_bond_and_the_provider_nothing() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 sham = beside(who, FINDER);
        uint256 before = has(sham);
        uint128 bond = disputes.challengeBond(id);
        challenge(id, sham, "nothing");
        settle(id);
        uint128 price = registry.price(memberOf(id, who).tier);
        isEqual(before - has(sham), bond, "the bond");
        isEqual(registry.burnedTotal(), bond + price / 100, "burned");
        isEqual(has(who), STAKE + 100 ether + price - price / 100, "the provider is paid");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToCollect.selector, id));
        disputes.reclaim(id, 0);
        closed();
    }

    function test_a_challenge_at_the_last_second_holds_the_order_until_it_is_late() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint40 end = order(id).deadline;
        vm.warp(end);
        uint32 number = challenge(id, beside(who, FINDER), proofOf(deepLie(), 0, 2));
        vm.warp(end + 50);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, end + 50));
        market.settle(id);
        nextBlock();
        prove(id, number, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
        closed();
    }

    function test_nobody_challenges_when_the_window_is_over() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint40 end = order(id).deadline;
        vm.warp(end + 1);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooLate.selector, end));
        this.tryChallenge(id, beside(who, FINDER));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooLate.selector, end));
        this.tryDemand(id, beside(who, FINDER), traceTop());
    }

    function tryChallenge(uint64 id, uint32 who) external {
        challenge(id, who, "proof");
    }

    function tryDemand(uint64 id, uint32 who, Place memory p) external {
        demand(id, who, p);
    }

    function tryAnswer(uint64 id, uint32 demander, uint32 who, Answer memory a) external {
        answer(id, demander, who, a);
    }

    function test_nobody_challenges_a_condemned_claim() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        challenge(id, beside(who, OTHER), "nothing");
        uint32 b = challenge(id, beside(who, FINDER), proofOf(deepLie(), 0, 2));
        uint32 c = challenge(id, 6, proofOf(deepLie(), 0, 2));
        nextBlock();
        prove(id, b, proofOf(deepLie(), 0, 2));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClaimCondemned.selector, id));
        this.tryChallenge(id, 7);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClaimCondemned.selector, id));
        this.tryDemand(id, 7, traceTop());
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClaimCondemned.selector, id));
        disputes.prove(id, c, Fraud.Element, proofOf(deepLie(), 0, 2), saltOf(6)); // the winner is not overtaken
        vm.prank(actor(BUYER));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ClaimCondemned.selector, id));
        market.confirm(id);
        pass();
        market.settle(id);
        disputes.reclaim(id, 0);
        disputes.reclaim(id, c);
        closed();
    }

    function test_the_buyer_cannot_confirm_while_a_challenge_is_open() public {
        (uint64 id, uint32 who) = claimed(truth());
        challenge(id, beside(who, FINDER), "nothing");
        uint40 until = disputes.getDispute(id).until;
        vm.prank(actor(BUYER));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, until));
        market.confirm(id);
        vm.warp(until + 1);
        vm.prank(actor(BUYER));
        market.confirm(id);
        phaseIs(id, Phase.Settled);
        closed();
    }

    // ---- Demands

    function test_who_answers_a_demand_has_its_fee_when_the_claim_is_paid() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 asks = beside(who, FINDER);
        (uint256 provider, uint256 asker) = (has(who), has(asks));
        demand(id, asks, traceTop());
        answer(id, asks, who, traceItems(truth()));
        demand(id, asks, bytesPlace(1));
        answer(id, asks, who, bytesAnswer(truth(), 1));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToCollect.selector, id));
        disputes.collect(id, asks);
        settle(id);
        disputes.collect(id, asks);
        uint128 price = registry.price(memberOf(id, who).tier);
        isEqual(asker - has(asks), 2 * FEE, "two demands");
        isEqual(has(who) - provider, price - price / 100 + 2 * FEE, "two answers");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToCollect.selector, id));
        disputes.collect(id, asks);
        closed();
    }

    function test_fees_of_a_condemned_claim_return() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint32 asks = beside(who, FINDER);
        uint256 before = has(asks);
        demand(id, asks, traceTop());
        answer(id, asks, who, traceItems(deepLie()));
        refute(id, asks, Fraud.Element, proofOf(deepLie(), 0, 2));
        disputes.collect(id, asks);
        isEqual(has(asks) - before, lockOf(id) / 4, "the reward, and nothing lost");
        closed();
    }

    function test_a_demand_left_unanswered_burns_the_whole_lock_and_pays_nobody() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint32 asks = beside(who, FINDER);
        (uint256 liar, uint256 before) = (has(who), has(asks));
        demand(id, asks, bytesPlace(1));
        uint32 number = challenge(id, beside(who, OTHER), "nothing");
        vm.warp(block.timestamp + 60);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, block.timestamp));
        disputes.condemn(id, asks);
        vm.warp(block.timestamp + 1);
        disputes.condemn(id, asks);
        phaseIs(id, Phase.Refunded);
        disputes.collect(id, asks);
        disputes.reclaim(id, number);
        isEqual(liar - has(who), lockOf(id), "the lock");
        isEqual(registry.burnedTotal(), lockOf(id), "all burned");
        isEqual(has(asks), before, "the demander has its fee back");
        isEqual(free(BUYER), 100_000 ether, "the buyer");
        closed();
    }

    function test_advance_condemns_too_when_nothing_else_is_open() public {
        (uint64 id, uint32 who) = claimed(truth());
        vm.warp(order(id).deadline);
        demand(id, beside(who, FINDER), traceTop());
        uint40 until = disputes.getDispute(id).until;
        vm.warp(until);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DisputeOpen.selector, id, until));
        market.advance(id);
        vm.warp(until + 1);
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        disputes.collect(id, beside(who, FINDER));
        closed();
    }

    function test_the_provider_answers_first_and_then_anyone() public {
        (uint64 id, uint32 who) = claimed(truth());
        (uint32 asks, uint32 friend) = (beside(who, FINDER), beside(who, OTHER));
        demand(id, asks, traceTop());
        uint40 half = uint40(block.timestamp) + 30;
        vm.warp(half);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.ProviderFirst.selector, id, half));
        this.tryAnswer(id, asks, friend, traceItems(truth()));
        vm.warp(half + 1);
        uint256 before = has(friend);
        answer(id, asks, friend, traceItems(truth()));
        settle(id);
        disputes.collect(id, asks);
        isEqual(has(friend) - before, FEE, "who defended has the fee");
        phaseIs(id, Phase.Settled);
        closed();
    }

    function test_an_answer_in_the_last_second_counts_and_a_later_one_does_not() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 asks = beside(who, FINDER);
        demand(id, asks, traceTop());
        vm.warp(block.timestamp + 60);
        answer(id, asks, who, traceItems(truth()));
        demand(id, asks, traceTop());
        uint40 deadline = disputes.getTraceDemand(id, asks).deadline;
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooLate.selector, deadline));
        this.tryAnswer(id, asks, who, traceItems(truth()));
    }

    function test_after_an_answer_it_is_the_demanders_turn_even_past_the_window() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint32 asks = beside(who, FINDER);
        uint40 end = order(id).deadline;
        vm.warp(end);
        demand(id, asks, traceTop());
        vm.warp(end + 10);
        answer(id, asks, who, traceItems(deepLie()));
        vm.warp(end + 50);
        demand(id, asks, bytesPlace(1));
        answer(id, asks, who, bytesAnswer(deepLie(), 1));
        vm.warp(end + 90);
        refute(id, asks, Fraud.Element, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
        disputes.collect(id, asks);
        closed();
    }

    function test_who_does_not_move_in_its_turn_is_late() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 asks = beside(who, FINDER);
        uint40 end = order(id).deadline;
        vm.warp(end);
        demand(id, asks, traceTop());
        answer(id, asks, who, traceItems(truth()));
        vm.warp(end + 41);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooLate.selector, end));
        this.tryDemand(id, asks, traceTop());
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooLate.selector, end));
        this.tryChallenge(id, asks);
        vm.warp(disputes.getDispute(id).until + 1);
        market.settle(id);
        phaseIs(id, Phase.Settled);
        disputes.collect(id, asks);
        closed();
    }

    function test_demands_of_one_account_come_one_at_a_time_and_are_bounded() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 asks = beside(who, FINDER);
        for (uint256 i = 0; i < 8; ++i) {
            demand(id, asks, traceTop());
            vm.expectRevert(abi.encodeWithSelector(IDisputes.TraceDemandOpen.selector, id, asks));
            this.tryDemand(id, asks, traceTop());
            answer(id, asks, who, traceItems(truth()));
        }
        vm.expectRevert(abi.encodeWithSelector(IDisputes.DemandsExhausted.selector, id, asks));
        this.tryDemand(id, asks, traceTop());
        TraceDemand memory t = disputes.getTraceDemand(id, asks);
        isTrue(t.made == 8 && t.answered == 8 && !t.open, "counted");
        settle(id);
        disputes.collect(id, asks);
        closed();
    }

    // ---- Beside a demand for the output

    function test_a_demand_for_the_output_closes_when_the_claim_is_condemned() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        vm.prank(actor(BUYER));
        market.demandOutput(id, who, 0, 0);
        refute(id, beside(who, FINDER), Fraud.Element, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
        isTrue(!market.getDemand(id).open, "closed");
        isEqual(free(BUYER), 100_000 ether, "the buyer has its bond back");
        closed();
    }

    function test_a_demand_for_the_output_stops_the_clock_and_keeps_the_window_open() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        vm.warp(order(id).deadline);
        vm.prank(actor(BUYER));
        market.demandOutput(id, who, 0, 0);
        vm.warp(block.timestamp + 100);
        uint32 number = challenge(id, beside(who, FINDER), proofOf(deepLie(), 0, 2));
        nextBlock();
        prove(id, number, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
        closed();
    }

    function test_no_output_is_demanded_of_a_condemned_claim() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        challenge(id, beside(who, OTHER), "nothing");
        uint32 number = challenge(id, beside(who, FINDER), proofOf(deepLie(), 0, 2));
        nextBlock();
        prove(id, number, proofOf(deepLie(), 0, 2));
        vm.prank(actor(BUYER));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotAccepted.selector, id, who));
        market.demandOutput(id, who, 0, 0);
    }

    function test_a_withheld_output_still_makes_the_provider_silent() public {
        (uint64 id, uint32 who) = claimed(truth());
        vm.prank(actor(BUYER));
        market.demandOutput(id, who, 0, 0);
        pass();
        market.advance(id);
        settle(id);
        phaseIs(id, Phase.Settled);
        isEqual(STAKE + 100 ether - has(who), lockOf(id) / 4, "a quarter of the lock");
        closed();
    }
}
