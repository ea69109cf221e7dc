// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Offers} from "../src/Offers.sol";
import {Registry} from "../src/Registry.sol";
import {Phase, Terms} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @dev What somebody with money, accounts or a place in the block might try.
contract AttacksTest is Fixture {
    uint128 private P; // highest price
    uint128 private L; // lock of a member, n <= 4

    function setUp() public override {
        super.setUp();
        P = registry.price(MAX_TIER);
        L = 20 * P;
    }

    function member(uint64 id, uint256 i) private view returns (uint32) {
        return market.getMembers(id)[i].account;
    }

    // ---- Draws

    /// Whoever draws knows the seed of the block, and may have changed its own offers and stake in the same block before.
    function test_a_draw_does_not_depend_on_what_changed_in_its_block() public {
        for (uint256 i = 0; i < 12; ++i) provider(20, 10 ether);
        uint32 own = provider(20, 10 ether);
        uint64 id = place(terms(3, 2));
        nextBlock();
        uint256 snap = vm.snapshotState();
        market.draw(id);
        uint32[3] memory expected = [member(id, 0), member(id, 1), member(id, 2)];
        for (uint128 i = 1; i <= 12; ++i) {
            vm.revertToState(snap);
            snap = vm.snapshotState();
            uint32 late = i % 2 == 0 ? provider(19, i * 10 ether) : 0;
            vm.startPrank(actor(own));
            registry.stake(own, i * 1 ether);
            if (i % 3 == 0) registry.requestUnstake(own, i * 0.5 ether);
            vm.stopPrank();
            market.draw(id);
            for (uint256 k = 0; k < 3; ++k) {
                isEqual(member(id, k), expected[k], "as without the change");
                isTrue(member(id, k) != late, "came too late");
            }
        }
    }

    /// An account that is excluded might hand its leaf to another of the same hand, which was not.
    function test_a_leaf_taken_over_in_the_block_of_a_draw_seats_nobody() public {
        uint32 first = provider(20, STAKE);
        uint32 second = provider(21, STAKE);
        uint64 id = place(terms(1, 1));
        nextBlock();
        vm.prank(actor(first));
        registry.setOffer(first, KIND, 0, false);
        vm.prank(actor(second));
        registry.setOffer(second, KIND, 20, true);
        market.draw(id);
        phaseIs(id, Phase.Refunded);
        closed();
    }

    function test_leaving_between_placing_and_drawing_harms_nobody_else() public {
        for (uint256 i = 0; i < 6; ++i) provider(20, STAKE);
        uint64 id = place(terms(3, 2));
        for (uint32 p = 2; p < 5; ++p) {
            vm.prank(actor(p));
            registry.setOffer(p, KIND, 0, false);
        }
        draw(id);
        for (uint256 i = 0; i < 3; ++i) isTrue(member(id, i) >= 5, "one that stayed");
    }

    /// Two draws in one block see the same weights; the stake that the first locked is not lent twice.
    function test_draws_of_one_block_do_not_lock_the_same_stake_twice() public {
        uint32 p = provider(20, L + L / 2);
        uint64 a = place(terms(1, 1));
        uint64 b = place(terms(1, 1));
        nextBlock();
        market.draw(a);
        market.draw(b);
        isEqual(member(a, 0), p, "first");
        phaseIs(b, Phase.Refunded);
        solvent();
    }

    /// Weight is bought with stake, not with a price of next to nothing.
    function test_a_low_price_buys_no_weight() public {
        uint32 cheap = provider(0, 10 ether);
        uint32 dear = provider(MAX_TIER, 10 ether);
        isEqual(registry.getOffer(cheap, KIND).weight, registry.getOffer(dear, KIND).weight, "same stake, same weight");
        provider(0, 0.5 ether);
        isTrue(registry.getOffer(4, KIND).weight * 20 <= registry.getOffer(dear, KIND).weight, "a twentieth of the stake");
    }

    /// Splitting a stake over many accounts gives the weight of one.
    function testFuzz_splitting_stake_buys_no_weight(uint8 parts) public {
        parts = 1 + parts % 8;
        uint64 whole = registry.getOffer(provider(20, 8 ether), KIND).weight;
        uint64 sum;
        for (uint256 i = 0; i < parts; ++i) sum += registry.getOffer(provider(20, 8 ether / parts), KIND).weight;
        isTrue(sum <= whole, "no more than in one account");
    }

    // ---- Lies

    /// A liar about to be judged withholds its output as well, to be taken for silent.
    function test_withholding_a_lie_costs_the_whole_lock() public {
        providers(20);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        vm.prank(actor(BUYER));
        market.demandOutput(id, ms[0], 0, 0);
        vm.warp(block.timestamp + 151);
        market.advance(id);
        appeal(id, ms[2]);
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        settle(id);
        isEqual(STAKE - stakeOf(ms[0]), L, "silent and rejected");
        isEqual(STAKE - stakeOf(ms[1]), L, "rejected");
        isEqual(registry.getAccount(ms[0]).rejected, 1, "record");
        closed();
    }

    /// An accomplice publishes rubbish that nobody can show, and one bought juror demands it.
    function test_one_juror_cannot_end_a_jury() public {
        providers(20);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        appeal(id, ms[2]);
        draw(id);
        vm.warp(block.timestamp + 60);
        publish(id, ms[0]); // rubbish, first
        publish(id, ms[2]); // the input
        uint32[] memory jurors = seated(id);
        vm.prank(actor(jurors[0]));
        market.demandInput(id, jurors[0], 0);
        for (uint256 i = 1; i < 4; ++i) commit(id, jurors[i], honest);
        vm.warp(block.timestamp + 151);
        market.advance(id);
        phaseIs(id, Phase.Commit);
        vm.prank(actor(jurors[5]));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooManyDemands.selector, id));
        market.demandInput(id, jurors[5], 0);
        commit(id, jurors[4], honest);
        pass();
        market.advance(id);
        for (uint256 i = 1; i < 5; ++i) reveal(id, jurors[i], honest);
        settle(id);
        for (uint256 i = 0; i < 2; ++i) isEqual(STAKE - stakeOf(ms[i]), L, "the liars lose");
        for (uint256 i = 0; i < 7; ++i) isEqual(stakeOf(jurors[i]), STAKE, "who got no input loses nothing");
        isTrue(free(ms[2]) > 100 ether, "the appellant wins");
        closed();
    }

    function test_after_an_unanswered_demand_who_committed_must_still_reveal() public {
        providers(20);
        uint64 id = ordered(3, 2, 0);
        work(id, honest);
        drawAudit(id);
        appeal(id, BUYER);
        draw(id);
        publish(id, BUYER);
        uint32[] memory jurors = seated(id);
        vm.prank(actor(jurors[0]));
        market.demandInput(id, jurors[0], 0);
        commit(id, jurors[1], honest);
        vm.warp(block.timestamp + 151);
        market.advance(id);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Reveal);
        pass();
        market.advance(id);
        settle(id);
        isEqual(STAKE - stakeOf(jurors[1]), L / 4, "silent");
        isEqual(stakeOf(jurors[2]), STAKE, "excused");
        closed();
    }

    function test_a_jury_that_never_got_the_input_is_excused() public {
        providers(20);
        uint64 id = ordered(3, 2, 0);
        work(id, honest);
        drawAudit(id);
        appeal(id, BUYER);
        draw(id);
        publish(id, BUYER);
        uint32[] memory jurors = seated(id);
        vm.prank(actor(jurors[0]));
        market.demandInput(id, jurors[0], 0);
        vm.warp(block.timestamp + 151);
        market.advance(id);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Standing);
        isTrue(market.getRound(id, 1).lapsed, "lapsed");
        settle(id);
        for (uint256 i = 0; i < 7; ++i) isEqual(stakeOf(jurors[i]), STAKE, "excused");
        closed();
    }

    // ---- Blocking

    /// A buyer in league with a lying majority keeps a demand open, to keep others from appealing.
    function test_demands_cannot_eat_the_appeal_window() public {
        providers(20);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        uint40 left = market.getOrder(id).deadline - uint40(block.timestamp);
        for (uint256 i = 0; i < 2; ++i) {
            vm.prank(actor(BUYER));
            market.demandOutput(id, ms[i], 0, 0);
            vm.warp(block.timestamp + 151);
            market.advance(id);
        }
        isEqual(market.getOrder(id).deadline - uint40(block.timestamp), left, "the window is as long as before");
        vm.prank(actor(BUYER));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotAccepted.selector, id, ms[0]));
        market.demandOutput(id, ms[0], 0, 0);
        appeal(id, ms[2]);
    }

    function test_an_order_cannot_be_ended_while_a_demand_is_open() public {
        providers(5);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest);
        drawAudit(id);
        vm.startPrank(actor(BUYER));
        market.demandOutput(id, ms[0], 0, 0);
        bytes memory open = abi.encodeWithSelector(IMarketEvents.DemandOpen.selector, id);
        vm.expectRevert(open);
        market.confirm(id);
        vm.expectRevert(open);
        market.appeal(id, BUYER);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, uint256(market.getDemand(id).deadline)));
        market.advance(id);
        vm.stopPrank();
    }

    /// Who sees that it is in the minority keeps silent; it loses a quarter, and its claim is not known.
    function test_silence_after_a_lie_is_never_free() public {
        providers(5);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        commit(id, ms[0], lie);
        for (uint256 i = 1; i < 3; ++i) commit(id, ms[i], honest);
        for (uint256 i = 1; i < 3; ++i) reveal(id, ms[i], honest);
        pass();
        market.advance(id);
        drawAudit(id);
        settle(id);
        isEqual(STAKE - stakeOf(ms[0]), L / 4, "a quarter");
        isEqual(registry.getAccount(ms[0]).streak, 0, "and its record");
    }

    /// Appeals against a right verdict: every juror is paid by the appellant, the accepted lose nothing but time.
    function test_appeal_spam_pays_those_it_disturbs() public {
        uint32 griefer = account(10_000 ether);
        providers(30);
        uint64 id = ordered(3, 2, 0);
        work(id, honest);
        drawAudit(id);
        appeal(id, griefer);
        draw(id);
        publish(id, BUYER);
        uint32[] memory jurors = work(id, honest);
        settle(id);
        for (uint256 i = 0; i < jurors.length; ++i) isTrue(free(jurors[i]) > 100 ether, "juror is paid");
        isEqual(10_000 ether - free(griefer), 7 * P * 5 / 4, "bond");
        closed();
    }

    function test_an_appellant_is_never_its_own_juror() public {
        for (uint256 i = 0; i < 11; ++i) provider(20, STAKE);
        uint64 id = ordered(3, 2, 0);
        work(id, honest);
        drawAudit(id);
        uint32 own;
        for (uint32 p = 2; own == 0; ++p) {
            bool in_;
            for (uint256 i = 0; i < 3; ++i) in_ = in_ || member(id, i) == p;
            if (!in_) own = p;
        }
        appeal(id, own);
        draw(id);
        uint32[] memory jurors = seated(id);
        isEqual(jurors.length, 7, "jury");
        for (uint256 i = 0; i < 7; ++i) isTrue(jurors[i] != own, "not the appellant");
    }

    /// Liars that hold a good part of the offers end them, so that no whole jury is left to appeal to.
    function test_ending_offers_does_not_stop_an_appeal() public {
        providers(12);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        uint256 ended;
        for (uint32 p = 2; ended < 5; ++p) {
            if (p == ms[0] || p == ms[1] || p == ms[2]) continue;
            vm.prank(actor(p));
            registry.setOffer(p, KIND, 0, false);
            ++ended;
        }
        appeal(id, ms[2]); // 4 are left: more than a quorum
        draw(id);
        publish(id, BUYER);
        isEqual(work(id, honest).length, 4, "jury");
        settle(id);
        for (uint256 i = 0; i < 2; ++i) isEqual(STAKE - stakeOf(ms[i]), L, "the liars lose");
        closed();
    }

    // ---- Time

    /// In the last second of a phase its members may act and nobody may move on; a second later it is the other way round.
    function test_the_last_second_belongs_to_the_phase() public {
        providers(12);
        uint64 id = place(terms(3, 2));
        last(id);
        market.draw(id);
        last(id);
        publish(id, BUYER);
        uint32[] memory ms = seated(id);
        last(id);
        for (uint256 i = 0; i < 2; ++i) commit(id, ms[i], honest);
        over(id);
        vm.prank(actor(ms[2]));
        vm.expectRevert();
        market.commit(id, 0, ms[2], "too late");
        market.advance(id);
        last(id);
        for (uint256 i = 0; i < 2; ++i) reveal(id, ms[i], honest);
        last(id);
        market.drawAudit(id);
        last(id);
        vm.expectRevert();
        market.settle(id);
        uint256 snap = vm.snapshotState();
        appeal(id, ms[0]);
        phaseIs(id, Phase.Draw);
        vm.revertToState(snap);
        over(id);
        vm.prank(actor(ms[0]));
        vm.expectRevert();
        market.appeal(id, ms[0]);
        market.settle(id);
        closed();
    }

    function last(uint64 id) private {
        nextBlock();
        vm.warp(market.getOrder(id).deadline);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, uint256(market.getOrder(id).deadline)));
        market.advance(id);
    }

    function over(uint64 id) private {
        vm.warp(uint256(market.getOrder(id).deadline) + 1);
    }

    /// A buyer that sells too is drawn for the orders of others, never for its own, its audits or its juries.
    function test_a_buyer_is_never_a_member_of_its_own_order() public {
        for (uint256 i = 0; i < 11; ++i) provider(20, STAKE);
        vm.startPrank(actor(BUYER));
        registry.stake(BUYER, 50_000 ether); // by far the heaviest
        registry.setOffer(BUYER, KIND, 20, true);
        vm.stopPrank();
        for (uint256 round = 0; round < 3; ++round) {
            uint64 id = ordered(3, 2, 10_000);
            work(id, honest);
            drawAudit(id);
            publish(id, BUYER);
            work(id, honest);
            appeal(id, BUYER);
            draw(id);
            publish(id, BUYER);
            isEqual(work(id, honest).length, 7, "jury");
            isEqual(market.getMembers(id).length, 11, "members");
            for (uint256 i = 0; i < 11; ++i) isTrue(member(id, i) != BUYER, "not itself");
            settle(id);
        }
        closed();
    }

    /// What does not divide among the accusers goes back to the buyer, to the wei.
    function testFuzz_nothing_is_left_over(uint8 tier, uint8 accusers) public {
        providers(5);
        (tier, accusers) = (uint8(24 + tier % 100), 1 + accusers % 3);
        for (uint32 p = 2; p < 7; ++p) registry.deposit(p, 1e25);
        registry.deposit(BUYER, 1e26);
        Terms memory t = terms(3, 2);
        t.maxTier = tier;
        for (uint32 p = 2; p < 7; ++p) {
            vm.prank(actor(p));
            registry.stake(p, 1e25);
        }
        nextBlock();
        uint64 id = place(t);
        draw(id);
        publish(id, BUYER);
        work(id, accusers == 1 ? unserved : honest, accusers, bad);
        if (market.getOrder(id).phase == Phase.AuditDraw) drawAudit(id);
        settle(id);
        closed();
    }

    // ---- Stake

    function test_stake_in_unbonding_cannot_escape_a_lock_taken_before() public {
        uint32 p = provider(20, 2 * L);
        uint64 id = ordered(1, 1, 0);
        vm.startPrank(actor(p));
        registry.requestUnstake(p, L);
        vm.expectRevert(abi.encodeWithSelector(Offers.InsufficientStake.selector, p, L, L + 1));
        registry.requestUnstake(p, L + 1);
        vm.warp(block.timestamp + 1_001);
        registry.finishUnstake(p);
        vm.stopPrank();
        isEqual(stakeOf(p), L, "the lock stays");
        market.advance(id); // nobody committed; drawn again, nobody left
        draw(id);
        phaseIs(id, Phase.Refunded);
        isTrue(stakeOf(p) < L, "and was slashed");
        closed();
    }

    function test_unbonding_stake_is_not_drawn() public {
        uint32 p = provider(20, STAKE);
        uint64 id = place(terms(1, 1));
        vm.prank(actor(p));
        registry.requestUnstake(p, STAKE);
        draw(id);
        phaseIs(id, Phase.Refunded);
    }

    /// What one kind locks is noticed when the account is drawn for another.
    function test_stake_locked_for_one_kind_is_not_lent_to_another() public {
        uint32 p = provider(20, L + L / 2);
        vm.prank(actor(p));
        registry.setOffer(p, 1, 20, true);
        ordered(1, 1, 0);
        uint64 id = placeKind(1);
        draw(id);
        phaseIs(id, Phase.Refunded);
        isEqual(registry.getAccount(p).locked, L, "one lock");
    }

    function placeKind(uint8 kind) private returns (uint64) {
        Terms memory t = terms(1, 1);
        t.kind = kind;
        return place(t);
    }
}
