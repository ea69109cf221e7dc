#include "trust/proof/tape.hpp"

#include <algorithm>
#include <bit>

#include "base/hash.hpp"
#include "trust/proof/statement.hpp"
#include "trust/proof/tape_compiler.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;

namespace {

constexpr std::uint64_t kPublicByteGas = 105, kPublicElementGas = 150;  ///< of public tensors: calldata, hash, copies; a number
constexpr std::uint64_t kLeastRoom = 4'000'000;  ///< gas that a part must have beside what it is shown with
constexpr std::uint64_t kWordGas = 5500, kUnitGas = 320, kMaskGas = 800;  ///< of a word, a block, a cell of a mask, as measured

std::uint64_t gas_of(const TapeWord& word) {
  if (word.op == TapeOp::mask) return kWordGas + kMaskGas * std::uint64_t{word.count};
  return kWordGas + kUnitGas * std::uint64_t{word.count};
}

bool rowless(TapeSlot slot) { return slot == TapeSlot::sum || slot == TapeSlot::hidden; }

}  // namespace

std::size_t bytes_of(const PublicTensors& shown) { return shown.bytes + 96 * shown.count; }

/// The elements are held in memory, a word each, whose price grows with the square of what is held.
std::uint64_t gas_of(const PublicTensors& shown) {
  return kPublicByteGas * shown.bytes + kPublicElementGas * shown.elements + shown.elements * shown.elements / 512;
}

PublicTensors public_tensors(const engine::program::Program& program, const Secrecy& secrecy) {
  PublicTensors out;
  const auto add = [&out](engine::tensor::DType dtype, const engine::tensor::Shape& shape) {
    const auto elements = static_cast<std::uint64_t>(engine::tensor::element_count(shape));
    out.bytes += elements * engine::tensor::dtype_size(dtype);
    out.elements += elements;
    ++out.count;
  };
  if (!secrecy.input)
    for (const auto& input : program.inputs) add(input.info.dtype, input.info.shape);
  for (const auto& output : zero_outputs(program)) add(output.dtype, output.shape);
  return out;
}

/// One row more of a channel: continues its run, or begins another.
void TapeCompiler::extend(std::size_t channel, const TapeRun& next) {
  const auto [at, added] = runs_.try_emplace(channel, next);
  if (added) return;
  TapeRun& run = at->second;
  const auto &a = run.word, &b = next.word;
  bool joins = a.op == b.op && a.slot == b.slot && a.power == b.power && a.outer == b.outer && a.form == b.form &&
               b.row == a.row + a.count && run.part == next.part;
  std::uint64_t step = 0;
  if (a.op == TapeOp::ones) {
    step = (next.constant - run.constant).v;
    joins = joins && step <= 1;
  } else {
    step = next.last - run.last;
    joins = joins && a.coefficient == b.coefficient && next.last > run.last && step <= (rowless(a.slot) ? 1 : 0xffff);
  }
  if (joins && (a.count == 1 || step == a.stride)) {
    run.word.stride = static_cast<std::uint16_t>(step);
    ++run.word.count;
    run.last = next.last;
    run.constant = next.constant;
    return;
  }
  emit(run);
  run = next;
}

void TapeCompiler::term(std::size_t channel, Var var, Fp coefficient, TapeWord word) {
  const auto& source = sources_[var];
  if (source.op == TapeOp::ones) return constant(channel, source.constant * coefficient, word);
  word.op = source.op;
  word.ref = source.at;
  word.coefficient = coefficient;
  extend(channel, {word, source.at, {}, source.op == TapeOp::linear ? part_of_[owners_.at(var).step] : kNoPart});
}

void TapeCompiler::constant(std::size_t channel, Fp value, TapeWord word) {
  word.op = TapeOp::ones;
  word.stride = 0;
  word.coefficient = value;
  extend(channel, {word, 0, value, kNoPart});
}

void TapeCompiler::flush() {
  for (const auto& [channel, run] : runs_) emit(run);
  runs_.clear();
}

void TapeCompiler::emit(const TapeRun& run) {
  TapeWord word = run.word;
  if (word.count == 1) word.stride = word.op == TapeOp::ones ? 0 : 1;
  if (word.coefficient == Fp() && word.stride == 0) return;
  if (word.op == TapeOp::ones && word.stride == 1) word.op = TapeOp::ramp;
  if (word.op == TapeOp::linear) {
    auto& part = parts_[run.part];
    append(part.bytes, word);
    part.gas += kWordGas;
  } else if (word.op == TapeOp::stated || word.stride > 1) {
    free_.push_back(word);
  } else {
    emit_blocks(word);
  }
}

