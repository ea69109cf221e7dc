#include "engine/run/tracer.hpp"

#include "engine/program/inner.hpp"

namespace koinon::engine::run {

Followers::Followers(const program::Program& program, const Layout& layout)
    : of_(layout.views.size()), whole_(layout.views.size(), false), inner_(program::inner_values(program)) {
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

void Tracer::made(std::size_t value) {
  if (!followers_.inner(value)) add(value);
  follow(value);
}

void Tracer::follow(std::size_t value) {
  std::size_t same = number_[value] == kNone ? kNone : value;  // has the value's bytes and was added
  for (auto view : followers_.of(value)) {
    if (followers_.inner(view)) continue;
    if (!followers_.whole(view) || same == kNone) {
      add(view);
      if (followers_.whole(view)) same = view;
    } else if (number_[same] == kKnown) {
      know(view, roots_[same]);
    } else {
      number_[view] = number_[same];
    }
  }
}

void Tracer::want(std::size_t value) {
  if (number_[value] == kNone) add(value);
}

std::vector<base::Hash> Tracer::roots() {
  const auto hashed = batch_.roots();
  for (std::size_t v = 0; v < number_.size(); ++v)
    if (followers_.inner(v))
      roots_[v] = program::kInnerRoot;
    else if (number_[v] < hashed.size())
      roots_[v] = hashed[number_[v]];
  return std::move(roots_);
}

}  // namespace koinon::engine::run
