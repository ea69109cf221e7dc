// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC3009} from "@openzeppelin/contracts/interfaces/draft-IERC3009.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRegistry} from "./IRegistry.sol";
import {Offers} from "./Offers.sol";
import {Settlement, Verdict} from "./Types.sol";

/// @title Accounts, money and stake
/// @notice Holds every token of a deployment. No administrator; one market, fixed at deployment, may lock, slash, debit and pay.
/// Invariants:
///  1. token balance >= sum of free balances + sum of stakes + held + burning (equal unless somebody sends tokens unasked)
///  2. for every account: locked + unbonding <= stake
///  3. points of an account <= fees burned on what it was paid
contract Registry is Offers, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

    /// @notice Where burned money goes; nobody holds its key.
    address public constant BURN = 0x000000000000000000000000000000000000dEaD;
    uint256 public constant MAX_ENDPOINT = 200;
    bytes32 private constant DEPOSIT_DOMAIN = keccak256("koinon.deposit");

    struct Profile {
        string endpoint;
        bytes32 encryptionKey; // X25519
    }

    /// @notice What somebody signed (ERC-3009): see depositWithAuthorization.
    struct Authorization {
        address from;
        uint128 amount; // wei
        uint256 validBefore; // seconds
        bytes32 salt;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    event AccountOpened(uint32 indexed account, address indexed owner, address operator, address payout);
    event OperatorSet(uint32 indexed account, address operator);
    event PayoutSet(uint32 indexed account, address payout);
    event OwnershipOffered(uint32 indexed account, address pendingOwner);
    event OwnerSet(uint32 indexed account, address indexed owner);
    event Deposited(uint32 indexed account, address indexed from, uint128 amount);
    event Withdrawn(uint32 indexed account, address indexed payout, uint128 amount);
    event Staked(uint32 indexed account, uint128 amount);
    event UnstakeRequested(uint32 indexed account, uint128 amount, uint64 availableAt);
    event Unstaked(uint32 indexed account, uint128 amount);
    event ProfileSet(uint32 indexed account, string endpoint, bytes32 encryptionKey);
    event Unlocked(uint32 indexed account, uint128 amount);
    event Slashed(uint32 indexed account, uint128 amount);
    event Debited(uint32 indexed account, uint128 amount);
    /// `amount` of the stake became a bond; `unbonding` is left of what was asked back.
    event Pledged(uint32 indexed account, uint128 amount, uint128 unbonding);
    event Credited(uint32 indexed account, uint128 amount);
    event Recorded(uint32 indexed account, Verdict verdict, uint32 streak, uint128 points);
    event Burned(uint128 amount);

    error NotMarket(address caller);
    error NotOwner(uint32 account, address caller);
    error NotPendingOwner(uint32 account, address caller);
    error NotActor(uint32 account, address caller);
    error NoAccount(uint32 account);
    error ZeroAddress();
    error ZeroAmount();
    error InsufficientBalance(uint32 account, uint128 free, uint128 needed);
    error NotUnbonded(uint32 account, uint64 availableAt);
    error EndpointTooLong(uint256 length);
    error Overdrawn(uint128 held, uint128 needed);

    IERC20 public immutable token;
    address public immutable market;
    uint64 public immutable unbondingTime; // seconds

    uint32 public accountCount;
    /// @notice Wei held for the market: escrow and bonds.
    uint128 public held;
    /// @notice Wei burned but not yet sent to BURN.
    uint128 public burning;
    /// @notice Wei burned in all; never falls.
    uint128 public burnedTotal;
    /// @notice Wei slashed in all; never falls.
    uint128 public slashedTotal;

    mapping(uint32 => Profile) private _profiles;

    modifier onlyMarket() {
        if (msg.sender != market) revert NotMarket(msg.sender);
        _;
    }

    modifier onlyOwner(uint32 account) {
        if (msg.sender != _accounts[account].owner) revert NotOwner(account, msg.sender);
        _;
    }

    modifier onlyActor(uint32 account) {
        if (!isActor(account, msg.sender)) revert NotActor(account, msg.sender);
        _;
    }

    /// @param market_ the market's address, which may be predicted and deployed after
    constructor(IERC20 token_, address market_, uint64 unbondingTime_, uint128 minStake_) Offers(minStake_) {
        if (address(token_) == address(0) || market_ == address(0)) revert ZeroAddress();
        (token, market, unbondingTime) = (token_, market_, unbondingTime_);
    }

    // ---- Accounts

    /// @notice Opens an account owned by the caller; ids run from 1.
    function open(address operator, address payout) external returns (uint32 account) {
        if (operator == address(0) || payout == address(0)) revert ZeroAddress();
        account = ++accountCount;
        Account storage a = _accounts[account];
        (a.owner, a.operator, a.payout) = (msg.sender, operator, payout);
        emit AccountOpened(account, msg.sender, operator, payout);
    }

    function setOperator(uint32 account, address operator) external onlyOwner(account) {
        if (operator == address(0)) revert ZeroAddress();
        _accounts[account].operator = operator;
        emit OperatorSet(account, operator);
    }

    function setPayout(uint32 account, address payout) external onlyOwner(account) {
        if (payout == address(0)) revert ZeroAddress();
        _accounts[account].payout = payout;
        emit PayoutSet(account, payout);
    }

    /// @notice Offers the account to another owner, who must accept. The zero address withdraws the offer.
    function transferOwnership(uint32 account, address to) external onlyOwner(account) {
        _accounts[account].pendingOwner = to;
        emit OwnershipOffered(account, to);
    }

    function acceptOwnership(uint32 account) external {
        Account storage a = _accounts[account];
        if (msg.sender != a.pendingOwner) revert NotPendingOwner(account, msg.sender);
        (a.owner, a.pendingOwner) = (msg.sender, address(0));
        emit OwnerSet(account, msg.sender);
    }

    // ---- Money

    /// @notice Moves `amount` of the caller's tokens to the free balance of any account. What arrives is what counts.
    function deposit(uint32 account, uint128 amount) public nonReentrant {
        uint256 before = _beforeDeposit(account);
        token.safeTransferFrom(msg.sender, address(this), amount);
        _deposited(account, msg.sender, before);
    }

    /// @notice deposit with an EIP-2612 permit of the caller. A permit that somebody has already submitted does not stop it.
    function depositWithPermit(uint32 account, uint128 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        deposit(account, amount);
    }

    /// @notice deposit by an ERC-3009 authorisation that its owner signed, so that anybody may pay the gas and no approval is left
    /// behind. Its receiver is this contract, it is valid from 0 on, and its nonce is `depositNonce(account, salt)`: who sees it can
    /// bring it to no other account.
    function depositWithAuthorization(uint32 account, Authorization calldata a) external nonReentrant {
        uint256 before = _beforeDeposit(account);
        bytes32 nonce = depositNonce(account, a.salt);
        IERC3009(address(token)).receiveWithAuthorization(a.from, address(this), a.amount, 0, a.validBefore, nonce, a.v, a.r, a.s);
        _deposited(account, a.from, before);
    }

    /// @notice keccak256(abi.encode(keccak256("koinon.deposit"), account, salt)): the nonce of an authorisation to deposit.
    function depositNonce(uint32 account, bytes32 salt) public pure returns (bytes32) {
        return keccak256(abi.encode(DEPOSIT_DOMAIN, account, salt));
    }

    /// @notice Sends free balance to the account's payout address, never elsewhere.
    function withdraw(uint32 account, uint128 amount) external nonReentrant onlyActor(account) {
        if (amount == 0) revert ZeroAmount();
        _take(account, amount);
        address payout = _accounts[account].payout;
        emit Withdrawn(account, payout, amount);
        token.safeTransfer(payout, amount);
    }

    /// @notice Sends what was burned to BURN. Anyone may.
    function sweepBurned() external nonReentrant {
        uint128 amount = burning;
        if (amount == 0) revert ZeroAmount();
        burning = 0;
        token.safeTransfer(BURN, amount);
    }

    // ---- Providers

    /// @notice Moves free balance to stake.
    function stake(uint32 account, uint128 amount) external onlyActor(account) {
        if (amount == 0) revert ZeroAmount();
        _take(account, amount);
        _accounts[account].stake += amount;
        _reweighAll(account);
        emit Staked(account, amount);
    }

    /// @notice Begins to unbond `amount` in all (a new request replaces the old and restarts the clock; zero cancels).
    function requestUnstake(uint32 account, uint128 amount) external onlyActor(account) {
        Account storage a = _accounts[account];
        uint128 available = a.stake - a.locked;
        if (amount > available) revert InsufficientStake(account, available, amount);
        a.unbonding = amount;
        a.unbondAt = uint64(block.timestamp) + unbondingTime;
        _reweighAll(account);
        emit UnstakeRequested(account, amount, a.unbondAt);
    }

    /// @notice Moves what has unbonded to the free balance.
    function finishUnstake(uint32 account) external onlyActor(account) {
        Account storage a = _accounts[account];
        uint128 amount = a.unbonding;
        if (amount == 0) revert ZeroAmount();
        if (block.timestamp < a.unbondAt) revert NotUnbonded(account, a.unbondAt);
        a.unbonding = 0;
        a.stake -= amount;
        a.free += amount;
        _reweighAll(account);
        emit Unstaked(account, amount);
    }

    /// @notice Offers work of `kind` at the standing price of `tier`, or ends the offer. It holds for draws after this block, and makes
    /// the account miss those of this kind in it.
    function setOffer(uint32 account, uint8 kind, uint8 tier, bool active) external onlyActor(account) {
        _offer(account, kind, tier, active);
    }

    /// @notice Where buyers fetch from, and the key that inputs are encrypted to.
    function setProfile(uint32 account, string calldata endpoint, bytes32 encryptionKey) external onlyActor(account) {
        if (bytes(endpoint).length > MAX_ENDPOINT) revert EndpointTooLong(bytes(endpoint).length);
        _profiles[account] = Profile(endpoint, encryptionKey);
        emit ProfileSet(account, endpoint, encryptionKey);
    }

    // ---- The market's part

    /// @inheritdoc IRegistry
    function seat(uint8 kind, uint8 maxTier, uint8 wanted, uint128 lock, bytes32 seed, uint32[] calldata excluded)
        external
        onlyMarket
        returns (uint32[] memory accounts, uint8[] memory tiers)
    {
        return _draw(kind, maxTier, wanted, lock, seed, excluded);
    }

    /// @inheritdoc IRegistry
    function debit(uint32 account, uint128 amount) external onlyMarket {
        _take(account, amount);
        held += amount;
        emit Debited(account, amount);
    }

    /// @inheritdoc IRegistry
    function pledge(uint32 account, uint128 amount) external onlyMarket {
        Account storage a = _accounts[account];
        uint128 free = a.free < amount ? a.free : amount;
        if (free < amount) _pledgeStake(account, a, free, amount);
        held += amount;
        if (free == 0) return;
        a.free -= free;
        emit Debited(account, free);
    }

    /// @inheritdoc IRegistry
    function credit(uint32 account, uint128 amount) external onlyMarket {
        _release(amount);
        _accounts[account].free += amount;
        emit Credited(account, amount);
    }

    /// @inheritdoc IRegistry
    function settle(uint8 kind, Settlement[] calldata members, uint128 burned) external onlyMarket {
        uint128 slashed;
        uint128 paid;
        for (uint256 i = 0; i < members.length; ++i) {
            slashed += members[i].slashed;
            paid += members[i].paid;
            _settle(kind, members[i]);
        }
        slashedTotal += slashed;
        held += slashed;
        _release(paid + burned);
        if (burned == 0) return;
        burning += burned;
        burnedTotal += burned;
        emit Burned(burned);
    }

    // ---- Views

    function getAccount(uint32 account) external view returns (Account memory) {
        return _accounts[account];
    }

    function getProfile(uint32 account) external view returns (Profile memory) {
        return _profiles[account];
    }

    /// @inheritdoc IRegistry
    function isActor(uint32 account, address who) public view returns (bool) {
        Account storage a = _accounts[account];
        return who != address(0) && (who == a.owner || who == a.operator);
    }

    // ---- Inside

    function _beforeDeposit(uint32 account) private view returns (uint256) {
        if (_accounts[account].owner == address(0)) revert NoAccount(account);
        return token.balanceOf(address(this));
    }

    /// What arrived since `before`: a token may take a fee, or lie.
    function _deposited(uint32 account, address from, uint256 before) private {
        uint128 arrived = (token.balanceOf(address(this)) - before).toUint128();
        if (arrived == 0) revert ZeroAmount();
        _accounts[account].free += arrived;
        emit Deposited(account, from, arrived);
    }

    function _take(uint32 account, uint128 amount) private {
        Account storage a = _accounts[account];
        if (a.free < amount) revert InsufficientBalance(account, a.free, amount);
        unchecked {
            a.free -= amount;
        }
    }

    /// What `free` lacks of a bond, from the stake.
    function _pledgeStake(uint32 account, Account storage a, uint128 free, uint128 amount) private {
        uint128 rest = amount - free;
        uint128 unlocked = a.stake - a.locked;
        if (rest > unlocked) revert InsufficientBalance(account, free + unlocked, amount);
        a.stake -= rest;
        if (a.unbonding > unlocked - rest) a.unbonding = unlocked - rest;
        _reweighAll(account);
        emit Pledged(account, rest, a.unbonding);
    }

    function _release(uint128 amount) private {
        if (held < amount) revert Overdrawn(held, amount);
        unchecked {
            held -= amount;
        }
    }

    function _settle(uint8 kind, Settlement calldata m) private {
        Account storage a = _accounts[m.account];
        a.locked -= m.locked;
        a.stake -= m.slashed;
        a.free += m.paid;
        a.points += m.fee;
        if (m.verdict == Verdict.Accepted) {
            ++a.accepted;
            ++a.streak;
        } else if (m.verdict == Verdict.Rejected) {
            ++a.rejected;
            a.streak = 0;
        } else if (m.verdict == Verdict.Silent) {
            ++a.silent;
            a.streak = 0;
            _suspend(m.account, kind);
        }
        _reweigh(m.account, kind);
        emit Unlocked(m.account, m.locked);
        if (m.slashed != 0) emit Slashed(m.account, m.slashed);
        emit Recorded(m.account, m.verdict, a.streak, a.points);
    }
}
