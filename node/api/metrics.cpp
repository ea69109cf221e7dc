#include <unistd.h>

#include <fstream>
#include <map>

#include "node/api/context.hpp"
#include "node/api/words.hpp"

namespace koinon::node::api {
namespace {

/// Prometheus text format 0.0.4. Labels are our own words, so nothing is escaped.
class Text {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    out_ += fmt::format("# HELP koinon_{} {}\n# TYPE koinon_{} {}\n", name, help, name, type);
  }
  void sample(std::string_view name, std::string_view label, std::string_view value, std::uint64_t number) {
    if (label.empty())
      out_ += fmt::format("koinon_{} {}\n", name, number);
    else
      out_ += fmt::format("koinon_{}{{{}=\"{}\"}} {}\n", name, label, value, number);
  }
  void one(std::string_view name, std::string_view type, std::string_view help, std::uint64_t number) {
    family(name, type, help);
    sample(name, "", "", number);
  }
  /// A number that is no whole one, in decimal.
  void line(std::string_view name, std::string_view number) { out_ += fmt::format("koinon_{} {}\n", name, number); }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// Resident bytes of this process (proc(5), statm), or 0 when the system does not tell.
std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t all = 0, resident = 0;
  if (!(file >> all >> resident)) return 0;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Calls that visitors paid for, ever.
void call_metrics(Text& text, Context& context) {
  const auto totals = context.node.store().payments.totals();
  if (!totals) return;
  text.one("calls_paid_total", "counter", "Calls of models that visitors paid for.", totals->calls);
  text.family("calls_earned_tokens_total", "counter", "What they paid, in tokens.");
  text.line("calls_earned_tokens_total", totals->earned.tokens());
}

void market_metrics(Text& text, Context& context) {
  std::map<std::string_view, std::uint64_t> states;
  std::uint64_t jobs = 0, accounts = 0, block = 0;
  context.node.sync().read([&](const market::Book& book, std::uint64_t head) {
    for (const auto& [id, order] : book.orders()) ++states[state_word(order)];
    for (const auto id : book.open_orders()) jobs += book.order(id)->seat_now(context.node.account()) != nullptr ? 1 : 0;
    accounts = book.accounts().size();
    block = head;
  });
  text.family("orders", "gauge", "Orders of the market by state.");
  for (const std::string_view state :
       {"drawing", "input", "committing", "revealing", "auditing", "jury", "standing", "settled", "refunded"})
    text.sample("orders", "state", state, states[state]);
  text.one("jobs", "gauge", "Open orders in whose present round this node has a seat.", jobs);
  text.one("accounts", "gauge", "Accounts of the registry.", accounts);
  text.one("ledger_block", "gauge", "Newest block that the node has indexed.", block);
  text.one("ledger_connected", "gauge", "1 while the ledger answers.", context.node.sync().trouble().empty() ? 1 : 0);
}

Result<HttpResponse> metrics(Context& context, const HttpRequest&) {
  Text text;
  market_metrics(text, context);
  call_metrics(text, context);
  const auto usage = context.node.artifacts().usage();
  text.one("artifact_bytes", "gauge", "Bytes of artifacts kept.", usage.bytes);
  text.one("artifact_pinned_bytes", "gauge", "Bytes of artifacts kept from eviction.", usage.pinned_bytes);
  text.one("artifact_quota_bytes", "gauge", "Most bytes of artifacts.", usage.quota);
  text.one("artifact_blobs", "gauge", "Blobs kept.", usage.blobs);
  text.family("http_requests_total", "counter", "Requests answered, by class of status.");
  const auto& counts = context.gate.counts();
  for (std::size_t i = 2; i < counts.size(); ++i)
    text.sample("http_requests_total", "status", fmt::format("{}xx", i), counts[i]);
  text.one("process_resident_memory_bytes", "gauge", "Resident memory of the node.", resident_bytes());
  const auto now = context.node.clock().now_ms();
  text.one("uptime_seconds", "gauge", "Since the node started.",
           static_cast<std::uint64_t>(std::max<std::int64_t>(0, now - context.node.started_ms()) / 1000));
  return HttpResponse::text(200, text.take(), "text/plain; version=0.0.4; charset=utf-8");
}

}  // namespace

void add_metrics(net::Router& router, const ContextPtr& context) { router.get("/metrics", guarded(context, {}, metrics)); }

}  // namespace koinon::node::api
