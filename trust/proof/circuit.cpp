#include "trust/proof/circuit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "base/result.hpp"

namespace koinon::trust::proof {
namespace {

constexpr Circuit::Form kOnce{0, 0, Fp(1)};
/// A row of lookups that says nothing: an entry that stands nowhere.
constexpr Circuit::Lookup kNoLookup{0, {}, {}, Circuit::kNoEntry, true, {}};

/// Demands of entries of tables of variables less what is supplied, by table, x and y.
using Balance = std::map<std::array<std::uint64_t, 3>, Fp>;

void weigh(Balance& balance, const Circuit& circuit, const Circuit::Lookup& row) {
  const std::span<const Fp> values = circuit.values();
  const Fp times = circuit.evaluate(row.times, values);
  balance[{row.table, circuit.evaluate(row.x, values).v, circuit.evaluate(row.y, values).v}] += row.supplied ? -times : times;
}

}  // namespace

unsigned Bilinear::inner_log() const { return static_cast<unsigned>(std::bit_width(inner)); }

Var Circuit::add_vars(Home home, std::size_t count) {
  const auto first = static_cast<Var>(values_.size());
  KOINON_INVARIANT(values_.size() + count < std::size_t{1} << 31);
  values_.resize(values_.size() + count);
  std::size_t cell = 0;
  if (home == Home::weight) cell = std::exchange(weight_cells_, weight_cells_ + count);
  if (home == Home::witness && !in_batch_) {
    cell = aligned(witness_cells_, count);
    witness_cells_ = cell + count;
  }
  KOINON_INVARIANT(cell + count <= kMostCells);
  const bool batched = home == Home::witness && in_batch_;
  for (std::size_t i = 0; i < count; ++i) {
    places_.push_back(static_cast<std::uint32_t>(home) << 30 | static_cast<std::uint32_t>(batched ? 0 : cell + i));
    if (!batched) continue;
    batch_vars_.push_back(first + static_cast<Var>(i));
    cell_parts_.push_back(parts_.cells++);
  }
  return first;
}

std::size_t aligned(std::size_t at, std::size_t count) {
  const int bits = static_cast<int>(std::bit_width(count)) - 5;
  const std::size_t unit = std::size_t{1} << std::clamp<int>(bits, 0, kBlockLog);
  return (at + unit - 1) / unit * unit;
}

namespace {

/// Numbers the members of a batch, given the part of its element that each is: part after part, each from an aligned place.
/// Returns each member's number and the end.
std::pair<std::vector<std::size_t>, std::size_t> as_arrays(const std::vector<std::uint32_t>& parts, std::size_t begin) {
  std::vector<std::size_t> counts;
  for (const auto part : parts) {
    if (part >= counts.size()) counts.resize(part + 1);
    ++counts[part];
  }
  for (auto& count : counts) {
    const std::size_t start = aligned(begin, count);
    begin = start + std::exchange(count, start);
  }
  std::vector<std::size_t> out;
  for (const auto part : parts) out.push_back(counts[part]++);
  return {std::move(out), begin};
}

/// Moves the rows from `first` on to where as_arrays puts them; `empty` stands between.
template <class Row>
void move_rows(std::vector<Row>& rows, std::size_t first, const std::vector<std::uint32_t>& parts, const Row& empty) {
  const auto [numbers, end] = as_arrays(parts, first);
  const std::vector<Row> old(rows.begin() + static_cast<std::ptrdiff_t>(first), rows.end());
  rows.resize(first);
  rows.resize(end, empty);
  for (std::size_t i = 0; i < old.size(); ++i) rows[numbers[i]] = old[i];
}

}  // namespace

void Circuit::begin_batch() {
  KOINON_INVARIANT(!in_batch_);
  in_batch_ = true;
  parts_ = {};
  batch_products_ = products_.size();
  batch_lookups_ = lookups_.size();
}

void Circuit::end_batch() {
  const auto [numbers, end] = as_arrays(cell_parts_, witness_cells_);
  KOINON_INVARIANT(end <= kMostCells);
  for (std::size_t i = 0; i < batch_vars_.size(); ++i)
    places_[batch_vars_[i]] = static_cast<std::uint32_t>(Home::witness) << 30 | static_cast<std::uint32_t>(numbers[i]);
  witness_cells_ = end;
  move_rows(products_, batch_products_, product_parts_, {});
  move_rows(lookups_, batch_lookups_, lookup_parts_, kNoLookup);
  batch_vars_.clear();
  for (auto* parts : {&cell_parts_, &product_parts_, &lookup_parts_}) parts->clear();
  in_batch_ = false;
}

Var Circuit::known(Fp value) {
  const auto [at, added] = known_.try_emplace(value.v, 0);
  if (added) {
    at->second = add_vars(Home::known, 1);
    set(at->second, value);
  }
  return at->second;
}

Fp Circuit::value(const Affine& form) const {
  Fp out = form.constant;
  for (const auto& term : form.terms) out += term.coefficient * values_[term.var];
  return out;
}

Fp Circuit::evaluate(const Form& form, std::span<const Fp> values) const {
  Fp out = form.constant;
  for (const auto& term : terms(form)) out += term.coefficient * values[term.var];
  return out;
}

Circuit::Form Circuit::store(const Affine& form) {
  const auto begin = static_cast<std::uint32_t>(terms_.size());
  terms_.insert(terms_.end(), form.terms.begin(), form.terms.end());
  return {begin, static_cast<std::uint32_t>(terms_.size()), form.constant};
}

void Circuit::product(const Affine& a, const Affine& b, const Affine& c) {
  products_.push_back({store(a), store(b), store(c)});
  if (in_batch_) product_parts_.push_back(parts_.products++);
}

std::uint32_t Circuit::add_table(std::vector<std::array<Fp, 2>> entries) {
  const auto table = static_cast<std::uint32_t>(table_first_.size());
  table_first_.push_back(static_cast<std::uint32_t>(entries_.size()));
  for (const auto& entry : entries) entries_.push_back({table, entry[0], entry[1]});
  return table;
}

void Circuit::lookup(std::uint32_t table, const Affine& x, const Affine& y, std::size_t entry) {
  lookups_.push_back({table, store(x), store(y), static_cast<std::uint32_t>(table_first_[table] + entry), false, kOnce});
  if (in_batch_) lookup_parts_.push_back(parts_.lookups++);
}

void Circuit::supply(std::uint32_t table, const Affine& x, const Affine& y, const Affine& times) {
  lookups_.push_back({table, store(x), store(y), kNoEntry, true, store(times)});
  if (in_batch_) lookup_parts_.push_back(parts_.lookups++);
}

void Circuit::demand(std::uint32_t table, const Affine& x, const Affine& y) {
  lookups_.push_back({table, store(x), store(y), kNoEntry, false, kOnce});
  if (in_batch_) lookup_parts_.push_back(parts_.lookups++);
}

std::uint32_t Circuit::range_table(std::uint64_t count) {
  const auto [at, added] = range_tables_.try_emplace(count, 0);
  if (added) {
    std::vector<std::array<Fp, 2>> entries;
    for (std::uint64_t v = 0; v < count; ++v) entries.push_back({Fp(v), Fp()});
    at->second = add_table(std::move(entries));
  }
  return at->second;
}

void Circuit::range(const Affine& form, std::uint64_t count) {
  if (std::has_single_bit(count)) return range_bits(form, static_cast<unsigned>(std::bit_width(count) - 1));
  if (count <= std::uint64_t{1} << limb_log_) {
    lookup(range_table(count), form, {}, with_values_ ? value(form).v : 0);
    return;
  }
  const auto bits = static_cast<unsigned>(std::bit_width(count));
  Affine rest;
  rest.constant = Fp(count - 1);
  range_bits(form, bits);
  range_bits(rest.add(form, -Fp(1)), bits);
}

void Circuit::range_bits(const Affine& form, unsigned bits) {
  if (bits == 0) return zero(form);
  const std::uint64_t number = with_values_ ? value(form).v : 0;
  Affine low = form;  // what remains when the upper limbs are taken off
  for (unsigned at = limb_log_; at < bits; at += limb_log_) {
    const unsigned width = std::min(limb_log_, bits - at);
    const Var limb = add_vars(Home::witness, 1);
    const std::uint64_t part = number >> at & ((std::uint64_t{1} << width) - 1);
    if (with_values_) set(limb, Fp(part));
    lookup(range_table(std::uint64_t{1} << width), Affine::of(limb), {}, part);
    low.add(limb, -Fp(std::uint64_t{1} << at));
  }
  const unsigned width = std::min(limb_log_, bits);
  lookup(range_table(std::uint64_t{1} << width), low, {}, number & ((std::uint64_t{1} << width) - 1));
}

Affine Circuit::limbs(unsigned bits, std::uint64_t value) {
  Affine out;
  for (unsigned at = 0; at < bits; at += limb_log_) {
    const unsigned width = std::min(limb_log_, bits - at);
    const Var limb = add_vars(Home::witness, 1);
    const std::uint64_t part = value >> at & ((std::uint64_t{1} << width) - 1);
    if (with_values_) set(limb, Fp(part));
    lookup(range_table(std::uint64_t{1} << width), Affine::of(limb), {}, part);
    out.add(limb, Fp(std::uint64_t{1} << at));
  }
  return out;
}

Bilinear& Circuit::bilinear(Bilinear form) { return bilinears_.emplace_back(std::move(form)); }

unsigned Circuit::rows_log() const {
  return static_cast<unsigned>(std::max<int>(1, static_cast<int>(std::bit_width(rows() - 1))));
}

void Circuit::pad_lookups(std::size_t multiple) {
  lookups_.resize((lookups_.size() + multiple - 1) / multiple * multiple, kNoLookup);
}

// Entries of tables are rows too, so that no verifier has to invert a number for each.
void Circuit::supply_tables() {
  multiplicities_ = static_cast<Var>(values_.size());
  const auto count = [&](std::size_t table) {
    return (table + 1 < table_first_.size() ? table_first_[table + 1] : entries_.size()) - table_first_[table];
  };
  for (std::size_t table = 0; table < table_first_.size(); ++table) add_vars(Home::witness, count(table));
  if (with_values_)
    for (const auto& row : lookups_)
      if (row.entry < entries_.size()) values_[multiplicities_ + row.entry] += Fp(1);
  pad_lookups(kBlock);
  first_entry_row_ = lookups_.size();
  for (std::size_t table = 0; table < table_first_.size(); ++table) {
    pad_lookups(std::min(kBlock, std::bit_floor(std::max<std::size_t>(1, count(table)))));
    for (std::size_t i = table_first_[table]; i < table_first_[table] + count(table); ++i) {
      Affine x, y;
      x.constant = entries_[i].x;
      y.constant = entries_[i].y;
      supply(static_cast<std::uint32_t>(table), x, y, Affine::of(multiplicities_ + static_cast<Var>(i)));
    }
  }
  pad_lookups(kBlock);
}

void Circuit::finish() {
  supply_tables();
  while ((products_.size() + 1 + bilinears_.size()) % kBlock != 0) products_.push_back({});
  random_from_ = values_.size();
  hiding_row_ = add_vars(Home::witness, 9);
  for (auto& form : bilinears_) form.hide = add_vars(Home::witness, 9);
  mask_ = add_vars(Home::witness, 3 * mask_size(3, rows_log()));
  for (auto& form : bilinears_) form.mask = add_vars(Home::witness, 3 * mask_size(2, form.inner_log()));
}

std::optional<std::string> broken_constraint(const Circuit& circuit) {
  const std::span<const Fp> values = circuit.values();
  std::size_t i = 0;
  for (const auto& row : circuit.products()) {
    if (circuit.evaluate(row.a, values) * circuit.evaluate(row.b, values) != circuit.evaluate(row.c, values))
      return fmt::format("product {} of {}", i, circuit.products().size());
    ++i;
  }
  i = 0;
  Balance balance;
  for (const auto& row : circuit.lookup_rows().first(circuit.first_entry_row())) {
    if (row.entry == Circuit::kNoEntry) {
      weigh(balance, circuit, row);
      continue;
    }
    const bool inside = row.entry < circuit.entries();
    const auto entry = inside ? circuit.table_entries()[row.entry] : Circuit::Entry{};
    if (!inside || entry.table != row.table || circuit.evaluate(row.x, values) != entry.x ||
        circuit.evaluate(row.y, values) != entry.y)
      return fmt::format("lookup {} of {} in table {}", i, circuit.lookups(), row.table);
    ++i;
  }
  for (const auto& [entry, times] : balance)
    if (times != Fp()) return fmt::format("entry ({}, {}) of table {}", entry[1], entry[2], entry[0]);
  for (const auto& form : circuit.bilinears())
    for (std::size_t r = 0; r < form.rows; ++r)
      for (std::size_t c = 0; c < form.columns; ++c) {
        Fp sum;
        if (!form.bias.empty()) sum = values[form.bias[c]];
        if (!form.public_bias.empty()) sum = form.public_bias[c];
        for (std::size_t l = 0; l < form.inner; ++l)
          sum += values[form.left[r * form.inner + l]] * values[form.right[c * form.inner + l]];
        if (sum != values[form.out[r * form.columns + c]]) return fmt::format("bilinear form, element {}, {}", r, c);
      }
  return std::nullopt;
}

}  // namespace koinon::trust::proof
