#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "base/json.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/describe_output.hpp"
#include "cli/files/model_file.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "engine/io/read.hpp"
#include "engine/run/roots.hpp"
#include "trust/proof/keyed_random.hpp"
#include "trust/proof/refresh.hpp"

namespace koinon::cli {
namespace {

using base::Code;
using base::fail;
using base::Status;
using nlohmann::json;
using trust::proof::Proof;
using trust::proof::Secrecy;

base::Result<Secrecy> secrecy_of(const std::string& list) {
  Secrecy out;
  for (std::size_t at = 0; at < list.size();) {
    const auto end = std::min(list.find(',', at), list.size());
    const auto word = list.substr(at, end - at);
    if (word == "weights")
      out.weights = true;
    else if (word == "input")
      out.input = true;
    else
      return fail(Code::invalid_argument, "[prove] --hide {}: weights, input or weights,input expected", clean(list, 40));
    at = end + 1;
  }
  return out;
}

using engine::program::Program;
using trust::proof::WeightCommitment;

/// The file that keeps a weight commitment between proofs: its key, which gives the same commitment again, and how many proofs
/// it has made. The last that it hides is the refresh, which shows that the next commitment holds the same weights. Secret.
class CommitmentFile {
 public:
  static base::Result<CommitmentFile> load(const std::string& path, const base::Hash& program, const std::string& hidden) {
    CommitmentFile out;
    out.path_ = path;
    out.program_ = program;
    out.hidden_ = hidden;
    if (!std::filesystem::exists(path)) {
      out.key_ = base::SystemRandom().hash();
      return out;
    }
    KOINON_TRY(const auto bytes, base::read_file(path, 4096));
    const auto text = base::parse_json(base::as_text(bytes));
    const auto field = [&](const char* name) { return text.is_object() ? text.value(name, json()) : json(); };
    if (!field("key").is_string() || !field("program").is_string() || !field("proofs").is_number_unsigned())
      return fail(Code::malformed, "[prove] {} is no weight commitment", path);
    KOINON_TRY(out.key_, base::fixed_from_hex<32>(field("key").get<std::string>()));
    KOINON_TRY(const auto own, base::fixed_from_hex<32>(field("program").get<std::string>()));
    out.proofs_ = count_in(field("proofs"), 0);
    out.epoch_ = count_in(field("epoch"), 1);
    if (field("next").is_string()) {
      KOINON_TRY(out.next_, base::fixed_from_hex<32>(field("next").get<std::string>()));
    }
    if (own != program)
      return fail(Code::invalid_argument, "[prove] {} is the weight commitment of program {}", path, base::to_hex(own));
    if (field("hidden").is_string() && field("hidden").get<std::string>() != hidden)
      return fail(Code::invalid_argument, "[prove] {} is a commitment for proofs that hide {}: {} asked for", path,
                  clean(field("hidden").get<std::string>(), 40), hidden);
    return out;
  }

  /// Makes the commitment, with one more proof written down before it is made; the next one, with its refresh, when this one
  /// has a single proof left.
  base::Result<WeightCommitment> take(const Program& program, const Secrecy& secrecy, base::ThreadPool& pool,
                                      Console& console) {
    if (!next_.is_zero() || proofs_ + 1 == trust::proof::kProofsPerCommitment)
      KOINON_CHECK(refresh(program, secrecy, pool, console));
    if (proofs_ >= trust::proof::kProofsPerCommitment)
      return advise({Code::exhausted, fmt::format("[prove] the weight commitment {} has made {} proofs, as many as it hides",
                                                  path_, trust::proof::kProofsPerCommitment)},
                    "name another file in --commitment, and register the root that it prints");
    KOINON_TRY(auto out, commitment(program, secrecy, pool, key_, proofs_));
    ++proofs_;
    KOINON_CHECK(save(out.root()));
    return out;
  }

 private:
  static std::uint32_t count_in(const json& field, std::uint32_t otherwise) {
    if (!field.is_number_unsigned()) return otherwise;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(field.get<std::uint64_t>(), 1U << 30));
  }
  static base::Result<WeightCommitment> commitment(const Program& program, const Secrecy& secrecy, base::ThreadPool& pool,
                                                   const base::Hash& key, std::uint32_t proofs) {
    trust::proof::KeyedRandom random(key);
    KOINON_TRY(auto out, trust::proof::commit_weights(program, secrecy, random, &pool));
    out.proofs = proofs;
    return out;
  }

