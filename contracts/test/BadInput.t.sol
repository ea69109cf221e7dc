// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarketEvents} from "../src/IWorkMarket.sol";
import {BAD_INPUT, Order, Phase, UNSERVED, Verdict} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Claims that show no work: what may be gained by them, and by making honest members need them.
contract BadInputTest is Fixture {
    uint128 private P; // highest price
    uint128 private L; // lock of a member, n <= 4
    uint128 private B; // bond of a buyer of three

    function setUp() public override {
        super.setUp();
        providers(40);
        P = registry.price(MAX_TIER);
        (L, B) = (20 * P, 3 * P / 10);
    }

    /// A quorum of three of which `liars` say BAD_INPUT and the others give the result.
    function accused(uint256 liars) private returns (uint64 id, uint32[] memory ms) {
        id = ordered(3, 2, 0);
        ms = work(id, honest, liars, bad);
        phaseIs(id, Phase.Standing);
        isTrue(market.getOrder(id).outputRoot == BAD_INPUT, "BAD_INPUT stands");
    }

    function jury(uint64 id, uint32 appellant, Claim memory c, uint256 others, Claim memory other) private returns (uint32[] memory list) {
        appeal(id, appellant);
        draw(id);
        publish(id, BUYER);
        list = work(id, c, others, other);
        phaseIs(id, Phase.Standing);
    }

    // ---- False accusers

    function test_false_accusers_lose_their_locks_to_an_appeal_of_the_buyer() public {
        uint128 before = free(BUYER);
        (uint64 id, uint32[] memory ms) = accused(2);
        uint32[] memory jurors = jury(id, BUYER, honest, 0, honest);
        settle(id);
        phaseIs(id, Phase.Settled);
        for (uint256 i = 0; i < 2; ++i) {
            isEqual(STAKE - stakeOf(ms[i]), L, "the whole lock");
            isEqual(free(ms[i]), 100 ether, "and no part of the bond");
            isEqual(registry.getAccount(ms[i]).rejected, 1, "record");
        }
        isTrue(free(ms[2]) > 100 ether, "who did the work is paid");
        for (uint256 i = 0; i < 7; ++i) isTrue(free(jurors[i]) > 100 ether, "jurors are paid");
        isTrue(free(BUYER) > before, "the buyer gains");
        closed();
    }

    function test_an_honest_minority_appeals_and_gives_the_jury_the_input() public {
        (uint64 id, uint32[] memory ms) = accused(2);
        appeal(id, ms[2]);
        draw(id);
        vm.warp(block.timestamp + 60);
        publish(id, ms[2]);
        work(id, honest);
        settle(id);
        for (uint256 i = 0; i < 2; ++i) isEqual(STAKE - stakeOf(ms[i]), L, "the whole lock");
        isTrue(free(ms[2]) > 100 ether + P, "paid and rewarded");
        closed();
    }

    function test_false_accusers_that_appeal_against_a_jury_lose_that_bond_too() public {
        (uint64 id, uint32[] memory ms) = accused(2);
        jury(id, BUYER, honest, 0, honest);
        uint128 before = free(ms[0]);
        uint32[] memory second = jury(id, ms[0], honest, 0, honest);
        isEqual(second.length, 15, "the second jury");
        settle(id);
        isEqual(before - free(ms[0]), 15 * P * 5 / 4, "bond");
        isEqual(STAKE - stakeOf(ms[0]), L, "lock");
        closed();
    }

    /// Were BAD_INPUT with different trace roots different claims, two liars would end an order for nothing.
    function test_accusations_that_differ_are_one() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        Claim memory odd = Claim(BAD_INPUT, "odd", BAD_INPUT);
        commit(id, ms[0], bad);
        commit(id, ms[1], odd);
        commit(id, ms[2], honest);
        reveal(id, ms[0], bad);
        reveal(id, ms[1], odd);
        reveal(id, ms[2], honest);
        jury(id, BUYER, honest, 0, honest);
        settle(id);
        for (uint256 i = 0; i < 2; ++i) isEqual(STAKE - stakeOf(ms[i]), L, "the whole lock");
        closed();
    }

    /// One liar that says BAD_INPUT beside one that says UNSERVED.
    function test_a_mixed_excuse_can_be_appealed_too() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        commit(id, ms[0], bad);
        commit(id, ms[1], unserved);
        commit(id, ms[2], honest);
        reveal(id, ms[0], bad);
        reveal(id, ms[1], unserved);
        reveal(id, ms[2], honest);
        jury(id, BUYER, honest, 0, honest);
        settle(id);
        isEqual(STAKE - stakeOf(ms[0]), L, "the accuser");
        isEqual(STAKE - stakeOf(ms[1]), P / 10, "the other");
        isTrue(free(ms[2]) > 100 ether, "paid");
        closed();
    }

    function test_the_buyer_cannot_end_the_appeals_against_an_accusation() public {
        (uint64 id, uint32[] memory ms) = accused(3);
        vm.startPrank(actor(BUYER));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotUnanimous.selector, id));
        market.confirm(id);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotAccepted.selector, id, ms[0]));
        market.demandOutput(id, ms[0], 0, 0);
        vm.stopPrank();
    }

    // ---- True accusers

    function test_a_buyer_that_appeals_against_a_true_accusation_pays_for_it() public {
        uint128 before = free(BUYER);
        (uint64 id, uint32[] memory ms) = accused(3);
        uint32[] memory jurors = jury(id, BUYER, confirmed, 0, bad);
        isEqual(market.getOrder(id).rejected, 0, "nobody is rejected");
        settle(id);
        phaseIs(id, Phase.Refunded);
        isEqual(before - free(BUYER), 7 * P * 5 / 4 + B / 3 * 3, "both bonds");
        for (uint256 i = 0; i < 3; ++i) {
            isEqual(free(ms[i]), 100 ether + B / 3, "a part of the buyer's bond");
            isEqual(registry.getAccount(ms[i]).streak, 0, "but no record");
        }
        for (uint256 i = 0; i < 7; ++i) {
            isTrue(free(jurors[i]) > 100 ether && free(jurors[i]) < 100 ether + P, "jurors are paid, and no part of the bond");
            isEqual(registry.getAccount(jurors[i]).accepted, 1, "record");
        }
        closed();
    }

    /// The jury's envelopes are rubbish too: then nobody can judge, and the quorum must not pay for it.
    function test_a_jury_without_the_input_rejects_nobody_and_earns_nothing() public {
        (uint64 id, uint32[] memory ms) = accused(3);
        uint32[] memory jurors = jury(id, BUYER, bad, 0, bad);
        settle(id);
        phaseIs(id, Phase.Refunded);
        for (uint256 i = 0; i < 3; ++i) isEqual(free(ms[i]), 100 ether + B / 3, "accuser");
        for (uint256 i = 0; i < 7; ++i) isEqual(free(jurors[i]) + stakeOf(jurors[i]), 100 ether + STAKE, "juror");
        closed();
    }

    /// A juror that repeats the accusation without looking, in a jury that confirms it: only a mark from the input is paid.
    function test_a_lazy_juror_is_not_paid_for_repeating_the_accusation() public {
        (uint64 id,) = accused(3);
        uint32[] memory jurors = jury(id, BUYER, confirmed, 2, bad);
        settle(id);
        for (uint256 i = 0; i < 7; ++i) {
            uint256 now_ = uint256(free(jurors[i])) + stakeOf(jurors[i]);
            isTrue(i < 2 ? now_ == 100 ether + STAKE : now_ > 100 ether + STAKE, "paid for the input only");
        }
        closed();
    }

    /// A juror that ran the input and did not compare the envelopes is not paid; nor is it slashed, for it may have been fooled.
    function test_a_juror_that_misses_the_rubbish_is_not_paid() public {
        (uint64 id,) = accused(3);
        uint32[] memory jurors = jury(id, BUYER, confirmed, 2, honest);
        settle(id);
        for (uint256 i = 0; i < 2; ++i) isEqual(uint256(free(jurors[i])) + stakeOf(jurors[i]), 100 ether + STAKE, "unpaid");
        closed();
    }

    function test_true_accusers_overturn_a_jury_that_was_bought() public {
        (uint64 id, uint32[] memory ms) = accused(3);
        jury(id, BUYER, honest, 0, honest);
        isEqual(market.getOrder(id).rejected, 7, "as the bought jury says");
        jury(id, ms[0], confirmed, 0, bad);
        isEqual(market.getOrder(id).rejected, 0, "nobody any more");
        settle(id);
        phaseIs(id, Phase.Refunded);
        for (uint256 i = 0; i < 3; ++i) isEqual(stakeOf(ms[i]), STAKE, "stake");
        closed();
    }

    /// One member that was sent rubbish, in an order that has its result: no jury was asked about it.
    function test_one_accuser_beside_a_result_is_never_slashed() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 1, bad);
        drawAudit(id);
        jury(id, BUYER, honest, 0, honest);
        settle(id);
        isEqual(uint256(free(ms[0])) + stakeOf(ms[0]), 100 ether + STAKE, "neither paid nor slashed");
        closed();
    }

    // ---- UNSERVED

    function test_unserved_costs_both_sides_a_tenth() public {
        uint128 before = free(BUYER);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, unserved);
        phaseIs(id, Phase.Refunded);
        isEqual(before - free(BUYER), B, "the buyer's bond");
        for (uint256 i = 0; i < 3; ++i) {
            isEqual(uint256(free(ms[i])) + stakeOf(ms[i]), 100 ether + STAKE - P / 10, "a tenth of a price");
            isEqual(registry.getAccount(ms[i]).silent + registry.getAccount(ms[i]).rejected, 0, "record");
        }
        isEqual(registry.burnedTotal(), 2 * B, "all of it is burned");
        closed();
    }

    function test_one_unserved_member_beside_a_result_costs_the_same() public {
        uint128 before = free(BUYER);
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 1, unserved);
        drawAudit(id);
        settle(id);
        uint128 paid = registry.price(memberOf(id, ms[1]).tier) + registry.price(memberOf(id, ms[2]).tier);
        isEqual(before - free(BUYER), paid + P / 10, "buyer");
        isEqual(uint256(free(ms[0])) + stakeOf(ms[0]), 100 ether + STAKE - P / 10, "member");
        closed();
    }

    /// A buyer with accomplices who say what gains most: no mix of claims leaves the two together with more than they had.
    function testFuzz_no_mix_of_claims_gains(uint8 a, uint8 b, uint8 c, bool appealed) public {
        Claim[4] memory all = [bad, unserved, honest, confirmed];
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        uint8[3] memory picks = [a % 4, b % 4, c % 4];
        for (uint256 i = 0; i < 3; ++i) commit(id, ms[i], all[picks[i]]);
        for (uint256 i = 0; i < 3; ++i) reveal(id, ms[i], all[picks[i]]);
        if (market.getOrder(id).phase == Phase.AuditDraw) drawAudit(id);
        if (appealed && market.getOrder(id).phase == Phase.Standing) jury(id, BUYER, confirmed, 3, honest);
        if (market.getOrder(id).phase == Phase.Standing) settle(id);
        uint256 together = uint256(free(BUYER));
        for (uint256 i = 0; i < 3; ++i) together += uint256(free(ms[i])) + stakeOf(ms[i]);
        isTrue(together <= 100_000 ether + 3 * (100 ether + uint256(STAKE)), "no gain");
        closed();
    }

    // ---- The witness

    /// The first jury's marks are public when the second sits; a juror that repeats them is rejected.
    function test_a_second_jury_cannot_copy_the_witness_of_the_first() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        jury(id, ms[2], honest, 0, honest);
        bytes32 seen = market.getOrder(id).witness;
        isTrue(seen == market.linkOf(id, honest.witness, 0), "link 0 is public");
        appeal(id, ms[0]);
        draw(id);
        publish(id, BUYER);
        uint32[] memory jurors = seated(id);
        uint8 round = market.getOrder(id).rounds - 1;
        bytes32 x = market.commitmentOf(id, round, jurors[0], honest.output, honest.trace, seen, "result", 99, 0);
        vm.prank(actor(jurors[0]));
        market.commit(id, round, jurors[0], x);
        for (uint256 i = 1; i < jurors.length; ++i) commit(id, jurors[i], honest);
        vm.prank(actor(jurors[0]));
        market.reveal(id, round, jurors[0], honest.output, honest.trace, seen, "result", 99, 0);
        for (uint256 i = 1; i < jurors.length; ++i) reveal(id, jurors[i], honest);
        isTrue(market.getOrder(id).witness == seen, "tags bind the same link");
        settle(id);
        isEqual(STAKE - stakeOf(jurors[0]), L, "the copier");
        for (uint256 i = 1; i < jurors.length; ++i) isTrue(free(jurors[i]) > 100 ether, "the others are paid");
        isTrue(free(ms[2]) > 100 ether, "and so is the honest member");
        closed();
    }

    function test_a_link_is_of_one_order_market_and_chain() public {
        bytes32 link = market.linkOf(1, "secret", 1);
        isTrue(link != market.linkOf(2, "secret", 1), "order");
        isTrue(link != market.linkOf(1, "secret", 0), "jury");
        isTrue(keccak256(abi.encode(keccak256("koinon.witness-link"), link)) == market.linkOf(1, "secret", 0), "chain of links");
        vm.chainId(5);
        isTrue(link != market.linkOf(1, "secret", 1), "chain");
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NoJury.selector, 2));
        market.linkOf(1, "secret", 2);
    }
}
