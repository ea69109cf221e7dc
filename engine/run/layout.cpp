#include "engine/run/layout.hpp"

#include <algorithm>
#include <map>

namespace koinon::engine::run {
namespace {

using program::Source;

constexpr std::size_t kAlign = 64, kNever = SIZE_MAX;

// Free stretches of the arena: the smallest that is large enough is taken, neighbours are joined.
class Arena {
 public:
  std::size_t take(std::size_t size) {
    auto best = free_.end();
    for (auto it = free_.begin(); it != free_.end(); ++it)
      if (it->second >= size && (best == free_.end() || it->second < best->second)) best = it;
    if (best == free_.end()) {
      std::size_t at = end_;
      if (!free_.empty() && std::prev(free_.end())->first + std::prev(free_.end())->second == end_) {
        at = std::prev(free_.end())->first;
        free_.erase(at);
      }
      end_ = at + size;
      return at;
    }
    const auto [at, length] = *best;
    free_.erase(best);
    if (length > size) free_[at + size] = length - size;
    return at;
  }

  void give_back(std::size_t at, std::size_t size) {
    auto it = free_.emplace(at, size).first;
    if (const auto next = std::next(it); next != free_.end() && at + size == next->first) {
      it->second += next->second;
      free_.erase(next);
    }
    if (it == free_.begin()) return;
    const auto before = std::prev(it);
    if (before->first + before->second != at) return;
    before->second += it->second;
    free_.erase(it);
  }

  [[nodiscard]] std::size_t end() const { return end_; }

 private:
  std::map<std::size_t, std::size_t> free_;
  std::size_t end_ = 0;
};

std::size_t padded(std::size_t size) { return (size + kAlign - 1) / kAlign * kAlign; }

// Lengthens the lives of what steps without nodes view.
void keep_viewed(const program::Program& program, const std::vector<NodePtr>& nodes, const std::vector<View>& views,
                 std::vector<std::size_t>& last) {
  std::size_t node = 0;
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    while (node < nodes.size() && nodes[node]->last_step < i) ++node;
    const auto& view = views[program.steps[i].first_output];
    if (view.value == program.steps[i].first_output || last[view.value] == kNever) continue;
    last[view.value] = node == nodes.size() ? kNever : std::max(last[view.value], node);
  }
}

}  // namespace

std::vector<const program::TensorInfo*> infos_of(const program::Program& program) {
  std::vector<const program::TensorInfo*> out;
  for (const auto& in : program.inputs) out.push_back(&in.info);
  for (const auto& step : program.steps)
    for (const auto& o : step.outputs) out.push_back(&o);
  return out;
}

std::size_t byte_size(const program::TensorInfo& info) {
  return static_cast<std::size_t>(tensor::element_count(info.shape)) * tensor::dtype_size(info.dtype);
}

Layout lay_out(const program::Program& program, const std::vector<NodePtr>& nodes, std::vector<View> views, bool followed) {
  Layout out;
  out.views = std::move(views);
  out.infos = infos_of(program);
  const auto& infos = out.infos;
  out.offsets.assign(infos.size(), kNever);
  std::vector<std::size_t> last(infos.size(), 0);  // node after which a value may go
  std::size_t scratch = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    scratch = std::max(scratch, nodes[i]->scratch);
    for (auto v : nodes[i]->writes) last[out.views[v].value] = std::max(last[out.views[v].value], i);
    for (auto ref : nodes[i]->reads)
      if (ref.source() == Source::value) last[out.views[ref.index()].value] = i;
  }
  if (followed) keep_viewed(program, nodes, out.views, last);
  for (const auto& o : program.outputs) last[out.views[o.ref.index()].value] = kNever;
  Arena arena;
  std::vector<std::vector<std::size_t>> ends(nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    for (auto v : nodes[i]->writes) {
      const std::size_t root = out.views[v].value;
      if (out.offsets[root] != kNever) continue;
      out.offsets[root] = arena.take(padded(byte_size(*infos[root])));
      if (last[root] != kNever) ends[last[root]].push_back(root);
    }
    for (auto root : ends[i]) arena.give_back(out.offsets[root], padded(byte_size(*infos[root])));
  }
  out.scratch = arena.end();
  out.bytes = out.scratch + scratch + kAlign;
  return out;
}

std::uint64_t peak_of_steps(const program::Program& program) {
  const auto infos = infos_of(program);
  std::vector<std::size_t> last(infos.size(), 0);
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    const auto& step = program.steps[i];
    for (std::size_t o = 0; o < step.outputs.size(); ++o) last[step.first_output + o] = i;
    for (auto ref : step.operands)
      if (ref.source() == Source::value) last[ref.index()] = i;
  }
  for (const auto& o : program.outputs) last[o.ref.index()] = kNever;
  std::vector<std::uint64_t> freed(program.steps.size(), 0);
  std::uint64_t live = 0;
  for (std::size_t v = 0; v < infos.size(); ++v) {
    if (v < program.inputs.size()) live += byte_size(*infos[v]);
    if (last[v] != kNever && !program.steps.empty()) freed[last[v]] += byte_size(*infos[v]);
  }
  std::uint64_t peak = live;
  for (std::size_t i = 0; i < program.steps.size(); ++i) {
    for (const auto& o : program.steps[i].outputs) live += byte_size(o);
    peak = std::max(peak, live);
    live -= freed[i];
  }
  return peak;
}

}  // namespace koinon::engine::run
