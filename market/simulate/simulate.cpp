#include <cmath>

#include "market/simulate/world.hpp"

namespace koinon::market::simulate {
namespace {

constexpr std::uint64_t kLeastTries = 30;  ///< fewer say nothing
constexpr double kNormal95 = 1.959963984540054;

Outcome outcome_of(const Finding& f) {
  if (f.tries < kLeastTries) return Outcome::open;
  if (f.gain + f.gain_error < 0) return Outcome::loses;
  return f.gain - f.gain_error > 0 ? Outcome::wins : Outcome::open;
}

}  // namespace

base::Result<Finding> simulate(const Settings& settings, const Attack& attack,
                               const std::function<bool(std::uint64_t)>& progress) {
  KOINON_CHECK(check(settings));
  World world(settings, attack);
  constexpr std::uint64_t kBeat = 1024;
  for (std::uint64_t i = 0; i < settings.orders; ++i) {
    world.step();
    if (i % kBeat == 0 && !progress(i)) return base::fail(base::Code::cancelled, "[simulate] stopped after {} orders", i);
  }
  world.finish();
  KOINON_INVARIANT(world.solvent());
  const auto& t = world.tally();
  Finding out;
  out.attack = attack;
  out.orders = t.orders;
  out.tries = t.tries;
  out.caught = t.caught;
  out.audit_cost = t.quorums == 0 ? 0 : t.audits / t.quorums;
  if (t.tries != 0) {
    const auto tries = static_cast<double>(t.tries);
    out.put = t.put / tries;
    out.gain = t.gain / tries;
    out.honest = t.honest / tries;
    out.victims = t.victims / tries;
    const double variance = t.tries < 2 ? 0 : std::max(0.0, (t.gain_squared - tries * out.gain * out.gain) / (tries - 1));
    out.gain_error = kNormal95 * std::sqrt(variance / tries);
  }
  out.outcome = outcome_of(out);
  return out;
}

}  // namespace koinon::market::simulate
