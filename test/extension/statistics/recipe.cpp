#include "test/extension/statistics/recipe.hpp"

#include <algorithm>

#include "base/codec.hpp"

namespace koinon::test::extension {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kMagic = "KST1";
constexpr std::uint16_t kMaxBins = 4096;
constexpr std::uint16_t kWhole = 10'000;
constexpr std::size_t kMaxQuantiles = 100;

}  // namespace

base::Bytes Recipe::encode() const {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(low);
  out.number(high);
  out.number(bins);
  out.number(static_cast<std::uint8_t>(quantiles.size()));
  for (const auto q : quantiles) out.number(q);
  return std::move(out).take();
}

Result<Recipe> Recipe::decode(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[recipe] does not begin with {}", kMagic);
  Recipe out;
  KOINON_TRY(out.low, in.number<std::int16_t>());
  KOINON_TRY(out.high, in.number<std::int16_t>());
  KOINON_TRY(out.bins, in.number<std::uint16_t>());
  KOINON_TRY(const auto count, in.number<std::uint8_t>());
  if (out.low >= out.high) return fail(Code::malformed, "[recipe] range {} to {}: low below high expected", out.low, out.high);
  if (out.bins == 0 || out.bins > kMaxBins)
    return fail(Code::malformed, "[recipe] {} bins: 1 to {} expected", out.bins, kMaxBins);
  if (count > kMaxQuantiles) return fail(Code::malformed, "[recipe] {} quantiles: at most {}", count, kMaxQuantiles);
  for (std::size_t i = 0; i < count; ++i) {
    KOINON_TRY(const auto q, in.number<std::uint16_t>());
    if (q > kWhole) return fail(Code::malformed, "[recipe] quantile {}: at most {} expected", q, kWhole);
    out.quantiles.push_back(q);
  }
  KOINON_CHECK(in.finish());
  return out;
}

Result<std::vector<std::int16_t>> decode_samples(base::ByteView bytes) {
  if (bytes.empty() || bytes.size() % 2 != 0 || bytes.size() / 2 > kMaxSamples)
    return fail(Code::out_of_range, "[samples] {} bytes: 2 to {} and even expected", bytes.size(), 2 * kMaxSamples);
  std::vector<std::int16_t> out(bytes.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::int16_t>(static_cast<std::uint16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8));
  return out;
}

}  // namespace koinon::test::extension
