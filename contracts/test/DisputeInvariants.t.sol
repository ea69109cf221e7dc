// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Answer, Challenge, Dispute, Fraud, Order, Phase, TraceDemand} from "../src/Types.sol";
import {DisputeFixture} from "./DisputeFixture.sol";

/// @dev Four strangers do anything at any time. Some providers lie, always; one watcher and the other providers do what they should,
/// before any time passes. Claims: the honest never lose, every order ends and ends rightly, and money is conserved.
contract DisputeHandler is DisputeFixture {
    uint32 public constant STRANGERS = 4;
    uint32 public watcher;
    uint32 private first; // of the strangers
    uint64 public orders;
    mapping(uint64 => uint32) public providerOf;

    function start() external {
        setUp();
        watcher = account(1_000 ether);
        first = watcher + 1;
        for (uint32 i = 0; i < STRANGERS; ++i) account(1_000 ether);
    }

    function lies(uint32 who) public pure returns (bool) {
        return uint256(keccak256(abi.encode("lies", who))) % 2 == 0;
    }

    function madeBy(uint32 who) private pure returns (Run memory) {
        return lies(who) ? deepLie() : truth();
    }

    modifier watched() {
        _;
        conserved();
    }

    function placeOrder() external watched {
        if (orders >= 4) return;
        uint64 id = place(optimisticTerms());
        draw(id);
        publish(id, BUYER);
        uint32 who = seated(id)[0];
        work(id, claimOf(madeBy(who)));
        providerOf[id] = who;
        orders = id;
    }

    /// Whatever a stranger may try; what is refused changes nothing.
    function stranger(uint64 id, uint8 what, uint32 who, uint256 lot) external watched {
        if (orders == 0) return;
        (bool ok,) = address(this).call(abi.encodeCall(this.doMove, (1 + id % orders, what % 9, first + who % STRANGERS, lot)));
        ok;
    }

    function doMove(uint64 id, uint8 what, uint32 who, uint256 lot) external {
        bytes memory proof = proofOf(deepLie(), 0, 2);
        if (what == 0) challenge(id, who, "nothing");
        else if (what == 1) challenge(id, who, proof); // right when the provider lies
        else if (what == 2) prove(id, uint32(lot % disputes.getChallenges(id).length), proof);
        else if (what == 3) demand(id, who, traceTop());
        else if (what == 4) demand(id, who, bytesPlace(uint64(lot % 5)));
        else if (what == 5) respond(id, first + uint32(lot % STRANGERS), who);
        else if (what == 6) market.advance(id);
        else if (what == 7) disputes.condemn(id, first + uint32(lot % STRANGERS));
        else collectAll(id);
    }

    function confirm(uint64 id) external watched {
        if (orders == 0) return;
        id = 1 + id % orders;
        if (lies(providerOf[id])) return; // a buyer confirms what it has run itself
        vm.prank(actor(BUYER));
        try market.confirm(id) {} catch {}
    }

    /// A block: those who are honest do their duty in it, and then time passes.
    function wait(uint8 time, uint256 lot) external watched {
        for (uint64 id = 1; id <= orders; ++id) {
            if (market.getOrder(id).phase != Phase.Standing) continue;
            if (lies(providerOf[id])) watch(id);
            for (uint32 i = 0; i < STRANGERS; ++i) {
                uint32 demander = first + i;
                if (lies(providerOf[id]) && (lot >> (id * 4 + i)) & 1 == 0) continue; // a liar answers when it likes
                if (market.getOrder(id).phase != Phase.Standing || disputes.getDispute(id).condemned) break;
                if (disputes.getTraceDemand(id, demander).open) respond(id, demander, providerOf[id]);
            }
        }
        nextBlock();
        vm.warp(block.timestamp + time % 30);
    }

    /// Challenges once, and proves as soon as it may.
    function watch(uint64 id) private {
        bytes memory proof = proofOf(deepLie(), 0, 2);
        Challenge[] memory all = disputes.getChallenges(id);
        Dispute memory d = disputes.getDispute(id);
        for (uint32 i = 0; i < all.length; ++i) {
            if (all[i].account != watcher) continue;
            if (!all[i].proven && block.number > all[i].madeIn && !(d.condemned && d.winner < i)) prove(id, i, proof);
            return;
        }
        if (!d.condemned) challenge(id, watcher, proof);
    }

    function respond(uint64 id, uint32 demander, uint32 who) private {
        TraceDemand memory t = disputes.getTraceDemand(id, demander);
        Run memory r = madeBy(providerOf[id]);
        Answer memory a;
        if (t.place.tree == 1) a = traceItems(r);
        else if (t.place.value < VALUES) a = bytesAnswer(r, t.place.value);
        else a = summit(r);
        answer(id, demander, who, a);
    }

    /// That there is no such value.
    function summit(Run memory r) private pure returns (Answer memory a) {
        a = bytesAnswer(r, 0);
        (a.length, a.data, a.list) = (0, "", new bytes32[](0));
        a.hashes = new bytes32[](1);
        a.hashes[0] = traceSummit(r);
    }

    function collectAll(uint64 id) private {
        for (uint32 i = 0; i < STRANGERS; ++i) try disputes.collect(id, first + i) {} catch {}
        uint256 n = disputes.getChallenges(id).length;
        for (uint32 i = 0; i < n; ++i) try disputes.reclaim(id, i) {} catch {}
    }

    /// Whether every party that kept to the rules has what it had.
    function honestLoseNothing() public view {
        for (uint32 i = 2; i < watcher; ++i) if (!lies(i)) isTrue(has(i) >= STAKE + 100 ether, "an honest provider loses nothing");
    }

    function conserved() public view {
        solvent();
        honestLoseNothing();
        uint256 expected;
        for (uint64 id = 1; id <= orders; ++id) {
            Order memory o = market.getOrder(id);
            Dispute memory d = disputes.getDispute(id);
            bool over = o.phase >= Phase.Settled;
            if (!over) expected += uint256(o.escrow) + o.bond;
            Challenge[] memory all = disputes.getChallenges(id);
            for (uint256 i = 0; i < all.length; ++i) {
                if (!all[i].closed && o.phase != Phase.Settled) expected += disputes.challengeBond(id);
                isTrue(all[i].deadline <= d.until, "the end waits for every challenge");
            }
            uint256 open_;
            for (uint32 i = 0; i < STRANGERS; ++i) {
                TraceDemand memory t = disputes.getTraceDemand(id, first + i);
                if (t.made != 0 && !t.closed) expected += 8 * disputes.getDisputeConfig().demandFee;
                if (t.open) ++open_;
                isTrue(t.deadline <= d.until, "the end waits for every demand and turn");
            }
            isEqual(d.openDemands, open_, "open demands are counted");
        }
        isEqual(registry.held(), expected, "held is what orders, challenges and demands hold");
    }

    /// The honest do their duty to the end, which comes by time alone.
    function endAll() external {
        uint256 paid;
        for (uint64 id = 1; id <= orders; ++id) {
            for (uint256 i = 0; i < 12 && market.getOrder(id).phase < Phase.Settled; ++i) {
                this.wait(29, 0);
                if (market.getOrder(id).phase >= Phase.Settled) break;
                if (i > 2) vm.warp(block.timestamp + 70);
                vm.prank(address(0xdead));
                try market.advance(id) {} catch {}
            }
            Phase phase = market.getOrder(id).phase;
            isEqual(uint256(phase), uint256(lies(providerOf[id]) ? Phase.Refunded : Phase.Settled), "every order ends, and rightly");
            if (phase == Phase.Settled) paid += registry.price(memberOf(id, providerOf[id]).tier);
            collectAll(id);
        }
        isEqual(free(BUYER), 100_000 ether - paid, "the buyer pays for true claims only");
        isTrue(has(watcher) >= 1_000 ether, "the watcher loses nothing");
        honestLoseNothing();
        closed();
    }
}

contract DisputeInvariantsTest {
    DisputeHandler private handler;

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function setUp() public {
        handler = new DisputeHandler();
        handler.start();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        list[0].addr = address(handler);
        list[0].selectors = new bytes4[](6);
        list[0].selectors[0] = DisputeHandler.placeOrder.selector;
        list[0].selectors[1] = DisputeHandler.stranger.selector;
        list[0].selectors[2] = DisputeHandler.stranger.selector;
        list[0].selectors[3] = DisputeHandler.stranger.selector;
        list[0].selectors[4] = DisputeHandler.wait.selector;
        list[0].selectors[5] = DisputeHandler.confirm.selector;
    }

    function invariant_the_honest_lose_nothing_and_money_is_conserved() external view {
        handler.conserved();
    }

    function afterInvariant() external {
        handler.endAll();
    }
}
