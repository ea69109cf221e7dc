#pragma once
// The number-theoretic transform of Kernels, written once over a lane type; see loops.hpp for how it is instantiated.
//
// Why doubles are exact here. Residues are integers in doubles, q < 2^50, and a twiddle has |w| <= q/2. For |x| <= B*q with
// B <= 8, product(x, w) computes h = fl(x*w), l = x*w - h (one fused step, exact: the error of a product is a double),
// b = round(fl(h/q)), r = (h - b*q) + l. With u = 2^-53 the three roundings of fl(h * fl(1/q)) put b within 1/2 + 3u|xw/q|
// of x*w/q, and |xw/q| <= 2^49*B, so |r| <= (1/2 + 3B/16)*q =: P(B)*q. h - b*q = r - l is an integer below 2^53, so the fused
// step that computes it is exact, and so is the last sum. Hence r is congruent to x*w and only its size is approximate.
//
// Forward (Cooley and Tukey: X + wY, X - wY): a pass is up to three stages; its first stage reduces X to |X| <= (1/2+2^-48)q.
// If all inputs are within 3.5q, the stages leave 1/2 + P(3.5) = 1.66, 1.66 + P(1.66) = 2.47, 2.47 + P(2.47) = 3.44 <= 3.5, and
// the last pass of four stages 4.58 < 8. The first pass takes [0, q) unreduced and leaves 3.47. Inverse (Gentleman and Sande: X
// + Y, (X - Y)w): if all inputs are within 1.25q, the stages leave sums of 2.5q and 5q and products of P(5) = 1.44q; after two
// stages the sum is reduced again, so the third leaves at most 3.88q, its sums are reduced and its products are P(3.88)
// = 1.23q. The last pass of four stages reduces once more between.
#include <cstddef>

#include "trust/private/field/kernels.hpp"

namespace koinon::trust::fhe {

template <class Lane>
struct Transform {
  using Ring = typename Lane::Ring;

  /// One pass of L stages over a block of stride << L elements; w: twiddles at [m + block].
  template <int L, bool Reduce>
  static void forward_pass(double* a, std::size_t stride, const double* w, std::size_t at, const Ring& ring) {
    Lane twiddles[7];
    for (int s = 0, k = 0; s < L; ++s)
      for (std::size_t j = 0; j < (std::size_t{1} << s); ++j) twiddles[k++] = Lane::broadcast(w[(at << s) + j]);
    for (std::size_t i = 0; i < stride; i += Lane::kWidth) {
      constexpr int kSize = 1 << L;
      Lane v[kSize];
      for (int r = 0; r < kSize; ++r) v[r] = Lane::load(a + static_cast<std::size_t>(r) * stride + i);
      if constexpr (Reduce)
        for (int r = 0; r < kSize / 2; ++r) v[r] = ring.reduce(v[r]);
      for (int s = 0, k = 0; s < L; ++s) {
        const int half = kSize >> (s + 1);
        for (int j = 0; j < (1 << s); ++j, ++k)
          for (int x = j * 2 * half; x < j * 2 * half + half; ++x) {
            const auto y = ring.product(v[x + half], twiddles[k]);
            v[x + half] = v[x] - y;
            v[x] = v[x] + y;
          }
      }
      for (int r = 0; r < kSize; ++r) v[r].store(a + static_cast<std::size_t>(r) * stride + i);
    }
  }

  /// The same backwards. `Last` multiplies by 1/n and makes the result canonical.
  template <int L, bool Last>
  static void inverse_pass(double* a, std::size_t stride, const double* w, std::size_t at, const Ring& ring, double scale) {
    Lane twiddles[7];
    for (int s = 0, k = 0; s < L; ++s)
      for (std::size_t j = 0; j < (std::size_t{1} << s); ++j) twiddles[k++] = Lane::broadcast(w[(at << s) + j]);
    const auto factor = Lane::broadcast(scale);
    for (std::size_t i = 0; i < stride; i += Lane::kWidth) {
      constexpr int kSize = 1 << L;
      Lane v[kSize];
      for (int r = 0; r < kSize; ++r) v[r] = Lane::load(a + static_cast<std::size_t>(r) * stride + i);
      for (int s = L - 1; s >= 0; --s) {
        const int half = kSize >> (s + 1);
        for (int j = 0; j < (1 << s); ++j) {
          const auto& twiddle = twiddles[(1 << s) - 1 + j];
          for (int x = j * 2 * half; x < j * 2 * half + half; ++x) {
            const auto difference = v[x] - v[x + half];
            v[x] = v[x] + v[x + half];
            v[x + half] = ring.product(difference, twiddle);
          }
        }
        if constexpr (L == 3)  // after two stages: v[0] and v[4] are sums of four
          if (s == 1) v[0] = ring.reduce(v[0]), v[4] = ring.reduce(v[4]);
      }
      for (int r = 0; r < kSize; ++r) {
        if constexpr (Last)
          v[r] = ring.canonical(ring.product(v[r], factor));
        else if (r < kSize / 2)
          v[r] = ring.reduce(v[r]);
        v[r].store(a + static_cast<std::size_t>(r) * stride + i);
      }
    }
  }

  /// Number of stages of the pass that starts a block: what is left over from threes comes first.
  static int first_stages(std::size_t size) {
    int stages = 0;
    for (auto s = size; s > Lane::kTail; s >>= 1) ++stages;
    return stages % 3 == 0 ? 3 : stages % 3;
  }

  template <bool Reduce>
  static void forward_block(double* a, std::size_t size, std::size_t at, const NttView& ntt, const Ring& ring) {
    if (size == Lane::kTail) return Lane::forward_tail(a, ntt, at, ring);
    const int stages = first_stages(size);
    const auto stride = size >> stages;
    if (stages == 3)
      forward_pass<3, Reduce>(a, stride, ntt.forward, at, ring);
    else if (stages == 2)
      forward_pass<2, Reduce>(a, stride, ntt.forward, at, ring);
    else
      forward_pass<1, Reduce>(a, stride, ntt.forward, at, ring);
    if (stride == Lane::kTail)
      for (std::size_t c = 0; c < (std::size_t{1} << stages); ++c)
        Lane::forward_tail(a + c * stride, ntt, (at << stages) + c, ring);
    else
      for (std::size_t c = 0; c < (std::size_t{1} << stages); ++c)
        forward_block<true>(a + c * stride, stride, (at << stages) + c, ntt, ring);
  }

  template <bool Last>
  static void inverse_block(double* a, std::size_t size, std::size_t at, const NttView& ntt, const Ring& ring) {
    if (size == Lane::kTail) return Lane::inverse_tail(a, ntt, at, ring);
    const int stages = first_stages(size);
    const auto stride = size >> stages;
    for (std::size_t c = 0; c < (std::size_t{1} << stages); ++c)
      inverse_block<false>(a + c * stride, stride, (at << stages) + c, ntt, ring);
    if (stages == 3)
      inverse_pass<3, Last>(a, stride, ntt.inverse, at, ring, ntt.scale);
    else if (stages == 2)
      inverse_pass<2, Last>(a, stride, ntt.inverse, at, ring, ntt.scale);
    else
      inverse_pass<1, Last>(a, stride, ntt.inverse, at, ring, ntt.scale);
  }

  /// n >= 32, a power of two.
  static void forward(double* a, const NttView& ntt) { forward_block<false>(a, ntt.n, 1, ntt, Ring(ntt.q)); }
  static void inverse(double* a, const NttView& ntt) { inverse_block<true>(a, ntt.n, 1, ntt, Ring(ntt.q)); }
};

}  // namespace koinon::trust::fhe
