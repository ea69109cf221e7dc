#include "trust/check.hpp"

#include <string>

namespace koinon::trust {

base::Hash witness_base(const Case& facts, const ClaimFacts& juror) {
  unsigned jury = 0;
  for (std::size_t r = 0; r < juror.round; ++r) jury += facts.rounds[r].role == Role::jury ? 1 : 0;
  return witness_base(juror.claim.mark, jury);
}

base::Status CheckSet::add(std::unique_ptr<Check> check) {
  const auto code = check->code();
  if (const auto [at, fresh] = checks_.try_emplace(code, std::move(check)); !fresh)
    return base::fail(base::Code::conflict, "[check] code {} is already '{}'", code, at->second->name());
  return {};
}

base::Result<const Check*> CheckSet::find(std::uint8_t code) const {
  if (const auto at = checks_.find(code); at != checks_.end()) return at->second.get();
  return base::fail(base::Code::unsupported, "[check] code {} is unknown here; known: {}", code, names());
}

base::Result<const Check*> CheckSet::find(std::string_view name) const {
  for (const auto& [code, check] : checks_)
    if (check->name() == name) return check.get();
  return base::fail(base::Code::unsupported, "[check] '{}' is unknown here; known: {}", name, names());
}

std::string CheckSet::names() const {
  std::string out;
  for (const auto& [code, check] : checks_) out += (out.empty() ? "" : ", ") + std::string(check->name());
  return out;
}

}  // namespace koinon::trust
