#pragma once
#include <variant>

#include "trust/private/models/network_program.hpp"

namespace koinon::trust::fhe {

/// What a buyer needs to encrypt inputs of a program and to finish its results: made by the owner, public. It holds no weights
/// but those of the rest, which the buyer runs.
struct Bundle {
  std::variant<LinearPlan, NetworkPlan> plan;
  bool thermometer = false;              ///< the input goes in as bits: thermometers, or at `cuts`
  Cuts cuts;                             ///< as NetworkProgram::cuts: thresholds that the buyer sees
  engine::program::Program description;  ///< of the program, without weights: inputs, outputs, id
  engine::program::Program rest;         ///< its inputs take the decrypted sums, one after another

  [[nodiscard]] const Parameters& parameters() const;
  [[nodiscard]] std::size_t inputs() const;  ///< encrypted integers of one input
  friend bool operator==(const Bundle&, const Bundle&) = default;
};

/// A bundle with the provider's side.
struct Compiled {
  Bundle bundle;
  std::variant<LinearLayer, TableNetwork> weights;
};

/// Plans any program, steps of constants folded: as a linear layer where it is one, else as a table network, else as sums over
/// bits of the input (sums.hpp). Errors: unsupported, naming the step that cannot be done and what would help; those of
/// compile_network and the plans.
base::Result<Compiled> compile(const engine::program::Program& program);

/// Canonical bytes: "KNPB", u16 version (1), u8 kind (1 linear, 2 network), blob of the plan, u8 input (0 integers, 1
/// thermometers, 2 bits at cuts: then a blob of the cuts follows), blob of the public description, blob of the rest with its
/// constants.
base::Bytes encode(const Bundle& bundle);
/// Decodes a bundle that nobody vouches for, and checks that its parts fit each other. Errors: malformed, unsupported.
base::Result<Bundle> decode_bundle(base::ByteView bytes);

/// Canonical bytes of ciphertexts that belong together: "KNCT", u16 version (1), u32 count, a blob each.
base::Bytes encode(const Context& context, std::span<const Ciphertext> ciphers);
/// Errors: malformed, also for more than `most`; those of decode_ciphertext.
base::Result<std::vector<Ciphertext>> decode_ciphertexts(const Context& context, base::ByteView bytes, std::size_t most);

/// Buyer: evaluation keys, none for linear plans.
base::Result<EvaluationKeys> make_keys(const Context& context, const Bundle& bundle, const SecretKey& key, base::Random& random,
                                       base::ThreadPool* pool = nullptr);
/// Buyer: encrypts the elements of one input. Errors: those of encode_input and encrypt_inputs.
base::Result<std::vector<Ciphertext>> encrypt_inputs(const Context& context, const Bundle& bundle, const SecretKey& key,
                                                     std::span<const std::int64_t> x, base::Random& random);
/// The provider's side of a program, packed once for all its inputs.
using Packed = std::variant<LinearModel, NetworkModel>;
/// Provider: plaintexts of a program. Errors: those of pack_linear and pack_network.
base::Result<Packed> pack(const Context& context, const Compiled& program);
/// Provider: evaluates, and makes the results as small as the plan allows: what claims bind and quorums compare, before
/// anything is concealed. Errors: those of evaluation and of `watch`.
base::Result<std::vector<Ciphertext>> evaluate_open(const Context& context, const Packed& model, const EvaluationKeys& keys,
                                                    std::span<const Ciphertext> inputs, base::ThreadPool* pool = nullptr,
                                                    const NetworkProgress& progress = {}, const NetworkWatch& watch = {});
/// Provider: evaluates and conceals under `seed`. Errors: those of evaluation and concealing.
base::Result<std::vector<Ciphertext>> evaluate(const Context& context, const Compiled& program, const EvaluationKeys& keys,
                                               const PublicKey& open, std::span<const Ciphertext> inputs,
                                               const base::Hash& seed, base::ThreadPool* pool = nullptr,
                                               const NetworkProgress& progress = {});
/// Buyer: the program's outputs.
base::Result<std::vector<engine::tensor::IntTensor>> decrypt_results(const Context& context, const Bundle& bundle,
                                                                     const SecretKey& key, std::span<const Ciphertext> results);
/// What one run of a bundle takes, stated in advance.
struct RunCost {
  std::uint64_t key_bytes = 0;                      ///< evaluation keys as they travel, once for a buyer
  std::uint64_t input_bytes = 0, result_bytes = 0;  ///< ciphertexts as they travel
  std::uint64_t memory_bytes = 0;                   ///< of the provider, at most
  double seconds = 0;                               ///< of the provider on one core of 2020: an estimate
};
/// Error: exhausted.
base::Result<RunCost> run_cost(const Bundle& bundle);
/// Bytes of memory that the provider of a bundle takes at most, keys included. Error: exhausted.
base::Result<std::uint64_t> memory_of(const Bundle& bundle);
/// Ciphertexts of one input and of one result.
std::size_t input_count(const Bundle& bundle);
std::size_t result_count(const Bundle& bundle);

}  // namespace koinon::trust::fhe
