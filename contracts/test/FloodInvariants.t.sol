// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Phase, TraceDemand} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";

/// @dev Strangers demand as often as they can, all at once, about three claims of one provider. It answers one demand a second and no more, the
/// one whose time ends first: 60 in a window, so that hundreds of demands are more than it could answer in one. Claim: none is ever late, so its
/// claims are paid, and each answer with them; when it has answered all about one, the end of that is one turn away. And nobody has more time
/// than the open demands give.
contract FloodHandler is DisputeFixture {
    uint32 private constant STRANGERS = 90;
    uint256 private constant CLAIMS = 3;
    uint32 private first;
    uint64[] public orders_;
    uint32 private provider_;
    uint256 private had;
    uint256[CLAIMS] private answers;
    uint256[CLAIMS] private answeredAt; // seconds, the last

    function start() external {
        setUp();
        (orders_, provider_) = claimsOfOne(CLAIMS, truth());
        had = has(provider_);
        first = registry.accountCount() + 1;
        for (uint32 i = 0; i < STRANGERS; ++i) account(1 ether);
    }

    /// Up to 120 demands at once, of strangers that have none open and may demand.
    function flood(uint8 count, uint256 lot) external {
        for (uint256 i = 0; i < count % 120; ++i) {
            uint256 thrown = uint256(keccak256(abi.encode(lot, i)));
            try this.ask(orders_[thrown % CLAIMS], first + uint32((thrown >> 8) % STRANGERS)) {} catch {}
        }
    }

    function ask(uint64 id, uint32 who) external {
        uint256 open_;
        for (uint256 j = 0; j < CLAIMS; ++j) open_ += disputes.getDispute(orders_[j]).openDemands;
        demand(id, who, traceTop());
        uint256 most = 30 + open_ > 60 ? 30 + open_ : 60;
        isTrue(disputes.getTraceDemand(id, who).deadline <= block.timestamp + most, "no more time than open demands give");
    }

    function wait(uint8 time) external {
        for (uint256 i = 0; i < time % 40; ++i) tick();
    }

    /// A second, and the answer that is due first.
    function tick() private {
        vm.warp(block.timestamp + 1);
        vm.roll(block.number + 1);
        (uint256 claim, uint32 next) = this.mostUrgent(); // by a call, which leaves no memory behind
        if (next == 0) return;
        answer(orders_[claim], next, provider_, traceItems(truth()));
        ++answers[claim];
        answeredAt[claim] = block.timestamp;
    }

    function mostUrgent() external view returns (uint256 claim, uint32 next) {
        uint40 due = type(uint40).max;
        for (uint256 j = 0; j < CLAIMS; ++j) {
            if (disputes.getDispute(orders_[j]).openDemands == 0) continue;
            for (uint32 i = 0; i < STRANGERS; ++i) {
                TraceDemand memory t = disputes.getTraceDemand(orders_[j], first + i);
                if (t.open && t.deadline < due) (claim, next, due) = (j, first + i, t.deadline);
            }
        }
    }

    function inTime() external view {
        for (uint256 j = 0; j < CLAIMS; ++j) {
            uint256 open_;
            uint40 until = disputes.getDispute(orders_[j]).until;
            for (uint32 i = 0; i < STRANGERS; ++i) {
                TraceDemand memory t = disputes.getTraceDemand(orders_[j], first + i);
                isTrue(t.deadline <= until, "the end waits for every turn");
                if (!t.open) continue;
                ++open_;
                isTrue(t.deadline >= block.timestamp, "no demand is late");
            }
            isEqual(disputes.getDispute(orders_[j]).openDemands, open_, "open demands are counted");
            if (open_ == 0 && answers[j] != 0) isEqual(until, answeredAt[j] + disputes.getDisputeConfig().moveWindow, "and for nothing else");
        }
        solvent();
    }

    function endAll() external {
        for (uint256 j = 0; j < CLAIMS; ++j) while (disputes.getDispute(orders_[j]).openDemands != 0) tick();
        this.inTime();
        uint256 all;
        for (uint256 j = 0; j < CLAIMS; ++j) {
            uint256 until = disputes.getDispute(orders_[j]).until;
            uint256 window = order(orders_[j]).deadline;
            if (block.timestamp <= until || block.timestamp <= window) vm.warp((until > window ? until : window) + 1);
            market.settle(orders_[j]);
            phaseIs(orders_[j], Phase.Settled);
            for (uint32 i = 0; i < STRANGERS; ++i) {
                if (disputes.getTraceDemand(orders_[j], first + i).made != 0) disputes.collect(orders_[j], first + i);
            }
            all += answers[j];
        }
        uint128 price = registry.price(memberOf(orders_[0], provider_).tier);
        uint256 fees = all * disputes.getDisputeConfig().demandFee;
        isEqual(has(provider_) - had, CLAIMS * (price - price / 100) + fees, "a fee for each answer");
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
    function invariant_a_flood_of_all_its_claims_gets_no_provider_late() external view {
        handler.inTime();
    }

    function afterInvariant() external {
        handler.endAll();
    }
}