/// Cuts a stretch into blocks as large as both of its sides begin at.
void TapeCompiler::emit_blocks(TapeWord word) {
  const bool cells = word.op == TapeOp::cells, places = cells && rowless(word.slot);
  if (word.op != TapeOp::ramp) word.stride = 1;
  if (places) word.row = 0;
  int most = kBlockLog;
  if (cells && !places) most = std::min(most, std::countr_zero(word.row ^ word.ref));
  std::uint32_t left = word.count;
  while (left > 0) {
    const std::uint32_t from = places ? word.ref : word.row;
    int k = std::min({most, std::countr_zero(from), static_cast<int>(std::bit_width(left)) - 1});
    if (left < 8) k = 0;
    word.k = static_cast<std::uint8_t>(k);
    word.count = k == most || left < 8 ? left >> k : 1;
    free_.push_back(word);
    const std::uint32_t done = word.count << k;
    left -= done;
    if (!places) word.row += done;
    if (cells) word.ref += done;
    if (word.op == TapeOp::ramp) word.coefficient += Fp(done);
  }
}

void TapeCompiler::add_form_terms(const Circuit::Form& form, TapeSlot slot, std::uint32_t row) {
  TapeWord word;
  word.slot = slot;
  word.row = row;
  std::size_t channel = static_cast<std::size_t>(slot) << 32;
  constant(channel, form.constant, word);
  for (const auto& t : circuit_.terms(form)) term(++channel, t.var, t.coefficient, word);
}

void TapeCompiler::add_products() {
  std::uint32_t row = 0;
  for (const auto& product : circuit_.products()) {
    add_form_terms(product.a, TapeSlot::a, row);
    add_form_terms(product.b, TapeSlot::b, row);
    add_form_terms(product.c, TapeSlot::c, row);
    ++row;
  }
  flush();
  add_hiding(circuit_.hiding_row(), row++);
  for (const auto& form : circuit_.bilinears()) add_hiding(form.hide, row++);
}

/// An element of F in three cells.
void TapeCompiler::add_element(Var first, TapeWord word) {
  for (std::uint8_t k = 0; k < 3; ++k) {
    word.power = k;
    term(k, first + k, Fp(1), word);
  }
  flush();
}

void TapeCompiler::add_hiding(Var first, std::uint32_t row) {
  TapeWord word;
  word.row = row;
  for (const auto slot : {TapeSlot::a, TapeSlot::b, TapeSlot::c}) {
    word.slot = slot;
    add_element(first, word);
    first += 3;
  }
}

void TapeCompiler::add_lookups() {
  const auto first = static_cast<std::uint32_t>(circuit_.rows() - circuit_.lookups());
  std::uint32_t row = first;
  TapeWord word;
  for (const auto& lookup : circuit_.lookup_rows()) {
    add_form_terms(lookup.x, TapeSlot::x, row);
    add_form_terms(lookup.y, TapeSlot::y, row);
    add_form_terms(lookup.times, TapeSlot::c, row);
    word.slot = TapeSlot::b;
    word.row = row;
    constant(std::size_t{1} << 40, -Fp(lookup.table), word);
    word.slot = TapeSlot::alpha;
    constant(std::size_t{1} << 41, Fp(1), word);
    ++row;
  }
  flush();
}

void TapeCompiler::add_inverses() {
  const auto first = static_cast<std::uint32_t>(circuit_.rows() - circuit_.lookups());
  const std::size_t offset = (layout_.weight_columns() + layout_.witness_columns()) * layout_.params.rows();
  for (std::uint8_t k = 0; k < 3; ++k)
    for (std::uint32_t j = 0; j < circuit_.lookups(); ++j) {
      TapeWord word;
      word.power = k;
      word.ref = static_cast<std::uint32_t>(offset + layout_.inverse_place(j, k));
      word.row = first + j;
      extend(0, {word, word.ref, {}, kNoPart});
      word.slot = TapeSlot::sum;
      if (circuit_.lookup_rows()[j].supplied) word.coefficient = -Fp(1);
      extend(1, {word, word.ref, {}, kNoPart});
    }
  flush();
}

void TapeCompiler::add_mask(Var first, std::size_t coefficients, std::uint16_t form) {
  for (std::uint32_t i = 0; i < 3 * coefficients;) {
    TapeWord word;
    word.op = TapeOp::mask;
    word.form = form;
    word.row = i;
    word.ref = sources_[first + i].at;
    word.count = 1;
    for (++i; i < 3 * coefficients && sources_[first + i].at == word.ref + word.count; ++i) ++word.count;
    free_.push_back(word);
  }
}

