// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Member, Phase} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @dev What a coalition has after it arranged a fault, to the wei: less than before, whoever is in it. Gas comes on top.
/// docs/decisions/0005-nobody-is-paid-for-a-fault.md gives the table.
contract EconomicsTest is Fixture {
    uint128 private P; // highest price
    uint128 private L; // lock of a member, n <= 4

    function setUp() public override {
        super.setUp();
        providers(30);
        P = registry.price(MAX_TIER);
        L = 20 * P;
    }

    function has(uint32 who) private view returns (int256) {
        return int256(uint256(free(who)) + stakeOf(who));
    }

    function had(uint32 who) private pure returns (int256) {
        return int256(uint256(who == BUYER ? 100_000 ether : STAKE + 100 ether));
    }

    function gain(uint32 who) private view returns (int256) {
        return has(who) - had(who);
    }

    function gain(uint32[] memory all) private view returns (int256 sum) {
        for (uint256 i = 0; i < all.length; ++i) sum += gain(all[i]);
    }

    function list(uint32 a, uint32 b, uint32 c) private pure returns (uint32[] memory all) {
        all = new uint32[](3);
        (all[0], all[1], all[2]) = (a, b, c);
    }

    function list(uint32 a, uint32 b, uint32 c, uint32 d) private pure returns (uint32[] memory all) {
        all = new uint32[](4);
        (all[0], all[1], all[2], all[3]) = (a, b, c, d);
    }

    function priceOf(uint64 id, uint32 who) private view returns (int256) {
        return int256(uint256(registry.price(memberOf(id, who).tier)));
    }

    /// What an accepted member is paid.
    function net(uint64 id, uint32 who) private view returns (int256) {
        return priceOf(id, who) - priceOf(id, who) / 100;
    }

    /// The prices of the jurors of the current round.
    function juryOfRound(uint64 id) private view returns (int256 sum) {
        uint32[] memory jurors = seated(id);
        for (uint256 i = 0; i < jurors.length; ++i) sum += priceOf(id, jurors[i]);
    }

    /// An offerer that has no seat in the order.
    function bystander(uint64 id) private view returns (uint32 who) {
        Member[] memory ms = market.getMembers(id);
        for (who = 2;; ++who) {
            bool in_;
            for (uint256 i = 0; i < ms.length; ++i) in_ = in_ || ms[i].account == who;
            if (!in_) return who;
        }
    }

    function is_(int256 got, int256 expected, string memory what) private pure {
        if (got != expected) revert Unequal(what, uint256(got), uint256(expected));
    }

    function l() private view returns (int256) {
        return int256(uint256(L));
    }

    // ---- Lies

    /// The buyer and two of its own against an honest third, which they keep off the net for as long as an appeal is possible: the
    /// third loses its lock, and they lose the fees of paying themselves.
    function test_buyer_and_two_liars_against_a_third_that_cannot_answer() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        settle(id);
        int256 fees = priceOf(id, ms[0]) / 100 + priceOf(id, ms[1]) / 100;
        is_(gain(list(BUYER, ms[0], ms[1])), -fees, "coalition");
        is_(gain(ms[2]), -l(), "the third");
        isEqual(registry.burnedTotal(), L + uint256(fees), "all that it lost is burned");
        closed();
    }

    /// The third answers, from its stake alone.
    function test_buyer_and_two_liars_against_a_third_that_appeals() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        vm.prank(actor(ms[2]));
        registry.withdraw(ms[2], 100 ether);
        work(id, honest, 2, lie);
        drawAudit(id);
        appeal(id, ms[2]);
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        int256 reward = (l() - juryOfRound(id)) / 2;
        settle(id);
        is_(gain(list(BUYER, ms[0], ms[1])), -2 * l() - priceOf(id, ms[2]), "coalition");
        is_(gain(ms[2]) + 100 ether, net(id, ms[2]) + reward, "the third");
        closed();
    }

    /// The buyer lets two of its own lie, and a third of its own find it.
    function test_buyer_liars_and_appellant_of_one_hand() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        uint32 finder = bystander(id);
        appeal(id, finder);
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        int256 reward = (l() - juryOfRound(id)) / 2;
        settle(id);
        is_(gain(finder), reward, "finder");
        is_(gain(list(BUYER, ms[0], ms[1], finder)), reward - 2 * l() - priceOf(id, ms[2]), "coalition");
        isTrue(gain(list(BUYER, ms[0], ms[1], finder)) < -3 * l() / 2, "loses more than one and a half locks");
        closed();
    }

    /// Two providers lie, and the auditor is theirs too and finds it.
    function test_providers_and_auditor_of_one_hand() public {
        uint64 id = ordered(3, 2, 10_000);
        uint32[] memory ms = work(id, honest, 2, lie);
        drawAudit(id);
        publish(id, BUYER);
        uint32 auditor = work(id, honest)[0];
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        int256 reward = (l() - juryOfRound(id)) / 2;
        settle(id);
        is_(gain(list(ms[0], ms[1], auditor)), reward + net(id, auditor) - 2 * l(), "coalition");
        isTrue(gain(list(ms[0], ms[1], auditor)) < -l(), "loses more than a lock");
        is_(gain(BUYER), -priceOf(id, ms[2]) - priceOf(id, auditor), "buyer pays for right work and its audit");
        closed();
    }

    /// A lazy provider whose appellant exposes it, with all seven jurors of the same hand: half of the lock is gone.
    function test_everybody_of_one_hand() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < 3; ++i) commit(id, ms[i], i == 0 ? copied : honest);
        for (uint256 i = 0; i < 3; ++i) reveal(id, ms[i], i == 0 ? copied : honest);
        drawAudit(id);
        appeal(id, BUYER);
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        settle(id);
        int256 all = gain(BUYER);
        for (uint32 who = 2; who < 32; ++who) all += gain(who);
        isTrue(all <= -l() / 2, "at least half of the lock is burned");
        is_(all, -int256(uint256(registry.burnedTotal())), "what they lose is what is burned");
        closed();
    }

    // ---- Silence

    /// A buyer that keeps every member off the net gets back what it put in, and they pay nobody.
    function test_buyer_that_silences_its_members() public {
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
        is_(gain(BUYER), 0, "buyer");
        isEqual(registry.burnedTotal(), 9 * L / 4, "burned");
        closed();
    }

    /// With a member of its own that reveals what nobody checks.
    function test_buyer_and_member_that_silence_the_others() public {
        uint64 id = ordered(3, 3, 0);
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < 3; ++i) commit(id, ms[i], i == 0 ? lie : honest);
        reveal(id, ms[0], lie);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        is_(gain(BUYER) + gain(ms[0]), 0, "coalition");
        isEqual(registry.burnedTotal(), 2 * (L / 4), "burned");
        closed();
    }

    /// With a juror of its own, in a jury that the check called and that finds no majority.
    function test_buyer_members_and_juror_that_silence_a_jury() public {
        uint64 id = ordered(2, 2, 0);
        uint32[] memory ms = work(id, honest, 1, lie);
        draw(id);
        publish(id, BUYER);
        uint32[] memory js = seated(id);
        for (uint256 i = 0; i < js.length; ++i) commit(id, js[i], i == 0 ? lie : honest);
        reveal(id, js[0], lie);
        pass();
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        is_(gain(list(BUYER, ms[0], js[0])), 0, "coalition");
        isEqual(registry.burnedTotal(), 4 * (L / 4), "burned");
        closed();
    }

    /// Who silences a member of a quorum that goes on without it earns its own price as ever.
    function test_members_that_silence_another() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < 3; ++i) commit(id, ms[i], honest);
        for (uint256 i = 0; i < 2; ++i) reveal(id, ms[i], honest);
        pass();
        market.advance(id);
        drawAudit(id);
        settle(id);
        for (uint256 i = 0; i < 2; ++i) is_(gain(ms[i]), net(id, ms[i]), "its own price");
        is_(gain(BUYER), -priceOf(id, ms[0]) - priceOf(id, ms[1]), "buyer pays for what it got");
        closed();
    }

    /// Who finds a lie, and silences jurors, is rewarded as if they had not been silent; three more in the quorum add nothing.
    function test_a_finder_that_silences_jurors() public {
        uint64 id = ordered(3, 2, 0);
        work(id, honest, 2, lie);
        drawAudit(id);
        uint32 finder = bystander(id);
        appeal(id, finder);
        draw(id);
        publish(id, BUYER);
        int256 reward = (l() - juryOfRound(id)) / 2;
        uint32[] memory js = seated(id);
        for (uint256 i = 0; i < js.length; ++i) commit(id, js[i], honest);
        for (uint256 i = 3; i < js.length; ++i) reveal(id, js[i], honest);
        pass();
        market.advance(id);
        settle(id);
        is_(gain(finder), reward, "finder");
        for (uint256 i = 0; i < 3; ++i) is_(gain(js[i]), -l() / 4, "silent juror");
        closed();
    }

    // ---- The buyer's bound

    /// Whatever its members do, a buyer that neither works nor appeals ends with at most what it had.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_a_buyer_never_gains(uint8 n, uint64 lies, uint64 silences, uint16 bps, uint8 appealed) public {
        n = 1 + n % 5;
        uint64 id = ordered(n, n / 2 + 1, bps % 10_001);
        for (uint256 step = 0; step < 40 && market.getOrder(id).phase < Phase.Settled; ++step) {
            Phase phase = market.getOrder(id).phase;
            if (phase == Phase.AuditDraw) drawAudit(id);
            else if (phase == Phase.Draw) draw(id);
            else if (phase == Phase.Input) publish(id, BUYER);
            else if (phase == Phase.Commit) someWork(id, lies, silences);
            else if (phase == Phase.Standing && appealed % 3 > market.getOrder(id).juries) appeal(id, bystander(id));
            else {
                pass();
                market.advance(id);
            }
        }
        isTrue(market.getOrder(id).phase >= Phase.Settled, "ended");
        isTrue(gain(BUYER) <= 0, "the buyer gains nothing");
        closed();
    }

    /// The members of the round work, but for those whose bit says otherwise.
    function someWork(uint64 id, uint64 lies, uint64 silences) private {
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < ms.length; ++i) commit(id, ms[i], (lies >> (ms[i] % 64)) & 1 != 0 ? lie : honest);
        for (uint256 i = 0; i < ms.length; ++i) {
            if ((silences >> (ms[i] % 64)) & 1 == 0) reveal(id, ms[i], (lies >> (ms[i] % 64)) & 1 != 0 ? lie : honest);
        }
        if (market.getOrder(id).phase != Phase.Reveal) return;
        pass();
        market.advance(id);
    }
}
