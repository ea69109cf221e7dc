// Matmul, conv and reduce. With public weights a product is a public linear form of its input; otherwise it is a bilinear form.
#include <algorithm>
#include <numeric>

#include "engine/program/params.hpp"
#include "trust/proof/gadgets.hpp"
#include "trust/proof/steps.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;
using engine::program::ReduceOp;
using engine::program::ReduceParams;
using engine::program::Ref;
using engine::program::Source;
using engine::program::Step;

namespace {

__extension__ typedef __int128 Wide;

Fp reduce_signed(Wide value) {
  const auto magnitude = reduce128(static_cast<Wide128>(value < 0 ? -value : value));
  return value < 0 ? -Fp(magnitude) : Fp(magnitude);
}

// Sums of 64-bit coordinates times 16-bit weights stay below 2^(64 + 15 + 31) and are reduced once.
void push_product(const PublicProduct& p, LinearForm& form) {
  std::vector<Ext> asked(p.columns);
  for (std::size_t i = 0; i < p.rows; ++i) {
    for (std::size_t j = 0; j < p.columns; ++j) {
      asked[j] = form.of[p.out[i * p.columns + j]];
      if (!p.bias.empty()) form.constant += asked[j] * Fp::from(p.bias[j]);
      if (!p.bias_vars.empty()) form.of[p.bias_vars[j]] += asked[j];
    }
    std::vector<std::array<Wide, 3>> sums(p.inner);
    for (std::size_t j = 0; j < p.columns; ++j) {
      const std::int64_t* weights = p.right.data() + j * p.inner;
      for (std::size_t l = 0; l < p.inner; ++l)
        for (std::size_t k = 0; k < 3; ++k) sums[l][k] += static_cast<Wide>(asked[j].c[k].v) * weights[l];
    }
    for (std::size_t l = 0; l < p.inner; ++l)
      form.of[p.left[i * p.inner + l]] += Ext(reduce_signed(sums[l][0]), reduce_signed(sums[l][1]), reduce_signed(sums[l][2]));
  }
}

class ProductStep : public LinearStep {
 public:
  explicit ProductStep(PublicProduct product) : product_(std::move(product)) {}
  void push(LinearForm& form) const override { push_product(product_, form); }
  [[nodiscard]] const std::vector<Var>& out() const override { return product_.out; }
  [[nodiscard]] const PublicProduct* product() const override { return &product_; }
  [[nodiscard]] Affine row(std::size_t i) const override {
    const auto& p = product_;
    const std::size_t place = i / p.columns, j = i % p.columns;
    Affine sum;
    for (std::size_t l = 0; l < p.inner; ++l) sum.add(p.left[place * p.inner + l], Fp::from(p.right[j * p.inner + l]));
    if (!p.bias.empty()) sum.constant = Fp::from(p.bias[j]);
    if (!p.bias_vars.empty()) sum.add(p.bias_vars[j], Fp(1));
    return sum;
  }

 private:
  PublicProduct product_;
};

class WindowSums : public LinearStep {
 public:
  WindowSums(std::vector<Var> out, std::vector<std::vector<Var>> inside) : out_(std::move(out)), inside_(std::move(inside)) {}
  void push(LinearForm& form) const override {
    for (std::size_t i = 0; i < out_.size(); ++i)
      for (const auto var : inside_[i]) form.of[var] += form.of[out_[i]];
  }
  [[nodiscard]] const std::vector<Var>& out() const override { return out_; }
  [[nodiscard]] Affine row(std::size_t i) const override {
    Affine sum;
    for (const auto var : inside_[i]) sum.add(var, Fp(1));
    return sum;
  }

