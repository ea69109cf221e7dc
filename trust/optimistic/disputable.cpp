#include "trust/optimistic/disputable.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

#include "base/merkle.hpp"
#include "engine/program/inner.hpp"
#include "trust/optimistic/element_reader.hpp"
#include "trust/optimistic/fraud.hpp"
#include "trust/optimistic/kept_run.hpp"

namespace koinon::trust::optimistic {
namespace {

using base::Status;

// Gas of ElementCheck, from above, as measured on a chain (test/quorum/disputable_test.cpp).
constexpr std::uint64_t kGasFixed = 250'000;  ///< transaction, step, lists, storage
constexpr std::uint64_t kGasByte = 40;        ///< of calldata, the floor of EIP-7623
constexpr std::uint64_t kGasByteRun = 16;     ///< of calldata when execution counts
constexpr std::uint64_t kGasLeaf = 3'000;     ///< copied, hashed, closed
constexpr std::uint64_t kGasRun = 12'000;     ///< a run of leaves: its siblings
constexpr std::uint64_t kGasRowElement = 40;  ///< of a dot product
constexpr std::uint64_t kGasStretch = 8'000;  ///< of a dot product, to find and to begin
constexpr std::uint64_t kGasFold = 500;       ///< an element of a reduction
constexpr std::uint64_t kGasLine = 600;       ///< a line of a window, for each axis
constexpr std::uint64_t kGasPair = 200;       ///< runs are looked through one after the other
constexpr std::uint64_t kGasGet = 2'500;      ///< an element found by its index
constexpr std::uint64_t kGasPart = 60'000;    ///< a step that makes an inner operand

constexpr std::uint64_t kWord = 32, kOpened = 6 * kWord;  ///< and a tensor of which nothing is opened
constexpr std::uint64_t kMuch = std::uint64_t{1} << 60;

/// What an element reads of a tensor: `stretches` of `length` bytes each, at most `hull` bytes from first to last. Each begins
/// at a multiple of `unit` bytes, at most `length`; 0: of an element's.
struct Read {
  std::uint64_t stretches = 1, length = 0, hull = 0, unit = 0;
};

Read one(const TensorInfo& info) { return {1, width_of(info), width_of(info)}; }
/// A row of a tensor of such rows.
Read row_of(const TensorInfo& info, Index elements) {
  const auto bytes = elements * width_of(info);
  return {1, bytes, bytes, bytes};
}

struct Reads {
  std::vector<Read> tensors;  ///< in the order of tensors_of; length 0 where nothing is read
  std::uint64_t gas = 0;      ///< of the recomputation
  std::uint64_t row = 0;
};

std::uint64_t leaves_at_most(std::uint64_t length, std::uint64_t unit, std::uint64_t all) {
  // A stretch begins at a multiple of its unit, so in a leaf at a multiple of what the two have in common.
  const auto common = std::gcd(unit, std::uint64_t{base::kLeafSize});
  return std::min(all, (length - common + base::kLeafSize - 1) / base::kLeafSize + 1);
}

/// Siblings of an item of a list.
std::uint64_t list_depth(std::size_t items) { return items == 0 ? 0 : static_cast<std::uint64_t>(std::bit_width(items - 1)); }

/// Bytes and gas of opening a tensor: its root, and its stretches each in a run of its own or all in one.
void add_tensor(const TensorInfo& info, const Read& read, std::uint64_t depth_of_list, ProofBound& out) {
  out.bytes += kOpened;
  if (read.length == 0) return;
  out.bytes += depth_of_list * kWord;
  const auto width = width_of(info), size = elements_of(info) * width, unit = read.unit == 0 ? width : read.unit;
  const auto all = std::max<std::uint64_t>(1, (size + base::kLeafSize - 1) / base::kLeafSize);
  const auto depth = static_cast<std::uint64_t>(std::bit_width(all - 1));
  const auto frame = 2 * kWord * depth + 6 * kWord;
  const auto apart = std::min(kMuch, read.stretches) * leaves_at_most(read.length, unit, all);
  const auto whole = leaves_at_most(std::min(size, read.hull), unit, all);
  const auto split = apart * base::kLeafSize + std::min(kMuch, read.stretches) * frame;
  const auto joined = whole * base::kLeafSize + frame;
  const bool together = joined <= split;
  out.bytes += together ? joined : split;
  const auto runs = together ? 1 : std::min<std::uint64_t>(read.stretches, kMaxProof / base::kLeafSize);
  out.gas += (together ? whole : apart) * kGasLeaf + runs * kGasRun + runs * runs * kGasPair;
}

Reads of_matmul(const Step& step) {
  const auto k = static_cast<Index>(step.operand_infos[1].shape.back());
  Reads out{{row_of(step.operand_infos[0], k), row_of(step.operand_infos[1], k)}, k * kGasRowElement + kGasStretch, k};
  if (step.operands.size() == 3) out.tensors.push_back(one(step.operand_infos[2]));
  return out;
}

Reads of_conv(const Step& step) {
  const auto &x = step.operand_infos[0].shape, &w = step.operand_infos[1].shape;
  const auto axes = x.size() - 2;
  const auto channels = size_at(x, axes + 1), width = size_at(w, axes + 1), row = size_at(w, axes);
  const bool joined = step.params[2 * axes] == 1 && width == channels;
  Index positions = 1, span = 0;
  for (std::size_t a = 1; a <= axes; ++a) {
    positions *= size_at(w, a);
    span = span * size_at(x, a) + std::min((size_at(w, a) - 1) * static_cast<Index>(step.params[axes + a]), size_at(x, a) - 1);
  }
  const auto stretch = joined ? row * width : width, stretches = positions * width / stretch;
  const auto wide = width_of(step.operand_infos[0]);
  Reads out;
  out.tensors = {{stretches, stretch * wide, (span * channels + width) * wide, width * wide},
                 row_of(step.operand_infos[1], positions * width)};
  if (step.operands.size() == 3) out.tensors.push_back(one(step.operand_infos[2]));
  out.gas = positions * width * kGasRowElement + stretches * kGasStretch;
  out.row = stretch;
  return out;
}

Reads of_reduce(const Step& step) {
  const auto& x = step.operand_infos[0].shape;
  const auto rank = x.size();
  Index stretch = 1, stretches = 1, span = 0, all = 1, inner = 1;
  bool whole = true;  // all axes behind are read whole
  for (auto a = rank; a > 0; --a) {
    const auto count = std::min(static_cast<Index>(step.params[a]), size_at(x, a - 1));
    const auto dilation = static_cast<Index>(step.params[2 * rank + a]);
    const bool dense = whole && (dilation == 1 || count == 1);
    (dense ? stretch : stretches) *= count;
    whole = dense && count == size_at(x, a - 1);
    span += std::min((count - 1) * dilation, size_at(x, a - 1) - 1) * inner_of(x, a - 1);
    all *= count;
    if (inner == 1) inner = count;  // of the last axis along which there is more than one
  }
  const auto wide = width_of(step.operand_infos[0]);
  return {{{stretches, stretch * wide, (span + 1) * wide}}, all * kGasFold + all / inner * rank * kGasLine, 0};
}

Reads of_topk(const Step& step) {
  const auto& info = step.operand_infos[0];
  if (step.outputs.size() == 2) {
    const auto two = width_of(step.outputs[1]);
    return {{{4, width_of(info), kMuch}, one(step.outputs[0]), {2, two, kMuch}}, 12 * kGasGet, 0};
  }
  const auto line = line_of(step, 0, 1);
  const auto wide = width_of(info);
  const Read read{line.inner == 1 ? 1 : line.n, (line.inner == 1 ? line.n : 1) * wide, ((line.n - 1) * line.inner + 1) * wide};
  return {{read, one(step.outputs[0])}, line.n * kGasGet, 0};
}

Reads of_scatter(const Step& step) {
  const auto rows = rows_at(step).rows;
  return {{one(step.operand_infos[0]), row_of(step.operand_infos[1], rows), one(step.operand_infos[2])}, rows * kGasGet, 0};
}

/// Only one operand is read; the longest to open counts.
Reads of_concat(const Step& step) {
  Reads out;
  std::size_t largest = 0;
  for (std::size_t i = 1; i < step.operands.size(); ++i)
    if (elements_of(step.operand_infos[i]) > elements_of(step.operand_infos[largest])) largest = i;
  out.tensors.resize(step.operands.size());
  out.tensors[largest] = one(step.operand_infos[largest]);
  return out;
}

Reads reads_of(const Step& step) {
  switch (step.kind) {
    case StepKind::matmul: return of_matmul(step);
    case StepKind::conv: return of_conv(step);
    case StepKind::reduce: return of_reduce(step);
    case StepKind::topk: return of_topk(step);
    case StepKind::scatter: return of_scatter(step);
    case StepKind::concat: return of_concat(step);
    case StepKind::argmax: return {{{2, width_of(step.operand_infos[0]), kMuch}}, 6 * kGasGet, 0};
    case StepKind::prefix_sum: return {{one(step.operand_infos[0]), {2, width_of(step.outputs[0]), kMuch}}, 4 * kGasGet, 0};
    default: break;
  }
  Reads out{{}, step.operands.size() * kGasGet, 0};
  for (const auto& info : step.operand_infos) out.tensors.push_back(one(info));
  return out;
}

std::string_view help_for(StepKind kind) {
  switch (kind) {
    case StepKind::matmul: return "split the inner size and add the parts";
    case StepKind::conv: return "split the input channels and add the parts";
    case StepKind::reduce: return "reduce one axis at a time, or in smaller windows one after the other";
    case StepKind::topk: return "return the indices as well as the values";
    case StepKind::scatter: return "write fewer rows at once";
    default: return "a step with fewer operands";
  }
}

using engine::program::Program;

/// Where a part stands in a proof.
struct Place {
  bool first = false;    ///< the step of the element itself
  bool again = false;    ///< another element of a step of which a part came before
  bool channel = false;  ///< and that has the same place along the last axis
};

/// Whether an element reads something of every operand, the same of it wherever the element stands in a plane: not where there
/// may be padding, or where only one of the operands is read.
bool reads_all(const Step& step) {
  switch (step.kind) {
    case StepKind::matmul:
    case StepKind::add:
    case StepKind::sub:
    case StepKind::mul:
    case StepKind::requantise:
    case StepKind::compare:
    case StepKind::select:
    case StepKind::divide: return true;
    case StepKind::conv: {
      const auto axes = step.operand_infos[0].shape.size() - 2;
      const auto pads = step.params.begin() + static_cast<std::ptrdiff_t>(1 + 2 * axes);
      return std::all_of(pads, step.params.end(), [](auto pad) { return pad == 0; });
    }
    default: return false;
  }
}

/// Whether a part opens the very same of a constant operand as the first part of the same step, which then need not be repeated
/// (ProofTensors::leave_out).
bool repeated(const Step& step, std::size_t operand, const Place& place) {
  const auto& info = step.operand_infos[operand];
  if (!place.again || !reads_all(step)) return false;
  if (elements_of(info) * width_of(info) <= base::kLeafSize) return true;  // a single leaf
  if (!place.channel) return false;
  switch (step.kind) {
    case StepKind::conv: return operand != 0;                                                // a row, and one of the bias
    case StepKind::matmul: return operand == 2 || (operand == 1 && info.shape.size() == 2);  // the same
    default: return elements_of(info) == static_cast<Index>(info.shape.back());              // it lies along that axis alone
  }
}

/// Whether an element of a step lies at the same place along the last axis as those that it reads of an operand.
bool keeps_channel(const Step& step) {
  switch (step.kind) {
    case StepKind::conv: return true;  // with one channel a group
    case StepKind::reduce: return step.params[step.operand_infos[0].shape.size()] == 1;
    case StepKind::add:
    case StepKind::sub:
    case StepKind::mul:
    case StepKind::requantise:
    case StepKind::lookup:
    case StepKind::compare:
    case StepKind::select:
    case StepKind::divide:
    case StepKind::isqrt:
    case StepKind::shift: return true;
    default: return false;
  }
}

/// A step of a proof: its bytes and siblings, and the tensors around it, without what its inner operands take.
void add_alone(const Program& program, std::size_t number, const Place& place, ProofBound& out) {
  const auto& step = program.steps[number];
  const auto reads = reads_of(step);
  auto infos = place.first ? tensors_of(step, 0) : step.operand_infos;
  out.row = std::max(out.row, reads.row);
  const auto step_bytes = (engine::program::encode_step(step).size() + kWord - 1) / kWord * kWord;
  out.bytes += kWord * (1 + 4 + 3 + list_depth(program.steps.size())) + step_bytes;
  out.gas += kGasPart + reads.gas + infos.size() * kGasRun;
  const auto values = list_depth(program.value_count());
  const auto constants = list_depth(std::max(program.weights.size(), program.tables.size()));
  for (std::size_t i = 0; i < infos.size(); ++i) {
    auto read = i < reads.tensors.size() ? reads.tensors[i] : one(infos[i]);
    if (i < step.operands.size() && inner_maker(program, step.operands[i])) read.length = 0;
    const bool constant = i < step.operands.size() && step.operands[i].source() != engine::program::Source::value;
    ProofBound tensor;
    add_tensor(infos[i], read, constant ? constants : values, tensor);
    out.bytes += constant && repeated(step, i, place) ? kOpened : tensor.bytes;
    out.gas += tensor.gas;
  }
}

/// The same with them: each element of an inner operand that is read is a part of its own.
void add_part(const Program& program, std::size_t number, const Place& place, ProofBound& out) {
  add_alone(program, number, place, out);
  const auto& step = program.steps[number];
  for (std::size_t i = 0; i < step.operands.size(); ++i) {
    const auto maker = inner_maker(program, step.operands[i]);
    if (!maker) continue;
    const auto times = engine::program::elements_read(step, i);
    const bool channel = keeps_channel(step) && (!place.again || place.channel);
    ProofBound one, more;
    add_part(program, *maker, {false, place.again, channel}, one);
    if (times > 1) add_part(program, *maker, {false, true, channel}, more);
    out.bytes += one.bytes + (times - 1) * more.bytes;
    out.gas += one.gas + (times - 1) * more.gas;
    out.row = std::max(out.row, one.row);
  }
}

/// The step of a proof about this one that takes the most bytes.
std::size_t longest_part(const Program& program, std::size_t number) {
  std::size_t longest = number;
  std::uint64_t most = 0;
  std::vector<std::size_t> parts{number};
  while (!parts.empty()) {
    const auto part = parts.back();
    parts.pop_back();
    ProofBound alone;
    add_alone(program, part, {part == number, false, false}, alone);
    if (const auto cost = alone.gas + alone.bytes * kGasByte; cost > most) std::tie(longest, most) = std::pair(part, cost);
    for (const auto ref : program.steps[part].operands)
      if (const auto maker = inner_maker(program, ref)) parts.push_back(*maker);
  }
  return longest;
}

}  // namespace

namespace {

// Gas of ClaimCheck for each input and output that it walks over, from above.
constexpr std::uint64_t kGasPort = 5'000;

/// Proofs about inputs and outputs carry the description of all of them.
Status describable(const Program& program) {
  const auto description = engine::program::encode_io(program).size();
  const auto lists = 2 * (list_depth(program.value_count()) + list_depth(program.outputs.size()) +
                          list_depth(program.inputs.size()) + base::kLeafSize / kWord);
  const auto bytes = kWord * (64 + lists) + description;
  const auto ports = program.inputs.size() + program.outputs.size();
  const auto gas = kGasFixed + ports * kGasPort + bytes * kGasByte;
  if (bytes <= kMaxProof && gas <= kMaxProofGas) return {};
  return fail(
      Code::unsupported,
      "[dispute] the description of {} inputs and outputs takes {} bytes and {} gas of a proof, at most {} and {}: fewer of "
      "them, or shorter names",
      ports, bytes, gas, kMaxProof, kMaxProofGas);
}

}  // namespace

ProofBound proof_bound(const engine::program::Program& program, std::size_t step) {
  ProofBound out;
  // Outer word, parts of the program and numbers, hints, the list of parts.
  out.bytes = kWord * (1 + 13 + 2 + 1);
  out.gas = kGasFixed - kGasPart;
  add_part(program, step, {true, false, false}, out);
  out.gas = std::max(out.gas + out.bytes * kGasByteRun, kGasFixed + out.bytes * kGasByte);
  return out;
}

Status disputable(const engine::program::Program& program) {
  if (!program.has_weights()) return fail(Code::unsupported, "[dispute] hidden weights: a public dispute opens them");
  // The number of a claim's values is bound by the last step.
  if (program.steps.empty())
    return fail(Code::unsupported, "[dispute] the program has no step, so there is nothing to dispute: add one");
  KOINON_CHECK(describable(program));
  for (std::size_t s = 0; s < program.steps.size(); ++s) {
    if (program.steps[s].inner) continue;
    const auto bound = proof_bound(program, s);
    const auto refuse = [&](std::uint64_t got, std::string_view what, std::uint64_t most) -> Status {
      const auto part = longest_part(program, s);
      const auto kind = program.steps[part].kind;
      return fail(Code::unsupported, "[dispute] step {} ({}): an element takes {} {} of a proof, at most {}: {}", part,
                  engine::program::step_name(kind), got, what, most, help_for(kind));
    };
    if (bound.row > kMaxRow) return refuse(bound.row, "elements in a row", kMaxRow);
    if (bound.bytes > kMaxProof) return refuse(bound.bytes, "bytes", kMaxProof);
    if (bound.gas > kMaxProofGas) return refuse(bound.gas, "gas", kMaxProofGas);
  }
  return {};
}

}  // namespace koinon::trust::optimistic
