#include <algorithm>
#include <array>
#include <map>

#include "engine/program/steps/rule.hpp"
#include "engine/run/chain.hpp"
#include "engine/run/scalar.hpp"

namespace koinon::engine::run {
namespace {

using kernels::ChainOp;
using kernels::ChainStep;
using kernels::Spread;
using program::DType;
using program::Range;
using program::Ref;
using program::Source;
using program::Step;
using program::StepKind;
using tensor::Shape;

// Where chains divide exactly (kernels/chain.hpp).
constexpr std::int64_t kExactQuotient = std::int64_t{1} << 52, kFarDividend = std::int64_t{1} << 62,
                       kFarQuotient = std::int64_t{1} << 50;

bool within(const Range& range, std::int64_t limit) { return range.low > -limit && range.high < limit; }

bool near_division(const Range& a, const Range& b) { return within(a, kExactQuotient) && within(b, kExactQuotient); }

bool far_division(const Range& a, const Range& b) {
  return within(a, kFarDividend) && within(b, kExactQuotient) && b.low > 0 &&
         std::max(-a.low, a.high) / b.low < kFarQuotient - 1;
}

bool single(const Step& step, std::size_t operand) { return tensor::element_count(step.operand_infos[operand].shape) == 1; }

// How an operand repeats over a result: `columns` is set when it does along rows or columns. Nothing for other ways.
std::optional<Spread> spread_over(const Shape& from, const Shape& to, std::int64_t& columns) {
  const std::int64_t count = tensor::element_count(from), total = tensor::element_count(to);
  if (count == total) return Spread::full;
  if (count == 1) return Spread::single;
  const std::size_t lead = to.size() - from.size();
  const auto size = [&](std::size_t axis) { return axis < lead ? 1 : from[axis - lead]; };
  std::size_t first = 0, last = to.size();  // axes that from has are [first, last)
  while (first < to.size() && size(first) == 1) ++first;
  while (last > first && size(last - 1) == 1) --last;
  for (std::size_t axis = first; axis < last; ++axis)
    if (size(axis) != to[axis]) return std::nullopt;
  const auto product = [&](std::size_t a, std::size_t b) {
    std::int64_t out = 1;
    for (; a < b; ++a) out *= to[a];
    return out;
  };
  const std::int64_t before = product(0, first), behind = product(last, to.size());
  if (before != 1 && behind != 1) return std::nullopt;
  columns = before == 1 ? behind : count;
  return before == 1 ? Spread::row : Spread::column;
}

// A value of the chain that is a function of one i8 tensor: its value for each of the 256 bytes.
struct Function {
  std::size_t root = 0;  // value
  std::array<std::optional<std::int64_t>, 256> of;
  int depth = 0;       // steps that it replaces
  bool jumps = false;  // one of them is slow by itself
};

// Registers are numbered as values first; allocation comes last.
struct Virtual {
  ChainStep step;
  int to = -1, a = -1, b = -1, c = -1;  // virtual registers
};

class ChainNode final : public Node {
 public:
  base::Status run(const Frame& frame) const override {
    std::array<kernels::ConstArray, kMostArrays> sources;
    std::array<kernels::Array, kMostArrays> results;
    for (std::size_t i = 0; i < reads.size(); ++i) sources[i] = {types[i], frame.read(reads[i])};
    for (std::size_t i = 0; i < writes.size(); ++i) results[i] = {result_types[i], frame.write(writes[i])};
    kernels::run_chain(frame.context, chain, std::span(sources).first(reads.size()), std::span(results).first(writes.size()));
    return {};
  }

  static constexpr std::size_t kMostArrays = 24;
  kernels::Chain chain;
  std::vector<DType> types, result_types;
};

// Writes the code of a chain.
class ChainMaker {
 public:
  explicit ChainMaker(const Making& making) : making_(making), program_(making.program) {}

  // False when the steps do not fit one chain.
  bool make(const ChainPlan& plan) {
    total_ = tensor::element_count(program_.steps[plan.steps.front()].outputs[0].shape);
    return build(plan);
  }
  std::unique_ptr<ChainNode> take() { return std::move(node_); }

