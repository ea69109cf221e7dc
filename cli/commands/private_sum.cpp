#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/random.hpp"
#include "cli/commands/private_commands.hpp"
#include "cli/commands/private_keys.hpp"
#include "cli/files/npy.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/read.hpp"
#include "trust/private/models/bundle.hpp"
#include "trust/private/serial.hpp"
#include "work/encrypted/sum_plan.hpp"

// `koinon private sum ...`: sums of many parties' numbers, of which the aggregator sees none.
namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using trust::fhe::Context;
using work::SumCiphers;
using work::SumPlan;

constexpr const char* kHow =
    "the steps are: koinon private sum plan, keygen (the owner), encrypt (each party), add (the aggregator), decrypt (the "
    "owner)";

struct Opened {
  SumPlan plan;
  std::unique_ptr<const Context> context;
  static Result<Opened> load(const std::string& path) {
    const auto bytes = base::read_file(path, 1 << 20);
    if (!bytes) return advise(bytes.error(), kHow);
    auto plan = SumPlan::decode(*bytes);
    if (!plan) return advise(std::move(plan).error().within(path), kHow);
    KOINON_TRY(auto context, Context::create(plan->plan.parameters));
    return Opened{*std::move(plan), std::move(context)};
  }
  /// The ciphertexts of a file, and how many updates they hold.
  [[nodiscard]] Result<std::pair<std::uint32_t, std::vector<trust::fhe::Ciphertext>>> read(const std::string& path) const {
    KOINON_TRY(const auto bytes, base::read_file(path));
    auto out = [&]() -> Result<std::pair<std::uint32_t, std::vector<trust::fhe::Ciphertext>>> {
      KOINON_TRY(const auto sum, SumCiphers::decode(bytes));
      KOINON_TRY(auto ciphers, trust::fhe::decode_ciphertexts(*context, sum.ciphers, plan.plan.chunks()));
      return std::pair(sum.updates, std::move(ciphers));
    }();
    if (!out) return advise(std::move(out).error().within(path), "updates and sums belong to one plan");
    return out;
  }
  Status write(const std::string& path, std::uint32_t updates, std::span<const trust::fhe::Ciphertext> ciphers,
               Console& console) const {
    const auto bytes = SumCiphers{updates, trust::fhe::encode(*context, ciphers)}.encode();
    KOINON_CHECK(base::write_file(path, bytes));
    console.print(fmt::format("{}  {} update{}, {} ciphertexts, {}\n", path, updates, updates == 1 ? "" : "s", ciphers.size(),
                              size_text(bytes.size())));
    console.object({{"file", path}, {"updates", updates}, {"ciphertexts", ciphers.size()}, {"bytes", bytes.size()}});
    return {};
  }
};

/// All numbers of a .npy, .npz or .json file.
Result<std::vector<double>> numbers_of_file(const std::string& path) {
  KOINON_TRY(const auto bytes, base::read_file(path));
  const auto text = base::as_text(bytes);
  std::vector<engine::io::RealTensor> tensors;
  const auto read = [&]() -> Status {
    if (text.starts_with("\x93NUMPY")) {
      KOINON_TRY(tensors.emplace_back(), engine::io::read_npy(bytes));
    } else if (text.starts_with("PK")) {
      KOINON_TRY(tensors, engine::io::read_npz(bytes));
    } else {
      KOINON_TRY(tensors, engine::io::read_json(bytes));
    }
    return {};
  }();
  if (!read) return base::fail(base::Error(read.error()).within(path));
  std::vector<double> out;
  for (const auto& tensor : tensors) out.insert(out.end(), tensor.data.begin(), tensor.data.end());
  return out;
}

class SumPlanning final : public Command {
 public:
  SumPlanning()
      : Command({"private sum plan", "Plan a sum of many parties' numbers, of which the aggregator sees none",
                 "koinon private sum plan --length 1000 --parties 20 --largest 0.1 -o round.plan"}) {}
  void options(Line& line) override {
    line.number("--length N", length_, 1, 1 << 26, "Numbers of one update")
        .number("--parties N", parties_, 1, 1 << 24, "Updates in a sum, at most")
        .real("--largest X", largest_, 1e-30, 1e30, "Largest magnitude of a number; 1 when absent")
        .text("-o,--output FILE", output_, "Write the plan here: public", Need::required);
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto plan, SumPlan::make(static_cast<std::size_t>(length_), static_cast<std::size_t>(parties_), largest_));
    KOINON_CHECK(base::write_file(output_, plan.encode()));
    const auto& p = plan.plan.parameters;
    const auto bytes = plan.plan.chunks() * 2 * p.degree * static_cast<std::size_t>(trust::fhe::modulus_bits(p)) / 8;
    console.print(fmt::format("{}  numbers in units of {:.3g}, N = {}, {} bits of {}; an update takes about {}\n", output_,
                              plan.unit(), p.degree, trust::fhe::modulus_bits(p), trust::fhe::security_bits(p.degree),
                              size_text(bytes)));
    console.object({{"file", output_},
                    {"unit", plan.unit()},
                    {"degree", p.degree},
                    {"modulus_bits", trust::fhe::modulus_bits(p)},
                    {"update_bytes", bytes}});
    return {};
  }

 private:
  std::int64_t length_ = 1, parties_ = 2;
  double largest_ = 1;
  std::string output_;
};

