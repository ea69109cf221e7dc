#include "node/api/programs.hpp"

#include <algorithm>

namespace koinon::node::api {

base::Result<Programs::Ptr> Programs::find(const base::Hash& program) {
  {
    const std::lock_guard lock(mutex_);
    const auto at = std::find_if(kept_.begin(), kept_.end(), [&](const auto& item) { return item.first == program; });
    if (at != kept_.end()) {
      kept_.splice(kept_.begin(), kept_, at);
      return at->second;
    }
  }
  KOINON_TRY(const auto record, models_.get(program));
  KOINON_TRY(const auto bytes, artifacts_.get(record.artifact.cid));
  KOINON_TRY(auto decoded, engine::program::decode(bytes));
  if (engine::program::program_id(decoded) != program)
    return base::fail(base::Code::malformed, "[model] artifact {} is not program {}", record.artifact.cid.text(),
                      base::to_hex(program));
  for (auto& weight : decoded.weights) weight.data = {};
  auto out = std::make_shared<const engine::program::Program>(std::move(decoded));
  const std::lock_guard lock(mutex_);
  kept_.emplace_front(program, out);
  if (kept_.size() > kKept) kept_.pop_back();
  return out;
}

std::size_t outside(const engine::program::Input& input, const std::vector<double>& values) {
  const double scale = input.scale.real();
  const double low = (static_cast<double>(input.low) - 0.5) * scale, high = (static_cast<double>(input.high) + 0.5) * scale;
  std::size_t out = 0;
  for (const double value : values) out += value < low || value > high ? 1 : 0;
  return out;
}

}  // namespace koinon::node::api