 private:
  std::vector<Var> out_;
  std::vector<std::vector<Var>> inside_;
};

/// Variables of the part of a weight operand that starts at row `first`, for `count` rows of `inner`.
std::vector<Var> part(const std::vector<Var>& all, std::size_t first, std::size_t count) {
  const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

bool is_public(const Build& build, Ref ref) { return ref.source() != Source::value && !build.is_hidden(ref); }

/// One product of a step, whose right operand starts at element `first` of operand 1 and whose bias at `column` of operand 2.
void add_product(Build& build, const Step& step, PublicProduct p, std::size_t first, std::size_t column) {
  const auto right = step.operands[1];
  const bool has_bias = step.operands.size() > 2;
  if (build.sizes_only) {
    Bilinear sizes;
    sizes.rows = p.rows;
    sizes.columns = p.columns;
    sizes.inner = p.inner;
    if (!is_public(build, right)) build.circuit.bilinear(std::move(sizes));
    return;
  }
  if (!is_public(build, right)) {
    Bilinear form{std::move(p.left),
                  part(build.vars(right), first, p.columns * p.inner),
                  std::move(p.out),
                  {},
                  {},
                  p.rows,
                  p.columns,
                  p.inner};
    if (has_bias && !is_public(build, step.operands[2])) form.bias = part(build.vars(step.operands[2]), column, p.columns);
    if (has_bias && is_public(build, step.operands[2]))
      for (const auto var : part(build.vars(step.operands[2]), column, p.columns))
        form.public_bias.push_back(build.circuit.value(var));
    build.circuit.bilinear(std::move(form));
    return;
  }
  const auto weights = build.constant(right);
  const auto begin = weights.begin() + static_cast<std::ptrdiff_t>(first);
  p.right.assign(begin, begin + static_cast<std::ptrdiff_t>(p.columns * p.inner));
  if (has_bias && !is_public(build, step.operands[2])) {
    p.bias_vars = part(build.vars(step.operands[2]), column, p.columns);
  } else if (has_bias) {
    const auto bias = build.constant(step.operands[2]);
    const auto from = bias.begin() + static_cast<std::ptrdiff_t>(column);
    p.bias.assign(from, from + static_cast<std::ptrdiff_t>(p.columns));
  }
  build.circuit.add_linear_step(std::make_shared<ProductStep>(std::move(p)));
}

/// Outputs of a product: with public weights linear forms of its input and bias. They stand channel after channel (column of
/// one batch after the other), so that what a channel's numbers scale are neighbours.
std::vector<Var> product_output(Build& build, const Step& step, std::size_t rows, std::size_t columns) {
  const auto vars = build.output(step, 0, is_public(build, step.operands[1]) ? Home::linear : Home::witness);
  std::vector<Var> out(vars.size());
  for (std::size_t i = 0; i < vars.size(); ++i) {
    const std::size_t batch = i / (rows * columns), row = i / columns % rows, column = i % columns;
    out[i] = vars[(batch * columns + column) * rows + row];
    if (build.circuit.with_values())
      build.circuit.set(out[i], Fp::from(build.trace[step.first_output].at(static_cast<std::int64_t>(i))));
  }
  return out;
}

}  // namespace

base::Status add_matmul(Build& build, const Step& step) {
  const auto &a = step.operand_infos[0].shape, &b = step.operand_infos[1].shape;
  const auto inner = static_cast<std::size_t>(a.back()), columns = static_cast<std::size_t>(b[b.size() - 2]);
  const auto left = build.vars(step.operands[0]);
  const auto all = static_cast<std::size_t>(engine::tensor::element_count(b));
  const std::size_t batches = b.size() > 2 ? all / (columns * inner) : 1;
  const auto elements = static_cast<std::size_t>(engine::tensor::element_count(step.outputs[0].shape));
  const std::size_t rows = elements / columns / batches;
  auto out = product_output(build, step, rows, columns);
  for (std::size_t i = 0; i < batches; ++i) {
    PublicProduct p{
        rows, columns, inner, part(left, i * rows * inner, rows * inner), part(out, i * rows * columns, rows * columns),
        {},   {},      {}};
    add_product(build, step, std::move(p), i * columns * inner, 0);
  }
  build.values.push_back(std::move(out));
  return {};
}

std::vector<std::vector<std::int64_t>> windows(const std::vector<WindowAxis>& axes) {
  std::vector<std::vector<std::int64_t>> out{{0}};
  for (const auto& axis : axes) {
    std::vector<std::vector<std::int64_t>> next;
    for (const auto& outer : out)
      for (std::int64_t place = 0; place < axis.out; ++place) {
        auto& elements = next.emplace_back();
        for (const auto base : outer)
          for (std::int64_t e = 0; e < axis.window; ++e) {
            const auto index = axis.at(place, e);
            elements.push_back(base < 0 || index < 0 ? -1 : base * axis.size + index);
          }
      }
    out = std::move(next);
  }
  return out;
}

// x [n, s.., c] by w [o, k.., c / g]: a product of the windows of x, one group of channels at a time.
base::Status add_conv(Build& build, const Step& step) {
  const auto &x = step.operand_infos[0].shape, &w = step.operand_infos[1].shape, &y = step.outputs[0].shape;
  KOINON_TRY(const auto params, engine::program::ConvParams::unpack(step.params, x.size() - 2));
  std::vector<WindowAxis> axes{{x[0], 1, 1, 1, 0, x[0]}};
  for (std::size_t i = 0; i + 2 < x.size(); ++i)
    axes.push_back({x[i + 1], w[i + 1], params.strides[i], params.dilations[i], params.pads_begin[i], y[i + 1]});
  const auto places = windows(axes);
  const auto channels = static_cast<std::size_t>(x.back()), groups = static_cast<std::size_t>(params.groups);
  const std::size_t own = channels / groups, columns = static_cast<std::size_t>(w[0]) / groups;
  const std::size_t inner = places[0].size() * own;
  const auto vars = build.vars(step.operands[0]);
  const Var nothing = build.circuit.known(Fp());
  auto out = product_output(build, step, places.size(), columns * groups);
  for (std::size_t g = 0; g < groups; ++g) {
    PublicProduct p{places.size(), columns, inner, {}, {}, {}, {}, {}};
    for (std::size_t i = 0; i < places.size(); ++i) {
      for (const auto place : places[i])
        for (std::size_t c = 0; c < own; ++c)
          p.left.push_back(place < 0 ? nothing : vars[static_cast<std::size_t>(place) * channels + g * own + c]);
      for (std::size_t j = 0; j < columns; ++j) p.out.push_back(out[i * columns * groups + g * columns + j]);
    }
    add_product(build, step, std::move(p), g * columns * inner, g * columns);
  }
  build.values.push_back(std::move(out));
  return {};
}

base::Status add_reduce(Build& build, const Step& step) {
  const auto& shape = step.operand_infos[0].shape;
  KOINON_TRY(const auto params, ReduceParams::unpack(step.params, shape.size()));
  std::vector<WindowAxis> axes;
  for (std::size_t i = 0; i < shape.size(); ++i)
    axes.push_back(
        {shape[i], params.window[i], params.strides[i], params.dilations[i], params.pads_begin[i], step.outputs[0].shape[i]});
  const auto x = build.vars(step.operands[0]);
  const bool sum = params.op == ReduceOp::sum;
  const auto bits = Span::of(build.range(step.operands[0])).bits();
  if (!sum && bits > 63) return fail(Code::unsupported, "differences of {} bits do not fit the field", bits);
  std::vector<Var> out(static_cast<std::size_t>(engine::tensor::element_count(step.outputs[0].shape)));
  if (sum) out = build.output(step, 0, Home::linear);
  std::vector<std::vector<Var>> inside;
  for (const auto& window : windows(axes)) {
    auto& elements = inside.emplace_back();
    for (const auto index : window)
      if (index >= 0) elements.push_back(x[static_cast<std::size_t>(index)]);
  }
  if (sum) {
    build.circuit.add_linear_step(std::make_shared<WindowSums>(out, std::move(inside)));
  } else {
    const Fp sign = params.op == ReduceOp::max ? Fp(1) : -Fp(1);  // the smallest is the largest of what is negated
    std::vector<std::size_t> order(out.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
              [&](std::size_t i, std::size_t j) { return std::pair(inside[i][0], i) < std::pair(inside[j][0], j); });
    Circuit::Batch batch(build.circuit);
    for (const auto i : order) {
      batch.next();
      out[i] =
          cell(build.circuit,
               build.circuit.with_values() ? Fp::from(build.trace[step.first_output].at(static_cast<std::int64_t>(i))) : Fp());
      std::vector<Affine> elements;
      for (const auto var : inside[i]) elements.push_back(Affine::of(var, sign));
      largest(build.circuit, elements, Affine::of(out[i], sign), bits);
    }
  }
  build.values.push_back(std::move(out));
  return {};
}

}  // namespace koinon::trust::proof
