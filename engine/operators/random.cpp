#include "base/random.hpp"

#include <bit>
#include <cmath>

#include "base/hash.hpp"
#include "engine/math/math.hpp"
#include "engine/operators/expansion.hpp"
#include "engine/operators/table.hpp"

// RandomNormal, RandomUniform and their Like forms, Bernoulli, Multinomial. A program gives one output for one input, so they
// draw at import, from the seed that the node commits to: its attribute, or without one a hash of its name.
namespace koinon::engine::operators {

namespace {

/// Draws of one node.
class Draws {
 public:
  explicit Draws(const Call& call) : random_(seed(call)) {}
  /// In (0, 1).
  double uniform() { return (static_cast<double>(random_.u64() >> 12) + 0.5) * 0x1p-52; }
  /// Box and Muller's transform.
  double normal() {
    const double radius = std::sqrt(-2.0 * math::log(uniform()));
    return radius * math::cos(6.283185307179586477 * uniform());
  }

 private:
  static std::uint64_t seed(const Call& call) {
    if (call.given("seed")) return std::bit_cast<std::uint64_t>(call.real("seed", 0));
    const auto hash = base::keccak256(base::as_bytes(call.node().name));
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < 8; ++i) out = out << 8 | hash.bytes[i];
    return out;
  }
  base::SeededRandom random_;
};

Value drawn(const Call& call, const Type& type) {
  Draws draws(call);
  Value out = Value::zeros(type);
  const bool normal = call.node().op.find("Normal") != std::string::npos;
  const double low = call.real("low", 0), high = call.real("high", 1);
  const double mean = call.real("mean", 0), scale = call.real("scale", 1);
  for (auto& v : out.floats) {
    const double drawn = normal ? mean + scale * draws.normal() : low + (high - low) * draws.uniform();
    v = onnx::rounded(type.element, static_cast<float>(drawn));
  }
  return out;
}

Result<std::vector<Type>> infer(const Call& call) {
  const bool like = call.inputs() > 0;
  const auto otherwise = like ? static_cast<std::int64_t>(call.type(0).element) : std::int64_t{1};
  KOINON_TRY(const auto element, element_of(call, call.integer("dtype", otherwise)));
  if (!onnx::is_float(element)) return call.fail(Code::unsupported, "a tensor of {}", onnx::element_name(element));
  return std::vector<Type>{{element, like ? call.shape(0) : call.integers("shape")}};
}

Result<std::vector<Value>> compute(const Call& call) { return std::vector<Value>{drawn(call, call.output_type(0))}; }

/// A number below the probability is drawn.
Status expand_bernoulli(const Call& call, Expansion& to) {
  Draws draws(call);
  const auto dtype = call.integer("dtype", static_cast<std::int64_t>(call.type(0).element));
  Value levels = Value::zeros(call.type(0));
  for (auto& v : levels.floats) v = static_cast<float>(draws.uniform());
  const int hit = to.add("Less", {to.constant(std::move(levels)), call.input(0)});
  to.result(0, to.add("Cast", {hit}, Attributes{{"to", dtype}}));
  return {};
}

/// The largest of log-probability plus Gumbel noise has the distribution that is asked for.
Status expand_multinomial(const Call& call, Expansion& to) {
  const auto& x = call.shape(0);
  const auto samples = call.integer("sample_size", 1);
  if (x.size() != 2 || samples < 1 || samples > 1 << 20)
    return call.fail(Code::malformed, "{} samples of a tensor {}", samples, tensor::shape_text(x));
  Draws draws(call);
  Value noise = Value::zeros({call.type(0).element, {x[0], samples, x[1]}});
  if (noise.size() > 1 << 24) return call.fail(Code::out_of_range, "{} draws", noise.size());
  for (auto& v : noise.floats) v = static_cast<float>(-math::log(-math::log(draws.uniform())));
  const int rows = to.reshape(call.input(0), {x[0], 1, x[1]});
  const int noisy = to.add("Add", {rows, to.constant(std::move(noise))});
  const int best = to.add("ArgMax", {noisy}, Attributes{{"axis", std::int64_t{2}}, {"keepdims", std::int64_t{0}}});
  to.result(0, to.add("Cast", {best}, Attributes{{"to", call.integer("dtype", 6)}}));
  return {};
}

constexpr Operator kOperators[] = {{"RandomNormal", 1, kNewest, 0, 0, infer, compute, nullptr, true},
                                   {"RandomUniform", 1, kNewest, 0, 0, infer, compute, nullptr, true},
                                   {"RandomNormalLike", 1, kNewest, 1, 1, infer, compute, nullptr, true},
                                   {"RandomUniformLike", 1, kNewest, 1, 1, infer, compute, nullptr, true},
                                   {"Bernoulli", 15, kNewest, 1, 1, nullptr, nullptr, nullptr, false, expand_bernoulli},
                                   {"Multinomial", 7, kNewest, 1, 1, nullptr, nullptr, nullptr, false, expand_multinomial}};

}  // namespace

std::span<const Operator> random_operators() { return kOperators; }

}  // namespace koinon::engine::operators
