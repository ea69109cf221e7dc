#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "trust/proof/field.hpp"

namespace koinon::trust::proof {

/// A number of a circuit: an element of a tensor, or advice. The ids are dense.
using Var = std::uint32_t;

/// coefficient * variable.
struct Term {
  Var var = 0;
  Fp coefficient;
};

/// A sum of terms and a constant, while a circuit is built.
struct Affine {
  std::vector<Term> terms;
  Fp constant;

  static Affine of(Var var, Fp coefficient = Fp(1)) { return {{{var, coefficient}}, Fp()}; }
  Affine& add(Var var, Fp coefficient) {
    terms.push_back({var, coefficient});
    return *this;
  }
  Affine& add(const Affine& other, Fp scale) {
    for (const auto& term : other.terms) terms.push_back({term.var, term.coefficient * scale});
    constant += other.constant * scale;
    return *this;
  }
};

/// Where a variable's value is.
enum class Home : std::uint8_t {
  witness,  ///< a cell of the witness oracle
  weight,   ///< a cell of the weight oracle
  linear,   ///< nowhere: a public linear form of earlier variables, given by a LinearStep
  known,    ///< public
};

/// A linear form over variables: sum of of[v] * v, plus a constant. Forms on `linear` variables are pushed back to what they
/// are made of, last made first.
struct LinearForm {
  std::vector<Ext> of;
  Ext constant;
};

/// A product with a public matrix: out[i, j] = bias[j] + sum over l of left[i, l] * right[j, l].
struct PublicProduct {
  std::size_t rows = 0, columns = 0, inner = 0;
  std::vector<Var> left, out;
  std::vector<std::int64_t> right;
  std::vector<std::int64_t> bias;  ///< or empty
  std::vector<Var> bias_vars;      ///< otherwise, or empty
};

/// Variables that are public linear forms of earlier ones.
class LinearStep {
 public:
  virtual ~LinearStep() = default;
  /// Adds, to the form on the earlier variables, what it asks of these.
  virtual void push(LinearForm& form) const = 0;
  [[nodiscard]] virtual const std::vector<Var>& out() const = 0;
  /// What variable number i of out() is.
  [[nodiscard]] virtual Affine row(std::size_t i) const = 0;
  /// The product that it is, or null.
  [[nodiscard]] virtual const PublicProduct* product() const { return nullptr; }
};

/// The sum over l < inner of left[i, l] * right[j, l], claimed for out[i, j] - bias[j].
struct Bilinear {
  std::vector<Var> left;   ///< [rows, inner]
  std::vector<Var> right;  ///< [columns, inner]
  std::vector<Var> out;    ///< [rows, columns]
  std::vector<Var> bias;   ///< [columns], or none
  std::vector<Fp> public_bias;
  std::size_t rows = 0, columns = 0, inner = 0;
  Var hide = 0;  ///< nine cells: two random elements of F that extend left and right, and their product
  Var mask = 0;  ///< coefficients of the sumcheck's mask, three cells each

  /// Variables of the sumcheck: inner + 1 places.
  [[nodiscard]] unsigned inner_log() const;
};

/// A run of a program as constraints over variables (docs/trust/proof.md, "Arithmetisation"):
///   1. products a * b = c of affine forms, one a row;
///   2. lookups: (x, y) is an entry of a table, one a row;
///   3. bilinear forms.
/// The same code builds it for the prover, who gives values, and for the verifier, who knows only `known` variables.
/// Cells and rows of a batch stand as arrays: the same part of all its elements side by side, from a place that a power of two
/// divides. So a verifier that cannot visit each (tape.hpp) takes whole blocks.
class Circuit {
 public:
  /// `limb_log`: tables of ranges have at most 2^limb_log entries. `with_values`: the prover's side.
  Circuit(unsigned limb_log, bool with_values) : limb_log_(limb_log), with_values_(with_values) {}

