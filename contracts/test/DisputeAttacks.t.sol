// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimCheck} from "../src/dispute/ClaimCheck.sol";
import {IFraudCheck} from "../src/dispute/IFraudCheck.sol";
import {Openings} from "../src/dispute/Openings.sol";
import {Reading} from "../src/dispute/Reading.sol";
import {IDisputes} from "../src/IDisputes.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Registry} from "../src/Registry.sol";
import {Answer, Fraud, Phase} from "../src/Types.sol";
// long because: every attack that is known, one after the other, on one fixture
import {DisputeFixture} from "./DisputeFixture.sol";
import {Trees} from "./Trees.sol";

/// @dev What somebody may try to win a dispute that it should lose, or to escape one. The faults of other systems that
/// docs/trust/optimistic.md lists are at the end, each by its name. A wrong element of every step kind: test/quorum.
contract DisputeAttacksTest is DisputeFixture {
    uint32 private constant FLOOD = 150;

    uint32 private finder;
    uint32 private thief;

    function setUp() public override {
        super.setUp();
        finder = account(100 ether);
        thief = account(100 ether);
    }

    function trySend(uint64 id, uint32 number, Fraud fraud, bytes memory proof, bytes32 salt) external {
        disputes.prove(id, number, fraud, proof, salt);
    }

    /// Challenges with a proof that opens nothing, and shows it.
    function reverts(uint64 id, Fraud fraud, bytes memory proof, bytes4 why) private {
        uint32 number = challenge(id, finder, fraud, proof);
        nextBlock();
        (bool ok, bytes memory got) =
            address(this).call(abi.encodeCall(this.trySend, (id, number, fraud, proof, saltOf(finder))));
        isTrue(!ok && bytes4(got) == why, "reverts for this reason");
    }

    function fails(uint64 id, Fraud fraud, bytes memory proof) private {
        reverts(id, fraud, proof, IDisputes.NotRefuted.selector);
    }

    // ---- What a liar does

    function test_wrong_element_is_refuted_wherever_it_is() public {
        for (uint64 i = 0; i < 4; ++i) {
            Run memory r = truth();
            r.z[i] = bytes1(uint8(r.z[i]) ^ 1);
            (uint64 id,) = claimed(r);
            refute(id, finder, Fraud.Element, proofOf(r, 1, i));
            phaseIs(id, Phase.Refunded);
        }
        closed();
    }

    /// y follows from another operand than the step's, as if the wiring were another.
    function test_wrong_wiring_is_refuted() public {
        Run memory r = truth();
        r.z = twice(r.x); // step 1 reads x instead of y
        (uint64 id,) = claimed(r);
        refute(id, finder, Fraud.Element, proofOf(r, 1, 0));
        phaseIs(id, Phase.Refunded);
    }

    /// A proof cannot bring its own wiring or kind either: the step is the program's.
    function test_wrong_wiring_in_a_proof_opens_nothing() public {
        (uint64 id,) = claimed(truth());
        Reading.Proof memory p = elementOf(truth(), 1, 0);
        p.parts[0].stepBytes = stepBytes(3, 0, 2);
        p.parts[0].opened[0] = p.parts[0].opened[1] = open(rootsOf(truth()), 0, truth().x);
        reverts(id, Fraud.Element, abi.encode(p), Openings.WrongOpening.selector);
    }

    function test_wrong_parameters_in_a_proof_open_nothing() public {
        (uint64 id,) = claimed(truth());
        Reading.Proof memory p = elementOf(truth(), 1, 0);
        p.parts[0].stepBytes = stepBytes(5, 1, 2); // mul
        reverts(id, Fraud.Element, abi.encode(p), Openings.WrongOpening.selector);
    }

    function test_wrong_input_root_is_refuted() public {
        Run memory r = run(hex"01020305"); // a true run, of another input
        (uint64 id,) = claimed(r);
        refute(id, finder, Fraud.Input, inputProof(r));
        phaseIs(id, Phase.Refunded);
        closed();
    }

    function inputProof(Run memory r) private pure returns (bytes memory) {
        return abi.encode(
            ClaimCheck.InputProof(
                program(), io(), item(Trees.INPUTS, inputsOf(truth()), 0), item(Trees.TRACE, rootsOf(r), 0)
            )
        );
    }

    function test_wrong_output_root_is_refuted() public {
        Run memory r = truth();
        bytes32[] memory outs = outputsOf(r);
        outs[1] = outs[0];
        Claim memory c = Claim(Trees.listRoot(Trees.OUTPUTS, outs), Trees.listRoot(Trees.TRACE, rootsOf(r)), "w");
        (uint64 id,) = claimed(c);
        ClaimCheck.OutputProof memory p =
            ClaimCheck.OutputProof(program(), io(), item(Trees.OUTPUTS, outs, 1), item(Trees.TRACE, rootsOf(r), 2));
        refute(id, finder, Fraud.Output, abi.encode(p));
        phaseIs(id, Phase.Refunded);
    }

    function test_a_claim_for_another_program_is_refuted() public {
        Run memory r = truth();
        for (uint256 i = 0; i < 4; ++i) r.z[i] = bytes1(uint8(r.y[i]) * uint8(r.y[i])); // a program with mul for its last step
        (uint64 id,) = claimed(r);
        Reading.Proof memory p = elementOf(r, 1, 1);
        refute(id, finder, Fraud.Element, abi.encode(p));
        phaseIs(id, Phase.Refunded);
    }

    function test_a_proof_for_another_program_opens_nothing() public {
        (uint64 id,) = claimed(truth());
        Reading.Proof memory p = elementOf(truth(), 1, 0);
        p.program.version = 2;
        reverts(id, Fraud.Element, abi.encode(p), Openings.WrongProgram.selector);
    }

    function test_a_truncated_trace_is_refuted() public {
        Run memory r = truth();
        bytes32[] memory two = new bytes32[](2);
        (two[0], two[1]) = (rootsOf(r)[0], rootsOf(r)[1]);
        (uint64 id,) = claimed(Claim(Trees.listRoot(Trees.OUTPUTS, outputsOf(r)), Trees.listRoot(Trees.TRACE, two), "w"));
        refute(id, finder, Fraud.Count, abi.encode(countProof(2, Trees.top(Trees.TRACE, Trees.leaves(Trees.TRACE, two)))));
        phaseIs(id, Phase.Refunded);
    }

    function countProof(uint64 count, bytes32 top) private pure returns (ClaimCheck.CountProof memory p) {
        p.last = ClaimCheck.Step(
            program(), 1, stepOf(1), Trees.path(Trees.STEPS, Trees.leaves(Trees.STEPS, stepHashes()), 1)
        );
        (p.count, p.top) = (count, top);
    }

    function test_forged_openings_open_nothing() public {
        (uint64 id,) = claimed(truth());
        for (uint256 i = 0; i < 6; ++i) {
            Reading.Proof memory p = elementOf(truth(), 0, 1);
            if (i == 0) p.parts[0].opened[0].runs[0].data = hex"01030304";
            if (i == 1) p.parts[0].opened[2].runs[0].data = hex"02040607";
            if (i == 2) p.parts[0].opened[2].root = Trees.tensor(hex"02040607");
            if (i == 3) p.parts[0].opened[0].list[0] = bytes32(uint256(1));
            if (i == 4) p.parts[0].stepSiblings[0] = bytes32(uint256(1));
            if (i == 5) p.valueCount = 4;
            reverts(id, Fraud.Element, abi.encode(p), Openings.WrongOpening.selector);
        }
    }

    function test_an_element_or_output_that_is_not_there_opens_nothing() public {
        (uint64 id,) = claimed(truth());
        Reading.Proof memory p = elementOf(truth(), 0, 4);
        reverts(id, Fraud.Element, abi.encode(p), Reading.OutOfRange.selector);
        (p.index, p.output) = (0, 1);
        reverts(id, Fraud.Element, abi.encode(p), Reading.OutOfRange.selector);
    }

    function test_a_proof_in_another_encoding_is_no_proof() public {
        (uint64 id,) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        reverts(id, Fraud.Element, hex"1234", IFraudCheck.ShortProof.selector);
        proof[31] = 0x40;
        reverts(id, Fraud.Element, proof, IFraudCheck.ShortProof.selector);
    }

    function test_a_trace_root_that_is_no_tree_cannot_be_defended() public {
        (uint64 id, uint32 who) = claimed(Claim(claimOf(truth()).output, 0, "w"));
        demand(id, finder, traceTop());
        (bool ok,) = address(this).call(abi.encodeCall(this.tryAnswer, (id, finder, who, traceItems(truth()))));
        isTrue(!ok, "nothing answers");
        vm.warp(block.timestamp + 61);
        disputes.condemn(id, finder);
        phaseIs(id, Phase.Refunded);
    }

    function tryAnswer(uint64 id, uint32 demander, uint32 who, Answer memory a) external {
        answer(id, demander, who, a);
    }

    function test_a_provider_that_answers_only_some_nodes_is_condemned() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        demand(id, finder, traceTop());
        answer(id, finder, who, traceItems(deepLie()));
        demand(id, finder, bytesPlace(1));
        uint256 before = has(who);
        vm.warp(block.timestamp + 61);
        disputes.condemn(id, finder);
        isEqual(before - has(who), lockOf(id), "the lock");
        disputes.collect(id, finder);
        isEqual(has(finder), 100 ether, "the finder loses nothing");
        closed();
    }

    function test_answers_for_another_place_or_claim_are_refused() public {
        (uint64 id, uint32 who) = claimed(truth());
        demand(id, finder, bytesPlace(1));
        for (uint256 i = 0; i < 6; ++i) {
            Answer memory a = bytesAnswer(truth(), i == 0 ? 2 : 1);
            if (i == 1) a.data = hex"02040609";
            if (i == 2) a.data = hex"0204060800";
            if (i == 3) a.length = 5;
            if (i == 4) a = bytesAnswer(deepLie(), 1);
            if (i == 5) a = traceItems(truth());
            vm.expectRevert(IMarketEvents.WrongAnswer.selector);
            this.tryAnswer(id, finder, who, a);
        }
        answer(id, finder, who, bytesAnswer(truth(), 1));
    }

    function test_a_liar_that_challenges_itself_loses_three_quarters() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint256 before = has(who);
        refute(id, who, Fraud.Element, proofOf(deepLie(), 0, 2));
        isEqual(before - has(who), lockOf(id) * 3 / 4, "three quarters");
        closed();
    }

    /// It commits again and again so as always to be first: each time costs a bond, and four bonds are more than the share of one.
    function test_a_liar_that_insures_itself_pays_for_each_prove_window() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint256 before = has(who);
        for (uint256 i = 0; i < 4; ++i) {
            challenge(id, who, proofOf(deepLie(), 0, 2));
            vm.warp(block.timestamp + 50);
        }
        isEqual(before - has(who), 4 * disputes.challengeBond(id), "the bonds of one window");
    }

    /// Both sides of a liar: its own demand, answered by itself, and then its own silence.
    function test_a_liar_that_demands_of_itself_gains_nothing() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint256 before = has(who) + has(thief);
        demand(id, thief, traceTop());
        answer(id, thief, who, traceItems(deepLie()));
        demand(id, thief, traceTop());
        vm.warp(block.timestamp + 61);
        disputes.condemn(id, thief);
        disputes.collect(id, thief);
        isEqual(before - has(who) - has(thief), lockOf(id), "all of the lock");
        closed();
    }

    // ---- What a challenger does

    function test_endless_challenges_cost_only_who_makes_them() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint128 bond = disputes.challengeBond(id);
        uint40 end = order(id).deadline;
        for (uint256 i = 0; i < 40; ++i) {
            vm.warp(block.timestamp + 5);
            if (block.timestamp > end) break;
            challenge(id, thief, "nothing");
        }
        isEqual(disputes.getDispute(id).until, end + 50, "at most one window to prove longer");
        vm.warp(end + 51);
        market.settle(id);
        isEqual(100 ether - has(thief), 40 * bond, "forty bonds");
        uint128 price = registry.price(memberOf(id, who).tier);
        isEqual(has(who), STAKE + 100 ether + price - price / 100, "the provider");
        closed();
    }

    function test_endless_demands_pay_who_answers_them() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint256 before = has(who);
        for (uint256 i = 0; i < 8; ++i) {
            demand(id, thief, traceTop());
            answer(id, thief, who, traceItems(truth()));
        }
        settle(id);
        disputes.collect(id, thief);
        uint128 price = registry.price(memberOf(id, who).tier);
        isEqual(has(who) - before, price - price / 100 + 8 * disputes.getDisputeConfig().demandFee, "eight fees");
        closed();
    }

    /// More demand at once than a provider can answer within one window, an answer a second. Each is still in time, each is paid.
    function test_a_flood_of_demands_gets_no_provider_late_and_pays_it() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint256 before = has(who);
        uint32 first = thief + 1;
        for (uint32 i = 0; i < FLOOD; ++i) demand(id, account(10 ether), traceTop());
        isEqual(disputes.getTraceDemand(id, first + 30).deadline, block.timestamp + 60, "the first and thirty more in the window");
        isEqual(disputes.getTraceDemand(id, first + 31).deadline, block.timestamp + 61, "one more has a second more");
        isEqual(disputes.getTraceDemand(id, first + FLOOD - 1).deadline, block.timestamp + 30 + FLOOD - 1, "and so the last");
        for (uint32 i = 0; i < FLOOD; ++i) {
            vm.warp(block.timestamp + 1);
            answer(id, first + i, who, traceItems(truth()));
        }
        settle(id);
        phaseIs(id, Phase.Settled);
        for (uint32 i = 0; i < FLOOD; ++i) disputes.collect(id, first + i);
        uint128 price = registry.price(memberOf(id, who).tier);
        isEqual(has(who) - before, price - price / 100 + FLOOD * disputes.getDisputeConfig().demandFee, "a fee for each of the flood");
        isEqual(has(first), 10 ether - disputes.getDisputeConfig().demandFee, "and who floods pays it");
        closed();
    }

    /// A liar that asks itself so often locks nobody out, and its demands that it does not answer condemn it like any other.
    function test_a_liar_that_floods_its_own_claim_is_asked_and_refuted_all_the_same() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        uint256 before = has(finder);
        uint32 first = thief + 1;
        for (uint32 i = 0; i < FLOOD; ++i) demand(id, account(10 ether), traceTop());
        demand(id, finder, bytesPlace(1));
        uint40 last = disputes.getTraceDemand(id, finder).deadline;
        isEqual(last, block.timestamp + 30 + FLOOD, "after those before it");
        uint256 snapshot = vm.snapshotState();

        refute(id, finder, Fraud.Element, proofOf(deepLie(), 0, 2));
        phaseIs(id, Phase.Refunded);
        disputes.collect(id, finder);
        isEqual(has(finder) - before, lockOf(id) / 4, "a proof waits for no demand");

        vm.revertToState(snapshot);
        uint256 liar = has(who);
        for (uint32 i = 0; i < FLOOD; ++i) answer(id, first + i, who, traceItems(deepLie()));
        vm.warp(last + 1);
        disputes.condemn(id, finder);
        disputes.collect(id, finder);
        isEqual(has(finder), before, "the demander has its fees back");
        isEqual(liar - has(who), lockOf(id), "and the liar is condemned");
        for (uint32 i = 0; i < FLOOD; ++i) disputes.collect(id, first + i);
        closed();
    }

    /// What is answered makes room: the time of the next counts those that are open.
    function test_answered_demands_make_no_other_wait() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint32 first = thief + 1;
        for (uint32 i = 0; i < FLOOD; ++i) demand(id, account(10 ether), traceTop());
        for (uint32 i = 0; i < FLOOD; ++i) answer(id, first + i, who, traceItems(truth()));
        demand(id, finder, traceTop());
        isEqual(disputes.getTraceDemand(id, finder).deadline, block.timestamp + 60, "one window");
    }

    /// Three claims of one provider are flooded together: it answers one demand a second, in the order of their ends, and is late with none.
    function test_a_flood_of_all_claims_of_a_provider_gets_it_late_with_none() public {
        (uint64[] memory ids, uint32 who) = claimsOfOne(3, truth());
        uint32 first = registry.accountCount() + 1;
        for (uint32 i = 0; i < FLOOD; ++i) {
            account(10 ether);
            for (uint256 j = 0; j < 3; ++j) demand(ids[j], first + i, traceTop());
        }
        isEqual(disputes.getTraceDemand(ids[0], first).deadline, block.timestamp + 60, "the first");
        isEqual(
            disputes.getTraceDemand(ids[2], first + FLOOD - 1).deadline,
            block.timestamp + 30 + 3 * FLOOD - 3,
            "the last has the time of all, but for one of each claim"
        );
        for (uint32 i = 0; i < FLOOD; ++i) {
            for (uint256 j = 0; j < 3; ++j) {
                vm.warp(block.timestamp + 1);
                answer(ids[j], first + i, who, traceItems(truth()));
            }
        }
        for (uint256 j = 0; j < 3; ++j) {
            settle(ids[j]);
            phaseIs(ids[j], Phase.Settled);
            for (uint32 i = 0; i < FLOOD; ++i) disputes.collect(ids[j], first + i);
        }
        closed();
    }

    /// Time comes from demands that are open alone: it is gone with the answers, and with the fall of a claim, however that fell.
    function test_a_provider_has_no_more_time_than_its_open_demands_give() public {
        (uint64[] memory ids, uint32 who) = claimsOfOne(4, deepLie());
        demand(ids[0], finder, traceTop());
        for (uint256 j = 1; j < 4; ++j) demand(ids[j], thief, traceTop());
        isEqual(disputes.getTraceDemand(ids[3], thief).deadline, block.timestamp + 60, "one demand of each claim is in the window");
        uint32 first = registry.accountCount() + 1;
        for (uint32 i = 0; i < FLOOD; ++i) demand(ids[1 + i % 3], account(10 ether), traceTop());
        uint256 snapshot = vm.snapshotState();
        uint32 later = account(10 ether);
        demand(ids[0], later, traceTop());
        isEqual(disputes.getTraceDemand(ids[0], later).deadline, block.timestamp + 30 + FLOOD + 1, "asked while all are open");
        isEqual(disputes.getTraceDemand(ids[0], finder).deadline, block.timestamp + 60, "who asked before waits no longer");

        vm.revertToState(snapshot);
        refute(ids[1], finder, Fraud.Element, proofOf(deepLie(), 0, 2)); // its fifty fall with it
        for (uint32 i = 0; i < FLOOD; ++i) if (i % 3 == 1) answer(ids[2], first + i, who, traceItems(deepLie()));
        later = account(10 ether);
        demand(ids[0], later, traceTop());
        isEqual(disputes.getTraceDemand(ids[0], later).deadline, block.timestamp + 30 + FLOOD / 3 + 1, "those of the last claim are open");
        vm.warp(disputes.getTraceDemand(ids[3], thief).deadline + 1);
        disputes.condemn(ids[3], thief);
        later = account(10 ether);
        (uint64 next,) = claimed(truth());
        demand(next, later, traceTop());
        isEqual(disputes.getTraceDemand(next, later).deadline, block.timestamp + 60, "nothing is left of a flood");
    }

    function test_a_challenge_needs_its_bond() public {
        (uint64 id,) = claimed(deepLie());
        uint32 poor = account(0);
        vm.expectRevert(
            abi.encodeWithSelector(Registry.InsufficientBalance.selector, poor, 0, disputes.challengeBond(id))
        );
        this.tryChallenge(id, poor, "commitment");
    }

    function tryChallenge(uint64 id, uint32 who, bytes32 commitment) external {
        vm.prank(actor(who));
        disputes.challenge(id, who, commitment);
    }

    function test_an_empty_commitment_is_refused() public {
        (uint64 id,) = claimed(deepLie());
        vm.expectRevert(IMarketEvents.EmptyCommitment.selector);
        this.tryChallenge(id, finder, 0);
    }

    function test_a_proof_comes_in_a_later_block_and_in_time() public {
        (uint64 id,) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        uint32 number = challenge(id, finder, proof);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.SameBlock.selector, id, number));
        this.trySend(id, number, Fraud.Element, proof, saltOf(finder));
        nextBlock();
        uint40 deadline = disputes.getChallenges(id)[number].deadline;
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooLate.selector, deadline));
        this.trySend(id, number, Fraud.Element, proof, saltOf(finder));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NoChallenge.selector, id, 1));
        this.trySend(id, 1, Fraud.Element, proof, saltOf(finder));
    }

    function test_another_proof_than_the_committed_one_is_refused() public {
        (uint64 id,) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        uint32 number = challenge(id, finder, "a guess");
        nextBlock();
        bytes32 committed = disputes.getChallenges(id)[number].commitment;
        bytes32 computed = disputes.challengeOf(id, finder, Fraud.Element, keccak256(proof), saltOf(finder));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongProof.selector, computed, committed));
        this.trySend(id, number, Fraud.Element, proof, saltOf(finder));
    }

    function test_disputes_are_not_replayed_on_another_order() public {
        (uint64 a,) = claimed(deepLie());
        (uint64 b,) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        challenge(a, finder, proof);
        bytes32 commitment = disputes.getChallenges(a)[0].commitment;
        vm.prank(actor(finder));
        disputes.challenge(b, finder, commitment); // the same words, on the other order
        nextBlock();
        bytes32 computed = disputes.challengeOf(b, finder, Fraud.Element, keccak256(proof), saltOf(finder));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.WrongProof.selector, computed, commitment));
        this.trySend(b, 0, Fraud.Element, proof, saltOf(finder));
    }

    function test_crossed_disputes_a_proof_against_one_claim_is_none_against_another() public {
        (uint64 lying,) = claimed(deepLie());
        (uint64 right,) = claimed(truth());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        reverts(right, Fraud.Element, proof, Openings.WrongOpening.selector);
        refute(lying, finder, Fraud.Element, proof);
        phaseIs(lying, Phase.Refunded);
        phaseIs(right, Phase.Standing);
        settle(right);
        phaseIs(right, Phase.Settled);
        closed();
    }

    function test_two_disputes_at_once_do_not_touch_each_other() public {
        (uint64 a,) = claimed(deepLie());
        (uint64 b,) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        challenge(a, finder, proof);
        challenge(b, thief, proof);
        demand(b, finder, traceTop());
        nextBlock();
        prove(a, 0, proof);
        phaseIs(a, Phase.Refunded);
        phaseIs(b, Phase.Standing);
        prove(b, 0, proof);
        disputes.collect(b, finder);
        isEqual(has(finder), 100 ether + lockOf(a) / 4, "one reward");
        isEqual(has(thief), 100 ether + lockOf(b) / 4, "the other");
        closed();
    }

    function test_a_dispute_of_an_order_without_a_standing_claim_is_refused() public {
        uint64 id = place(optimisticTerms());
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongPhase.selector, id, Phase.Draw));
        this.tryChallenge(id, finder, "c");
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongPhase.selector, 99, Phase.None));
        this.tryChallenge(99, finder, "c");
    }

    function test_an_order_by_quorum_is_not_disputed() public {
        uint64 id = ordered(1, 1, 0);
        work(id, honest);
        drawAudit(id);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotOptimistic.selector, id));
        this.tryChallenge(id, finder, "c");
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NotOptimistic.selector, id));
        disputes.condemn(id, finder);
        settle(id);
        closed();
    }

    function test_a_settled_order_is_not_disputed() public {
        (uint64 id,) = claimed(deepLie());
        settle(id);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongPhase.selector, id, Phase.Settled));
        this.tryChallenge(id, finder, "c");
    }

    // ---- Faults of others

    /// Results could be uploaded by anybody: here a challenge and a demand need the account's key, and an answer the claim's own bytes.
    function test_fault_unauthenticated_moves() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotActor.selector, finder, address(this)));
        disputes.challenge(id, finder, "c");
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.NotActor.selector, finder, address(this)));
        disputes.demandTrace(id, finder, traceTop());
        demand(id, finder, traceTop());
        vm.expectRevert(IMarketEvents.WrongAnswer.selector);
        disputes.answerTrace(id, finder, who, traceItems(truth()));
        disputes.answerTrace(id, finder, who, traceItems(deepLie())); // whoever sends it, the fee is the provider's
        refute(id, finder, Fraud.Element, proofOf(deepLie(), 0, 2));
    }

    /// The comparison of results was commented out, and a challenger with the same result won: only a refuted element wins.
    function test_fault_a_challenger_with_the_same_result_wins() public {
        (uint64 id, uint32 who) = claimed(truth());
        uint256 before = has(who);
        for (uint64 step = 0; step < 2; ++step) {
            for (uint64 i = 0; i < 4; ++i) fails(id, Fraud.Element, proofOf(truth(), step, i));
        }
        fails(id, Fraud.Input, inputProof(truth()));
        fails(id, Fraud.Count, abi.encode(countProof(3, Trees.top(Trees.TRACE, Trees.leaves(Trees.TRACE, rootsOf(truth()))))));
        settle(id);
        phaseIs(id, Phase.Settled);
        isTrue(has(who) > before, "the provider is paid");
        closed();
    }

    /// There were no clocks and no bonds: each move has both. See also Disputes.t.sol.
    function test_fault_no_clocks_or_bonds() public {
        (uint64 id,) = claimed(truth());
        uint128 free_ = free(finder);
        challenge(id, finder, "nothing");
        isEqual(free_ - free(finder), registry.price(MAX_TIER), "a challenge has a bond");
        free_ = free(finder);
        demand(id, finder, traceTop());
        isEqual(free_ - free(finder), 8 * disputes.getDisputeConfig().demandFee, "all demands are paid for at the first");
        isEqual(disputes.getChallenges(id)[0].deadline, block.timestamp + 50, "a clock");
        isEqual(disputes.getTraceDemand(id, finder).deadline, block.timestamp + 60, "a clock");
    }

    /// The winner took all that the contract held: here what other orders hold stays.
    function test_fault_the_winner_takes_the_whole_balance() public {
        (uint64 a,) = claimed(deepLie());
        (uint64 b,) = claimed(truth());
        uint128 heldForB = order(b).escrow + order(b).bond;
        refute(a, finder, Fraud.Element, proofOf(deepLie(), 0, 2));
        isEqual(registry.held(), heldForB, "the other order's money");
        solvent();
        settle(b);
        closed();
    }

    /// The links of the game could be called in any order.
    function test_fault_phases_are_not_enforced() public {
        (uint64 id, uint32 who) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NoChallenge.selector, id, 0));
        this.trySend(id, 0, Fraud.Element, proof, saltOf(finder));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NoTraceDemand.selector, id, finder));
        this.tryAnswer(id, finder, who, traceItems(deepLie()));
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NoTraceDemand.selector, id, finder));
        disputes.condemn(id, finder);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToCollect.selector, id));
        disputes.collect(id, finder);
        challenge(id, finder, proof);
        vm.expectRevert(abi.encodeWithSelector(IDisputes.NothingToCollect.selector, id));
        disputes.reclaim(id, 0);
    }

    /// Who sees a proof copies it: it commits, and even proves, before the proof is in a block, and wins nothing.
    function test_fault_a_proof_may_be_copied() public {
        (uint64 id,) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        uint32 mine = challenge(id, finder, proof);
        nextBlock();
        uint32 copy = challenge(id, thief, proof); // seen on its way
        nextBlock();
        prove(id, copy, proof);
        prove(id, mine, proof);
        phaseIs(id, Phase.Refunded);
        disputes.reclaim(id, copy);
        isEqual(has(finder), 100 ether + lockOf(id) / 4, "the finder");
        isEqual(has(thief), 100 ether, "the thief has its bond back, no more");
        closed();
    }

    function test_fault_a_commitment_may_be_copied() public {
        (uint64 id,) = claimed(deepLie());
        bytes memory proof = proofOf(deepLie(), 0, 2);
        bytes32 c = disputes.challengeOf(id, finder, Fraud.Element, keccak256(proof), saltOf(finder));
        this.tryChallenge(id, thief, c); // before the finder's own
        this.tryChallenge(id, finder, c);
        nextBlock();
        (bool ok,) = address(this).call(abi.encodeCall(this.trySend, (id, 0, Fraud.Element, proof, saltOf(finder))));
        isTrue(!ok, "it binds the account");
        this.trySend(id, 1, Fraud.Element, proof, saltOf(finder));
        pass();
        market.settle(id);
        isEqual(has(finder), 100 ether + lockOf(id) / 4, "the finder");
    }
}
