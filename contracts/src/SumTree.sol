// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A tree of sums for drawing by weight
/// @notice 4^12 leaves; every word holds the four sums below a node and the block that changed it last:
///   block (64 bits) | lane 3 | lane 2 | lane 1 | lane 0 (48 bits each)
/// so an update touches 12 words and a draw reads 12. The word as it was before that block is kept beside it: what was decided by
/// the randomness of a block must not depend on what was changed in it, when the randomness was known.
/// Invariants: (1) the lane of a node is the sum of the four lanes of the word it stands for; (2) the sum of all leaves is below 2^48.
library SumTree {
    uint256 internal constant LEVELS = 12;
    uint256 internal constant CAPACITY = 1 << (2 * LEVELS);
    uint256 private constant LANE = 48; // bits
    uint256 private constant LANES = (1 << (4 * LANE)) - 1;

    struct Tree {
        mapping(uint256 node => uint256 word) words;
        mapping(uint256 node => uint256 lanes) before;
    }

    /// @notice Weight of leaf `index`.
    function get(Tree storage self, uint256 index) internal view returns (uint64) {
        return _lane(self.words[_word(LEVELS, index >> 2)], index & 3);
    }

    /// @notice Changes leaf `index` from `old` to `now_`. `old` must be its present weight.
    function set(Tree storage self, uint256 index, uint64 old, uint64 now_) internal {
        if (old == now_) return;
        for (uint256 level = LEVELS; level > 0; --level) {
            uint256 shift = (index & 3) * LANE;
            index >>= 2;
            uint256 key = _word(level, index);
            uint256 word = self.words[key];
            if (word >> (4 * LANE) != block.number) {
                word &= LANES;
                self.before[key] = word;
                word |= block.number << (4 * LANE);
            }
            unchecked {
                // A lane cannot overflow into its neighbour: invariant (2).
                self.words[key] = word + (uint256(now_) << shift) - (uint256(old) << shift);
            }
        }
    }

    /// @notice Sum of the leaves below `end`.
    function sumBelow(Tree storage self, uint256 end) internal view returns (uint64) {
        return _sum(self, end, type(uint256).max);
    }

    /// @notice The same before this block.
    function sumBelowBefore(Tree storage self, uint256 end) internal view returns (uint64) {
        return _sum(self, end, block.number);
    }

    /// @notice The leaf where, before this block, the running sum first exceeded `mark`, which must be below the sum of all leaves;
    /// the sum of the leaves below it, and its weight.
    function findBefore(Tree storage self, uint64 mark) internal view returns (uint256 index, uint64 start, uint64 weight) {
        start = mark;
        for (uint256 level = 1; level <= LEVELS; ++level) {
            uint256 lanes = _lanes(self, _word(level, index), block.number);
            uint256 digit = 0;
            weight = _lane(lanes, 0);
            while (mark >= weight && digit < 3) {
                mark -= weight;
                weight = _lane(lanes, ++digit);
            }
            index = (index << 2) | digit;
        }
        start -= mark;
    }

    function _sum(Tree storage self, uint256 end, uint256 without) private view returns (uint64 sum) {
        if (end >= CAPACITY) {
            uint256 top = _lanes(self, _word(1, 0), without);
            return _lane(top, 0) + _lane(top, 1) + _lane(top, 2) + _lane(top, 3);
        }
        uint256 index = 0;
        for (uint256 level = 1; level <= LEVELS; ++level) {
            uint256 lanes = _lanes(self, _word(level, index), without);
            uint256 digit = (end >> (2 * (LEVELS - level))) & 3;
            for (uint256 i = 0; i < digit; ++i) sum += _lane(lanes, i);
            index = (index << 2) | digit;
        }
    }

    /// The lanes of a word, without what block `without` changed.
    function _lanes(Tree storage self, uint256 key, uint256 without) private view returns (uint256 word) {
        word = self.words[key];
        if (word >> (4 * LANE) == without) word = self.before[key];
    }

    function _lane(uint256 lanes, uint256 i) private pure returns (uint64) {
        return uint64((lanes >> (LANE * i)) & ((1 << LANE) - 1));
    }

    function _word(uint256 level, uint256 index) private pure returns (uint256) {
        return (level << 32) | index;
    }
}
