// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ClaimCheck} from "../src/dispute/ClaimCheck.sol";
import {FormCheck} from "../src/dispute/FormCheck.sol";
import {IFraudCheck} from "../src/dispute/IFraudCheck.sol";
import {Openings} from "../src/dispute/Openings.sol";
import {Reading} from "../src/dispute/Reading.sol";
import {ClaimRoots, Fraud} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";
import {Trees} from "./Trees.sol";

/// @dev Each form of fraud shown, refused where there is none, and refused where what is shown does not open.
contract FraudFormsTest is DisputeFixture {
    function rootsOfClaim(Run memory r) private pure returns (ClaimRoots memory c) {
        c.program = idOf(program());
        (c.inputs, c.outputs) = (Trees.listRoot(Trees.INPUTS, inputsOf(truth())), claimOf(r).output);
        c.trace = claimOf(r).trace;
    }

    function shows(ClaimRoots memory c, Fraud fraud, bytes memory proof) private view returns (bool) {
        return IFraudCheck(fraudCheck).refutes(c, fraud, proof);
    }

    function opensNothing(ClaimRoots memory c, Fraud fraud, bytes memory proof, bytes4 why) private view {
        (bool ok, bytes memory got) = fraudCheck.staticcall(abi.encodeCall(IFraudCheck.refutes, (c, fraud, proof)));
        isTrue(!ok && bytes4(got) == why, "opens nothing");
    }

    function test_a_claim_with_more_or_fewer_outputs_than_the_program() public view {
        ClaimRoots memory c = rootsOfClaim(truth());
        bytes32[] memory outs = outputsOf(truth());
        bytes32 top = Trees.top(Trees.OUTPUTS, Trees.leaves(Trees.OUTPUTS, outs));
        isTrue(!shows(c, Fraud.Outputs, abi.encode(FormCheck.OutputsProof(program(), io(), 2, top))), "two");
        opensNothing(
            c, Fraud.Outputs, abi.encode(FormCheck.OutputsProof(program(), io(), 3, top)), Openings.WrongOpening.selector
        );
        bytes32[] memory three = new bytes32[](3);
        (three[0], three[1], three[2]) = (outs[0], outs[1], outs[1]);
        c.outputs = Trees.listRoot(Trees.OUTPUTS, three);
        top = Trees.top(Trees.OUTPUTS, Trees.leaves(Trees.OUTPUTS, three));
        isTrue(shows(c, Fraud.Outputs, abi.encode(FormCheck.OutputsProof(program(), io(), 3, top))), "three");
        c.outputs = Trees.rootOf(Trees.OUTPUTS, 0, 0);
        isTrue(shows(c, Fraud.Outputs, abi.encode(FormCheck.OutputsProof(program(), io(), 0, 0))), "none");
    }

    /// Roots of a claim about an order whose input these are.
    function ordered(bytes32[] memory inputs) private pure returns (ClaimRoots memory c) {
        c = rootsOfClaim(truth());
        c.inputs = Trees.listRoot(Trees.INPUTS, inputs);
    }

    function test_an_order_with_more_or_fewer_inputs_than_the_program() public view {
        bytes32[] memory one = inputsOf(truth());
        bytes32 top = Trees.top(Trees.INPUTS, Trees.leaves(Trees.INPUTS, one));
        FormCheck.InputsProof memory p = FormCheck.InputsProof(program(), io(), 1, top);
        isTrue(!shows(rootsOfClaim(truth()), Fraud.Inputs, abi.encode(p)), "one");
        p.count = 2;
        opensNothing(rootsOfClaim(truth()), Fraud.Inputs, abi.encode(p), Openings.WrongOpening.selector);
        bytes32[] memory two = new bytes32[](2);
        (two[0], two[1]) = (one[0], one[0]);
        p.top = Trees.top(Trees.INPUTS, Trees.leaves(Trees.INPUTS, two));
        isTrue(shows(ordered(two), Fraud.Inputs, abi.encode(p)), "two");
        opensNothing(rootsOfClaim(truth()), Fraud.Inputs, abi.encode(p), Openings.WrongOpening.selector);
        (p.count, p.top) = (0, 0);
        ClaimRoots memory c = rootsOfClaim(truth());
        c.inputs = Trees.rootOf(Trees.INPUTS, 0, 0);
        isTrue(shows(c, Fraud.Inputs, abi.encode(p)), "none");
        p.io[0] = 0x00; // as if the program took none
        opensNothing(c, Fraud.Inputs, abi.encode(p), Openings.WrongOpening.selector);
    }

    function lengthProof(bytes memory x) private pure returns (FormCheck.InputLengthProof memory) {
        bytes32[] memory list = new bytes32[](1);
        list[0] = Trees.tensor(x);
        return FormCheck.InputLengthProof(program(), io(), item(Trees.INPUTS, list, 0), uint64(x.length), Trees.leaf(x));
    }

    function test_an_input_of_the_order_of_another_length() public view {
        bytes[3] memory wrong = [bytes(hex"010203"), hex"0102030400", hex""];
        for (uint256 i = 0; i < 3; ++i) {
            bytes32[] memory list = new bytes32[](1);
            list[0] = Trees.tensor(wrong[i]);
            FormCheck.InputLengthProof memory p = lengthProof(wrong[i]);
            isTrue(shows(ordered(list), Fraud.InputLength, abi.encode(p)), "another length");
            opensNothing(rootsOfClaim(truth()), Fraud.InputLength, abi.encode(p), Openings.WrongOpening.selector);
            p.size = 4;
            opensNothing(ordered(list), Fraud.InputLength, abi.encode(p), Openings.WrongOpening.selector);
        }
        ClaimRoots memory c = rootsOfClaim(truth());
        isTrue(!shows(c, Fraud.InputLength, abi.encode(lengthProof(truth().x))), "four bytes");
        bytes32[] memory two = new bytes32[](2);
        (two[0], two[1]) = (Trees.tensor(truth().x), Trees.tensor(hex"01"));
        FormCheck.InputLengthProof memory second =
            FormCheck.InputLengthProof(program(), io(), item(Trees.INPUTS, two, 1), 1, Trees.leaf(hex"01"));
        opensNothing(ordered(two), Fraud.InputLength, abi.encode(second), ClaimCheck.WrongItem.selector);
    }

    function rangeProof(Run memory r, uint64 index) private pure returns (FormCheck.RangeProof memory) {
        return FormCheck.RangeProof(program(), io(), VALUES, 0, index, open(rootsOf(r), 0, r.x));
    }

    function test_an_input_outside_its_declared_range() public view {
        Run memory r = run(hex"9c64659b"); // -100, 100, 101, -101
        ClaimRoots memory c = rootsOfClaim(r);
        isTrue(!shows(c, Fraud.Range, abi.encode(rangeProof(r, 0))), "the low itself");
        isTrue(!shows(c, Fraud.Range, abi.encode(rangeProof(r, 1))), "the high itself");
        isTrue(shows(c, Fraud.Range, abi.encode(rangeProof(r, 2))), "above");
        isTrue(shows(c, Fraud.Range, abi.encode(rangeProof(r, 3))), "below");
        opensNothing(c, Fraud.Range, abi.encode(rangeProof(r, 4)), Reading.OutOfRange.selector);
        FormCheck.RangeProof memory p = rangeProof(r, 2);
        p.input = 1;
        opensNothing(c, Fraud.Range, abi.encode(p), ClaimCheck.WrongItem.selector);
        p.input = 0;
        p.opened.runs = new Openings.Run[](0);
        opensNothing(c, Fraud.Range, abi.encode(p), Reading.NotOpened.selector);
        p = rangeProof(truth(), 2);
        opensNothing(c, Fraud.Range, abi.encode(p), Openings.WrongOpening.selector);
        p = rangeProof(r, 2);
        p.io[p.io.length - 1] ^= 0x01;
        opensNothing(c, Fraud.Range, abi.encode(p), Openings.WrongOpening.selector);
    }

    /// Roots of a run whose y has `extra` behind its four bytes.
    function padded(bytes memory extra) private pure returns (bytes32[] memory roots) {
        roots = rootsOf(truth());
        roots[1] = Trees.rootOf(Trees.TENSOR, 4, Trees.leaf(bytes.concat(truth().y, extra)));
    }

    function paddingProof(bytes32[] memory roots, bytes memory extra) private pure returns (FormCheck.PaddingProof memory p) {
        p.traced = item(Trees.TRACE, roots, 1);
        p.size = 4;
        p.data = bytes.concat(truth().y, extra, new bytes(1020 - extra.length));
        p.siblings = new bytes32[](0);
    }

    function test_a_byte_behind_the_end_that_is_not_zero() public view {
        ClaimRoots memory c = rootsOfClaim(truth());
        isTrue(!shows(c, Fraud.Padding, abi.encode(paddingProof(padded(""), ""))), "zero");
        bytes memory last = new bytes(1020);
        last[1019] = 0x01;
        bytes[2] memory extras = [bytes(hex"01"), last];
        for (uint256 i = 0; i < 2; ++i) {
            c.trace = Trees.listRoot(Trees.TRACE, padded(extras[i]));
            isTrue(shows(c, Fraud.Padding, abi.encode(paddingProof(padded(extras[i]), extras[i]))), "not zero");
        }
        FormCheck.PaddingProof memory p = paddingProof(padded(last), last);
        p.data[1019] = 0x02;
        opensNothing(c, Fraud.Padding, abi.encode(p), Openings.WrongOpening.selector);
        p.data = hex"01";
        opensNothing(c, Fraud.Padding, abi.encode(p), Openings.WrongOpening.selector);
        p = paddingProof(padded(last), last);
        p.index = 1;
        opensNothing(c, Fraud.Padding, abi.encode(p), Openings.WrongOpening.selector);
    }

    /// The third leaf of three, of which a tree has four.
    function test_a_leaf_behind_the_end_of_a_value_that_is_not_zero() public view {
        bytes32[] memory level = new bytes32[](4);
        for (uint256 i = 0; i < 4; ++i) level[i] = Trees.leaf(i == 3 ? bytes(hex"07") : bytes(hex""));
        bytes32[] memory roots = rootsOf(truth());
        roots[2] = Trees.rootOf(Trees.TENSOR, 3000, Trees.top(Trees.TENSOR, level));
        ClaimRoots memory c = rootsOfClaim(truth());
        c.trace = Trees.listRoot(Trees.TRACE, roots);
        FormCheck.PaddingProof memory p;
        (p.traced, p.size, p.index) = (item(Trees.TRACE, roots, 2), 3000, 3);
        (p.data, p.siblings) = (bytes.concat(hex"07", new bytes(1023)), Trees.path(Trees.TENSOR, level, 3));
        isTrue(shows(c, Fraud.Padding, abi.encode(p)), "not zero");
        (p.index, p.data, p.siblings) = (2, new bytes(1024), Trees.path(Trees.TENSOR, level, 2));
        isTrue(!shows(c, Fraud.Padding, abi.encode(p)), "zero");
    }

    function absentProof(uint8 tree, bytes32[] memory level, uint64 count, uint64 index)
        private
        pure
        returns (FormCheck.AbsentProof memory)
    {
        return FormCheck.AbsentProof(
            tree, count, index, level[index], Trees.path(tree == 1 ? Trees.TRACE : Trees.OUTPUTS, level, index)
        );
    }

    function test_an_absent_leaf_of_a_list_that_is_not_zero() public view {
        ClaimRoots memory c = rootsOfClaim(truth());
        bytes32[] memory level = Trees.leaves(Trees.TRACE, rootsOf(truth()));
        isTrue(!shows(c, Fraud.Absent, abi.encode(absentProof(1, level, 3, 3))), "zero");
        opensNothing(c, Fraud.Absent, abi.encode(absentProof(1, level, 3, 2)), Openings.WrongOpening.selector);
        level[3] = level[2];
        opensNothing(c, Fraud.Absent, abi.encode(absentProof(1, level, 3, 3)), Openings.WrongOpening.selector);
        c.trace = Trees.rootOf(Trees.TRACE, 3, Trees.top(Trees.TRACE, level));
        isTrue(shows(c, Fraud.Absent, abi.encode(absentProof(1, level, 3, 3))), "not zero");
        c.outputs = Trees.rootOf(Trees.OUTPUTS, 3, Trees.top(Trees.OUTPUTS, level));
        isTrue(shows(c, Fraud.Absent, abi.encode(absentProof(2, level, 3, 3))), "of the outputs");
    }

    function test_a_value_of_another_length() public view {
        Run memory r = truth();
        r.z = hex"0408";
        ClaimRoots memory c = rootsOfClaim(r);
        ClaimCheck.Step memory step =
            ClaimCheck.Step(program(), 1, stepOf(1), Trees.path(Trees.STEPS, Trees.leaves(Trees.STEPS, stepHashes()), 1));
        ClaimCheck.LengthProof memory p =
            ClaimCheck.LengthProof(step, 0, item(Trees.TRACE, rootsOf(r), 2), 2, Trees.leaf(r.z));
        isTrue(shows(c, Fraud.Length, abi.encode(p)), "two bytes");
        p.size = 4;
        opensNothing(c, Fraud.Length, abi.encode(p), Openings.WrongOpening.selector);
        c = rootsOfClaim(truth());
        p = ClaimCheck.LengthProof(step, 0, item(Trees.TRACE, rootsOf(truth()), 2), 4, Trees.leaf(truth().z));
        isTrue(!shows(c, Fraud.Length, abi.encode(p)), "four bytes");
    }
}
