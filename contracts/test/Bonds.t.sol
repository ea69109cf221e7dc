// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Offers} from "../src/Offers.sol";
import {Registry} from "../src/Registry.sol";
import {Phase, Terms} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";
import {Vm} from "./Vm.sol";

/// @dev Bonds that the free balance cannot pay come from stake that is not locked.
contract BondsTest is Fixture {
    uint128 private P; // highest price
    uint128 private L; // lock of a member, n <= 4
    uint128 private B; // bond of an appeal to a jury of 7
    uint128 private S; // stake of a provider

    function setUp() public override {
        super.setUp();
        P = registry.price(MAX_TIER);
        (L, B, S) = (20 * P, 7 * P * 5 / 4, 60 * P);
        for (uint256 i = 0; i < 20; ++i) provider(20, S);
    }

    /// An order whose third member stands rejected by two liars, and has nothing free.
    function rejected() private returns (uint64 id, uint32 who) {
        id = ordered(3, 2, 0);
        who = seated(id)[2];
        vm.prank(actor(who));
        registry.withdraw(who, 100 ether);
        work(id, honest, 2, lie);
        drawAudit(id);
    }

    function weight(uint32 who) private view returns (uint64) {
        return registry.getOffer(who, KIND).weight;
    }

    function test_a_member_with_all_its_money_staked_appeals_and_wins() public {
        (uint64 id, uint32 who) = rejected();
        uint64 before = weight(who);
        appeal(id, who);
        isEqual(stakeOf(who), S - B, "the bond left the stake");
        isEqual(free(who), 0, "nothing was free");
        isTrue(weight(who) < before, "and its weight");
        draw(id);
        publish(id, BUYER);
        work(id, honest);
        settle(id);
        isEqual(stakeOf(who), S - B, "it does not go back to the stake");
        isTrue(free(who) > B + P * 9 / 10, "bond, price and reward are free");
        isEqual(registry.getAccount(who).rejected, 0, "record");
        closed();
    }

    function test_what_is_free_goes_first() public {
        (uint64 id, uint32 who) = rejected();
        registry.deposit(who, P);
        vm.recordLogs();
        appeal(id, who);
        isEqual(free(who), 0, "free");
        isEqual(stakeOf(who), S - (B - P), "stake");
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 told;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == Registry.Debited.selector) {
                isEqual(abi.decode(logs[i].data, (uint128)), P, "debited");
                ++told;
            } else if (logs[i].topics[0] == Registry.Pledged.selector) {
                (uint128 amount, uint128 unbonding) = abi.decode(logs[i].data, (uint128, uint128));
                isEqual(amount, B - P, "pledged");
                isEqual(unbonding, 0, "unbonding");
                ++told;
            }
        }
        isEqual(told, 2, "one event each");
        solvent();
    }

    function test_an_account_with_enough_free_pledges_nothing() public {
        (uint64 id,) = rejected();
        appeal(id, BUYER);
        isEqual(free(BUYER), 100_000 ether - B - 43 * P / 10, "bond, escrow and the buyer's bond");
        solvent();
    }

    function test_stake_that_is_unbonding_pays_too_and_no_longer_leaves() public {
        (uint64 id, uint32 who) = rejected();
        vm.startPrank(actor(who));
        registry.requestUnstake(who, S - L);
        market.appeal(id, who);
        isEqual(registry.getAccount(who).unbonding, S - L - B, "reduced");
        vm.warp(block.timestamp + 1_001);
        registry.finishUnstake(who);
        vm.stopPrank();
        isEqual(free(who), S - L - B, "the rest");
        isEqual(stakeOf(who), L, "the lock");
        solvent();
    }

    function test_unbonding_stays_where_it_still_fits() public {
        (uint64 id, uint32 who) = rejected();
        vm.startPrank(actor(who));
        registry.requestUnstake(who, P);
        market.appeal(id, who);
        vm.stopPrank();
        isEqual(registry.getAccount(who).unbonding, P, "as asked");
        solvent();
    }

    function test_locked_stake_pays_no_bond() public {
        (uint64 id, uint32 who) = rejected();
        vm.startPrank(actor(who));
        registry.requestUnstake(who, S - L - B + 1);
        vm.warp(block.timestamp + 1_001);
        registry.finishUnstake(who);
        registry.withdraw(who, free(who));
        vm.warp(block.timestamp - 1_001);
        vm.expectRevert(abi.encodeWithSelector(Registry.InsufficientBalance.selector, who, B - 1, B));
        market.appeal(id, who);
        vm.stopPrank();
        registry.deposit(who, 1);
        appeal(id, who);
        isEqual(stakeOf(who), L, "the lock is left");
        solvent();
    }

    function test_a_demand_for_the_input_may_come_from_stake() public {
        uint64 id = ordered(3, 2, 0);
        uint32 who = seated(id)[0];
        vm.startPrank(actor(who));
        registry.withdraw(who, 100 ether);
        market.demandInput(id, who, 0);
        vm.stopPrank();
        isEqual(stakeOf(who), S - 0.01 ether, "stake");
        vm.warp(block.timestamp + 151);
        market.advance(id);
        phaseIs(id, Phase.Refunded);
        isEqual(free(who), 0.01 ether + P / 10, "it returns, with a part of the buyer's bond");
        closed();
    }

    function test_orders_are_never_paid_from_stake() public {
        uint32 p = provider(20, S);
        vm.prank(actor(p));
        registry.withdraw(p, 100 ether);
        (uint128 escrow, uint128 bond,) = market.cost(3, MAX_TIER);
        bytes memory refusal = abi.encodeWithSelector(Registry.InsufficientBalance.selector, p, 0, escrow + bond);
        (bool ok, bytes memory why) = address(this).call(abi.encodeCall(this.placeAs, (p)));
        isTrue(!ok && keccak256(why) == keccak256(refusal), "refused");
    }

    function placeAs(uint32 buyer) external {
        Terms memory t = terms(3, 2);
        t.buyer = buyer;
        place(t);
    }

    function test_only_the_market_pledges() public {
        vm.expectRevert(abi.encodeWithSelector(Registry.NotMarket.selector, address(this)));
        registry.pledge(BUYER, 1);
    }

    /// A registry whose market is this contract: any balance, stake, lock and unbonding.
    function testFuzz_a_pledge_keeps_the_books(uint96 balance, uint96 staked, uint96 lock, uint96 asked, uint96 amount) public {
        registry = Registry(deploy("Registry", abi.encode(token, address(this), 1_000, 1e15)));
        token.approve(address(registry), type(uint256).max);
        (balance, staked) = (uint96(balance % 1e24), uint96(1e18 + staked % 1e24));
        uint32 id = account(uint128(balance) + staked);
        vm.startPrank(actor(id));
        registry.stake(id, staked);
        registry.setOffer(id, KIND, 20, true);
        vm.stopPrank();
        nextBlock();
        lock = uint96(lock % (uint256(staked) + 1));
        registry.seat(KIND, 20, 1, lock, bytes32(uint256(amount)), new uint32[](0));
        asked = uint96(asked % (uint256(staked - lock) + 1));
        vm.prank(actor(id));
        registry.requestUnstake(id, asked);
        uint256 most = uint256(balance) + staked - lock;
        amount = uint96(amount % (most + most / 8 + 2));
        if (amount > most) vm.expectRevert(abi.encodeWithSelector(Registry.InsufficientBalance.selector, id, most, amount));
        registry.pledge(id, amount);
        Offers.Account memory a = registry.getAccount(id);
        isEqual(a.locked, lock, "the lock stays");
        isTrue(uint256(a.locked) + a.unbonding <= a.stake, "locked and unbonding within stake");
        if (amount > most) return;
        isEqual(registry.held(), amount, "held");
        isEqual(uint256(a.free) + a.stake + amount, uint256(balance) + staked, "nothing made, nothing lost");
        isEqual(a.free, amount < balance ? balance - amount : 0, "free first");
        isTrue(a.unbonding == asked || a.unbonding == a.stake - a.locked, "unbonding reduced to what fits, no further");
        solvent();
    }
}
