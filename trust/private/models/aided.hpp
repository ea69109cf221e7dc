#pragma once
#include <optional>

#include "engine/program/program.hpp"
#include "engine/tensor/tensor.hpp"
#include "trust/private/models/shared_layer.hpp"

namespace koinon::trust::fhe {

/// A program whose client helps: the provider computes every matmul and convolution by constant weights on ciphertexts, the
/// client decrypts the sums, runs the steps between (requantise, tables, maxima in pooling, skip connections: any), and
/// encrypts the next layer's input. Exact, of any depth, fast: no evaluation keys, one product for rows that repeat.
///
/// What it reveals, plainly: the client sees the sums of every layer, and after as many well-chosen inputs as a layer has, its
/// weights; it is given the steps between the layers outright. So only the owner of a model may compile it for others so. The
/// provider sees ciphertexts alone. The client answers rounds: to every member of a quorum it sends the same ciphertexts, and
/// it goes on only with results that the quorum agrees on, or a provider could learn from what it sends back.
struct AidedProgram {
  struct Layer {
    std::size_t step = 0;  ///< the matmul or convolution, steps that take constants alone not counted
    SharedPlan plan;
    LinearLayer weights;  ///< provider's; empty at a client
    /// What the client adds to its sums: the offsets of rows whose sums would leave 28 bits with them, as those of filters that
    /// are almost zero; 0 elsewhere. Empty: none.
    std::vector<std::int64_t> offsets;
    engine::program::Program before;  ///< client's: from the input and the sums of the layers before to this layer's input
  };
  engine::program::Program description;  ///< of the program, without weights: inputs, outputs, id
  std::vector<Layer> layers;
  engine::program::Program rest;  ///< client's: from the input and all sums to the program's outputs
};

/// Errors: unsupported, naming the step that cannot be done (a layer of two values, one of more inputs than a ciphertext
/// holds); invalid_argument when weights are hidden; those of plan_shared.
base::Result<AidedProgram> compile_aided(const engine::program::Program& program);

/// The client's half, public: "KNPA", u16 version (1), blob of the description, u16 layers; of each u32 step, blob of its plan
/// and blob of `before`; blob of the rest with its constants.
base::Bytes encode(const AidedProgram& program);
/// Decodes a client's half that nobody vouches for, and checks that its parts fit each other: no more layers than the program
/// has, and, proved by its ranges, what the steps before a layer give is within the layer's plan, so that no round depends on
/// values. Errors: malformed, unsupported.
base::Result<AidedProgram> decode_aided(base::ByteView bytes);

/// Client: the input of layer `sums.size()`, or with the sums of all layers nothing is left but aided_outputs. `sums` holds
/// those of each layer before. Errors: out_of_range for sums that no honest run gives.
base::Result<std::vector<std::int64_t>> aided_input(const AidedProgram& program, const engine::tensor::IntTensor& input,
                                                    std::span<const std::vector<std::int64_t>> sums);
/// What a client encrypts for a layer, whatever it decrypted before.
struct AidedInput {
  std::vector<std::int64_t> values;  ///< within the layer's plan
  std::optional<base::Error> fault;  ///< the first value that no honest run gives; it was brought into its range
};
/// As aided_input, but never refuses values: a client that stopped where they are out of range would tell the provider
/// something of them. Sums and inputs are brought into their ranges; a section that does not run gives the value nearest 0.
/// Error: invalid_argument for another number of sums, or another shape of input.
base::Result<AidedInput> next_aided_input(const AidedProgram& program, const engine::tensor::IntTensor& input,
                                          std::span<const std::vector<std::int64_t>> sums);
/// Client: the sums of a layer. Errors: those of decrypt_shared.
base::Result<std::vector<std::int64_t>> decrypt_sums(const Context& context, const AidedProgram::Layer& layer,
                                                     const SecretKey& key, std::span<const Ciphertext> results);
/// Client: the program's outputs.
base::Result<std::vector<engine::tensor::IntTensor>> aided_outputs(const AidedProgram& program,
                                                                   const engine::tensor::IntTensor& input,
                                                                   std::span<const std::vector<std::int64_t>> sums);

}  // namespace koinon::trust::fhe
