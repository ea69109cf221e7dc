#pragma once
#include "trust/private/models/bundle.hpp"
#include "work/kept.hpp"
#include "work/kind.hpp"

namespace koinon::work {

/// What an order of encrypted inference names: a program with its weights and one buyer's evaluation keys, as one artifact. It
/// is made and fetched once for each model and buyer; its providers keep it for the next order.
///
/// Bytes: "KNEW", u16 version (1), blob of the .koinon file, blob of the evaluation keys (trust/private/serial.hpp). The spec
/// of an order is keccak256("koinon.encrypted" | program id | keccak256 of the keys' bytes).
struct EncryptedSpec {
  base::Bytes program, keys;

  [[nodiscard]] base::Bytes encode() const;
  /// Errors: malformed, unsupported (another version).
  static base::Result<EncryptedSpec> decode(base::ByteView bytes);
  /// Of a program and keys.
  static base::Hash id(const base::Hash& program, base::ByteView keys);
  friend bool operator==(const EncryptedSpec&, const EncryptedSpec&) = default;
};

/// What a provider gives to one run unless it is told otherwise, bytes. A buyer's node refuses programs that take more.
inline constexpr std::uint64_t kUsualMemory = std::uint64_t{8} << 30;

/// Inference on encrypted inputs: the artifact is an EncryptedSpec; the one input part holds the ciphertexts of one input, the
/// one output part those of one result, before anything is concealed: bit for bit the same at every honest provider, so that
/// claims over them are compared as any other. Nothing is concealed from the buyer, who gave the program with its weights.
///
/// The trace is what every key switch of the evaluation gave: roots.trace and roots.witness hang from it.
class Encrypted final : public Kind {
 public:
  /// `memory_limit`: bytes that a run may take, keys included. `keep_limit`: bytes of programs and keys kept for the next
  /// order.
  explicit Encrypted(std::uint64_t memory_limit = kUsualMemory, std::uint64_t keep_limit = std::uint64_t{2} << 30);
  ~Encrypted() override;
  Encrypted(const Encrypted&) = delete;
  Encrypted& operator=(const Encrypted&) = delete;

  [[nodiscard]] std::uint8_t code() const override { return static_cast<std::uint8_t>(KindCode::encrypted); }
  [[nodiscard]] std::string_view name() const override { return "encrypted"; }
  /// Errors: rejected (the artifact is not what the spec names, cannot run encrypted, or the input is not what it takes),
  /// exhausted (more memory than the limit), cancelled.
  base::Result<Outcome> run(const Job& job, const Means& means) const override;

 private:
  struct Ready;
  [[nodiscard]] base::Result<std::shared_ptr<const Ready>> make_ready(const Job& job, base::ThreadPool* pool) const;

  std::uint64_t memory_limit_;
  mutable Kept<Ready> kept_;
};

}  // namespace koinon::work
