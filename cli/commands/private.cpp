#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/random.hpp"
#include "base/thread_pool.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/describe_output.hpp"
#include "cli/commands/private_commands.hpp"
#include "cli/commands/private_keys.hpp"
#include "cli/files/model_file.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/quantise.hpp"
#include "engine/io/read.hpp"
#include "engine/run/roots.hpp"
#include "trust/private/models/bundle.hpp"
#include "trust/private/serial.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;
using trust::fhe::Bundle;
using trust::fhe::Context;

constexpr const char* kHow =
    "the steps are: koinon private plan NET.koinon, then keygen, encrypt, run, decrypt; docs/trust/private.md shows them";

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// A plan file and the tables of its parameters.
struct Opened {
  Bundle bundle;
  std::unique_ptr<const Context> context;
  static Result<Opened> load(const std::string& path) {
    const auto bytes = base::read_file(path, std::uint64_t{1} << 28);
    if (!bytes) return advise(bytes.error(), kHow);
    auto bundle = trust::fhe::decode_bundle(*bytes);
    if (!bundle) return advise(std::move(bundle).error().within(path), kHow);
    KOINON_TRY(auto context, Context::create(bundle->parameters()));
    return Opened{*std::move(bundle), std::move(context)};
  }
};

/// Reads a file and decodes it; errors name the file and the next step.
template <class F>
auto read_with(const std::filesystem::path& path, F decode) -> decltype(decode(base::ByteView{})) {
  auto bytes = base::read_file(path);
  if (!bytes) return advise(bytes.error(), kHow);
  auto out = decode(*bytes);
  base::wipe(*bytes);
  if (!out) return advise(std::move(out).error().within(path.string()), "keys, inputs and results belong to one plan");
  return out;
}

constexpr const char* kPasswordHelp = "Holds the password of the keys; password in their folder when absent";

json cost_json(const Bundle& bundle) {
  json out = {{"degree", bundle.parameters().degree},
              {"modulus_bits", trust::fhe::modulus_bits(bundle.parameters())},
              {"security_limit_bits", trust::fhe::security_bits(bundle.parameters().degree)},
              {"input_ciphertexts", trust::fhe::input_count(bundle)},
              {"result_ciphertexts", trust::fhe::result_count(bundle)},
              {"thermometer", bundle.thermometer},
              {"shown_thresholds", trust::fhe::bit_count(bundle.cuts)}};
  const auto* network = std::get_if<trust::fhe::NetworkPlan>(&bundle.plan);
  out["kind"] = network != nullptr ? "table network" : "linear";
  if (const auto cost = trust::fhe::run_cost(bundle)) {
    out["key_bytes"] = cost->key_bytes;
    out["input_bytes"] = cost->input_bytes;
    out["result_bytes"] = cost->result_bytes;
    out["memory_bytes"] = cost->memory_bytes;
    out["core_seconds"] = cost->seconds;
  }
  if (network == nullptr) return out;
  auto points = json::array();
  for (const auto& layer : network->layers) points.push_back(layer.domain);
  out["table_points"] = std::move(points);
  if (const auto cost = trust::fhe::cost_of(*network))
    out["rotation_keys"] = cost->rotations.size() + (cost->swap_level != 0 ? 1 : 0);
  return out;
}

std::string cost_text(const json& cost) {
  auto out = fmt::format("{}: N = {}, modulus of {} bits where {} are secure\n", cost["kind"].get<std::string>(),
                         cost["degree"].get<int>(), cost["modulus_bits"].get<int>(), cost["security_limit_bits"].get<int>());
  if (cost.contains("table_points"))
    out += fmt::format("  tables       {} points\n", fmt::join(cost["table_points"].get<std::vector<std::size_t>>(), " and "));
  if (cost.contains("key_bytes"))
    out += fmt::format(
        "  keys         {}\n  input        {}\n  result       {}\n"
        "  memory       {} at the provider\n  time         about {} of one core\n",
        cost["key_bytes"] == 0 ? "none" : size_text(cost["key_bytes"].get<std::uint64_t>()),
        size_text(cost["input_bytes"].get<std::uint64_t>()), size_text(cost["result_bytes"].get<std::uint64_t>()),
        size_text(cost["memory_bytes"].get<std::uint64_t>()), seconds_text(cost["core_seconds"].get<double>()));
  return out;
}

/// What a plan shows of the model, beside its sums.
std::string shown_text(const Bundle& bundle) {
  if (bundle.cuts.empty()) return "";
  return fmt::format(
      "  shows        {} thresholds that inputs are compared with: the buyer sends one bit for each; model build --profile "
      "private\n               keeps them to the provider\n",
      trust::fhe::bit_count(bundle.cuts));
}

