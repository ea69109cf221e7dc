// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../src/Merkle.sol";
import {Phase, Terms} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @dev What transactions cost, each by itself (forge test --isolate): gas-calls.json. The largest stay below the cap of EIP-7825.
contract GasTest is Fixture {
    uint256 private constant CAP = 16_777_216;
    uint256 private sum;

    function used(string memory name) private returns (uint256 gas) {
        gas = vm.snapshotGasLastCall("gas-calls", name);
        isTrue(gas < CAP, name);
        sum += gas;
    }

    /// Real providers staked and offered at other times than an order runs.
    function offered(uint256 count) private {
        for (uint256 i = 0; i < count; ++i) provider(uint8(i % 41), STAKE);
        nextBlock();
    }

    function test_an_honest_order_of_three() public {
        offered(30);
        place(terms(3, 2)); // the first order of a market pays for its slots
        Terms memory t = terms(3, 2);
        uint64 id = place(t);
        used("place, quorum(3, 2)");
        draw(id);
        used("draw, n = 3");
        publish(id, BUYER);
        used("publishInput");
        uint32[] memory ms = seated(id);
        for (uint256 i = 0; i < 3; ++i) {
            commit(id, ms[i], honest);
            used(i == 0 ? "commit, first" : i == 1 ? "commit, second" : "commit, last");
        }
        for (uint256 i = 0; i < 3; ++i) {
            reveal(id, ms[i], honest);
            used(i == 0 ? "reveal, first" : i == 1 ? "reveal, second" : "reveal, last");
        }
        drawAudit(id);
        used("drawAudit, none held");
        settle(id);
        used("settle, n = 3");
        vm.snapshotValue("gas-calls", "an honest quorum(3, 2) order in all", sum);
    }

    /// The first change of a weight after the offer makes the words that remember it; later ones only change them.
    function test_later_settlements_cost_less() public {
        offered(3);
        for (uint256 i = 0; i < 2; ++i) {
            uint64 id = ordered(3, 2, 0);
            work(id, honest);
            drawAudit(id);
            nextBlock();
            settle(id);
        }
        used("settle, n = 3, members that settled before");
    }

    function test_deadlines_appeals_and_demands() public {
        offered(30);
        bytes memory data = new bytes(65_536);
        for (uint256 i = 0; i < data.length; ++i) data[i] = bytes1(uint8(1 + i % 255));
        bytes32[] memory none;
        uint64 id = place(terms(3, 2));
        draw(id);
        bytes32 root = this.rootOf(Merkle.ENVELOPE, data, none);
        vm.prank(actor(BUYER));
        market.publishInput(id, 0, BUYER, root, 65_536, "");
        uint32[] memory ms = seated(id);
        vm.prank(actor(ms[0]));
        market.demandInput(id, ms[0], 0);
        used("demandInput");
        market.answerInput(id, data, none);
        used("answerInput, 64 KiB");
        honest.output = this.listOf(this.rootOf(Merkle.TENSOR, data, none), none);
        for (uint256 i = 0; i < 2; ++i) commit(id, ms[i], honest);
        pass();
        market.advance(id);
        used("advance, commits over");
        for (uint256 i = 0; i < 2; ++i) reveal(id, ms[i], honest);
        drawAudit(id);
        vm.prank(actor(BUYER));
        market.demandOutput(id, ms[0], 0, 0);
        used("demandOutput");
        market.answerOutput(id, data, none, 65_536, 1, none);
        used("answerOutput, 64 KiB");
        uint256 snap = vm.snapshotState();
        vm.startPrank(actor(ms[0]));
        registry.withdraw(ms[0], free(ms[0]));
        registry.requestUnstake(ms[0], STAKE - 10 ether); // below the highest weight, so that the bond changes it
        nextBlock();
        market.appeal(id, ms[0]);
        used("appeal, the bond from stake");
        vm.stopPrank();
        vm.revertToState(snap);
        appeal(id, BUYER);
        used("appeal");
        draw(id);
        used("draw, jury of 7");
        publish(id, BUYER);
        work(id, honest);
        settle(id);
        used("settle, jury of 7");
        closed();
    }

    function rootOf(uint8 domain, bytes calldata data, bytes32[] calldata siblings) external pure returns (bytes32) {
        return Merkle.byteRoot(domain, uint64(data.length), 0, data, siblings);
    }

    function listOf(bytes32 item, bytes32[] calldata siblings) external pure returns (bytes32) {
        return Merkle.listRoot(Merkle.OUTPUTS, 1, 0, item, siblings);
    }

    function late(uint64 id) private {
        pass();
        market.advance(id);
    }

    /// 51 seats: a quorum of five drawn three times, an auditor replaced, two juries; each seat at a leaf of its own, with offers of
    /// four kinds.
    function test_the_largest_order_stays_below_the_transaction_cap() public {
        offered(64);
        for (uint32 p = 2; p < 66; ++p) {
            for (uint8 kind = 1; kind < 4; ++kind) {
                vm.prank(actor(p));
                registry.setOffer(p, kind, uint8((p * 7 + kind) % 60), true);
            }
        }
        uint64 id = ordered(5, 3, 10_000);
        for (uint256 i = 0; i < 2; ++i) {
            late(id);
            draw(id);
            publish(id, BUYER);
        }
        work(id, honest);
        drawAudit(id);
        used("drawAudit, held");
        publish(id, BUYER);
        late(id); // the auditor is silent
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        for (uint256 i = 0; i < 2; ++i) {
            appeal(id, BUYER);
            used(i == 0 ? "appeal, jury of 11" : "appeal, jury of 23");
            draw(id);
            used(i == 0 ? "draw, jury of 11" : "draw, jury of 23");
            publish(id, BUYER);
            work(id, honest);
            used(i == 0 ? "reveal, last of 11" : "reveal, last of 23");
        }
        phaseIs(id, Phase.Standing);
        isEqual(market.getMembers(id).length, 51, "seats");
        settle(id);
        used("settle, 51 seats");
        closed();
    }
}