  /// Goes over to the next commitment. Its key is written down first, and gives the refresh too: when this is cut off, the same
  /// refresh is made again, which shows nothing more of the weights.
  Status refresh(const Program& program, const Secrecy& secrecy, base::ThreadPool& pool, Console& console) {
    constexpr auto kLast = trust::proof::kProofsPerCommitment - 1;
    KOINON_TRY(auto from, commitment(program, secrecy, pool, key_, kLast));
    if (next_.is_zero()) next_ = base::SystemRandom().hash();
    proofs_ = trust::proof::kProofsPerCommitment;
    KOINON_CHECK(save(from.root()));
    KOINON_TRY(auto to, commitment(program, secrecy, pool, next_, 0));
    trust::proof::KeyedRandom random(base::keccak256({base::as_bytes("koinon.refresh"), next_.view()}));
    KOINON_TRY(const auto proof, trust::proof::prove_refresh(program, secrecy, from, to, random, &pool));
    const auto name = fmt::format("{}.refresh-{}", path_, epoch_ + 1);
    KOINON_CHECK(base::write_file(name, trust::proof::encode_refresh(proof)));
    key_ = std::exchange(next_, {});
    proofs_ = to.proofs;
    ++epoch_;
    console.note(fmt::format("koinon: the commitment goes over to {}: {} shows that it holds the same weights (koinon verify)",
                             base::to_hex(to.root()), name));
    return save(to.root());
  }

  [[nodiscard]] Status save(const base::Hash& root) const {
    json text = {{"program", base::to_hex(program_)}, {"root", base::to_hex(root)}, {"hidden", hidden_},
                 {"key", base::to_hex(key_)},         {"proofs", proofs_},          {"epoch", epoch_}};
    if (!next_.is_zero()) text["next"] = base::to_hex(next_);
    return base::write_file(path_, base::as_bytes(text.dump(2) + "\n"), 0600);
  }

  std::string path_, hidden_;
  base::Hash key_, program_, next_;
  std::uint32_t proofs_ = 0, epoch_ = 1;
};

json proof_json(const engine::program::Program& program, const Proof& proof) {
  json hidden = json::array();
  if (proof.secrecy.weights) hidden.push_back("weights");
  if (proof.secrecy.input) hidden.push_back("input");
  json out = {{"program", base::to_hex(proof.program_id)},
              {"hidden", std::move(hidden)},
              {"outputs", engine::io::outputs_json(program, proof.outputs)},
              {"output_root", base::to_hex(engine::run::output_root(proof.outputs))}};
  if (!proof.secrecy.input) out["input_root"] = base::to_hex(engine::run::input_root(proof.inputs));
  if (proof.secrecy.weights) out["weight_root"] = base::to_hex(proof.weight_root);
  return out;
}

std::string proof_text(const Proof& proof) {
  return fmt::format("program      {}\ninput root   {}\noutput root  {}\nweights      {}\n", base::to_hex(proof.program_id),
                     proof.secrecy.input ? "hidden" : base::to_hex(engine::run::input_root(proof.inputs)),
                     base::to_hex(engine::run::output_root(proof.outputs)),
                     proof.secrecy.weights ? "hidden, commitment " + base::to_hex(proof.weight_root) : "of the program");
}

/// What the proof states that came out.
std::string outputs_text(const engine::program::Program& program, const Proof& proof) {
  std::string out;
  for (std::size_t i = 0; i < program.outputs.size() && i < proof.outputs.size(); ++i)
    out += describe_output(program, i, proof.outputs[i]);
  return out;
}

volatile std::sig_atomic_t interrupted = 0;

/// While it lives, Ctrl-C asks the work to end at its next stage.
class Interruptible {
 public:
  Interruptible() : before_(std::signal(SIGINT, [](int) { interrupted = 1; })) {}
  ~Interruptible() { std::signal(SIGINT, before_); }
  Interruptible(const Interruptible&) = delete;
  Interruptible& operator=(const Interruptible&) = delete;

