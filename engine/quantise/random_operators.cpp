#include <numeric>

#include "engine/quantise/random_maker.hpp"

namespace koinon::engine::quantise {

void Maker::unary() {
  struct Function {
    const char* op;
    double (*f)(double);  ///< monotone; null: in [low, high] whatever x
    double low, high;
    Attributes attributes;
  };
  static const std::vector<Function> all = {
      {"Relu", [](double x) { return std::max(x, 0.0); }, 0, 0, {}},
      {"Sigmoid", nullptr, 0, 1, {}},
      {"Tanh", nullptr, -1, 1, {}},
      {"Erf", nullptr, -1, 1, {}},
      {"Sin", nullptr, -1, 1, {}},
      {"Cos", nullptr, -1, 1, {}},
      {"Softsign", nullptr, -1, 1, {}},
      {"HardSigmoid", nullptr, 0, 1, {{"alpha", 0.25}}},
      {"Atan", nullptr, -1.6, 1.6, {}},
      {"Neg", [](double x) { return -x; }, 0, 0, {}},
      {"Softplus", [](double x) { return std::log1p(std::exp(x)); }, 0, 0, {}},
      {"LeakyRelu", [](double x) { return x < 0 ? 0.1 * x : x; }, 0, 0, {{"alpha", 0.1}}},
      {"Elu", [](double x) { return x < 0 ? std::expm1(x) : x; }, 0, 0, {}},
      {"Selu", [](double x) { return 1.06 * (x < 0 ? 1.68 * std::expm1(x) : x); }, 0, 0, {}},
      {"Clip", [](double x) { return x; }, 0, 0, {}},
      {"Floor", [](double x) { return std::floor(x); }, 0, 0, {}},
      {"Ceil", [](double x) { return std::ceil(x); }, 0, 0, {}},
      {"Round", [](double x) { return std::nearbyint(x); }, 0, 0, {}},
      {"Identity", [](double x) { return x; }, 0, 0, {}},
      {"Sign", nullptr, -1, 1, {}},
  };
  const auto x = pick();
  const auto& f = all[static_cast<std::size_t>(dice_.roll(static_cast<std::int64_t>(all.size())))];
  double low = f.low, high = f.high;
  if (f.f != nullptr) {
    low = std::min(f.f(x.low), f.f(x.high));
    high = std::max(f.f(x.low), f.f(x.high));
  }
  std::vector<std::string> inputs{x.name};
  if (std::string_view(f.op) == "Clip") {
    low = dice_.real(-2, 0);
    high = dice_.real(0.1, 3);
    inputs.push_back(reals({}, low, low));
    inputs.push_back(reals({}, high, high));
  }
  keep({node(f.op, inputs, f.attributes), x.shape, low, high});
}

void Maker::positive() {
  const auto x = pick();
  auto name = node("Add", {node("Abs", {x.name}), reals({}, 0.3, 0.3)});
  const double high = x.size() + 0.3;
  switch (dice_.roll(4)) {
    case 0: return keep({node("Sqrt", {name}), x.shape, 0.5, std::sqrt(high)});
    case 1: return keep({node("Log", {name}), x.shape, std::log(0.3), std::log(high)});
    case 2: return keep({node("Reciprocal", {name}), x.shape, 0, 1 / 0.3});
    default: {
      const auto y = pick();
      if (y.shape != x.shape) return keep({node("Pow", {name, reals({}, 1.5, 1.5)}), x.shape, 0, std::pow(high, 1.5)});
      return keep({node("Div", {y.name, name}), x.shape, -y.size() / 0.3, y.size() / 0.3});
    }
  }
}

void Maker::binary() {
  const auto a = pick();
  // A value that broadcasts with it, or one that is cut to do so.
  std::vector<Made> fits;
  for (const auto& v : pool_)
    if (v.shape == a.shape || v.rank() == 0 || (v.rank() == 1 && a.rank() > 0 && v.shape[0] == a.shape.back()))
      fits.push_back(v);
  const auto b = fits[static_cast<std::size_t>(dice_.roll(static_cast<std::int64_t>(fits.size())))];
  const double sum = a.size() + b.size(), most = std::max(a.size(), b.size());
  switch (dice_.roll(6)) {
    case 0: return keep({node("Add", {a.name, b.name}), a.shape, -sum, sum});
    case 1: return keep({node("Sub", {a.name, b.name}), a.shape, -sum, sum});
    case 2: return keep({node("Mul", {a.name, b.name}), a.shape, -a.size() * b.size(), a.size() * b.size()});
    case 3: return keep({node("Max", {a.name, b.name}), a.shape, -most, most});
    case 4: return keep({node("Min", {a.name, b.name}), a.shape, -most, most});
    default: return keep({node("Mean", {a.name, b.name}), a.shape, -most, most});
  }
}

void Maker::arithmetic_with_constant() {
  const auto x = pick();
  Sizes shape = x.shape;
  if (!shape.empty() && dice_.roll(2) == 0) shape = {shape.back()};
  if (dice_.roll(3) == 0) shape = {};
  switch (dice_.roll(5)) {
    case 0: return keep({node("Add", {x.name, reals(shape, -2, 2)}), x.shape, x.low - 2, x.high + 2});
    case 1: return keep({node("Sub", {reals(shape, -2, 2), x.name}), x.shape, -x.size() - 2, x.size() + 2});
    case 2: return keep({node("Mul", {x.name, reals(shape, -2, 2)}), x.shape, -2 * x.size(), 2 * x.size()});
    case 3: return keep({node("Div", {x.name, reals(shape, 0.5, 2)}), x.shape, -2 * x.size(), 2 * x.size()});
    default: return keep({node("PRelu", {x.name, reals(shape, 0, 0.5)}), x.shape, x.low, std::max(x.high, 0.0)});
  }
}

void Maker::compare() {
  const auto x = pick();
  static const char* const ops[] = {"Less", "Greater", "GreaterOrEqual", "LessOrEqual"};
  const auto c = dice_.real(-0.5, 0.5);
  const auto* op = ops[dice_.roll(4)];
  auto condition = node(op, {x.name, reals({}, c, c)});
  if (dice_.roll(3) == 0) condition = node("Not", {condition});
  if (dice_.roll(3) == 0) return keep({node("Cast", {condition}, {{"to", std::int64_t{1}}}), x.shape, 0, 1});
  const auto other = reals(x.shape, -1, 1);
  keep({node("Where", {condition, x.name, other}), x.shape, std::min(x.low, -1.0), std::max(x.high, 1.0)});
}

void Maker::product() {
  const auto picked = pick();
  const auto x = picked.rank() < 2 ? shaped(picked, 2) : picked;
  const auto k = x.shape.back(), n = roll(1, 12);
  Sizes shape = x.shape;
  const double reach = x.size() * static_cast<double>(k);
  switch (dice_.roll(4)) {
    case 0: {
      if (x.rank() != 2) break;
      shape.back() = n;
      return keep({node("Gemm", {x.name, reals({n, k}, -1, 1), reals({n}, -1, 1)}, {{"transB", std::int64_t{1}}}), shape,
                   -reach - 1, reach + 1});
    }
    case 1: {
      // With its own transpose: two values.
      Sizes order(x.rank());
      std::iota(order.begin(), order.end(), 0);
      std::swap(order[x.rank() - 1], order[x.rank() - 2]);
      shape.back() = x.shape[x.rank() - 2];
      if (elements(shape) > kMostElements) break;
      const auto turned = node("Transpose", {x.name}, {{"perm", order}});
      return keep({node("MatMul", {x.name, turned}), shape, -reach * x.size(), reach * x.size()});
    }
    default: break;
  }
  shape.back() = n;
  keep({node("MatMul", {x.name, reals({k, n}, -1, 1)}), shape, -reach, reach});
}

void Maker::convolution() {
  const auto rank = static_cast<std::size_t>(roll(3, 4));
  const auto x = shaped(pick(), rank);
  const auto c = x.shape[1];
  const std::int64_t groups = dice_.roll(3) == 0 ? c : 1;
  const bool transposed = dice_.roll(4) == 0;
  const auto out = groups * roll(1, 3);
  Sizes kernel, strides, pads(2 * (rank - 2)), shape{x.shape[0], out};
  for (std::size_t d = 2; d < rank; ++d) {
    const auto k = roll(1, std::min<std::int64_t>(3, x.shape[d])), s = roll(1, 2);
    kernel.push_back(k);
    strides.push_back(s);
    auto& before = pads[d - 2];
    auto& after = pads[d - 2 + rank - 2];
    if (!transposed) {
      before = roll(0, k - 1);
      after = roll(0, k - 1);
    }
    shape.push_back(transposed ? (x.shape[d] - 1) * s + k : (x.shape[d] + before + after - k) / s + 1);
  }
  if (elements(shape) > kMostElements) return unary();
  Sizes w = transposed ? Sizes{c, out / groups} : Sizes{out, c / groups};
  w.insert(w.end(), kernel.begin(), kernel.end());
  const double reach = x.size() * static_cast<double>(c / groups * elements(kernel)) + 1;
  const Attributes attributes{{"strides", strides}, {"pads", pads}, {"group", groups}};
  keep({node(transposed ? "ConvTranspose" : "Conv", {x.name, reals(w, -1, 1), reals({out}, -1, 1)}, attributes), shape, -reach,
        reach});
}

void Maker::pooling() {
  const auto x = shaped(pick(), 4);
  Sizes shape = x.shape, kernel, strides;
  for (std::size_t d = 2; d < 4; ++d) {
    kernel.push_back(roll(1, std::min<std::int64_t>(3, shape[d])));
    strides.push_back(roll(1, 2));
    shape[d] = (shape[d] - kernel.back()) / strides.back() + 1;
  }
  const Attributes attributes{{"kernel_shape", kernel}, {"strides", strides}};
  switch (dice_.roll(4)) {
    case 0: return keep({node("MaxPool", {x.name}, attributes), shape, x.low, x.high});
    case 1: return keep({node("AveragePool", {x.name}, attributes), shape, x.low, x.high});
    case 2: return keep({node("GlobalAveragePool", {x.name}), {shape[0], shape[1], 1, 1}, x.low, x.high});
    default: return keep({node("GlobalMaxPool", {x.name}), {shape[0], shape[1], 1, 1}, x.low, x.high});
  }
}

void Maker::normalisation() {
  const auto picked = pick();
  const auto x = picked.rank() < 3 ? shaped(picked, 3) : picked;
  const auto c = x.shape[1], last = x.shape.back(), plane = elements(x.shape) / (c * x.shape[0]);
  static constexpr double kEpsilons[] = {1e-5, 1e-3, 0.05};
  const double epsilon = kEpsilons[dice_.roll(3)];
  const auto factors = [&](std::int64_t n) { return reals({n}, 0.5, 1.5); };
  const auto offsets = [&](std::int64_t n) { return reals({n}, -1, 1); };
  const auto reach = [&](std::int64_t n) { return 1.5 * std::sqrt(static_cast<double>(n)) + 1; };
  const auto made = [&](const std::string& name, double most) { keep({name, x.shape, -most, most}); };
  const Attributes plain{{"epsilon", epsilon}};
  switch (dice_.roll(7)) {
    case 0: {
      const auto name = node("BatchNormalization", {x.name, factors(c), offsets(c), offsets(c), reals({c}, 0.5, 2)});
      return made(name, 3 * x.size() + 4);
    }
    case 1: {
      if (plane < 2) return unary();
      return made(node("InstanceNormalization", {x.name, factors(c), offsets(c)}, plain), reach(plane));
    }
    case 2: {
      const auto groups = c % 2 == 0 ? roll(1, 2) : 1, n = plane * c / groups;
      if (n < 2) return unary();
      const Attributes attributes{{"epsilon", epsilon}, {"num_groups", groups}};
      return made(node("GroupNormalization", {x.name, factors(c), offsets(c)}, attributes), reach(n));
    }
    case 3: {
      const Attributes attributes{{"epsilon", epsilon}, {"axis", std::int64_t{-1}}};
      return made(node("RMSNormalization", {x.name, factors(last)}, attributes), reach(last));
    }
    case 4: {
      const double alpha = dice_.real(0.01, 1), beta = dice_.real(0.25, 1);
      const Attributes attributes{{"size", roll(1, 4)}, {"alpha", alpha}, {"beta", beta}, {"bias", 1.0}};
      return made(node("LRN", {x.name}, attributes), x.size());
    }
    case 5: return made(node("LpNormalization", {x.name}, {{"axis", std::int64_t{-1}}, {"p", roll(1, 2)}}), 1);
    default: {
      if (last < 2) return unary();
      const Attributes attributes{{"axis", std::int64_t{-1}}, {"epsilon", epsilon}};
      return made(node("LayerNormalization", {x.name, factors(last), offsets(last)}, attributes), reach(last));
    }
  }
}

void Maker::softmax() {
  const auto x = pick();
  if (x.rank() == 0) return unary();
  const Attributes attributes{{"axis", static_cast<std::int64_t>(axis(x))}};
  if (dice_.roll(3) == 0) return keep({node("LogSoftmax", {x.name}, attributes), x.shape, -2 * x.size() - 8, 0});
  keep({node("Softmax", {x.name}, attributes), x.shape, 0, 1});
}

}  // namespace koinon::engine::quantise
