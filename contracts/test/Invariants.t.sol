// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Member, Order, Phase} from "../src/Types.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Offers} from "../src/Offers.sol";
import {Registry} from "../src/Registry.sol";
import {Fixture} from "./Fixture.sol";
import {Vm} from "./Vm.sol";

/// @dev Does anything at any time; remembers what must not change.
contract Handler is Fixture {
    uint64 public orders;
    uint128 public burned;
    uint128 public slashed;
    mapping(uint64 => Phase) public ended;

    function start() external {
        setUp();
        providers(14);
    }

    modifier watched() {
        vm.recordLogs();
        _;
        noGain(vm.getRecordedLogs());
        isTrue(registry.burnedTotal() >= burned && registry.slashedTotal() >= slashed, "totals never fall");
        (burned, slashed) = (registry.burnedTotal(), registry.slashedTotal());
        for (uint64 id = 1; id <= orders; ++id) {
            Phase phase = market.getOrder(id).phase;
            if (ended[id] != Phase.None) isEqual(uint256(phase), uint256(ended[id]), "terminal states are final");
            if (phase >= Phase.Settled) ended[id] = phase;
        }
        conserved();
    }

    /// A buyer gets back at most what it put in, and what came into an order went out of it.
    function noGain(Vm.Log[] memory logs) private view {
        for (uint256 i = 0; i < logs.length; ++i) {
            bytes32 name = logs[i].topics[0];
            if (logs[i].emitter != address(market)) continue;
            if (name != IMarketEvents.Settled.selector && name != IMarketEvents.Refunded.selector) continue;
            uint64 id = uint64(uint256(logs[i].topics[1]));
            bytes memory data = logs[i].data;
            if (name == IMarketEvents.Refunded.selector) data = tail(data); // the reason
            (uint128 paid, uint128 burned_, uint128 slashed_, uint128 refunded) = abi.decode(data, (uint128, uint128, uint128, uint128));
            Order memory o = market.getOrder(id);
            isTrue(refunded <= o.escrow + o.bond, "a buyer gets back at most what it put in");
            uint256 bonds;
            for (uint256 a = 0; a < o.appeals; ++a) bonds += market.getAppeals(id)[a].bond;
            uint256 came = uint256(o.escrow) + o.bond + slashed_ + bonds;
            uint256 went = uint256(paid) + burned_ + refunded;
            isTrue(went <= came && came - went <= bonds + slashed_ / 2, "the rest returned to appellants");
            if (o.appeals == 0) isEqual(went, came, "what came in went out");
        }
    }

    /// Without the first word.
    function tail(bytes memory data) private pure returns (bytes memory rest) {
        rest = new bytes(data.length - 32);
        for (uint256 i = 0; i < rest.length; ++i) rest[i] = data[i + 32];
    }

    function placeOrder(uint8 n, uint16 bps) external watched {
        if (orders >= 4) return;
        n = 1 + n % 3;
        uint8 k = n / 2 + 1;
        (bool ok,) = address(this).call(abi.encodeCall(this.doPlace, (n, k, bps % 10_001)));
        if (ok) ++orders;
    }

    function doPlace(uint8 n, uint8 k, uint16 bps) external {
        ordered(n, k, bps);
    }

    function step(uint64 id, uint8 what, uint256 who, uint8 claim) external watched {
        if (orders == 0) return;
        id = 1 + id % orders;
        (bool ok,) = address(this).call(abi.encodeCall(this.doStep, (id, what % 12, who, claim)));
        ok;
    }

    function doStep(uint64 id, uint8 what, uint256 who, uint8 choice) external {
        Member[] memory ms = market.getMembers(id);
        uint32 member = ms[who % ms.length].account;
        uint32 latest = ms[ms.length - 1 - who % (ms.length < 3 ? ms.length : 3)].account;
        // What an account commits it also reveals: the claim is a function of the account.
        uint256 lot = uint256(keccak256(abi.encode(member))) % 9;
        Claim memory c = lot < 2 ? lie : lot < 4 ? bad : lot == 4 ? unserved : honest;
        choice;
        if (what <= 2) commit(id, member, c);
        else if (what <= 5) reveal(id, member, c);
        else if (what == 6) draw(id);
        else if (what == 7) drawAudit(id);
        else if (what == 8) publish(id, BUYER);
        else if (what == 9) appeal(id, latest);
        else if (what == 10) demand(id, member);
        else confirm(id);
    }

    function demand(uint64 id, uint32 who) private {
        bool standing = market.getOrder(id).phase == Phase.Standing;
        vm.prank(actor(standing ? BUYER : who));
        if (standing) market.demandOutput(id, who, 0, 0);
        else market.demandInput(id, who, 0);
    }

    function confirm(uint64 id) private {
        vm.prank(actor(BUYER));
        market.confirm(id);
    }

    function wait(uint64 id, uint16 time) external watched {
        vm.warp(block.timestamp + time);
        if (orders == 0) return;
        try market.advance(1 + id % orders) {} catch {}
    }

    function unstake(uint32 who, uint128 amount) external watched {
        who = 2 + who % 14;
        vm.startPrank(actor(who));
        try registry.requestUnstake(who, amount % STAKE) {} catch {}
        vm.warp(block.timestamp + 1_001);
        try registry.finishUnstake(who) {} catch {}
        try registry.withdraw(who, amount % 2 == 0 ? free(who) : free(who) / 2) {} catch {} // with nothing free, bonds come from stake
        vm.stopPrank();
    }

    /// Offers again, as who was suspended does.
    function offerAgain(uint32 who) external watched {
        who = 2 + who % 14;
        if (!registry.getOffer(who, KIND).suspended) return;
        vm.prank(actor(who));
        registry.setOffer(who, KIND, 20, true);
    }

    function conserved() public view {
        solvent();
        suspended();
        uint128 points;
        uint256 locked;
        for (uint32 i = 1; i <= registry.accountCount(); ++i) {
            points += registry.getAccount(i).points;
            locked += registry.getAccount(i).locked;
        }
        isTrue(points <= registry.burnedTotal(), "points within burned fees");
        isTrue(registry.burnedTotal() >= registry.slashedTotal() / 2, "half of the slashed is burned");
        uint256 expected;
        uint256 escrow;
        for (uint64 id = 1; id <= orders; ++id) {
            Order memory o = market.getOrder(id);
            if (o.phase >= Phase.Settled) continue;
            Member[] memory ms = market.getMembers(id);
            for (uint256 i = 0; i < ms.length; ++i) expected += ms[i].locked;
            escrow += uint256(o.escrow) + o.bond;
            for (uint256 i = 0; i < o.appeals; ++i) escrow += market.getAppeals(id)[i].bond;
            if (market.getDemand(id).open) escrow += 0.01 ether;
        }
        isEqual(locked, expected, "locks are those of open orders");
        isEqual(registry.held(), escrow, "held is what open orders escrow");
    }

    /// A suspended offer has no weight, and the offers together weigh what the tree holds.
    function suspended() private view {
        uint256 count;
        uint64 weight;
        for (uint32 i = 1; i <= registry.accountCount(); ++i) {
            Offers.Offer memory o = registry.getOffer(i, KIND);
            isTrue(!o.suspended || (o.active && o.weight == 0), "suspended without weight");
            if (o.weight != 0) ++count;
            weight += o.weight;
        }
        (uint256 counted, uint64 sum) = registry.eligible(KIND, 127);
        isTrue(counted == count && sum == weight, "the tree is what the offers are");
    }

    /// By time alone, called by a stranger, every order ends.
    function endAll() external {
        for (uint64 id = 1; id <= orders; ++id) {
            for (uint256 i = 0; i < 40 && market.getOrder(id).phase < Phase.Settled; ++i) {
                vm.warp(block.timestamp + 200_000);
                vm.prank(address(0xdead));
                market.advance(id);
            }
            isTrue(market.getOrder(id).phase >= Phase.Settled, "every order ends by timeouts");
        }
        closed();
    }
}

contract InvariantsTest {
    Handler private handler;

    function setUp() public {
        handler = new Handler();
        handler.start();
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        list[0].addr = address(handler);
        list[0].selectors = new bytes4[](6);
        list[0].selectors[0] = Handler.placeOrder.selector;
        list[0].selectors[1] = Handler.step.selector;
        list[0].selectors[2] = Handler.wait.selector;
        list[0].selectors[3] = Handler.unstake.selector;
        list[0].selectors[4] = Handler.step.selector;
        list[0].selectors[5] = Handler.offerAgain.selector;
    }

    function invariant_money_is_conserved_and_every_order_can_end() external view {
        handler.conserved();
    }

    function afterInvariant() external {
        handler.endAll();
    }
}