 private:
  void (*before_)(int);
};

class Prove final : public Command {
 public:
  Prove()
      : Command({"prove", "Run a program here and prove the run in zero knowledge",
                 "koinon prove digits.koinon --input examples/digits/digit-7.png --hide weights -o seven.proof"}) {}

  void options(Line& line) override {
    line.text("program", program_, "The .koinon file, with its weights", Need::required)
        .text("--input FILE", input_, "Input: .json {\"input_data\": [[...]]}, .npy, .npz, .png or .jpg", Need::required)
        .text("-o,--output FILE", output_, "Write the proof here", Need::required)
        .text("--hide WHAT", hide_, "Hide weights, input or weights,input. What the proof then states: docs/trust/proof.md")
        .text("--commitment FILE", commitment_,
              "With hidden weights: keep their commitment here, so that proofs speak of the same one. Secret; made when "
              "absent, and "
              "refreshed before it has made as many proofs as it hides")
        .number("--threads N", threads_, 0, 1024, "Threads; 0: one a core. The proof's statement never depends on it");
  }

  Status check() const override {
    KOINON_TRY(const auto secrecy, secrecy_of(hide_));
    if (!commitment_.empty() && !secrecy.weights)
      return fail(Code::invalid_argument, "[prove] --commitment is for hidden weights: add --hide weights");
    return {};
  }

  Status run(Console& console) override {
    KOINON_TRY(const auto secrecy, secrecy_of(hide_));
    KOINON_TRY(const auto model, ModelFile::load(program_));
    KOINON_TRY(const auto inputs, load_inputs(model.program, input_));
    if (inputs.clamped.count > 0) console.note("koinon: " + inputs.clamped.text);
    KOINON_TRY(const auto costs, trust::proof::cost(model.program, secrecy));
    console.note(fmt::format(
        "koinon: {} constraints, about {} of memory and {} of processor time, a proof of at most {}, {:.1f} bits of soundness",
        costs.rows, size_text(costs.memory_bytes), seconds_text(costs.cpu_seconds), size_text(costs.bytes),
        costs.soundness_bits));
    const Interruptible interruptible;
    Progress progress = console.progress();
    base::ThreadPool pool(static_cast<std::size_t>(threads_));
    trust::proof::WeightCommitment weights;
    trust::proof::ProveOptions options{secrecy, &pool, nullptr, {}};
    options.watch = {[&](std::string_view stage) { progress.stage(std::string(stage)); }, [] { return interrupted != 0; }};
    if (!commitment_.empty()) {
      KOINON_TRY(auto file, CommitmentFile::load(commitment_, engine::program::program_id(model.program),
                                                 secrecy.input ? "weights,input" : "weights"));
      KOINON_TRY(weights, file.take(model.program, secrecy, pool, console));
      options.weights = &weights;
    }
    base::SystemRandom random;
    const auto begin = std::chrono::steady_clock::now();
    KOINON_TRY(const auto proof, trust::proof::prove(model.program, inputs.tensors, options, random));
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    progress.finish();
    const auto bytes = trust::proof::encode_proof(proof);
    KOINON_CHECK(base::write_file(output_, bytes));
    console.print(proof_text(proof) +
                  fmt::format("proof        {}, {}, in {}\n", output_, size_text(bytes.size()), seconds_text(seconds)));
    auto object = proof_json(model.program, proof);
    object["proof"] = output_;
    object["clamped"] = inputs.clamped.count;
    object["bytes"] = bytes.size();
    object["seconds"] = seconds;
    object["soundness_bits"] = costs.soundness_bits;
    console.object(object);
    return {};
  }

 private:
  std::string program_, input_, output_, hide_, commitment_;
  std::int64_t threads_ = 0;
};

/// What a refusal by the verifier means.
std::string_view why_not(const engine::program::Program& program, const trust::proof::Proof& proof) {
  if (proof.program_id != engine::program::program_id(program))
    return "the proof may be right, but it is about another program: name that one with --program";
  if (!proof.secrecy.weights && !program.has_weights())
    return "the proof may be right, but it hides no weights, so that checking it takes them: name the whole program with "
           "--program, not "
           "its public description";
  return "the proof does not show what it states: its bytes, inputs or outputs were changed, or it was never right";
}

class Verify final : public Command {
 public:
  Verify()
      : Command({"verify", "Check a proof against a program", "koinon verify seven.proof --program digits-public.koinon"}) {}