/// A matrix of variables, along its rows or its columns, whichever makes fewer stretches.
void TapeCompiler::add_matrix(const std::vector<Var>& vars, std::size_t rows, std::size_t columns, TapeSlot by_row,
                              TapeSlot by_column, std::uint16_t form) {
  const auto breaks = [&](std::size_t step, std::size_t every) {
    std::size_t out = 0;
    for (std::size_t i = 0; i + step < vars.size(); ++i) {
      const auto &a = sources_[vars[i]], &b = sources_[vars[i + step]];
      if (a.op != b.op || b.at != a.at + 1) ++out;
    }
    return out + every;
  };
  const bool along_rows = breaks(1, rows) <= breaks(columns, columns);
  TapeWord word;
  word.slot = along_rows ? by_row : by_column;
  word.form = form;
  for (std::size_t o = 0; o < (along_rows ? rows : columns); ++o)
    for (std::size_t i = 0; i < (along_rows ? columns : rows); ++i) {
      word.outer = static_cast<std::uint32_t>(o);
      word.row = static_cast<std::uint32_t>(i);
      term(0, vars[along_rows ? o * columns + i : i * columns + o], Fp(1), word);
    }
  flush();
}

void TapeCompiler::add_form(std::size_t number) {
  const auto& form = circuit_.bilinears()[number];
  const auto id = static_cast<std::uint16_t>(number);
  add_matrix(form.out, form.rows, form.columns, TapeSlot::out_by_columns, TapeSlot::out, id);
  add_matrix(form.left, form.rows, form.inner, TapeSlot::left, TapeSlot::left_by_rows, id);
  add_matrix(form.right, form.columns, form.inner, TapeSlot::right, TapeSlot::right_by_columns, id);
  TapeWord word;
  word.form = id;
  word.slot = TapeSlot::bias;
  word.outer = static_cast<std::uint32_t>(form.rows);
  for (std::uint32_t j = 0; j < form.columns; ++j) {
    word.row = j;
    if (!form.bias.empty()) term(0, form.bias[j], Fp(1), word);
    if (!form.public_bias.empty()) constant(0, form.public_bias[j], word);
  }
  flush();
  word.outer = kNoOuter;
  word.row = static_cast<std::uint32_t>(form.inner);
  word.slot = TapeSlot::left;
  add_element(form.hide, word);
  word.slot = TapeSlot::right;
  add_element(form.hide + 3, word);
  word.slot = TapeSlot::hidden;
  add_element(form.hide + 6, word);
  add_mask(form.mask, mask_size(2, form.inner_log()), static_cast<std::uint16_t>(number + 1));
}

/// Puts what any part may hold where there is room.
void TapeCompiler::spread() {
  std::size_t at = 0;
  for (const auto& word : free_) {
    while (at < parts_.size() &&
           (parts_[at].gas + gas_of(word) > kPartGas || parts_[at].bytes.size() + kTapeWord + shown_bytes_ > kMostBytes))
      ++at;
    if (at == parts_.size()) parts_.push_back({{}, setup_gas_});
    append(parts_[at].bytes, word);
    parts_[at].gas += gas_of(word);
  }
}

base::Result<Tape> TapeCompiler::run() {
  if (setup_gas_ + kLeastRoom > kPartGas || shown_bytes_ > kMostBytes / 2)
    return fail(Code::unsupported,
                "[proof] its public inputs and outputs take {} bytes and, with its forms, {} gas of every transaction: at most "
                "{} and {}",
                shown_bytes_, setup_gas_, kMostBytes / 2, kPartGas - kLeastRoom);
  cut_steps();
  find_sources();
  mark_used();
  KOINON_CHECK(place_steps());
  add_products();
  add_lookups();
  add_inverses();
  add_mask(circuit_.mask(), mask_size(3, circuit_.rows_log()), 0);
  for (std::size_t i = 0; i < circuit_.bilinears().size(); ++i) add_form(i);
  spread();
  Tape out;
  for (const auto& [first, count] : circuit_.stated_vars()) out.stated += count;
  for (auto& part : parts_) {
    if (part.bytes.size() + shown_bytes_ > kMostBytes || part.gas > kMostGas)
      return fail(Code::unsupported,
                  "[proof] a part of the tape has {} bytes with public tensors and takes {} gas: a transaction holds {} and {}",
                  part.bytes.size() + shown_bytes_, part.gas, kMostBytes, kMostGas);
    out.parts.push_back(std::move(part.bytes));
  }
  return out;
}

base::Result<Tape> compile_tape(const Layout& layout, const Circuit& circuit, const PublicTensors& shown) {
  return TapeCompiler(layout, circuit, shown).run();
}

std::vector<Fp> stated_values(const Circuit& circuit) {
  std::vector<Fp> out;
  for (const auto& [first, count] : circuit.stated_vars())
    for (std::uint32_t i = 0; i < count; ++i) out.push_back(circuit.value(first + i));
  return out;
}

base::Hash Tape::hash() const {
  base::Bytes all;
  for (const auto& part : parts) {
    const auto one = base::keccak256(part);
    all.insert(all.end(), one.bytes.begin(), one.bytes.end());
  }
  return base::keccak256(all);
}

}  // namespace koinon::trust::proof
