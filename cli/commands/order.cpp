#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/file.hpp"
#include "base/random.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/text_options.hpp"
#include "cli/commands/training_options.hpp"
#include "cli/files/model_file.hpp"
#include "cli/remote/describe.hpp"
#include "cli/remote/ledger_source.hpp"
#include "cli/remote/node_client.hpp"
#include "cli/remote/order_progress.hpp"
#include "cli/remote/program_source.hpp"
#include "cli/remote/reply.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/quantise.hpp"
#include "engine/language/bundle.hpp"
#include "market/receipt/receipt.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using nlohmann::json;

constexpr double kBpsAPercent = 100;
constexpr int kPlaceAgain = 3;  ///< when the node's answer is lost

class Order final : public Command {
 public:
  explicit Order(const Extensions& extensions)
      : Command({"order", "Buy a run of a program, or a text of a language model, checked before it is paid for",
                 "koinon order digits.koinon --input examples/digits/digit-7.png --price 0.01"}),
        extensions_(extensions) {}

  void options(Line& line) override {
    line.text("program", program_,
              "The .koinon file, or the id of a model that the node holds (koinon models); for a text the folder that `koinon "
              "language build` made, or its id")
        .text("--input FILE", input_, "Input of a program: .json, .npy, .npz, .png or .jpg");
    text_.options(line);
    training_.options(line);
    line.text("--price AMOUNT", price_, "Most that one provider's run may cost, in tokens", Need::required)
        .text("--check NAME", check_, "How the result is checked, such as quorum; the node's own choice when absent")
        .flag("--private", private_, "Providers compute on ciphertexts")
        .number("--n N", n_, 1, 5, "Providers that run it; 3 when absent, 1 under the checks optimistic and proof")
        .number("--k K", k_, 0, 5, "Equal claims that make a verdict; 0: a majority of n")
        .real("--audit PERCENT", audit_, 0, 100, "Chance that one more provider re-runs it; the market's own when absent")
        .number("--commit-window SECONDS", window_, 0, 86'400, "Time to run it; 0: the node's own")
        .flag("--clamp", clamp_, "Go on when more than a tenth of the input lies outside the program's calibrated range")
        .flag("--trap", trap_, "Run it here first, and appeal or dispute when the verdict differs")
        .flag("--confirm", confirm_, "Optimistic: run it here too, and have a right claim paid at once")
        .text("--label TEXT", label_, "A note for yourself; the input's file name when absent")
        .flag("--no-wait", no_wait_, "Place it and return")
        .text("--proof FILE", proof_, "With --check proof: write the proof here, for koinon verify")
        .text("--receipt FILE", receipt_, "Where the receipt is written; receipt-ID.json when absent");
    access_.options(line);
  }

  Status check() const override {
    KOINON_CHECK(check_goods());
    KOINON_TRY(const auto price, base::Wei::parse_tokens(price_));
    KOINON_TRY([[maybe_unused]] const auto tier, market::tier_within(price));
    if (alone() && members() != 1)
      return base::fail(Code::invalid_argument, "[order] --n {}: under --check {} one provider runs it", members(), check_);
    if (const auto k = majority(); k > members() || 2 * k <= members())
      return base::fail(Code::invalid_argument, "[order] --k {} of --n {}: more than half of n, and at most n, expected", k,
                        members());
    return access_.check();
  }

  /// Before anything is paid: what cannot be written is found out now.
  Status check_places() const {
    const auto output = training_.given() && !training_.output.empty() ? training_.output : std::string("model");
    for (const auto& [option, file] :
         {std::pair("--receipt", receipt_.empty() ? std::string("receipt.json") : receipt_),
          std::pair("--proof", proof_.empty() ? std::string("proof") : proof_), std::pair("--output", output)}) {
      const auto folder = std::filesystem::absolute(file).parent_path();
      if (::access(folder.c_str(), W_OK) != 0)
        return base::fail(Code::io, "[order] {}: no file can be written in {}", option, folder.string());
    }
    return {};
  }

  Status run(Console& console) override {
    KOINON_CHECK(check_places());
    KOINON_TRY(const auto max_price, base::Wei::parse_tokens(price_));
    KOINON_TRY(auto node, NodeClient::open(access_));
    auto progress = console.progress();
    if (training_.given()) return buy_training(console, node, max_price, progress);
    KOINON_TRY(const auto goods, text_.given() ? text_goods(node) : program_goods(console, node, progress));
    const auto body = request(goods, max_price);
    KOINON_CHECK(check_policy(node));
    KOINON_CHECK(introduce(node, goods, progress));
    KOINON_CHECK(quote(console, node, body, progress));
    progress.stage("placing the order");
    KOINON_TRY(const auto id, place(node, body));
    if (no_wait_) {
      progress.finish();
      console.print(
          fmt::format("order {} placed. Follow it with: koinon orders show {} --watch\n", clean(id, 40), clean(id, 40)));
      console.object({{"order", id}, {"program", body["program"]}, {"state", "drawing"}, {"clamped", goods.clamped}});
      return {};
    }
    KOINON_TRY(auto order, follow_order(node, id, progress));
    order["clamped"] = goods.clamped;
    return conclude(console, node, std::move(order), progress);
  }

 private:
  /// What is bought, and what of it the node must be given.
  struct Goods {
    std::string id;             ///< of the program or language model, as hex
    base::Bytes bytes;          ///< its file; empty when the node is known to hold it
    bool has_weights = true;    ///< of the file
    json input;                 ///< field "input" of the order
    std::uint64_t clamped = 0;  ///< values outside of the program's range
    std::string label;          ///< when --label gives none
  };

  [[nodiscard]] std::int64_t majority() const { return k_ == 0 ? members() / 2 + 1 : k_; }
  [[nodiscard]] bool disputed() const { return check_ == "optimistic"; }
  [[nodiscard]] bool alone() const { return disputed() || check_ == "proof"; }  ///< one provider claims
  [[nodiscard]] std::int64_t members() const { return n_ != 0 ? n_ : alone() ? 1 : 3; }

  /// That one thing is bought: a run of a program, a text, or training.
  Status check_goods() const {
    const int inputs = (input_.empty() ? 0 : 1) + (text_.prompt.empty() ? 0 : 1) + (text_.prompt_file.empty() ? 0 : 1);
    if (training_.given()) {
      if (inputs > 0 || !program_.empty() || private_ || alone() || no_wait_ || clamp_)
        return base::fail(
            Code::invalid_argument,
            "[order] --train takes a recipe in the place of a program and its input, under the quorum, and waits");
      return {};
    }
    if (program_.empty()) return base::fail(Code::invalid_argument, "[order] a program expected, or --train with a recipe");
    if (inputs == 1) return {};
    return base::fail(Code::invalid_argument,
                      "[order] one of --input (a program), --prompt (not empty) and --prompt-file (a language model) expected");
  }

  /// Buys a run of training, in one order or several.
  Status buy_training(Console& console, NodeClient& node, const base::Wei& max_price, Progress& progress) const {
    KOINON_CHECK(check_policy(node));
    Goods goods;
    goods.label = training_.label();
    auto terms = request(goods, max_price);
    terms.erase("program");
    terms.erase("input");
    return training_.run(console, node, [&](const json& training, std::int64_t seconds) -> Result<market::Receipt> {
      auto body = terms;
      body["training"] = training;
      if (window_ == 0) body["commit_window"] = seconds;
      KOINON_CHECK(quote(console, node, body, progress));
      progress.stage("placing the order");
      KOINON_TRY(const auto id, place(node, body));
      KOINON_TRY(const auto order, follow_order(node, id, progress));
      if (text_at(order, "state") == "refunded") return base::fail(refused(console, node, order, progress));
      KOINON_TRY(auto taken, take_receipt(node, clean(id, 40), progress, training_.orders > 1));
      return std::move(taken.receipt);
    });
  }

  /// Refuses what the node does not offer, before it is given anything.
  Status check_policy(NodeClient& node) const {
    KOINON_TRY(const auto status, node.get("/api/v1/status"));
    const auto& offers = child(status, "offers");
    const auto offered = [&](const char* what) {
      auto out = texts_of(child(offers, what));
      for (auto& word : out) word = clean(word, 40);
      return out;
    };
    const auto checks = offered("checks");
    if (!check_.empty() && std::ranges::find(checks, check_) == checks.end())
      return base::fail(Code::unsupported, "[order] --check {}: this node offers {}", clean(check_, 40),
                        fmt::join(checks, ", "));
    if (!proof_.empty() && check_ != "proof") return base::fail(Code::invalid_argument, "[order] --proof is of --check proof");
    if (confirm_ && !disputed())
      return base::fail(Code::invalid_argument,
                        "[order] --confirm is of --check optimistic: with a quorum, --trap compares with a run of one's own");
    const auto privacies = offered("privacies");
    if (private_ && std::ranges::find(privacies, "private") == privacies.end())
      return advise({Code::unsupported, fmt::format("[order] --private: this node offers {} inputs alone, which the providers "
                                                    "that are drawn see",
                                                    fmt::join(privacies, ", "))},
                    "leave --private out only if they may see this input");
    return {};
  }

  Result<Goods> program_goods(Console& console, NodeClient& node, Progress& progress) const {
    KOINON_TRY(auto model, program(node, progress));
    KOINON_TRY(const auto inputs, load_inputs(model.program, input_));
    KOINON_CHECK(check_clamped(console, inputs.clamped));
    Goods out;
    out.id = base::to_hex(engine::program::program_id(model.program));
    out.bytes = std::move(model.bytes);
    out.has_weights = model.program.has_weights();
    // The input travels as the real values that quantise back to the same integers.
    auto data = json::array();
    for (std::size_t i = 0; i < inputs.tensors.size(); ++i)
      data.push_back(engine::io::dequantise(inputs.tensors[i], model.program.inputs[i].scale));
    out.input = {{"input_data", std::move(data)}};
    out.clamped = inputs.clamped.count;
    out.label = input_.substr(input_.rfind('/') + 1).substr(0, 120);
    return out;
  }

  /// A text: with the model at hand, what it does not take is refused here.
  Result<Goods> text_goods(NodeClient& node) {
    KOINON_CHECK(text_.draw_seed());
    Goods out;
    if (is_program_id(program_) && !std::filesystem::exists(program_)) {
      KOINON_TRY(const auto model, find_model(node, program_));
      if (!child(model, "language").is_object())
        return advise({Code::unsupported, fmt::format("[order] {} is no language model", program_)}, "give it an --input");
      out.id = text_at(model, "program");
    } else {
      KOINON_TRY(const auto folder, load_language(program_));
      KOINON_TRY([[maybe_unused]] const auto fits, text_.request(folder));
      out.id = base::to_hex(engine::language::bundle_id(folder));
      out.bytes = engine::language::encode_bundle(folder);
    }
    KOINON_TRY(auto asked, text_.input());
    out.label = clean(text_at(asked, "prompt"), 60);
    out.input = {{"text", std::move(asked)}};
    return out;
  }

  /// The program of a file, or of the node when what is given is an id and no file.
  Result<ModelFile> program(NodeClient& node, Progress& progress) const {
    if (is_program_id(program_) && !std::filesystem::exists(program_)) return fetch_program(node, program_, progress);
    return ModelFile::load(program_);
  }

  /// Says what is cut off of the input, and refuses before anything is paid when it is much.
  Status check_clamped(Console& console, const Clamped& clamped) const {
    if (clamped.count == 0) return {};
    if (!clamped.is_much() || clamp_) {
      console.note("koinon: " + clamped.text);
      return {};
    }
    return advise({Code::out_of_range, fmt::format("[order] {}: {}", input_, clamped.text)},
                  "scale the input as the model was trained on, or add --clamp to buy the run as it is");
  }

  /// Places the order. When the answer is lost it asks again with the same key, for which the node places one order and no
  /// more.
  static Result<std::string> place(NodeClient& node, const json& body) {
    const auto key = base::to_hex(base::SystemRandom().hash()).substr(2);
    auto placed = node.post("/api/v1/orders", body, key);
    const auto is_lost = [&] {
      return !placed && (placed.error().code == Code::network || placed.error().code == Code::timeout);
    };
    for (int again = 0; is_lost() && again < kPlaceAgain; ++again) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
      placed = node.post("/api/v1/orders", body, key);
    }
    if (is_lost())
      return advise({placed.error().code, "[order] the node's answer was lost: " + placed.error().text},
                    "the order may stand: look before you order again, with: koinon orders --mine");
    if (!placed) return base::fail(std::move(placed).error());
    auto id = text_at(*placed, "id");
    if (id.empty()) return base::fail(Code::malformed, "[order] the node placed it and named no id");
    return id;
  }

