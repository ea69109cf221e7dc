#pragma once
#include <span>

#include "trust/private/evaluate.hpp"

namespace koinon::trust::fhe {

/// y = W x + b over integers, with x of `inputs` elements in [low, high].
struct LinearLayer {
  std::size_t outputs = 0, inputs = 0;
  std::vector<std::int64_t> weights;  ///< [outputs, inputs]
  std::vector<std::int64_t> bias;     ///< [outputs]
  std::int64_t low = 0, high = 0;
};

/// The largest |W x + b| of all rows, for any x in range. Errors: invalid_argument (sizes), out_of_range beyond 28 bits.
base::Result<std::int64_t> bound_of(const LinearLayer& layer);
/// Parameters of a degree with `levels` primes of 50 bits, no key switching, and the smallest plain modulus beyond twice
/// `bound` (1 to 2^28). Errors: those of choose.
base::Result<Parameters> coefficient_parameters(std::uint32_t degree, std::int64_t bound, std::size_t levels);

/// How a linear layer runs under encryption: public, the same for buyer and provider.
///
/// Vectors lie in coefficients, not slots. x is the polynomial sum_i x_i X^i; `group` rows of W share a polynomial with w_(j,i)
/// at j*chunk + chunk-1-i, so that coefficient j*chunk + chunk-1 of the product is row j's sum: one product of a ciphertext and
/// a plaintext for a group of rows, no rotations and no evaluation keys (Huang et al., Cheetah, USENIX Security 2022, section
/// 3). More inputs than fit are cut into `chunks` ciphertexts.
struct LinearPlan {
  Parameters parameters;
  std::size_t outputs = 0, inputs = 0;
  std::size_t chunk = 0, chunks = 0;  ///< inputs in a ciphertext, input ciphertexts
  std::size_t group = 0, groups = 0;  ///< rows in a result, result ciphertexts
  std::size_t result_level = 0;       ///< of concealed results
  std::int64_t low = 0, high = 0;     ///< range of inputs
  std::int64_t bound = 0;             ///< |y| <= bound < t/2, proved

  /// Sets chunk, chunks, group and groups from the degree, outputs and inputs.
  void lay_out();
  [[nodiscard]] std::size_t result_at(std::size_t row) const { return (row % group) * chunk + chunk - 1; }
  friend bool operator==(const LinearPlan&, const LinearPlan&) = default;
};

/// Canonical bytes: "KNPL", u16 version (1), blob of parameters, u32 outputs, u32 inputs, i64 low, high, bound, u8 result
/// level.
base::Bytes encode(const LinearPlan& plan);
/// Decodes a plan that nobody vouches for, and checks that it is one. Whether a provider keeps to it only its check can tell.
/// Errors: malformed, unsupported.
base::Result<LinearPlan> decode_linear_plan(base::ByteView bytes);

/// The provider's side: a plan with the weights packed for it.
struct LinearModel {
  LinearPlan plan;
  std::vector<std::vector<PreparedPlain>> weights;  ///< [group][chunk]
  std::vector<Plain> bias;                          ///< [group]
};

/// Bits by which concealed results hide the error that the weights left (see flood).
inline constexpr int kFloodBits = 40;

/// Finds the smallest parameters for which every output is exact for every input in range, flooding included. Errors:
/// invalid_argument on sizes that do not fit, out_of_range when a sum can leave 29 bits (says which row), unsupported when no
/// degree in the table is large enough.
base::Result<LinearPlan> plan_linear(const LinearLayer& layer);
/// Packs the weights. Errors: invalid_argument when layer and plan differ.
base::Result<LinearModel> pack_linear(const Context& context, const LinearPlan& plan, const LinearLayer& layer);

/// Buyer: encrypts x. Errors: invalid_argument on another size, out_of_range on an element outside [low, high].
base::Result<std::vector<Ciphertext>> encrypt_inputs(const Context& context, const LinearPlan& plan, const SecretKey& key,
                                                     std::span<const std::int64_t> x, base::Random& random);
/// Provider: one ciphertext a group. Deterministic: what claims bind and quorums compare.
base::Result<std::vector<Ciphertext>> evaluate_linear(const Context& context, const LinearModel& model,
                                                      std::span<const Ciphertext> inputs, base::ThreadPool* pool = nullptr);
/// Provider, before results leave: hides every coefficient that is no output under uniform values, floods the error, and
/// switches to the smallest modulus. All is drawn from `seed`, which the owner shares with its providers and auditors, and no
/// buyer.
base::Result<std::vector<Ciphertext>> conceal(const Context& context, const LinearPlan& plan, const PublicKey& key,
                                              std::span<const Ciphertext> results, const base::Hash& seed);
/// Buyer: the outputs.
base::Result<std::vector<std::int64_t>> decrypt_outputs(const Context& context, const LinearPlan& plan, const SecretKey& key,
                                                        std::span<const Ciphertext> results);

}  // namespace koinon::trust::fhe
