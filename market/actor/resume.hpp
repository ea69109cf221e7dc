#pragma once
#include "market/actor/ports.hpp"

namespace koinon::market {

/// How far a provider's run of one order came, sealed to its own key, so that it goes on there after a restart. Large ones are
/// kept less often, so that they do not push everything else out of the store: at most kBytesASecond on the mean.
class OrderCheckpoints final : public work::Checkpoints {
 public:
  static constexpr std::size_t kBytesASecond = std::size_t{4} << 20;
  static constexpr std::size_t kMost = std::size_t{256} << 20;  ///< larger ones are not kept

  /// `services` outlives it.
  OrderCheckpoints(const Services& services, const OrderView& order);
  std::optional<base::Bytes> last() override;
  Status keep(base::ByteView bytes) override;

 private:
  const Services& s_;
  std::string key_;
  std::int64_t not_before_ms_ = 0;
};

}  // namespace koinon::market
