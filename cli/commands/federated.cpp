#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/federated_chart.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"
#include "engine/train/recipe/export_net.hpp"
#include "work/federated/play.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using base::Wei;
using nlohmann::json;
using work::federated::AccountReport;
using work::federated::Fate;
using work::federated::PlayReport;
using work::federated::PlaySettings;
using work::federated::RoundReport;

std::size_t count(const RoundReport& round, Fate fate) {
  return static_cast<std::size_t>(std::ranges::count(round.proposers, fate, &work::federated::ProposerSeat::fate));
}

/// Tokens for people: four decimals at most.
std::string tokens(const Wei& amount) {
  auto text = amount.tokens();
  if (const auto point = text.find('.'); point != std::string::npos && text.size() > point + 5) text.resize(point + 5);
  return text;
}

/// What the accounts of one sort have won and lost together.
struct Group {
  std::string name;
  std::size_t accounts = 0, proposed = 0, paid = 0, slashed = 0;
  Wei earned, lost;

  void add(const AccountReport& a) {
    ++accounts;
    proposed += a.proposed;
    paid += a.times_paid;
    slashed += a.times_slashed;
    const auto earned_sum = earned.plus(a.earned), lost_sum = lost.plus(a.lost);
    KOINON_INVARIANT(earned_sum && lost_sum);
    earned = *earned_sum;
    lost = *lost_sum;
  }
  [[nodiscard]] json object() const {
    return {{"group", name},      {"accounts", accounts},        {"proposals", proposed},  {"paid", paid},
            {"slashed", slashed}, {"earned_wei", earned.text()}, {"lost_wei", lost.text()}};
  }
};

class Federated final : public Command {
 public:
  Federated()
      : Command({"federated", "Play federated training with paid proposers, voters and attackers on this machine",
                 "koinon federated examples/training/federated.toml --hostile 30 -o federated"}) {}

