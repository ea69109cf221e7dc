// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Offers} from "../src/Offers.sol";
import {Registry} from "../src/Registry.sol";
import {Config, Phase, Terms} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Accounts, stake, and what is refused.
contract RegistryTest is Fixture {
    function test_prices_are_steps_of_a_quarter_octave() public view {
        isEqual(registry.price(0), 1e12, "tier 0");
        isEqual(registry.price(1), 1.25e12, "tier 1");
        isEqual(registry.price(4), 2e12, "tier 4");
        for (uint8 t = 1; t < 128; ++t) isTrue(registry.price(t) > registry.price(t - 1), "rising");
    }

    function test_withdrawal_goes_to_the_payout_address_only() public {
        vm.prank(actor(BUYER));
        registry.withdraw(BUYER, 5 ether);
        isEqual(token.balanceOf(payoutOf(BUYER)), 5 ether, "payout");
        solvent();
    }

    function test_strangers_are_refused() public {
        vm.expectRevert(abi.encodeWithSelector(Registry.NotActor.selector, BUYER, address(this)));
        registry.withdraw(BUYER, 1);
        vm.expectRevert(abi.encodeWithSelector(Registry.NotOwner.selector, BUYER, address(this)));
        registry.setPayout(BUYER, address(this));
        vm.expectRevert(abi.encodeWithSelector(Registry.NotMarket.selector, address(this)));
        registry.debit(BUYER, 1);
        vm.expectRevert(abi.encodeWithSelector(Registry.NotMarket.selector, address(this)));
        registry.credit(BUYER, 1);
        vm.expectRevert(abi.encodeWithSelector(Registry.NoAccount.selector, 99));
        registry.deposit(99, 1);
    }

    function test_ownership_moves_in_two_steps() public {
        vm.prank(actor(BUYER));
        registry.transferOwnership(BUYER, address(7));
        vm.expectRevert(abi.encodeWithSelector(Registry.NotPendingOwner.selector, BUYER, address(this)));
        registry.acceptOwnership(BUYER);
        vm.prank(address(7));
        registry.acceptOwnership(BUYER);
        isTrue(registry.getAccount(BUYER).owner == address(7), "owner");
    }

    function test_stake_unbonds_before_it_leaves() public {
        uint32 p = provider(20, STAKE);
        vm.startPrank(actor(p));
        registry.requestUnstake(p, STAKE);
        isEqual(registry.freeStake(p), 0, "unbonding stake does not work");
        vm.expectRevert(abi.encodeWithSelector(Registry.NotUnbonded.selector, p, uint64(block.timestamp) + 1_000));
        registry.finishUnstake(p);
        vm.warp(block.timestamp + 1_000);
        registry.finishUnstake(p);
        vm.stopPrank();
        isEqual(free(p), STAKE + 100 ether, "free");
    }

    function test_locked_stake_cannot_leave() public {
        uint32 p = provider(20, STAKE);
        uint64 id = ordered(1, 1, 0);
        isEqual(seated(id)[0], p, "seated");
        uint128 lock = memberOf(id, p).locked;
        vm.prank(actor(p));
        vm.expectRevert(abi.encodeWithSelector(Offers.InsufficientStake.selector, p, STAKE - lock, STAKE));
        registry.requestUnstake(p, STAKE);
    }

    function test_draws_follow_weights() public {
        uint32 small = provider(20, 4 ether);
        uint32 big = provider(20, 12 ether); // both below the cap
        uint256 hits;
        for (uint256 i = 0; i < 400; ++i) {
            uint64 id = place(terms(1, 1));
            uint256 snap = vm.snapshotState();
            vm.roll(block.number + 1);
            vm.prevrandao(keccak256(abi.encode("weights", i)));
            market.draw(id);
            if (seated(id)[0] == big) ++hits;
            else isEqual(seated(id)[0], small, "one of the two");
            vm.revertToState(snap);
        }
        isTrue(hits > 260 && hits < 340, "three of four, within 4.6 standard deviations");
    }

    function test_terms_out_of_bounds_are_refused() public {
        Terms memory t = terms(3, 2);
        (t.check) = 3;
        refused(t, abi.encodeWithSelector(IMarketEvents.UnsupportedCheck.selector, 3));
        (t.check, t.privacy) = (0, 1);
        refused(t, abi.encodeWithSelector(IMarketEvents.UnsupportedPrivacy.selector, 1));
        (t.privacy, t.k) = (0, 1);
        refused(t, abi.encodeWithSelector(IMarketEvents.InvalidTerms.selector, "k"));
        (t.k, t.n) = (2, 6);
        refused(t, abi.encodeWithSelector(IMarketEvents.InvalidTerms.selector, "n"));
        (t.n, t.commitWindow) = (3, 1);
        refused(t, abi.encodeWithSelector(IMarketEvents.InvalidTerms.selector, "commitWindow"));
        t.commitWindow = 100;
        place(t);
        refused(t, abi.encodeWithSelector(IMarketEvents.NonceUsed.selector, BUYER, t.nonce, 1));
    }

    function refused(Terms memory t, bytes memory why) private {
        vm.prank(actor(BUYER));
        vm.expectRevert(why);
        market.place(t);
    }

    function test_copied_commit_and_double_reveal_are_useless() public {
        providers(5);
        uint64 id = ordered(2, 2, 0);
        uint32[] memory ms = seated(id);
        bytes32 x = commitmentOf(id, ms[0], honest);
        commit(id, ms[0], honest);
        vm.prank(actor(ms[0]));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.AlreadyCommitted.selector, id, ms[0]));
        market.commit(id, 0, ms[0], x);
        vm.prank(actor(ms[1]));
        market.commit(id, 0, ms[1], x); // copied from the other
        reveal(id, ms[0], honest);
        bytes32 mark = markOf(id, ms[0], honest);
        vm.prank(actor(ms[1]));
        vm.expectRevert();
        market.reveal(id, 0, ms[1], honest.output, honest.trace, mark, "result", 99, bytes32(uint256(ms[0])));
        vm.prank(actor(ms[0]));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.AlreadyRevealed.selector, id, ms[0]));
        market.reveal(id, 0, ms[0], honest.output, honest.trace, mark, "result", 99, bytes32(uint256(ms[0])));
    }

    function test_commitment_binds_chain_order_and_salt() public {
        bytes32 x = market.commitmentOf(1, 0, 2, "a", "b", "c", "d", 1, "s");
        isTrue(x != market.commitmentOf(2, 0, 2, "a", "b", "c", "d", 1, "s"), "order");
        isTrue(x != market.commitmentOf(1, 0, 3, "a", "b", "c", "d", 1, "s"), "account");
        isTrue(x != market.commitmentOf(1, 0, 2, "a", "b", "c", "d", 1, "t"), "salt");
        vm.chainId(5);
        isTrue(x != market.commitmentOf(1, 0, 2, "a", "b", "c", "d", 1, "s"), "chain");
    }

    function test_a_seed_is_not_before_its_block_nor_after_its_window() public {
        providers(3);
        uint64 id = place(terms(1, 1));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, block.number + 1));
        market.draw(id);
        vm.roll(block.number + 1);
        uint40 deadline = market.getOrder(id).deadline;
        pass();
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooLate.selector, deadline));
        market.draw(id);
    }
}
