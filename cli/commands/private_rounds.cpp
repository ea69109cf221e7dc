#include <chrono>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "cli/commands/describe_output.hpp"
#include "cli/commands/private_commands.hpp"
#include "cli/files/model_file.hpp"
#include "cli/files/table_file.hpp"
#include "cli/line/line.hpp"
#include "cli/remote/reply.hpp"
#include "cli/remote/round_helper.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/quantise.hpp"
#include "engine/run/roots.hpp"
#include "net/url.hpp"
#include "work/encrypted/fixed_rows.hpp"

// `koinon private ask` and `koinon private train`: the client's side of computations that go to and fro.
namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;
using work::Helper;

constexpr const char* kAtHelp =
    "A provider, as koinon private serve prints it; several, one after another, must agree in every round";

/// Providers that could be asked. Errors: invalid_argument, naming the one that is no URL.
Status check_urls(const char* command, const std::vector<std::string>& urls) {
  if (urls.empty()) return base::fail(Code::invalid_argument, "[{}] no provider: --at URL", command);
  for (const auto& url : urls)
    if (const auto parsed = net::Url::parse(url); !parsed || !parsed->scheme.starts_with("http"))
      return base::fail(Code::invalid_argument, "[{}] --at '{}': http://HOST:PORT expected", command, clean(url, 80));
  return {};
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::vector<Helper> helpers_at(net::HttpClient& client, const std::vector<std::string>& urls) {
  std::vector<Helper> out;
  for (const auto& url : urls) out.push_back(round_helper(client, url));
  return out;
}

json cost_json(const work::RoundCost& cost, double seconds) {
  return {{"rounds", cost.rounds},
          {"sent_bytes", cost.sent},
          {"received_bytes", cost.received},
          {"client_seconds", cost.client_seconds},
          {"seconds", seconds}};
}

std::string cost_text(const work::RoundCost& cost, double seconds, std::size_t providers) {
  return fmt::format("{} rounds with {} in {}, {} of them here; {} sent, {} received\n", cost.rounds,
                     providers == 1 ? "one provider" : fmt::format("{} providers", providers), seconds_text(seconds),
                     seconds_text(cost.client_seconds), size_text(cost.sent), size_text(cost.received));
}

class Ask final : public Command {
 public:
  Ask()
      : Command({"private ask", "Run a model on an encrypted input, helping the provider between its layers",
                 "koinon private ask --at http://127.0.0.1:7090 --input examples/digits/digit-7.png"}) {}
  void options(Line& line) override {
    line.texts("--at URL", at_, kAtHelp)
        .text("--input FILE", input_, "Input: .json {\"input_data\": [[...]]}, .npy, .npz, .png or .jpg", Need::required)
        .text("--program ID", program_, "Which program; needed where a provider serves several");
  }
  Status check() const override {
    if (!program_.empty() && !base::fixed_from_hex<32>(program_))
      return base::fail(Code::invalid_argument, "[private ask] --program '{}': 64 hex digits expected", clean(program_, 80));
    return check_urls("private ask", at_);
  }
  Status run(Console& console) override {
    net::HttpClient client;
    KOINON_TRY(const auto plan, plan_of(client));
    KOINON_TRY(const auto inputs, load_inputs(plan.description, input_));
    if (inputs.clamped.count > 0) console.note("koinon: " + inputs.clamped.text);
    const auto helpers = helpers_at(client, at_);
    auto progress = console.progress();
    progress.stage("rounds of ciphertexts");
    base::SystemRandom random;
    const auto begin = std::chrono::steady_clock::now();
    const auto done =
        work::run_aided(plan, inputs.tensors[0], helpers, random,
                        {.progress = [&](std::size_t round, std::size_t total) { progress.update(round, total); }, .stop = {}});
    if (!done) return base::fail(done.error());
    const auto seconds = seconds_since(begin);
    progress.finish();
    const auto& program = plan.description;
    const auto root = base::to_hex(engine::run::output_root(done->outputs));
    for (std::size_t i = 0; i < done->outputs.size(); ++i) console.print(describe_output(program, i, done->outputs[i]) + "\n");
    console.print(fmt::format("program      {}\noutput root  {}\n{}", base::to_hex(engine::program::program_id(program)), root,
                              cost_text(done->cost, seconds, at_.size())));
    json out = {{"program", base::to_hex(engine::program::program_id(program))},
                {"outputs", engine::io::outputs_json(program, done->outputs)},
                {"output_root", root}};
    out.update(cost_json(done->cost, seconds));
    console.object(out);
    return {};
  }

 private:
  /// The client's half, which all providers give alike.
  Result<trust::fhe::AidedProgram> plan_of(net::HttpClient& client) const {
    auto id = program_;
    if (id.empty()) {
      KOINON_TRY(const auto body, fetch_round(client, at_[0], "/aided"));
      KOINON_TRY(const auto reply, parse_reply(base::as_text(body)));
      const auto ids = texts_of(child(reply, "programs"));
      if (ids.size() != 1)
        return base::fail(Code::invalid_argument, "[private ask] {} serves {} programs: name one with --program ID", at_[0],
                          ids.size());
      id = ids[0];
    }
    KOINON_TRY(const auto wanted, base::fixed_from_hex<32>(id));
    base::Bytes first;
    for (const auto& url : at_) {
      auto bytes = fetch_round(client, url, "/aided/" + base::to_hex(wanted));
      if (!bytes) return base::fail(std::move(bytes).error().within(url));
      if (first.empty()) first = *bytes;
      if (*bytes != first)
        return base::fail(Code::conflict, "[private ask] {} and {} plan program {} differently", at_[0], url, id);
    }
    KOINON_TRY(auto plan, trust::fhe::decode_aided(first));
    if (engine::program::program_id(plan.description) != wanted)
      return base::fail(Code::rejected, "[private ask] {} gave the plan of another program", at_[0]);
    return plan;
  }

  std::vector<std::string> at_;
  std::string input_, program_;
};

class Train final : public Command {
 public:
  Train()
      : Command({"private train", "Train logistic regression on rows that the trainer never sees",
                 "koinon private train patients.csv --label ill --at http://127.0.0.1:7090 --steps 30 -o ill.json"}) {}
  void options(Line& line) override {
    line.text("rows", rows_, "A .csv file: a line of names, then numbers", Need::required)
        .text("--label NAME", label_, "The column to learn, 0 or 1", Need::required)
        .texts("--at URL", at_, kAtHelp)
        .number("--steps N", steps_, 1, 100000, "Steps of gradient descent over all rows; 30 when absent")
        .real("--rate R", rate_, 0.0001, 1000, "Learning rate, to the nearest power of two; 2 when absent")
        .text("-o,--output FILE", output_, "Write the weights here, as JSON in the units of the columns", Need::required)
        .flag("--compare", compare_, "Train in plain here too, and say whether the weights are equal");
  }
  Status check() const override { return check_urls("private train", at_); }
  Status run(Console& console) override {
    KOINON_CHECK(read());
    KOINON_TRY(const auto rows, work::fix_rows(values_, labels_.size(), names_.size(), rate_));
    KOINON_TRY(const auto plan, trust::fhe::plan_logistic(rows.rule));
    net::HttpClient client;
    const auto helpers = helpers_at(client, at_);
    auto progress = console.progress();
    progress.stage("rounds of ciphertexts");
    base::SystemRandom random;
    const auto begin = std::chrono::steady_clock::now();
    const auto done = work::train_encrypted(
        plan, rows.x, labels_, static_cast<std::size_t>(steps_), helpers, random,
        {.progress = [&](std::size_t round, std::size_t total) { progress.update(round, total); }, .stop = {}});
    if (!done) return base::fail(done.error());
    const auto seconds = seconds_since(begin);
    progress.finish();
    const auto right = work::right_labels(rows, done->weights, labels_);
    const auto real = work::real_weights(rows, done->weights);
    json model = {{"features", names_}, {"weights", real.weights}, {"offset", real.offset}, {"label", label_}};
    const auto text = model.dump(2) + "\n";
    KOINON_CHECK(base::write_file(output_, base::as_bytes(text)));
    json out = {{"file", output_},         {"rows", labels_.size()}, {"features", names_.size()},
                {"steps", steps_},         {"right_rows", right},    {"integer_weights", done->weights},
                {"weights", real.weights}, {"offset", real.offset},  {"feature_bound", rows.rule.feature_bound}};
    out.update(cost_json(done->cost, seconds));
    console.print(
        fmt::format("{}  {} of {} rows right\n{}", output_, right, labels_.size(), cost_text(done->cost, seconds, at_.size())));
    KOINON_CHECK(compared(console, rows, done->weights, out));
    console.object(out);
    return {};
  }

 private:
  Status read() {
    KOINON_TRY(const auto bytes, base::read_file(rows_, std::uint64_t{1} << 30));
    auto table = parse_table(base::as_text(bytes));
    if (!table) return base::fail(std::move(table).error().within(rows_));
    const auto found = std::ranges::find(table->names, label_);
    if (found == table->names.end())
      return base::fail(Code::not_found, "[private train] {} has no column '{}': {}", rows_, label_,
                        clean(fmt::format("{}", fmt::join(table->names, ", "))));
    const auto at = static_cast<std::size_t>(found - table->names.begin());
    const auto width = table->names.size();
    for (std::size_t i = 0; i < table->values.size(); ++i) {
      const auto value = table->values[i];
      if (i % width != at) {
        values_.push_back(value);
      } else if (value == 0 || value == 1) {
        labels_.push_back(value == 1 ? 1 : 0);
      } else {
        return base::fail(Code::out_of_range, "[private train] row {} has the label {}: 0 or 1 expected", i / width + 1, value);
      }
    }
    table->names.erase(found);
    names_ = std::move(table->names);
    return {};
  }
  /// The same training in plain, where it was asked for.
  Status compared(Console& console, const work::FixedRows& rows, const std::vector<std::int64_t>& weights, json& out) const {
    if (!compare_) return {};
    const auto begin = std::chrono::steady_clock::now();
    const auto plain = trust::fhe::train_plain(rows.rule, rows.x, labels_, static_cast<std::size_t>(steps_));
    const auto seconds = seconds_since(begin);
    out["equal_to_plain"] = plain == weights;
    out["plain_seconds"] = seconds;
    if (plain != weights)
      return base::fail(Code::internal, "[private train] the weights differ from those of plain training: do not use them");
    console.print(fmt::format("equal to plain training, which took {}\n", seconds_text(seconds)));
    return {};
  }

  std::string rows_, label_, output_;
  std::vector<std::string> at_, names_;
  std::vector<double> values_;
  std::vector<int> labels_;
  std::int64_t steps_ = 30;
  double rate_ = 2;
  bool compare_ = false;
};

}  // namespace

std::unique_ptr<Command> make_private_ask() { return std::make_unique<Ask>(); }
std::unique_ptr<Command> make_private_train() { return std::make_unique<Train>(); }

}  // namespace koinon::cli
