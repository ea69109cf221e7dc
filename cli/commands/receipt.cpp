#include "market/receipt/receipt.hpp"

#include <nlohmann/json.hpp>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "base/hash.hpp"
#include "cli/commands/commands.hpp"
#include "cli/files/model_file.hpp"
#include "cli/line/line.hpp"
#include "cli/remote/ledger_source.hpp"
#include "cli/terminal/console.hpp"
#include "cli/terminal/table.hpp"
#include "engine/run/roots.hpp"
#include "market/onchain/proof_subject.hpp"
#include "net/url.hpp"
#include "trust/proof/onchain.hpp"
#include "work/parcel.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::Status;
using market::Receipt;
using nlohmann::json;

constexpr std::uint64_t kMaxReceipt = 256u << 20;

base::Result<Receipt> load_receipt(const std::string& file) {
  KOINON_TRY(const auto bytes, base::read_file(file, kMaxReceipt));
  const auto begin = base::as_text(bytes).find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos || bytes[begin] != '{')
    return advise({Code::malformed, fmt::format("{}: [receipt] not a receipt, which is a JSON object", clean(file))},
                  "a receipt is what koinon order writes, such as receipt-7.json; of a program: koinon model inspect");
  auto receipt = Receipt::from_json(base::as_text(bytes));
  if (!receipt) return base::fail(std::move(receipt).error().within(file));
  return receipt;
}

class Verify final : public Command {
 public:
  explicit Verify(const Extensions& extensions)
      : Command({"receipt verify", "Check a receipt: signatures and evidence here, payment on the ledger",
                 "koinon receipt verify receipt-7.json --ledger http://127.0.0.1:7070"}),
        extensions_(extensions) {}
  void options(Line& line) override {
    line.text("receipt", file_, "The receipt", Need::required)
        .text("--ledger URL", ledger_, "Also confirm the payment: a node, or a JSON-RPC server with --deployment")
        .text("--deployment FILE", deployment_, "Addresses of the contracts, for a JSON-RPC server")
        .text("--proof FILE", proof_, "Also check that this is the proof that the receipt names, and the proof itself")
        .text("--program FILE", program_, "The .koinon file that the proof is checked against");
  }
  Status check() const override {
    if (proof_.empty() != program_.empty())
      return base::fail(Code::invalid_argument, "[receipt verify] --proof FILE and --program FILE go together");
    if (ledger_.empty() && !deployment_.empty())
      return base::fail(Code::invalid_argument, "[receipt verify] --deployment needs --ledger URL");
    const auto url = net::Url::parse(ledger_.empty() ? "http://127.0.0.1" : ledger_);
    if (!url || (url->scheme != "http" && url->scheme != "https"))
      return base::fail(Code::invalid_argument, "[receipt verify] --ledger '{}': a URL such as http://127.0.0.1:7070 expected",
                        clean(ledger_, 80));
    return {};
  }
  Status run(Console& console) override {
    KOINON_TRY(const auto rules, rules_with(extensions_));
    KOINON_TRY(const auto receipt, load_receipt(file_));
    const auto report = market::verify_offline(receipt, rules);
    if (report && report->needs_ledger && ledger_.empty())
      return advise({Code::unsupported,
                     fmt::format("[receipt] the result of order {} came over the ledger, where claims are revealed without the "
                                 "signatures that are checked offline: {} of {} are here",
                                 receipt.order, report->supporting, report->needed)},
                    "confirm the rest on the ledger: --ledger URL");
    if (!report) return rejected(receipt, report.error());
    const auto claims = report->is_condemned ? fallen(receipt, *report)
                        : report->needs_ledger
                            ? fmt::format("{} signed claims of {} needed: the ledger must confirm the others",
                                          report->supporting, report->needed)
                            : fmt::format("{} signed claims of {} needed: right", report->supporting, report->needed);
    console.print(fmt::format("signature of the issuer {}: right\n{}\noutputs: {}\n", ledger::checksum_address(receipt.issuer),
                              claims, report->outputs_included ? "hash to the output root" : "left out of the receipt"));
    if (!proof_.empty()) {
      KOINON_CHECK(check_proof(receipt));
      console.print("proof: the one that the receipt names; it shows these outputs of this program, on the order's input\n");
    }
    if (!ledger_.empty()) {
      auto progress = console.progress();
      progress.stage("reading the ledger");
      KOINON_CHECK(verify_on_ledger(receipt, ledger_, deployment_, rules));
      progress.finish();
      console.print(fmt::format("ledger: order {} {} in block {}, as the receipt says\n", receipt.order,
                                receipt.condemned ? "ended, its claim condemned," : "was settled", receipt.settled_block));
    }
    if (ledger_.empty()) {
      if (receipt.condemned) console.print(fmt::format("unchecked: condemned: only the ledger knows that the claim fell\n"));
      console.print(
          "not checked: that the order was placed and settled on the ledger, that the accounts above were the ones drawn for "
          "it, and "
          "what was paid;\n");
      console.print(fmt::format(
          "             the ledger says: koinon receipt verify {} --ledger URL (a node, such as http://127.0.0.1:7070)\n",
          file_));
    }
    const auto ended = receipt.condemned ? "rejected: no result, and nothing was paid for one"
                                         : fmt::format("{}, {} tokens paid", clean(receipt.verdict, 40), receipt.paid.tokens());
    console.print(
        fmt::format("{}: order {} {}{}\n", file_, receipt.order, ended, ledger_.empty() ? ", as the receipt says" : ""));
    auto unchecked = ledger_.empty() ? json({"order", "membership", "payment"}) : json::array();
    if (ledger_.empty() && receipt.condemned) unchecked.push_back("condemned");
    console.object({{"valid", true},
                    {"order", receipt.order},
                    {"verdict", receipt.verdict},
                    {"program", base::to_hex(receipt.spec)},
                    {"output_root", base::to_hex(receipt.output_root)},
                    {"claims", report->supporting},
                    {"needed", report->needed},
                    {"outputs_included", report->outputs_included},
                    {"unchecked", std::move(unchecked)},
                    {"ledger", ledger_.empty() ? json() : json("confirmed")}});
    return {};
  }

