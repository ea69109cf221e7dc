// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ICheck} from "../src/ICheck.sol";
import {IMarketEvents} from "../src/IWorkMarket.sol";
import {Offers} from "../src/Offers.sol";
import {Registry} from "../src/Registry.sol";
import {Config, DisputeConfig, Phase, Settlement} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Every refusal that the other tests do not come upon.
contract ErrorsTest is Fixture {
    function refuses(bytes4 selector, uint64 id) private {
        vm.expectRevert(abi.encodeWithSelector(selector, id));
    }

    function refuses(bytes4 selector, uint64 id, uint32 who) private {
        vm.expectRevert(abi.encodeWithSelector(selector, id, who));
    }

    // ---- Deployment

    function deployMarket(ICheck[] memory list, Config memory c) external {
        address settling = deploy("Settling", abi.encode(registry));
        address code = deploy("Disputes", abi.encode(registry, settling, fraudCheck, disputeConfig()));
        deploy("WorkMarket", abi.encode(registry, deploy("Rounds", abi.encode(registry, settling)), code, list, c));
    }

    function deployOther(string calldata name, bytes calldata arguments) external {
        deploy(name, arguments);
    }

    function invalid(Config memory c, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, field));
        this.deployMarket(checks(), c);
    }

    function test_a_configuration_out_of_bounds_is_refused() public {
        Config memory c = config();
        c.seedDelay = 0;
        invalid(c, "seedDelay");
        c.seedDelay = 257;
        invalid(c, "seedDelay");
        (c.seedDelay, c.drawWindow) = (256, 0);
        invalid(c, "window");
        (c.drawWindow, c.inputWindow) = (1, 1);
        invalid(c, "window");
        (c.inputWindow, c.revealWindow) = (2, 0);
        invalid(c, "window");
        (c.revealWindow, c.appealWindow) = (1, 0);
        invalid(c, "window");
        (c.appealWindow, c.deliverWindow) = (1, 0);
        invalid(c, "window");
        (c.deliverWindow, c.minCommitWindow) = (1, 0);
        invalid(c, "commitWindow");
        c.minCommitWindow = c.maxCommitWindow + 1;
        invalid(c, "commitWindow");
        (c.minCommitWindow, c.minAuditBps) = (1, 10_001);
        invalid(c, "bps");
        (c.minAuditBps, c.feeBps) = (10_000, 5_001);
        invalid(c, "bps");
        (c.feeBps, c.silenceBps) = (5_000, 10_001);
        invalid(c, "bps");
        (c.silenceBps, c.maxRedraws) = (10_000, 3);
        invalid(c, "maxRedraws");
        (c.maxRedraws, c.maxJury) = (2, 10);
        invalid(c, "maxJury");
        c.maxJury = 24;
        invalid(c, "maxJury");
        (c.maxJury, c.demandBond) = (11, 0);
        invalid(c, "demandBond");
        c.demandBond = 1;
        this.deployMarket(checks(), c); // every bound itself is allowed
    }

    function test_contracts_of_different_registries_do_not_join() public {
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, "checks"));
        this.deployMarket(new ICheck[](0), config());
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, "registry"));
        this.deployOther("Settling", abi.encode(address(0)));
        address other = deploy("Registry", abi.encode(token, address(1), 1, 1));
        address settling = deploy("Settling", abi.encode(other));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, "settling"));
        this.deployOther("Rounds", abi.encode(registry, settling));
        address rounds = deploy("Rounds", abi.encode(other, settling));
        address code = deploy("Disputes", abi.encode(other, settling, fraudCheck, disputeConfig()));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, "rounds"));
        this.deployOther("WorkMarket", abi.encode(registry, rounds, code, checks(), config()));
        code = deployOwnDisputes();
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, "disputes"));
        this.deployOther("WorkMarket", abi.encode(other, rounds, code, checks(), config()));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, "settling"));
        this.deployOther("Disputes", abi.encode(registry, settling, fraudCheck, disputeConfig()));
    }

    function invalidDisputes(DisputeConfig memory c, string memory field) private {
        bytes memory arguments = abi.encode(registry, deploy("Settling", abi.encode(registry)), fraudCheck, c);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, field));
        this.deployOther("Disputes", arguments);
    }

    function test_a_configuration_of_disputes_out_of_bounds_is_refused() public {
        DisputeConfig memory c = disputeConfig();
        c.proveWindow = 0;
        invalidDisputes(c, "window");
        (c.proveWindow, c.answerWindow) = (1, 1);
        invalidDisputes(c, "window");
        (c.answerWindow, c.moveWindow) = (2, 0);
        invalidDisputes(c, "window");
        (c.moveWindow, c.maxDemands) = (1, 0);
        invalidDisputes(c, "maxDemands");
        c.maxDemands = 65;
        invalidDisputes(c, "maxDemands");
        (c.maxDemands, c.demandFee) = (64, 0);
        invalidDisputes(c, "demandFee");
        c.demandFee = 1;
        address settling = deploy("Settling", abi.encode(registry));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.InvalidConfig.selector, "fraudCheck"));
        this.deployOther("Disputes", abi.encode(registry, settling, address(1), c));
        deploy("Disputes", abi.encode(registry, settling, fraudCheck, c)); // every bound itself is allowed
    }

    function deployOwnDisputes() private returns (address) {
        return deploy("Disputes", abi.encode(registry, deploy("Settling", abi.encode(registry)), fraudCheck, disputeConfig()));
    }

    function test_code_of_the_market_does_nothing_on_its_own() public {
        address settling = deploy("Settling", abi.encode(registry));
        address rounds = deploy("Rounds", abi.encode(registry, settling));
        (bool ok, bytes memory why) = rounds.call(abi.encodeCall(market.advance, (1)));
        isTrue(!ok && bytes4(why) == IMarketEvents.WrongPhase.selector, "rounds");
        (ok, why) = settling.call(abi.encodeWithSignature("finish(uint64,bool,uint8)", 1, true, 0));
        isTrue(!ok && bytes4(why) == IMarketEvents.WrongPhase.selector, "settling");
        (ok,) = address(market).call(abi.encodeWithSignature("finish(uint64,bool,uint8)", 1, true, 0));
        isTrue(!ok, "the market does not pass it on");
    }

    function test_zero_addresses_are_refused() public {
        vm.expectRevert(Registry.ZeroAddress.selector);
        this.deployOther("Registry", abi.encode(address(0), address(1), 1, 1));
        vm.expectRevert(Registry.ZeroAddress.selector);
        this.deployOther("Registry", abi.encode(token, address(0), 1, 1));
        vm.expectRevert(Registry.ZeroAddress.selector);
        registry.open(address(0), address(1));
        vm.expectRevert(Registry.ZeroAddress.selector);
        registry.open(address(1), address(0));
        vm.startPrank(actor(BUYER));
        vm.expectRevert(Registry.ZeroAddress.selector);
        registry.setOperator(BUYER, address(0));
        vm.expectRevert(Registry.ZeroAddress.selector);
        registry.setPayout(BUYER, address(0));
    }

    // ---- Money

    function test_zero_amounts_are_refused() public {
        vm.expectRevert(Registry.ZeroAmount.selector);
        registry.deposit(BUYER, 0);
        vm.expectRevert(Registry.ZeroAmount.selector);
        registry.sweepBurned();
        vm.startPrank(actor(BUYER));
        vm.expectRevert(Registry.ZeroAmount.selector);
        registry.withdraw(BUYER, 0);
        vm.expectRevert(Registry.ZeroAmount.selector);
        registry.stake(BUYER, 0);
        vm.expectRevert(Registry.ZeroAmount.selector);
        registry.finishUnstake(BUYER);
    }

    function test_nobody_spends_more_than_its_free_balance() public {
        uint32 poor = account(1);
        bytes memory why = abi.encodeWithSelector(Registry.InsufficientBalance.selector, poor, 1, 2);
        vm.startPrank(actor(poor));
        vm.expectRevert(why);
        registry.withdraw(poor, 2);
        vm.expectRevert(why);
        registry.stake(poor, 2);
        vm.stopPrank();
        vm.prank(address(market));
        vm.expectRevert(why);
        registry.debit(poor, 2);
    }

    /// Only a market with a mistake in it could ask for this; the other orders' money stays where it is.
    function test_the_market_cannot_pay_more_than_it_holds() public {
        vm.startPrank(address(market));
        registry.debit(BUYER, 5);
        bytes memory why = abi.encodeWithSelector(Registry.Overdrawn.selector, 5, 6);
        vm.expectRevert(why);
        registry.credit(BUYER, 6);
        vm.expectRevert(why);
        registry.settle(KIND, new Settlement[](0), 6);
        registry.credit(BUYER, 5);
        vm.stopPrank();
        closed();
    }

    // ---- Offers

    function test_offers_out_of_bounds_are_refused() public {
        uint32 p = provider(20, STAKE);
        vm.startPrank(actor(p));
        vm.expectRevert(abi.encodeWithSelector(Offers.InvalidKind.selector, 16));
        registry.setOffer(p, 16, 0, true);
        vm.expectRevert(abi.encodeWithSelector(Offers.InvalidTier.selector, 128));
        registry.setOffer(p, 0, 128, true);
        vm.expectRevert(abi.encodeWithSelector(Offers.InvalidTier.selector, 128));
        registry.price(128);
        vm.expectRevert(abi.encodeWithSelector(Offers.InvalidTier.selector, 200));
        registry.eligible(0, 200);
        for (uint8 kind = 1; kind < 4; ++kind) registry.setOffer(p, kind, 0, true);
        vm.expectRevert(abi.encodeWithSelector(Offers.TooManyOffers.selector, p));
        registry.setOffer(p, 15, 0, true);
        registry.setOffer(p, 3, 0, false);
        registry.setOffer(p, 15, 0, true);
        vm.expectRevert(abi.encodeWithSelector(Offers.InsufficientStake.selector, p, STAKE, 20 * registry.price(127)));
        registry.setOffer(p, 15, 127, true);
    }

    function test_a_full_tier_takes_no_more_but_a_place_that_becomes_vacant() public {
        uint32 first = provider(20, STAKE);
        uint32 second = provider(21, STAKE);
        // Opening 65,536 accounts would take hours: find the counter of places and set it to its last value.
        for (uint256 slot = 0; slot < 32; ++slot) {
            bytes32 at_ = keccak256(abi.encode(uint256(KIND) << 8 | 20, slot));
            if (vm.load(address(registry), at_) == bytes32(uint256(1)) && vm.load(address(registry), bytes32(slot)) == 0) {
                vm.store(address(registry), at_, bytes32(uint256(65_536)));
            }
        }
        vm.prank(actor(second));
        vm.expectRevert(abi.encodeWithSelector(Offers.TierFull.selector, KIND, 20));
        registry.setOffer(second, KIND, 20, true);
        vm.prank(actor(first));
        registry.setOffer(first, KIND, 0, false);
        vm.prank(actor(second));
        registry.setOffer(second, KIND, 20, true);
        isEqual(registry.getOffer(second, KIND).position, 0, "the vacant place");
    }

    function test_a_long_endpoint_is_refused() public {
        vm.startPrank(actor(BUYER));
        registry.setProfile(BUYER, string(new bytes(200)), "key");
        vm.expectRevert(abi.encodeWithSelector(Registry.EndpointTooLong.selector, 201));
        registry.setProfile(BUYER, string(new bytes(201)), "key");
    }

    // ---- Orders

    function test_strangers_do_not_act_for_an_account() public {
        providers(5);
        uint64 id = ordered(3, 2, 0);
        uint32 m = seated(id)[0];
        bytes memory why = abi.encodeWithSelector(IMarketEvents.NotActor.selector, BUYER, address(this));
        vm.expectRevert(why);
        market.place(terms(1, 1));
        vm.expectRevert(why);
        market.publishInput(id, 0, BUYER, "root", 1, "");
        why = abi.encodeWithSelector(IMarketEvents.NotActor.selector, m, address(this));
        vm.expectRevert(why);
        market.commit(id, 0, m, "x");
        vm.expectRevert(why);
        market.demandInput(id, m, 0);
        work(id, honest);
        drawAudit(id);
        vm.expectRevert(why);
        market.appeal(id, m);
        why = abi.encodeWithSelector(IMarketEvents.NotActor.selector, BUYER, address(this));
        vm.expectRevert(why);
        market.confirm(id);
        vm.expectRevert(why);
        market.demandOutput(id, m, 0, 0);
    }

    function test_an_envelope_must_have_bytes_and_a_short_locator() public {
        providers(5);
        uint64 id = place(terms(3, 2));
        draw(id);
        vm.startPrank(actor(BUYER));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.LocatorTooLong.selector, 201));
        market.publishInput(id, 0, BUYER, "root", 1, string(new bytes(201)));
        vm.expectRevert(IMarketEvents.InvalidEnvelope.selector);
        market.publishInput(id, 0, BUYER, 0, 1, "");
        vm.expectRevert(IMarketEvents.InvalidEnvelope.selector);
        market.publishInput(id, 0, BUYER, "root", 0, "");
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongRound.selector, 1, 0));
        market.publishInput(id, 1, BUYER, "root", 1, "");
        market.publishInput(id, 0, BUYER, "root", 1, string(new bytes(200)));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongPhase.selector, id, Phase.Commit));
        market.publishInput(id, 0, BUYER, "root", 1, "");
    }

    function test_only_the_buyer_feeds_the_quorum_and_nobody_its_own_round() public {
        providers(20);
        uint64 id = place(terms(3, 2));
        draw(id);
        uint32 m = seated(id)[0];
        vm.prank(actor(m));
        refuses(IMarketEvents.NotPublisher.selector, id, m);
        market.publishInput(id, 0, m, "root", 1, "");
        publish(id, BUYER);
        work(id, honest);
        drawAudit(id);
        appeal(id, BUYER);
        draw(id);
        uint32 juror = seated(id)[0];
        vm.prank(actor(juror));
        refuses(IMarketEvents.NotPublisher.selector, id, juror);
        market.publishInput(id, 1, juror, "root", 1, "");
        vm.prank(actor(m));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooEarly.selector, block.timestamp + 50));
        market.publishInput(id, 1, m, "root", 1, "");
        uint32 stranger = account(0);
        vm.prank(actor(stranger));
        refuses(IMarketEvents.NotMember.selector, id, stranger);
        market.publishInput(id, 1, stranger, "root", 1, "");
    }

    function test_a_commitment_is_of_a_member_of_the_round_and_not_empty() public {
        providers(5);
        uint64 id = ordered(3, 2, 0);
        uint32 m = seated(id)[0];
        vm.startPrank(actor(m));
        vm.expectRevert(IMarketEvents.EmptyCommitment.selector);
        market.commit(id, 0, m, 0);
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongRound.selector, 1, 0));
        market.commit(id, 1, m, "x");
        vm.stopPrank();
        vm.prank(actor(BUYER));
        refuses(IMarketEvents.NotMember.selector, id, BUYER);
        market.commit(id, 0, BUYER, "x");
        work(id, honest);
        drawAudit(id);
        vm.prank(actor(m));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongPhase.selector, id, Phase.Standing));
        market.commit(id, 0, m, "x");
    }

    function test_a_reveal_opens_what_was_committed_in_its_round() public {
        providers(5);
        uint64 id = ordered(1, 1, 0);
        uint32 m = seated(id)[0];
        commit(id, m, honest);
        bytes32 x = memberOf(id, m).commitment;
        bytes32 y = market.commitmentOf(id, 0, m, "other", "trace", "mark", "result", 1, "salt");
        vm.startPrank(actor(m));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongReveal.selector, y, x));
        market.reveal(id, 0, m, "other", "trace", "mark", "result", 1, "salt");
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.WrongRound.selector, 1, 0));
        market.reveal(id, 1, m, "other", "trace", "mark", "result", 1, "salt");
    }

    function test_a_member_of_an_earlier_draw_is_not_of_this_one() public {
        providers(10);
        uint64 id = ordered(3, 2, 0);
        uint32 late = seated(id)[0];
        pass();
        market.advance(id);
        draw(id);
        publish(id, BUYER);
        vm.prank(actor(late));
        refuses(IMarketEvents.NotMember.selector, id, late);
        market.commit(id, 1, late, "x");
    }

    function test_a_member_may_demand_eight_times() public {
        providers(5);
        uint64 id = place(terms(1, 1));
        draw(id);
        uint32 m = seated(id)[0];
        bytes memory data = "an envelope";
        bytes memory leaf = new bytes(1024);
        for (uint256 i = 0; i < data.length; ++i) leaf[i] = data[i];
        bytes32 top = keccak256(abi.encodePacked(uint8(0), uint8(8), leaf));
        vm.prank(actor(BUYER));
        market.publishInput(id, 0, BUYER, keccak256(abi.encodePacked(uint8(2), uint8(8), uint64(data.length), top)), uint64(data.length), "");
        for (uint256 i = 0; i < 8; ++i) {
            vm.prank(actor(m));
            market.demandInput(id, m, 0);
            market.answerInput(id, data, new bytes32[](0));
        }
        vm.prank(actor(m));
        refuses(IMarketEvents.TooManyDemands.selector, id);
        market.demandInput(id, m, 0);
        solvent();
    }

    function test_a_buyer_may_demand_sixty_four_times() public {
        providers(5);
        uint64 id = ordered(1, 1, 0);
        bytes32 item = keccak256("tensor");
        bytes32 top = keccak256(abi.encodePacked(uint8(0), uint8(6), uint64(0), item));
        honest.output = keccak256(abi.encodePacked(uint8(2), uint8(6), uint64(1), top));
        uint32 m = work(id, honest)[0];
        drawAudit(id);
        for (uint256 i = 0; i < 64; ++i) {
            vm.prank(actor(BUYER));
            market.demandOutput(id, m, 1, 0); // there is only tensor 0
            market.refuteOutput(id, top, 0, 1, new bytes32[](0));
        }
        vm.prank(actor(BUYER));
        refuses(IMarketEvents.TooManyDemands.selector, id);
        market.demandOutput(id, m, 1, 0);
        settle(id);
        isTrue(free(m) >= 100 ether + 0.64 ether, "whoever answers gets the bonds");
        closed();
    }

    function test_an_appeal_needs_a_jury_larger_than_the_quorum_to_draw_from() public {
        providers(6);
        uint64 id = ordered(3, 2, 0);
        work(id, honest);
        drawAudit(id);
        vm.prank(actor(BUYER));
        vm.expectRevert(abi.encodeWithSelector(IMarketEvents.TooFewEligible.selector, 3, 4));
        market.appeal(id, BUYER);
    }
}
