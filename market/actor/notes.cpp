#include "market/actor/notes.hpp"

#include <nlohmann/json.hpp>

#include "base/json.hpp"

namespace koinon::market {
namespace {

using base::Code;
using base::fail;
using nlohmann::json;

/// Notes are our own, but a disk may give back anything: every access is checked, and the first fault kept.
class Note {
 public:
  explicit Note(std::string_view text) : json_(base::parse_json(text)) {}
  [[nodiscard]] bool has(const char* key) const { return json_.is_object() && json_.contains(key); }
  std::uint64_t number(const char* key) {
    const auto at = json_.is_object() ? json_.find(key) : json_.end();
    if (at != json_.end() && at->is_number_unsigned()) return at->get<std::uint64_t>();
    bad_ = bad_.empty() ? key : bad_;
    return 0;
  }
  Hash hash(const char* key) {
    if (auto parsed = base::fixed_from_hex<32>(text(key))) return *parsed;
    bad_ = bad_.empty() ? key : bad_;
    return {};
  }
  std::string text(const char* key) {
    const auto at = json_.is_object() ? json_.find(key) : json_.end();
    if (at != json_.end() && at->is_string()) return at->get<std::string>();
    bad_ = bad_.empty() ? key : bad_;
    return {};
  }
  [[nodiscard]] Status status() const {
    if (!bad_.empty()) return fail(Code::malformed, "[note] '{}' is missing or of another type: the database is damaged", bad_);
    return {};
  }

 private:
  json json_;
  std::string bad_;
};

}  // namespace

std::string job_key(const OrderView& order, std::uint8_t round) {
  return fmt::format("job/{}/{}/{}", order.id, round, base::to_hex(order.placed_tx));
}
std::string purchase_key(std::uint64_t nonce) { return fmt::format("purchase/{}", nonce); }
std::string result_key(std::uint64_t order) { return fmt::format("result/{}", order); }

std::string JobNote::to_json() const {
  return json{{"account", claim.account},
              {"output_root", base::to_hex(claim.output_root)},
              {"trace_root", base::to_hex(claim.trace_root)},
              {"mark", base::to_hex(claim.mark)},
              {"witness", base::to_hex(witness)},
              {"result_digest", base::to_hex(result_digest)},
              {"result_size", result_size},
              {"salt", base::to_hex(salt)},
              {"roots_digest", base::to_hex(roots.cid.digest)},
              {"roots_size", roots.size}}
      .dump();
}

Result<JobNote> JobNote::from_json(std::string_view text) {
  Note in(text);
  JobNote out;
  out.claim = {static_cast<std::uint32_t>(in.number("account")), in.hash("output_root"), in.hash("trace_root"),
               in.hash("mark")};
  out.witness = in.hash("witness");
  out.result_digest = in.hash("result_digest");
  out.result_size = in.number("result_size");
  out.salt = in.hash("salt");
  // Notes of earlier versions lack the roots.
  if (in.has("roots_digest")) out.roots = {base::Cid{in.hash("roots_digest")}, in.number("roots_size")};
  KOINON_CHECK(in.status());
  return out;
}

std::string PurchaseNote::to_json() const {
  return json{{"buyer", terms.buyer},
              {"kind", terms.kind},
              {"check", terms.check},
              {"privacy", terms.privacy},
              {"n", terms.n},
              {"k", terms.k},
              {"max_tier", terms.max_tier},
              {"audit_bps", terms.audit_bps},
              {"commit_window", terms.commit_window},
              {"nonce", terms.nonce},
              {"spec", base::to_hex(terms.spec)},
              {"spec_digest", base::to_hex(terms.spec_digest)},
              {"spec_size", terms.spec_size},
              {"input_root", base::to_hex(terms.input_root)},
              {"input_size", terms.input_size},
              {"buyer_key", base::to_hex(terms.buyer_key)},
              {"input_digest", base::to_hex(input.cid.digest)},
              {"sealed_size", input.size},
              {"model", model},
              {"has_expected", has_expected ? 1U : 0U},
              {"expected_output", base::to_hex(expected.output)},
              {"expected_trace", base::to_hex(expected.trace)},
              {"expected_witness", base::to_hex(expected.witness)}}
      .dump();
}

Result<PurchaseNote> PurchaseNote::from_json(std::string_view text) {
  Note in(text);
  PurchaseNote out;
  auto& t = out.terms;
  t.buyer = static_cast<std::uint32_t>(in.number("buyer"));
  t.kind = static_cast<std::uint8_t>(in.number("kind"));
  t.check = static_cast<std::uint8_t>(in.number("check"));
  t.privacy = static_cast<std::uint8_t>(in.number("privacy"));
  t.n = static_cast<std::uint8_t>(in.number("n"));
  t.k = static_cast<std::uint8_t>(in.number("k"));
  t.max_tier = static_cast<std::uint8_t>(in.number("max_tier"));
  t.audit_bps = static_cast<std::uint16_t>(in.number("audit_bps"));
  t.commit_window = static_cast<std::uint32_t>(in.number("commit_window"));
  t.nonce = in.number("nonce");
  t.spec = in.hash("spec");
  t.spec_digest = in.hash("spec_digest");
  t.spec_size = in.number("spec_size");
  t.input_root = in.hash("input_root");
  t.input_size = in.number("input_size");
  t.buyer_key = in.hash("buyer_key");
  out.input = {base::Cid{in.hash("input_digest")}, in.number("sealed_size")};
  out.model = in.text("model");
  out.has_expected = in.number("has_expected") == 1;
  out.expected = {in.hash("expected_output"), in.hash("expected_trace"), in.hash("expected_witness")};
  KOINON_CHECK(in.status());
  return out;
}

Result<Locator> Locator::parse(std::string_view text) {
  constexpr std::string_view kPath = "/artifacts/";
  const auto at = text.rfind(kPath);
  if (at == std::string_view::npos || at < 9 || !(text.starts_with("http://") || text.starts_with("https://")))
    return fail(Code::malformed, "[locator] '{}': http(s)://host/artifacts/CID expected", text.substr(0, 80));
  // Scheme and authority alone: a path, a query or a user name would let a stranger choose what we ask of whom.
  const auto authority = text.substr(text.find("://") + 3, at - text.find("://") - 3);
  if (authority.empty() || authority.find_first_of("/?#@\\ ") != std::string_view::npos)
    return fail(Code::malformed, "[locator] '{}': http(s)://host/artifacts/CID expected", text.substr(0, 80));
  KOINON_TRY(const auto cid, base::Cid::parse(text.substr(at + kPath.size())));
  return Locator{std::string(text.substr(0, at)), cid};
}

}  // namespace koinon::market
