#pragma once
#include <filesystem>
#include <functional>
#include <map>

#include "ledger/tx_sender.hpp"

namespace koinon::ledger {

/// A compiled contract, as contracts/artifacts holds it.
struct ContractArtifact {
  std::string name;
  Bytes bytecode;  ///< creation code
  std::vector<abi::Entry> abi;
  /// Errors: malformed, not_found, out_of_range (EIP-170 and EIP-3860 sizes).
  static Result<ContractArtifact> load(const std::filesystem::path& file);
  /// Creation code with constructor arguments.
  [[nodiscard]] Result<Bytes> creation_code(const abi::Value& arguments) const;
};

/// Contracts that belong together on one chain; a file that every participant shares.
struct Deployment {
  static constexpr int kFormat = 1;
  struct Contract {
    Address address;
    Hash code_hash;  ///< keccak256 of the code at that address
  };
  std::uint64_t chain_id = 0;
  std::uint64_t block = 0;  ///< where to begin reading events
  std::string version;      ///< of the contracts
  std::map<std::string, Contract> contracts;

  [[nodiscard]] std::string to_json() const;
  /// Errors: malformed, unsupported (newer format).
  static Result<Deployment> from_json(std::string_view text);
  static Result<Deployment> load(const std::filesystem::path& file);
  [[nodiscard]] Status save(const std::filesystem::path& file) const;
  /// Errors: not_found.
  [[nodiscard]] Result<Address> address(const std::string& name) const;
  /// Compares chain id and the code at each address with what stands on the ledger. Errors: conflict, naming the contract.
  [[nodiscard]] Status verify(Rpc& rpc) const;
};

/// One contract to deploy. `arguments` is called with the addresses that every contract of the plan will have, so that
/// contracts can name each other in their constructors.
struct DeployStep {
  ContractArtifact artifact;
  std::function<Result<abi::Value>(const std::map<std::string, Address>& addresses)> arguments;
};

/// How a deployment tells how far it is, and goes on after it was broken off.
struct DeployOptions {
  std::filesystem::path journal;  ///< file that says where it began, while it lasts; empty: none
  /// Called before each contract, and once at the end.
  std::function<void(const std::string& contract, std::size_t done, std::size_t all)> progress;
};

/// Deploys the plan in order from `sender`, which must send nothing else meanwhile. With a journal of the same plan it goes on
/// where that ended. Errors: ledger, conflict (an address came out other than predicted; the journal is of another plan),
/// timeout (what an earlier attempt sent is in no block yet), those of TxSender.
Result<Deployment> deploy(Rpc& rpc, TxSender& sender, const std::vector<DeployStep>& plan, std::string version,
                          const DeployOptions& options = {});

/// Gas of all contracts of a plan, by the length of their code: 16 a byte of data, 200 a byte of code, 53,000 each
/// (EIP-2028, yellow paper appendix G); constructors that store much take a little more.
Result<std::uint64_t> deploy_gas(const std::vector<DeployStep>& plan);

}  // namespace koinon::ledger
