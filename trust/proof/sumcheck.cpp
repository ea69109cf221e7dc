#include "trust/proof/sumcheck.hpp"

#include "trust/proof/parallel.hpp"

namespace koinon::trust::proof {

std::vector<Ext> mask_total_weights(unsigned degree, unsigned variables) {
  const Fp all = power(Fp(2), variables), half = all * inverse(Fp(2));
  std::vector<Ext> out(std::size_t{degree} * variables + 1, Ext(half));
  out[0] = Ext(all);
  return out;
}

std::vector<Ext> mask_value_weights(unsigned degree, std::span<const Ext> point) {
  std::vector<Ext> out{Ext(Fp(1))};
  for (const auto& r : point) {
    Ext at = r;
    for (unsigned k = 1; k <= degree; ++k, at *= r) out.push_back(at);
  }
  return out;
}

namespace {

Ext dot(std::span<const Ext> a, std::span<const Ext> b) {
  Ext out;
  for (std::size_t i = 0; i < a.size(); ++i) out += a[i] * b[i];
  return out;
}

}  // namespace

Ext MaskPolynomial::total() const { return dot(coefficients, mask_total_weights(degree, variables())); }

Ext MaskPolynomial::at(std::span<const Ext> point) const { return dot(coefficients, mask_value_weights(degree, point)); }

Ext MaskPolynomial::partial(std::span<const Ext> bound, const Ext& x) const {
  const unsigned left = variables() - static_cast<unsigned>(bound.size()) - 1;
  std::vector<Ext> point(bound.begin(), bound.end());
  point.push_back(x);
  const auto weights = mask_value_weights(degree, point);
  Ext out = dot(std::span(coefficients).first(weights.size()), weights) * power(Fp(2), left);
  Ext rest;
  for (std::size_t i = weights.size(); i < coefficients.size(); ++i) rest += coefficients[i];
  if (left > 0) out += rest * power(Fp(2), left - 1);
  return out;
}

namespace {

constexpr std::size_t kChunk = 2048;

/// Sums of the product of all factors with the next variable at 0, 2, ..., degree.
std::vector<Ext> product_message(const std::vector<std::vector<Ext>>& factors, base::ThreadPool* pool) {
  const std::size_t degree = factors.size(), pairs = factors[0].size() / 2;
  std::vector<std::vector<Ext>> parts((pairs + kChunk - 1) / kChunk, std::vector<Ext>(degree));
  in_chunks(pool, pairs, kChunk, [&](std::size_t chunk, std::size_t begin, std::size_t end) {
    auto& sums = parts[chunk];
    std::array<Ext, 3> at{}, slope{};
    for (std::size_t i = begin; i < end; ++i) {
      Ext product(Fp(1));
      for (std::size_t f = 0; f < degree; ++f) {
        at[f] = factors[f][2 * i];
        slope[f] = factors[f][2 * i + 1] - at[f];
        product = f == 0 ? at[f] : product * at[f];
      }
      sums[0] += product;
      for (std::size_t f = 0; f < degree; ++f) at[f] += slope[f];
      for (std::size_t k = 1; k < degree; ++k) {
        for (std::size_t f = 0; f < degree; ++f) {
          at[f] += slope[f];
          product = f == 0 ? at[f] : product * at[f];
        }
        sums[k] += product;
      }
    }
  });
  std::vector<Ext> out(degree);
  for (const auto& part : parts)
    for (std::size_t k = 0; k < degree; ++k) out[k] += part[k];
  return out;
}

void fold_factor(std::vector<Ext>& factor, const Ext& r, base::ThreadPool* pool) {
  std::vector<Ext> half(factor.size() / 2);
  in_chunks(pool, half.size(), kChunk, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) half[i] = factor[2 * i] + r * (factor[2 * i + 1] - factor[2 * i]);
  });
  factor.swap(half);
}

Ext product_sum(const std::vector<std::vector<Ext>>& factors) {
  Ext out;
  for (std::size_t i = 0; i < factors[0].size(); ++i) {
    Ext product = factors[0][i];
    for (std::size_t f = 1; f < factors.size(); ++f) product *= factors[f][i];
    out += product;
  }
  return out;
}

void absorb_values(const SumcheckProof& proof, const SumcheckLabels& labels, Transcript& transcript) {
  const std::array<Ext, 3> values{proof.values[0], proof.values[1], proof.mask};
  transcript.absorb(labels.values, values);
}

}  // namespace

std::pair<SumcheckProof, std::vector<Ext>> prove_sumcheck(std::vector<std::vector<Ext>> factors, const MaskPolynomial& mask,
                                                          const SumcheckLabels& labels, Transcript& transcript,
                                                          base::ThreadPool* pool) {
  SumcheckProof out;
  std::vector<Ext> point;
  out.total = product_sum(factors) + mask.total();
  transcript.absorb(labels.total, std::span(&out.total, 1));
  for (unsigned round = 0; round < mask.variables(); ++round) {
    auto message = product_message(factors, pool);
    for (std::size_t k = 0; k < message.size(); ++k) message[k] += mask.partial(point, Ext(Fp(k == 0 ? 0 : k + 1)));
    transcript.absorb(labels.message, message);
    out.messages.insert(out.messages.end(), message.begin(), message.end());
    point.push_back(transcript.challenge(labels.point));
    for (auto& factor : factors) fold_factor(factor, point.back(), pool);
  }
  out.values = {factors[factors.size() - 2][0], factors.back()[0]};
  out.mask = mask.at(point);
  absorb_values(out, labels, transcript);
  return {std::move(out), std::move(point)};
}

SumcheckEnd follow_sumcheck(const SumcheckProof& proof, unsigned degree, unsigned variables, const SumcheckLabels& labels,
                            Transcript& transcript) {
  KOINON_INVARIANT(proof.messages.size() == std::size_t{degree} * variables);
  SumcheckEnd out;
  out.claim = proof.total;
  transcript.absorb(labels.total, std::span(&proof.total, 1));
  for (unsigned round = 0; round < variables; ++round) {
    const auto message = std::span(proof.messages).subspan(std::size_t{round} * degree, degree);
    transcript.absorb(labels.message, message);
    out.point.push_back(transcript.challenge(labels.point));
    out.claim = round_value(message, out.claim, out.point.back());
  }
  absorb_values(proof, labels, transcript);
  return out;
}

}  // namespace koinon::trust::proof
