#include "work/language/texts.hpp"

#include <algorithm>
#include <chrono>

#include "engine/language/bundle.hpp"
#include "work/language/request.hpp"
#include "work/parcel.hpp"

namespace koinon::work::language {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using engine::language::Folder;
using engine::language::Generator;
using engine::language::Runner;
using engine::language::Transcript;

std::uint64_t constants_of(const engine::program::Program& program) {
  std::uint64_t out = 0;
  for (const auto* list : {&program.weights, &program.tables})
    for (const auto& constant : *list) out += constant.data.size();
  return out;
}

/// keccak256("koinon.witness" | of each run the roots of its logits and of its outputs).
base::Hash witness_of(const Transcript& transcript) {
  base::Bytes all;
  const auto add = [&](base::ByteView bytes) { all.insert(all.end(), bytes.begin(), bytes.end()); };
  add(base::as_bytes("koinon.witness"));
  for (const auto& link : transcript.links) {
    add(link.logits.view());
    add(link.output_root.view());
  }
  return base::keccak256(all);
}

/// The buyer's fault, whatever the code of the error.
template <class T>
Result<T> of_the_buyer(Result<T> result) {
  if (!result) return fail(Code::rejected, "{}", result.error().text);
  return result;
}

}  // namespace

// A model and what runs it.
struct Texts::Ready {
  explicit Ready(Folder read) : folder(std::move(read)), runner(std::make_shared<Runner>(folder.model)) {}
  Ready(const Ready&) = delete;
  Ready& operator=(const Ready&) = delete;

  const Folder folder;
  const std::shared_ptr<Runner> runner;  // borrows the model; shared with generations, which end before
  [[nodiscard]] std::uint64_t bytes() const {
    const auto& programs = folder.model.programs;
    return constants_of(programs.decode) + constants_of(programs.prefill) + folder.tokeniser_bytes.size() + runner->own_bytes();
  }
};

Result<std::shared_ptr<const Texts::Ready>> Texts::make_ready(const base::Hash& model, base::ByteView bundle) {
  KOINON_TRY(auto folder, of_the_buyer(engine::language::decode_bundle(bundle)));
  if (const auto id = engine::language::bundle_id(folder); id != model)
    return fail(Code::rejected, "[language] the artifact is model {}: {} was ordered", base::to_hex(id), base::to_hex(model));
  auto out = std::make_shared<const Ready>(std::move(folder));
  KOINON_CHECK(out->runner->warm());
  return out;
}

class Texts::Making final : public Text {
 public:
  Making(std::shared_ptr<const Ready> ready, Request request, const engine::run::RunOptions& options)
      : ready_(std::move(ready)),
        request_(std::move(request)),
        generator_(ready_->folder.model, request_.sampling, request_.seed, options, ready_->runner) {}

  Status begin() {
    KOINON_CHECK(generator_.prompt(request_.prompt));
    seconds_ += since();
    return {};
  }

  Result<std::optional<std::int64_t>> next() override {
    const auto& generated = generator_.transcript().generated;
    const auto& ends = ready_->folder.ends;
    if (static_cast<std::int64_t>(generated.size()) == request_.tokens || ending_of(request_, generated, ends) == Ending::end)
      return std::optional<std::int64_t>();
    started_ = std::chrono::steady_clock::now();
    KOINON_TRY(const auto token, generator_.next());
    seconds_ += since();
    return std::optional(token);
  }

  [[nodiscard]] Outcome outcome() const override {
    const auto& transcript = generator_.transcript();
    Outcome out;
    out.outputs = {encode_tokens(transcript.generated)};
    out.roots = {outputs_root(out.outputs), engine::language::commitment(transcript), witness_of(transcript)};
    out.meter.seconds = seconds_;
    for (const auto& link : transcript.links) out.meter.steps += ready_->folder.model.program_for(link.taken).steps.size();
    out.meter.output_bytes = out.outputs[0].size();
    return out;
  }

 private:
  [[nodiscard]] double since() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  }

  const std::shared_ptr<const Ready> ready_;  // shared with other texts
  const Request request_;
  Generator generator_;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  double seconds_ = 0;
};

Result<std::unique_ptr<Text>> Texts::begin(const base::Hash& model, const Load& load, const std::vector<base::Bytes>& inputs,
                                           const Means& means) const {
  KOINON_TRY(auto ready, kept_.get(model, [&]() -> Result<std::shared_ptr<const Ready>> {
    KOINON_TRY(const auto bundle, load());
    return make_ready(model, bundle);
  }));
  KOINON_TRY(auto request, of_the_buyer(Request::read(inputs)));
  if (const auto taken = check(request, Limits::of(ready->folder.model)); !taken)
    return fail(Code::rejected, "{}", taken.error().text);
  engine::run::RunOptions options;
  options.pool = means.pool;
  options.trace = false;
  options.memory_limit = memory_limit_;
  options.stop = means.stop;
  auto out = std::make_unique<Making>(std::move(ready), std::move(request), options);
  KOINON_CHECK(out->begin());
  return out;
}

Result<std::unique_ptr<Text>> Texts::begin(const Job& job, const Means& means) const {
  return begin(job.spec, [&]() -> Result<base::Bytes> { return job.artifact; }, job.inputs, means);
}

Result<Outcome> Texts::run(const Job& job, const Means& means) const {
  KOINON_TRY(const auto text, begin(job, means));
  KOINON_TRY(const auto request, Request::read(job.inputs));
  for (std::uint64_t done = 1;; ++done) {
    KOINON_TRY(const auto token, text->next());
    if (!token) return text->outcome();
    if (means.progress) means.progress(done, static_cast<std::uint64_t>(request.tokens));
  }
}

}  // namespace koinon::work::language
