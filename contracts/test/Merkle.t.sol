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

    // ---- Against the plain model: every leaf in an array padded to a power of two, folded level by level

    function model(bytes32[] memory leaves, uint8 domain) private pure returns (bytes32[][] memory levels) {
        uint256 depth;
        while ((uint256(1) << depth) < leaves.length) ++depth;
        levels = new bytes32[][](depth + 1);
        levels[0] = leaves;
        for (uint256 d = 1; d <= depth; ++d) {
            levels[d] = new bytes32[](levels[d - 1].length / 2);
            for (uint256 i = 0; i < levels[d].length; ++i) {
                levels[d][i] = keccak256(abi.encodePacked(uint8(1), domain, levels[d - 1][2 * i], levels[d - 1][2 * i + 1]));
            }
        }
    }

    function padded(uint256 count) private pure returns (uint256 n) {
        n = 1;
        while (n < count) n *= 2;
    }

    function path(bytes32[][] memory levels, uint256 from, uint256 index) private pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](levels.length - 1 - from);
        for (uint256 d = 0; d < siblings.length; ++d) siblings[d] = levels[from + d][(index >> d) ^ 1];
    }

    function byteLeaves(bytes memory data, uint8 domain) private pure returns (bytes32[] memory leaves) {
        leaves = new bytes32[](padded((data.length + 1023) / 1024));
        for (uint256 i = 0; i < leaves.length; ++i) {
            bytes memory leaf = new bytes(1024);
            for (uint256 k = 0; k < 1024 && i * 1024 + k < data.length; ++k) leaf[k] = data[i * 1024 + k];
            leaves[i] = keccak256(abi.encodePacked(uint8(0), domain, leaf));
        }
    }

    /// forge-config: default.fuzz.runs = 24
    function testFuzz_byte_trees_agree_with_the_model(uint24 random, uint8 pick) public view {
        uint64 size = 1 + random % 140_000;
        bytes memory all = bytesOf(size);
        bytes32[][] memory levels = model(byteLeaves(all, Merkle.ENVELOPE), Merkle.ENVELOPE);
        uint256 below = levels.length - 1 < 6 ? levels.length - 1 : 6;
        bytes32 expected = keccak256(abi.encodePacked(uint8(2), Merkle.ENVELOPE, size, levels[levels.length - 1][0]));
        uint256 s = pick % ((size + 65_535) / 65_536);
        bytes memory data = part(all, s);
        bytes32[] memory siblings = path(levels, below, s);
        require(this.byteRoot(Merkle.ENVELOPE, size, s, data, siblings) == expected, "root");
        data[random % data.length] ^= 0x01;
        require(this.byteRoot(Merkle.ENVELOPE, size, s, data, siblings) != expected, "a changed byte");
        data[random % data.length] ^= 0x01;
        require(this.byteRoot(Merkle.TENSOR, size, s, data, siblings) != expected, "another domain");
        require(this.byteRoot(Merkle.ENVELOPE, size + 1, s, data, siblings) != expected, "another size");
    }

    function testFuzz_lists_agree_with_the_model(uint8 random, uint8 pick, bytes32 seed) public view {
        uint64 count = 1 + random % 70;
        bytes32[] memory leaves = new bytes32[](padded(count));
        for (uint64 i = 0; i < count; ++i) {
            leaves[i] = keccak256(abi.encodePacked(uint8(0), Merkle.OUTPUTS, i, keccak256(abi.encode(seed, i))));
        }
        bytes32[][] memory levels = model(leaves, Merkle.OUTPUTS);
        bytes32 expected = keccak256(abi.encodePacked(uint8(2), Merkle.OUTPUTS, count, levels[levels.length - 1][0]));
        uint64 index = pick % count;
        bytes32 item = keccak256(abi.encode(seed, index));
        bytes32[] memory siblings = path(levels, 0, index);
        require(this.listRoot(count, index, item, siblings) == expected, "root");
        require(this.listRoot(count, index, ~item, siblings) != expected, "another item");
        require(this.listRoot(count, index ^ 1, item, siblings) != expected, "another place");
        require(this.listRoot(count, count, item, siblings) == 0, "beyond the end");
    }
}
