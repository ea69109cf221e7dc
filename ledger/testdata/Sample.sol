// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// A contract for the tests of the ledger: every shape of argument, result, event and error.
contract Sample {
    struct Inner {
        uint64 id;
        bytes32[] roots;
    }

    struct Item {
        address owner;
        string name;
        Inner[] parts;
        int32 offset;
        uint128 amount;
        bool active;
    }

    error TooMuch(uint256 asked, uint256 limit);

    event Stored(uint256 indexed key, address indexed from, bytes32 seed, string name);
    event Counted(uint64 indexed count);

    uint256 public immutable limit;
    uint64 public count;
    mapping(uint256 => bytes32) public seeds;

    constructor(uint256 limit_) {
        limit = limit_;
    }

    function store(uint256 key, string calldata name) external {
        if (key > limit) revert TooMuch(key, limit);
        bytes32 seed = bytes32(block.prevrandao) ^ bytes32(block.timestamp);
        seeds[key] = seed;
        emit Stored(key, msg.sender, seed, name);
    }

    function increase(uint64 by) external {
        for (uint64 i = 0; i < by; ++i) emit Counted(++count);
    }

    function echo(Item calldata item, uint8[3] calldata small, bytes calldata data)
        external
        pure
        returns (Item memory, uint8[3] memory, bytes memory)
    {
        return (item, small, data);
    }

    function fail() external pure {
        revert("refused");
    }
}
