#pragma once
#include "work/encrypted/encrypted.hpp"

namespace koinon::work {

/// One buyer's keys for one program: what encrypts its inputs and reads its results. The secret half never leaves the buyer.
class BuyerKeys {
 public:
  /// New keys, and the artifact that providers get. Errors: those of trust::fhe::compile (unsupported, naming the step that
  /// cannot be done and what would help); invalid_argument when the program has no weights; out_of_range when a run takes more
  /// than `memory_limit` bytes.
  struct Made;
  static base::Result<Made> make(base::ByteView program, base::Random& random, base::ThreadPool* pool,
                                 std::uint64_t memory_limit = kUsualMemory);

  /// Canonical bytes, secret: "KNEB", u16 version (1), blob of the bundle, blob of the secret key. The caller encrypts them at
  /// rest and wipes them.
  [[nodiscard]] base::Bytes encode() const;
  /// Errors: malformed, unsupported.
  static base::Result<BuyerKeys> decode(base::ByteView bytes);

  /// The input part of an order: the canonical bytes of the program's one input, encrypted afresh. Errors: rejected (another
  /// number or size of parts), out_of_range (an element outside the program's range).
  [[nodiscard]] base::Result<base::Bytes> encrypt(const std::vector<base::Bytes>& inputs, base::Random& random) const;
  /// Canonical bytes of the program's outputs, from the output parts of an order. Errors: malformed; out_of_range when it is
  /// nothing that the program gives.
  [[nodiscard]] base::Result<std::vector<base::Bytes>> decrypt(const std::vector<base::Bytes>& outputs) const;
  [[nodiscard]] const trust::fhe::Bundle& bundle() const { return bundle_; }

 private:
  BuyerKeys(trust::fhe::Bundle bundle, std::unique_ptr<const trust::fhe::Context> context, trust::fhe::SecretKey secret)
      : bundle_(std::move(bundle)), context_(std::move(context)), secret_(std::move(secret)) {}

  trust::fhe::Bundle bundle_;
  std::unique_ptr<const trust::fhe::Context> context_;
  trust::fhe::SecretKey secret_;
};

struct BuyerKeys::Made {
  BuyerKeys keys;
  EncryptedSpec spec;
  base::Hash id;  ///< what orders name
};

}  // namespace koinon::work