  void options(Line& line) override {
    line.text("recipe", recipe_, "The .toml recipe of the net and the data (docs/work/training.md)", Need::required)
        .text("-o,--output NAME", output_, "Files are NAME.onnx and NAME.svg; none when absent")
        .number("--participants N", participants_, 6, 10'000, "owners among whom the training data is dealt out")
        .number("--rounds N", rounds_, 0, 65'535, "rounds; 0: the recipe's epochs")
        .number("--epochs N", epochs_, 1, 1000, "of a proposer through its own data in a round")
        .real("--uneven ALPHA", alpha_, 0, 1e6, "0: even parts; else classes by a Dirichlet distribution, 0.3 is very uneven")
        .real("--hostile PERCENT", hostile_, 0, 90, "participants that attack")
        .choice("--attack", attack_, work::federated::attack_names(), "what they do")
        .choice("--combine", combine_, {"mean", "median", "trimmed"}, "how updates become one")
        .real("--noise X", noise_, 0, 1000, "privacy of each sample: noise, in clips; 0: none")
        .real("--clip X", clip_, 1e-6, 1e6, "with --noise: largest gradient of a sample")
        .number("--seed N", seed_, 0, INT64_MAX, "the same seed, the same play")
        .number("--threads N", threads_, 0, 1024, "threads; 0: one a core. The result never depends on it");
  }

  Status run(Console& console) override {
    const std::filesystem::path path = recipe_;
    KOINON_TRY(const auto text, base::read_file(path));
    KOINON_TRY(const auto recipe, engine::train::read_recipe(text, recipe_, path.parent_path()));
    KOINON_TRY(const auto data, load(recipe));
    const auto s = settings(recipe);
    base::ThreadPool pool(static_cast<std::size_t>(threads_));
    const engine::train::Machine machine{&pool, engine::kernels::best_isa()};
    console.print(fmt::format("{} participants, {} of them hostile; {} samples, {} for testing; {} rounds of {} proposers\n",
                              s.participants, s.hostile, data.first.count, data.second.count, s.rules.rounds,
                              s.rules.proposers));
    auto progress = console.progress();
    progress.stage("playing");
    const auto begin = std::chrono::steady_clock::now();
    auto played = work::federated::play(recipe, data.first, data.second, s, machine, [&](const RoundReport& r) {
      progress.detail(fmt::format("loss {:.4f}", r.score.loss));
      progress.update(r.round, s.rules.rounds);
      return true;
    });
    progress.finish();
    if (!played) return base::fail(std::move(played).error().within(recipe_));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (!output_.empty()) KOINON_CHECK(write(recipe, data.first, machine, *played));
    tell(console, *played, s, seconds, data.second.classes > 0);
    return {};
  }

 private:
  static Result<std::pair<engine::train::DataSet, engine::train::DataSet>> load(const engine::train::Recipe& recipe) {
    KOINON_TRY(auto train, engine::train::read_data(recipe.train));
    if (recipe.holdout > 0) return engine::train::hold_out(train, recipe.holdout);
    if (!recipe.test)
      return base::fail(Code::invalid_argument, "[federated] no test data: data.test or data.holdout expected in the recipe");
    KOINON_TRY(auto test, engine::train::read_data(*recipe.test));
    return std::pair{std::move(train), std::move(test)};
  }

  [[nodiscard]] PlaySettings settings(const engine::train::Recipe& recipe) const {
    PlaySettings s;
    s.participants = static_cast<std::size_t>(participants_);
    s.hostile = static_cast<std::size_t>(static_cast<double>(participants_) * hostile_ / 100 + 0.5);
    const auto& names = work::federated::attack_names();
    s.attack = static_cast<work::federated::Attack>(1 + std::ranges::find(names, attack_) - names.begin());
    s.combine = combine_ == "mean"     ? work::federated::Combine::mean
                : combine_ == "median" ? work::federated::Combine::median
                                       : work::federated::Combine::trimmed;
    s.alpha = alpha_;
    s.epochs = static_cast<std::uint64_t>(epochs_);
    if (noise_ > 0) s.privacy = work::federated::PrivateWork{clip_, noise_};
    s.seed = static_cast<std::uint64_t>(seed_);
    auto& rules = s.rules;
    const auto epochs = recipe.epochs > 0 ? std::min<std::uint64_t>(recipe.epochs, 65'535) : 10;
    rules.rounds = rounds_ > 0 ? static_cast<std::uint32_t>(rounds_) : static_cast<std::uint32_t>(epochs);
    // A quarter proposes, everybody else votes: a hostile minority never has most of the votes.
    rules.proposers = static_cast<std::uint32_t>(std::clamp<std::int64_t>(participants_ / 4, 1, 64));
    const auto others = static_cast<std::uint32_t>(std::min<std::int64_t>(participants_ - rules.proposers, 101));
    rules.voters = others - (others % 2 == 0 ? 1 : 0);
    rules.least_voters = std::min<std::uint32_t>(5, rules.voters);
    const Wei token{1'000'000'000'000'000'000};
    const auto times = [&](std::uint64_t n, std::uint64_t d) { return token.scaled(n, d).value_or(Wei{}); };
    rules.stake = times(100, 1);
    rules.reward = times(rules.proposers, 1);
    rules.voter_fee = times(1, 10);
    return s;
  }

  Status write(const engine::train::Recipe& recipe, const engine::train::DataSet& data, const engine::train::Machine& machine,
               const PlayReport& played) const {
    KOINON_TRY(const auto trainer, work::federated::Trainer::make(recipe, data, machine));
    const auto title = std::filesystem::path(output_).filename().string();
    KOINON_CHECK(base::write_file(output_ + ".onnx", engine::train::export_net(trainer->net(played.model), title)));
    return base::write_file(output_ + ".svg", base::as_bytes(federated_chart(title, played, data.classes > 0)));
  }

  void tell(Console& console, const PlayReport& played, const PlaySettings& s, double seconds, bool classes) const {
    using Align = Table::Align;
    Table table({{"round", Align::right},
                 {classes ? "right" : "loss", Align::right},
                 {"taken", Align::right},
                 {"paid", Align::right},
                 {"refused", Align::right},
                 {"slashed", Align::right},
                 {s.privacy ? "epsilon" : "", Align::right}});
    json rounds = json::array();
    for (const auto& r : played.rounds) {
      table.add({std::to_string(r.round),
                 classes ? fmt::format("{:.2f} %", 100 * r.score.right) : fmt::format("{:.5g}", r.score.loss),
                 std::to_string(r.accepted), std::to_string(count(r, Fate::paid)),
                 std::to_string(count(r, Fate::refused) + count(r, Fate::quiet)), std::to_string(count(r, Fate::harmful)),
                 s.privacy ? fmt::format("{:.2f}", r.epsilon) : ""});
      rounds.push_back({{"round", r.round}, {"loss", r.score.loss}, {"right", r.score.right}, {"accepted", r.accepted}});
      if (s.privacy) rounds.back()["epsilon"] = r.epsilon;
    }
    console.print(table.text(40));
    const auto groups = grouped(played);
    Table money({{"participants"},
                 {"accounts", Align::right},
                 {"proposals", Align::right},
                 {"paid", Align::right},
                 {"slashed", Align::right},
                 {"earned", Align::right},
                 {"lost", Align::right}});
    json list = json::array();
    for (const auto& g : groups) {
      money.add({g.name, std::to_string(g.accounts), std::to_string(g.proposed), std::to_string(g.paid),
                 std::to_string(g.slashed), tokens(g.earned), tokens(g.lost)});
      list.push_back(g.object());
    }
    console.print("\n" + money.text());
    console.print(fmt::format("\nfunded {}, burned {}, back to the buyer {} (tokens; stakes 100 each)\n", tokens(played.funded),
                              tokens(played.burned), tokens(played.refunded)));
    if (s.privacy)
      console.print(fmt::format("epsilon {:.2f} at delta {} for each sample of the participant that proposed most\n",
                                played.rounds.empty() ? 0 : played.rounds.back().epsilon, s.delta));
    if (!output_.empty()) console.print(fmt::format("{0}.onnx  the model\n{0}.svg   the course of the rounds\n", output_));
    json out = {{"rounds", rounds},
                {"groups", list},
                {"seconds", seconds},
                {"funded_wei", played.funded.text()},
                {"burned_wei", played.burned.text()},
                {"refunded_wei", played.refunded.text()}};
    if (!output_.empty()) out["files"] = {output_ + ".onnx", output_ + ".svg"};
    console.object(out);
  }

  [[nodiscard]] static std::vector<Group> grouped(const PlayReport& played) {
    std::vector<Group> out(1);
    out[0].name = "honest";
    for (const auto& a : played.accounts) {
      const auto name =
          a.attack ? "hostile: " + work::federated::attack_names()[static_cast<std::size_t>(*a.attack) - 1] : "honest";
      auto found = std::ranges::find(out, name, &Group::name);
      if (found == out.end()) {
        out.emplace_back().name = name;
        found = out.end() - 1;
      }
      found->add(a);
    }
    return out;
  }

  std::string recipe_, output_, attack_ = "mixed", combine_ = "trimmed";
  std::int64_t participants_ = 20, rounds_ = 0, epochs_ = 2, seed_ = 1, threads_ = 0;
  double alpha_ = 0, hostile_ = 0, noise_ = 0, clip_ = 1;
};

}  // namespace

std::unique_ptr<Command> make_federated() { return std::make_unique<Federated>(); }

}  // namespace koinon::cli
