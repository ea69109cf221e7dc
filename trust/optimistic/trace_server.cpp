#include "trust/optimistic/trace_server.hpp"

#include <algorithm>

#include "engine/program/inner.hpp"
#include "trust/optimistic/claimed_tree.hpp"

namespace koinon::trust::optimistic {
namespace {

using base::Code;
using base::Domain;
using base::fail;
using base::Hash;
using base::Result;
using base::Tree;

std::vector<Hash> picked(const std::vector<Hash>& roots, const std::vector<std::size_t>& outputs) {
  std::vector<Hash> out;
  for (const auto value : outputs) {
    KOINON_INVARIANT(value < roots.size());
    out.push_back(roots[value]);
  }
  return out;
}

/// Siblings of a node upwards.
std::vector<Hash> above(const Tree& tree, unsigned level, std::uint64_t index) {
  std::vector<Hash> out;
  for (; level < tree.depth(); ++level, index >>= 1) out.push_back(tree.node(level, index ^ 1));
  return out;
}

/// The nodes below a node, or the items of the list.
std::vector<Hash> below(const Tree& tree, const Demand& demand, const std::vector<Hash>* items) {
  const auto down = std::min<unsigned>(levels_shown(demand.tree), demand.level);
  const auto first = demand.index << down, end = (demand.index + 1) << down;
  std::vector<Hash> out;
  for (auto i = first; i < end; ++i) {
    if (demand.level > down || items == nullptr) {
      out.push_back(tree.node(demand.level - down, i));
    } else if (i < items->size()) {
      out.push_back((*items)[i]);
    }
  }
  return out;
}

base::Bytes leaves_at(const Demand& demand, base::ByteView bytes) {
  const auto from = std::min<std::uint64_t>(bytes.size(), (demand.index << demand.level) * base::kLeafSize);
  const auto data = bytes.subspan(from, std::min<std::uint64_t>(bytes.size() - from, base::kLeafSize << demand.level));
  return {data.begin(), data.end()};
}

}  // namespace

TraceServer::TraceServer(std::vector<Hash> roots, const std::vector<std::size_t>& outputs, ValueSource values)
    : roots_(std::move(roots)),
      output_roots_(picked(roots_, outputs)),
      trace_(Tree::of_list(Domain::trace, roots_)),
      outputs_(Tree::of_list(Domain::outputs, output_roots_)),
      values_(std::move(values)) {}

TraceServer TraceServer::of(const KeptRun& run) {
  std::vector<std::size_t> outputs;
  for (const auto& output : run.program().outputs) outputs.push_back(output.ref.index());
  return {run.roots(), outputs, [&run](std::size_t value) -> Result<engine::tensor::IntTensor> {
            KOINON_TRY(auto found, run.values({value}));
            return std::move(found.at(value));
          }};
}

Result<const TraceServer::Held*> TraceServer::held(std::uint64_t value) {
  if (!last_ || last_->value != value) {
    last_.reset();
    KOINON_TRY(auto tensor, values_(value));
    auto tree = Tree::of_bytes(Domain::tensor, tensor.bytes);
    last_ = Held{value, std::move(tensor), std::move(tree)};
  }
  return &*last_;
}

Result<Answer> TraceServer::answer(const Demand& demand) {
  Answer out;
  const Tree* tree = &trace_;
  const std::vector<Hash>* items = &roots_;
  if (demand.tree == ClaimTree::outputs) {
    tree = &outputs_;
    items = &output_roots_;
  }
  base::ByteView bytes;
  if (demand.tree == ClaimTree::tensor && demand.value < roots_.size() && roots_[demand.value] == engine::program::kInnerRoot) {
    out.count = roots_.size();
    out.list = trace_.path(demand.value);
    return out;
  }
  if (demand.tree == ClaimTree::tensor && demand.value < roots_.size()) {
    KOINON_TRY(const auto* one, held(demand.value));
    tree = &one->tree;
    items = nullptr;
    bytes = one->tensor.bytes;
    out.length = bytes.size();
    out.count = roots_.size();
    out.list = trace_.path(demand.value);
  } else if (demand.tree == ClaimTree::tensor) {
    out.count = roots_.size();
    out.hashes.push_back(trace_.top());
    return out;
  } else {
    out.length = items->size();
  }
  if (demand.kind == DemandKind::summit || !exists(demand, out.length)) {
    out.hashes.push_back(tree->top());
    return out;
  }
  out.siblings = above(*tree, demand.level, demand.index);
  if (demand.kind == DemandKind::leaf) {
    out.data = leaves_at(demand, bytes);
  } else {
    out.hashes = below(*tree, demand, items);
  }
  return out;
}

}  // namespace koinon::trust::optimistic
