#include "trust/proof/open.hpp"

#include <bit>

#include "trust/proof/keccak.hpp"
#include "trust/proof/multilinear.hpp"
#include "trust/proof/open_common.hpp"
#include "trust/proof/parallel.hpp"

namespace koinon::trust::proof {

using base::Code;
using base::fail;

std::vector<unsigned> fold_plan(unsigned rows_log) {
  std::vector<unsigned> out;
  for (unsigned left = rows_log; left > kFinalLog; left -= out.back()) out.push_back(std::min(kFoldLog, left - kFinalLog / 2));
  return out;
}

void weigh_masks(std::span<Ext> weights, std::size_t rows, const Ext& rho) {
  auto masks = weights.subspan(weights.size() - kMaskColumns * rows);
  for (std::size_t k = 0; k < 3; ++k)
    for (std::size_t x = 0; x < rows; ++x) {
      const Ext unit = rho * basis(k);
      masks[k * rows + x] = unit;
      masks[(3 + k) * rows + x] = unit * Fp(std::uint64_t{1} << std::popcount(x));
    }
}

std::vector<Ext> column_scales(std::size_t columns, const Ext& gamma) {
  std::vector<Ext> out;
  Ext scale(Fp(1));
  for (; out.size() < columns - kMaskColumns; scale *= gamma) out.push_back(scale);
  for (; out.size() < columns; scale *= gamma)
    for (std::size_t k = 0; k < 3; ++k) out.push_back(scale * basis(k));
  return out;
}

base::Hash coset_hash(std::span<const Ext> coset) {
  base::Bytes message(1 + coset.size_bytes());
  message[0] = 0x12;
  std::memcpy(message.data() + 1, coset.data(), coset.size_bytes());
  return keccak256_once(message);
}

std::vector<std::uint32_t> distinct(std::vector<std::uint32_t> places) {
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

namespace {

constexpr std::size_t kChunk = 2048;  // pairs in one task

/// p(0) and p(2) of the sum of value * weight, the next variable being the lowest bit of the index.
template <class Value>
std::array<Ext, 2> product_message(std::span<const Value> values, std::span<const Ext> weights, base::ThreadPool* pool) {
  const std::size_t pairs = values.size() / 2;
  std::vector<std::array<Ext, 2>> parts((pairs + kChunk - 1) / kChunk);
  in_chunks(pool, pairs, kChunk, [&](std::size_t chunk, std::size_t begin, std::size_t end) {
    std::array<Ext, 2> sum{};
    for (std::size_t i = begin; i < end; ++i) {
      const Value &v0 = values[2 * i], &v1 = values[2 * i + 1];
      const Ext &w0 = weights[2 * i], &w1 = weights[2 * i + 1];
      sum[0] += w0 * v0;
      sum[1] += (w1 + w1 - w0) * (v1 + v1 - v0);
    }
    parts[chunk] = sum;
  });
  std::array<Ext, 2> out{};
  for (const auto& part : parts) {
    out[0] += part[0];
    out[1] += part[1];
  }
  return out;
}

/// Fixes the next variable at r.
template <class Value>
std::vector<Ext> bind_lowest(std::span<const Value> values, const Ext& r, base::ThreadPool* pool) {
  std::vector<Ext> half(values.size() / 2);
  in_chunks(pool, half.size(), kChunk, [&](std::size_t, std::size_t begin, std::size_t end) {
    for (std::size_t i = begin; i < end; ++i) half[i] = Ext(values[2 * i]) + r * (values[2 * i + 1] - values[2 * i]);
  });
  return half;
}

std::vector<Fp> all_values(std::span<const Oracle* const> oracles) {
  std::vector<Fp> out;
  for (const auto* oracle : oracles) out.insert(out.end(), oracle->messages().begin(), oracle->messages().end());
  return out;
}

Ext mask_sum(const Oracle& auxiliary, std::size_t rows) {
  std::vector<Ext> weights(kMaskColumns * rows);
  weigh_masks(weights, rows, Ext(Fp(1)));
  const auto values = auxiliary.messages().subspan((auxiliary.columns() - kMaskColumns) * rows);
  Ext out;
  for (std::size_t i = 0; i < values.size(); ++i) out += weights[i] * values[i];
  return out;
}

/// The values of the columns, each mask's three as one element of F.
std::vector<Ext> sent_columns(const std::vector<Ext>& values) {
  const std::size_t plain = values.size() - kMaskColumns;
  std::vector<Ext> out(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(plain));
  for (std::size_t m = plain; m < values.size(); m += 3)
    out.push_back(values[m] + values[m + 1] * basis(1) + values[m + 2] * basis(2));
  return out;
}

Layer make_layer(const std::vector<Ext>& message, unsigned fold, base::ThreadPool* pool) {
  Layer out;
  const auto log = static_cast<unsigned>(std::countr_zero(message.size()));
  const Encoder encoder(log, kRateLog);
  const std::size_t n = encoder.places(), blocks = n / message.size();
  std::vector<std::vector<Fp>> parts(3), words(3, std::vector<Fp>(n));
  for (std::size_t k = 0; k < 3; ++k)
    for (const auto& value : message) parts[k].push_back(value.c[k]);
  in_chunks(pool, 3 * blocks, 1, [&](std::size_t, std::size_t at, std::size_t) {
    encoder.encode_block(parts[at / blocks], at % blocks,
                         std::span(words[at / blocks]).subspan(at % blocks * message.size(), message.size()));
  });
  out.word.resize(n);
  for (std::size_t i = 0; i < n; ++i) out.word[i] = Ext(words[0][i], words[1][i], words[2][i]);
  out.coset = std::size_t{1} << fold;
  const std::size_t size = 1 + 24 * out.coset;
  std::vector<base::Hash> leaves(n / out.coset);
  in_chunks(pool, leaves.size(), 64, [&](std::size_t, std::size_t begin, std::size_t end) {
    base::Bytes buffer((end - begin) * size);
    for (std::size_t i = begin; i < end; ++i) {
      buffer[(i - begin) * size] = 0x12;
      std::memcpy(&buffer[(i - begin) * size + 1], &out.word[i * out.coset], 24 * out.coset);
    }
    keccak256_many(buffer, size, std::span(leaves).subspan(begin, end - begin));
  });
  out.tree = Tree(std::move(leaves), pool);
  return out;
}

std::vector<Ext> combine(std::span<const Oracle* const> oracles, std::size_t rows, const Ext& gamma, base::ThreadPool* pool) {
  std::size_t columns = 0;
  for (const auto* oracle : oracles) columns += oracle->columns();
  const auto scales = column_scales(columns, gamma);
  std::vector<Ext> out(rows);
  in_chunks(pool, rows, 512, [&](std::size_t, std::size_t begin, std::size_t end) {
    std::size_t column = 0;
    for (const auto* oracle : oracles)
      for (std::size_t c = 0; c < oracle->columns(); ++c, ++column) {
        const auto message = oracle->message(c);
        for (std::size_t i = begin; i < end; ++i) out[i] += scales[column] * message[i];
      }
  });
  return out;
}

/// True when the opened places and the evaluation at `point` together say nothing about a column whose last `pads` elements are
/// random: the pads that vanish at all opened places still reach all of F at the point.
bool hides(const Params& params, const std::vector<std::uint32_t>& places, std::span<const Ext> point) {
  if (params.pads < places.size() + 3) return false;
  std::vector<Fp> vanishing{Fp(1)};  // the product of z - z_q, lowest degree first
  for (const auto place : places) {
    const Fp z = domain_point(place, params.rows_log + kRateLog);
    vanishing.push_back(Fp(0));
    for (std::size_t i = vanishing.size(); i-- > 0;) vanishing[i] = (i > 0 ? vanishing[i - 1] : Fp(0)) - z * vanishing[i];
  }
  const auto eq = eq_table(point);
  const std::size_t first = params.rows() - params.pads, shifts = params.pads - places.size();
  std::array<Ext, 3> echelon{};  // rows found so far, one a pivot coordinate
  for (std::size_t s = 0; s < shifts; ++s) {
    Ext value;
    for (std::size_t i = 0; i < vanishing.size(); ++i) value += eq[first + s + i] * vanishing[i];
    for (std::size_t k = 0; k < 3; ++k) {
      if (value.c[k] == Fp(0)) continue;
      if (echelon[k].is_zero()) {
        echelon[k] = value * inverse(value.c[k]);
        break;
      }
      value -= echelon[k] * value.c[k];
    }
  }
  return !echelon[0].is_zero() && !echelon[1].is_zero() && !echelon[2].is_zero();
}

}  // namespace

FoldedWord fold_word(const Params& params, std::vector<Ext> message, std::span<const Ext> point, Transcript& transcript,
                     base::ThreadPool* pool) {
  FoldedWord out;
  std::size_t done = 0;
  for (const auto fold : fold_plan(params.rows_log)) {
    out.layers.push_back(make_layer(message, fold, pool));
    out.roots.push_back(out.layers.back().tree.root());
    transcript.absorb("open.layer", out.layers.back().tree.root().view());
    for (unsigned k = 0; k < fold; ++k, ++done) {
      std::vector<Ext> low(message.size() / 2), high(message.size() / 2);
      for (std::size_t i = 0; i < low.size(); ++i) {
        low[i] = message[2 * i];
        high[i] = message[2 * i + 1];
      }
      const auto rest = point.subspan(done + 1);
      out.rounds.push_back({evaluate(low, rest), evaluate(high, rest)});
      transcript.absorb("open.fold", out.rounds.back());
      const Ext r = transcript.challenge("open.r");
      for (std::size_t i = 0; i < low.size(); ++i) low[i] += r * (high[i] - low[i]);
      message = std::move(low);
    }
  }
  out.last = message;
  transcript.absorb("open.last", out.last);
  out.nonce = transcript.search(params.work_bits);
  transcript.work(params.work_bits, out.nonce);

  out.places = distinct(transcript.positions("open.places", params.queries, params.rows_log + kRateLog));
  return out;
}

std::vector<LayerOpening> open_layers(const FoldedWord& folding) {
  std::vector<LayerOpening> out;
  auto places = folding.places;
  for (const auto& layer : folding.layers) {
    for (auto& place : places) place = static_cast<std::uint32_t>(place / layer.coset);
    places = distinct(std::move(places));
    LayerOpening opening;
    for (const auto place : places) {
      const auto first = layer.word.begin() + static_cast<std::ptrdiff_t>(place * layer.coset);
      opening.cosets.emplace_back(first, first + static_cast<std::ptrdiff_t>(layer.coset));
    }
    opening.siblings = layer.tree.open(places);
    out.push_back(std::move(opening));
  }
  return out;
}

base::Result<OpeningProof> prove_opening(const Params& params, std::span<const Oracle* const> oracles, std::vector<Ext> weights,
                                         Transcript& transcript, base::ThreadPool* pool) {
  const std::size_t rows = params.rows();
  OpeningProof out;
  out.mask_sum = mask_sum(*oracles.back(), rows);
  transcript.absorb("open.mask", std::span(&out.mask_sum, 1));
  weigh_masks(weights, rows, transcript.challenge("open.rho"));

  const auto cells = all_values(oracles);
  std::vector<Ext> values, point;
  for (unsigned i = 0; i < params.rows_log; ++i) {  // the first round multiplies by elements of Fp, which is half of all work
    out.product_rounds.push_back(i == 0 ? product_message<Fp>(cells, weights, pool)
                                        : product_message<Ext>(values, weights, pool));
    transcript.absorb("open.product", out.product_rounds.back());
    point.push_back(transcript.challenge("open.point"));
    values = i == 0 ? bind_lowest<Fp>(cells, point.back(), pool) : bind_lowest<Ext>(values, point.back(), pool);
    weights = bind_lowest<Ext>(weights, point.back(), pool);
  }
  out.columns = sent_columns(values);
  transcript.absorb("open.columns", out.columns);

  const auto folding =
      fold_word(params, combine(oracles, rows, transcript.challenge("open.gamma"), pool), point, transcript, pool);
  out.layer_roots = folding.roots;
  out.fold_rounds = folding.rounds;
  out.last = folding.last;
  out.nonce = folding.nonce;
  if (!hides(params, folding.places, point)) return fail(Code::exhausted, "[prove] the padding does not hide; draw it anew");
  for (const auto* oracle : oracles) {
    OracleOpening opening;
    for (const auto place : folding.places) opening.rows.push_back(oracle->row(place));
    opening.siblings = oracle->tree().open(folding.places);
    out.oracles.push_back(std::move(opening));
  }
  out.layers = open_layers(folding);
  return out;
}

}  // namespace koinon::trust::proof
