#pragma once
// For tests only: what nobody but the holder of the secret key can see, to hold it against the noise plan.
#include "trust/private/cipher.hpp"

namespace koinon::trust::fhe {

/// log2 of the largest coefficient of c_0 + c_1 s + ... centred modulo Q, computed exactly in mixed radix. At most the
/// canonical norm that the plan bounds.
double measured_noise(const Context& context, const SecretKey& key, const Ciphertext& cipher);

}  // namespace koinon::trust::fhe
