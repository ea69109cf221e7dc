#include "trust/private/models/aggregate.hpp"

#include "trust/private/evaluate.hpp"
#include "trust/private/models/linear.hpp"

namespace koinon::trust::fhe {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;

constexpr std::int64_t kMostSum = std::int64_t{1} << 28;
constexpr std::size_t kMostLength = std::size_t{1} << 26;

Status check(const Context& context, const AggregatePlan& plan, std::size_t ciphertexts) {
  if (context.parameters() != plan.parameters || ciphertexts != plan.chunks())
    return fail(Code::invalid_argument, "[aggregate] {} ciphertexts: {} under the plan's parameters expected", ciphertexts,
                plan.chunks());
  return {};
}

/// Whether sums of so many fresh encryptions decrypt.
bool holds(const Parameters& parameters, std::size_t parties) {
  const NoisePlan noise(parameters);
  return noise.fits("sum", noise.fresh_public() + log2_ceil(parties), parameters.primes.size()).has_value();
}

}  // namespace

Result<AggregatePlan> plan_aggregate(std::size_t length, std::size_t parties, std::int64_t bound) {
  if (length < 1 || length > kMostLength || parties < 1 || bound < 1)
    return fail(Code::invalid_argument, "[aggregate] {} parties of {} integers up to {}: 1 to {} integers expected", parties,
                length, bound, kMostLength);
  if (bound >= kMostSum || parties > static_cast<std::size_t>(kMostSum / bound))
    return fail(
        Code::out_of_range,
        "[aggregate] {} parties of integers up to {}: a sum below 2^28 expected; fewer bits of updates or fewer parties "
        "help",
        parties, bound);
  AggregatePlan plan{.parameters = {}, .length = length, .parties = parties, .bound = bound};
  for (const std::uint32_t degree : {4096U, 8192U})
    for (std::size_t levels = 1; levels <= 4; ++levels) {
      auto parameters = coefficient_parameters(degree, bound * static_cast<std::int64_t>(parties), levels);
      if (!parameters || !holds(*parameters, parties)) continue;
      plan.parameters = *std::move(parameters);
      return plan;
    }
  return fail(Code::unsupported, "[aggregate] {} parties: no parameters hold the noise of their sum", parties);
}

Result<std::vector<Ciphertext>> encrypt_update(const Context& context, const AggregatePlan& plan, const PublicKey& key,
                                               std::span<const std::int64_t> update, base::Random& random) {
  KOINON_CHECK(check(context, plan, plan.chunks()));
  if (update.size() != plan.length)
    return fail(Code::invalid_argument, "[aggregate] an update of {} integers: {} expected", update.size(), plan.length);
  std::vector<Ciphertext> out;
  const std::size_t degree = plan.parameters.degree;
  for (std::size_t c = 0; c < plan.chunks(); ++c) {
    Plain plain{std::vector<std::int32_t>(degree)};
    for (std::size_t i = 0; i < degree && c * degree + i < plan.length; ++i) {
      const auto value = update[c * degree + i];
      if (value < -plan.bound || value > plan.bound)
        return fail(Code::out_of_range, "[aggregate] integer {} of an update: within {} expected", c * degree + i, plan.bound);
      plain.coefficients[i] = static_cast<std::int32_t>(value);
    }
    auto made = encrypt(context, key, plain, context.levels(), random);
    base::wipe({reinterpret_cast<std::uint8_t*>(plain.coefficients.data()), degree * sizeof(std::int32_t)});
    KOINON_TRY(out.emplace_back(), std::move(made));
  }
  return out;
}

Result<std::vector<Ciphertext>> add_updates(const Context& context, const AggregatePlan& plan,
                                            std::span<const std::vector<Ciphertext>> updates) {
  if (updates.empty() || updates.size() > plan.parties)
    return fail(Code::invalid_argument, "[aggregate] {} updates: 1 to {} expected", updates.size(), plan.parties);
  const Evaluator evaluator(context);
  const auto fresh = evaluator.plan().fresh_public();
  std::vector<Ciphertext> out;
  for (std::size_t party = 0; party < updates.size(); ++party) {
    KOINON_CHECK(check(context, plan, updates[party].size()));
    for (std::size_t c = 0; c < updates[party].size(); ++c) {
      auto one = updates[party][c];
      if (one.level != context.levels() || one.parts.size() != 2 || one.noise > fresh)
        return fail(Code::invalid_argument, "[aggregate] update {}: fresh encryptions expected", party);
      one.noise = fresh;
      if (party == 0) {
        out.push_back(std::move(one));
      } else {
        KOINON_TRY(out[c], evaluator.add(out[c], one));
      }
    }
  }
  return out;
}

Result<std::vector<std::int64_t>> decrypt_sum(const Context& context, const AggregatePlan& plan, const SecretKey& key,
                                              std::span<const Ciphertext> sum) {
  KOINON_CHECK(check(context, plan, sum.size()));
  std::vector<std::int64_t> out(plan.length);
  const std::size_t degree = plan.parameters.degree;
  for (std::size_t c = 0; c < sum.size(); ++c) {
    KOINON_TRY(const auto plain, decrypt(context, key, sum[c]));
    for (std::size_t i = 0; i < degree && c * degree + i < plan.length; ++i) out[c * degree + i] = plain.coefficients[i];
  }
  return out;
}

}  // namespace koinon::trust::fhe