  /// The order as the API takes it.
  json request(const Goods& goods, const base::Wei& max_price) const {
    json body = {{"program", goods.id},
                 {"input", goods.input},
                 {"privacy", private_ ? "private" : "plain"},
                 {"n", members()},
                 {"k", majority()},
                 {"max_price", max_price.text()},
                 {"label", label_.empty() ? goods.label : label_}};
    if (audit_ >= 0) body["audit_bps"] = static_cast<int>(std::lround(audit_ * kBpsAPercent));
    if (!check_.empty()) body["check"] = check_;
    if (window_ > 0) body["commit_window"] = window_;
    if (trap_ || confirm_) body["trap"] = true;
    return body;
  }

  /// Gives the node the program when it does not know it.
  static Status introduce(NodeClient& node, const Goods& goods, Progress& progress) {
    if (goods.bytes.empty()) return {};
    const auto known = node.get("/api/v1/models/" + goods.id);
    if (known) return {};
    if (known.error().code != Code::not_found) return base::fail(known.error());
    if (!goods.has_weights)
      return base::fail(Code::invalid_argument,
                        "[order] the node does not know this program, and the file has no weights to give it");
    progress.stage(fmt::format("giving the node the model, {}", size_text(goods.bytes.size())));
    KOINON_TRY(const auto added, node.post_bytes("/api/v1/models", goods.bytes));
    return {};
  }

