#pragma once
#include "trust/private/cipher.hpp"

namespace koinon::trust::fhe {

/// Bytes of every object: "KNPR", u16 version (1), u8 kind, 32 bytes of parameter hash, then the body. Little-endian. A row of
/// residues modulo q is packed at bit_width(q) bits each, lowest bit first; N is a multiple of 64, so rows end on whole bytes.
/// Public halves drawn from a seed travel as the seed. One object has one encoding.
///
///   ciphertext       u8 level, u8 parts, u8 seeded, i32 noise bound in 1/256 bits, [seed], rows of each part ([c_1 not])
///   public key       seed, rows of b
///   evaluation keys  u8 0 or 1 [relinearisation key], u16 count, count times u32 element (ascending) and key;
///                    key: u8 level, seed, rows of each b_j
///   secret key       2 bits a coefficient: 0, 1, or 2 for -1
///
/// Decoding checks the header, every size before it allocates, every residue below its modulus, and that nothing follows. The
/// receiver's own context bounds what a seed expands to: memory is at most five times the bytes received, and 5 MiB.
enum class Kind : std::uint8_t { ciphertext = 1, public_key = 2, evaluation_keys = 3, secret_key = 4 };

base::Bytes encode(const Context& context, const Ciphertext& cipher);
base::Bytes encode(const Context& context, const PublicKey& key);
base::Bytes encode(const Context& context, const EvaluationKeys& keys);
/// The caller encrypts these bytes at rest and wipes them.
base::Bytes encode(const Context& context, const SecretKey& key);

/// Errors: malformed, or unsupported for another version or other parameters.
base::Result<Ciphertext> decode_ciphertext(const Context& context, base::ByteView bytes);
base::Result<PublicKey> decode_public_key(const Context& context, base::ByteView bytes);
base::Result<EvaluationKeys> decode_evaluation_keys(const Context& context, base::ByteView bytes,
                                                    base::ThreadPool* pool = nullptr);
base::Result<SecretKey> decode_secret_key(const Context& context, base::ByteView bytes);

/// Bytes of one switch key of a level as it travels, for plans.
std::size_t switch_key_bytes(const Context& context, std::size_t level);

}  // namespace koinon::trust::fhe