 private:
  bool build(const ChainPlan& plan) {
    for (auto number : plan.steps)
      if (!emit(program_.steps[number])) return false;
    for (auto value : plan.results) {
      const auto& info = info_of_.at(value);
      Virtual store;
      store.step.op = ChainOp::store;
      store.step.to = static_cast<std::uint8_t>(node_->writes.size());
      store.a = registers_.at(value);
      code_.push_back(store);
      node_->writes.push_back(value);
      node_->result_types.push_back(info.dtype);
    }
    if (node_->writes.size() > ChainNode::kMostArrays || node_->reads.size() > ChainNode::kMostArrays) return false;
    node_->last_step = plan.steps.back();
    node_->chain.columns = columns_ == 0 ? total_ : columns_;
    node_->chain.rows = total_ / node_->chain.columns;
    node_->chain.wide = wide_;
    if (!wide_) use_upper_halves();
    drop_unread();
    return allocate();
  }

  // The register of an operand; -1 when it cannot be read.
  int operand(const Step& step, std::size_t i) {
    const Ref ref = step.operands[i];
    note(making_.range_of(ref));
    if (ref.source() == Source::value)
      if (const auto found = registers_.find(making_.views[ref.index()].value); found != registers_.end()) {
        const bool whole = tensor::element_count(step.operand_infos[i].shape) == total_;
        return whole && making_.views[ref.index()].offset == 0 ? found->second : -1;
      }
    std::int64_t columns = 0;
    const auto spread = spread_over(step.operand_infos[i].shape, step.outputs[0].shape, columns);
    if (!spread) return -1;
    if (columns != 0) {
      if (columns_ != 0 && columns_ != columns) return -1;
      columns_ = columns;
    }
    const auto key = std::pair(ref.word, *spread);
    if (const auto found = loads_.find(key); found != loads_.end()) return found->second;
    Virtual load;
    load.step.op = ChainOp::load;
    load.step.a = source(ref, step.operand_infos[i].dtype);
    load.step.spread = *spread;
    load.to = next_++;
    code_.push_back(load);
    if (*spread == Spread::full && ref.source() == Source::value && step.operand_infos[i].dtype == DType::i8)
      identity(ref, load.to);
    return loads_[key] = load.to;
  }

  std::uint8_t source(Ref ref, DType type) {
    auto& sources = node_->reads;
    const auto found = std::find(sources.begin(), sources.end(), ref);
    if (found != sources.end()) return static_cast<std::uint8_t>(found - sources.begin());
    sources.push_back(ref);
    node_->types.push_back(type);
    return static_cast<std::uint8_t>(sources.size() - 1);
  }

  // A loaded i8 tensor as a function of itself.
  void identity(Ref ref, int reg) {
    Function f;
    f.root = ref.index();
    const Range& range = making_.ranges[ref.index()];
    for (int byte = 0; byte < 256; ++byte) {
      const auto v = static_cast<std::int8_t>(byte);
      if (v >= range.low && v <= range.high) f.of[static_cast<std::size_t>(byte)] = v;
    }
    functions_[reg] = f;
  }

  [[nodiscard]] const program::Constant& constant_of(Ref ref) const {
    return ref.source() == Source::weight ? program_.weights[ref.index()] : program_.tables[ref.index()];
  }
  void note(const Range& r) { wide_ = wide_ || r.low < INT32_MIN || r.high > INT32_MAX; }

  bool emit(const Step& step) {
    Virtual out;
    out.step.x = step.params.empty() ? 0 : step.params[0];
    int* slots[] = {&out.a, &out.b, &out.c};
    const bool alone =
        (step.kind == StepKind::requantise && single(step, 1) && single(step, 2)) || step.kind == StepKind::lookup;
    const std::size_t operands = alone ? 1 : step.operands.size();
    for (std::size_t i = 0; i < operands; ++i)
      if ((*slots[i] = operand(step, i)) < 0) return false;
    for (std::size_t o = 0; o < step.outputs.size(); ++o) {
      const std::size_t value = step.first_output + o;
      note(making_.ranges[value]);
      Virtual one = out;
      complete(step, o, one);
      one.to = next_++;
      registers_[value] = one.to;
      info_of_[value] = step.outputs[o];
      tabulate(step, o, one);
      code_.push_back(one);
    }
    return true;
  }

