// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

import {IRegistry} from "./IRegistry.sol";
import {SumTree} from "./SumTree.sol";
import {Settlement, Verdict} from "./Types.sol";

/// @title Accounts, money and stake
/// @notice Holds every token of a deployment. No administrator; one market, fixed at deployment, may lock, slash, debit and pay.
/// Invariants:
///  1. token balance >= sum of free balances + sum of stakes + held + burning (equal unless somebody sends tokens unasked)
///  2. for every account: locked + unbonding <= stake
///  3. an active offer's leaf in the tree of its kind is `_weight` of it, any other leaf is zero
///  4. points of an account <= fees burned on what it was paid
contract Registry is IRegistry, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using SumTree for SumTree.Tree;

    /// @notice Where burned money goes; nobody holds its key.
    address public constant BURN = 0x000000000000000000000000000000000000dEaD;
    uint128 public constant UNIT = 1e12;
    uint8 public constant TIERS = 128;
    uint8 public constant KINDS = 16;
    uint8 public constant MAX_OFFERS = 4;
    uint256 public constant TIER_CAPACITY = 65536;
    uint256 public constant MAX_ENDPOINT = 200;
    uint64 public constant MAX_STAKE_WEIGHT = 65535;
    uint128 public constant STAKE_PER_PRICE = 20;
    uint8 public constant BASE_RECORD = 4;
    uint8 public constant MAX_STREAK = 12;

    struct Account {
        address owner;
        uint16 kinds; // bit k: an active offer of kind k
        uint32 streak; // accepted in a row
        address operator;
        uint32 accepted;
        uint32 rejected;
        uint32 silent;
        address payout;
        address pendingOwner;
        uint128 free; // wei
        uint128 stake;
        uint128 locked; // part of stake
        uint128 unbonding; // part of stake
        uint64 unbondAt; // seconds
        uint128 points; // wei of fees
    }

    struct Offer {
        bool active;
        uint8 tier;
        uint16 position; // leaf within the tier
        uint64 weight; // in the tree
    }

    struct Profile {
        string endpoint;
        bytes32 encryptionKey; // X25519
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
    event OfferSet(uint32 indexed account, uint8 indexed kind, uint8 tier, bool active);
    event ProfileSet(uint32 indexed account, string endpoint, bytes32 encryptionKey);
    event Locked(uint32 indexed account, uint128 amount);
    event Unlocked(uint32 indexed account, uint128 amount);
    event Slashed(uint32 indexed account, uint128 amount);
    event Debited(uint32 indexed account, uint128 amount);
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
    error InsufficientStake(uint32 account, uint128 free, uint128 needed);
    error NotUnbonded(uint32 account, uint64 availableAt);
    error InvalidKind(uint8 kind);
    error InvalidTier(uint8 tier);
    error TooManyOffers(uint32 account);
    error TierFull(uint8 kind, uint8 tier);
    error EndpointTooLong(uint256 length);
    error Overdrawn(uint128 held, uint128 needed);

    IERC20 public immutable token;
    address public immutable market;
    uint64 public immutable unbondingTime; // seconds
    uint128 public immutable minStake; // wei that an offer needs

    uint32 public accountCount;
    /// @notice Wei held for the market: escrow and bonds.
    uint128 public held;
    /// @notice Wei burned but not yet sent to BURN.
    uint128 public burning;
    /// @notice Wei burned in all; never falls.
    uint128 public burnedTotal;
    /// @notice Wei slashed in all; never falls.
    uint128 public slashedTotal;

    mapping(uint32 => Account) private _accounts;
    mapping(uint32 => Profile) private _profiles;
    mapping(uint32 => mapping(uint8 => Offer)) private _offers;
    mapping(uint8 => SumTree.Tree) private _trees;
    mapping(uint256 leaf => uint32 account) private _leaves; // kind << 24 | tier << 16 | position
    mapping(uint16 tier => uint16[]) private _vacant; // kind << 8 | tier
    mapping(uint16 tier => uint32) private _used;
    mapping(uint8 => uint32[TIERS]) private _counts; // offers with weight

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
    constructor(IERC20 token_, address market_, uint64 unbondingTime_, uint128 minStake_) {
        if (address(token_) == address(0) || market_ == address(0)) revert ZeroAddress();
        (token, market, unbondingTime, minStake) = (token_, market_, unbondingTime_, minStake_);
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
        if (_accounts[account].owner == address(0)) revert NoAccount(account);
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), amount);
        uint128 arrived = (token.balanceOf(address(this)) - before).toUint128();
        if (arrived == 0) revert ZeroAmount();
        _accounts[account].free += arrived;
        emit Deposited(account, msg.sender, arrived);
    }

    /// @notice deposit with an EIP-2612 permit of the caller. A permit that somebody has already submitted does not stop it.
    function depositWithPermit(uint32 account, uint128 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s) external {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        deposit(account, amount);
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
        _reweigh(account);
        emit Staked(account, amount);
    }

    /// @notice Begins to unbond `amount` in all (a new request replaces the old and restarts the clock; zero cancels).
    function requestUnstake(uint32 account, uint128 amount) external onlyActor(account) {
        Account storage a = _accounts[account];
        uint128 available = a.stake - a.locked;
        if (amount > available) revert InsufficientStake(account, available, amount);
        a.unbonding = amount;
        a.unbondAt = uint64(block.timestamp) + unbondingTime;
        _reweigh(account);
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
        _reweigh(account);
        emit Unstaked(account, amount);
    }

    /// @notice Offers work of `kind` at the standing price of `tier`, or ends the offer. It holds for draws after this block.
    function setOffer(uint32 account, uint8 kind, uint8 tier, bool active) external onlyActor(account) {
        if (kind >= KINDS) revert InvalidKind(kind);
        if (tier >= TIERS) revert InvalidTier(tier);
        Account storage a = _accounts[account];
        Offer storage o = _offers[account][kind];
        if (o.active) _vacate(account, kind, o);
        if (active) {
            uint128 needed = STAKE_PER_PRICE * price(tier);
            if (needed < minStake) needed = minStake;
            if (freeStake(account) < needed) revert InsufficientStake(account, freeStake(account), needed);
            a.kinds |= uint16(1) << kind;
            if (_bits(a.kinds) > MAX_OFFERS) revert TooManyOffers(account);
            _occupy(account, kind, tier, o);
        } else {
            a.kinds &= ~(uint16(1) << kind);
        }
        emit OfferSet(account, kind, tier, active);
    }

    /// @notice Where buyers fetch from, and the key that inputs are encrypted to.
    function setProfile(uint32 account, string calldata endpoint, bytes32 encryptionKey) external onlyActor(account) {
        if (bytes(endpoint).length > MAX_ENDPOINT) revert EndpointTooLong(bytes(endpoint).length);
        _profiles[account] = Profile(endpoint, encryptionKey);
        emit ProfileSet(account, endpoint, encryptionKey);
    }

    // ---- The market's part

    /// @inheritdoc IRegistry
    /// @dev An account that cannot be taken (excluded, too little free stake) leaves the tree for the rest of the draw, so the
    /// others keep their relative weights and no account is tried twice. Tries are bounded by wanted + excluded + 16.
    function seat(uint8 kind, uint8 maxTier, uint8 wanted, uint128 lock, bytes32 seed, uint32[] calldata excluded)
        external
        onlyMarket
        returns (uint32[] memory accounts, uint8[] memory tiers)
    {
        accounts = new uint32[](wanted);
        tiers = new uint8[](wanted);
        uint32[] memory taken = new uint32[](uint256(wanted) + excluded.length + 16);
        uint256 seated;
        uint256 out;
        for (; out < taken.length && seated < wanted; ++out) {
            uint32 account = _pick(kind, maxTier, keccak256(abi.encode(seed, out)));
            if (account == 0) break;
            taken[out] = account;
            if (freeStake(account) < lock || _contains(excluded, account)) continue;
            (accounts[seated], tiers[seated]) = (account, _offers[account][kind].tier);
            ++seated;
            _accounts[account].locked += lock;
            emit Locked(account, lock);
        }
        for (uint256 i = 0; i < out; ++i) _reweigh(taken[i]);
        assembly ("memory-safe") {
            mstore(accounts, seated)
            mstore(tiers, seated)
        }
    }

    /// @inheritdoc IRegistry
    function debit(uint32 account, uint128 amount) external onlyMarket {
        _take(account, amount);
        held += amount;
        emit Debited(account, amount);
    }

    /// @inheritdoc IRegistry
    function credit(uint32 account, uint128 amount) external onlyMarket {
        _release(amount);
        _accounts[account].free += amount;
        emit Credited(account, amount);
    }

    /// @inheritdoc IRegistry
    function settle(Settlement[] calldata members, uint128 burned) external onlyMarket {
        uint128 slashed;
        uint128 paid;
        for (uint256 i = 0; i < members.length; ++i) {
            slashed += members[i].slashed;
            paid += members[i].paid;
            _settle(members[i]);
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

    function getOffer(uint32 account, uint8 kind) external view returns (Offer memory) {
        return _offers[account][kind];
    }

    /// @inheritdoc IRegistry
    function isActor(uint32 account, address who) public view returns (bool) {
        Account storage a = _accounts[account];
        return who != address(0) && (who == a.owner || who == a.operator);
    }

    /// @notice Stake that is neither locked nor unbonding, wei.
    function freeStake(uint32 account) public view returns (uint128) {
        Account storage a = _accounts[account];
        return a.stake - a.locked - a.unbonding;
    }

    /// @inheritdoc IRegistry
    function eligibleBeside(uint8 kind, uint8 maxTier, uint32[] calldata excluded) external view returns (uint256 count) {
        (count,) = eligible(kind, maxTier);
        for (uint256 i = 0; i < excluded.length; ++i) {
            Offer storage o = _offers[excluded[i]][kind];
            if (o.weight != 0 && o.tier <= maxTier) --count;
        }
    }

    /// @inheritdoc IRegistry
    function eligible(uint8 kind, uint8 maxTier) public view returns (uint256 count, uint64 weight) {
        if (maxTier >= TIERS) revert InvalidTier(maxTier);
        for (uint256 t = 0; t <= maxTier; ++t) count += _counts[kind][t];
        weight = _trees[kind].sumBelow((uint256(maxTier) + 1) * TIER_CAPACITY);
    }

    /// @inheritdoc IRegistry
    function price(uint8 tier) public pure returns (uint128) {
        if (tier >= TIERS) revert InvalidTier(tier);
        return (UNIT / 4 * (4 + tier % 4)) << (tier / 4);
    }

    // ---- Inside

    function _take(uint32 account, uint128 amount) private {
        Account storage a = _accounts[account];
        if (a.free < amount) revert InsufficientBalance(account, a.free, amount);
        unchecked {
            a.free -= amount;
        }
    }

    function _release(uint128 amount) private {
        if (held < amount) revert Overdrawn(held, amount);
        unchecked {
            held -= amount;
        }
    }

    function _settle(Settlement calldata m) private {
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
        }
        _reweigh(m.account);
        emit Unlocked(m.account, m.locked);
        if (m.slashed != 0) emit Slashed(m.account, m.slashed);
        emit Recorded(m.account, m.verdict, a.streak, a.points);
    }

    /// Weight of an offer: prices that the free stake covers twenty times, times the record.
    function _weight(Account storage a, uint8 tier) private view returns (uint64) {
        uint128 units = (a.stake - a.locked - a.unbonding) / (STAKE_PER_PRICE * price(tier));
        if (units > MAX_STAKE_WEIGHT) units = MAX_STAKE_WEIGHT;
        uint32 streak = a.streak > MAX_STREAK ? MAX_STREAK : a.streak;
        return uint64(units) * (BASE_RECORD + streak);
    }

    function _reweigh(uint32 account) private {
        Account storage a = _accounts[account];
        uint16 kinds = a.kinds;
        for (uint8 kind = 0; kinds != 0; ++kind) {
            if (kinds & 1 != 0) {
                Offer storage o = _offers[account][kind];
                _setWeight(kind, o, _weight(a, o.tier));
            }
            kinds >>= 1;
        }
    }

    /// Takes an account out of the tree by weight; 0 when none is left up to `maxTier`.
    function _pick(uint8 kind, uint8 maxTier, bytes32 random) private returns (uint32 account) {
        SumTree.Tree storage tree = _trees[kind];
        uint64 total = tree.sumBelow((uint256(maxTier) + 1) * TIER_CAPACITY);
        if (total == 0) return 0;
        account = _leaves[(uint256(kind) << 24) | tree.find(uint64(uint256(random) % total))];
        _setWeight(kind, _offers[account][kind], 0);
    }

    function _setWeight(uint8 kind, Offer storage o, uint64 weight) private {
        uint64 old = o.weight;
        if (old == weight) return;
        if (old == 0) ++_counts[kind][o.tier];
        if (weight == 0) --_counts[kind][o.tier];
        _trees[kind].set((uint256(o.tier) << 16) | o.position, old, weight);
        o.weight = weight;
    }

    function _occupy(uint32 account, uint8 kind, uint8 tier, Offer storage o) private {
        uint16 slot = (uint16(kind) << 8) | tier;
        uint16[] storage vacant = _vacant[slot];
        uint16 position;
        if (vacant.length != 0) {
            position = vacant[vacant.length - 1];
            vacant.pop();
        } else {
            uint32 used = _used[slot];
            if (used == TIER_CAPACITY) revert TierFull(kind, tier);
            position = uint16(used);
            _used[slot] = used + 1;
        }
        _leaves[(uint256(slot) << 16) | position] = account;
        (o.active, o.tier, o.position) = (true, tier, position);
        _setWeight(kind, o, _weight(_accounts[account], tier));
    }

    function _vacate(uint32 account, uint8 kind, Offer storage o) private {
        _setWeight(kind, o, 0);
        uint16 slot = (uint16(kind) << 8) | o.tier;
        _vacant[slot].push(o.position);
        delete _leaves[(uint256(slot) << 16) | o.position];
        delete _offers[account][kind];
    }

    function _contains(uint32[] calldata list, uint32 account) private pure returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) if (list[i] == account) return true;
        return false;
    }

    function _bits(uint16 x) private pure returns (uint256 n) {
        for (; x != 0; x &= x - 1) ++n;
    }
}