 private:
  /// The proof is the receipt's, and right.
  Status check_proof(const Receipt& receipt) const {
    KOINON_TRY(const auto bytes, base::read_file(proof_, std::uint64_t{256} << 20));
    if (!receipt.proof || base::keccak256(bytes) != *receipt.proof)
      return base::fail(Code::rejected, "[receipt verify] {} is not the proof that the receipt names", clean(proof_));
    KOINON_TRY(const auto model, ModelFile::load(program_));
    KOINON_TRY(const auto proof, trust::proof::decode_proof(bytes));
    if (proof.program_id != receipt.spec || engine::run::output_root(proof.outputs) != receipt.output_root)
      return base::fail(Code::rejected, "[receipt verify] {} is of another program or output than the receipt's",
                        clean(proof_));
    if (proof.secrecy != trust::proof::Secrecy{})
      return base::fail(Code::rejected, "[receipt verify] {} hides its weights or its input", clean(proof_));
    KOINON_CHECK(trust::proof::verify(model.program, proof));
    return of_the_input(receipt, model.program, proof);
  }

  /// The order's input root is salted with what its proof must be of (ProofCheck.sol, subject).
  Status of_the_input(const Receipt& receipt, const engine::program::Program& program, const trust::proof::Proof& proof) const {
    KOINON_TRY(const auto circuit, trust::proof::onchain_circuit(program, {}));
    work::Parcel input;
    KOINON_TRY(input.salt, market::proof_subject(circuit, 0, {}));
    for (const auto& tensor : proof.inputs) input.parts.emplace_back(tensor.bytes.begin(), tensor.bytes.end());
    if (input.root() == receipt.input_root) return {};
    return base::fail(Code::rejected, "[receipt verify] {} is of another input than the receipt's", clean(proof_));
  }

