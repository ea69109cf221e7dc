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

namespace {

/// What a plan comes to when its first contract is created under the nonce `first`.
struct Creation {
  std::string name;
  Address address;
  Bytes code;
};

Result<std::vector<Creation>> creations(const std::vector<DeployStep>& plan, const Address& sender, std::uint64_t first) {
  std::map<std::string, Address> addresses;
  for (std::size_t i = 0; i < plan.size(); ++i) addresses[plan[i].artifact.name] = contract_address(sender, first + i);
  std::vector<Creation> out;
  for (const auto& step : plan) {
    abi::Value arguments;
    if (step.arguments) {
      KOINON_TRY(arguments, step.arguments(addresses));
    }
    KOINON_TRY(auto code, step.artifact.creation_code(arguments));
    out.push_back({step.artifact.name, addresses[step.artifact.name], std::move(code)});
  }
  return out;
}

/// Where a deployment began, kept while it lasts.
struct Began {
  std::uint64_t chain_id = 0, block = 0, nonce = 0;
  Hash plan{};  ///< of all creation codes

  [[nodiscard]] std::string to_json() const {
    return json{{"chain_id", chain_id}, {"block", block}, {"nonce", nonce}, {"plan", base::to_hex(plan)}}.dump() + "\n";
  }
  static Result<Began> load(const std::filesystem::path& file) {
    KOINON_TRY(const auto bytes, base::read_file(file, 4096));
    const auto document = base::parse_json(base::as_text(bytes));
    if (!document.is_object()) return fail(Code::malformed, "[deploy] {} is no journal of a deployment", file.string());
    Began out;
    KOINON_TRY(out.chain_id, number_at(document, "chain_id"));
    KOINON_TRY(out.block, number_at(document, "block"));
    KOINON_TRY(out.nonce, number_at(document, "nonce"));
    KOINON_TRY(out.plan, codec::fixed<32>(codec::member(document, "plan")));
    return out;
  }
};

Hash plan_hash(const std::vector<Creation>& all) {
  Bytes hashes;
  for (const auto& one : all) {
    const auto hash = base::keccak256(one.code);
    hashes.insert(hashes.end(), hash.bytes.begin(), hash.bytes.end());
  }
  return base::keccak256(hashes);
}

/// Takes up the journal's deployment, or begins one and writes that down. The contracts come out in `all`.
Result<Began> begin(Rpc& rpc, const Address& sender, const std::vector<DeployStep>& plan, const DeployOptions& options,
                    std::vector<Creation>& all) {
  Began now;
  KOINON_TRY(now.chain_id, rpc.chain_id());
  KOINON_TRY(now.block, rpc.block_number());
  KOINON_TRY(now.nonce, rpc.nonce(sender));
  std::error_code error;
  if (!options.journal.empty() && std::filesystem::exists(options.journal, error)) {
    KOINON_TRY(const auto before, Began::load(options.journal));
    KOINON_TRY(all, creations(plan, sender, before.nonce));
    if (before.chain_id != now.chain_id || before.plan != plan_hash(all) || before.nonce > now.nonce)
      return fail(Code::conflict,
                  "[deploy] {} tells of another deployment that was broken off: end that with the words that began it, or "
                  "remove the file",
                  options.journal.string());
    return before;
  }
  KOINON_TRY(all, creations(plan, sender, now.nonce));
  now.plan = plan_hash(all);
  if (!options.journal.empty()) {
    const auto text = now.to_json();
    KOINON_CHECK(base::write_file(options.journal, base::as_bytes(text)));
  }
  return now;
}

Status create(TxSender& sender, const Creation& one) {
  TxRequest request;
  request.data = one.code;
  request.label = "deploy " + one.name;
  KOINON_TRY(const auto receipt, sender.send(request));
  if (receipt.created != one.address)
    return fail(Code::conflict, "[deploy] {} did not come out at {}: another transaction of the account came between", one.name,
                checksum_address(one.address));
  return {};
}

}  // namespace

Result<Deployment> deploy(Rpc& rpc, TxSender& sender, const std::vector<DeployStep>& plan, std::string version,
                          const DeployOptions& options) {
  std::vector<Creation> all;
  KOINON_TRY(const auto began, begin(rpc, sender.address(), plan, options, all));
  KOINON_TRY(const auto nonce, rpc.nonce(sender.address()));
  Deployment out;
  out.version = std::move(version);
  out.chain_id = began.chain_id;
  out.block = began.block;
  for (const auto& step : plan) rpc.know_errors(step.artifact.abi);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto& one = all[i];
    if (options.progress) options.progress(one.name, i, all.size());
    const bool sent = began.nonce + i < nonce;
    if (!sent) KOINON_CHECK(create(sender, one));
    KOINON_TRY(const auto runtime, rpc.code(one.address));
    if (runtime.empty())
      return fail(Code::timeout, "[deploy] {} was sent and is in no block yet, or another transaction took its nonce",
                  one.name);
    out.contracts[one.name] = {one.address, base::keccak256(runtime)};
  }
  if (options.progress) options.progress("", all.size(), all.size());
  std::error_code ignored;
  if (!options.journal.empty()) std::filesystem::remove(options.journal, ignored);
  return out;
}

Result<std::uint64_t> deploy_gas(const std::vector<DeployStep>& plan) {
  KOINON_TRY(const auto all, creations(plan, {}, 0));
  std::uint64_t out = 0;
  for (const auto& one : all) out += 53'000 + (16 + 200) * std::uint64_t{one.code.size()};
  return out;
}

}  // namespace koinon::ledger
