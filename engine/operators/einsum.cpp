#include <algorithm>
#include <set>

#include "engine/operators/expansion.hpp"
#include "engine/operators/shapes.hpp"
#include "engine/operators/table.hpp"

// Einsum becomes diagonals, sums, and one matrix product for each further operand.
namespace koinon::engine::operators {

namespace {

/// An operand: a letter an axis. The axes of "..." get the marks '0' to '7', aligned at the end.
struct Term {
  int value = onnx::kAbsent;
  std::string letters;
};

struct Equation {
  std::vector<std::string> terms;
  std::string out;
  bool explicit_out = false;
};

Result<Equation> parse(const Call& call) {
  auto text = call.text("equation", "");
  std::erase(text, ' ');
  Equation e;
  const auto arrow = text.find("->");
  e.explicit_out = arrow != std::string::npos;
  if (e.explicit_out) e.out = text.substr(arrow + 2);
  const auto left = text.substr(0, arrow);
  for (std::size_t from = 0;;) {
    const auto comma = left.find(',', from);
    e.terms.push_back(left.substr(from, comma - from));
    if (comma == std::string::npos) break;
    from = comma + 1;
  }
  if (e.terms.size() != call.inputs())
    return call.fail(Code::malformed, "equation '{}' for {} operands", call.text("equation", ""), call.inputs());
  return e;
}

/// Letters with "..." written out for `axes` axes. Errors: malformed.
Result<std::string> spelled(const Call& call, const std::string& term, std::int64_t axes) {
  std::string out;
  for (std::size_t i = 0; i < term.size(); ++i) {
    if (term.compare(i, 3, "...") == 0) {
      for (std::int64_t k = 8 - axes; k < 8; ++k) out.push_back(static_cast<char>('0' + k));
      i += 2;
    } else if ((term[i] >= 'a' && term[i] <= 'z') || (term[i] >= 'A' && term[i] <= 'Z')) {
      out.push_back(term[i]);
    } else {
      return call.fail(Code::malformed, "term '{}' of the equation", term);
    }
  }
  return out;
}

class Contraction {
 public:
  Contraction(const Call& call, Expansion& to) : call_(call), to_(to) {}

  Status run() {
    KOINON_TRY(const auto equation, parse(call_));
    std::vector<Term> terms;
    std::int64_t widest = 0;
    for (std::size_t i = 0; i < call_.inputs(); ++i) {
      if (!call_.has(i)) return call_.fail(Code::malformed, "operand {} is missing", i);
      KOINON_TRY(auto term, operand(equation.terms[i], i, widest));
      terms.push_back(std::move(term));
    }
    KOINON_TRY(const auto out, result_letters(equation, terms, widest));
    for (auto l : out)
      if (!sizes_.contains(l)) return call_.fail(Code::malformed, "the result has '{}', which no operand has", l);
    for (auto& term : terms) term = diagonal(term);
    while (terms.size() > 1) {
      auto b = std::move(terms.back());
      terms.pop_back();
      auto a = std::move(terms.back());
      terms.pop_back();
      std::set<char> needed(out.begin(), out.end());
      for (const auto& rest : terms) needed.insert(rest.letters.begin(), rest.letters.end());
      terms.push_back(multiplied(reduced(a, needed, b.letters), reduced(b, needed, a.letters), needed));
    }
    const auto last = reduced(terms[0], {out.begin(), out.end()}, "");
    to_.result(0, ordered(last, out));
    return {};
  }

 private:
  Result<Term> operand(const std::string& text, std::size_t i, std::int64_t& widest) {
    const auto& shape = call_.shape(i);
    const bool dots = text.find("...") != std::string::npos;
    const auto named = static_cast<std::int64_t>(text.size()) - (dots ? 3 : 0);
    const auto extra = static_cast<std::int64_t>(shape.size()) - named;
    if (extra < 0 || (!dots && extra != 0))
      return call_.fail(Code::malformed, "term '{}' for an operand {}", text, tensor::shape_text(shape));
    widest = std::max(widest, dots ? extra : 0);
    KOINON_TRY(auto letters, spelled(call_, text, extra));
    for (std::size_t d = 0; d < letters.size(); ++d) {
      auto& size = sizes_.try_emplace(letters[d], shape[d]).first->second;
      // An axis of 1 under "..." is repeated to the size of the others.
      if (size == 1) size = shape[d];
      if (shape[d] != size && shape[d] != 1)
        return call_.fail(Code::malformed, "'{}' is {} and {}", letters[d], size, shape[d]);
    }
    return Term{call_.input(i), std::move(letters)};
  }