class Plan final : public Command {
 public:
  Plan()
      : Command({"private plan", "Plan the encrypted run of a program, or say which step cannot be done",
                 "koinon private plan digits.koinon -o digits.plan"}) {}
  void options(Line& line) override {
    line.text("program", program_, "The .koinon file, with its weights", Need::required)
        .text("-o,--output FILE", output_, "Write the plan here: public, for buyers", Need::required);
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto model, ModelFile::load(program_));
    const auto compiled = trust::fhe::compile(model.program);
    if (!compiled) return base::fail(base::Error(compiled.error()).within(program_));
    const auto bytes = trust::fhe::encode(compiled->bundle);
    KOINON_CHECK(base::write_file(output_, bytes));
    auto out = cost_json(compiled->bundle);
    console.print(cost_text(out) + shown_text(compiled->bundle) +
                  fmt::format("plan         {}, {}\n", output_, size_text(bytes.size())));
    out["program"] = base::to_hex(engine::program::program_id(model.program));
    out["file"] = output_;
    console.object(out);
    return {};
  }

 private:
  std::string program_, output_;
};

class Keygen final : public Command {
 public:
  Keygen() : Command({"private keygen", "Make a buyer's keys for a plan", "koinon private keygen digits.plan -o my-keys"}) {}
  void options(Line& line) override {
    line.text("plan", plan_, "The plan of the program", Need::required)
        .text("-o,--output DIR", output_, "Folder for secret.key (keep it), public.key and evaluation.keys (for the provider)",
              Need::required)
        .text("--password-file FILE", password_, "Holds the password of the keys; made in their folder when absent");
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto opened, Opened::load(plan_));
    auto progress = console.progress();
    progress.stage("making keys");
    progress.update(0, 0);
    base::SystemRandom random;
    base::ThreadPool pool(0);
    const auto key = trust::fhe::make_secret_key(*opened.context, random);
    const std::filesystem::path folder = output_;
    KOINON_CHECK(store_keys(*opened.context, key, folder, password_, random));
    KOINON_TRY(const auto keys, trust::fhe::make_keys(*opened.context, opened.bundle, key, random, &pool));
    const auto bytes = trust::fhe::encode(*opened.context, keys);
    KOINON_CHECK(base::write_file(folder / "evaluation.keys", bytes));
    progress.finish();
    console.print(fmt::format(
        "{0}/secret.key       keep it: it reads your inputs and results; locked by {2}\n{0}/public.key       for the "
        "provider\n{0}/evaluation.keys  for the provider, {1}\n",
        output_, size_text(bytes.size()), password_.empty() ? output_ + "/password" : password_));
    console.object({{"folder", output_}, {"evaluation_key_bytes", bytes.size()}});
    return {};
  }

 private:
  std::string plan_, output_, password_;
};

class Encrypt final : public Command {
 public:
  Encrypt()
      : Command({"private encrypt", "Encrypt an input",
                 "koinon private encrypt digits.plan --keys my-keys --input examples/digits/digit-7.png -o seven.encrypted"}) {}
  void options(Line& line) override {
    line.text("plan", plan_, "The plan of the program", Need::required)
        .text("--keys DIR", keys_, "Your keys", Need::required)
        .text("--input FILE", input_, "Input: .json {\"input_data\": [[...]]}, .npy, .npz, .png or .jpg", Need::required)
        .text("-o,--output FILE", output_, "Write the encrypted input here", Need::required)
        .text("--password-file FILE", password_, kPasswordHelp);
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto opened, Opened::load(plan_));
    KOINON_TRY(const auto inputs, load_inputs(opened.bundle.description, input_));
    if (inputs.clamped.count > 0) console.note("koinon: " + inputs.clamped.text);
    KOINON_TRY(const auto key, secret_of(*opened.context, keys_, password_));
    std::vector<std::int64_t> x;
    for (std::int64_t i = 0; i < inputs.tensors[0].size(); ++i) x.push_back(inputs.tensors[0].at(i));
    base::SystemRandom random;
    KOINON_TRY(const auto ciphers, trust::fhe::encrypt_inputs(*opened.context, opened.bundle, key, x, random));
    const auto bytes = trust::fhe::encode(*opened.context, ciphers);
    KOINON_CHECK(base::write_file(output_, bytes));
    console.print(fmt::format("{}  {} ciphertexts, {}\n", output_, ciphers.size(), size_text(bytes.size())));
    console.object({{"file", output_}, {"ciphertexts", ciphers.size()}, {"bytes", bytes.size()}});
    return {};
  }

 private:
  std::string plan_, keys_, input_, output_, password_;
};