  /// Refuses early what nobody would take.
  Status quote(Console& console, NodeClient& node, const json& body, Progress& progress) const {
    progress.stage("asking what it costs");
    KOINON_TRY(const auto quote,
               node.get(fmt::format("/api/v1/quote?{}&n={}&max_price={}{}",
                                    training_.given() ? "kind=training" : "program=" + text_at(body, "program"), members(),
                                    text_at(body, "max_price"), check_.empty() ? "" : "&check=" + check_)));
    const auto eligible = number_at(quote, "eligible");
    const auto counts = tokens_at(quote, "price_max");
    const auto bid =
        counts == price_ ? counts + " tokens" : fmt::format("{} tokens (the price of the ladder below {})", counts, price_);
    if (eligible < static_cast<std::uint64_t>(members()))
      return advise(
          {Code::exhausted, fmt::format("[order] {} providers would run it for {}: {} needed", eligible, bid, members())},
          fmt::format("see who sells with: koinon providers; raise --price, lower --n, or start one: koinon provide{}",
                      training_.given() ? " --kinds training" : ""));
    if (check_ == "proof")
      console.note(fmt::format(
          "koinon: proof: one provider runs it and proves the run, with {} tokens at stake; this node checks the "
          "proof, and pays at once\n        when it holds. If not, the provider has {} to prove it on the ledger, or is not "
          "paid",
          tokens_at(quote, "lock"), seconds_text(3 * static_cast<double>(number_at(child(quote, "windows"), "appeal")))));
    if (disputed())
      console.note(
          fmt::format("koinon: optimistic: everybody sees this input. One provider runs it, with {} tokens at stake; for {} "
                      "its claim may be "
                      "disputed by\n        whoever runs it again, and is paid after that{}",
                      tokens_at(quote, "lock"), seconds_text(static_cast<double>(number_at(child(quote, "windows"), "appeal"))),
                      confirm_ ? ", or as soon as this node's own run agrees" : ""));
    progress.stage(fmt::format("{} tokens go into escrow, {} expected to be spent", tokens_at(quote, "escrow"),
                               tokens_at(quote, "expected")));
    return {};
  }

