#pragma once
#include <string_view>

#include "trust/proof/prove.hpp"

namespace koinon::trust::proof {

inline constexpr std::string_view kProtocol = "koinon.proof.2";
inline constexpr int kSoundnessBits = 100;  ///< the least that verify accepts

/// The program without the weights that secrecy hides.
engine::program::Program public_view(const engine::program::Program& program, const Secrecy& secrecy);
/// The same with the constants that a proof reveals, checked against the program's roots. Errors: rejected; invalid_argument.
base::Result<engine::program::Program> view_of(const engine::program::Program& program, const Proof& proof);
/// What is proved, and all sizes, into the transcript.
void absorb_statement(Transcript& transcript, const Proof& proof, const Layout& layout);

/// Outputs of the right shapes, zero.
std::vector<engine::tensor::IntTensor> zero_outputs(const engine::program::Program& program);
/// The circuit of `view` (public_view) for an input and outputs that stand for any: it has the sizes and the tape of every
/// run's. `sizes_only` as in Statement. Errors: as build_circuit.
base::Result<Circuit> sized_circuit(const engine::program::Program& view, const Secrecy& secrecy, bool sizes_only);

}  // namespace koinon::trust::proof
