// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IRegistry} from "./IRegistry.sol";
import {SumTree} from "./SumTree.sol";

/// @title What providers offer, and the draw among them
/// @notice The part of Registry that holds offers and their weights. Invariants:
///  1. the leaf of an offer in the tree of its kind is Offer.weight, any other leaf is zero
///  2. an offer's weight is `_weight` as of the last change of its account, or of its last draw or settlement of this kind; what an
///     order of another kind has locked or slashed since is noticed when the account is drawn, which then passes it over
///  3. a draw depends on the weights before its block, and on free stake: nothing done in a block, when the seed is known, moves a
///     draw to another account
///  4. a suspended offer has no weight
abstract contract Offers is IRegistry {
    using SumTree for SumTree.Tree;

    uint128 public constant UNIT = 1e12;
    uint8 public constant TIERS = 128;
    uint8 public constant KINDS = 16;
    uint8 public constant MAX_OFFERS = 4;
    uint256 public constant TIER_CAPACITY = 65536;
    uint64 public constant MAX_STAKE_WEIGHT = (1 << 20) - 1;
    /// @notice Parts of the minimum stake that stake is weighed in.
    uint128 public constant STAKE_PARTS = 64;
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
        bool suspended; // since its account was silent, until it offers again
        uint8 tier;
        uint16 position; // leaf within the tier
        uint64 weight; // in the tree
    }

    /// Who stands at a leaf, and since which block.
    struct Leaf {
        uint32 account;
        uint64 since;
    }

    /// A draw under way: the leaves that it has taken out, in rising order, and the weight that is left without them.
    struct Lot {
        uint8 kind;
        uint128 lock;
        bytes32 seed;
        uint64 left;
        uint256 count;
        uint64[] starts;
        uint64[] weights;
    }

    event OfferSet(uint32 indexed account, uint8 indexed kind, uint8 tier, bool active);
    /// An order found the account silent: its offer of this kind is not drawn until it calls setOffer again.
    event OfferSuspended(uint32 indexed account, uint8 indexed kind);
    event Locked(uint32 indexed account, uint128 amount);

    error InsufficientStake(uint32 account, uint128 free, uint128 needed);
    error InvalidKind(uint8 kind);
    error InvalidTier(uint8 tier);
    error TooManyOffers(uint32 account);
    error TierFull(uint8 kind, uint8 tier);

    uint128 public immutable minStake; // wei that an offer needs

    mapping(uint32 => Account) internal _accounts;
    mapping(uint32 => mapping(uint8 => Offer)) internal _offers;
    mapping(uint8 => SumTree.Tree) private _trees;
    mapping(uint256 leaf => Leaf) private _leaves; // kind << 24 | tier << 16 | position
    mapping(uint16 tier => uint16[]) private _vacant; // kind << 8 | tier
    mapping(uint16 tier => uint32) private _used;
    mapping(uint8 => uint32[TIERS]) private _counts; // offers with weight

    constructor(uint128 minStake_) {
        minStake = minStake_;
    }

    // ---- Views

    function getOffer(uint32 account, uint8 kind) external view returns (Offer memory) {
        return _offers[account][kind];
    }

    /// @notice Stake that is neither locked nor unbonding, wei.
    function freeStake(uint32 account) public view returns (uint128) {
        return _freeStake(_accounts[account]);
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

    // ---- Offers

    function _offer(uint32 account, uint8 kind, uint8 tier, bool active) internal {
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

    /// The offers of every kind, after its owner changed the stake.
    function _reweighAll(uint32 account) internal {
        uint16 kinds = _accounts[account].kinds;
        for (uint8 kind = 0; kinds != 0; ++kind) {
            if (kinds & 1 != 0) _reweigh(account, kind);
            kinds >>= 1;
        }
    }

    function _reweigh(uint32 account, uint8 kind) internal {
        Offer storage o = _offers[account][kind];
        if (o.active) _setWeight(kind, o, o.suspended ? 0 : _weight(_accounts[account], o.tier));
    }

    /// Takes the weight of an offer whose account did not do what an order asked of it: a machine that is gone loses what it was drawn
    /// for, and is drawn for no more.
    function _suspend(uint32 account, uint8 kind) internal {
        Offer storage o = _offers[account][kind];
        if (!o.active || o.suspended) return;
        o.suspended = true;
        emit OfferSuspended(account, kind);
    }

    // ---- The draw

    /// Draws up to `wanted` distinct accounts and locks `lock` of the stake of each. An account that cannot be seated (excluded, too
    /// little free stake, come to its leaf in this block) is left out for the rest of the draw, so the others keep their relative
    /// weights and no account is tried twice. Tries are bounded by wanted + excluded + 16.
    function _draw(uint8 kind, uint8 maxTier, uint8 wanted, uint128 lock, bytes32 seed, uint32[] calldata excluded)
        internal
        returns (uint32[] memory accounts, uint8[] memory tiers)
    {
        accounts = new uint32[](wanted);
        tiers = new uint8[](wanted);
        Lot memory lot = _lot(kind, maxTier, uint256(wanted) + excluded.length + 16);
        (lot.lock, lot.seed) = (lock, seed);
        uint256 seated;
        for (uint256 i = 0; i < lot.starts.length && seated < wanted && lot.left != 0; ++i) {
            uint32 account = _try(lot, i, excluded);
            if (account == 0) continue;
            accounts[seated] = account;
            tiers[seated++] = _offers[account][kind].tier;
        }
        assembly ("memory-safe") {
            mstore(accounts, seated)
            mstore(tiers, seated)
        }
    }

    function _lot(uint8 kind, uint8 maxTier, uint256 tries) private view returns (Lot memory lot) {
        lot.kind = kind;
        lot.left = _trees[kind].sumBelowBefore((uint256(maxTier) + 1) * TIER_CAPACITY);
        (lot.starts, lot.weights) = (new uint64[](tries), new uint64[](tries));
    }

    /// Try number `i`: the account that was seated, 0 when the one drawn could not be.
    function _try(Lot memory lot, uint256 i, uint32[] calldata excluded) private returns (uint32 account) {
        uint256 leaf = _take(lot, uint64(uint256(keccak256(abi.encode(lot.seed, i))) % lot.left));
        Leaf storage l = _leaves[(uint256(lot.kind) << 24) | leaf];
        account = l.account;
        if (account == 0 || l.since == block.number || _contains(excluded, account)) return 0;
        bool able = freeStake(account) >= lot.lock;
        if (able) {
            _accounts[account].locked += lot.lock;
            emit Locked(account, lot.lock);
        }
        _reweigh(account, lot.kind);
        if (!able) return 0;
    }

    /// The leaf at `mark` of the weight that is left; takes it out.
    function _take(Lot memory lot, uint64 mark) private view returns (uint256 leaf) {
        uint256 place = 0;
        for (; place < lot.count && mark >= lot.starts[place]; ++place) mark += lot.weights[place];
        uint64 start;
        uint64 weight;
        (leaf, start, weight) = _trees[lot.kind].findBefore(mark);
        for (uint256 i = lot.count++; i > place; --i) {
            (lot.starts[i], lot.weights[i]) = (lot.starts[i - 1], lot.weights[i - 1]);
        }
        (lot.starts[place], lot.weights[place]) = (start, weight);
        lot.left -= weight;
    }

    // ---- Inside

    /// Weight of an offer: the free stake in parts of the minimum stake, times the record. Its price does not matter, or weight in
    /// draws would be had for next to nothing at a price of next to nothing; but less than twenty prices is no stake at all.
    function _weight(Account storage a, uint8 tier) private view returns (uint64) {
        uint128 free = _freeStake(a);
        if (free < STAKE_PER_PRICE * price(tier)) return 0;
        uint128 part = minStake < STAKE_PARTS ? 1 : minStake / STAKE_PARTS;
        uint128 units = free / part;
        if (units > MAX_STAKE_WEIGHT) units = MAX_STAKE_WEIGHT;
        uint32 streak = a.streak > MAX_STREAK ? MAX_STREAK : a.streak;
        return uint64(units) * (BASE_RECORD + streak);
    }

    function _freeStake(Account storage a) private view returns (uint128) {
        return a.stake - a.locked - a.unbonding;
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
        _leaves[(uint256(slot) << 16) | position] = Leaf(account, uint64(block.number));
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