  // Building.
  Var add_vars(Home home, std::size_t count);
  /// Ties `linear` variables to earlier ones.
  void add_linear_step(std::shared_ptr<const LinearStep> step) { linear_steps_.push_back(std::move(step)); }
  /// Elements that are built alike, one after the other: their cells, products and lookups become arrays when it ends. Not
  /// nested; variables of a batch have no cell before its end.
  class Batch {
   public:
    explicit Batch(Circuit& circuit) : circuit_(circuit) { circuit_.begin_batch(); }
    Batch(const Batch&) = delete;
    Batch& operator=(const Batch&) = delete;
    ~Batch() { circuit_.end_batch(); }
    void next() { circuit_.parts_ = {}; }  ///< begins an element

   private:
    Circuit& circuit_;
  };
  /// Weight cells without variables, when only sizes are asked for.
  void count_weights(std::size_t count) { weight_cells_ += count; }
  void set(Var var, Fp value) { values_[var] = value; }
  /// Names `known` variables that the statement gives: elements of public inputs, then of outputs, in order.
  void stated(Var first, std::size_t count) { stated_.push_back({first, static_cast<std::uint32_t>(count)}); }
  /// A public variable with this value; one a value.
  Var known(Fp value);
  void product(const Affine& a, const Affine& b, const Affine& c);
  /// form = 0.
  void zero(const Affine& form) { product({}, {}, form); }
  /// Number of a table with entries (x, y).
  std::uint32_t add_table(std::vector<std::array<Fp, 2>> entries);
  void lookup(std::uint32_t table, const Affine& x, const Affine& y, std::size_t entry);
  /// An entry (x, y) of a table made of variables, that stands there `times` times. Each entry of such a table is demanded
  /// exactly as often as it stands there.
  void supply(std::uint32_t table, const Affine& x, const Affine& y, const Affine& times);
  /// (x, y) is an entry of a table that `supply` fills.
  void demand(std::uint32_t table, const Affine& x, const Affine& y);
  /// 0 <= form < 2^bits, over the integers, for a form whose value is an integer modulo p. Precondition: bits <= 63.
  void range_bits(const Affine& form, unsigned bits);
  /// 0 <= form < count.
  void range(const Affine& form, std::uint64_t count);
  /// `count` cells that hold the limbs of `value` (prover), each ranged: a number below 2^bits. None for bits 0.
  Affine limbs(unsigned bits, std::uint64_t value);
  Bilinear& bilinear(Bilinear form);
  /// Adds multiplicities, hiding rows and masks. Call once, last.
  void finish();

  // Reading.
  [[nodiscard]] bool with_values() const { return with_values_; }
  [[nodiscard]] Fp value(Var var) const { return values_[var]; }
  [[nodiscard]] Fp value(const Affine& form) const;
  [[nodiscard]] const std::vector<Fp>& values() const { return values_; }
  [[nodiscard]] std::size_t cells(Home home) const { return home == Home::witness ? witness_cells_ : weight_cells_; }
  [[nodiscard]] std::size_t lookups() const { return lookups_.size(); }
  [[nodiscard]] std::size_t rows() const { return products_.size() + 1 + bilinears_.size() + lookups_.size(); }
  [[nodiscard]] unsigned rows_log() const;
  [[nodiscard]] const std::vector<Bilinear>& bilinears() const { return bilinears_; }
  [[nodiscard]] std::size_t entries() const { return entries_.size(); }

