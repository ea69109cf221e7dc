// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Phase, TraceDemand} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";

/// @dev Strangers demand as often as they can, all at once. The provider answers one demand a second and no more, the one whose time
/// ends first: 60 in a window, so that hundreds of demands are more than it could answer in one. Claim: none is ever late, so its claim is paid, and each answer with it;
/// when it has answered all, the end is one turn away.
contract FloodHandler is DisputeFixture {
    uint32 private constant STRANGERS = 250;
    uint32 private first;
    uint32 private asked; // strangers that have demanded, in their order
    uint64 public order_;
    uint32 private provider_;
    uint256 private had;
    uint256 private answers;
    uint256 private answeredAt; // seconds, the last

    function start() external {
        setUp();
        (order_, provider_) = claimed(truth());
        had = has(provider_);
        first = registry.accountCount() + 1;
        for (uint32 i = 0; i < STRANGERS; ++i) account(1 ether);
    }

    /// Up to sixty strangers at once, new ones and those whose turn it is.
    function flood(uint8 count, uint256 lot) external {
        for (uint256 i = 0; i < count % 60; ++i) {
            uint32 who = uint32(uint256(keccak256(abi.encode(lot, i))) % STRANGERS);
            if (who > asked) who = asked;
            try this.ask(first + who) {
                if (who == asked) ++asked;
            } catch {}
        }
    }

    function ask(uint32 who) external {
        demand(order_, who, traceTop());
    }

    function wait(uint8 time) external {
        for (uint256 i = 0; i < time % 40; ++i) tick();
    }

    /// A second, and the answer that is due first.
    function tick() private {
        vm.warp(block.timestamp + 1);
        vm.roll(block.number + 1);
        uint32 next = this.mostUrgent(); // by a call, which leaves no memory behind
        if (next == 0) return;
        answer(order_, next, provider_, traceItems(truth()));
        ++answers;
        answeredAt = block.timestamp;
    }

    function mostUrgent() external view returns (uint32 next) {
        uint40 due = type(uint40).max;
        for (uint32 i = 0; i < asked; ++i) {
            TraceDemand memory t = disputes.getTraceDemand(order_, first + i);
            if (t.open && t.deadline < due) (next, due) = (first + i, t.deadline);
        }
    }

    function inTime() external view {
        uint256 open_;
        uint40 until = disputes.getDispute(order_).until;
        for (uint32 i = 0; i < asked; ++i) {
            TraceDemand memory t = disputes.getTraceDemand(order_, first + i);
            isTrue(t.deadline <= until, "the end waits for every turn");
            if (!t.open) continue;
            ++open_;
            isTrue(t.deadline >= block.timestamp, "no demand is late");
        }
        isEqual(disputes.getDispute(order_).openDemands, open_, "open demands are counted");
        if (open_ == 0 && answers != 0) isEqual(until, answeredAt + disputes.getDisputeConfig().moveWindow, "and for nothing else");
        solvent();
    }

    function endAll() external {
        while (disputes.getDispute(order_).openDemands != 0) tick();
        this.inTime();
        uint256 until = disputes.getDispute(order_).until;
        uint256 window = order(order_).deadline;
        vm.warp((until > window ? until : window) + 1);
        market.settle(order_);
        phaseIs(order_, Phase.Settled);
        for (uint32 i = 0; i < asked; ++i) disputes.collect(order_, first + i);
        uint128 price = registry.price(memberOf(order_, provider_).tier);
        isEqual(has(provider_) - had, price - price / 100 + answers * disputes.getDisputeConfig().demandFee, "a fee for each answer");
        closed();
    }
}

contract FloodInvariantsTest {
    FloodHandler private handler;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        handler = new FloodHandler();
        handler.start();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        list[0].addr = address(handler);
        list[0].selectors = new bytes4[](3);
        list[0].selectors[0] = FloodHandler.flood.selector;
        list[0].selectors[1] = FloodHandler.flood.selector;
        list[0].selectors[2] = FloodHandler.wait.selector;
    }

    /// forge-config: test.invariant.runs = 6
    /// forge-config: test.invariant.depth = 20
    function invariant_a_flood_of_demands_gets_no_provider_late() external view {
        handler.inTime();
    }

    function afterInvariant() external {
        handler.endAll();
    }
}
