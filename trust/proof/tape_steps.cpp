// Linear steps of a tape: what is computed into L, and in which part.
#include <algorithm>

#include "trust/proof/tape_compiler.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;

namespace {

/// What costs what, in gas, as measured (rounded up).
constexpr std::uint64_t kWordGas = 5500, kLoadGas = 700, kTermGas = 900, kSumGas = 1500, kFactorGas = 36, kGatherGas = 100;
constexpr std::uint64_t kRunGas = 150;         ///< of a run of a product's operands
constexpr std::uint64_t kByteGas = 12;         ///< of calldata, with its zeros
constexpr std::uint64_t kRowGas = 320;         ///< of a term in L
constexpr std::uint64_t kStepGas = 8'000'000;  ///< a product above this is cut
constexpr std::uint32_t kUnset = ~0U;

/// Some columns of a public product. Only read, never pushed through.
class SomeColumns : public LinearStep {
 public:
  SomeColumns(const PublicProduct& p, std::size_t first, std::size_t last) {
    product_.rows = p.rows;
    product_.columns = last - first;
    product_.inner = p.inner;
    product_.left = p.left;
    for (std::size_t i = 0; i < p.rows; ++i)
      for (std::size_t j = first; j < last; ++j) product_.out.push_back(p.out[i * p.columns + j]);
    for (std::size_t j = first; j < last; ++j) {
      for (std::size_t l = 0; l < p.inner; ++l) product_.right.push_back(p.right[j * p.inner + l]);
      if (!p.bias.empty()) product_.bias.push_back(p.bias[j]);
    }
  }
  void push(LinearForm& /*form*/) const override { KOINON_INVARIANT(false); }
  [[nodiscard]] const std::vector<Var>& out() const override { return product_.out; }
  [[nodiscard]] const PublicProduct* product() const override { return &product_; }
  [[nodiscard]] Affine row(std::size_t /*i*/) const override {
    KOINON_INVARIANT(false);
    return {};
  }

 private:
  PublicProduct product_;
};

template <class F>
void each_operand(const LinearStep& step, F&& visit) {
  if (const auto* p = step.product(); p != nullptr) {
    for (const auto var : p->left) visit(var);
    for (const auto var : p->bias_vars) visit(var);
    return;
  }
  for (std::size_t i = 0; i < step.out().size(); ++i)
    for (const auto& t : step.row(i).terms) visit(t.var);
}

}  // namespace

void TapeCompiler::cut_steps() {
  for (const auto& step : circuit_.linear_steps()) {
    const auto* p = step->product();
    const std::uint64_t gas = gas_of_step(*step);
    if (p == nullptr || !p->bias_vars.empty() || gas <= kStepGas) {
      steps_.push_back(step);
      continue;
    }
    const std::size_t pieces = std::min<std::size_t>(p->columns, (gas + kStepGas - 1) / kStepGas);
    for (std::size_t i = 0; i < pieces; ++i)
      steps_.push_back(std::make_shared<SomeColumns>(*p, p->columns * i / pieces, p->columns * (i + 1) / pieces));
  }
}

void TapeCompiler::find_sources() {
  const std::size_t rows = layout_.params.rows(), witness = layout_.weight_columns() * rows;
  for (Var var = 0; var < sources_.size(); ++var) {
    auto& source = sources_[var];
    const auto home = circuit_.home(var);
    source.op = home == Home::known ? TapeOp::ones : home == Home::linear ? TapeOp::linear : TapeOp::cells;
    if (home == Home::weight)
      source.at = static_cast<std::uint32_t>(layout_.place(circuit_.cell(var), layout_.params.weight_pads));
    if (home == Home::witness)
      source.at = static_cast<std::uint32_t>(witness + layout_.place(circuit_.cell(var), layout_.params.pads));
    if (home == Home::known) source.constant = circuit_.value(var);
    if (home == Home::linear) source.at = kUnset;
  }
  std::uint32_t next = 0;
  for (const auto& [first, count] : circuit_.stated_vars())
    for (std::uint32_t i = 0; i < count; ++i) sources_[first + i] = {TapeOp::stated, next++, {}};
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const auto& out = steps_[s]->out();
    for (std::uint32_t i = 0; i < out.size(); ++i) owners_[out[i]] = {s, i};
  }
}

/// Marks the linear steps whose variables stand in a constraint.
void TapeCompiler::mark_used() {
  used_.resize(steps_.size());
  part_of_.resize(used_.size(), kNoPart);
  const auto mark = [&](Var var) {
    if (const auto at = owners_.find(var); at != owners_.end()) used_[at->second.step] = true;
  };
  const auto mark_form = [&](const Circuit::Form& form) {
    for (const auto& t : circuit_.terms(form)) mark(t.var);
  };
  for (const auto& row : circuit_.products())
    for (const auto* form : {&row.a, &row.b, &row.c}) mark_form(*form);
  for (const auto& row : circuit_.lookup_rows())
    for (const auto* form : {&row.x, &row.y, &row.times}) mark_form(*form);
  for (const auto& form : circuit_.bilinears())
    for (const auto* vars : {&form.left, &form.right, &form.out, &form.bias})
      for (const auto var : *vars) mark(var);
}

/// A step and the steps that it is made of, first things first.
std::vector<std::size_t> TapeCompiler::needed(std::size_t step) const {
  std::vector<bool> wanted(step + 1);
  wanted[step] = true;
  for (std::size_t s = step + 1; s-- > 0;)
    if (wanted[s])
      each_operand(*steps_[s], [&](Var var) {
        if (const auto at = owners_.find(var); at != owners_.end()) wanted[at->second.step] = true;
      });
  std::vector<std::size_t> out;
  for (std::size_t s = 0; s <= step; ++s)
    if (wanted[s]) out.push_back(s);
  return out;
}

