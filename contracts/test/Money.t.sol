// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {KoinonToken} from "../src/KoinonToken.sol";
import {Registry} from "../src/Registry.sol";
import {Phase} from "../src/Types.sol";
import {Fixture} from "./Fixture.sol";

/// @dev Keeps a hundredth of every transfer.
contract TaxedToken is ERC20 {
    constructor() ERC20("Taxed", "TAX") {
        _mint(msg.sender, 1e9 ether);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0) && to != address(0)) {
            super._update(from, address(0), amount / 100);
            amount -= amount / 100;
        }
        super._update(from, to, amount);
    }
}

/// @dev Calls somebody in the midst of every transfer, as ERC-777 does.
contract CallingToken is ERC20 {
    address public target;
    bytes public call;
    uint256 public refused;
    bytes4 public why;

    constructor() ERC20("Calling", "CALL") {
        _mint(msg.sender, 1e9 ether);
    }

    function arm(address target_, bytes calldata call_) external {
        (target, call) = (target_, call_);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (target != address(0)) {
            (bool ok, bytes memory answer) = target.call(call);
            if (!ok) {
                ++refused;
                why = bytes4(answer);
            }
        }
        super._update(from, to, amount);
    }
}

/// @dev Where tokens come in and go out.
contract MoneyTest is Fixture {
    bytes32 private constant PERMIT = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
    bytes32 private constant TRANSFER =
        keccak256("TransferWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)");
    bytes4 private constant REENTRANT = bytes4(keccak256("ReentrancyGuardReentrantCall()"));
    bytes32 private constant RECEIVE =
        keccak256("ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce)");
    uint256 private constant KEY = 0xA11CE;

    struct Signature {
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    function koin() private view returns (KoinonToken) {
        return KoinonToken(address(token));
    }

    function sign(bytes32 structHash) private view returns (Signature memory g) {
        (g.v, g.r, g.s) = vm.sign(KEY, keccak256(abi.encodePacked(hex"1901", koin().DOMAIN_SEPARATOR(), structHash)));
    }

    // ---- Deposits

    function permitOf(address owner, uint256 amount, uint256 deadline) private view returns (Signature memory) {
        return sign(keccak256(abi.encode(PERMIT, owner, registry, amount, koin().nonces(owner), deadline)));
    }

    function test_deposit_by_permit_needs_no_allowance() public {
        address owner = vm.addr(KEY);
        token.transfer(owner, 10 ether);
        Signature memory g = permitOf(owner, 7 ether, block.timestamp);
        vm.prank(owner);
        registry.depositWithPermit(BUYER, 7 ether, block.timestamp, g.v, g.r, g.s);
        isEqual(free(BUYER), 100_007 ether, "free");
        isEqual(token.allowance(owner, address(registry)), 0, "nothing is left to take");
        solvent();
    }

    function test_a_permit_submitted_by_another_does_not_stop_the_deposit() public {
        address owner = vm.addr(KEY);
        token.transfer(owner, 10 ether);
        Signature memory g = permitOf(owner, 7 ether, block.timestamp);
        koin().permit(owner, address(registry), 7 ether, block.timestamp, g.v, g.r, g.s);
        vm.prank(owner);
        registry.depositWithPermit(BUYER, 7 ether, block.timestamp, g.v, g.r, g.s);
        isEqual(free(BUYER), 100_007 ether, "free");
    }

    function test_a_permit_of_another_moves_nothing() public {
        address owner = vm.addr(KEY);
        token.transfer(owner, 10 ether);
        Signature memory g = permitOf(owner, 7 ether, block.timestamp);
        address thief = address(0x7e1ef);
        vm.prank(thief);
        vm.expectRevert();
        registry.depositWithPermit(BUYER, 7 ether, block.timestamp, g.v, g.r, g.s);
        g.s = bytes32(uint256(g.s) ^ 1);
        vm.prank(owner);
        vm.expectRevert();
        registry.depositWithPermit(BUYER, 7 ether, block.timestamp, g.v, g.r, g.s);
        isEqual(token.balanceOf(owner), 10 ether, "owner");
    }

    /// An authorisation of KEY's owner to deposit 7 into the buyer's account.
    function authorised() private returns (Registry.Authorization memory a) {
        (a.from, a.amount, a.validBefore, a.salt) = (vm.addr(KEY), 7 ether, block.timestamp + 10, "salt");
        token.transfer(a.from, 20 ether);
        bytes32 nonce = registry.depositNonce(BUYER, a.salt);
        Signature memory g = sign(keccak256(abi.encode(RECEIVE, a.from, address(registry), a.amount, 0, a.validBefore, nonce)));
        (a.v, a.r, a.s) = (g.v, g.r, g.s);
    }

    function test_deposit_by_authorisation_is_one_transaction_of_anybody() public {
        Registry.Authorization memory a = authorised();
        vm.prank(address(0xbeef));
        registry.depositWithAuthorization(BUYER, a);
        isEqual(free(BUYER), 100_007 ether, "free");
        isEqual(token.balanceOf(a.from), 13 ether, "owner");
        vm.expectRevert();
        registry.depositWithAuthorization(BUYER, a);
        solvent();
    }

    /// Who sees an authorisation before it is mined cannot bring the money to its own account, change it, or take it elsewhere.
    function test_an_authorisation_seen_in_the_mempool_cannot_be_diverted() public {
        Registry.Authorization memory a = authorised();
        uint32 thief = account(0);
        bytes32 nonce = registry.depositNonce(BUYER, a.salt);
        vm.startPrank(actor(thief));
        vm.expectRevert();
        registry.depositWithAuthorization(thief, a);
        vm.expectRevert();
        koin().receiveWithAuthorization(a.from, address(registry), a.amount, 0, a.validBefore, nonce, a.v, a.r, a.s);
        a.amount = 8 ether;
        vm.expectRevert();
        registry.depositWithAuthorization(BUYER, a);
        vm.stopPrank();
        a.amount = 7 ether;
        vm.expectRevert(abi.encodeWithSelector(Registry.NoAccount.selector, 99));
        registry.depositWithAuthorization(99, a);
        vm.warp(block.timestamp + 10);
        vm.expectRevert();
        registry.depositWithAuthorization(BUYER, a);
        vm.warp(block.timestamp - 1);
        registry.depositWithAuthorization(BUYER, a);
        isEqual(free(BUYER), 100_007 ether, "free");
        isEqual(free(thief), 0, "thief");
    }

    function testFuzz_what_goes_in_comes_out_at_the_payout_address_only(uint96 deposit_, uint96 staked, uint96 out) public {
        uint32 id = account(0);
        uint128 amount = 1 + uint128(deposit_) % 1e26;
        registry.deposit(id, amount);
        staked = uint96(staked % (uint256(amount) + 2));
        vm.startPrank(actor(id));
        if (staked == 0) vm.expectRevert(Registry.ZeroAmount.selector);
        else if (staked > amount) vm.expectRevert(abi.encodeWithSelector(Registry.InsufficientBalance.selector, id, amount, staked));
        registry.stake(id, staked);
        uint128 rest = staked > amount ? amount : amount - staked;
        out = uint96(out % (uint256(rest) + 2));
        if (out == 0) vm.expectRevert(Registry.ZeroAmount.selector);
        else if (out > rest) vm.expectRevert(abi.encodeWithSelector(Registry.InsufficientBalance.selector, id, rest, out));
        registry.withdraw(id, out);
        vm.stopPrank();
        isEqual(token.balanceOf(payoutOf(id)), out > rest ? 0 : out, "payout");
        isEqual(uint256(free(id)) + stakeOf(id) + token.balanceOf(payoutOf(id)), amount, "nothing made, nothing lost");
        solvent();
    }

    function testFuzz_unbonding_never_frees_more_than_is_staked(uint96 first, uint96 second, uint16 wait) public {
        uint32 p = provider(20, STAKE);
        (first, second) = (uint96(first % (STAKE + 1)), uint96(second % (STAKE + 1)));
        vm.startPrank(actor(p));
        registry.requestUnstake(p, first);
        vm.warp(block.timestamp + wait % 1_500);
        registry.requestUnstake(p, second); // replaces the first and starts its clock again
        vm.warp(block.timestamp + 999);
        if (second == 0) vm.expectRevert(Registry.ZeroAmount.selector);
        else vm.expectRevert(abi.encodeWithSelector(Registry.NotUnbonded.selector, p, block.timestamp + 1));
        registry.finishUnstake(p);
        vm.warp(block.timestamp + 1);
        if (second != 0) registry.finishUnstake(p);
        vm.expectRevert(Registry.ZeroAmount.selector);
        registry.finishUnstake(p);
        vm.stopPrank();
        isEqual(stakeOf(p), STAKE - second, "stake");
        isEqual(free(p), 100 ether + second, "free");
        solvent();
    }

    // ---- Out

    function test_what_is_burned_goes_where_nobody_can_spend_it() public {
        providers(5);
        uint64 id = ordered(3, 2, 0);
        work(id, honest, 1, lie);
        drawAudit(id);
        settle(id);
        uint128 burned = registry.burning();
        isTrue(burned != 0, "something was burned");
        vm.prank(address(0xdead));
        registry.sweepBurned();
        isEqual(token.balanceOf(registry.BURN()), burned, "burned");
        isEqual(registry.burning(), 0, "once");
        isEqual(registry.burnedTotal(), burned, "total");
        closed();
    }

    /// Any orders, any outcome: what leaves the free balances and stakes is what was burned.
    /// forge-config: default.fuzz.runs = 64
    function testFuzz_an_order_makes_and_loses_nothing(uint8 n, uint8 liars, uint16 bps, bool appealed, bool silent) public {
        providers(24);
        n = 1 + n % 4;
        liars = liars % (n + 1);
        uint256 before = token.balanceOf(address(registry));
        uint64 id = ordered(n, n / 2 + 1, bps % 10_001);
        work(id, honest, liars, lie);
        for (uint256 step = 0; step < 12 && market.getOrder(id).phase < Phase.Settled; ++step) {
            Phase phase = market.getOrder(id).phase;
            if (phase == Phase.AuditDraw) drawAudit(id);
            else if (phase == Phase.Draw) draw(id);
            else if (phase == Phase.Input) publish(id, BUYER);
            else if (phase == Phase.Commit && !silent) work(id, honest);
            else if (phase == Phase.Standing && appealed && market.getOrder(id).juries == 0) appeal(id, BUYER);
            else {
                pass();
                market.advance(id);
            }
        }
        isTrue(market.getOrder(id).phase >= Phase.Settled, "ended");
        closed();
        if (registry.burning() != 0) registry.sweepBurned();
        isEqual(before - token.balanceOf(address(registry)), registry.burnedTotal(), "only what is burned is gone");
        closed();
    }

    // ---- Tokens that are not plain

    function join(address other) private {
        token = ERC20(other);
        registry = Registry(deploy("Registry", abi.encode(other, address(this), 1_000, 1e15)));
        token.approve(address(registry), type(uint256).max);
    }

    function test_a_token_that_takes_a_fee_is_counted_as_what_arrives() public {
        join(address(new TaxedToken()));
        uint32 id = account(0);
        registry.deposit(id, 1_000);
        isEqual(free(id), 990, "arrived");
        registry.deposit(id, 50); // too little to be taxed
        solvent();
        vm.prank(actor(id));
        registry.withdraw(id, 1_040);
        isEqual(token.balanceOf(payoutOf(id)), 1_030, "the payout bears the fee of its own transfer");
        solvent();
    }

    function test_a_token_that_calls_back_cannot_enter_where_money_moves() public {
        CallingToken calling = new CallingToken();
        join(address(calling));
        uint32 id = account(100);
        Registry.Authorization memory none;
        bytes[5] memory calls = [
            abi.encodeCall(registry.deposit, (id, 1)),
            abi.encodeCall(registry.withdraw, (id, 1)),
            abi.encodeCall(registry.sweepBurned, ()),
            abi.encodeCall(registry.depositWithPermit, (id, 1, 0, 0, 0, 0)),
            abi.encodeCall(registry.depositWithAuthorization, (id, none))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            calling.arm(address(registry), calls[i]);
            registry.deposit(id, 10);
            isEqual(calling.refused(), 2 * i + 1, "refused in a deposit");
            isTrue(calling.why() == REENTRANT, "by the guard");
            vm.prank(actor(id));
            registry.withdraw(id, 10);
            isEqual(calling.refused(), 2 * i + 2, "refused in a withdrawal");
            solvent();
        }
        isEqual(free(id), 100, "nothing gained");
    }

    // ---- The token itself

    function authorisation(address from, address to, uint256 value, bytes32 nonce) private view returns (Signature memory) {
        return sign(keccak256(abi.encode(TRANSFER, from, to, value, block.timestamp - 1, block.timestamp + 10, nonce)));
    }

    function send(address from, address to, uint256 value, bytes32 nonce, Signature memory g) external {
        koin().transferWithAuthorization(from, to, value, block.timestamp - 1, block.timestamp + 10, nonce, g.v, g.r, g.s);
    }

    function test_transfer_by_authorisation_once_and_in_its_time() public {
        address from = vm.addr(KEY);
        token.transfer(from, 10);
        Signature memory g = authorisation(from, address(7), 4, "random");
        this.send(from, address(7), 4, "random", g);
        isEqual(token.balanceOf(address(7)), 4, "sent");
        isTrue(koin().authorizationState(from, "random"), "used");
        vm.expectRevert();
        this.send(from, address(7), 4, "random", g);
        g = authorisation(from, address(7), 4, "another");
        vm.expectRevert();
        this.send(from, address(8), 4, "another", g);
        vm.expectRevert();
        this.send(from, address(7), 5, "another", g);
        uint256 now_ = block.timestamp;
        vm.chainId(5);
        vm.expectRevert();
        this.send(from, address(7), 4, "another", g);
        vm.chainId(31_337);
        vm.warp(now_ + 10);
        vm.expectRevert();
        koin().transferWithAuthorization(from, address(7), 4, now_ - 1, now_ + 10, "another", g.v, g.r, g.s);
        vm.warp(now_ - 1);
        vm.expectRevert();
        koin().transferWithAuthorization(from, address(7), 4, now_ - 1, now_ + 10, "another", g.v, g.r, g.s);
        vm.warp(now_);
        this.send(from, address(7), 4, "another", g);
        isEqual(token.balanceOf(address(7)), 8, "sent");
    }

    // ---- Prices

    /// The ladder against its definition: four steps an octave, a quarter of its foot each.
    function testFuzz_prices_are_those_of_the_ladder(uint8 tier) public view {
        tier %= 128;
        uint256 foot = 1e12;
        for (uint256 i = 0; i < tier / 4; ++i) foot *= 2;
        isEqual(registry.price(tier), foot + foot / 4 * (tier % 4), "price");
    }

    function testFuzz_costs_are_exact_and_fit(uint8 n, uint8 tier) public view {
        n = 1 + n % 5;
        tier %= 128;
        uint256 price = registry.price(tier);
        (uint128 escrow, uint128 bond, uint128 lock) = market.cost(n, tier);
        isEqual(escrow, price * (uint256(n) + 1), "work and an audit");
        isEqual(bond, price * n / 10, "a tenth");
        isEqual(lock, price * (n == 5 ? 24 : 20), "lock");
        // Half of one lock pays the first jury.
        isTrue(lock / 2 >= price * (2 * uint256(n) + 1), "a jury is paid");
    }
}