class SumKeygen final : public Command {
 public:
  SumKeygen()
      : Command({"private sum keygen", "Make the owner's keys of a sum", "koinon private sum keygen round.plan -o owner"}) {}
  void options(Line& line) override {
    line.text("plan", plan_, "The plan of the sum", Need::required)
        .text("-o,--output DIR", output_, "Folder for secret.key (keep it) and public.key (for the parties)", Need::required)
        .text("--password-file FILE", password_, "Holds the password of the keys; made in their folder when absent");
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto opened, Opened::load(plan_));
    base::SystemRandom random;
    const auto key = trust::fhe::make_secret_key(*opened.context, random);
    KOINON_CHECK(store_keys(*opened.context, key, output_, password_, random));
    console.print(fmt::format(
        "{0}/secret.key  keep it: it reads sums, and any update that it is given\n{0}/public.key  for the parties\n", output_));
    console.object({{"folder", output_}});
    return {};
  }

 private:
  std::string plan_, output_, password_;
};

class SumEncrypt final : public Command {
 public:
  SumEncrypt()
      : Command({"private sum encrypt", "Encrypt a party's update to the owner",
                 "koinon private sum encrypt round.plan --key owner/public.key --input update.npy -o update.encrypted"}) {}
  void options(Line& line) override {
    line.text("plan", plan_, "The plan of the sum", Need::required)
        .text("--key FILE", key_, "The owner's public.key", Need::required)
        .text("--input FILE", input_, "The update: .npy, .npz or .json", Need::required)
        .text("-o,--output FILE", output_, "Write the encrypted update here, for the aggregator", Need::required);
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto opened, Opened::load(plan_));
    KOINON_TRY(const auto bytes, base::read_file(key_));
    const auto key = trust::fhe::decode_public_key(*opened.context, bytes);
    if (!key) return advise(base::Error(key.error()).within(key_), "the key belongs to another plan, or is no public.key");
    KOINON_TRY(const auto update, numbers_of_file(input_));
    const auto integers = opened.plan.integers(update);
    if (!integers) return base::fail(base::Error(integers.error()).within(input_));
    base::SystemRandom random;
    KOINON_TRY(const auto ciphers, trust::fhe::encrypt_update(*opened.context, opened.plan.plan, *key, *integers, random));
    return opened.write(output_, 1, ciphers, console);
  }

 private:
  std::string plan_, key_, input_, output_;
};

class SumAdd final : public Command {
 public:
  SumAdd()
      : Command({"private sum add", "Add encrypted updates, as an aggregator does",
                 "koinon private sum add round.plan a.encrypted b.encrypted -o sum.encrypted"}) {}
  void options(Line& line) override {
    line.text("plan", plan_, "The plan of the sum", Need::required)
        .texts("updates", updates_, "Encrypted updates, each of one party")
        .text("-o,--output FILE", output_, "Write the encrypted sum here, for the owner", Need::required);
  }
  Status check() const override {
    if (updates_.empty()) return base::fail(Code::invalid_argument, "[private sum add] no updates: name their files");
    return {};
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto opened, Opened::load(plan_));
    std::vector<std::vector<trust::fhe::Ciphertext>> updates;
    for (const auto& path : updates_) {
      KOINON_TRY(auto update, opened.read(path));
      if (update.first != 1)
        return base::fail(Code::invalid_argument, "[private sum add] {} is a sum of {}: updates of one party expected", path,
                          update.first);
      updates.push_back(std::move(update.second));
    }
    KOINON_TRY(const auto sum, trust::fhe::add_updates(*opened.context, opened.plan.plan, updates));
    return opened.write(output_, static_cast<std::uint32_t>(updates.size()), sum, console);
  }

 private:
  std::string plan_, output_;
  std::vector<std::string> updates_;
};

class SumDecrypt final : public Command {
 public:
  SumDecrypt()
      : Command({"private sum decrypt", "Decrypt a sum, as its owner does",
                 "koinon private sum decrypt round.plan --keys owner --sum sum.encrypted --mean -o mean.npy"}) {}
  void options(Line& line) override {
    line.text("plan", plan_, "The plan of the sum", Need::required)
        .text("--keys DIR", keys_, "The owner's keys", Need::required)
        .text("--sum FILE", sum_, "The encrypted sum", Need::required)
        .flag("--mean", mean_, "Divide by the number of updates")
        .text("-o,--output FILE", output_, "Write the numbers here, as .npy", Need::required)
        .text("--password-file FILE", password_, "Holds the password of the keys; password in their folder when absent");
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto opened, Opened::load(plan_));
    KOINON_TRY(const auto key, secret_of(*opened.context, keys_, password_));
    KOINON_TRY(const auto sum, opened.read(sum_));
    KOINON_TRY(const auto integers, trust::fhe::decrypt_sum(*opened.context, opened.plan.plan, key, sum.second));
    auto out = opened.plan.reals(integers);
    if (mean_)
      for (auto& v : out) v /= static_cast<double>(sum.first);
    KOINON_CHECK(base::write_file(output_, npy({static_cast<std::int64_t>(out.size())}, out)));
    console.print(
        fmt::format("{}  the {} of {} updates, {} numbers\n", output_, mean_ ? "mean" : "sum", sum.first, out.size()));
    console.object({{"file", output_}, {"updates", sum.first}, {"numbers", out.size()}});
    return {};
  }

 private:
  std::string plan_, keys_, sum_, output_, password_;
  bool mean_ = false;
};

}  // namespace

void add_private_sums(Commands& to) {
  to.push_back(std::make_unique<SumPlanning>());
  to.push_back(std::make_unique<SumKeygen>());
  to.push_back(std::make_unique<SumEncrypt>());
  to.push_back(std::make_unique<SumAdd>());
  to.push_back(std::make_unique<SumDecrypt>());
}

}  // namespace koinon::cli
