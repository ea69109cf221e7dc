#include "work/encrypted/encrypted.hpp"

#include <chrono>

#include "base/codec.hpp"
#include "base/hash.hpp"
#include "engine/run/roots.hpp"
#include "trust/private/serial.hpp"
#include "work/parcel.hpp"

namespace koinon::work {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using trust::fhe::Ciphertext;
using trust::fhe::Context;

constexpr std::string_view kMagic = "KNEW";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMaxBlob = 0xffffffff;

/// Root of a ciphertext: its residues modulo the first prime, 8 bytes each. Whoever has those has run the step.
base::Hash root_of(const Ciphertext& cipher) {
  base::Writer out;
  for (const auto& part : cipher.parts)
    for (std::size_t i = 0; i < part.degree(); ++i) out.number(static_cast<std::uint64_t>(part[0][i]));
  return base::keccak256(out.bytes());
}

/// Errors that are the buyer's fault, by what was given.
template <class T>
Result<T> given(Result<T> result, const char* what) {
  if (result) return result;
  return fail(Code::rejected, "[encrypted] {}: {}", what, result.error().text);
}

}  // namespace

base::Bytes EncryptedSpec::encode() const {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.blob(program);
  out.blob(keys);
  return std::move(out).take();
}

Result<EncryptedSpec> EncryptedSpec::decode(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[encrypted] the bytes do not start with {}", kMagic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[encrypted] version {}: {} expected", version, kVersion);
  KOINON_TRY(const auto program, in.blob(kMaxBlob));
  KOINON_TRY(const auto keys, in.blob(kMaxBlob));
  KOINON_CHECK(in.finish());
  return EncryptedSpec{{program.begin(), program.end()}, {keys.begin(), keys.end()}};
}

base::Hash EncryptedSpec::id(const base::Hash& program, base::ByteView keys) {
  return base::keccak256({base::as_bytes("koinon.encrypted"), program.view(), base::keccak256(keys).view()});
}

/// A program packed under its parameters, and the buyer's keys.
struct Encrypted::Ready {
  std::unique_ptr<const Context> context;
  trust::fhe::Bundle bundle;
  trust::fhe::Packed model;
  trust::fhe::EvaluationKeys keys;
  std::uint64_t needed = 0;  ///< bytes of a run, keys included

  [[nodiscard]] std::uint64_t bytes() const { return needed; }
};

Encrypted::Encrypted(std::uint64_t memory_limit, std::uint64_t keep_limit) : memory_limit_(memory_limit), kept_(keep_limit) {}
Encrypted::~Encrypted() = default;

Result<std::shared_ptr<const Encrypted::Ready>> Encrypted::make_ready(const Job& job, base::ThreadPool* pool) const {
  KOINON_TRY(const auto spec, given(EncryptedSpec::decode(job.artifact), "the artifact"));
  KOINON_TRY(const auto program, given(engine::program::decode(spec.program), "the program"));
  const auto id = EncryptedSpec::id(engine::program::program_id(program), spec.keys);
  if (id != job.spec)
    return fail(Code::rejected, "[encrypted] the artifact is {}: {} was ordered", base::to_hex(id), base::to_hex(job.spec));
  if (!program.has_weights()) return fail(Code::rejected, "[encrypted] the artifact lacks the program's weights");
  KOINON_TRY(auto compiled, given(trust::fhe::compile(program), "the program"));
  auto out = std::make_shared<Ready>();
  KOINON_TRY(out->context, Context::create(compiled.bundle.parameters()));
  KOINON_TRY(out->needed, trust::fhe::memory_of(compiled.bundle));
  if (out->needed > memory_limit_)
    return fail(Code::exhausted, "[encrypted] the run takes {} MB: this provider gives at most {}", out->needed >> 20,
                memory_limit_ >> 20);
  KOINON_TRY(out->model, trust::fhe::pack(*out->context, compiled));
  KOINON_TRY(out->keys, given(trust::fhe::decode_evaluation_keys(*out->context, spec.keys, pool), "the evaluation keys"));
  out->bundle = std::move(compiled.bundle);
  return std::shared_ptr<const Ready>(std::move(out));
}

Result<Outcome> Encrypted::run(const Job& job, const Means& means) const {
  KOINON_TRY(const auto ready, kept_.get(job.spec, [&] { return make_ready(job, means.pool); }));
  const auto& context = *ready->context;
  if (job.inputs.size() != 1)
    return fail(Code::rejected, "[encrypted] {} inputs: one list of ciphertexts expected", job.inputs.size());
  KOINON_TRY(
      const auto inputs,
      given(trust::fhe::decode_ciphertexts(context, job.inputs[0], trust::fhe::input_count(ready->bundle)), "the input"));
  const auto begin = std::chrono::steady_clock::now();
  std::vector<base::Hash> trace{base::byte_tree_root(base::Domain::tensor, job.inputs[0])};
  const auto watch = [&](const Ciphertext& value) -> Status {
    if (means.stop.stop_requested()) return fail(Code::cancelled, "[encrypted] stopped");
    trace.push_back(root_of(value));
    return {};
  };
  auto results = trust::fhe::evaluate_open(context, ready->model, ready->keys, inputs, means.pool, means.progress, watch);
  if (!results) {
    const bool buyers_fault = results.error().code == Code::invalid_argument || results.error().code == Code::not_found;
    return fail(buyers_fault ? Code::rejected : results.error().code, "{}", results.error().text);
  }
  Outcome out;
  out.outputs.push_back(trust::fhe::encode(context, *results));
  trace.push_back(base::byte_tree_root(base::Domain::tensor, out.outputs[0]));
  out.roots = {outputs_root(out.outputs), engine::run::trace_root(trace), engine::run::witness(trace)};
  out.meter.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  out.meter.steps = trace.size();
  out.meter.output_bytes = out.outputs[0].size();
  return out;
}

}  // namespace koinon::work
