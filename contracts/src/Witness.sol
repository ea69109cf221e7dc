// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {WITNESS_DOMAIN} from "./Types.sol";

/// @title The witness, link by link
/// @notice Only a run of the program yields the secret of an order. Nobody reveals it, but links of a chain that hangs from it:
///   link 1 = keccak256(abi.encode(WITNESS_DOMAIN, chain id, market, orderId, secret))   a juror of the second jury reveals it
///   link 0 = keccak256(abi.encode(WITNESS_DOMAIN, link 1))                              a juror of the first jury; tags bind it
/// What the first jury reveals is therefore of no use to a juror of the second that did not run the program, nor in another order.
library Witness {
    /// @notice Juries of one order, and so links of its chain.
    uint8 internal constant LINKS = 2;

    /// @notice Link 0, from what a juror of the jury number `jury` (0, 1) revealed.
    function base(bytes32 mark, uint256 jury) internal pure returns (bytes32) {
        for (uint256 i = 0; i < jury; ++i) mark = keccak256(abi.encode(WITNESS_DOMAIN, mark));
        return mark;
    }
}