  /// Without "->": what "..." stands for, then the letters that occur once, in alphabetical order.
  Result<std::string> result_letters(const Equation& equation, const std::vector<Term>& terms, std::int64_t widest) {
    if (equation.explicit_out) return spelled(call_, equation.out, widest);
    std::map<char, int> times;
    for (const auto& term : terms)
      for (auto l : term.letters) ++times[l];
    std::string out;
    for (const auto& [letter, n] : times)
      if (letter <= '9' || n == 1) out.push_back(letter);
    return out;
  }

  /// A letter that an operand has twice: the elements where both axes are equal.
  Term diagonal(Term term) {
    for (std::size_t i = 0; i < term.letters.size(); ++i) {
      const auto j = term.letters.find(term.letters[i], i + 1);
      if (j == std::string::npos) continue;
      const auto n = sizes_.at(term.letters[i]);
      // Both axes first, laid flat: places 0, n + 1, 2 (n + 1), ...
      std::vector<std::int64_t> order{static_cast<std::int64_t>(i), static_cast<std::int64_t>(j)};
      std::string rest(1, term.letters[i]);
      std::vector<std::int64_t> shape{n * n};
      for (std::size_t d = 0; d < term.letters.size(); ++d) {
        if (d == i || d == j) continue;
        order.push_back(static_cast<std::int64_t>(d));
        rest.push_back(term.letters[d]);
        shape.push_back(sizes_.at(term.letters[d]));
      }
      std::vector<std::int64_t> places;
      for (std::int64_t k = 0; k < n; ++k) places.push_back(k * (n + 1));
      const int flat = to_.reshape(to_.transpose(term.value, order), shape);
      term.value = to_.add("Gather", {flat, to_.integers(places)}, Attributes{{"axis", std::int64_t{0}}});
      term.letters = rest;
      return diagonal(term);
    }
    return term;
  }

  /// Sums over letters that nothing else needs.
  Term reduced(const Term& term, const std::set<char>& needed, const std::string& other) {
    std::vector<std::int64_t> axes;
    std::string letters;
    for (std::size_t d = 0; d < term.letters.size(); ++d) {
      const auto l = term.letters[d];
      if (needed.contains(l) || other.find(l) != std::string::npos)
        letters.push_back(l);
      else
        axes.push_back(static_cast<std::int64_t>(d));
    }
    if (axes.empty()) return term;
    return {to_.add("ReduceSum", {term.value, to_.integers(axes)}, Attributes{{"keepdims", std::int64_t{0}}}), letters};
  }

  /// The axes of a term in another order.
  int ordered(const Term& term, const std::string& letters) {
    if (term.letters == letters) return to_.add("Identity", {term.value});
    std::vector<std::int64_t> order;
    for (auto l : letters) order.push_back(static_cast<std::int64_t>(term.letters.find(l)));
    return to_.transpose(term.value, order);
  }

  std::int64_t size_of(const std::string& letters) const {
    std::int64_t n = 1;
    for (auto l : letters) n *= sizes_.at(l);
    return n;
  }

  /// A term as [batch, rows, columns], each some of its letters, repeated where the operand has an axis of 1.
  int matrix(const Term& term, const std::string& batch, const std::string& rows, const std::string& columns) {
    const auto letters = batch + rows + columns;
    Shape full;
    for (auto l : letters) full.push_back(sizes_.at(l));
    int v = ordered(term, letters);
    v = to_.add("Expand", {v, to_.integers(full)});
    return to_.reshape(v, {size_of(batch), size_of(rows), size_of(columns)});
  }

  /// One matrix product: letters of both that are needed later are its batch, the others of both are summed over.
  Term multiplied(const Term& a, const Term& b, const std::set<char>& needed) {
    std::string batch, summed, left, right;
    for (auto l : a.letters) {
      if (b.letters.find(l) == std::string::npos)
        left.push_back(l);
      else
        (needed.contains(l) ? batch : summed).push_back(l);
    }
    for (auto l : b.letters)
      if (a.letters.find(l) == std::string::npos) right.push_back(l);
    const int p = matrix(a, batch, left, summed);
    const int q = matrix(b, batch, summed, right);
    const int product = to_.add("MatMul", {p, q});
    Term out{onnx::kAbsent, batch + left + right};
    Shape shape;
    for (auto l : out.letters) shape.push_back(sizes_.at(l));
    out.value = to_.reshape(product, shape);
    return out;
  }

  const Call& call_;
  Expansion& to_;
  std::map<char, std::int64_t> sizes_;
};

Status expand(const Call& call, Expansion& to) { return Contraction(call, to).run(); }

constexpr Operator kOperators[] = {{"Einsum", 12, kNewest, 1, 16, nullptr, nullptr, nullptr, false, expand}};

}  // namespace

std::span<const Operator> einsum_operators() { return kOperators; }

}  // namespace koinon::engine::operators