std::uint64_t TapeCompiler::gas_of_step(const LinearStep& step) const {
  std::uint64_t gas = kRowGas * std::uint64_t{step.out().size()};  // its terms
  if (const auto* p = step.product(); p != nullptr)
    return gas + kFactorGas * p->rows * p->columns * ((p->inner + 31) / 32 * 32) + kGatherGas * p->rows * p->inner +
           kSumGas * p->rows * p->columns;
  for (std::size_t i = 0; i < step.out().size(); ++i) gas += kTermGas * (1 + step.row(i).terms.size());
  return gas;
}

base::Status TapeCompiler::place_steps() {
  std::vector<std::size_t> held;
  const auto fits = [this](const Part& part) { return part.gas <= kPartGas && part.bytes.size() + shown_bytes_ <= kStepBytes; };
  for (std::size_t s = 0; s < used_.size(); ++s) {
    if (!used_[s]) continue;
    const auto all = needed(s);
    auto both = held;
    for (const auto n : all)
      if (std::find(held.begin(), held.end(), n) == held.end()) both.push_back(n);
    if (held.empty() || fits(assemble(both).part)) {
      held = std::move(both);
    } else {
      lay_out(held);
      held = all;
    }
    if (const auto gas = assemble(held).part.gas; gas > kMostGas)
      return fail(Code::unsupported, "[proof] linear step {} takes about {} gas: a transaction holds {}", s, gas, kMostGas);
  }
  if (!held.empty()) lay_out(held);
  return {};
}

/// A part that holds these steps: what they are made of is loaded, then each is computed, in order.
TapeCompiler::Assembled TapeCompiler::assemble(const std::vector<std::size_t>& list) const {
  Assembled out;
  out.steps = list;
  const auto& steps = out.steps;
  std::sort(out.steps.begin(), out.steps.end());
  auto& part = out.part;
  part.gas = setup_gas_;
  auto& numbers = out.numbers;
  std::vector<Var> cells, stated, constants;
  const auto want = [&](Var var) {
    if (!numbers.try_emplace(var, kUnset).second) return;
    if (sources_[var].op == TapeOp::cells) cells.push_back(var);
    if (sources_[var].op == TapeOp::stated) stated.push_back(var);
    if (sources_[var].op == TapeOp::ones) constants.push_back(var);
  };
  for (const auto s : steps) each_operand(*steps_[s], want);
  std::uint32_t next = 1;  // L begins with 0
  for (auto* list_of : {&cells, &stated}) {
    const bool of_cells = list_of == &cells;
    std::sort(list_of->begin(), list_of->end(), [&](Var a, Var b) { return sources_[a].at < sources_[b].at; });
    for (std::size_t i = 0; i < list_of->size();) {
      std::size_t end = i + 1;
      while (end < list_of->size() && sources_[(*list_of)[end]].at == sources_[(*list_of)[i]].at + (end - i)) ++end;
      TapeWord word;
      word.op = of_cells ? TapeOp::load_cells : TapeOp::load_stated;
      word.ref = sources_[(*list_of)[i]].at;
      word.count = static_cast<std::uint32_t>(end - i);
      append(part.bytes, word);
      part.gas += kWordGas + kLoadGas * (end - i);
      for (; i < end; ++i) numbers[(*list_of)[i]] = next++;
    }
  }
  if (!constants.empty()) {
    std::vector<TapeRow> rows;
    for (const auto var : constants) {
      if (sources_[var].constant == Fp()) {
        numbers[var] = 0;
        continue;
      }
      rows.push_back({{}, sources_[var].constant});
      numbers[var] = next++;
    }
    append_rows(part.bytes, rows);
    part.gas += kTermGas * rows.size();
  }
  const auto number = [&](Var var) { return numbers.at(var); };
  for (const auto s : steps) {
    const auto& step = *steps_[s];
    part.gas += gas_of_step(step);
    if (const auto* p = step.product(); p != nullptr && p->bias_vars.empty()) {
      part.gas += kRunGas * append_product(part.bytes, *p, number);
      for (std::size_t i = 0; i < p->rows; ++i)
        for (std::size_t j = 0; j < p->columns; ++j)
          numbers[p->out[i * p->columns + j]] = next + static_cast<std::uint32_t>(j * p->rows + i);
    } else {
      std::vector<TapeRow> rows;
      for (std::size_t i = 0; i < step.out().size(); ++i) {
        const auto form = step.row(i);
        TapeRow row{{}, form.constant};
        for (const auto& t : form.terms) row.terms.push_back({number(t.var), t.coefficient});
        numbers[step.out()[i]] = next + static_cast<std::uint32_t>(i);
        rows.push_back(std::move(row));
      }
      append_rows(part.bytes, rows);
    }
    next += static_cast<std::uint32_t>(step.out().size());
  }
  TapeWord begin;
  begin.op = TapeOp::begin;
  begin.count = next;
  base::Bytes whole;
  append(whole, begin);
  whole.insert(whole.end(), part.bytes.begin(), part.bytes.end());
  part.bytes = std::move(whole);
  part.gas += kByteGas * part.bytes.size();
  return out;
}

void TapeCompiler::lay_out(const std::vector<std::size_t>& list) {
  auto made = assemble(list);
  for (const auto s : made.steps) {
    if (!used_[s]) continue;
    for (const auto var : steps_[s]->out())
      if (sources_[var].at == kUnset) sources_[var].at = made.numbers.at(var);
    if (part_of_[s] == kNoPart) part_of_[s] = parts_.size();
  }
  parts_.push_back(std::move(made.part));
}

}  // namespace koinon::trust::proof
