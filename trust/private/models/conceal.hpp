#pragma once
#include <string_view>

#include "trust/private/evaluate.hpp"

namespace koinon::trust::fhe {

/// Seed of one result's masks or flood: no two share a stream.
base::Hash derived(const base::Hash& seed, std::string_view use, std::size_t number);
/// A plaintext of uniform coefficients.
Plain uniform_plain(const Context& context, const base::Hash& seed);
/// Adds `mask`, floods the error by kFloodBits from derived(seed, "flood", number), and switches down to `level`. Errors: those
/// of flood.
base::Result<Ciphertext> concealed(const Context& context, const PublicKey& key, const Ciphertext& result, const Plain& mask,
                                   const base::Hash& seed, std::size_t number, std::size_t level);

}  // namespace koinon::trust::fhe
