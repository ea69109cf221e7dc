// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Disputes} from "./Disputes.sol";
import {ICheck} from "./ICheck.sol";
import {IRegistry} from "./IRegistry.sol";
import {IWorkMarket} from "./IWorkMarket.sol";
import {MarketBase} from "./MarketBase.sol";
import {Rounds} from "./Rounds.sol";
import {Merkle} from "./Merkle.sol";
import {Witness} from "./Witness.sol";
import {
    Appeal,
    COMMIT_DOMAIN,
    Config,
    Demand,
    ENCRYPTED,
    Member,
    OPTIMISTIC,
    Order,
    Phase,
    PROOF,
    Role,
    Round,
    TAG_DOMAIN,
    Terms,
    WITNESS_DOMAIN
} from "./Types.sol";

/// @title The market of checked work: what buyers, members and bystanders call
/// @notice Rounds is the life of an order, Settling its end. What IDisputes names is Disputes, behind the fallback.
contract WorkMarket is MarketBase, IWorkMarket {
    uint256 private constant MAX_LOCATOR = 200;
    uint8 private constant MAX_INPUT_DEMANDS = 8; // of one member
    uint8 private constant MAX_OUTPUT_DEMANDS = 64; // in one order

    uint64 public orderCount;
    mapping(uint32 buyer => mapping(uint64 nonce => uint64)) public orderOf;

    /// @notice The code of the rounds, run here by delegatecall.
    address public immutable rounds;
    /// @notice The code of disputes, run here by delegatecall.
    address public immutable disputes;

    /// @param checks_ position is the check code of an order; the zero address stands for one that is absent
    constructor(IRegistry registry_, Rounds rounds_, Disputes disputes_, ICheck[] memory checks_, Config memory c) MarketBase(registry_) {
        if (address(rounds_.registry()) != address(registry_)) revert InvalidConfig("rounds");
        if (address(disputes_.registry()) != address(registry_)) revert InvalidConfig("disputes");
        if (checks_.length == 0) revert InvalidConfig("checks");
        if (c.seedDelay == 0 || c.seedDelay > 256) revert InvalidConfig("seedDelay");
        if (c.drawWindow == 0 || c.inputWindow < 2 || c.revealWindow == 0) revert InvalidConfig("window");
        if (c.appealWindow == 0 || c.deliverWindow == 0) revert InvalidConfig("window");
        if (c.minCommitWindow == 0 || c.minCommitWindow > c.maxCommitWindow) revert InvalidConfig("commitWindow");
        if (c.minAuditBps > 10_000 || c.feeBps > 5_000 || c.silenceBps > 10_000) revert InvalidConfig("bps");
        if (c.maxRedraws > 2) revert InvalidConfig("maxRedraws");
        if (c.maxJury < 2 * MAX_N + 1 || c.maxJury > 4 * MAX_N + 3) revert InvalidConfig("maxJury");
        if (c.demandBond == 0) revert InvalidConfig("demandBond");
        for (uint256 i = 0; i < checks_.length; ++i) _checks.push(checks_[i]);
        (rounds, disputes, _config) = (address(rounds_), address(disputes_), c);
    }

    // ---- Buyers

    function place(Terms calldata t) external returns (uint64 id) {
        _onlyActor(t.buyer);
        _validate(t);
        if (orderOf[t.buyer][t.nonce] != 0) revert NonceUsed(t.buyer, t.nonce, orderOf[t.buyer][t.nonce]);
        id = ++orderCount;
        orderOf[t.buyer][t.nonce] = id;
        Order storage o = _orders[id];
        (o.buyer, o.kind, o.check, o.privacy, o.n, o.k) = (t.buyer, t.kind, t.check, t.privacy, t.n, t.k);
        (o.maxTier, o.auditBps, o.commitWindow) = (t.maxTier, t.auditBps, t.commitWindow);
        (o.spec, o.inputRoot) = (t.spec, t.inputRoot);
        (uint128 escrow, uint128 bond,) = cost(t.n, t.maxTier);
        (o.escrow, o.bond) = (escrow, bond);
        emit OrderPlaced(id, t.buyer, t, escrow, bond);
        _open(id, o, Role.Quorum, t.n, false);
        registry.debit(t.buyer, escrow + bond);
    }

    function demandOutput(uint64 id, uint32 account, uint32 tensor, uint32 subtree) external {
        Order storage o = _in(id, Phase.Standing);
        _onlyActor(o.buyer);
        _notLate(o.deadline);
        _noDemand(id);
        uint256 i = _memberIndex(id, account);
        if (((o.accepted & ~o.silent) >> i) & 1 == 0 || _rounds[id][_members[id][i].round].role != Role.Quorum) {
            revert NotAccepted(id, account);
        }
        if (o.outputDemands++ == MAX_OUTPUT_DEMANDS) revert TooManyDemands(id);
        _demand(id, o.buyer, Demand(true, true, uint8(i), tensor, subtree, 0, 0), account);
    }

    // ---- The life of an order: Rounds

    function confirm(uint64 id) external {
        _run(_disputed(id) ? disputes : rounds, msg.data);
    }

    function draw(uint64) external {
        _forward();
    }

    function drawAudit(uint64) external {
        _forward();
    }

    function advance(uint64 id) external {
        if (_disputed(id)) _run(disputes, abi.encodeCall(Disputes.settle, (id)));
        else _forward();
    }

    function settle(uint64 id) external {
        _run(_disputed(id) ? disputes : rounds, msg.data);
    }

    function appeal(uint64 id, uint32) external {
        if (_alone(_orders[id].check)) revert AppealsExhausted(id);
        _forward();
    }

    /// What IDisputes names.
    fallback() external {
        address code = disputes;
        assembly {
            calldatacopy(0, 0, calldatasize())
            let ok := delegatecall(gas(), code, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            if ok { return(0, returndatasize()) }
            revert(0, returndatasize())
        }
    }

    // ---- Inputs

    function publishInput(uint64 id, uint8 round, uint32 account, bytes32 root, uint64 size, string calldata locator) external {
        Order storage o = _orders[id];
        if (o.phase != Phase.Input && o.phase != Phase.Commit) revert WrongPhase(id, o.phase);
        _onlyActor(account);
        _currentRound(o, round);
        _notLate(o.deadline);
        if (bytes(locator).length > MAX_LOCATOR) revert LocatorTooLong(bytes(locator).length);
        if (root == 0 || size == 0) revert InvalidEnvelope();
        Round storage r = _rounds[id][round];
        bool first = o.phase == Phase.Input;
        if (account == o.buyer) {
            if (!first) _noDemand(id);
        } else {
            if (r.role == Role.Quorum || _members[id][_memberIndex(id, account)].round == round) revert NotPublisher(id, account);
            if (first) _onlyAfter(o.deadline - _config.inputWindow / 2);
        }
        if (!first && r.role == Role.Quorum) revert WrongPhase(id, o.phase);
        if (first || account == o.buyer) (r.publisher, r.envelopeRoot, r.envelopeSize) = (account, root, size);
        if (first) {
            o.phase = Phase.Commit;
            o.deadline = uint40(block.timestamp) + o.commitWindow;
        }
        emit InputPublished(id, round, account, root, size, locator, o.deadline);
    }

    function demandInput(uint64 id, uint32 account, uint32 subtree) external {
        Order storage o = _in(id, Phase.Commit);
        _onlyActor(account);
        _notLate(o.deadline);
        _noDemand(id);
        uint256 i = _acting(id, o, account);
        if ((o.committed >> i) & 1 != 0) revert AlreadyCommitted(id, account);
        Round storage r = _rounds[id][o.rounds - 1];
        if (subtree >= Merkle.subtreesOf(r.envelopeSize)) revert WrongSubtree(subtree);
        // One unanswered demand excuses the whole round (Rounds); a second would only stop the clock again.
        if ((o.excused >> i) & 1 != 0) revert TooManyDemands(id);
        if (_members[id][i].demands++ == MAX_INPUT_DEMANDS) revert TooManyDemands(id);
        _demand(id, account, Demand(true, false, uint8(i), 0, subtree, 0, 0), r.publisher);
    }

    function answerInput(uint64 id, bytes calldata data, bytes32[] calldata siblings) external {
        Demand storage d = _openDemand(id, false);
        Round storage r = _rounds[id][_orders[id].rounds - 1];
        if (Merkle.byteRoot(Merkle.ENVELOPE, r.envelopeSize, d.subtree, data, siblings) != r.envelopeRoot) revert WrongAnswer();
        emit InputPosted(id, _orders[id].rounds - 1, r.envelopeRoot, d.subtree, uint32(Merkle.subtreesOf(r.envelopeSize)), data);
        _answered(id, r.publisher, false);
    }

    // ---- Members

    function commit(uint64 id, uint8 round, uint32 account, bytes32 commitment) external {
        Order storage o = _in(id, Phase.Commit);
        _onlyActor(account);
        _currentRound(o, round);
        Demand storage d = _demands[id];
        if (!d.open) _notLate(o.deadline);
        uint256 i = _acting(id, o, account);
        if ((o.committed >> i) & 1 != 0) revert AlreadyCommitted(id, account);
        if (commitment == 0) revert EmptyCommitment();
        o.committed |= uint64(1) << uint64(i);
        _members[id][i].commitment = commitment;
        emit Committed(id, account, round, commitment);
        if (d.open && d.member == i) _answered(id, _rounds[id][round].publisher, true);
        if (!d.open && o.committed & o.acting == o.acting) _advance(id);
    }

    function reveal(
        uint64 id,
        uint8 round,
        uint32 account,
        bytes32 outputRoot,
        bytes32 traceRoot,
        bytes32 mark,
        bytes32 resultDigest,
        uint64 resultSize,
        bytes32 salt
    ) external {
        Order storage o = _in(id, Phase.Reveal);
        _onlyActor(account);
        _notLate(o.deadline);
        uint256 i = _acting(id, o, account);
        Member storage m = _members[id][i];
        if (m.round != round) revert WrongRound(round, m.round);
        if ((o.revealed >> i) & 1 != 0) revert AlreadyRevealed(id, account);
        bytes32 computed = commitmentOf(id, round, account, outputRoot, traceRoot, mark, resultDigest, resultSize, salt);
        if (computed != m.commitment) revert WrongReveal(computed, m.commitment);
        o.revealed |= uint64(1) << uint64(i);
        (m.outputRoot, m.traceRoot, m.mark) = (outputRoot, traceRoot, mark);
        emit Revealed(id, account, round, outputRoot, traceRoot, mark, resultDigest, resultSize);
        if (o.revealed & o.acting == o.acting) _advance(id);
    }

    function answerOutput(
        uint64 id,
        bytes calldata data,
        bytes32[] calldata siblings,
        uint64 tensorSize,
        uint64 tensorCount,
        bytes32[] calldata listSiblings
    ) external {
        Demand storage d = _openDemand(id, true);
        Member storage m = _members[id][d.member];
        bytes32 tensor = Merkle.byteRoot(Merkle.TENSOR, tensorSize, d.subtree, data, siblings);
        if (tensor == 0 || Merkle.listRoot(Merkle.OUTPUTS, tensorCount, d.tensor, tensor, listSiblings) != m.outputRoot) revert WrongAnswer();
        uint32 parts = uint32(Merkle.subtreesOf(tensorSize));
        emit OutputPosted(id, m.account, d.tensor, d.subtree, parts, tensorSize, tensorCount, data);
        _answered(id, m.account, false);
    }

    function refuteOutput(uint64 id, bytes32 top, uint64 tensorSize, uint64 tensorCount, bytes32[] calldata listSiblings) external {
        Demand storage d = _openDemand(id, true);
        Member storage m = _members[id][d.member];
        bytes32 root;
        if (d.tensor >= tensorCount) {
            root = Merkle.root(Merkle.OUTPUTS, tensorCount, top);
        } else if (d.subtree >= Merkle.subtreesOf(tensorSize)) {
            root = Merkle.listRoot(Merkle.OUTPUTS, tensorCount, d.tensor, Merkle.root(Merkle.TENSOR, tensorSize, top), listSiblings);
        }
        if (root != m.outputRoot) revert WrongAnswer();
        _answered(id, m.account, true);
    }

    // ---- Views

    function getOrder(uint64 id) external view returns (Order memory) {
        return _orders[id];
    }

    function getRound(uint64 id, uint8 round) external view returns (Round memory) {
        return _rounds[id][round];
    }

    function getRounds(uint64 id) external view returns (Round[] memory) {
        return _rounds[id];
    }

    function getMembers(uint64 id) external view returns (Member[] memory) {
        return _members[id];
    }

    function getAppeals(uint64 id) external view returns (Appeal[] memory) {
        return _appeals[id];
    }

    function getDemand(uint64 id) external view returns (Demand memory) {
        return _demands[id];
    }

    function getConfig() external view returns (Config memory) {
        return _config;
    }

    function cost(uint8 n, uint8 maxTier) public view returns (uint128 escrow, uint128 bond, uint128 lock) {
        uint128 price = registry.price(maxTier);
        return (price * (uint128(n) + 1), price * n / 10, _lock(n, price));
    }

    function commitmentOf(
        uint64 id,
        uint8 round,
        uint32 account,
        bytes32 outputRoot,
        bytes32 traceRoot,
        bytes32 mark,
        bytes32 resultDigest,
        uint64 resultSize,
        bytes32 salt
    ) public view returns (bytes32) {
        return keccak256(
            abi.encode(
                COMMIT_DOMAIN, block.chainid, address(this), id, round, account, outputRoot, traceRoot, mark, resultDigest, resultSize, salt
            )
        );
    }

    function tagOf(uint64 id, uint32 account, bytes32 witness) external view returns (bytes32) {
        return keccak256(abi.encode(TAG_DOMAIN, block.chainid, address(this), id, account, witness));
    }

    function linkOf(uint64 id, bytes32 secret, uint8 jury) external view returns (bytes32) {
        if (jury >= Witness.LINKS) revert NoJury(jury);
        bytes32 deepest = keccak256(abi.encode(WITNESS_DOMAIN, block.chainid, address(this), id, secret));
        return Witness.base(deepest, Witness.LINKS - 1 - jury);
    }

    // ---- Inside

    /// A claim stands alone, and its clock runs: while a demand for the output stops it, Rounds sees to that demand.
    function _disputed(uint64 id) private view returns (bool) {
        return _orders[id].check == OPTIMISTIC && _orders[id].phase == Phase.Standing && !_demands[id].open;
    }

    /// One provider claims: there are no audits and no juries.
    function _alone(uint8 check) private pure returns (bool) {
        return check == OPTIMISTIC || check == PROOF;
    }

    function _forward() private {
        _run(rounds, msg.data);
    }

    function _advance(uint64 id) private {
        _run(rounds, abi.encodeCall(Rounds.advance, (id)));
    }

    function _validate(Terms calldata t) private view {
        if (t.check >= _checks.length || address(_checks[t.check]) == address(0)) revert UnsupportedCheck(t.check);
        if (t.privacy != (t.kind == ENCRYPTED ? 1 : 0)) revert UnsupportedPrivacy(t.privacy);
        if (t.kind >= 16) revert InvalidTerms("kind");
        if (t.n == 0 || t.n > MAX_N) revert InvalidTerms("n");
        if (t.k > t.n || 2 * t.k <= t.n) revert InvalidTerms("k");
        if (t.maxTier >= 128) revert InvalidTerms("maxTier");
        if ((t.auditBps < _config.minAuditBps && !_alone(t.check)) || t.auditBps > 10_000) revert InvalidTerms("auditBps");
        if (t.commitWindow < _config.minCommitWindow || t.commitWindow > _config.maxCommitWindow) revert InvalidTerms("commitWindow");
        if (t.spec == 0) revert InvalidTerms("spec");
        if (t.inputRoot == 0) revert InvalidTerms("inputRoot");
        if (!_alone(t.check)) return;
        if (t.kind != 0) revert InvalidTerms("kind"); // only a run of a program can be refuted, or proved
        if (t.n != 1) revert InvalidTerms("n");
        if (t.auditBps != 0) revert InvalidTerms("auditBps");
    }

    function _demand(uint64 id, uint32 account, Demand memory d, uint32 target) private {
        (d.opened, d.deadline) = (uint40(block.timestamp), uint40(block.timestamp) + _config.deliverWindow);
        _demands[id] = d;
        emit Demanded(id, account, d.output, target, d.tensor, d.subtree, _config.demandBond, d.deadline);
        registry.pledge(account, _config.demandBond);
    }

    function _openDemand(uint64 id, bool output) private view returns (Demand storage d) {
        d = _demands[id];
        if (!d.open || d.output != output) revert NoDemand(id);
        _notLate(d.deadline);
    }

    function _answered(uint64 id, uint32 account, bool refuted) private {
        bool output = _demands[id].output;
        _closeDemand(id, _orders[id]);
        emit Answered(id, account, output, refuted);
        registry.credit(account, _config.demandBond);
    }
}
