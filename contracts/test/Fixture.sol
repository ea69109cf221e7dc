// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ICheck} from "../src/ICheck.sol";
import {IDisputes} from "../src/IDisputes.sol";
import {IMarketEvents, IWorkMarket} from "../src/IWorkMarket.sol";
import {Offers} from "../src/Offers.sol";
import {Registry} from "../src/Registry.sol";
import {BAD_INPUT, Config, DisputeConfig, Member, Order, Phase, Role, Round, Terms, UNSERVED} from "../src/Types.sol";
import {Vm} from "./Vm.sol";

/// @dev A deployment with a buyer (account 1) and providers (from account 2), and the steps of an order. A test states its difference.
abstract contract Fixture {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint8 internal constant KIND = 0;
    uint8 internal constant MAX_TIER = 40;
    uint32 internal constant BUYER = 1;
    uint128 internal constant STAKE = 1_000 ether;

    struct Claim {
        bytes32 output;
        bytes32 trace;
        bytes32 witness;
    }

    IERC20 internal token;
    Registry internal registry;
    IWorkMarket internal market;
    IDisputes internal disputes; // the market, by its other name
    ICheck internal check;
    ICheck internal optimistic;
    ICheck internal proofs;
    address internal fraudCheck;
    uint64 internal nextNonce = 1;
    uint256 internal entropy = 1;

    Claim internal honest = Claim("honest output", "honest trace", "honest witness");
    Claim internal lie = Claim("false output", "false trace", "false witness");
    Claim internal copied = Claim("honest output", "honest trace", "guessed witness");
    Claim internal bad = Claim(BAD_INPUT, 0, BAD_INPUT); // of a juror: it got no input
    Claim internal confirmed = Claim(BAD_INPUT, 0, "has the input"); // of a juror: it got the input, and the quorum did not
    Claim internal unserved = Claim(UNSERVED, 0, UNSERVED);

    function config() internal pure virtual returns (Config memory c) {
        c.seedDelay = 1;
        c.drawWindow = 100;
        c.inputWindow = 100;
        c.minCommitWindow = 10;
        c.maxCommitWindow = 100_000;
        c.revealWindow = 100;
        c.appealWindow = 200;
        c.deliverWindow = 150;
        c.minAuditBps = 0;
        c.feeBps = 100;
        c.silenceBps = 2_500;
        c.maxRedraws = 2;
        c.maxJury = 23;
        c.demandBond = 0.01 ether;
    }

    function disputeConfig() internal pure virtual returns (DisputeConfig memory) {
        return DisputeConfig(50, 60, 40, 8, 0.02 ether);
    }

    function setUp() public virtual {
        vm.warp(1_000_000);
        vm.roll(100);
        token = IERC20(deploy("KoinonToken", abi.encode(1e9 ether)));
        check = ICheck(deploy("QuorumCheck", ""));
        optimistic = ICheck(deploy("OptimisticCheck", ""));
        proofs = ICheck(deploy("ProofCheck", abi.encode(deploy("CircuitReader", ""))));
        fraudCheck = deploy("FraudCheck", "");
        address predicted = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 4);
        registry = Registry(deploy("Registry", abi.encode(token, predicted, 1_000, 1e15)));
        address settling = deploy("Settling", abi.encode(registry));
        address rounds = deploy("Rounds", abi.encode(registry, settling));
        address code = deploy("Disputes", abi.encode(registry, settling, fraudCheck, disputeConfig()));
        market = IWorkMarket(deploy("WorkMarket", abi.encode(registry, rounds, code, checks(), config())));
        disputes = IDisputes(address(market));
        isTrue(address(market) == registry.market(), "market address");
        token.approve(address(registry), type(uint256).max);
        account(100_000 ether);
    }

    function checks() internal view returns (ICheck[] memory list) {
        list = new ICheck[](3);
        (list[0], list[1], list[2]) = (check, optimistic, proofs);
    }

    /// Deploys what is in artifacts/, so that the tests try the very bytes that others deploy.
    function deploy(string memory name, bytes memory arguments) internal returns (address at_) {
        bytes memory code = bytes.concat(creation(name), arguments);
        assembly {
            at_ := create(0, add(code, 32), mload(code))
            if iszero(at_) {
                returndatacopy(0, 0, returndatasize())
                revert(0, returndatasize())
            }
        }
    }

    function creation(string memory name) internal view returns (bytes memory) {
        return vm.parseJsonBytes(vm.readFile(string.concat("artifacts/", name, ".json")), ".bytecode");
    }

    // ---- Actors

    function actor(uint32 id) internal pure returns (address) {
        return address(uint160(0xA000000 + uint160(id)));
    }

    function payoutOf(uint32 id) internal pure returns (address) {
        return address(uint160(0xB000000 + uint160(id)));
    }

    /// Opens an account with `balance` free.
    function account(uint128 balance) internal returns (uint32 id) {
        id = registry.accountCount() + 1;
        vm.prank(actor(id));
        isEqual(registry.open(actor(id), payoutOf(id)), id, "account id");
        if (balance != 0) registry.deposit(id, balance);
    }

    /// Opens an account that offers work at `tier` with `stake` staked.
    function provider(uint8 tier, uint128 stake) internal returns (uint32 id) {
        id = account(stake + 100 ether);
        vm.startPrank(actor(id));
        registry.stake(id, stake);
        registry.setOffer(id, KIND, tier, true);
        vm.stopPrank();
    }

    function providers(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) provider(uint8(20 + i % 4), STAKE);
    }

    // ---- Steps

    function terms(uint8 n, uint8 k) internal returns (Terms memory t) {
        t.buyer = BUYER;
        t.kind = KIND;
        (t.n, t.k, t.maxTier) = (n, k, MAX_TIER);
        t.commitWindow = 1_000;
        t.nonce = nextNonce++;
        (t.spec, t.specDigest, t.specSize) = ("program", "digest", 1234);
        (t.inputRoot, t.inputSize, t.buyerKey) = ("input root", 784, "key");
    }

    function place(Terms memory t) internal returns (uint64) {
        vm.prank(actor(t.buyer));
        return market.place(t);
    }

    function nextBlock() internal {
        vm.roll(block.number + 1);
        vm.prevrandao(keccak256(abi.encode(entropy++)));
    }

    function draw(uint64 id) internal {
        nextBlock();
        market.draw(id);
    }

    function drawAudit(uint64 id) internal {
        nextBlock();
        market.drawAudit(id);
    }

    function publish(uint64 id, uint32 who) internal {
        uint8 round = market.getOrder(id).rounds - 1;
        vm.prank(actor(who));
        market.publishInput(id, round, who, "envelope root", 200_000, "http://127.0.0.1/envelope");
    }

    /// An order with its quorum seated and the input published.
    function ordered(uint8 n, uint8 k, uint16 auditBps) internal returns (uint64 id) {
        Terms memory t = terms(n, k);
        t.auditBps = auditBps;
        id = place(t);
        draw(id);
        publish(id, BUYER);
    }

    function memberOf(uint64 id, uint32 who) internal view returns (Member memory) {
        Member[] memory ms = market.getMembers(id);
        for (uint256 i = 0; i < ms.length; ++i) if (ms[i].account == who) return ms[i];
        revert("no such member");
    }

    function markOf(uint64 id, uint32 who, Claim memory c) internal view returns (bytes32) {
        uint8 round = memberOf(id, who).round;
        if (market.getRound(id, round).role != Role.Jury) return market.tagOf(id, who, market.linkOf(id, c.witness, 0));
        return c.witness == BAD_INPUT ? BAD_INPUT : market.linkOf(id, c.witness, juryOf(id, round));
    }

    /// Number of the jury that sits in `round`.
    function juryOf(uint64 id, uint8 round) internal view returns (uint8 jury) {
        for (uint8 r = 0; r < round; ++r) if (market.getRound(id, r).role == Role.Jury) ++jury;
    }

    function commitmentOf(uint64 id, uint32 who, Claim memory c) internal view returns (bytes32) {
        uint8 round = memberOf(id, who).round;
        return market.commitmentOf(id, round, who, c.output, c.trace, markOf(id, who, c), "result", 99, bytes32(uint256(who)));
    }

    function commit(uint64 id, uint32 who, Claim memory c) internal {
        (uint8 round, bytes32 x) = (memberOf(id, who).round, commitmentOf(id, who, c));
        vm.prank(actor(who));
        market.commit(id, round, who, x);
    }

    function reveal(uint64 id, uint32 who, Claim memory c) internal {
        (uint8 round, bytes32 mark) = (memberOf(id, who).round, markOf(id, who, c));
        vm.prank(actor(who));
        market.reveal(id, round, who, c.output, c.trace, mark, "result", 99, bytes32(uint256(who)));
    }

    /// The accounts seated in the current round.
    function seated(uint64 id) internal view returns (uint32[] memory list) {
        uint8 round = market.getOrder(id).rounds - 1;
        Member[] memory ms = market.getMembers(id);
        uint256 count;
        for (uint256 i = 0; i < ms.length; ++i) if (ms[i].round == round) ++count;
        list = new uint32[](count);
        for (uint256 i = ms.length; i > 0; --i) if (ms[i - 1].round == round) list[--count] = ms[i - 1].account;
    }

    /// The current round commits and reveals: the first `liars` claim `other`, the rest `c`.
    function work(uint64 id, Claim memory c, uint256 liars, Claim memory other) internal returns (uint32[] memory list) {
        list = seated(id);
        for (uint256 i = 0; i < list.length; ++i) commit(id, list[i], i < liars ? other : c);
        for (uint256 i = 0; i < list.length; ++i) reveal(id, list[i], i < liars ? other : c);
    }

    function work(uint64 id, Claim memory c) internal returns (uint32[] memory) {
        return work(id, c, 0, c);
    }

    function appeal(uint64 id, uint32 who) internal {
        vm.prank(actor(who));
        market.appeal(id, who);
    }

    function pass() internal {
        vm.warp(block.timestamp + 2_000);
    }

    function settle(uint64 id) internal {
        pass();
        market.settle(id);
    }

    function phaseIs(uint64 id, Phase phase) internal view {
        isEqual(uint256(market.getOrder(id).phase), uint256(phase), "phase");
    }

    // ---- Assertions

    error Unequal(string what, uint256 got, uint256 expected);
    error Untrue(string what);

    function isEqual(uint256 got, uint256 expected, string memory what) internal pure {
        if (got != expected) revert Unequal(what, got, expected);
    }

    function isTrue(bool condition, string memory what) internal pure {
        if (!condition) revert Untrue(what);
    }

    function free(uint32 id) internal view returns (uint128) {
        return registry.getAccount(id).free;
    }

    function stakeOf(uint32 id) internal view returns (uint128) {
        return registry.getAccount(id).stake;
    }

    /// Every token is owed to somebody, and nothing is held for orders that are over.
    function solvent() internal view {
        uint256 owed = uint256(registry.held()) + registry.burning();
        for (uint32 i = 1; i <= registry.accountCount(); ++i) {
            Offers.Account memory a = registry.getAccount(i);
            owed += uint256(a.free) + a.stake;
            isTrue(uint256(a.locked) + a.unbonding <= a.stake, "locked and unbonding within stake");
        }
        isEqual(token.balanceOf(address(registry)), owed, "solvency");
    }

    /// No order is open: nothing is held, nothing is locked.
    function closed() internal view {
        solvent();
        isEqual(registry.held(), 0, "held after the end");
        for (uint32 i = 1; i <= registry.accountCount(); ++i) isEqual(registry.getAccount(i).locked, 0, "locked after the end");
    }
}
