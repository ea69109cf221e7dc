#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"
#include "market/simulate/settings.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::fail;
using base::Status;
using market::simulate::Attack;
using market::simulate::Finding;
using market::simulate::Outcome;
using nlohmann::json;

constexpr std::size_t kMostAbout = 100;

std::string percent(double share, int digits = 2) { return fmt::format("{:+.{}f} %", 100 * share, digits); }

class Simulate final : public Command {
 public:
  Simulate()
      : Command({"simulate", "Try attacks on the market's rules, and what each gains or loses",
                 "koinon simulate --attack colluding-40 --orders 20000 --audit 9"}) {}

  void options(Line& line) override {
    line.texts("--attack NAME", names_, "an attack, again for more; all when not given (koinon simulate --list names them)")
        .flag("--list", list_, "name the attacks and stop")
        .number("--providers N", providers_, 60, 1'000'000, "simulated providers")
        .number("--orders N", orders_, 100, 100'000'000, "orders that each attack is tried in")
        .number("--n N", n_, 1, 5, "members of a quorum")
        .number("--k K", k_, 0, 5, "equal claims that make a verdict; 0: more than half")
        .real("--audit PERCENT", audit_, 0, 100, "probability of an audit")
        .real("--cost PERCENT", cost_, 0, 100, "what an honest run costs, of its price")
        .real("--prize PRICES", prize_, 0, 1e6, "what a false result is worth to who sold it")
        .real("--traps PERCENT", traps_, 0, 100, "orders whose buyer ran the program first")
        .real("--watched PERCENT", watched_, 0, 100, "optimistic claims that somebody runs again")
        .flag("--compare", compare_,
              "members look at an auditor's tag, and appeal against a false one: the default, as nodes do")
        .flag("--no-compare", no_compare_, "they do not look")
        .real("--hasty PERCENT", hasty_, 0, 100, "buyers that confirm audited orders before anybody can look; no node does")
        .number("--seed N", seed_, 0, INT64_MAX, "the same seed, the same numbers")
        .text("-o,--output FILE", output_, "also draw the table as a picture (.svg)");
  }

  Status check() const override {
    if (compare_ && no_compare_) return fail(Code::invalid_argument, "[simulate] --compare and --no-compare: one of them");
    KOINON_CHECK(market::simulate::check(settings()));
    for (const auto& name : names_)
      if (find(name) == nullptr)
        return fail(Code::invalid_argument, "[simulate] no attack {}: koinon simulate --list names them",
                    clean(name, kMostAbout));
    return {};
  }

  Status run(Console& console) override {
    if (list_) return tell_names(console);
    std::vector<Finding> findings;
    auto progress = console.progress();
    for (const auto* attack : chosen()) {
      progress.stage(attack->name);
      auto one = market::simulate::simulate(settings(), *attack, [&](std::uint64_t done) {
        progress.update(done, settings().orders);
        return true;
      });
      if (!one) return fail(std::move(one).error());
      findings.push_back(*std::move(one));
    }
    progress.finish();
    if (!output_.empty())
      KOINON_CHECK(base::write_file(output_, base::as_bytes(market::simulate::picture(settings(), findings))));
    tell(console, findings);
    return {};
  }

 private:
  static const Attack* find(const std::string& name) {
    const auto& all = market::simulate::attacks();
    const auto found = std::ranges::find(all, name, &Attack::name);
    return found == all.end() ? nullptr : &*found;
  }

  [[nodiscard]] std::vector<const Attack*> chosen() const {
    std::vector<const Attack*> out;
    for (const auto& attack : market::simulate::attacks())
      if (names_.empty() || std::ranges::find(names_, attack.name) != names_.end()) out.push_back(&attack);
    return out;
  }

  [[nodiscard]] market::simulate::Settings settings() const {
    market::simulate::Settings out;
    out.providers = static_cast<std::uint32_t>(providers_);
    out.orders = static_cast<std::uint64_t>(orders_);
    out.in_flight = static_cast<std::uint32_t>(std::clamp<std::int64_t>(providers_ / 30, 1, 50));
    out.n = static_cast<std::uint8_t>(n_);
    out.k = static_cast<std::uint8_t>(k_ == 0 ? n_ / 2 + 1 : k_);
    out.audit_bps = static_cast<std::uint16_t>(audit_ * 100 + 0.5);
    out.cost = cost_ / 100;
    out.prize = prize_;
    out.traps = traps_ / 100;
    out.watched = watched_ / 100;
    out.members_compare = !no_compare_;
    out.hasty = hasty_ / 100;
    out.seed = static_cast<std::uint64_t>(seed_);
    return out;
  }

