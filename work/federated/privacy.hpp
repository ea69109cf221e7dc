#pragma once
#include <array>
#include <cstdint>

#include "base/random.hpp"

namespace koinon::work::federated {

/// Normal numbers of mean 0 and deviation 1 (Box and Muller, with the functions of engine/math). For privacy the source is a
/// participant's secret. Numbers are doubles: an observer of the last bits of a noisy value may learn from them (Mironov, "On
/// significance of the least significant bits for differential privacy", CCS 2012), so what is sent is rounded to float32.
class Gaussian {
 public:
  explicit Gaussian(base::Random& source) : source_(source) {}
  ~Gaussian() { base::wipe(bytes_); }
  Gaussian(const Gaussian&) = delete;
  Gaussian& operator=(const Gaussian&) = delete;
  double next();

 private:
  double uniform();  ///< in [0, 1), 53 bits

  base::Random& source_;
  std::array<std::uint8_t, 4096> bytes_{};  ///< drawn ahead: a call of the source costs more than its bytes
  std::size_t at_ = 4096;
  double spare_ = 0;
  bool has_spare_ = false;
};

/// True with this probability, to 53 bits.
bool chance(base::Random& source, double probability);

/// Rényi divergence of order `order` (2 to 512) of one step that takes each sample with probability `rate` and adds noise of
/// `noise` times the clip (Mironov, Talwar, Zhang, "Rényi differential privacy of the sampled Gaussian mechanism", 2019,
/// section 3.3). Infinity when noise is 0.
double renyi(double rate, double noise, int order);

/// The smallest epsilon, for this delta, of `steps` such steps: over orders 2 to 512, converted by Canonne, Kamath, Steinke,
/// "The discrete Gaussian for differential privacy", 2020, proposition 12. Neighbouring data differ in one sample, present or
/// absent. Errors: out_of_range (rate outside (0, 1], noise or delta not positive, delta not below 1).
base::Result<double> epsilon(double rate, double noise, std::uint64_t steps, double delta);

}  // namespace koinon::work::federated