  /// What a claim that fell says of itself.
  static std::string fallen(const Receipt& receipt, const market::ReceiptReport& report) {
    const auto& fell = *receipt.condemned;
    auto out = fell.fraud
                   ? fmt::format("the claim of account {} was refuted by account {}, in transaction {}: {}", fell.claimant,
                                 fell.by, base::to_hex(fell.tx), market::fraud_text(*fell.fraud))
                   : fmt::format("the claim of account {} fell in transaction {}: a part of it was demanded and not shown",
                                 fell.claimant, base::to_hex(fell.tx));
    if (report.supporting == 0) return out + "\nthat claim carries no signature of its provider: the ledger has it";
    return out + fmt::format("\nthat claim is signed by {}: only the ledger knows whether that is a key of account {}",
                             ledger::checksum_address(receipt.claims.front().operator_address), fell.claimant);
  }

  /// Which check failed, and what that means.
  static tl::unexpected<base::Error> rejected(const Receipt& receipt, base::Error error) {
    static const std::pair<std::string_view, std::string_view> kMeanings[] = {
        {"signature of the issuer", "something in it was changed after its issuer signed it, or another key signed it"},
        {"signature of account", "a provider's claim in it is not what that provider signed"},
        {"do not hash", "the outputs in it are not those that the providers agreed on"},
        {"signed claims support", "too few providers signed this result"},
        {"counted twice", "one provider is made to look like several"},
        {"claim that fell", "it says that a claim was condemned, and holds what no condemned claim has"},
        {"the one that fell", "somebody else's claim is made to look like the one that was condemned"},
        {"not a majority", "it claims a policy under which no verdict could have been made"},
    };
    for (const auto& [mark, meaning] : kMeanings)
      if (error.text.find(mark) != std::string::npos) {
        error.text += fmt::format("\n  Means: {}", meaning);
        break;
      }
    return advise(std::move(error),
                  fmt::format("do not pay or trust on this receipt; ask {}, whom it names as its issuer, for the true one",
                              ledger::checksum_address(receipt.issuer)));
  }

  const Extensions& extensions_;
  std::string file_, ledger_, deployment_, proof_, program_;
};

class ShowReceipt final : public Command {
 public:
  ShowReceipt()
      : Command({"receipt show", "Show what a receipt says, without checking it", "koinon receipt show receipt-7.json"}) {}
  void options(Line& line) override { line.text("receipt", file_, "The receipt", Need::required); }
  Status run(Console& console) override {
    KOINON_TRY(const auto r, load_receipt(file_));
    const auto line = [&](std::string_view title, const std::string& text) {
      console.print(fmt::format("{:<12} {}\n", title, clean(text)));
    };
    line("order", fmt::format("{} on chain {}, market {}", r.order, r.chain_id, ledger::checksum_address(r.market)));
    line("kind", r.kind);
    line("policy", fmt::format("{} {} of {}, {}", r.check, r.k, r.n, r.privacy));
    line("program", base::to_hex(r.spec));
    line("input root", base::to_hex(r.input_root));
    line("output root", base::to_hex(r.output_root));
    line("trace root", base::to_hex(r.trace_root));
    if (r.proof) line("proof", base::to_hex(*r.proof));
    line("verdict", r.verdict);
    line("money", fmt::format("{} paid, {} slashed, {} burned, {} refunded, tokens", r.paid.tokens(), r.slashed.tokens(),
                              r.burned.tokens(), r.refunded.tokens()));
    line("settled", fmt::format("block {}, {}", r.settled_block, base::to_hex(r.settled_tx)));
    line("issued", fmt::format("{} by {}", base::timestamp(r.issued_at_ms), ledger::checksum_address(r.issuer)));
    console.print("\n" + members(r));
    console.object(json::parse(r.to_json(), nullptr, false));
    console.note("koinon: shown, not checked: koinon receipt verify " + file_);
    return {};
  }

 private:
  static std::string members(const Receipt& r) {
    using enum Table::Align;
    Table table({{"account", right}, {"verdict"}, {"paid", right}, {"slashed", right}});
    for (const auto& p : r.payments)
      table.add({std::to_string(p.account), clean(p.verdict, 40), p.paid.tokens(), p.slashed.tokens()});
    return table.text();
  }
  std::string file_;
};

}  // namespace

std::unique_ptr<Command> make_receipt_verify(const Extensions& extensions) { return std::make_unique<Verify>(extensions); }
std::unique_ptr<Command> make_receipt_show() { return std::make_unique<ShowReceipt>(); }

}  // namespace koinon::cli