  static Status tell_names(Console& console) {
    json list = json::array();
    Table table({{"attack"}, {"stake", Table::Align::right}, {"what it does"}});
    for (const auto& a : market::simulate::attacks()) {
      table.add({a.name, a.share == 0 ? "" : fmt::format("{:.0f} %", 100 * a.share), a.about});
      list.push_back({{"name", a.name}, {"share", a.share}, {"about", a.about}});
    }
    console.print(table.text());
    console.object({{"attacks", list}});
    return {};
  }

  void tell(Console& console, const std::vector<Finding>& findings) const {
    const auto s = settings();
    Table table({{"attack"},
                 {"tries", Table::Align::right},
                 {"caught", Table::Align::right},
                 {"gain of stake", Table::Align::right},
                 {"95 %", Table::Align::right},
                 {"honest", Table::Align::right},
                 {"others lose", Table::Align::right},
                 {"pays above", Table::Align::right},
                 {"outcome"}});
    json list = json::array();
    double audits = 0;
    std::size_t wins = 0, open = 0;
    for (const auto& f : findings) {
      const double tries = static_cast<double>(std::max<std::uint64_t>(f.tries, 1));
      table.add({f.attack.name, std::to_string(f.tries), fmt::format("{:.1f} %", 100 * static_cast<double>(f.caught) / tries),
                 percent(f.per_stake()), fmt::format("±{:.2f}", 100 * f.per_stake_error()),
                 f.put == 0 ? "" : percent(f.honest / f.put), fmt::format("{:.2f}", f.victims),
                 fmt::format("{:.2f}", f.worth()), std::string(outcome_name(f.outcome))});
      list.push_back({{"attack", f.attack.name},
                      {"share", f.attack.share},
                      {"orders", f.orders},
                      {"tries", f.tries},
                      {"caught", f.caught},
                      {"stake", f.put},
                      {"gain", f.gain},
                      {"gain_error", f.gain_error},
                      {"honest", f.honest},
                      {"others_lose", f.victims},
                      {"audit_cost", f.audit_cost},
                      {"outcome", outcome_name(f.outcome)}});
      audits = std::max(audits, f.audit_cost);
      wins += f.outcome == Outcome::wins ? 1 : 0;
      open += f.outcome == Outcome::open ? 1 : 0;
    }
    console.print(table.text());
    console.print(
        fmt::format("\nquorum {} of {}, audits {:.2f} % of orders, which cost {:.2f} % of the price; a run costs {:.0f} % of "
                    "its price; {} providers\n"
                    "gain of stake: beyond what honesty brings, of the stake locked (or the money put in) when it is tried; "
                    "honest: what that brings\n"
                    "others lose: prices a try; pays above: what a false result must be worth, in prices, before it pays\n"
                    "{} of {} attacks win{}\n",
                    s.k, s.n, s.audit_bps / 100.0, 100.0 * s.audit_bps / 1e4 / s.n, 100 * s.cost, s.providers, wins,
                    findings.size(), open == 0 ? "" : fmt::format(", {} undecided: more --orders tell", open)));
    console.object({{"n", s.n},
                    {"k", s.k},
                    {"audit_bps", s.audit_bps},
                    {"audit_cost", s.audit_bps / 1e4 / s.n},
                    {"audit_cost_seen", audits},
                    {"cost", s.cost},
                    {"prize", s.prize},
                    {"traps", s.traps},
                    {"watched", s.watched},
                    {"members_compare", s.members_compare},
                    {"hasty", s.hasty},
                    {"providers", s.providers},
                    {"seed", s.seed},
                    {"attacks", list}});
  }

  std::vector<std::string> names_;
  std::string output_;
  bool list_ = false, compare_ = false, no_compare_ = false;
  std::int64_t providers_ = 10'000, orders_ = 200'000, n_ = 3, k_ = 0, seed_ = 1;
  double audit_ = 9, cost_ = 50, prize_ = 0, traps_ = 0, watched_ = 10, hasty_ = 0;
};

}  // namespace

std::unique_ptr<Command> make_simulate() { return std::make_unique<Simulate>(); }

}  // namespace koinon::cli
