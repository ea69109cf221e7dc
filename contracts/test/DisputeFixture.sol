// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimCheck} from "../src/dispute/ClaimCheck.sol";
import {Openings} from "../src/dispute/Openings.sol";
import {Reading} from "../src/dispute/Reading.sol";
import {Answer, Fraud, OPTIMISTIC, Order, Phase, Place, Terms} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";
import {Trees} from "./Trees.sol";

/// @dev Optimistic orders of a small real program, claims of its runs, true and false, and the proofs against them.
///   x (input, 4 x i8, -100 to 100), y = x + x, z = y + y, y and z the outputs
abstract contract DisputeFixture is Fixture {
    uint8 internal constant VALUES = 3;

    bytes32 internal spec = idOf(program());

    /// A run, or what somebody says is one: the bytes of x, y, z.
    struct Run {
        bytes x;
        bytes y;
        bytes z;
    }

    function setUp() public virtual override {
        super.setUp();
        providers(6);
    }

    // ---- The program

    function stepBytes(uint8 kind, uint32 operand, uint32 output) internal pure returns (bytes memory) {
        bytes memory tensor = bytes.concat(hex"0101", Trees.le(4, 4));
        bytes memory one = bytes.concat(Trees.le(operand, 4), tensor);
        return bytes.concat(bytes1(kind), hex"02", one, one, Trees.le(output, 4), hex"01", tensor, hex"00");
    }

    function stepOf(uint256 step) internal pure returns (bytes memory) {
        return stepBytes(3, uint32(step), uint32(step) + 1);
    }

    function io() internal pure returns (bytes memory) {
        bytes memory scale = bytes.concat(Trees.le(1 << 23, 4), Trees.le(0, 4));
        bytes memory in_ = bytes.concat(Trees.le(1, 4), "x", hex"0101", Trees.le(4, 4), scale, Trees.le(uint256(int256(-100)), 8));
        bytes memory outs = bytes.concat(
            Trees.le(2, 4), Trees.le(1, 4), "y", Trees.le(1, 4), scale, Trees.le(1, 4), "z", Trees.le(2, 4), scale
        );
        return bytes.concat(Trees.le(1, 4), in_, Trees.le(100, 8), outs);
    }

    function stepHashes() internal pure returns (bytes32[] memory list) {
        list = new bytes32[](2);
        (list[0], list[1]) = (keccak256(stepOf(0)), keccak256(stepOf(1)));
    }

    function program() internal pure returns (Openings.Program memory p) {
        (p.version, p.io, p.stepCount) = (1, keccak256(io()), 2);
        p.steps = Trees.listRoot(Trees.STEPS, stepHashes());
        (p.weights, p.tables) = (Trees.rootOf(Trees.WEIGHTS, 0, 0), Trees.rootOf(Trees.TABLES, 0, 0));
    }

    function idOf(Openings.Program memory p) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(p.version, p.io, p.steps, p.weights, p.tables));
    }

    // ---- Runs and claims

    function twice(bytes memory a) internal pure returns (bytes memory b) {
        b = new bytes(a.length);
        for (uint256 i = 0; i < a.length; ++i) b[i] = bytes1(uint8(2 * uint256(uint8(a[i]))));
    }

    function run(bytes memory x) internal pure returns (Run memory r) {
        r.x = x;
        r.y = twice(x);
        r.z = twice(r.y);
    }

    function truth() internal pure returns (Run memory) {
        return run(hex"01020304");
    }

    /// Element 2 of y is wrong, and what follows from it agrees with it.
    function deepLie() internal pure returns (Run memory r) {
        r = truth();
        r.y[2] = 0x07;
        r.z = twice(r.y);
    }

    function rootsOf(Run memory r) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](3);
        (list[0], list[1], list[2]) = (Trees.tensor(r.x), Trees.tensor(r.y), Trees.tensor(r.z));
    }

    function outputsOf(Run memory r) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](2);
        (list[0], list[1]) = (Trees.tensor(r.y), Trees.tensor(r.z));
    }

    function inputsOf(Run memory r) internal pure returns (bytes32[] memory list) {
        list = new bytes32[](1);
        list[0] = Trees.tensor(r.x);
    }

    function claimOf(Run memory r) internal pure returns (Claim memory) {
        return Claim(Trees.listRoot(Trees.OUTPUTS, outputsOf(r)), Trees.listRoot(Trees.TRACE, rootsOf(r)), "witness");
    }

    // ---- Orders

    function optimisticTerms() internal returns (Terms memory t) {
        t = terms(1, 1);
        (t.check, t.spec) = (OPTIMISTIC, spec);
        t.inputRoot = Trees.listRoot(Trees.INPUTS, inputsOf(truth()));
    }

    /// An order on the true input, with its provider seated, and the claim standing.
    function claimed(Claim memory c) internal returns (uint64 id, uint32 who) {
        id = place(optimisticTerms());
        draw(id);
        publish(id, BUYER);
        who = work(id, c)[0];
        phaseIs(id, Phase.Standing);
    }

    function claimed(Run memory r) internal returns (uint64 id, uint32 who) {
        return claimed(claimOf(r));
    }

    /// Claims about as many orders that stand at once, all of one provider.
    function claimsOfOne(uint256 count, Run memory r) internal returns (uint64[] memory ids, uint32 who) {
        for (uint32 i = 1; i <= registry.accountCount(); ++i) {
            if (!registry.getOffer(i, KIND).active) continue;
            vm.prank(actor(i));
            registry.setOffer(i, KIND, 20, false);
        }
        uint32 only = provider(20, STAKE * uint128(count));
        ids = new uint64[](count);
        for (uint256 i = 0; i < count; ++i) (ids[i], who) = claimed(r);
        isEqual(who, only, "the one that offers");
    }

    // ---- Proofs

    function open(bytes32[] memory roots, uint256 value, bytes memory data) internal pure returns (Openings.Opened memory o) {
        o.root = roots[value];
        o.list = Trees.path(Trees.TRACE, Trees.leaves(Trees.TRACE, roots), value);
        o.runs = new Openings.Run[](1);
        (o.runs[0].data, o.runs[0].siblings) = (data, new bytes32[](0));
    }

    /// Element `index` of the output of step `step`, as the trace of `r` has it.
    function elementOf(Run memory r, uint64 step, uint64 index) internal pure returns (Reading.Proof memory p) {
        bytes32[] memory roots = rootsOf(r);
        (p.program, p.valueCount, p.index, p.hints) = (program(), VALUES, index, new uint64[](0));
        p.parts = new Reading.Part[](1);
        Reading.Part memory part = p.parts[0];
        (part.step, part.stepBytes) = (step, stepOf(step));
        part.stepSiblings = Trees.path(Trees.STEPS, Trees.leaves(Trees.STEPS, stepHashes()), step);
        part.opened = new Openings.Opened[](3);
        bytes memory operand = step == 0 ? r.x : r.y;
        (part.opened[0], part.opened[1]) = (open(roots, step, operand), open(roots, step, operand));
        part.opened[2] = open(roots, step + 1, step == 0 ? r.y : r.z);
    }

    function proofOf(Run memory r, uint64 step, uint64 index) internal pure returns (bytes memory) {
        return abi.encode(elementOf(r, step, index));
    }

    function item(uint8 domain, bytes32[] memory items, uint64 index) internal pure returns (ClaimCheck.Item memory) {
        return ClaimCheck.Item(uint64(items.length), index, items[index], Trees.path(domain, Trees.leaves(domain, items), index));
    }

    /// Everybody's salt is made of its account, as a thief would know.
    function saltOf(uint32 who) internal pure returns (bytes32) {
        return bytes32(uint256(0x5a17000) + who);
    }

    function challenge(uint64 id, uint32 who, Fraud fraud, bytes memory proof) internal returns (uint32 number) {
        bytes32 c = disputes.challengeOf(id, who, fraud, keccak256(proof), saltOf(who));
        vm.prank(actor(who));
        return disputes.challenge(id, who, c);
    }

    function challenge(uint64 id, uint32 who, bytes memory proof) internal returns (uint32) {
        return challenge(id, who, Fraud.Element, proof);
    }

    function prove(uint64 id, uint32 number, bytes memory proof) internal {
        uint32 who = disputes.getChallenges(id)[number].account;
        disputes.prove(id, number, Fraud.Element, proof, saltOf(who));
    }

    /// Challenges with a proof, and shows it in the next block.
    function refute(uint64 id, uint32 who, Fraud fraud, bytes memory proof) internal {
        uint32 number = challenge(id, who, fraud, proof);
        nextBlock();
        disputes.prove(id, number, fraud, proof, saltOf(who));
    }

    // ---- Demands

    function demand(uint64 id, uint32 who, Place memory place) internal {
        vm.prank(actor(who));
        disputes.demandTrace(id, who, place);
    }

    function answer(uint64 id, uint32 demander, uint32 who, Answer memory a) internal {
        vm.prank(actor(who));
        disputes.answerTrace(id, demander, who, a);
    }

    /// The list behind the trace root, from its top.
    function traceTop() internal pure returns (Place memory p) {
        (p.tree, p.kind, p.level) = (1, 2, 2);
    }

    function traceItems(Run memory r) internal pure returns (Answer memory a) {
        (a.length, a.hashes) = (VALUES, rootsOf(r));
        (a.siblings, a.list) = (new bytes32[](0), new bytes32[](0));
    }

    function traceSummit(Run memory r) internal pure returns (bytes32) {
        return Trees.top(Trees.TRACE, Trees.leaves(Trees.TRACE, rootsOf(r)));
    }

    function bytesPlace(uint64 value) internal pure returns (Place memory p) {
        (p.tree, p.kind, p.value) = (3, 3, value);
    }

    function bytesAnswer(Run memory r, uint64 value) internal pure returns (Answer memory a) {
        a.data = value == 0 ? r.x : value == 1 ? r.y : r.z;
        (a.length, a.count) = (uint64(a.data.length), VALUES);
        (a.hashes, a.siblings) = (new bytes32[](0), new bytes32[](0));
        a.list = Trees.path(Trees.TRACE, Trees.leaves(Trees.TRACE, rootsOf(r)), value);
    }

    // ---- Money

    function has(uint32 who) internal view returns (uint256) {
        return uint256(free(who)) + stakeOf(who);
    }

    function lockOf(uint64 id) internal view returns (uint128) {
        return 20 * disputes.challengeBond(id);
    }

    function order(uint64 id) internal view returns (Order memory) {
        return market.getOrder(id);
    }
}
