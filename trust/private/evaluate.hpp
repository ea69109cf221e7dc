#pragma once
#include <span>

#include "trust/private/cipher.hpp"

namespace koinon::trust::fhe {

/// A ciphertext's second part, taken apart into digits and lifted to the extended moduli, in NTT values: what rotations of one
/// ciphertext share.
struct Digits {
  std::size_t level = 0;
  std::vector<Poly> polys;
};

/// Arithmetic on ciphertexts. Deterministic: the same inputs give the same bits on every machine and for every pool, so quorums
/// compare results. Every result carries its plan's noise bound, and an operation whose result might not decrypt is refused
/// with `exhausted`. Other errors: invalid_argument (levels or parts that do not fit), not_found (a key that is missing).
class Evaluator {
 public:
  /// `keys` may be null for what needs none. All are borrowed.
  explicit Evaluator(const Context& context, const EvaluationKeys* keys = nullptr, base::ThreadPool* pool = nullptr)
      : context_(context), plan_(context.parameters()), keys_(keys), pool_(pool) {}

  [[nodiscard]] const NoisePlan& plan() const { return plan_; }

  /// Slot-wise a + b, a - b, -a. One level; parts may differ in number.
  [[nodiscard]] base::Result<Ciphertext> add(const Ciphertext& a, const Ciphertext& b) const;
  [[nodiscard]] base::Result<Ciphertext> subtract(const Ciphertext& a, const Ciphertext& b) const;
  [[nodiscard]] base::Result<Ciphertext> negate(const Ciphertext& a) const;
  [[nodiscard]] base::Result<Ciphertext> add_plain(const Ciphertext& a, const Plain& plain) const;
  /// add_plain of a plaintext prepared before.
  [[nodiscard]] base::Result<Ciphertext> add_prepared(const Ciphertext& a, const PreparedPlain& plain) const;
  [[nodiscard]] base::Result<Ciphertext> multiply_plain(const Ciphertext& a, const PreparedPlain& plain) const;
  /// sum of a[i]*b[i] in one pass; a of one level and 2 parts.
  [[nodiscard]] base::Result<Ciphertext> multiply_plain_sum(std::span<const Ciphertext* const> a,
                                                            std::span<const PreparedPlain* const> b) const;
  /// a * k for an integer |k| <= t/2: noise grows by |k| only.
  [[nodiscard]] base::Result<Ciphertext> multiply_scalar(const Ciphertext& a, std::int64_t k) const;

  /// Product of 2-part ciphertexts, of 3 parts: sum such products before relinearise, which costs the most.
  [[nodiscard]] base::Result<Ciphertext> multiply(const Ciphertext& a, const Ciphertext& b) const;
  [[nodiscard]] base::Result<Ciphertext> relinearise(const Ciphertext& a) const;
  /// Divides by the level's last prime, rounding: noise shrinks by its size down to the rounding floor.
  [[nodiscard]] base::Result<Ciphertext> switch_modulus(const Ciphertext& a) const;
  /// Forgets primes down to `level`: same noise, smaller capacity, no work.
  [[nodiscard]] base::Result<Ciphertext> drop(const Ciphertext& a, std::size_t level) const;

  /// Rows of slots rotated left by `steps`; rows swapped; X -> X^element in general.
  [[nodiscard]] base::Result<Ciphertext> rotate(const Ciphertext& a, std::int64_t steps) const;
  [[nodiscard]] base::Result<Ciphertext> swap_rows(const Ciphertext& a) const;
  [[nodiscard]] base::Result<Ciphertext> automorphism(const Ciphertext& a, std::uint32_t element) const;
  /// Rotations of one ciphertext by several steps: the digits are made once. Equal to rotate bit for bit.
  [[nodiscard]] base::Result<std::vector<Ciphertext>> rotate_many(const Ciphertext& a,
                                                                  std::span<const std::int64_t> steps) const;

 private:
  [[nodiscard]] Digits decompose(const Poly& part, std::size_t level) const;
  /// Adds the switched part to (c0, c1). `permutation` is applied to the digits first when given.
  void key_switch(const Digits& digits, const SwitchKey& key, const std::vector<std::uint32_t>* permutation, Poly& c0,
                  Poly& c1) const;
  /// (extended - t*centred(extended/t mod P)) / P, added to `to`.
  void lower(Poly& extended, std::size_t level, Poly& to) const;
  [[nodiscard]] base::Result<Ciphertext> apply(const Ciphertext& a, const Digits& digits, std::uint32_t element) const;
  [[nodiscard]] base::Status check(const char* operation, const Ciphertext& a, std::size_t max_parts) const;
  [[nodiscard]] base::Result<Ciphertext> combine(const char* operation, const Ciphertext& a, const Ciphertext& b,
                                                 bool subtract) const;

  const Context& context_;
  NoisePlan plan_;
  const EvaluationKeys* keys_;
  base::ThreadPool* pool_;
};

}  // namespace koinon::trust::fhe
