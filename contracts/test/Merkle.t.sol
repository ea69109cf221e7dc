// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Merkle} from "../src/Merkle.sol";

/// @dev The vectors are those of base/merkle_test.cpp, so the two languages compute the same trees.
contract MerkleTest {
    function bytesOf(uint256 size) private pure returns (bytes memory data) {
        data = new bytes(size);
        for (uint256 i = 0; i < size; ++i) data[i] = bytes1(uint8(i * 7));
    }

    function byteRoot(uint8 domain, uint64 size, uint256 subtree, bytes calldata data, bytes32[] calldata siblings) external pure returns (bytes32) {
        return Merkle.byteRoot(domain, size, subtree, data, siblings);
    }

    function listRoot(uint64 count, uint64 index, bytes32 item, bytes32[] calldata siblings) external pure returns (bytes32) {
        return Merkle.listRoot(Merkle.OUTPUTS, count, index, item, siblings);
    }

    function fold(bytes calldata data, uint256 levels) external pure returns (bytes32) {
        return Merkle.fold(Merkle.TENSOR, data, levels);
    }

    function test_golden_roots() public view {
        bytes32 tensor = this.byteRoot(Merkle.TENSOR, 2500, 0, bytesOf(2500), new bytes32[](0));
        require(tensor == 0x86766e454318384953d957692c9ba5152899838bf143134ae93483a534d47e04, "byte tree");
        bytes32 list = this.listRoot(1, 0, tensor, new bytes32[](0));
        require(list == 0x03cb0f77a5bef979f650c9c5f2798bb541502ea0811df7551e5d57df89d66d4a, "list");
    }

    /// A tree of 150 leaves in three subtrees: each gives the root of the whole, folded at once.
    function test_every_subtree_gives_the_root() public view {
        uint64 size = 150_000;
        bytes memory all = bytesOf(size);
        bytes32 expected = Merkle.root(Merkle.TENSOR, size, this.fold(all, 8));
        bytes32[4] memory tops;
        for (uint256 s = 0; s < 4; ++s) tops[s] = this.fold(part(all, s), 6);
        for (uint256 s = 0; s < 3; ++s) {
            bytes32[] memory siblings = new bytes32[](2);
            siblings[0] = tops[s ^ 1];
            uint256 pair = s < 2 ? 2 : 0;
            siblings[1] = keccak256(abi.encodePacked(uint8(1), Merkle.TENSOR, tops[pair], tops[pair + 1]));
            require(this.byteRoot(Merkle.TENSOR, size, s, part(all, s), siblings) == expected, "root");
            siblings[1] = 0;
            require(this.byteRoot(Merkle.TENSOR, size, s, part(all, s), siblings) != expected, "changed sibling");
            require(this.byteRoot(Merkle.TENSOR, size, s, part(all, s), new bytes32[](1)) == 0, "too few siblings");
            require(this.byteRoot(Merkle.TENSOR, size, s, bytesOf(5), siblings) == 0, "wrong length");
        }
        require(this.byteRoot(Merkle.TENSOR, size, 3, "", new bytes32[](2)) == 0, "beyond the end");
    }

    function part(bytes memory all, uint256 s) private pure returns (bytes memory data) {
        uint256 from = s * Merkle.SUBTREE;
        if (from >= all.length) return "";
        uint256 size = all.length - from < Merkle.SUBTREE ? all.length - from : Merkle.SUBTREE;
        data = new bytes(size);
        for (uint256 i = 0; i < size; ++i) data[i] = all[from + i];
    }
}
