#include "work/kind.hpp"

#include <string>

namespace koinon::work {
namespace {

std::string names_of(const std::vector<const Kind*>& kinds) {
  std::string out;
  for (const auto* kind : kinds) out += (out.empty() ? "" : ", ") + std::string(kind->name());
  return out;
}

}  // namespace

base::Result<std::shared_ptr<const Disputable>> Kind::disputable(const Job&) const {
  return base::fail(base::Code::unsupported, "[{}] the optimistic check does not cover this kind of work", name());
}

base::Result<std::shared_ptr<const engine::program::Program>> Kind::disputable_program(const Job&) const {
  return base::fail(base::Code::unsupported, "[{}] the optimistic check does not cover this kind of work", name());
}

base::Status KindSet::add(std::unique_ptr<Kind> kind) {
  const auto code = kind->code();
  if (const auto [at, fresh] = kinds_.try_emplace(code, std::move(kind)); !fresh)
    return base::fail(base::Code::conflict, "[work] kind code {} is already '{}'", code, at->second->name());
  return {};
}

base::Result<const Kind*> KindSet::find(std::uint8_t code) const {
  const auto at = kinds_.find(code);
  if (at == kinds_.end())
    return base::fail(base::Code::unsupported, "[work] kind {} is unknown here; known: {}", code, names_of(all()));
  return at->second.get();
}

base::Result<const Kind*> KindSet::find(std::string_view name) const {
  for (const auto& [code, kind] : kinds_)
    if (kind->name() == name) return kind.get();
  return base::fail(base::Code::unsupported, "[work] kind '{}' is unknown here; known: {}", name, names_of(all()));
}

std::vector<const Kind*> KindSet::all() const {
  std::vector<const Kind*> out;
  for (const auto& [code, kind] : kinds_) out.push_back(kind.get());
  return out;
}

}  // namespace koinon::work
