#include "work/encrypted/sum_plan.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/codec.hpp"

namespace koinon::work {
namespace {

using base::Code;
using base::fail;
using base::Result;

constexpr std::string_view kPlanMagic = "KNSU";
constexpr std::string_view kCipherMagic = "KNSC";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMaxBlob = 0xffffffff;
constexpr std::int64_t kMostSum = (std::int64_t{1} << 28) - 1;
constexpr std::int64_t kMostBound = (std::int64_t{1} << 24) - 1;  ///< finer than a float is of no use

Result<base::Reader> opened(base::ByteView bytes, std::string_view magic) {
  base::Reader in(bytes);
  KOINON_TRY(const auto head, in.raw(magic.size()));
  if (base::as_text(head) != magic) return fail(Code::malformed, "[sum] the bytes do not start with {}", magic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[sum] version {}: {} expected", version, kVersion);
  return in;
}

base::Writer started(std::string_view magic) {
  base::Writer out;
  out.raw(base::as_bytes(magic));
  out.number(kVersion);
  return out;
}

}  // namespace

Result<SumPlan> SumPlan::make(std::size_t length, std::size_t parties, double largest) {
  if (!(largest >= 0x1p-100 && largest <= 0x1p100))
    return fail(Code::invalid_argument, "[sum] numbers up to {}: 2^-100 to 2^100 expected", largest);
  const auto bound = parties == 0 ? 1 : std::clamp<std::int64_t>(kMostSum / static_cast<std::int64_t>(parties), 1, kMostBound);
  SumPlan out;
  KOINON_TRY(out.plan, trust::fhe::plan_aggregate(length, parties, bound));
  out.largest = largest;
  return out;
}

Result<std::vector<std::int64_t>> SumPlan::integers(std::span<const double> update) const {
  if (update.size() != plan.length)
    return fail(Code::invalid_argument, "[sum] an update of {} numbers: {} expected", update.size(), plan.length);
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < update.size(); ++i) {
    if (!(std::fabs(update[i]) <= largest))
      return fail(Code::out_of_range, "[sum] number {} of the update is {}: within {} planned", i, update[i], largest);
    out.push_back(static_cast<std::int64_t>(std::floor(update[i] / unit() + 0.5)));
  }
  return out;
}

std::vector<double> SumPlan::reals(std::span<const std::int64_t> sums) const {
  std::vector<double> out;
  for (const auto v : sums) out.push_back(static_cast<double>(v) * unit());
  return out;
}

base::Bytes SumPlan::encode() const {
  auto out = started(kPlanMagic);
  out.number(static_cast<std::uint32_t>(plan.length));
  out.number(static_cast<std::uint32_t>(plan.parties));
  out.number(std::bit_cast<std::uint64_t>(largest));
  return std::move(out).take();
}

Result<SumPlan> SumPlan::decode(base::ByteView bytes) {
  KOINON_TRY(auto in, opened(bytes, kPlanMagic));
  KOINON_TRY(const auto length, in.number<std::uint32_t>());
  KOINON_TRY(const auto parties, in.number<std::uint32_t>());
  KOINON_TRY(const auto bits, in.number<std::uint64_t>());
  KOINON_CHECK(in.finish());
  auto out = make(length, parties, std::bit_cast<double>(bits));
  if (!out) return fail(Code::malformed, "{}", out.error().text);
  return out;
}

base::Bytes SumCiphers::encode() const {
  auto out = started(kCipherMagic);
  out.number(updates);
  out.blob(ciphers);
  return std::move(out).take();
}

Result<SumCiphers> SumCiphers::decode(base::ByteView bytes) {
  KOINON_TRY(auto in, opened(bytes, kCipherMagic));
  SumCiphers out;
  KOINON_TRY(out.updates, in.number<std::uint32_t>());
  if (out.updates == 0) return fail(Code::malformed, "[sum] ciphertexts of no update");
  KOINON_TRY(const auto ciphers, in.blob(kMaxBlob));
  KOINON_CHECK(in.finish());
  out.ciphers.assign(ciphers.begin(), ciphers.end());
  return out;
}

}  // namespace koinon::work
