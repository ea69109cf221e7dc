#include "work/federated/partition.hpp"

#include <algorithm>
#include <cmath>

#include "engine/math/math.hpp"
#include "engine/train/arith/generator.hpp"
#include "work/federated/privacy.hpp"

namespace koinon::work::federated {
namespace {

using base::Code;
using base::fail;
namespace math = engine::math;

double uniform(base::Random& source) { return (static_cast<double>(source.u64() >> 11) + 0.5) * 0x1p-53; }

/// log of a number of the gamma distribution (Marsaglia and Tsang, 2000; below 1 by a power of a uniform number). Its
/// logarithm, because numbers of small `alpha` are below every double.
double log_gamma_number(double alpha, base::Random& source) {
  const double raised = alpha < 1 ? alpha + 1 : alpha;
  const double d = raised - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  Gaussian normal(source);
  for (;;) {
    const double x = normal.next(), cube = 1 + c * x;
    if (cube <= 0) continue;
    const double v = cube * cube * cube;
    if (math::log(uniform(source)) >= 0.5 * x * x + d - d * v + d * math::log(v)) continue;
    return math::log(d * v) + (alpha < 1 ? math::log(uniform(source)) / alpha : 0);
  }
}

std::vector<double> dirichlet(std::size_t parts, double alpha, base::Random& source) {
  std::vector<double> out(parts);
  for (auto& v : out) v = log_gamma_number(alpha, source);
  const double most = *std::ranges::max_element(out);
  double sum = 0;
  for (auto& v : out) sum += v = v - most < -700 ? 0 : math::exp(v - most);
  for (auto& v : out) v /= sum;
  return out;
}

/// Owners with fewer than `least` get samples from the largest.
void level(std::vector<Samples>& parts, std::size_t least) {
  for (auto& part : parts)
    while (part.size() < least) {
      auto& largest = *std::ranges::max_element(parts, {}, [](const auto& p) { return p.size(); });
      part.push_back(largest.back());
      largest.pop_back();
    }
}

}  // namespace

base::Result<std::vector<Samples>> deal(const DataSet& data, std::size_t parts, double alpha, std::size_t least,
                                        std::uint64_t seed) {
  if (parts == 0 || data.count > INT32_MAX || data.count / parts < least)
    return fail(Code::invalid_argument, "[federated] {} samples for {} participants: {} each expected", data.count, parts,
                least);
  const bool labels = data.classes > 0 && data.targets.size() == data.count;
  if (alpha > 0 && !labels)
    return fail(Code::invalid_argument, "[federated] uneven parts: data with one class a sample expected");
  using engine::train::Generator;
  const auto order =
      permutation(Generator(seed, engine::train::Stream::order, UINT32_MAX), static_cast<std::uint32_t>(data.count));
  std::vector<Samples> out(parts);
  if (alpha <= 0) {
    for (std::size_t i = 0; i < order.size(); ++i) out[i % parts].push_back(order[i]);
    return out;
  }
  base::SeededRandom source(seed);
  for (std::int64_t c = 0; c < data.classes; ++c) {
    Samples of_class;
    for (const auto s : order)
      if (static_cast<std::int64_t>(data.targets[s]) == c) of_class.push_back(s);
    const auto shares = dirichlet(parts, alpha, source);
    double end = 0;
    std::size_t at = 0;
    for (std::size_t p = 0; p < parts; ++p) {
      end += shares[p] * static_cast<double>(of_class.size());
      const auto stop = p + 1 == parts ? of_class.size() : std::min(of_class.size(), static_cast<std::size_t>(end + 0.5));
      for (; at < stop; ++at) out[p].push_back(of_class[at]);
    }
  }
  level(out, least);
  // Classes one after another would make a voter's own samples, the last ones, those of a few classes.
  for (std::size_t p = 0; p < parts; ++p) {
    const auto mixed = permutation(Generator(seed, engine::train::Stream::order, p), static_cast<std::uint32_t>(out[p].size()));
    Samples next;
    for (const auto i : mixed) next.push_back(out[p][i]);
    out[p] = std::move(next);
  }
  return out;
}

}  // namespace koinon::work::federated