  void complete(const Step& step, std::size_t output, Virtual& v) {
    switch (step.kind) {
      case StepKind::add: v.step.op = ChainOp::add; return;
      case StepKind::sub: v.step.op = ChainOp::sub; return;
      case StepKind::mul: v.step.op = ChainOp::mul; return;
      case StepKind::select: v.step.op = ChainOp::select; return;
      case StepKind::divide:
        if (near_division(making_.range_of(step.operands[0]), making_.range_of(step.operands[1])))
          v.step.op = output == 0 ? ChainOp::quotient : ChainOp::remainder;
        else
          v.step.op = output == 0 ? ChainOp::far_quotient : ChainOp::far_remainder;
        return;
      case StepKind::compare:
        v.step.op = v.step.x == 1 ? ChainOp::equal : v.step.x == 2 ? ChainOp::less : ChainOp::less_equal;
        return;
      case StepKind::shift:
        v.step.op = v.step.x < 0 ? ChainOp::shift_right : ChainOp::shift_left;
        v.step.x = std::abs(v.step.x);
        return;
      case StepKind::lookup:
        v.step.op = ChainOp::lookup;
        v.step.b = source(step.operands[1], step.operand_infos[1].dtype);
        return;
      default: break;
    }
    const Range& x = making_.ranges[step.operands[0].index()];
    v.step.low = std::max(step.params[0], tensor::dtype_low(step.outputs[0].dtype));
    v.step.high = std::min(step.params[1], tensor::dtype_high(step.outputs[0].dtype));
    v.step.op = ChainOp::requantise_by;
    if (v.b >= 0) return;
    v.step.op = ChainOp::requantise;
    v.step.x = program::steps::constant_at(constant_of(step.operands[1]), 0);
    v.step.y = program::steps::constant_at(constant_of(step.operands[2]), 0);
    const std::int64_t half = v.step.y <= 30 ? std::int64_t{1} << (v.step.y - 1) : INT32_MAX;
    const bool fits =
        x.low >= INT32_MIN && x.high <= INT32_MAX && x.low * v.step.x > INT32_MIN && x.high * v.step.x + half <= INT32_MAX;
    if (fits && v.step.low >= INT32_MIN && v.step.high <= INT32_MAX && v.step.y <= 31) v.step.op = ChainOp::narrow_requantise;
  }

  // Replaces what computes a value of i8 from one tensor of i8 by a table.
  void tabulate(const Step& step, std::size_t output, Virtual& v) {
    const int operands[] = {v.a, v.b, v.c};
    std::vector<const Function*> functions;
    const Function* root = nullptr;
    Function f;
    for (std::size_t i = 0; i < step.operands.size(); ++i) {
      const bool constant = step.operands[i].source() != Source::value;
      const auto found = constant ? functions_.end() : functions_.find(operands[i]);
      if (!constant && found == functions_.end()) return;
      if (constant && step.kind != StepKind::lookup && !single(step, i)) return;
      functions.push_back(constant ? nullptr : &found->second);
      if (constant) continue;
      if (root != nullptr && root->root != found->second.root) return;
      root = &found->second;
      f.depth = std::max(f.depth, root->depth);
      f.jumps = f.jumps || root->jumps;
    }
    if (root == nullptr) return;
    f.root = root->root;
    ++f.depth;
    f.jumps = f.jumps || step.kind == StepKind::lookup || step.kind == StepKind::divide;
    for (std::size_t byte = 0; byte < 256; ++byte) f.of[byte] = at_byte(step, output, functions, byte);
    functions_[v.to] = f;
    if (step.outputs[output].dtype != DType::i8 || (f.depth < 2 && !f.jumps)) return;
    auto table = std::make_shared<std::array<std::uint8_t, 256>>();
    for (std::size_t byte = 0; byte < 256; ++byte) (*table)[byte] = static_cast<std::uint8_t>(f.of[byte].value_or(0));
    const int to = v.to;
    v = Virtual{};
    v.to = to;
    v.step.op = ChainOp::map;
    v.step.a = source(Ref::value(f.root), DType::i8);
    v.step.table = std::move(table);
  }

  std::optional<std::int64_t> at_byte(const Step& step, std::size_t output, const std::vector<const Function*>& functions,
                                      std::size_t byte) const {
    std::array<std::int64_t, 3> values{};
    for (std::size_t i = 0; i < functions.size(); ++i) {
      if (functions[i] == nullptr) {
        if (step.kind != StepKind::lookup) values[i] = program::steps::constant_at(constant_of(step.operands[i]), 0);
        continue;
      }
      if (!functions[i]->of[byte]) return std::nullopt;
      values[i] = *functions[i]->of[byte];
    }
    return scalar(program_, step, output, values);
  }