  void options(Line& line) override {
    line.text("proof", proof_, "The proof, or a refresh of a weight commitment", Need::required)
        .text("--program FILE", program_,
              "The .koinon file; when weights are hidden its public description is enough (koinon model publish)",
              Need::required)
        .text("--weight-root HEX", root_, "The registered weight commitment; a proof of another one is refused");
  }

  Status check() const override {
    if (!root_.empty() && !base::fixed_from_hex<32>(root_))
      return fail(Code::invalid_argument, "[verify] --weight-root '{}': 0x and 64 hex digits expected, as prove prints them",
                  clean(root_, 80));
    return {};
  }

  Status run(Console& console) override {
    KOINON_TRY(const auto model, ModelFile::load(program_));
    KOINON_TRY(const auto bytes, base::read_file(proof_, std::uint64_t{256} << 20));
    if (base::as_text(bytes).starts_with("koinonr")) return check_refresh(model.program, bytes, console);
    auto decoded = trust::proof::decode_proof(bytes);
    if (!decoded) return meaning(std::move(decoded).error().within(proof_), "the file is cut, damaged, or no proof");
    const auto proof = *std::move(decoded);
    if (!root_.empty()) {
      KOINON_TRY(const auto root, base::fixed_from_hex<32>(root_));
      if (root != proof.weight_root)
        return fail(Code::rejected, "[verify] the proof is about the weights under {}: {} expected",
                    base::to_hex(proof.weight_root), base::to_hex(root));
    }
    const auto begin = std::chrono::steady_clock::now();
    if (auto right = trust::proof::verify(model.program, proof); !right) {
      return meaning(std::move(right).error(), why_not(model.program, proof));
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    console.print(fmt::format("valid        {} of proof, checked in {}\n", size_text(bytes.size()), seconds_text(seconds)) +
                  proof_text(proof) + outputs_text(model.program, proof));
    if (proof.secrecy.weights && root_.empty())
      console.note("koinon: compare the commitment with the one that the model's owner registered (--weight-root)");
    auto object = proof_json(model.program, proof);
    object["valid"] = true;
    object["seconds"] = seconds;
    console.object(object);
    return {};
  }

 private:
  /// A refresh: that the weights under one commitment are those under another.
  Status check_refresh(const Program& program, const base::Bytes& bytes, Console& console) const {
    auto decoded = trust::proof::decode_refresh(bytes);
    if (!decoded) return meaning(std::move(decoded).error().within(proof_), "the file is cut, damaged, or no refresh");
    const auto& proof = *decoded;
    if (!root_.empty()) {
      KOINON_TRY(const auto root, base::fixed_from_hex<32>(root_));
      if (root != proof.from)
        return fail(Code::rejected, "[verify] the refresh is of the weights under {}: {} expected", base::to_hex(proof.from),
                    base::to_hex(root));
    }
    if (auto right = trust::proof::verify_refresh(program, proof); !right)
      return meaning(std::move(right).error(), "it does not show that both commitments hold the same weights");
    console.print(
        fmt::format("valid        {} of refresh: both commitments hold the same weights\nprogram      {}\n"
                    "from         {}\nto           {}\n",
                    size_text(bytes.size()), base::to_hex(proof.program_id), base::to_hex(proof.from), base::to_hex(proof.to)));
    console.object({{"valid", true},
                    {"program", base::to_hex(proof.program_id)},
                    {"from", base::to_hex(proof.from)},
                    {"to", base::to_hex(proof.to)}});
    return {};
  }

  static tl::unexpected<base::Error> meaning(base::Error error, std::string_view what) {
    error.text += fmt::format("\n  Means: {}", what);
    return fail(std::move(error));
  }

  std::string proof_, program_, root_;
};

}  // namespace

std::unique_ptr<Command> make_prove() { return std::make_unique<Prove>(); }
std::unique_ptr<Command> make_verify() { return std::make_unique<Verify>(); }

}  // namespace koinon::cli
