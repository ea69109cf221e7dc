#include <cmath>

#include "trust/private/field/kernels.hpp"
#include "trust/private/field/loops.hpp"
#include "trust/private/field/transform.hpp"

namespace koinon::trust::fhe {
namespace {

/// One residue. Products are taken modulo 2^64 in integers: the quotient estimate is the same as with fused doubles.
struct Scalar {
  static constexpr std::size_t kWidth = 1;
  static constexpr std::size_t kTail = 1;
  double x;

  static Scalar load(const double* p) { return {*p}; }
  void store(double* p) const { *p = x; }
  static Scalar broadcast(double value) { return {value}; }
  /// To the nearest integer, ties to even (one instruction on x86-64 and arm64), for |a| < 2^53.
  static Scalar round(Scalar a) { return {static_cast<double>(std::llrint(a.x))}; }
  static Scalar times(Scalar a, Scalar b) { return {a.x * b.x}; }
  friend Scalar operator+(Scalar a, Scalar b) { return {a.x + b.x}; }
  friend Scalar operator-(Scalar a, Scalar b) { return {a.x - b.x}; }

  struct Ring {
    double q, inverse;
    std::int64_t value;
    explicit Ring(const Modulus& m) : q(m.q), inverse(m.inverse), value(static_cast<std::int64_t>(m.value)) {}
    Scalar product(Scalar a, Scalar b) const {
      const auto quotient = std::llrint(a.x * b.x * inverse);
      const auto low = static_cast<std::uint64_t>(static_cast<std::int64_t>(a.x)) *
                           static_cast<std::uint64_t>(static_cast<std::int64_t>(b.x)) -
                       static_cast<std::uint64_t>(quotient) * static_cast<std::uint64_t>(value);
      return {static_cast<double>(static_cast<std::int64_t>(low))};
    }
    /// |x| < 2^53 to |result| <= (1/2 + 2^-48)q.
    Scalar reduce(Scalar a) const {
      const auto quotient = std::llrint(a.x * inverse);
      return {static_cast<double>(static_cast<std::int64_t>(a.x) - quotient * value)};
    }
    Scalar once_more(Scalar a) const { return {a.x + (a.x < 0 ? q : 0.0)}; }
    Scalar once_less(Scalar a) const { return {a.x - (a.x >= q ? q : 0.0)}; }
    Scalar canonical(Scalar a) const { return once_more(reduce(a)); }
    Scalar centre(Scalar a) const { return {a.x - (a.x > q * 0.5 ? q : 0.0)}; }
  };

  static void forward_tail(double* a, const NttView&, std::size_t, const Ring& ring) { *a = ring.canonical({*a}).x; }
  static void inverse_tail(double*, const NttView&, std::size_t, const Ring&) {}
};

}  // namespace

const Kernels& portable_kernels() {
  static constexpr Kernels kTable = Loops<Scalar>::table("portable", Transform<Scalar>::forward, Transform<Scalar>::inverse);
  return kTable;
}

}  // namespace koinon::trust::fhe
