#include "trust/private/models/cuts.hpp"

#include <algorithm>
#include <set>

#include "base/codec.hpp"
#include "engine/program/params.hpp"
#include "trust/private/models/section_run.hpp"
#include "trust/private/models/stages.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::program::CompareOp;
using engine::program::Program;
using engine::program::Range;
using engine::program::Ref;
using engine::program::Source;
using engine::program::Step;
using engine::program::StepKind;
using engine::tensor::IntTensor;

constexpr std::size_t kMostCuts = 1 << 17;

/// Gives elements of one value other places, and nothing else.
bool only_moves(const Step& step) {
  switch (step.kind) {
    case StepKind::reshape:
    case StepKind::transpose:
    case StepKind::slice:
    case StepKind::broadcast: return true;
    case StepKind::gather: return step.operands[1].source() == Source::weight;
    default: return false;
  }
}

/// Element of a constant that meets element `i` of `shape`, both spread to the step's output.
class Spread {
 public:
  Spread(engine::tensor::Shape from, engine::tensor::Shape to) : from_(std::move(from)), to_(std::move(to)) {
    from_.insert(from_.begin(), to_.size() - from_.size(), 1);
  }
  /// Index into a tensor of the first shape for an index into one of the second.
  [[nodiscard]] std::int64_t operator()(std::int64_t index) const {
    std::int64_t out = 0, step = 1;
    for (std::size_t axis = to_.size(); axis-- > 0;) {
      if (from_[axis] != 1) out += index % to_[axis] * step;
      index /= to_[axis];
      step *= from_[axis];
    }
    return out;
  }

 private:
  engine::tensor::Shape from_, to_;
};

class CutFinder {
 public:
  CutFinder(const Program& program, const std::vector<Range>& ranges)
      : program_(program),
        ranges_(ranges),
        cuts_(static_cast<std::size_t>(engine::tensor::element_count(program.inputs[0].info.shape))) {}

  Result<Cuts> find(const std::vector<std::size_t>& steps) {
    std::set<std::size_t> raw{0};
    for (const auto number : steps) {
      const auto& step = program_.steps[number];
      const auto reads = std::ranges::count_if(
          step.operands, [&](Ref ref) { return ref.source() == Source::value && raw.contains(ref.index()); });
      if (reads == 0) continue;
      if (only_moves(step) && step.operands[0].source() == Source::value) {
        raw.insert(step.first_output);
        moves_.push_back(number);
      } else if (step.kind == StepKind::compare && step.operands[reads_at(step, raw) == 0 ? 1 : 0].source() != Source::value) {
        KOINON_CHECK(compare(step, reads_at(step, raw)));
      } else {
        return fail(Code::unsupported,
                    "[private] step {} ({}) takes inputs from {} to {} as numbers: fewer bits of inputs help (model build "
                    "--profile private)",
                    number, engine::program::step_name(step.kind), program_.inputs[0].low, program_.inputs[0].high);
      }
    }
    Cuts out;
    for (const auto& set : cuts_) out.emplace_back(set.begin(), set.end());
    if (bit_count(out) > kMostCuts)
      return fail(Code::unsupported, "[private] {} thresholds: at most {}", bit_count(out), kMostCuts);
    return out;
  }

 private:
  [[nodiscard]] static std::size_t reads_at(const Step& step, const std::set<std::size_t>& raw) {
    return step.operands[0].source() == Source::value && raw.contains(step.operands[0].index()) ? 0 : 1;
  }

  /// Which element of the input each element of a moved value is: the section, run on numbers of elements.
  Result<std::vector<std::int64_t>> places(std::size_t value) const {
    std::vector<std::int64_t> x(cuts_.size());
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = ranges_[0].low + static_cast<std::int64_t>(i);
    if (x.back() > ranges_[0].high)
      return fail(Code::unsupported, "[private] {} inputs of {} values", x.size(), ranges_[0].high - ranges_[0].low + 1);
    if (value != 0) {
      // The moves so far; those that lead elsewhere are computed and not read.
      KOINON_TRY(const auto section, SectionRun::make(program_, ranges_, 0, value, moves_));
      KOINON_TRY(x, section.run(x));
    }
    for (auto& v : x) v -= ranges_[0].low;
    return x;
  }

  Status compare(const Step& step, std::size_t side) {
    KOINON_TRY(const auto from, places(step.operands[side].index()));
    const auto& constant = program_.weights[step.operands[1 - side].index()];
    const IntTensor limits{constant.info.dtype, constant.info.shape, constant.data};
    const auto& shape = step.outputs[0].shape;
    const Spread at(step.operand_infos[side].shape, shape), limit_at(constant.info.shape, shape);
    // x < c and c <= x change at c; x <= c and c < x at c + 1; equality at both.
    const auto op = static_cast<CompareOp>(step.params[0]);
    const bool below = op == CompareOp::equal || (op == CompareOp::less) == (side == 0);
    const bool above = op == CompareOp::equal || (op == CompareOp::less) != (side == 0);
    for (std::int64_t i = 0; i < engine::tensor::element_count(shape); ++i) {
      auto& set = cuts_[static_cast<std::size_t>(from[static_cast<std::size_t>(at(i))])];
      const auto limit = limits.at(limit_at(i));
      if (below) add(set, limit);
      if (above && limit < ranges_[0].high) add(set, limit + 1);
    }
    return {};
  }

  void add(std::set<std::int64_t>& set, std::int64_t cut) const {
    if (cut > ranges_[0].low && cut <= ranges_[0].high) set.insert(cut);
  }

  const Program& program_;
  const std::vector<Range>& ranges_;
  std::vector<std::set<std::int64_t>> cuts_;
  std::vector<std::size_t> moves_;
};

}  // namespace

Result<Cuts> find_cuts(const Program& program, const std::vector<Range>& ranges, const std::vector<std::size_t>& steps) {
  return CutFinder(program, ranges).find(steps);
}

std::vector<std::int64_t> bits_of(const Cuts& cuts, std::span<const std::int64_t> x) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < cuts.size(); ++i)
    for (const auto cut : cuts[i]) out.push_back(x[i] >= cut ? 1 : 0);
  return out;
}

std::size_t bit_count(const Cuts& cuts) {
  std::size_t out = 0;
  for (const auto& element : cuts) out += element.size();
  return out;
}

base::Bytes encode(const Cuts& cuts) {
  base::Writer out;
  out.number(static_cast<std::uint32_t>(cuts.size()));
  for (const auto& element : cuts) {
    out.number(static_cast<std::uint32_t>(element.size()));
    for (const auto cut : element) out.number(cut);
  }
  return std::move(out).take();
}

Result<Cuts> decode_cuts(base::ByteView bytes, std::int64_t low, std::int64_t high) {
  base::Reader in(bytes);
  KOINON_TRY(const auto elements, in.number<std::uint32_t>());
  if (elements > bytes.size() / 4)
    return fail(Code::malformed, "[private] cuts of {} elements in {} bytes", elements, bytes.size());
  Cuts out(elements);
  for (auto& element : out) {
    KOINON_TRY(const auto count, in.number<std::uint32_t>());
    auto last = low;
    for (std::uint32_t i = 0; i < count; ++i) {
      KOINON_TRY(const auto cut, in.number<std::int64_t>());
      if (cut <= last || cut > high)
        return fail(Code::malformed, "[private] cut {}: above {} and at most {} expected", cut, last, high);
      element.push_back(cut);
      last = cut;
    }
  }
  KOINON_CHECK(in.finish());
  return out;
}

}  // namespace koinon::trust::fhe
