// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimCheck} from "../src/dispute/ClaimCheck.sol";
import {ElementCheck} from "../src/dispute/ElementCheck.sol";
import {IFraudCheck} from "../src/dispute/IFraudCheck.sol";
import {Openings} from "../src/dispute/Openings.sol";
import {Reading} from "../src/dispute/Reading.sol";
import {Answer, ClaimRoots, Fraud, Place} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";
import {Trees} from "./Trees.sol";

/// @dev Claims of a program of which values are inner:
///   x (input, 4 x i8), a = x + x and b = x * x (inner), c = a - b, the output
contract InnerFraudsTest is DisputeFixture {
    bytes32 private constant INNER = keccak256("koinon.inner");
    uint8 private constant FLAG = 0x80;
    uint8 private constant ADD = 3;
    uint8 private constant SUB = 4;
    uint8 private constant MUL = 5;

    // ---- The program, with any flags

    function step(uint8 kind, uint32 left, uint32 right, uint32 output) private pure returns (bytes memory) {
        bytes memory tensor = bytes.concat(hex"0101", Trees.le(4, 4));
        bytes memory operands = bytes.concat(Trees.le(left, 4), tensor, Trees.le(right, 4), tensor);
        return bytes.concat(bytes1(kind), hex"02", operands, Trees.le(output, 4), hex"01", tensor, hex"00");
    }

    function steps(uint8 flagA) private pure returns (bytes[] memory all) {
        all = new bytes[](3);
        all[0] = step(ADD | flagA, 0, 0, 1);
        all[1] = step(MUL | FLAG, 0, 0, 2);
        all[2] = step(SUB, 1, 2, 3);
    }

    function hashes(bytes[] memory all) private pure returns (bytes32[] memory list) {
        list = new bytes32[](all.length);
        for (uint256 i = 0; i < all.length; ++i) list[i] = keccak256(all[i]);
    }

    function programOf(bytes[] memory all) private pure returns (Openings.Program memory p) {
        p = program();
        (p.steps, p.stepCount) = (Trees.listRoot(Trees.STEPS, hashes(all)), uint64(all.length));
    }

    // ---- Claims

    function items(bytes memory x, bytes memory c) private pure returns (bytes32[] memory list) {
        list = new bytes32[](4);
        (list[0], list[1], list[2], list[3]) = (Trees.tensor(x), INNER, INNER, Trees.tensor(c));
    }

    function claimOf(bytes[] memory all, bytes32[] memory list) private pure returns (ClaimRoots memory c) {
        (c.program, c.trace) = (idOf(programOf(all)), Trees.listRoot(Trees.TRACE, list));
    }

    // ---- Proofs

    function part(bytes[] memory all, uint64 number, uint256 tensors) private pure returns (Reading.Part memory p) {
        (p.step, p.stepBytes) = (number, all[number]);
        p.stepSiblings = Trees.path(Trees.STEPS, Trees.leaves(Trees.STEPS, hashes(all)), number);
        p.opened = new Openings.Opened[](tensors);
        for (uint256 i = 0; i < tensors; ++i) p.opened[i].list = new bytes32[](0);
    }

    function maker(bytes[] memory all, uint64 number, bytes32[] memory list, bytes memory x) private pure returns (Reading.Part memory p) {
        p = part(all, number, 2);
        (p.opened[0], p.opened[1]) = (open(list, 0, x), open(list, 0, x));
    }

    /// Element 1 of c, through a and b.
    function element(bytes[] memory all, bytes32[] memory list, bytes memory x, bytes memory c)
        private
        pure
        returns (Reading.Proof memory p)
    {
        (p.program, p.valueCount, p.index, p.hints) = (programOf(all), 4, 1, new uint64[](0));
        p.parts = new Reading.Part[](3);
        p.parts[0] = part(all, 2, 3);
        p.parts[0].opened[2] = open(list, 3, c);
        (p.parts[1], p.parts[2]) = (maker(all, 0, list, x), maker(all, 1, list, x));
    }

    function shows(ClaimRoots memory c, Fraud fraud, bytes memory proof) private view returns (bool) {
        return IFraudCheck(fraudCheck).refutes(c, fraud, proof);
    }

    function opensNothing(ClaimRoots memory c, Fraud fraud, bytes memory proof, bytes4 why, string memory what) private view {
        (bool ok, bytes memory got) = fraudCheck.staticcall(abi.encodeCall(IFraudCheck.refutes, (c, fraud, proof)));
        isTrue(!ok, what);
        isTrue(bytes4(got) == why, what);
    }

    bytes private constant X = hex"01020304";
    bytes private constant C = hex"0100fdf8"; // 2 x - x x
    bytes private constant FALSE_C = hex"0101fdf8";

    function test_an_element_of_inner_operands_is_recomputed_through_them() public view {
        bytes[] memory all = steps(FLAG);
        isTrue(!shows(claimOf(all, items(X, C)), Fraud.Element, abi.encode(element(all, items(X, C), X, C))), "true");
        isTrue(shows(claimOf(all, items(X, FALSE_C)), Fraud.Element, abi.encode(element(all, items(X, FALSE_C), X, FALSE_C))), "false");
    }

    function test_parts_that_do_not_make_the_operands_open_nothing() public view {
        bytes[] memory all = steps(FLAG);
        bytes32[] memory list = items(X, FALSE_C);
        ClaimRoots memory c = claimOf(all, list);
        Reading.Proof memory p = element(all, list, X, FALSE_C);
        (p.parts[1], p.parts[2]) = (p.parts[2], p.parts[1]);
        opensNothing(c, Fraud.Element, abi.encode(p), ElementCheck.WrongPart.selector, "out of order");
        p.parts[2] = p.parts[1];
        opensNothing(c, Fraud.Element, abi.encode(p), ElementCheck.WrongPart.selector, "one twice");
        p = element(all, list, X, FALSE_C);
        Reading.Part[] memory right = p.parts;
        p.parts = new Reading.Part[](2);
        (p.parts[0], p.parts[1]) = (right[0], right[1]);
        opensNothing(c, Fraud.Element, abi.encode(p), Reading.NotOpened.selector, "one is missing");
        p.parts = new Reading.Part[](4);
        for (uint256 i = 0; i < 4; ++i) p.parts[i] = right[i < 3 ? i : 2];
        opensNothing(c, Fraud.Element, abi.encode(p), ElementCheck.WrongCount.selector, "one is left over");
        p.parts = new Reading.Part[](9);
        for (uint256 i = 0; i < 9; ++i) p.parts[i] = right[i < 3 ? i : 2];
        opensNothing(c, Fraud.Element, abi.encode(p), ElementCheck.WrongCount.selector, "too many");
        p.parts = new Reading.Part[](0);
        (bool ok,) = fraudCheck.staticcall(abi.encodeCall(IFraudCheck.refutes, (c, Fraud.Element, abi.encode(p))));
        isTrue(!ok, "none");
        p = element(all, list, X, FALSE_C);
        p.parts[1].opened = p.parts[0].opened;
        opensNothing(c, Fraud.Element, abi.encode(p), ElementCheck.WrongCount.selector, "a tensor more than operands");
        p = element(all, list, X, FALSE_C);
        p.parts[1].stepBytes = step(ADD | FLAG, 3, 0, 1);
        opensNothing(c, Fraud.Element, abi.encode(p), Openings.WrongOpening.selector, "no step of the program");
    }

    /// Nobody may recompute an operand that stands in the trace: what it says there counts.
    function test_a_part_for_an_operand_that_is_not_inner_opens_nothing() public view {
        bytes[] memory all = steps(0);
        bytes memory a = hex"020406ff";
        bytes32[] memory list = items(X, C);
        list[1] = Trees.tensor(a);
        ClaimRoots memory c = claimOf(all, list);
        Reading.Proof memory p = element(all, list, X, C);
        opensNothing(c, Fraud.Element, abi.encode(p), ElementCheck.WrongPart.selector, "not inner");
        Reading.Part[] memory parts = new Reading.Part[](2);
        (parts[0], parts[1]) = (p.parts[0], p.parts[2]);
        parts[0].opened[0] = open(list, 1, a);
        p.parts = parts;
        isTrue(!shows(c, Fraud.Element, abi.encode(p)), "read from the trace");
    }

    function test_an_element_of_an_inner_value_is_claimed_by_nobody() public view {
        bytes[] memory all = steps(FLAG);
        bytes32[] memory list = items(X, C);
        list[1] = Trees.tensor(hex"0204060a");
        Reading.Proof memory p = element(all, list, X, C);
        Reading.Part[] memory parts = new Reading.Part[](1);
        parts[0] = part(all, 0, 3);
        (parts[0].opened[0], parts[0].opened[1], parts[0].opened[2]) = (open(list, 0, X), open(list, 0, X), open(list, 1, hex"0204060a"));
        p.parts = parts;
        opensNothing(claimOf(all, list), Fraud.Element, abi.encode(p), ElementCheck.WrongPart.selector, "inner");
    }

    /// A run keeps every value within its type, so only a trace that is wrong before can get here.
    function test_an_inner_element_beyond_its_type_opens_nothing() public view {
        bytes[] memory all = steps(FLAG);
        bytes memory x = hex"01400304"; // 64 * 64 and 64 + 64 are no i8
        bytes32[] memory list = items(x, C);
        Reading.Proof memory p = element(all, list, x, C);
        opensNothing(claimOf(all, list), Fraud.Element, abi.encode(p), Reading.OutOfRange.selector, "beyond");
    }

    // ---- The list of values

    function innerProof(bytes[] memory all, bytes32[] memory list, uint64 number, uint8 output, uint64 value)
        private
        pure
        returns (ClaimCheck.InnerProof memory)
    {
        bytes32[] memory siblings = Trees.path(Trees.STEPS, Trees.leaves(Trees.STEPS, hashes(all)), number);
        return ClaimCheck.InnerProof(
            ClaimCheck.Step(programOf(all), number, all[number], siblings), output, item(Trees.TRACE, list, value)
        );
    }

    function test_a_tree_of_an_inner_value_and_none_of_another_are_shown() public view {
        bytes[] memory all = steps(FLAG);
        bytes32[] memory list = items(X, C);
        ClaimRoots memory c = claimOf(all, list);
        for (uint64 i = 0; i < 3; ++i) {
            isTrue(!shows(c, Fraud.Inner, abi.encode(innerProof(all, list, i, 0, i + 1))), "as it should be");
        }
        opensNothing(c, Fraud.Inner, abi.encode(innerProof(all, list, 2, 0, 2)), ClaimCheck.WrongItem.selector, "of another step");
        opensNothing(c, Fraud.Inner, abi.encode(innerProof(all, list, 1, 1, 3)), ClaimCheck.WrongItem.selector, "of no output");
        list[1] = Trees.tensor(hex"02040608");
        c = claimOf(all, list);
        isTrue(shows(c, Fraud.Inner, abi.encode(innerProof(all, list, 0, 0, 1))), "a tree of an inner value");
        list = items(X, C);
        list[3] = INNER;
        c = claimOf(all, list);
        isTrue(shows(c, Fraud.Inner, abi.encode(innerProof(all, list, 2, 0, 3))), "no tree of a kept value");
        ClaimCheck.InnerProof memory p = innerProof(all, list, 2, 0, 3);
        p.traced.root = Trees.tensor(C);
        opensNothing(c, Fraud.Inner, abi.encode(p), Openings.WrongOpening.selector, "another item");
    }

    // ---- Demands

    function innerAnswer(bytes32[] memory list, uint64 value) private pure returns (Answer memory a) {
        a.count = uint64(list.length);
        (a.hashes, a.siblings) = (new bytes32[](0), new bytes32[](0));
        a.list = Trees.path(Trees.TRACE, Trees.leaves(Trees.TRACE, list), value);
    }

    function refused(uint64 id, uint32 demander, uint32 who, Answer memory a, string memory what) private {
        vm.prank(actor(who));
        (bool ok,) = address(disputes).call(abi.encodeCall(disputes.answerTrace, (id, demander, who, a)));
        isTrue(!ok, what);
    }

    function test_every_demand_about_an_inner_value_has_an_answer() public {
        bytes32[] memory list = items(X, C);
        (uint64 id, uint32 who) = claimed(Claim(claimOf(truth()).output, Trees.listRoot(Trees.TRACE, list), "witness"));
        uint32 stranger = account(100 ether);
        nextBlock();
        for (uint8 kind = 1; kind <= 3; ++kind) {
            Place memory p;
            (p.tree, p.kind, p.value, p.level, p.index) = (3, kind, 1, kind == 2 ? 6 : 0, kind == 1 ? 0 : 5);
            demand(id, stranger, p);
            Answer memory a = innerAnswer(list, 1);
            a.length = 4;
            refused(id, stranger, who, a, "a length of nothing");
            a = innerAnswer(list, 1);
            a.hashes = new bytes32[](1);
            refused(id, stranger, who, a, "a node of nothing");
            refused(id, stranger, who, innerAnswer(list, 2), "another inner value");
            answer(id, stranger, who, innerAnswer(list, 1));
        }
        Place memory kept;
        (kept.tree, kept.kind, kept.value) = (3, 1, 3);
        demand(id, stranger, kept);
        refused(id, stranger, who, innerAnswer(list, 3), "a kept value has a tree");
    }
}
