// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Transcript} from "./Transcript.sol";

/// @title Reading the bytes of a proof (docs/trust/proof.md, section 9) where they lie in calldata
/// @notice `position` is a calldata position. Whoever reads checks in the end that it stopped where the bytes end.
library Reader {
    uint256 private constant P = 0xffffffff00000001;

    error NotCanonical(uint256 position);
    error WrongCount(uint256 position, uint256 count, uint256 expected);

    /// @notice The element of F at `position`: three words of eight bytes, little-endian, each below p.
    function element(uint256 position) internal pure returns (uint256) {
        uint256 w;
        assembly ("memory-safe") {
            w := calldataload(position)
        }
        w = Transcript.lanes(w);
        uint256 a = w >> 192;
        uint256 b = (w >> 128) & 0xffffffffffffffff;
        uint256 c = (w >> 64) & 0xffffffffffffffff;
        if (a >= P || b >= P || c >= P) revert NotCanonical(position);
        return a | (b << 80) | (c << 160);
    }

    /// @notice Reverts unless the little-endian number of four bytes at `position` is `expected`.
    function count(uint256 position, uint256 expected) internal pure {
        uint256 w;
        assembly ("memory-safe") {
            w := calldataload(position)
        }
        w = Transcript.lanes(w) >> 192 & 0xffffffff;
        if (w != expected) revert WrongCount(position, w, expected);
    }

    /// @notice The little-endian number of eight bytes at `position`.
    function number(uint256 position) internal pure returns (uint256 w) {
        assembly ("memory-safe") {
            w := calldataload(position)
        }
        return Transcript.lanes(w) >> 192;
    }

    function word(uint256 position) internal pure returns (bytes32 w) {
        assembly ("memory-safe") {
            w := calldataload(position)
        }
    }
}
