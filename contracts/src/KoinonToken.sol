// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC3009} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC3009.sol";

/// @title Settlement token of a local deployment
/// @notice A plain ERC-20 of 18 decimals with EIP-2612 permits and ERC-3009 authorisations; the whole supply goes to the deployer.
contract KoinonToken is ERC20, ERC20Permit, ERC3009 {
    constructor(uint256 supply) ERC20("Koinon local token", "KOIN") ERC20Permit("Koinon local token") {
        _mint(msg.sender, supply);
    }
}