  // The argument's side (argument.cpp).
  struct Form {
    std::uint32_t begin = 0, end = 0;
    Fp constant;
  };
  struct Product {
    Form a, b, c;
  };
  struct Lookup {
    std::uint32_t table = 0;
    Form x, y;
    std::uint32_t entry = 0;  ///< prover: place in entries(); kNoEntry in a table of variables
    bool supplied = false;    ///< by the row, `times` times; else demanded once
    Form times;
  };
  static constexpr std::uint32_t kNoEntry = 0xffffffff;
  struct Entry {
    std::uint32_t table = 0;
    Fp x, y;
  };
  [[nodiscard]] std::span<const Term> terms(const Form& form) const {
    return std::span(terms_).subspan(form.begin, form.end - form.begin);
  }
  [[nodiscard]] Fp evaluate(const Form& form, std::span<const Fp> values) const;
  [[nodiscard]] const std::vector<Product>& products() const { return products_; }
  [[nodiscard]] std::span<const Lookup> lookup_rows() const { return lookups_; }
  [[nodiscard]] const std::vector<Entry>& table_entries() const { return entries_; }
  [[nodiscard]] const std::vector<std::array<std::uint32_t, 2>>& stated_vars() const { return stated_; }  ///< first, count
  [[nodiscard]] Home home(Var var) const { return static_cast<Home>(places_[var] >> 30); }
  /// Its number among the cells of its home.
  [[nodiscard]] std::uint32_t cell(Var var) const { return places_[var] & kMostCells; }
  [[nodiscard]] const std::vector<std::shared_ptr<const LinearStep>>& linear_steps() const { return linear_steps_; }
  /// Number of the lookup that supplies entry 0 of table 0; those of a table stand in order, and nothing but padding follows.
  [[nodiscard]] std::size_t first_entry_row() const { return first_entry_row_; }
  [[nodiscard]] Var multiplicities() const { return multiplicities_; }    ///< one a table entry
  [[nodiscard]] Var hiding_row() const { return hiding_row_; }            ///< nine cells: a, b and a * b in F
  [[nodiscard]] Var mask() const { return mask_; }                        ///< of the sumcheck over rows
  [[nodiscard]] std::size_t random_from() const { return random_from_; }  ///< first variable that the prover draws

 private:
  static constexpr std::uint32_t kMostCells = (1U << 30) - 1;
  /// Counts of what an element of a batch holds so far.
  struct Parts {
    std::uint32_t cells = 0, products = 0, lookups = 0;
  };
  Form store(const Affine& form);
  std::uint32_t range_table(std::uint64_t count);
  void begin_batch();
  void end_batch();
  void supply_tables();
  void pad_lookups(std::size_t multiple);

  unsigned limb_log_;
  bool with_values_;
  std::vector<Fp> values_;
  std::vector<std::uint32_t> places_;  ///< of each variable: home in the upper two bits, cell
  bool in_batch_ = false;
  Parts parts_;
  std::size_t batch_products_ = 0, batch_lookups_ = 0;  ///< where the batch's begin
  std::vector<Var> batch_vars_;
  std::vector<std::uint32_t> cell_parts_, product_parts_, lookup_parts_;  ///< which part of its element each is
  std::size_t witness_cells_ = 0, weight_cells_ = 0;
  std::vector<Term> terms_;
  std::vector<Product> products_;
  std::vector<Lookup> lookups_;
  std::vector<Bilinear> bilinears_;
  std::vector<std::shared_ptr<const LinearStep>> linear_steps_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> table_first_;
  std::map<std::uint64_t, std::uint32_t> range_tables_;
  std::map<std::uint64_t, Var> known_;
  std::vector<std::array<std::uint32_t, 2>> stated_;
  Var multiplicities_ = 0, hiding_row_ = 0, mask_ = 0;
  std::size_t random_from_ = 0, first_entry_row_ = 0;
};

/// Rows before the lookups, and lookups, are multiples of this, so that a block of lookups is one of rows.
inline constexpr int kBlockLog = 7;
inline constexpr std::size_t kBlock = std::size_t{1} << kBlockLog;

/// Where an array of `count` begins that is put behind `at` others: at a power of two of about a sixteenth of its length, so
/// that little is left empty.
std::size_t aligned(std::size_t at, std::size_t count);

/// Coefficients of a mask of a sumcheck of `degree` over `variables`: each three cells.
constexpr std::size_t mask_size(unsigned degree, unsigned variables) { return std::size_t{degree} * variables + 1; }

/// The first constraint that the values break, in words; nothing when all hold.
std::optional<std::string> broken_constraint(const Circuit& circuit);

}  // namespace koinon::trust::proof
