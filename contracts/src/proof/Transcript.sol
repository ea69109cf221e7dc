// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The transcript of docs/trust/proof.md, section 6
/// @notice A state is a word. Labels have at most 32 characters; `size` is their number.
library Transcript {
    uint256 private constant P = 0xffffffff00000001;

    /// @notice keccak256(0x00 | state | be64(size) | label | be64(length) | bytes), for `length` bytes of calldata at `position`.
    function absorb(bytes32 state, bytes32 label, uint256 size, uint256 position, uint256 length) internal pure returns (bytes32 out) {
        assembly ("memory-safe") {
            let m := mload(0x40) // behind the free memory pointer: nothing of it is kept
            mstore8(m, 0)
            mstore(add(m, 1), state)
            mstore(add(m, 33), shl(192, size))
            mstore(add(m, 41), label)
            let pos := add(add(m, 41), size)
            mstore(pos, shl(192, length))
            calldatacopy(add(pos, 8), position, length)
            out := keccak256(m, add(add(49, size), length))
        }
    }

    /// @notice The same for bytes in memory.
    function absorbBytes(bytes32 state, bytes32 label, uint256 size, bytes memory data) internal pure returns (bytes32 out) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore8(m, 0)
            mstore(add(m, 1), state)
            mstore(add(m, 33), shl(192, size))
            mstore(add(m, 41), label)
            let pos := add(add(m, 41), size)
            let length := mload(data)
            mstore(pos, shl(192, length))
            mcopy(add(pos, 8), add(data, 32), length)
            out := keccak256(m, add(add(49, size), length))
        }
    }

    /// @notice keccak256(0x01 | state | be64(size) | label): the state from which coins are drawn.
    function draw(bytes32 state, bytes32 label, uint256 size) internal pure returns (bytes32 out) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore8(m, 1)
            mstore(add(m, 1), state)
            mstore(add(m, 33), shl(192, size))
            mstore(add(m, 41), label)
            out := keccak256(m, add(41, size))
        }
    }

    /// @notice Block `index` of a state: keccak256(0x02 | state | be64(index)) as four words of 64 bits, the first in the highest bits.
    function block_(bytes32 state, uint256 index) internal pure returns (uint256 out) {
        assembly ("memory-safe") {
            let m := mload(0x40)
            mstore8(m, 2)
            mstore(add(m, 1), state)
            mstore(add(m, 33), shl(192, index))
            out := keccak256(m, 41)
        }
        return lanes(out);
    }

    /// @notice Turns the bytes of each of a word's four lanes of 64 bits round.
    function lanes(uint256 w) internal pure returns (uint256) {
        uint256 m = 0x00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff;
        w = ((w & m) << 8) | ((w >> 8) & m);
        m = 0x0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff0000ffff;
        w = ((w & m) << 16) | ((w >> 16) & m);
        m = 0x00000000ffffffff00000000ffffffff00000000ffffffff00000000ffffffff;
        return ((w & m) << 32) | ((w >> 32) & m);
    }

    /// @notice `count` elements of F from a drawn state.
    function elements(bytes32 state, uint256 count) internal pure returns (uint256[] memory out) {
        unchecked {
            out = new uint256[](count);
            uint256 next;
            uint256 words;
            for (uint256 i = 0; i < count; ++i) {
                uint256 value;
                for (uint256 k = 0; k < 240; k += 80) {
                    uint256 w;
                    do {
                        if (next % 4 == 0) words = block_(state, next / 4);
                        w = (words >> (192 - 64 * (next % 4))) & 0xffffffffffffffff;
                        ++next;
                    } while (w >= P);
                    value |= w << k;
                }
                out[i] = value;
            }
        }
    }

    /// @notice Draws one element of F.
    function challenge(bytes32 state, bytes32 label, uint256 size) internal pure returns (bytes32 next, uint256 value) {
        next = draw(state, label, size);
        uint256 words = block_(next, 0);
        uint256 a = words >> 192;
        uint256 b = (words >> 128) & 0xffffffffffffffff;
        uint256 c = (words >> 64) & 0xffffffffffffffff;
        if (a >= P || b >= P || c >= P) return (next, elements(next, 1)[0]);
        value = a | (b << 80) | (c << 160);
    }

    /// @notice `count` numbers below 2^bits from a drawn state, in ascending order and without repetition.
    function places(bytes32 state, uint256 count, uint256 bits) internal pure returns (uint256[] memory out) {
        unchecked {
            out = new uint256[](count);
            uint256 mask = (1 << bits) - 1;
            uint256 words;
            uint256 kept;
            for (uint256 i = 0; i < count; ++i) {
                if (i % 4 == 0) words = block_(state, i / 4);
                uint256 place = (words >> (192 - 64 * (i % 4))) & mask;
                assembly ("memory-safe") {
                    // Insertion from the back.
                    let first := add(out, 32)
                    let pos := add(first, shl(5, kept))
                    for {} gt(pos, first) { pos := sub(pos, 32) } {
                        let before := mload(sub(pos, 32))
                        if iszero(gt(before, place)) { break }
                        mstore(pos, before)
                    }
                    mstore(pos, place)
                }
                ++kept;
            }
            // Repetitions stand side by side.
            uint256 distinct;
            for (uint256 i = 0; i < count; ++i) {
                if (i != 0 && out[i] == out[distinct - 1]) continue;
                out[distinct++] = out[i];
            }
            assembly ("memory-safe") {
                mstore(out, distinct)
            }
        }
    }

    /// @notice True when keccak256(0x03 | state | be64(nonce)) begins with `bits` zero bits.
    function worked(bytes32 state, uint256 nonce, uint256 bits) internal pure returns (bool) {
        return uint256(keccak256(abi.encodePacked(uint8(3), state, uint64(nonce)))) >> (256 - bits) == 0;
    }
}
