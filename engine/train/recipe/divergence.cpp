#include "engine/train/recipe/divergence.hpp"

#include <bit>
#include <cmath>
#include <cstring>

#include "base/codec.hpp"
#include "base/tree.hpp"

namespace koinon::engine::train {
namespace {

using base::Code;
using base::Domain;
using base::Hash;
using base::Result;

constexpr std::string_view kTraceMagic = "KOINONTR", kStepMagic = "KOINONSR";
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kMaxName = 400;

Result<std::vector<float>> read_floats(base::Reader& from, std::uint64_t count) {
  if (count > from.left() / sizeof(float))
    return base::fail(Code::malformed, "[step] an entry of {} numbers, and {} bytes are left", count, from.left());
  KOINON_TRY(const auto bytes, from.raw(static_cast<std::size_t>(count) * sizeof(float)));
  std::vector<float> out(static_cast<std::size_t>(count));
  if (!bytes.empty()) std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

base::Status read_head(base::Reader& from, std::string_view magic, std::string_view what) {
  KOINON_TRY(const auto head, from.raw(magic.size()));
  KOINON_TRY(const auto version, from.number<std::uint32_t>());
  if (base::as_text(head) == magic && version == kVersion) return {};
  return base::fail(Code::malformed, "[{}] no file of this version", what);
}

/// Writes down what passes by.
class Recorder final : public Tap {
 public:
  Recorder(const Graph& graph, std::vector<StepRecord::Entry>& to) : graph_(graph), to_(to) {}
  void forward(std::size_t node, float* out, std::size_t count) override {
    to_.push_back({fmt::format("forward of {}, node {}", graph_.nodes()[node].op->name(), node), {out, out + count}});
  }
  void gradient(std::size_t node, std::size_t input, float* gradient, std::size_t count) override {
    const auto& at = graph_.nodes()[node];
    to_.push_back({fmt::format("gradient of {} by {}, node {}", graph_.value(at.inputs[input]).name, at.op->name(), node),
                   {gradient, gradient + count}});
  }

 private:
  const Graph& graph_;
  std::vector<StepRecord::Entry>& to_;
};

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

std::optional<StepDifference> difference(const StepRecord::Entry& a, const StepRecord::Entry& b, std::size_t entry) {
  for (std::size_t i = 0; i < a.values.size(); ++i)
    if (!same(a.values[i], b.values[i])) return StepDifference{entry, a.name, i, a.values.size(), a.values[i], b.values[i]};
  return {};
}

}  // namespace

// "KOINONTR" | u32 version | commitment 32 | u64 from | u64 states | 32 bytes each, little-endian.
base::Bytes StateTrace::encode() const {
  base::Writer to;
  to.raw(base::as_bytes(kTraceMagic));
  to.number(kVersion);
  to.raw(commitment.view());
  to.number(from);
  to.number(static_cast<std::uint64_t>(states.size()));
  for (const auto& state : states) to.raw(state.view());
  return std::move(to).take();
}

Result<StateTrace> StateTrace::decode(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_CHECK(read_head(in, kTraceMagic, "trace"));
  StateTrace out;
  KOINON_TRY(out.commitment, in.fixed_bytes<32>());
  KOINON_TRY(out.from, in.number<std::uint64_t>());
  KOINON_TRY(const auto count, in.number<std::uint64_t>());
  if (count != in.left() / Hash::kSize) return base::fail(Code::malformed, "[trace] {} states in {} bytes", count, in.left());
  for (std::uint64_t i = 0; i < count; ++i) {
    KOINON_TRY(const auto state, in.fixed_bytes<32>());
    out.states.push_back(state);
  }
  KOINON_CHECK(in.finish());
  return out;
}

std::optional<std::uint64_t> first_divergent_step(const std::vector<Hash>& a, const std::vector<Hash>& b,
                                                  std::size_t* compared) {
  const auto common = std::min(a.size(), b.size());
  const auto ends = a.size() == b.size() ? std::nullopt : std::optional<std::uint64_t>(common);
  if (common == 0) return ends;
  const auto tree = [&](const std::vector<Hash>& all) {
    return base::Tree::of_list(Domain::trace, {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(common)});
  };
  const auto x = tree(a), y = tree(b);
  std::size_t asked = 1;
  std::uint64_t at = 0;
  const bool equal = x.top() == y.top();
  for (auto level = x.depth(); !equal && level-- > 0; ++asked) {
    at *= 2;
    if (x.node(level, at) == y.node(level, at)) ++at;  // then the other child differs, or the parents would not
  }
  if (compared != nullptr) *compared = asked;
  return equal ? ends : std::optional(at);
}

Result<StepRecord> StepRecord::of(Run& run) {
  StepRecord out;
  out.commitment = run.commitment();
  out.step = run.done();
  Recorder recorder(run.net().graph, out.entries);
  KOINON_TRY([[maybe_unused]] const float loss, run.step(&recorder));
  const auto& graph = run.net().graph;
  out.entries.insert(out.entries.begin(), {{"the batch's inputs", graph.value(run.net().input).data},
                                           {"the batch's targets", graph.value(run.net().target).data}});
  for (int i = 0; i < graph.size(); ++i)
    if (const auto& value = graph.value(i); value.role == Role::parameter || value.role == Role::buffer)
      out.entries.push_back({value.name + " after the step", value.data});
  for (std::size_t i = 0; i < run.memory().size(); ++i)
    out.entries.push_back({fmt::format("array {} of the optimiser after the step", i), run.memory()[i]});
  return out;
}

// "KOINONSR" | u32 version | commitment 32 | u64 step | u32 entries | for each: text name | u64 numbers | f32 each.
base::Bytes StepRecord::encode() const {
  base::Writer to;
  to.raw(base::as_bytes(kStepMagic));
  to.number(kVersion);
  to.raw(commitment.view());
  to.number(step);
  to.number(static_cast<std::uint32_t>(entries.size()));
  for (const auto& entry : entries) {
    to.text(entry.name);
    to.number(static_cast<std::uint64_t>(entry.values.size()));
    to.raw({reinterpret_cast<const std::uint8_t*>(entry.values.data()), entry.values.size() * sizeof(float)});
  }
  return std::move(to).take();
}

Result<StepRecord> StepRecord::decode(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_CHECK(read_head(in, kStepMagic, "step"));
  StepRecord out;
  KOINON_TRY(out.commitment, in.fixed_bytes<32>());
  KOINON_TRY(out.step, in.number<std::uint64_t>());
  KOINON_TRY(const auto count, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < count; ++i) {
    Entry entry;
    KOINON_TRY(entry.name, in.text(kMaxName));
    KOINON_TRY(const auto size, in.number<std::uint64_t>());
    KOINON_TRY(entry.values, read_floats(in, size));
    out.entries.push_back(std::move(entry));
  }
  KOINON_CHECK(in.finish());
  return out;
}

Result<std::optional<StepDifference>> first_difference(const StepRecord& a, const StepRecord& b) {
  if (a.commitment != b.commitment)
    return base::fail(Code::invalid_argument, "[compare] records of two runs: {} and {}", base::to_hex(a.commitment),
                      base::to_hex(b.commitment));
  if (a.step != b.step)
    return base::fail(Code::invalid_argument, "[compare] records of steps {} and {}: one step expected", a.step, b.step);
  if (a.entries.size() != b.entries.size())
    return base::fail(Code::invalid_argument, "[compare] {} and {} entries: a step of one run has as many", a.entries.size(),
                      b.entries.size());
  for (std::size_t i = 0; i < a.entries.size(); ++i) {
    const auto &x = a.entries[i], &y = b.entries[i];
    if (x.name != y.name || x.values.size() != y.values.size())
      return base::fail(Code::invalid_argument, "[compare] entry {} is '{}' of {} numbers and '{}' of {}", i, x.name,
                        x.values.size(), y.name, y.values.size());
    if (const auto found = difference(x, y, i)) return found;
  }
  return std::optional<StepDifference>{};
}

}  // namespace koinon::engine::train
