// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IProofCheck} from "../src/IProofCheck.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {BAD_INPUT, Phase, PROOF, RefundReason, Terms} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";
import {Vm} from "./Vm.sol";

/// @dev Orders that ask for a proof, to the wei and the second. What a checked proof records is put into the check's storage; that only a
/// good session records it is shown with real proofs in test/e2e/proofs_test.cpp.
contract ProofsTest is Fixture {
    bytes32 private constant INPUT = "input root";
    bytes32 private constant PROGRAM = "program";
    uint128 private L; // the lock
    uint40 private window;

    function setUp() public override {
        super.setUp();
        providers(6);
        (,, L) = market.cost(1, MAX_TIER);
        window = config().appealWindow;
    }

    function proofTerms() private returns (Terms memory t) {
        t = terms(1, 1);
        t.check = PROOF;
    }

    function claimed(Claim memory c) private returns (uint64 id, uint32 who) {
        id = place(proofTerms());
        draw(id);
        publish(id, BUYER);
        who = work(id, c)[0];
    }

    function standing(Claim memory c) private returns (uint64 id, uint32 who) {
        (id, who) = claimed(c);
        phaseIs(id, Phase.Standing);
    }

    /// What `conclude` writes: _outcomes, slot 1, by program and input root.
    function record(bytes32 program, bytes32 input, bytes32 output) private {
        bytes32 slot = keccak256(abi.encode(input, keccak256(abi.encode(program, uint256(1)))));
        vm.store(address(proofs), slot, output);
        isTrue(IProofCheck(address(proofs)).outcome(program, input) == output, "outcome");
    }

    function has(uint32 who) private view returns (uint256) {
        return uint256(free(who)) + stakeOf(who);
    }

    function had(uint32 who) private pure returns (uint256) {
        return who == BUYER ? 100_000 ether : STAKE + 100 ether;
    }

    function price(uint64 id, uint32 who) private view returns (uint128) {
        return registry.price(memberOf(id, who).tier);
    }

    function paid(uint64 id, uint32 who) private view {
        phaseIs(id, Phase.Settled);
        uint128 p = price(id, who);
        isEqual(has(who), had(who) + p - p / 100, "the provider has its price");
        isEqual(has(BUYER), had(BUYER) - p, "the buyer paid it");
        closed();
    }

    function ends(uint64 id, RefundReason reason) private {
        vm.recordLogs();
        market.settle(id);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bool told;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] != IMarketEvents.Refunded.selector) continue;
            isEqual(uint256(logs[i].topics[1]), id, "order");
            (uint8 why,,,,) = abi.decode(logs[i].data, (uint8, uint128, uint128, uint128, uint128));
            isEqual(why, uint8(reason), "reason");
            told = true;
        }
        isTrue(told, "a refund");
    }

    function refunded(uint64 id, uint32 who, uint128 lost) private view {
        phaseIs(id, Phase.Refunded);
        isEqual(has(who), had(who) - lost, "what the provider lost");
        isEqual(has(BUYER), had(BUYER), "the buyer has all of its money");
        closed();
    }

    // ---- How a claim ends

    function early(uint64 id) private {
        uint40 first = market.getOrder(id).deadline - 2 * window;
        vm.warp(first);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, first));
        market.settle(id);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, first));
        market.advance(id);
        vm.warp(first + 1);
    }

    function test_a_proven_claim_settles_after_the_first_window_whoever_asks() public {
        (uint64 id, uint32 who) = standing(honest);
        record(PROGRAM, INPUT, honest.output);
        early(id);
        vm.prank(address(0xabc));
        market.settle(id);
        paid(id, who);
    }

    function test_advance_ends_a_proven_claim_as_settle_does() public {
        (uint64 id, uint32 who) = standing(honest);
        record(PROGRAM, INPUT, honest.output);
        early(id);
        market.advance(id);
        paid(id, who);
    }

    function test_a_claim_that_its_buyer_confirms_needs_no_proof_on_chain() public {
        (uint64 id, uint32 who) = standing(honest);
        vm.prank(actor(BUYER));
        market.confirm(id);
        paid(id, who);
    }

    function test_nobody_else_confirms_it() public {
        (uint64 id, uint32 who) = standing(honest);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotActor.selector, BUYER, actor(who)));
        vm.prank(actor(who));
        market.confirm(id);
    }

    function test_an_unproven_claim_is_never_paid_by_time() public {
        (uint64 id, uint32 who) = standing(honest);
        uint40 deadline = market.getOrder(id).deadline;
        isEqual(deadline, block.timestamp + 3 * window, "three windows");
        vm.warp(deadline);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, deadline));
        market.settle(id);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, deadline));
        market.advance(id);
        vm.warp(deadline + 1);
        ends(id, RefundReason.Unproven);
        refunded(id, who, L / 4);
    }

    function test_who_leaves_a_claim_unproven_is_drawn_no_more() public {
        (uint64 id, uint32 who) = standing(lie);
        pass();
        market.advance(id);
        refunded(id, who, L / 4);
        isTrue(registry.getOffer(who, KIND).suspended, "its offer");
    }

    function test_a_proof_of_another_output_takes_the_whole_lock() public {
        (uint64 id, uint32 who) = standing(lie);
        record(PROGRAM, INPUT, honest.output);
        ends(id, RefundReason.Refuted);
        refunded(id, who, L);
    }

    function test_a_proof_after_the_deadline_counts_until_somebody_ends_the_order() public {
        (uint64 id, uint32 who) = standing(honest);
        pass();
        record(PROGRAM, INPUT, honest.output);
        market.settle(id);
        paid(id, who);
    }

    function test_a_proof_of_the_same_run_serves_every_order_of_it() public {
        record(PROGRAM, INPUT, honest.output);
        (uint64 id, uint32 who) = standing(honest);
        early(id);
        market.settle(id);
        paid(id, who);
    }

    /// What was proven in another order may be claimed without a run: its buyer has the first window to ask for the output.
    function test_an_outcome_known_before_is_not_paid_to_one_who_has_no_output() public {
        record(PROGRAM, INPUT, honest.output);
        (uint64 id, uint32 who) = standing(honest);
        uint40 first = market.getOrder(id).deadline - 2 * window;
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, first));
        market.settle(id);
        vm.warp(first);
        vm.prank(actor(BUYER));
        market.demandOutput(id, who, 0, 0);
        pass();
        market.advance(id); // nobody answered
        vm.warp(market.getOrder(id).deadline + 1);
        market.settle(id);
        isEqual(has(who), had(who) - L / 4, "silent");
        isEqual(has(BUYER), had(BUYER), "the buyer has all of its money");
        closed();
    }

    function test_a_known_outcome_is_paid_at_once_where_the_buyer_confirms() public {
        record(PROGRAM, INPUT, honest.output);
        (uint64 id, uint32 who) = standing(honest);
        vm.prank(actor(BUYER));
        market.confirm(id);
        paid(id, who);
    }

    function test_a_proof_of_another_program_or_input_says_nothing() public {
        (uint64 id,) = standing(lie);
        record("another", INPUT, honest.output);
        record(PROGRAM, "another", honest.output);
        uint40 deadline = market.getOrder(id).deadline;
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, deadline));
        market.settle(id);
    }

    // ---- Claims without a result

    function test_bad_input_and_unserved_end_it_with_a_refund() public {
        (uint64 id,) = claimed(Claim(BAD_INPUT, 0, BAD_INPUT));
        phaseIs(id, Phase.Refunded);
        (id,) = claimed(unserved);
        phaseIs(id, Phase.Refunded);
        closed();
    }

    // ---- Delivery

    function test_an_output_may_be_demanded_and_whoever_withholds_it_is_not_paid_though_it_proved() public {
        (uint64 id, uint32 who) = standing(honest);
        record(PROGRAM, INPUT, honest.output);
        vm.prank(actor(BUYER));
        market.demandOutput(id, who, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.DemandOpen.selector, id));
        market.settle(id);
        pass();
        market.advance(id); // the demand ran out
        vm.warp(market.getOrder(id).deadline - 2 * window + 1);
        market.settle(id);
        phaseIs(id, Phase.Settled);
        isEqual(has(who), had(who) - L / 4, "silent");
        isEqual(has(BUYER), had(BUYER), "the buyer has all of its money");
        closed();
    }

    // ---- What is refused

    function test_it_has_one_provider_no_audit_and_no_appeal() public {
        Terms memory t = proofTerms();
        (t.n, t.k) = (3, 2);
        refuses(t, "n");
        t = proofTerms();
        t.auditBps = 1;
        refuses(t, "auditBps");
        t = proofTerms();
        t.kind = 1;
        refuses(t, "kind");
        (uint64 id, uint32 who) = standing(honest);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.AppealsExhausted.selector, id));
        vm.prank(actor(who));
        market.appeal(id, who);
    }

    function refuses(Terms memory t, string memory what) private {
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidTerms.selector, what));
        vm.prank(actor(BUYER));
        market.place(t);
    }

    function test_no_proof_ends_an_order_of_another_check() public {
        record(PROGRAM, INPUT, honest.output);
        Terms memory t = terms(1, 1);
        t.check = 1;
        uint64 id = place(t);
        draw(id);
        publish(id, BUYER);
        work(id, lie);
        phaseIs(id, Phase.Standing);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, market.getOrder(id).deadline));
        market.settle(id);
    }

    // ---- Money

    /// However long the wait, whatever was proven: all money goes where it is owed.
    function testFuzz_every_end_is_solvent(uint8 outcome, bool lies, bool confirms, uint32 wait) public {
        (uint64 id, uint32 who) = standing(lies ? lie : honest);
        if (outcome % 3 != 0) record(PROGRAM, INPUT, outcome % 3 == 1 ? honest.output : lie.output);
        vm.warp(block.timestamp + wait % (4 * window));
        if (confirms) {
            vm.prank(actor(BUYER));
            market.confirm(id);
            return paid(id, who);
        }
        uint40 until = market.getOrder(id).deadline;
        if (outcome % 3 != 0) until = (outcome % 3 == 1) == !lies ? until - 2 * window : 0;
        bool due = block.timestamp > until;
        if (!due) vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, until));
        market.settle(id);
        if (!due) return;
        if (outcome % 3 == 0) refunded(id, who, L / 4);
        else if ((outcome % 3 == 1) == !lies) paid(id, who);
        else refunded(id, who, L);
    }
}
