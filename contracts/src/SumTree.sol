// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A tree of sums for drawing by weight
/// @notice 4^12 leaves of 64 bits; every word holds the four sums below a node, so an update touches 12 words and a draw reads 12.
/// Invariants: (1) the lane of a node is the sum of the four lanes of the word it stands for; (2) the sum of all leaves is below 2^64.
library SumTree {
    uint256 internal constant LEVELS = 12;
    uint256 internal constant CAPACITY = 1 << (2 * LEVELS);

    struct Tree {
        mapping(uint256 node => uint256 lanes) words;
    }

    /// @notice Weight of leaf `index`.
    function get(Tree storage self, uint256 index) internal view returns (uint64) {
        return _lane(self.words[_word(LEVELS, index >> 2)], index & 3);
    }

    /// @notice Changes leaf `index` from `old` to `now_`. `old` must be its present weight.
    function set(Tree storage self, uint256 index, uint64 old, uint64 now_) internal {
        if (old == now_) return;
        for (uint256 level = LEVELS; level > 0; --level) {
            uint256 shift = (index & 3) * 64;
            index >>= 2;
            uint256 key = _word(level, index);
            unchecked {
                // A lane cannot overflow into its neighbour: invariant (2).
                self.words[key] = self.words[key] + (uint256(now_) << shift) - (uint256(old) << shift);
            }
        }
    }

    /// @notice Sum of the leaves below `end`.
    function sumBelow(Tree storage self, uint256 end) internal view returns (uint64 sum) {
        if (end >= CAPACITY) {
            uint256 top = self.words[_word(1, 0)];
            return _lane(top, 0) + _lane(top, 1) + _lane(top, 2) + _lane(top, 3);
        }
        uint256 index = 0;
        for (uint256 level = 1; level <= LEVELS; ++level) {
            uint256 lanes = self.words[_word(level, index)];
            uint256 digit = (end >> (2 * (LEVELS - level))) & 3;
            for (uint256 i = 0; i < digit; ++i) sum += _lane(lanes, i);
            index = (index << 2) | digit;
        }
    }

    /// @notice The leaf where the running sum first exceeds `mark`, which must be below the sum of all leaves.
    function find(Tree storage self, uint64 mark) internal view returns (uint256 index) {
        for (uint256 level = 1; level <= LEVELS; ++level) {
            uint256 lanes = self.words[_word(level, index)];
            uint256 digit = 0;
            uint64 lane = _lane(lanes, 0);
            while (mark >= lane && digit < 3) {
                mark -= lane;
                lane = _lane(lanes, ++digit);
            }
            index = (index << 2) | digit;
        }
    }

    function _lane(uint256 lanes, uint256 i) private pure returns (uint64) {
        return uint64(lanes >> (64 * i));
    }

    function _word(uint256 level, uint256 index) private pure returns (uint256) {
        return (level << 32) | index;
    }
}
