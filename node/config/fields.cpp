#include "node/config/fields.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "net/url.hpp"

namespace koinon::node {
namespace {

using base::Code;
using base::Result;
using base::Status;

template <class T>
Result<T> number(std::string_view text, T least, T most) {
  T out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc{} || end != text.data() + text.size() || out < least || out > most)
    return base::fail(Code::invalid_argument, "'{}': a whole number from {} to {} expected", text, least, most);
  return out;
}

Status set_listen(Config& config, std::string_view value) {
  const auto colon = value.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return base::fail(Code::invalid_argument, "'{}': ADDRESS:PORT expected, such as 127.0.0.1:7070", value);
  KOINON_TRY(config.http_port, number<std::uint16_t>(value.substr(colon + 1), 0, 65535));
  auto address = value.substr(0, colon);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  config.http_address = address;
  return {};
}

/// One of `schemes`, or nothing.
Status set_url(std::string& out, std::string_view value, std::initializer_list<std::string_view> schemes) {
  const bool known = value.empty() || std::any_of(schemes.begin(), schemes.end(), [&](auto s) { return value.starts_with(s); });
  if (!known)
    return base::fail(Code::invalid_argument, "'{}': an address that begins with {} expected", value,
                      fmt::join(schemes, " or "));
  out = value;
  return {};
}

Status set_ledger_listen(Config& config, std::string_view value) {
  const auto colon = value.find(':');
  const auto address = value.substr(0, colon);
  if (address.empty() || address.find_first_not_of("0123456789.") != std::string_view::npos)
    return base::fail(Code::invalid_argument, "'{}': an IPv4 address expected, such as 127.0.0.1 or 0.0.0.0:8545", value);
  config.ledger_port = 0;
  if (colon != std::string_view::npos) {
    KOINON_TRY(config.ledger_port, number<std::uint16_t>(value.substr(colon + 1), 1, 65535));
  }
  config.ledger_listen = address;
  return {};
}

Status set_tokens(base::Wei& out, std::string_view value) {
  KOINON_TRY(out, base::Wei::parse_tokens(value));
  return {};
}

Status set_log(Config& config, std::string_view value) {
  static constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warn", "error"};
  const auto at = std::find(kNames.begin(), kNames.end(), value);
  if (at == kNames.end()) return base::fail(Code::invalid_argument, "'{}': debug, info, warn or error expected", value);
  config.log_level = static_cast<base::LogLevel>(at - kNames.begin());
  return {};
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 40 &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '-' || c == '_'; });
}

Status set_kinds(Config& config, std::string_view value) {
  std::vector<std::string> kinds;
  while (!value.empty()) {
    const auto comma = value.find(',');
    auto kind = value.substr(0, comma);
    value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
    while (kind.starts_with(' ')) kind.remove_prefix(1);
    while (kind.ends_with(' ')) kind.remove_suffix(1);
    if (!is_name(kind)) return base::fail(Code::invalid_argument, "'{}': a kind of work such as inference expected", kind);
    kinds.emplace_back(kind);
  }
  if (kinds.empty()) return base::fail(Code::invalid_argument, "at least one kind of work expected");
  config.provider.kinds = std::move(kinds);
  return {};
}

Status set_check(Config& config, std::string_view value) {
  if (!is_name(value)) return base::fail(Code::invalid_argument, "'{}': a check such as quorum expected", value);
  config.buyer.check = value;
  return {};
}

Status set_watch(Config& config, std::string_view value) {
  if (value != "yes" && value != "no") return base::fail(Code::invalid_argument, "'{}': yes or no expected", value);
  config.watch.others = value == "yes";
  return {};
}

Status set_depth(Config& config, std::string_view value) {
  constexpr std::uint32_t kMost = 64;  // a reorganisation that is deeper is an error
  KOINON_TRY(config.watch.depth, number<std::uint32_t>(value, 0, kMost));
  return {};
}

Status set_private_peers(Config& config, std::string_view value) {
  static constexpr std::array<std::string_view, 3> kWords = {"auto", "yes", "no"};
  const auto at = std::ranges::find(kWords, value);
  if (at == kWords.end()) return base::fail(Code::invalid_argument, "'{}': auto, yes or no expected", value);
  config.private_peers = static_cast<PrivatePeers>(at - kWords.begin());
  return {};
}