  Status conclude(Console& console, NodeClient& node, json order, Progress& progress) const {
    const auto id = clean(text_at(order, "id"), 40);
    if (text_at(order, "state") == "refunded") return base::fail(refused(console, node, order, progress));
    KOINON_TRY(const auto taken, take_receipt(node, id, progress, false));
    if (!proof_.empty()) {
      KOINON_TRY(const auto proof, node.get_text("/api/v1/orders/" + id + "/proof"));
      KOINON_CHECK(base::write_file(proof_, base::as_bytes(proof)));
      console.note(fmt::format("koinon: the proof is in {}: koinon receipt verify {} --proof {} --program FILE", proof_,
                               taken.file, proof_));
    }
    print(console, order, taken.receipt, taken.report, taken.file);
    if (differs(order))
      return advise({Code::rejected, fmt::format("[order] order {} was paid, but this node's own run gives another result: do "
                                                 "not use the one above",
                                                 id)},
                    "nobody disputed it in time; keep enough tokens free for your node to do so: koinon watch list");
    return {};
  }

  /// Why an order was refunded; what is known of it is told.
  base::Error refused(Console& console, NodeClient& node, const json& order, Progress& progress) const {
    const auto id = clean(text_at(order, "id"), 40);
    progress.finish();
    console.print(describe_members(order) + describe_money(child(order, "money")));
    if (differs(order)) console.print("this node's own run gives another result than was claimed\n");
    keep_receipt(console, node, id);
    return advise({Code::rejected, fmt::format("[order] order {} was refunded: {}", id,
                                               clean(text_at(order, "refund_reason", "no reason given"), 40))},
                  fmt::format("see what happened: koinon orders show {}", id))
        .value();
  }

