#include "engine/run/tracer.hpp"

namespace koinon::engine::run {

Followers::Followers(const Layout& layout) : of_(layout.views.size()), whole_(layout.views.size(), false) {
  for (std::size_t v = 0; v < of_.size(); ++v) {
    const std::size_t root = layout.views[v].value;
    if (root == v) continue;
    of_[root].push_back(v);
    whole_[v] = byte_size(*layout.infos[v]) == byte_size(*layout.infos[root]);
  }
}

void Tracer::know(std::size_t value, const base::Hash& root) {
  number_[value] = kKnown;
  roots_[value] = root;
}

void Tracer::follow(std::size_t value) {
  for (auto view : followers_.of(value)) {
    if (!followers_.whole(view)) {
      add(view);
    } else if (number_[value] == kKnown) {
      know(view, roots_[value]);
    } else {
      number_[view] = number_[value];
    }
  }
}

void Tracer::want(std::size_t value) {
  if (number_[value] == kNone) add(value);
}

std::vector<base::Hash> Tracer::roots() {
  const auto hashed = batch_.roots();
  for (std::size_t v = 0; v < number_.size(); ++v)
    if (number_[v] < hashed.size()) roots_[v] = hashed[number_[v]];
  return std::move(roots_);
}

}  // namespace koinon::engine::run
