// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Fixture} from "./Fixture.sol";

/// @dev The largest transactions stay below the cap of EIP-7825 with room to spare.
contract GasTest is Fixture {
    uint256 private constant BOUND = 12_000_000;

    function test_the_largest_order_stays_below_the_transaction_cap() public {
        providers(50);
        uint64 id = ordered(5, 3, 10_000);
        work(id, honest);
        drawAudit(id);
        publish(id, BUYER);
        work(id, honest);
        for (uint256 i = 0; i < 2; ++i) {
            appeal(id, BUYER);
            nextBlock();
            uint256 before = gasleft();
            market.draw(id);
            isTrue(before - gasleft() < BOUND, "draw");
            publish(id, BUYER);
            work(id, honest);
        }
        isEqual(seated(id).length, 23, "largest jury");
        pass();
        uint256 start = gasleft();
        market.settle(id);
        isTrue(start - gasleft() < BOUND, "settle");
        closed();
    }
}
