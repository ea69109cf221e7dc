// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Registry} from "../src/Registry.sol";
import {Phase, Terms} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Mistakes that contracts of this sort are known for, and the invariants that they break. Where each is tried:
///  - a provider that raises its price before funding: here, and Scenarios (price is the standing one at the draw)
///  - a request key that anyone can take first: here
///  - first come is paid, with the answer visible: here, Registry (copied commits), Scenarios (lazy auditor)
///  - a timeout that pays the provider: here; Scenarios tries each phase
///  - an update that anyone can replay, no refund, no deadline: here; Invariants (every order ends by timeouts)
///  - a signature without chain, parties or nonce: Money (permit, authorisation), Registry (commitment); here for tags
///  - an order used twice: here
///  - a snapshot that pays whoever holds at that block: here for weights and points; nothing else is shared out by holding
/// Invariants: solvency, one payment, final states, an end by time alone, slashed = distributed + burned: Invariants, Money. No
/// withdrawal while locked: Registry, Attacks. A reveal binds sender, order, chain, salt: Registry and here. Callbacks never gate
/// payment: here (the market calls no user's code) and Money (reentrant tokens). Totals never fall: Invariants. No unbounded loop: Gas.
contract KnownMistakesTest is Fixture {
    function setUp() public override {
        super.setUp();
        providers(20);
    }

    function test_no_member_is_paid_more_than_the_buyer_allowed() public {
        Terms memory t = terms(3, 2);
        t.maxTier = 21;
        uint64 id = place(t);
        uint128 before = free(BUYER);
        for (uint32 p = 2; p < 12; ++p) {
            vm.prank(actor(p));
            registry.setOffer(p, KIND, MAX_TIER, true); // dearer, between order and draw
        }
        draw(id);
        uint32[] memory ms = seated(id);
        isEqual(ms.length, 3, "seated");
        for (uint256 i = 0; i < 3; ++i) isTrue(memberOf(id, ms[i]).tier <= 21, "within the maximum");
        isEqual(free(BUYER), before, "no more was taken");
    }

    function test_nobody_takes_another_ones_order_number() public {
        uint32 squatter = account(1_000 ether);
        Terms memory t = terms(1, 1);
        t.buyer = squatter;
        uint64 taken = place(t);
        t.buyer = BUYER; // the same nonce
        uint64 own = place(t);
        isEqual(market.orderOf(squatter, t.nonce), taken, "squatter");
        isEqual(market.orderOf(BUYER, t.nonce), own, "buyer");
        t.nonce += 1;
        vm.prank(actor(squatter));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotActor.selector, BUYER, actor(squatter)));
        market.place(t);
    }

    function test_a_claim_seen_in_the_mempool_cannot_be_used() public {
        uint64 id = ordered(2, 2, 0);
        uint32[] memory ms = seated(id);
        commit(id, ms[0], honest);
        commit(id, ms[1], lie);
        // The first reveals; the second repeats what it saw, with every salt that it may know.
        bytes32 mark = markOf(id, ms[0], honest);
        reveal(id, ms[0], honest);
        vm.prank(actor(ms[1]));
        vm.expectRevert();
        market.reveal(id, 0, ms[1], honest.output, honest.trace, mark, "result", 99, bytes32(uint256(ms[1])));
        isTrue(market.tagOf(id, ms[0], "w") != market.tagOf(id, ms[1], "w"), "a tag is of one account");
        isTrue(market.tagOf(id, ms[0], "w") != market.tagOf(id + 1, ms[0], "w"), "and of one order");
    }

    function test_a_tag_is_of_one_chain() public {
        bytes32 here = market.tagOf(1, 2, "w");
        vm.chainId(5);
        isTrue(market.tagOf(1, 2, "w") != here, "chain");
    }

    /// In every phase before a verdict, silence of all pays no member its price.
    function testFuzz_a_timeout_never_pays_for_work(uint8 steps) public {
        steps %= 4;
        uint64 id = place(terms(3, 2));
        if (steps > 0) draw(id);
        if (steps > 1) publish(id, BUYER);
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; steps > 2 && i < 3; ++i) commit(id, ms[i], honest);
        for (uint256 i = 0; i < 9 && market.getOrder(id).phase < Phase.Settled; ++i) {
            pass();
            market.advance(id);
        }
        phaseIs(id, Phase.Refunded);
        uint128 share = steps == 1 ? registry.price(MAX_TIER) / 10 : 0; // of the buyer's bond, when it gave no input
        for (uint256 i = 0; i < ms.length; ++i) {
            isTrue(free(ms[i]) == 100 ether + share && registry.getAccount(ms[i]).points == 0, "no pay");
        }
        closed();
    }

    function test_no_step_can_be_replayed() public {
        uint64 id = place(terms(3, 2));
        draw(id);
        phased(id, abi.encodeCall(market.draw, (id)));
        publish(id, BUYER);
        uint32[] memory ms = work(id, honest);
        phased(id, abi.encodeCall(market.draw, (id)));
        drawAudit(id);
        phased(id, abi.encodeCall(market.drawAudit, (id)));
        settle(id);
        uint128 paid = free(ms[0]);
        phased(id, abi.encodeCall(market.settle, (id)));
        phased(id, abi.encodeCall(market.advance, (id)));
        phased(id, abi.encodeCall(market.confirm, (id)));
        phased(id, abi.encodeCall(market.appeal, (id, BUYER)));
        phased(id, abi.encodeCall(market.demandOutput, (id, ms[0], 0, 0)));
        phased(99, abi.encodeCall(market.advance, (99)));
        isEqual(free(ms[0]), paid, "paid once");
        closed();
    }

    function phased(uint64 id, bytes memory call) private {
        vm.prank(actor(BUYER));
        (bool ok, bytes memory why) = address(market).call(call);
        isTrue(!ok, "refused");
        bytes memory expected = abi.encodeWithSelector(IMarketEvents.WrongPhase.selector, id, market.getOrder(id).phase);
        isTrue(keccak256(why) == keccak256(expected), "for its phase");
    }

    /// Stake that comes for one block takes part in nothing decided in it, and points do not follow a balance.
    function test_stake_of_one_block_earns_nothing() public {
        uint64 id = place(terms(1, 1));
        nextBlock();
        uint32 whale = provider(20, 50_000 ether);
        market.draw(id);
        isTrue(seated(id)[0] != whale, "not drawn");
        vm.startPrank(actor(whale));
        registry.requestUnstake(whale, 50_000 ether);
        vm.expectRevert(abi.encodeWithSelector(Registry.NotUnbonded.selector, whale, uint64(block.timestamp) + 1_000));
        registry.finishUnstake(whale);
        vm.stopPrank();
        isEqual(registry.getAccount(whale).points, 0, "points");
    }

    /// A payout or owner that is a contract without code for it, or that reverts, gates nobody's payment: paying is bookkeeping.
    function test_no_users_code_runs_when_an_order_ends() public {
        uint64 id = ordered(3, 2, 0);
        uint32[] memory ms = work(id, honest);
        drawAudit(id);
        address refuser = address(new Refuser());
        for (uint256 i = 0; i < 3; ++i) {
            vm.prank(actor(ms[i]));
            registry.setPayout(ms[i], refuser);
        }
        settle(id);
        for (uint256 i = 0; i < 3; ++i) isTrue(free(ms[i]) > 100 ether, "paid");
        closed();
    }

    function test_each_transition_is_told_by_one_event() public {
        vm.recordLogs();
        uint64 id = ordered(1, 1, 0);
        work(id, honest);
        drawAudit(id);
        settle(id);
        bytes32[8] memory expected = [
            IMarketEvents.OrderPlaced.selector,
            IMarketEvents.Drawn.selector,
            IMarketEvents.InputPublished.selector,
            IMarketEvents.Committed.selector,
            IMarketEvents.RevealOpened.selector,
            IMarketEvents.Revealed.selector,
            IMarketEvents.VerdictStanding.selector,
            IMarketEvents.Settled.selector
        ];
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 next;
        for (uint256 e = 0; e < expected.length; ++e) {
            uint256 count;
            for (uint256 i = 0; i < logs.length; ++i) {
                if (logs[i].topics[0] != expected[e]) continue;
                ++count;
                isTrue(i >= next, "in order");
                next = i;
            }
            isEqual(count, 1, "once");
        }
    }
}

/// @dev Takes nothing.
contract Refuser {
    fallback() external payable {
        revert("no");
    }
}
