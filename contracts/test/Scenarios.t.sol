// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Appeal, Member, Order, Phase, Role, Terms} from "../src/Types.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Whole orders, from placing to the last wei.
contract ScenariosTest is Fixture {
    uint128 private P; // highest price
    uint128 private L; // lock of a member, n <= 4

    function setUp() public override {
        super.setUp();
        providers(30);
        P = registry.price(MAX_TIER);
        L = 20 * P;
    }

    function priceOf(uint64 id, uint32 who) private view returns (uint128) {
        return registry.price(memberOf(id, who).tier);
    }

    function fee(uint128 price) private pure returns (uint128) {
        return price / 100;
    }

    function gain(uint32 who) private view returns (int256) {
        return int256(uint256(free(who)) + stakeOf(who)) - int256(uint256(who == BUYER ? 100_000 ether : STAKE + 100 ether));
    }

    function gains(uint32 who, int256 expected, string memory what) private view {
        if (gain(who) != expected) revert Unequal(what, uint256(gain(who)), uint256(expected));
    }

    function test_honest_members_are_paid_their_own_price_once() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest);
        phaseIs(id, Phase.AuditDraw);
        drawAudit(id);
        phaseIs(id, Phase.Standing);
        settle(id);
        phaseIs(id, Phase.Settled);
        int256 spent;
        for (uint256 i = 0; i < 3; ++i) {
            uint128 price = priceOf(id, ms[i]);
            gains(ms[i], int256(uint256(price - fee(price))), "member");
            isEqual(registry.getAccount(ms[i]).points, fee(price), "points are the fee");
            isEqual(registry.getAccount(ms[i]).streak, 1, "streak");
            spent += int256(uint256(price));
        }
        gains(BUYER, -spent, "buyer");
        closed();
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongPhase.selector, id, Phase.Settled));
        market.settle(id);
    }

    function test_lying_minority_is_slashed_and_the_buyer_pays_for_the_right_result() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 1, lie);
        drawAudit(id);
        settle(id);
        gains(ms[0], -int256(uint256(L)), "liar loses its lock");
        isEqual(registry.burnedTotal(), L + fee(priceOf(id, ms[1])) + fee(priceOf(id, ms[2])), "what nobody earned is burned");
        gains(BUYER, -int256(uint256(priceOf(id, ms[1]) + priceOf(id, ms[2]))), "buyer");
        isEqual(registry.getAccount(ms[0]).rejected, 1, "record");
        closed();
    }

    function test_lying_majority_is_caught_by_the_audit() public {
        uint64 id = ordered(3, 2, 10_000);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        phaseIs(id, Phase.Input);
        publish(id, BUYER);
        uint32[] memory auditors = work(id, honest);
        phaseIs(id, Phase.Draw);
        draw(id);
        publish(id, BUYER);
        uint32[] memory jurors = work(id, honest);
        isEqual(jurors.length, 7, "jury of 2n + 1");
        phaseIs(id, Phase.Standing);
        settle(id);
        gains(ms[0], -int256(uint256(L)), "liar");
        gains(ms[1], -int256(uint256(L)), "liar");
        gains(ms[2], int256(uint256(priceOf(id, ms[2]) - fee(priceOf(id, ms[2])))), "honest minority is paid");
        isTrue(gain(auditors[0]) > int256(uint256(P)), "auditor is rewarded");
        for (uint256 i = 0; i < 7; ++i) isTrue(gain(jurors[i]) > 0, "juror is paid");
        closed();
    }

    function test_lying_majority_is_caught_by_an_appeal() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        isEqual(market.getOrder(id).rejected, 4, "the honest one stands rejected");
        appeal(id, ms[2]);
        draw(id);
        vm.warp(block.timestamp + 60); // the second half of the window is open to members
        publish(id, ms[2]);
        work(id, honest);
        isEqual(market.getOrder(id).rejected, 3, "the liars stand rejected");
        settle(id);
        gains(ms[0], -int256(uint256(L)), "liar");
        isTrue(gain(ms[2]) > int256(uint256(P)), "appellant is paid and rewarded");
        closed();
    }

    function test_lazy_auditor_is_exposed_by_its_tag() public {
        uint64 id = ordered(3, 2, 10_000);
        work(id, honest);
        drawAudit(id);
        publish(id, BUYER);
        uint32[] memory auditors = work(id, copied);
        phaseIs(id, Phase.Standing);
        appeal(id, BUYER); // a trap order: the buyer knows the witness, and so that the tag is false
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        settle(id);
        gains(auditors[0], -int256(uint256(L)), "lazy auditor loses its lock");
        isTrue(market.getAppeals(id).length == 1, "appeal");
        closed();
    }

    function test_silent_before_commit_is_replaced_and_slashed() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        commit(id, ms[0], honest);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Draw);
        draw(id);
        publish(id, BUYER);
        uint32[] memory fresh = seated(id);
        isEqual(fresh.length, 2, "replacements");
        commit(id, fresh[0], honest);
        commit(id, fresh[1], honest);
        reveal(id, ms[0], honest);
        reveal(id, fresh[0], honest);
        reveal(id, fresh[1], honest);
        drawAudit(id);
        settle(id);
        gains(ms[1], -int256(uint256(L / 4)), "silent");
        gains(ms[2], -int256(uint256(L / 4)), "silent");
        isTrue(gain(ms[0]) > 0 && gain(fresh[0]) > 0 && gain(fresh[1]) > 0, "workers are paid");
        closed();
    }

    function test_everybody_silent_ends_in_a_refund() public {
        uint64 id = ordered(3, 2, 0);
        for (uint256 i = 0; i < 2; ++i) {
            pass();
            market.advance(id);
            draw(id);
            publish(id, BUYER);
        }
        pass();
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        isEqual(market.getMembers(id).length, 9, "three draws");
        gains(BUYER, 0, "buyer gets back what it put in");
        isEqual(registry.burnedTotal(), 9 * L / 4, "what silence costs is burned");
        closed();
    }

    function test_silent_before_reveal_is_slashed_and_unpaid() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < 3; ++i) commit(id, ms[i], honest);
        reveal(id, ms[0], honest);
        reveal(id, ms[1], honest);
        pass();
        market.advance(id);
        drawAudit(id);
        settle(id);
        gains(ms[2], -int256(uint256(L / 4)), "silent");
        isEqual(registry.getAccount(ms[2]).silent, 1, "record");
        closed();
    }

    function test_a_quorum_too_silent_to_agree_is_undecided_and_pays_nobody() public {
        uint64 id = ordered(3, 3, 0);
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < 3; ++i) commit(id, ms[i], honest);
        reveal(id, ms[0], honest);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        gains(ms[0], 0, "its claim was never checked");
        gains(BUYER, 0, "buyer");
        closed();
    }

    function test_buyer_that_never_publishes_leaves_its_bond() public {
        uint64 id = place(terms(3, 2));
        draw(id);
        uint32[] memory ms = seated(id);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        uint128 part = 3 * P / 10 / 3;
        for (uint256 i = 0; i < 3; ++i) gains(ms[i], int256(uint256(part)), "member is compensated");
        gains(BUYER, -int256(uint256(3 * part)), "buyer loses its bond only");
        closed();
    }

    function test_buyer_silent_after_the_input_still_pays() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest);
        pass(); // nobody draws the audit
        market.advance(id);
        isTrue(market.getOrder(id).auditForced, "an audit that nobody drew is held");
        draw(id);
        pass(); // nobody publishes to the auditor
        market.advance(id);
        phaseIs(id, Phase.Standing);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Settled);
        for (uint256 i = 0; i < 3; ++i) isTrue(gain(ms[i]) > 0, "paid");
        closed();
    }

    function test_bad_input_gives_the_bond_to_those_who_say_so() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, bad, 1, honest);
        phaseIs(id, Phase.Standing);
        settle(id);
        phaseIs(id, Phase.Refunded);
        gains(ms[0], 0, "dissenter");
        gains(ms[1], int256(uint256(3 * P / 10 / 2)), "claimant");
        gains(BUYER, -int256(uint256(3 * P / 10)), "buyer");
        closed();
    }

    function test_one_member_sent_rubbish_cannot_be_slashed() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 1, bad);
        drawAudit(id);
        settle(id);
        gains(ms[0], 0, "neither paid nor slashed");
        closed();
    }

    function test_three_claims_call_a_jury() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        Claim memory third = Claim("third", "third", "third");
        commit(id, ms[0], honest);
        commit(id, ms[1], lie);
        commit(id, ms[2], third);
        reveal(id, ms[0], honest);
        reveal(id, ms[1], lie);
        reveal(id, ms[2], third);
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        settle(id);
        isTrue(gain(ms[0]) > 0, "the right one is paid");
        gains(ms[1], -int256(uint256(L)), "liar");
        closed();
    }

    function test_jury_without_majority_is_undecided() public {
        uint64 id = ordered(2, 2, 0);
        work(id, honest, 1, lie);
        draw(id);
        publish(id, BUYER);
        uint32[] memory js = seated(id);
        for (uint256 i = 0; i < 4; ++i) commit(id, js[i], i < 2 ? honest : lie);
        pass();
        market.advance(id);
        for (uint256 i = 0; i < 4; ++i) reveal(id, js[i], i < 2 ? honest : lie);
        phaseIs(id, Phase.Refunded);
        gains(js[4], -int256(uint256(L / 4)), "silent juror");
        closed();
    }

    function test_griefing_by_appeals_costs_both_bonds_and_ends() public {
        uint32 griefer = account(10_000 ether);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest);
        drawAudit(id);
        uint128 before = free(griefer);
        for (uint256 i = 0; i < 2; ++i) {
            appeal(id, griefer);
            draw(id);
            publish(id, BUYER);
            work(id, honest);
        }
        isEqual(seated(id).length, 15, "second jury of 2(2n+1)+1");
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.AppealsExhausted.selector, id));
        appeal(id, griefer);
        settle(id);
        isEqual(before - free(griefer), (7 + 15) * P * 5 / 4, "both bonds are lost");
        for (uint256 i = 0; i < 3; ++i) isTrue(gain(ms[i]) > 0, "paid");
        closed();
    }

    function test_appeal_that_nobody_feeds_loses_its_bond() public {
        uint32 griefer = account(10_000 ether);
        uint64 id = ordered(3, 2, 0);
        work(id, honest);
        drawAudit(id);
        appeal(id, griefer);
        draw(id);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Standing);
        settle(id);
        isEqual(free(griefer), 10_000 ether - 7 * P * 5 / 4, "bond");
        closed();
    }

    function test_wrong_first_jury_is_overturned_by_the_second() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest);
        drawAudit(id);
        uint32 griefer = account(10_000 ether);
        appeal(id, griefer);
        draw(id);
        publish(id, BUYER);
        uint32[] memory js = work(id, lie);
        isEqual(market.getOrder(id).rejected, 7, "the honest stand rejected");
        appeal(id, ms[0]);
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        settle(id);
        for (uint256 i = 0; i < 7; ++i) gains(js[i], -int256(uint256(L)), "lying juror");
        isEqual(free(griefer), 10_000 ether - 7 * P * 5 / 4, "griefer");
        for (uint256 i = 0; i < 3; ++i) isTrue(gain(ms[i]) > 0, "paid");
        closed();
    }

    function test_confirm_ends_a_unanimous_order_at_once() public {
        uint64 id = ordered(3, 2, 0);
        work(id, honest);
        drawAudit(id);
        vm.prank(actor(BUYER));
        market.confirm(id);
        phaseIs(id, Phase.Settled);
        closed();
    }

    function test_confirm_cannot_cut_off_a_rejected_member() public {
        uint64 id = ordered(3, 2, 0);
        work(id, honest, 1, lie);
        drawAudit(id);
        vm.prank(actor(BUYER));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotUnanimous.selector, id));
        market.confirm(id);
    }

    function test_undrawn_order_refunds_everything() public {
        uint64 id = place(terms(3, 2));
        pass();
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        gains(BUYER, 0, "buyer");
        closed();
    }

    function test_price_is_the_standing_one_at_the_draw() public {
        uint64 id = place(terms(3, 2));
        for (uint32 i = 2; i < 32; ++i) {
            vm.prank(actor(i));
            registry.setOffer(i, KIND, 30, true);
        }
        draw(id);
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(actor(ms[i]));
            registry.setOffer(ms[i], KIND, 39, true); // too late for this order
        }
        publish(id, BUYER);
        work(id, honest);
        drawAudit(id);
        settle(id);
        uint128 price = registry.price(30);
        for (uint256 i = 0; i < 3; ++i) gains(ms[i], int256(uint256(price - fee(price))), "price at the draw");
        closed();
    }

    function test_too_dear_providers_are_never_seated() public {
        for (uint32 i = 2; i < 32; ++i) {
            vm.prank(actor(i));
            registry.setOffer(i, KIND, MAX_TIER + 1, true);
        }
        uint64 id = place(terms(3, 2));
        draw(id);
        phaseIs(id, Phase.Refunded);
        gains(BUYER, 0, "buyer");
        closed();
    }

    function test_too_little_stake_for_another_order_is_passed_over() public {
        for (uint32 i = 2; i < 32; ++i) {
            vm.startPrank(actor(i));
            if (i < 30) registry.setOffer(i, KIND, 0, false);
            else registry.requestUnstake(i, STAKE - L - 1);
            vm.stopPrank();
        }
        uint64 a = place(terms(3, 2));
        draw(a);
        isEqual(seated(a).length, 2, "two have the stake");
        uint64 b = place(terms(1, 1));
        draw(b);
        phaseIs(b, Phase.Refunded); // each lock is for one order only
    }

    function test_self_dealing_earns_nothing() public {
        for (uint32 i = 2; i < 32; ++i) {
            vm.prank(actor(i));
            registry.setOffer(i, KIND, 0, false);
        }
        uint32 own = provider(20, STAKE);
        uint256 before = uint256(free(BUYER)) + free(own) + stakeOf(own);
        uint64 id = ordered(1, 1, 0);
        work(id, honest);
        drawAudit(id);
        settle(id);
        uint256 lost = before - (uint256(free(BUYER)) + free(own) + stakeOf(own));
        isEqual(lost, registry.getAccount(own).points, "points cost their worth in burned fees");
        isTrue(lost > 0, "fees");
        closed();
    }

    function test_slashing_oneself_loses_half() public {
        uint256 before = uint256(free(BUYER));
        for (uint32 i = 2; i < 32; ++i) before += uint256(free(i)) + stakeOf(i);
        uint64 id = ordered(3, 2, 0);
        work(id, honest, 1, lie);
        drawAudit(id);
        settle(id);
        uint256 rest = uint256(free(BUYER));
        for (uint32 i = 2; i < 32; ++i) rest += uint256(free(i)) + stakeOf(i);
        isTrue(before - rest >= L / 2, "at least half of the lock is gone for all together");
    }
}