  // Requantising of 32 bits by one M and s, where the upper half of the product is enough.
  void use_upper_halves() {
    constexpr std::int64_t kLeast = 17, kWhole = 33;  // shifts: with M < 2^15, M * 2^(33 - s) fits 31 bits
    for (auto& v : code_) {
      auto& step = v.step;
      if (step.op != ChainOp::requantise || step.y < kLeast || step.low < INT32_MIN || step.high > INT32_MAX) continue;
      const std::int64_t more = std::max<std::int64_t>(0, kWhole - step.y);
      step.op = ChainOp::upper_requantise;
      step.x <<= more;
      step.y += more - 32;
    }
  }

  void drop_unread() {
    std::vector<bool> read(static_cast<std::size_t>(next_), false);
    std::vector<Virtual> kept;
    for (auto it = code_.rbegin(); it != code_.rend(); ++it) {
      if (it->to >= 0 && !read[static_cast<std::size_t>(it->to)]) continue;
      for (int r : {it->a, it->b, it->c})
        if (r >= 0) read[static_cast<std::size_t>(r)] = true;
      kept.push_back(*it);
    }
    code_.assign(kept.rbegin(), kept.rend());
  }

  // Gives every virtual register one of the few that there are, for as long as it is read.
  bool allocate() {
    std::vector<std::size_t> last(static_cast<std::size_t>(next_), 0);
    for (std::size_t i = 0; i < code_.size(); ++i)
      for (int r : {code_[i].to, code_[i].a, code_[i].b, code_[i].c})
        if (r >= 0) last[static_cast<std::size_t>(r)] = i;
    std::vector<std::uint8_t> place(static_cast<std::size_t>(next_), 0), spare;
    for (std::uint8_t r = kernels::kMostRegisters; r-- > 0;) spare.push_back(r);
    for (std::size_t i = 0; i < code_.size(); ++i) {
      ChainStep step = code_[i].step;
      const auto at = [&](int r, std::uint8_t otherwise) { return r >= 0 ? place[static_cast<std::size_t>(r)] : otherwise; };
      step.a = at(code_[i].a, step.a);
      step.b = at(code_[i].b, step.b);
      step.c = at(code_[i].c, step.c);
      if (code_[i].to >= 0) {
        if (spare.empty()) return false;
        step.to = place[static_cast<std::size_t>(code_[i].to)] = spare.back();
        spare.pop_back();
      }
      std::vector<int> ends{code_[i].to, code_[i].a, code_[i].b, code_[i].c};
      std::sort(ends.begin(), ends.end());
      ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
      for (int r : ends)
        if (r >= 0 && last[static_cast<std::size_t>(r)] == i) spare.push_back(place[static_cast<std::size_t>(r)]);
      node_->chain.steps.push_back(std::move(step));
    }
    return true;
  }

  const Making& making_;
  const program::Program& program_;
  std::unique_ptr<ChainNode> node_ = std::make_unique<ChainNode>();
  std::int64_t total_ = 0, columns_ = 0;
  bool wide_ = false;
  int next_ = 0;
  std::vector<Virtual> code_;
  std::map<std::size_t, int> registers_;  // of values of the chain
  std::map<std::size_t, program::TensorInfo> info_of_;
  std::map<std::pair<std::uint32_t, Spread>, int> loads_;
  std::map<int, Function> functions_;
};

}  // namespace

bool elementwise(const Making& making, std::size_t number) {
  const Step& step = making.program.steps[number];
  const auto whole = [&](const Shape& shape) {
    return tensor::element_count(shape) == tensor::element_count(step.outputs[0].shape);
  };
  switch (step.kind) {
    case StepKind::add:
    case StepKind::sub:
    case StepKind::mul:
    case StepKind::compare:
    case StepKind::select:
    case StepKind::shift: break;
    case StepKind::requantise:
      if (step.operands[0].source() != Source::value) return false;
      break;
    case StepKind::lookup:
      if (step.operands[0].source() != Source::value || !whole(step.operand_infos[0].shape)) return false;
      break;
    case StepKind::divide: {
      const Range a = making.range_of(step.operands[0]), b = making.range_of(step.operands[1]);
      if (!near_division(a, b) && !far_division(a, b)) return false;
      break;
    }
    default: return false;
  }
  return true;
}

NodePtr chain_node(const Making& making, const ChainPlan& plan) {
  ChainMaker maker(making);
  if (!maker.make(plan)) return nullptr;
  return maker.take();
}

}  // namespace koinon::engine::run