class RunPrivate final : public Command {
 public:
  RunPrivate()
      : Command({"private run", "Run a program on an encrypted input, as a provider does",
                 "koinon private run digits.koinon --keys my-keys --input seven.encrypted -o seven.result"}) {}
  void options(Line& line) override {
    line.text("program", program_, "The .koinon file, with its weights", Need::required)
        .text("--keys DIR", keys_, "The buyer's public.key and evaluation.keys", Need::required)
        .text("--input FILE", input_, "The encrypted input", Need::required)
        .text("-o,--output FILE", output_, "Write the encrypted result here", Need::required)
        .number("--threads N", threads_, 0, 1024, "Threads; 0: one a core. The result never depends on it");
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto model, ModelFile::load(program_));
    auto progress = console.progress();
    progress.stage("planning");
    progress.update(0, 0);
    const auto compiled = trust::fhe::compile(model.program);
    if (!compiled) return base::fail(base::Error(compiled.error()).within(program_));
    KOINON_TRY(const auto context, Context::create(compiled->bundle.parameters()));
    base::ThreadPool pool(static_cast<std::size_t>(threads_));
    const std::filesystem::path folder = keys_;
    KOINON_TRY(const auto open, read_with(folder / "public.key", [&](base::ByteView bytes) {
                 return trust::fhe::decode_public_key(*context, bytes);
               }));
    KOINON_TRY(const auto keys, read_with(folder / "evaluation.keys", [&](base::ByteView bytes) {
                 return trust::fhe::decode_evaluation_keys(*context, bytes, &pool);
               }));
    KOINON_TRY(const auto inputs, read_with(input_, [&](base::ByteView bytes) {
                 return trust::fhe::decode_ciphertexts(*context, bytes, trust::fhe::input_count(compiled->bundle));
               }));
    progress.stage("computing on ciphertexts");
    const auto begin = std::chrono::steady_clock::now();
    KOINON_TRY(const auto results,
               trust::fhe::evaluate(*context, *compiled, keys, open, inputs, base::SystemRandom().hash(), &pool,
                                    [&](std::size_t done, std::size_t total) { progress.update(done, total); }));
    const auto seconds = seconds_since(begin);
    progress.finish();
    const auto bytes = trust::fhe::encode(*context, results);
    KOINON_CHECK(base::write_file(output_, bytes));
    console.print(fmt::format("{}  {} ciphertexts, {}, in {}\n", output_, results.size(), size_text(bytes.size()),
                              seconds_text(seconds)));
    console.object({{"file", output_}, {"ciphertexts", results.size()}, {"bytes", bytes.size()}, {"seconds", seconds}});
    return {};
  }

 private:
  std::string program_, keys_, input_, output_;
  std::int64_t threads_ = 0;
};

class Decrypt final : public Command {
 public:
  Decrypt()
      : Command({"private decrypt", "Decrypt a result and finish the program's run",
                 "koinon private decrypt digits.plan --keys my-keys --result seven.result"}) {}
  void options(Line& line) override {
    line.text("plan", plan_, "The plan of the program", Need::required)
        .text("--keys DIR", keys_, "Your keys", Need::required)
        .text("--result FILE", result_, "The encrypted result", Need::required)
        .text("--password-file FILE", password_, kPasswordHelp);
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto opened, Opened::load(plan_));
    KOINON_TRY(const auto key, secret_of(*opened.context, keys_, password_));
    KOINON_TRY(const auto results, read_with(result_, [&](base::ByteView bytes) {
                 return trust::fhe::decode_ciphertexts(*opened.context, bytes, trust::fhe::result_count(opened.bundle));
               }));
    const auto outputs = trust::fhe::decrypt_results(*opened.context, opened.bundle, key, results);
    if (!outputs)
      return advise(base::Error(outputs.error()).within(result_),
                    "the provider computed something else, or these are not the keys that the input was encrypted with");
    const auto& program = opened.bundle.description;
    const auto root = base::to_hex(engine::run::output_root(*outputs));
    for (std::size_t i = 0; i < outputs->size(); ++i) console.print(describe_output(program, i, (*outputs)[i]) + "\n");
    console.print(fmt::format("program      {}\noutput root  {}\n", base::to_hex(engine::program::program_id(program)), root));
    console.object({{"program", base::to_hex(engine::program::program_id(program))},
                    {"outputs", engine::io::outputs_json(program, *outputs)},
                    {"output_root", root}});
    return {};
  }

 private:
  std::string plan_, keys_, result_, password_;
};

}  // namespace

void add_private(Commands& to) {
  to.push_back(std::make_unique<Plan>());
  to.push_back(std::make_unique<Keygen>());
  to.push_back(std::make_unique<Encrypt>());
  to.push_back(std::make_unique<RunPrivate>());
  to.push_back(std::make_unique<Decrypt>());
  to.push_back(make_private_serve());
  to.push_back(make_private_ask());
  to.push_back(make_private_train());
  add_private_sums(to);
}

}  // namespace koinon::cli