  /// A receipt that was checked and written.
  struct Taken {
    market::Receipt receipt;
    market::ReceiptReport report;
    std::string file;
  };
  /// `many`: of several orders, each gets a file of its own.
  Result<Taken> take_receipt(NodeClient& node, const std::string& id, Progress& progress, bool many) const {
    progress.stage("checking the receipt");
    KOINON_TRY(const auto rules, rules_with(extensions_));
    KOINON_TRY(const auto text, node.get_text("/api/v1/receipts/" + id));
    Taken out;
    KOINON_TRY(out.receipt, market::Receipt::from_json(text));
    KOINON_TRY(out.report, market::verify_offline(out.receipt, rules));
    if (out.report.needs_ledger) KOINON_CHECK(verify_on_ledger(out.receipt, node.url(), "", rules));
    out.file = receipt_.empty() || many ? fmt::format("receipt-{}.json", id) : receipt_;
    KOINON_CHECK(base::write_file(out.file, base::as_bytes(text)));
    progress.finish();
    return out;
  }

  static bool differs(const json& order) { return text_at(order, "own_run") == "differs"; }

  /// The receipt of an order whose claim fell: how, and that the money is back.
  void keep_receipt(Console& console, NodeClient& node, const std::string& id) const {
    const auto text = node.get_text("/api/v1/receipts/" + id);
    const auto receipt = text ? market::Receipt::from_json(*text) : base::Result<market::Receipt>(base::fail(text.error()));
    if (!receipt || !market::verify_offline(*receipt)) return;
    const auto file = receipt_.empty() ? fmt::format("receipt-{}.json", id) : receipt_;
    if (base::write_file(file, base::as_bytes(*text)))
      console.print(fmt::format("receipt {}: its claim fell, the money is back\n", file));
  }

  static void print(Console& console, const json& order, const market::Receipt& receipt, const market::ReceiptReport& report,
                    const std::string& file) {
    const auto seconds =
        (static_cast<double>(number_at(order, "settled_at")) - static_cast<double>(number_at(order, "placed_at"))) / 1000;
    console.print(describe_result(order) + "\n" + describe_members(order) + "\n" + describe_money(child(order, "money")));
    console.print(fmt::format("order {}: {} in {}; receipt {} checked, {} signed claims of {} needed\n", receipt.order,
                              clean(receipt.verdict, 40), seconds < 1 ? "under a second" : seconds_text(seconds), file,
                              report.supporting, report.needed));
    console.object({{"order", text_at(order, "id")},
                    {"program", base::to_hex(receipt.spec)},
                    {"outputs", child(order, "outputs")},
                    {"text", child(order, "text")},
                    {"input_root", base::to_hex(receipt.input_root)},
                    {"output_root", base::to_hex(receipt.output_root)},
                    {"trace_root", base::to_hex(receipt.trace_root)},
                    {"seconds", seconds},
                    {"answer", child(order, "answer")},
                    {"state", child(order, "state")},
                    {"verdict", child(order, "verdict")},
                    {"money", child(order, "money")},
                    {"rounds", child(order, "rounds")},
                    {"clamped", child(order, "clamped")},
                    {"receipt", file}});
  }

  const Extensions& extensions_;
  NodeAccess access_;
  std::string program_, input_, price_, check_, label_, receipt_, proof_;
  bool private_ = false, trap_ = false, confirm_ = false, no_wait_ = false, clamp_ = false;
  std::int64_t n_ = 0, k_ = 0, window_ = 0;
  double audit_ = -1;
  TextOptions text_;
  TrainingOptions training_;
};

}  // namespace

std::unique_ptr<Command> make_order(const Extensions& extensions) { return std::make_unique<Order>(extensions); }

}  // namespace koinon::cli
