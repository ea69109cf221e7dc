#pragma once
#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "trust/private/memory.hpp"

namespace koinon::trust::fhe {

/// Memory on cache lines, reused; elements made without a value stay uninitialised.
template <class T>
struct Aligned {
  using value_type = T;
  Aligned() = default;
  template <class U>
  Aligned(const Aligned<U>&) {}  // NOLINT(google-explicit-constructor): the allocator concept asks for it
  T* allocate(std::size_t n) { return static_cast<T*>(take_block(n * sizeof(T))); }
  void deallocate(T* p, std::size_t n) { give_block(p, n * sizeof(T)); }
  template <class U>
  void construct(U* p) {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
  friend bool operator==(const Aligned&, const Aligned&) { return true; }
};

/// A polynomial in RNS form: `limbs` rows of `degree` residues, each an integer in [0, q_row) held in a double. Which moduli,
/// and whether coefficients or NTT values, the owner knows.
class Poly {
 public:
  Poly() = default;
  /// Zero.
  Poly(std::size_t degree, std::size_t limbs) : degree_(degree), data_(degree * limbs, 0.0) {}
  /// For a caller that writes every row before reading it.
  static Poly unset(std::size_t degree, std::size_t limbs) {
    Poly out;
    out.degree_ = degree;
    out.data_.resize(degree * limbs);
    return out;
  }
  static std::vector<Poly> unset(std::size_t count, std::size_t degree, std::size_t limbs) {
    std::vector<Poly> out;
    out.reserve(count);
    for (std::size_t i = 0; i < count; ++i) out.push_back(unset(degree, limbs));
    return out;
  }

  [[nodiscard]] std::size_t degree() const { return degree_; }
  [[nodiscard]] std::size_t limbs() const { return degree_ == 0 ? 0 : data_.size() / degree_; }
  double* operator[](std::size_t limb) { return data_.data() + limb * degree_; }
  const double* operator[](std::size_t limb) const { return data_.data() + limb * degree_; }
  /// Keeps the first `limbs` rows.
  void truncate(std::size_t limbs) { data_.resize(degree_ * limbs); }
  /// Overwrites everything in a way the compiler keeps.
  void wipe() { base::wipe({reinterpret_cast<std::uint8_t*>(data_.data()), data_.size() * sizeof(double)}); }
  friend bool operator==(const Poly&, const Poly&) = default;

 private:
  std::size_t degree_ = 0;
  std::vector<double, Aligned<double>> data_;
};

/// A polynomial that depends on a secret: wiped when it goes.
class SecretPoly : public Poly {
 public:
  using Poly::Poly;
  SecretPoly(const SecretPoly&) = default;
  SecretPoly(SecretPoly&&) = default;
  SecretPoly& operator=(const SecretPoly&) = delete;
  SecretPoly& operator=(SecretPoly&&) = delete;
  ~SecretPoly() { wipe(); }
};

}  // namespace koinon::trust::fhe
