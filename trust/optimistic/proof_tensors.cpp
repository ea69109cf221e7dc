#include "trust/optimistic/proof_tensors.hpp"

#include <algorithm>
#include <optional>

#include "trust/optimistic/kept_run.hpp"

namespace koinon::trust::optimistic {
namespace {

using base::Bytes;
using base::ByteView;
using base::Code;
using base::Domain;
using base::fail;
using base::Result;
using base::Tree;
using engine::program::Ref;
using engine::program::Source;

struct LeafSpan {
  std::uint64_t first = 0, last = 0;
};

/// Bytes that a run takes in a proof, at most: leaves, siblings and what frames them.
std::uint64_t cost(const LeafSpan& span, unsigned depth) {
  return (span.last - span.first + 1) * base::kLeafSize + std::uint64_t{64} * depth + 192;
}

/// Runs that hold the leaves: neighbours joined, and all of them in one where that is shorter.
std::vector<LeafSpan> runs_of(const std::set<std::uint64_t>& leaves, unsigned depth) {
  std::vector<LeafSpan> out;
  std::uint64_t apart = 0;
  for (const auto leaf : leaves) {
    if (!out.empty() && out.back().last + 1 == leaf) {
      out.back().last = leaf;
    } else {
      out.push_back({leaf, leaf});
    }
  }
  for (const auto& span : out) apart += cost(span, depth);
  const LeafSpan whole{*leaves.begin(), *leaves.rbegin()};
  if (cost(whole, depth) < apart) return {whole};
  return out;
}

}  // namespace

ProofTensors::ProofTensors(const ProgramTrees& program, std::size_t step, std::uint8_t output, Values values)
    : program_(program),
      step_(step),
      refs_(refs_of(program.program().steps[step], output)),
      values_(std::move(values)),
      makers_(&own_makers_),
      read_(refs_.size()) {}

ProofTensors::ProofTensors(const ProgramTrees& program, std::size_t step, Values values, Makers* makers)
    : program_(program),
      step_(step),
      refs_(program.program().steps[step].operands),
      values_(std::move(values)),
      makers_(makers),
      read_(refs_.size()) {}

const engine::program::Constant* ProofTensors::constant(Ref ref) const {
  const auto& program = program_.program();
  return &(ref.source() == Source::weight ? program.weights : program.tables)[ref.index()];
}

Result<ByteView> ProofTensors::value_bytes(const ValuePair& pair, std::uint64_t from, std::uint64_t length) {
  const auto own = ByteView(pair.own->bytes);
  if (pair.claimed->same()) return own.subspan(from, length);
  Bytes joined;
  for (auto leaf = from / base::kLeafSize; leaf * base::kLeafSize < from + length; ++leaf) {
    const auto start = leaf * base::kLeafSize;
    auto bytes = own.subspan(start, std::min<std::uint64_t>(base::kLeafSize, own.size() - start));
    KOINON_TRY(const auto hash, pair.claimed->node(0, leaf));
    if (hash != pair.claimed->own().node(0, leaf)) {
      KOINON_TRY(bytes, pair.claimed->leaf(leaf));
    }
    const auto skip = from > start ? from - start : 0;
    const auto part = bytes.subspan(skip, std::min(bytes.size() - skip, from + length - start - skip));
    joined.insert(joined.end(), part.begin(), part.end());
  }
  return ByteView(joined_.emplace_back(std::move(joined)));
}

Result<ByteView> ProofTensors::look(std::size_t tensor, std::uint64_t from, std::uint64_t length) {
  const auto ref = refs_[tensor];
  if (ref.source() != Source::value) return ByteView(constant(ref)->data).subspan(from, length);
  KOINON_TRY(const auto pair, values_(ref.index()));
  KOINON_TRY(const auto claimed, pair.claimed->length_or_ask());
  if (claimed != pair.own->bytes.size()) return fail(Code::internal, "[dispute] value {} has another length", ref.index());
  return value_bytes(pair, from, length);
}

Result<ByteView> ProofTensors::bytes(std::size_t tensor, std::uint64_t from, std::uint64_t length) {
  if (is_made(tensor)) return fail(Code::rejected, "[dispute] value {} is inner: nothing opens it", refs_[tensor].index());
  for (auto leaf = from / base::kLeafSize; leaf * base::kLeafSize < from + length; ++leaf) read_[tensor].insert(leaf);
  return look(tensor, from, length);
}

bool ProofTensors::is_made(std::size_t operand) const { return inner_maker(program_.program(), refs_[operand]).has_value(); }

Result<Maker> ProofTensors::maker(std::size_t operand) {
  const auto step = inner_maker(program_.program(), refs_[operand]);
  KOINON_INVARIANT(step.has_value());
  makers_->push_back(std::unique_ptr<ProofTensors>(new ProofTensors(program_, *step, values_, makers_)));
  return Maker{&program_.program().steps[*step], makers_->back().get()};
}

base::Status ProofTensors::open_runs(std::size_t tensor, std::uint64_t size, Opened& out) {
  const auto ref = refs_[tensor];
  std::optional<Tree> tree;
  std::optional<ValuePair> pair;
  if (ref.source() == Source::value) {
    KOINON_TRY(pair, values_(ref.index()));
  } else {
    tree = Tree::of_bytes(Domain::tensor, constant(ref)->data);
  }
  const auto depth = tree ? tree->depth() : pair->claimed->depth();
  for (const auto& span : runs_of(read_[tensor], depth)) {
    const auto from = span.first * base::kLeafSize;
    KOINON_TRY(const auto data, look(tensor, from, std::min(size, (span.last + 1) * base::kLeafSize) - from));
    Run run{span.first, {data.begin(), data.end()}, {}};
    if (tree) {
      run.siblings = tree->closing(span.first, span.last);
    } else {
      KOINON_TRY(run.siblings, pair->claimed->closing(span.first, span.last));
    }
    out.runs.push_back(std::move(run));
  }
  return {};
}

Result<std::vector<Part>> ProofTensors::open(const List& list) {
  std::vector<Part> out;
  KOINON_TRY(auto first, open_part(list));
  out.push_back(std::move(first));
  for (const auto& one : own_makers_) {
    KOINON_TRY(auto part, one->open_part(list));
    const auto same = std::find_if(out.begin(), out.end(), [&](const Part& before) { return before.step == part.step; });
    if (same != out.end()) one->leave_out(*same, part);
    out.push_back(std::move(part));
  }
  return out;
}

void ProofTensors::leave_out(const Part& first, Part& part) const {
  for (std::size_t i = 0; i < refs_.size(); ++i)
    if (refs_[i].source() != Source::value && part.opened[i] == first.opened[i]) part.opened[i] = {};
}

Result<Part> ProofTensors::open_part(const List& list) {
  auto opening = program_.step(step_);
  Part part{step_, std::move(opening.data), std::move(opening.siblings), std::vector<Opened>(refs_.size())};
  auto& out = part.opened;
  for (std::size_t i = 0; i < refs_.size(); ++i) {
    if (read_[i].empty()) continue;
    const auto ref = refs_[i];
    std::uint64_t size = 0;
    if (ref.source() == Source::value) {
      KOINON_TRY(out[i], list(ref.index()));
      KOINON_TRY(const auto pair, values_(ref.index()));
      size = pair.own->bytes.size();
    } else {
      out[i].root = constant(ref)->root;
      out[i].list = program_.constant_path(ref);
      size = constant(ref)->data.size();
    }
    KOINON_CHECK(open_runs(i, size, out[i]));
  }
  return part;
}

}  // namespace koinon::trust::optimistic
