// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Offers} from "../src/Offers.sol";
import {Phase} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";
import {Vm} from "./Vm.sol";

/// @dev Who was silent is drawn no more until it offers again.
contract SuspensionTest is Fixture {
    /// Order `id` of one member goes by in silence.
    function silent(uint64 id) private returns (uint32 who) {
        who = seated(id)[0];
        pass();
        market.advance(id); // one redraw after another, until nobody is left
        while (market.getOrder(id).phase < Phase.Settled) {
            draw(id);
            if (market.getOrder(id).phase >= Phase.Settled) break;
            publish(id, BUYER);
            pass();
            market.advance(id);
        }
    }

    function offer(uint32 who, uint8 kind) private {
        vm.prank(actor(who));
        registry.setOffer(who, kind, 20, true);
    }

    function offerOf(uint32 who) private view returns (Offers.Offer memory) {
        return registry.getOffer(who, KIND);
    }

    function suspensions(Vm.Log[] memory logs, uint32 who) private pure returns (uint256 count) {
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == Offers.OfferSuspended.selector && uint256(logs[i].topics[1]) == who) ++count;
        }
    }

    function eligible() private view returns (uint256 count) {
        (count,) = registry.eligible(KIND, MAX_TIER);
    }

    function test_a_machine_that_is_gone_loses_the_orders_in_flight_and_no_more() public {
        uint32 p = provider(20, STAKE);
        uint64 a = ordered(1, 1, 0);
        uint64 b = ordered(1, 1, 0);
        vm.recordLogs();
        silent(a);
        silent(b);
        isEqual(suspensions(vm.getRecordedLogs(), p), 1, "told once");
        Offers.Offer memory o = offerOf(p);
        isTrue(o.active && o.suspended && o.weight == 0, "suspended");
        isEqual(eligible(), 0, "not counted");
        uint128 left = stakeOf(p);
        isEqual(left, STAKE - 2 * 5 * registry.price(MAX_TIER), "two orders");
        uint64 c = place(terms(1, 1));
        draw(c);
        phaseIs(c, Phase.Refunded);
        isEqual(stakeOf(p), left, "no more");
        closed();
    }

    function test_it_sells_again_once_it_offers_again() public {
        uint32 p = provider(20, STAKE);
        silent(ordered(1, 1, 0));
        vm.recordLogs();
        offer(p, KIND);
        isTrue(offerOf(p).weight != 0 && !offerOf(p).suspended, "weight");
        isEqual(eligible(), 1, "counted");
        nextBlock();
        uint64 id = ordered(1, 1, 0);
        work(id, honest);
        drawAudit(id);
        settle(id);
        isTrue(free(p) > 100 ether, "paid");
        closed();
    }

    /// Neither stake nor what ends later gives a suspended offer its weight back.
    function test_nothing_else_lifts_it() public {
        uint32 p = provider(20, STAKE);
        uint64 good = ordered(1, 1, 0);
        work(good, honest);
        drawAudit(good);
        silent(ordered(1, 1, 0));
        vm.startPrank(actor(p));
        registry.stake(p, 1 ether);
        registry.requestUnstake(p, 1 ether);
        registry.requestUnstake(p, 0);
        vm.stopPrank();
        isEqual(offerOf(p).weight, 0, "stake");
        settle(good);
        isEqual(registry.getAccount(p).accepted, 1, "its other order is accepted");
        isEqual(offerOf(p).weight, 0, "and gives no weight");
        closed();
    }

    function test_only_the_kind_of_the_order_is_suspended() public {
        uint32 p = provider(20, STAKE);
        offer(p, 3);
        silent(ordered(1, 1, 0));
        isTrue(offerOf(p).suspended, "this kind");
        isTrue(!registry.getOffer(p, 3).suspended && registry.getOffer(p, 3).weight != 0, "not the other");
        closed();
    }

    function test_who_never_reveals_and_who_withholds_are_suspended_the_rejected_are_not() public {
        providers(6);
        uint64 id = ordered(4, 3, 0);
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < 4; ++i) commit(id, ms[i], honest);
        for (uint256 i = 1; i < 4; ++i) reveal(id, ms[i], honest);
        pass();
        market.advance(id);
        drawAudit(id);
        vm.prank(actor(BUYER));
        market.demandOutput(id, ms[1], 0, 0);
        vm.warp(block.timestamp + 151);
        market.advance(id);
        settle(id);
        for (uint256 i = 0; i < 4; ++i) isTrue(offerOf(ms[i]).suspended == (i < 2), "the silent");
        id = ordered(3, 2, 0);
        ms = work(id, honest, 1, lie);
        drawAudit(id);
        settle(id);
        isTrue(!offerOf(ms[0]).suspended && registry.getAccount(ms[0]).rejected == 1, "a liar pays with its lock");
        closed();
    }

    function test_an_offer_that_was_ended_stays_ended() public {
        uint32 p = provider(20, STAKE);
        uint64 id = ordered(1, 1, 0);
        vm.prank(actor(p));
        registry.setOffer(p, KIND, 20, false);
        vm.recordLogs();
        silent(id);
        isEqual(suspensions(vm.getRecordedLogs(), p), 0, "nothing to suspend");
        isTrue(!offerOf(p).active && !offerOf(p).suspended, "ended");
        closed();
    }

    /// Ending an order just before a draw, when the seed is known, keeps nobody from being drawn.
    function test_a_suspension_moves_no_draw_of_its_block() public {
        uint32 p = provider(20, STAKE);
        uint64 a = ordered(1, 1, 0);
        commit(a, p, honest);
        pass();
        uint64 b = place(terms(1, 1));
        nextBlock();
        market.advance(a); // it never revealed
        isTrue(offerOf(p).suspended, "suspended");
        market.draw(b);
        isEqual(seated(b)[0], p, "and drawn as before");
        isEqual(offerOf(p).weight, 0, "for the last time");
        solvent();
    }

    /// However often, the tree holds what the offer weighs, and that follows from the stake.
    function testFuzz_suspending_and_offering_again_leaves_weights_true(uint8 times) public {
        uint32 p = provider(20, STAKE);
        for (uint256 i = 0; i < times % 4; ++i) {
            silent(ordered(1, 1, 0));
            offer(p, KIND);
            nextBlock();
        }
        (uint256 count, uint64 weight) = registry.eligible(KIND, MAX_TIER);
        isEqual(count, 1, "count");
        isEqual(weight, offerOf(p).weight, "the tree holds the offer's weight");
        uint256 units = stakeOf(p) / (1e15 / 64);
        isEqual(weight, 4 * (units > (1 << 20) - 1 ? (1 << 20) - 1 : units), "weight by stake");
    }
}
