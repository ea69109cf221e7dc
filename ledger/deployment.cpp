#include "ledger/deployment.hpp"

#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/hash.hpp"
#include "base/json.hpp"
#include "ledger/rpc_codec.hpp"

namespace koinon::ledger {

using nlohmann::json;

namespace {

constexpr std::size_t kMaxCreation = 49'152;  ///< bytes (EIP-3860)
constexpr std::uint64_t kMaxFile = 16u << 20;

Result<std::uint64_t> number_at(const json& document, const char* name) {
  const auto& at = codec::member(document, name);
  if (!at.is_number_unsigned()) return fail(Code::malformed, "[deployment] no number '{}'", name);
  return at.get<std::uint64_t>();
}

const abi::Type* constructor_inputs(const std::vector<abi::Entry>& entries) {
  for (const auto& entry : entries)
    if (entry.kind == "constructor") return &entry.inputs;
  return nullptr;
}

}  // namespace

Result<ContractArtifact> ContractArtifact::load(const std::filesystem::path& file) {
  KOINON_TRY(const auto bytes, base::read_file(file, kMaxFile));
  const auto document = base::parse_json(base::as_text(bytes));
  const auto& name = codec::member(document, "contractName");
  if (!name.is_string()) return fail(Code::malformed, "[artifact] {} names no contract", file.string());
  ContractArtifact out;
  out.name = name.get<std::string>();
  KOINON_TRY(out.abi, abi::parse_abi(codec::member(document, "abi")));
  KOINON_TRY(out.bytecode, codec::bytes(codec::member(document, "bytecode")));
  if (out.bytecode.empty() || out.bytecode.size() > kMaxCreation)
    return fail(Code::out_of_range, "[artifact] {} has {} bytes of creation code: 1 to {} expected", out.name,
                out.bytecode.size(), kMaxCreation);
  return out;
}

Result<Bytes> ContractArtifact::creation_code(const abi::Value& arguments) const {
  auto out = bytecode;
  if (const auto* inputs = constructor_inputs(abi)) {
    KOINON_TRY(const auto tail, abi::encode(*inputs, arguments));
    out.insert(out.end(), tail.begin(), tail.end());
  } else if (!arguments.items.empty()) {
    return fail(Code::invalid_argument, "[artifact] {} takes no arguments", name);
  }
  if (out.size() > kMaxCreation) return fail(Code::out_of_range, "[artifact] {}: {} bytes with arguments", name, out.size());
  return out;
}

std::string Deployment::to_json() const {
  json list = json::object();
  for (const auto& [name, one] : contracts)
    list[name] = {{"address", checksum_address(one.address)}, {"code_hash", base::to_hex(one.code_hash)}};
  return json{{"format", kFormat}, {"chain_id", chain_id}, {"block", block}, {"version", version}, {"contracts", list}}.dump(
             2) +
         "\n";
}

Result<Deployment> Deployment::from_json(std::string_view text) {
  const auto document = base::parse_json(text);
  if (!document.is_object()) return fail(Code::malformed, "[deployment] not a JSON object");
  KOINON_TRY(const auto format, number_at(document, "format"));
  if (format != kFormat) return fail(Code::unsupported, "[deployment] format {}: {} expected", format, kFormat);
  Deployment out;
  KOINON_TRY(out.chain_id, number_at(document, "chain_id"));
  KOINON_TRY(out.block, number_at(document, "block"));
  const auto& version = codec::member(document, "version");
  const auto& list = codec::member(document, "contracts");
  if (!version.is_string() || !list.is_object()) return fail(Code::malformed, "[deployment] version and contracts expected");
  out.version = version.get<std::string>();
  for (const auto& [name, one] : list.items()) {
    const auto& address = codec::member(one, "address");
    if (!address.is_string()) return fail(Code::malformed, "[deployment] {} has no address", name);
    Contract contract;
    KOINON_TRY(contract.address, parse_address(address.get<std::string>()));
    KOINON_TRY(contract.code_hash, codec::fixed<32>(codec::member(one, "code_hash")));
    out.contracts[name] = contract;
  }
  return out;
}

Result<Deployment> Deployment::load(const std::filesystem::path& file) {
  KOINON_TRY(const auto bytes, base::read_file(file, 1u << 20));
  auto out = from_json(base::as_text(bytes));
  if (!out) return fail(std::move(out).error().within(file.string()));
  return out;
}

Status Deployment::save(const std::filesystem::path& file) const {
  const auto text = to_json();
  return base::write_file(file, base::as_bytes(text));
}

Result<Address> Deployment::address(const std::string& name) const {
  const auto at = contracts.find(name);
  if (at == contracts.end()) return fail(Code::not_found, "[deployment] no contract '{}'", name);
  return at->second.address;
}

Status Deployment::verify(Rpc& rpc) const {
  KOINON_TRY(const auto chain, rpc.chain_id());
  if (chain != chain_id) return fail(Code::conflict, "[deployment] is for chain {}: the ledger is chain {}", chain_id, chain);
  for (const auto& [name, one] : contracts) {
    KOINON_TRY(const auto code, rpc.code(one.address));
    if (code.empty() || base::keccak256(code) != one.code_hash)
      return fail(Code::conflict, "[deployment] {} at {} has {}", name, checksum_address(one.address),
                  code.empty() ? "no code" : "other code");
  }
  return {};
}

Result<Deployment> deploy(Rpc& rpc, TxSender& sender, const std::vector<DeployStep>& plan, std::string version) {
  Deployment out;
  out.version = std::move(version);
  KOINON_TRY(out.chain_id, rpc.chain_id());
  KOINON_TRY(out.block, rpc.block_number());
  KOINON_TRY(auto nonce, rpc.nonce(sender.address()));
  std::map<std::string, Address> addresses;
  for (const auto& step : plan) addresses[step.artifact.name] = contract_address(sender.address(), nonce++);
  for (const auto& step : plan) {
    abi::Value arguments;
    if (step.arguments) {
      KOINON_TRY(arguments, step.arguments(addresses));
    }
    KOINON_TRY(auto code, step.artifact.creation_code(arguments));
    TxRequest request;
    request.data = std::move(code);
    request.label = "deploy " + step.artifact.name;
    rpc.know_errors(step.artifact.abi);
    KOINON_TRY(const auto receipt, sender.send(request));
    const auto& expected = addresses[step.artifact.name];
    if (receipt.created != expected)
      return fail(Code::conflict, "[deploy] {} did not come out at {}: another transaction of the account came between",
                  step.artifact.name, checksum_address(expected));
    KOINON_TRY(const auto runtime, rpc.code(expected));
    out.contracts[step.artifact.name] = {expected, base::keccak256(runtime)};
  }
  return out;
}

}  // namespace koinon::ledger
