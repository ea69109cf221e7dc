#pragma once
#include "trust/private/models/linear.hpp"

namespace koinon::trust::fhe {

/// How a linear layer of repeated rows runs under encryption, such as a convolution: rows that hold the same weights at shifted
/// places share one polynomial, and one product of a ciphertext and a plaintext gives all their sums, each at a coefficient of
/// its own (as Huang et al., Cheetah, USENIX Security 2022, section 3, do for convolutions; here the repetition is found in the
/// matrix). Further patterns follow in the same polynomial where their sums stay clear of each other. No evaluation keys.
///
/// Row r = {(i0 + d, u_d)}: u_d lies at s + D - d, D the largest d, and the row's sum at s + i0 + D. The product of x, at 0 ..
/// n-1, with the pattern touches s .. s + n - 1 + D and nothing else.
struct SharedPlan {
  struct Place {
    std::uint32_t result = 0, at = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  Parameters parameters;
  std::size_t inputs = 0, results = 0;
  std::vector<Place> places;  ///< [outputs]
  std::size_t result_level = 0;
  std::int64_t low = 0, high = 0;  ///< range of inputs
  std::int64_t bound = 0;          ///< |y| <= bound < t/2, proved
};

/// Canonical bytes: "KNPS", u16 version (1), blob of parameters, u32 inputs, u32 results, u8 result level, i64 low, high,
/// bound, u32 places, of each u32 result and u32 coefficient.
base::Bytes encode(const SharedPlan& plan);
/// Decodes a plan that nobody vouches for, and checks that it is one. Errors: malformed, unsupported.
base::Result<SharedPlan> decode_shared_plan(base::ByteView bytes);

struct SharedModel {
  SharedPlan plan;
  std::vector<PreparedPlain> weights;  ///< [result]
  std::vector<Plain> bias;             ///< [result]
};

/// The smallest degree that holds inputs and noise. Errors: those of bound_of; unsupported (more inputs than a degree).
base::Result<SharedPlan> plan_shared(const LinearLayer& layer);
/// Provider: packs the layer of a plan. Errors: invalid_argument when they differ.
base::Result<SharedModel> pack_shared(const Context& context, const SharedPlan& plan, const LinearLayer& layer);
/// Client: one ciphertext. Errors: invalid_argument, out_of_range.
base::Result<Ciphertext> encrypt_shared(const Context& context, const SharedPlan& plan, const SecretKey& key,
                                        std::span<const std::int64_t> x, base::Random& random);
/// Provider: [results], deterministic, nothing concealed. Error: invalid_argument for what is no fresh encryption.
base::Result<std::vector<Ciphertext>> evaluate_shared(const Context& context, const SharedModel& model, const Ciphertext& x,
                                                      base::ThreadPool* pool = nullptr);
/// Client: [outputs].
base::Result<std::vector<std::int64_t>> decrypt_shared(const Context& context, const SharedPlan& plan, const SecretKey& key,
                                                       std::span<const Ciphertext> results);

}  // namespace koinon::trust::fhe
