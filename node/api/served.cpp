#include "node/api/served.hpp"

#include <algorithm>
#include <thread>

namespace koinon::node::api {
namespace {

constexpr std::int64_t kMostWaitMs = 600'000;
constexpr auto kLook = std::chrono::milliseconds(50);

}  // namespace

Result<ModelRecord> find_model(Context& context, const std::string& name, const std::string& version) {
  KOINON_TRY(const auto records, context.node.store().models.list());
  const ModelRecord* found = nullptr;
  for (const auto& record : records) {
    const auto id = base::to_hex(record.program);
    if ((record.name != name && id != name) || (!version.empty() && id != version)) continue;
    if (found == nullptr || record.created_ms > found->created_ms) found = &record;
  }
  if (found == nullptr)
    return fail(Code::not_found, "[infer] no model '{}'{}: GET /api/v1/models lists them", name.substr(0, 80),
                version.empty() ? "" : " of that version");
  return *found;
}

Result<Served> await_order(Context& context, std::uint64_t id) {
  auto& node = context.node;
  const auto until = node.clock().now_ms() + kMostWaitMs;
  for (;;) {
    KOINON_TRY(const auto order, context.order(id));
    if (order.phase == market::Phase::refunded)
      return fail(Code::ledger, "[order] {} came to no result and was refunded: koinon order show {} tells why", id, id);
    if (order.verdict) {
      if (auto outputs = context.outputs(order)) {
        Served out;
        out.outputs = *std::move(outputs);
        out.evidence = {{"check", std::string(node.rules().find(order.terms.check).value()->name())},
                        {"output_root", base::to_hex(order.verdict->output_root)},
                        {"order", std::to_string(id)},
                        {"receipt", fmt::format("/api/v1/receipts/{}", id)}};
        return out;
      }
    }
    if (node.is_stopping()) return fail(Code::exhausted, "[order] the node is stopping; order {} goes on", id);
    if (node.clock().now_ms() > until)
      return fail(Code::timeout, "[order] {} has no result after {} s; it goes on, and its page shows it", id,
                  kMostWaitMs / 1000);
    std::this_thread::sleep_for(kLook);
  }
}

void tell(net::Headers& headers, const base::Hash& program, const Served& served) {
  headers.set("Koinon-Program", base::to_hex(program));
  for (const auto& [key, value] : served.evidence) {
    auto field = "Koinon-" + key;
    std::ranges::replace(field, '_', '-');
    headers.set(field, value);
  }
}

}  // namespace koinon::node::api