/// A comma-separated list of "scheme://host[:port]".
Status set_origins(Config& config, std::string_view value) {
  std::vector<std::string> origins;
  while (!value.empty()) {
    const auto comma = value.find(',');
    auto one = value.substr(0, comma);
    value = comma == std::string_view::npos ? std::string_view{} : value.substr(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    const auto url = net::Url::parse(one);
    if (!url || !url->scheme.starts_with("http") || one.find('/', url->scheme.size() + 3) != std::string_view::npos)
      return base::fail(Code::invalid_argument, "'{}': a site such as https://app.example expected, without a path", one);
    origins.emplace_back(one);
    std::ranges::transform(origins.back(), origins.back().begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  }
  config.http_origins = std::move(origins);
  return {};
}

Status set_bytes(std::uint64_t& out, std::string_view value) {
  KOINON_TRY(const auto bytes, parse_size(value));
  if (bytes == 0) return base::fail(Code::invalid_argument, "'{}': at least one byte expected", value);
  out = bytes;
  return {};
}

Status set_quota(Config& config, std::string_view value) {
  KOINON_TRY(config.artifact_quota, parse_size(value));
  if (config.artifact_quota < (1u << 20)) return base::fail(Code::invalid_argument, "'{}': at least 1 MiB expected", value);
  return {};
}

Status set_number(std::uint32_t& out, std::string_view value, std::uint32_t least, std::uint32_t most) {
  KOINON_TRY(out, number<std::uint32_t>(value, least, most));
  return {};
}

Status set_parallel(Config& config, std::string_view value) { return set_number(config.provider.parallel, value, 1, 1024); }

Status set_path(std::filesystem::path& out, std::string_view value) {
  out = std::filesystem::path(value);
  return {};
}

using View = std::string_view;
constexpr ConfigField kFields[] = {
    {"data", "~/.koinon", "folder of everything that the node keeps", [](Config& c, View v) { return set_path(c.data, v); }},
    {"http.listen", "127.0.0.1:7070", "address and port of the API and the page; 0.0.0.0 opens it to others", set_listen},
    {"http.public", "", "URL under which others reach this node",
     [](Config& c, View v) { return set_url(c.public_endpoint, v, {"http://", "https://"}); }},
    {"http.rate", "100",
     "requests a second of one address other than this machine, four seconds' worth at once; beyond: 429. 0: any number",
     [](Config& c, View v) { return set_number(c.http_rate, v, 0U, 1'000'000U); }},
    {"http.origins", "", "other sites whose pages may ask this node and its local ledger, a list such as https://app.example",
     set_origins},
    {"ledger.wait", "60",
     "seconds that a first start waits for a ledger that does not answer; later starts wait on, 0 to 86400",
     [](Config& c, View v) { return set_number(c.ledger_wait, v, 0U, 86'400U); }},
    {"ledger.url", "", "JSON-RPC URL; empty: a local ledger that the node runs itself",
     [](Config& c, View v) { return set_url(c.ledger_url, v, {"http://", "https://", "ws://", "wss://"}); }},
    {"ledger.listen", "127.0.0.1",
     "address of a local ledger, and its port when it matters; 0.0.0.0 shares it, and its faucet, with every machine that "
     "reaches this one",
     set_ledger_listen},
    {"ledger.deployment", "", "file of the contracts' addresses", [](Config& c, View v) { return set_path(c.deployment, v); }},
    {"artifacts.quota", "10GiB", "most bytes of artifacts on this disk", set_quota},
    {"artifacts.retention", "24", "hours that artifacts of an order are kept once it is final, 1 to 8760",
     [](Config& c, View v) { return set_number(c.retention_hours, v, 1U, 8760U); }},
    {"peers.private", "auto", "fetch from members at private addresses: yes, no, or auto: on a local ledger",
     set_private_peers},
    {"log.level", "info", "debug, info, warn or error", set_log},
    {"account.keystore", "DATA/keystore", "folder of the encrypted keys",
     [](Config& c, View v) { return set_path(c.keystore, v); }},
    {"account.password_file", "DATA/password", "file (mode 0600) that unlocks the keys unattended",
     [](Config& c, View v) { return set_path(c.password_file, v); }},
    {"account.id", "0", "account that the node acts for; 0: the one that its key opened",
     [](Config& c, View v) { return set_number(c.account, v, 0U, UINT32_MAX); }},
    {"provider.kinds", "inference", "kinds of work that are sold, a list", set_kinds},
    {"provider.price", "0.001024", "standing price of one order, in tokens; raised to the next of the ladder",
     [](Config& c, View v) { return set_tokens(c.provider.price, v); }},
    {"provider.stake", "0", "stake, in tokens; 0: what the market asks at least",
     [](Config& c, View v) { return set_tokens(c.provider.stake, v); }},
    {"provider.max_spec", "1GiB", "largest program that is fetched; an order with a larger one is answered with bad input",
     [](Config& c, View v) { return set_bytes(c.provider.max_spec, v); }},
    {"provider.max_input", "64MiB", "largest input that is fetched; an order with a larger one is answered with bad input",
     [](Config& c, View v) { return set_bytes(c.provider.max_input, v); }},
    {"provider.stop_wait", "60", "seconds that a stop gives to the orders the provider is drawn for, 0 to 86400",
     [](Config& c, View v) { return set_number(c.provider.stop_wait, v, 0U, 86'400U); }},
    {"provider.parallel", "1", "orders of each kind worked on at once, 1 to 1024", set_parallel},
    {"buyer.max_price", "0", "refuse to order above this price, in tokens; 0: no limit",
     [](Config& c, View v) { return set_tokens(c.buyer.max_price, v); }},
    {"buyer.check", "quorum", "how results are checked unless an order says otherwise, by name", set_check},
    {"watch.others", "no", "re-run claims of optimistic orders that others bought, and dispute wrong ones: yes or no",
     set_watch},
    {"watch.full_price", "0", "check every claim of orders of this price in tokens, cheaper ones in proportion; 0: every claim",
     [](Config& c, View v) { return set_tokens(c.watch.full_price, v); }},
    {"watch.depth", "0", "blocks that hold a commitment before its proof is shown; 0: 2 on a local ledger, 12 elsewhere",
     set_depth},
    {"serve.price", "0",
     "sell calls of the node's models at this price in tokens, paid by x402; 0: who is not the owner gets no answers",
     [](Config& c, View v) { return set_tokens(c.serve.price, v); }},
    {"serve.token_price", "0",
     "beside serve.price, in tokens, for each token of a text's prompt and of those it asks for at most",
     [](Config& c, View v) { return set_tokens(c.serve.token_price, v); }},
    {"serve.confirmations", "1", "blocks that hold the payment of a call before its answer leaves, 1 to 64",
     [](Config& c, View v) { return set_number(c.serve.confirmations, v, 1U, 64U); }},
};

}  // namespace

std::string ConfigField::variable() const {
  std::string out = "KOINON_";
  for (const char c : std::string_view(key)) out += c == '.' ? '_' : c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

std::span<const ConfigField> config_fields() { return kFields; }

const ConfigField* find_config_field(std::string_view key) {
  const auto at = std::find_if(std::begin(kFields), std::end(kFields), [&](const ConfigField& f) { return key == f.key; });
  return at == std::end(kFields) ? nullptr : at;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  auto unit = std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  static constexpr std::array<std::string_view, 5> kUnits = {"", "KiB", "MiB", "GiB", "TiB"};
  const auto at = std::find(kUnits.begin(), kUnits.end(), unit);
  if (error == std::errc::result_out_of_range) return base::fail(Code::out_of_range, "'{}' exceeds 64 bits", text);
  if (error != std::errc{} || at == kUnits.end())
    return base::fail(Code::malformed, "'{}': bytes expected, such as 1000000, 512MiB or 10GiB", text);
  const auto shift = static_cast<unsigned>(10 * (at - kUnits.begin()));
  if (value > (~std::uint64_t{0} >> shift)) return base::fail(Code::out_of_range, "'{}' exceeds 64 bits", text);
  return value << shift;
}

}  // namespace koinon::node
