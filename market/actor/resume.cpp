#include "market/actor/resume.hpp"

#include "market/actor/notes.hpp"

namespace koinon::market {

OrderCheckpoints::OrderCheckpoints(const Services& services, const OrderView& order)
    : s_(services), key_("checkpoint/" + job_key(order, order.round())) {}

std::optional<base::Bytes> OrderCheckpoints::last() {
  const auto text = s_.journal->get(key_);
  if (!text || !*text) return std::nullopt;
  const auto cid = base::Cid::parse(**text);
  const auto sealed = cid ? s_.artifacts->get(*cid) : base::Result<base::Bytes>(base::fail(cid.error()));
  if (!sealed) return std::nullopt;
  auto bytes = open(*sealed, *s_.box);
  if (!bytes) return std::nullopt;
  return *std::move(bytes);
}

Status OrderCheckpoints::keep(base::ByteView bytes) {
  const auto now = s_.clock->now_ms();
  if (now < not_before_ms_ || bytes.size() > kMost) return {};
  not_before_ms_ = now + static_cast<std::int64_t>(bytes.size() * 1000 / kBytesASecond);
  KOINON_TRY(const auto sealed, seal(bytes, {s_.box->public_key()}));
  KOINON_TRY(const auto ref, s_.artifacts->put(sealed));
  return s_.journal->put(key_, ref.cid.text());
}

}  // namespace koinon::market
