#include "test/quorum/openings.hpp"

#include <algorithm>

#include "base/merkle.hpp"
#include "engine/run/execute.hpp"

namespace koinon::test::quorum {
namespace {

using base::Domain;
using base::Hash;
using engine::program::Ref;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;
using engine::tensor::IntTensor;
using Opened = ElementChecks::Opened;

/// Bytes of a tensor that an element needs.
struct Span {
  std::uint64_t from = 0;
  std::uint64_t length = 0;
};

std::uint64_t width(const engine::program::TensorInfo& info) { return engine::tensor::dtype_size(info.dtype); }

/// The whole leaves that hold the span, and what closes them to the root: at each level the left sibling, then the right one.
ElementChecks::Run run_of(base::ByteView bytes, const Span& span) {
  const auto first = span.from / base::kLeafSize;
  const auto last = (span.from + span.length - 1) / base::kLeafSize;
  const auto low = base::open_byte_leaf(Domain::tensor, bytes, first).value();
  const auto high = base::open_byte_leaf(Domain::tensor, bytes, last).value();
  ElementChecks::Run out;
  out.first = first;
  const auto begin = first * base::kLeafSize;
  const auto data = bytes.subspan(begin, std::min<std::size_t>(bytes.size(), (last + 1) * base::kLeafSize) - begin);
  out.data.assign(data.begin(), data.end());
  for (std::size_t level = 0; level < low.siblings.size(); ++level) {
    if ((first >> level & 1) == 1) out.siblings.push_back(low.siblings[level]);
    if ((last >> level & 1) == 0) out.siblings.push_back(high.siblings[level]);
  }
  return out;
}

Opened open_spans(base::ByteView bytes, const std::vector<Span>& spans) {
  Opened out;
  out.root = base::byte_tree_root(Domain::tensor, bytes);
  for (const auto& span : spans) out.runs.push_back(run_of(bytes, span));
  return out;
}

std::vector<Hash> constant_roots(const std::vector<engine::program::Constant>& constants) {
  std::vector<Hash> out;
  for (const auto& c : constants) out.push_back(c.root);
  return out;
}

Opened open_ref(const Trace& trace, Ref ref, const std::vector<Span>& spans) {
  const auto open = [&](base::ByteView bytes, Domain domain, const std::vector<Hash>& roots) {
    auto out = open_spans(bytes, spans);
    out.list = base::open_list_item(domain, roots, ref.index()).value().siblings;
    return out;
  };
  if (ref.source() == Source::value)
    return open(trace.values[ref.index()].bytes, Domain::trace, engine::run::tensor_roots(trace.values));
  const bool weight = ref.source() == Source::weight;
  const auto& constants = weight ? trace.program.weights : trace.program.tables;
  return open(constants[ref.index()].data, weight ? Domain::weights : Domain::tables, constant_roots(constants));
}

/// Element `index` of a tensor.
std::int64_t element(const IntTensor& t, std::uint64_t index) {
  const auto width = engine::tensor::dtype_size(t.dtype);
  std::uint64_t out = (t.bytes[(index + 1) * width - 1] & 0x80) != 0 ? ~std::uint64_t{0} : 0;
  for (std::size_t i = width; i > 0; --i) out = out << 8 | t.bytes[index * width + i - 1];
  return static_cast<std::int64_t>(out);
}

/// The element of an operand that stands at `index` of the result, when it broadcasts.
std::uint64_t broadcast_index(const engine::tensor::Shape& result, const engine::tensor::Shape& operand, std::uint64_t index) {
  std::uint64_t at = 0;
  std::uint64_t stride = 1;
  for (std::size_t i = 0; i < operand.size(); ++i) {
    const auto wide = static_cast<std::uint64_t>(result[result.size() - 1 - i]);
    const auto own = static_cast<std::uint64_t>(operand[operand.size() - 1 - i]);
    at += own == 1 ? 0 : index % wide * stride;
    stride *= own;
    index /= wide;
  }
  return at;
}

/// What an element of a step that works element by element reads.
std::vector<Span> single_spans(const Trace& trace, const Step& step, std::uint64_t index) {
  std::vector<Span> out;
  for (std::size_t i = 0; i < step.operands.size(); ++i) {
    const auto& info = step.operand_infos[i];
    auto at = step.kind == StepKind::reshape ? index : broadcast_index(step.outputs[0].shape, info.shape, index);
    if (step.kind == StepKind::lookup && i == 1)
      at = static_cast<std::uint64_t>(element(trace.values[step.operands[0].index()], index) - step.params[0]);
    out.push_back({at * width(info), width(info)});
  }
  return out;
}

/// What an element of a matmul reads: a row of each operand, and one of the bias.
std::vector<Span> spans_of(const Step& step, std::uint64_t index) {
  const auto& a = step.operand_infos[0];
  const auto& b = step.operand_infos[1];
  const auto k = static_cast<std::uint64_t>(b.shape.back());
  const auto n = static_cast<std::uint64_t>(b.shape[b.shape.size() - 2]);
  const auto m = static_cast<std::uint64_t>(a.shape[a.shape.size() - 2]);
  const auto row = index / n;
  const auto other = b.shape.size() == 2 ? index % n : row / m * n + index % n;
  std::vector<Span> out{{row * k * width(a), k * width(a)}, {other * k * width(b), k * width(b)}};
  if (step.operands.size() == 3) {
    const auto one = width(step.operand_infos[2]);
    out.push_back({index % n * one, one});
  }
  return out;
}

bool reads_several(StepKind kind) {
  switch (kind) {
    case StepKind::conv:
    case StepKind::reduce:
    case StepKind::prefix_sum:
    case StepKind::argmax:
    case StepKind::topk:
    case StepKind::gather:
    case StepKind::scatter:
    case StepKind::transpose:
    case StepKind::slice:
    case StepKind::concat:
    case StepKind::pad: return true;
    default: return false;
  }
}

/// Every leaf of a tensor: in one run, or each in its own, the last first.
std::vector<Span> everything(const engine::program::TensorInfo& info, bool leaf_by_leaf) {
  const auto size = static_cast<std::uint64_t>(engine::tensor::element_count(info.shape)) * width(info);
  if (!leaf_by_leaf) return {{0, size}};
  std::vector<Span> out;
  for (auto leaf = (size + base::kLeafSize - 1) / base::kLeafSize; leaf > 0; --leaf) {
    const auto from = (leaf - 1) * base::kLeafSize;
    out.push_back({from, std::min<std::uint64_t>(base::kLeafSize, size - from)});
  }
  return out;
}

/// What an element of a step reads of each operand: exactly that of a matmul and of steps that work element by element,
/// everything of the others.
std::vector<std::vector<Span>> reads_of(const Trace& trace, const Step& step, const Where& where) {
  std::vector<std::vector<Span>> out;
  if (step.kind == StepKind::matmul) {
    for (const auto& span : spans_of(step, where.index)) out.push_back({span});
  } else if (reads_several(step.kind)) {
    for (const auto& info : step.operand_infos) out.push_back(everything(info, where.leaf_by_leaf));
  } else {
    for (const auto& span : single_spans(trace, step, where.index)) out.push_back({span});
  }
  return out;
}

}  // namespace

Hash Trace::id() const { return engine::program::program_id(program); }

Trace trace_of(engine::program::Program program, std::vector<IntTensor> inputs) {
  Trace out{std::move(program), std::move(inputs)};
  const auto given = out.values;
  engine::run::RunOptions options;
  options.sink = [&](std::size_t, std::span<const IntTensor* const> outputs) {
    for (const auto* one : outputs) out.values.push_back(*one);
  };
  const auto run = engine::run::execute(out.program, given, options).value();
  KOINON_INVARIANT(run.trace_root == out.root());
  return out;
}

ElementChecks::Proof open_element(const Trace& trace, const Where& where) {
  const auto& what = trace.program.steps[where.step];
  const auto roots = engine::program::roots(trace.program);
  std::vector<Hash> steps;
  for (const auto& one : trace.program.steps) steps.push_back(base::keccak256(engine::program::encode_step(one)));
  ElementChecks::Proof out;
  out.program = {trace.program.version,
                 roots.io,
                 roots.steps,
                 roots.weights,
                 roots.tables,
                 steps.size(),
                 trace.program.weights.size(),
                 trace.program.tables.size()};
  out.value_count = trace.values.size();
  out.step = where.step;
  out.output = where.output;
  out.index = where.index;
  out.hints = where.hints;
  out.step_bytes = engine::program::encode_step(what);
  out.step_siblings = base::open_list_item(Domain::steps, steps, where.step).value().siblings;
  const auto spans = reads_of(trace, what, where);
  for (std::size_t i = 0; i < what.operands.size(); ++i) out.opened.push_back(open_ref(trace, what.operands[i], spans[i]));
  const auto open_output = [&](std::size_t number, const std::vector<Span>& of) {
    out.opened.push_back(open_ref(trace, Ref::value(static_cast<std::uint32_t>(what.first_output + number)), of));
  };
  if (what.kind == StepKind::topk) {
    for (std::size_t i = 0; i < what.outputs.size(); ++i) open_output(i, everything(what.outputs[i], where.leaf_by_leaf));
  } else if (what.kind == StepKind::prefix_sum) {
    open_output(0, everything(what.outputs[0], where.leaf_by_leaf));
  } else {
    const auto one = width(what.outputs[where.output]);
    open_output(where.output, {{where.index * one, one}});
  }
  return out;
}

}  // namespace koinon::test::quorum
