#include "work/encrypted/round_server.hpp"

#include "base/codec.hpp"
#include "trust/private/models/bundle.hpp"

namespace koinon::work {
namespace {

using base::Code;
using base::fail;
using base::Result;
using base::Status;
using trust::fhe::Ciphertext;
using trust::fhe::Context;

constexpr std::string_view kMagic = "KNLR";
constexpr std::uint16_t kVersion = 1;
constexpr std::size_t kMaxBlob = 0xffffffff;

/// Bytes of ciphertexts of two parts in memory.
std::uint64_t held_by(const Context& context, std::size_t ciphertexts) {
  return std::uint64_t{2} * sizeof(double) * context.parameters().degree * context.levels() * ciphertexts;
}

}  // namespace

base::Bytes RowsSent::encode() const {
  base::Writer out;
  out.raw(base::as_bytes(kMagic));
  out.number(kVersion);
  out.number(static_cast<std::uint32_t>(rule.features));
  out.number(static_cast<std::uint32_t>(rule.rows));
  out.number(rule.feature_bound);
  out.number(rule.weight_bound);
  out.number(static_cast<std::uint8_t>(rule.score_shift));
  out.number(static_cast<std::uint8_t>(rule.step_shift));
  out.blob(rows);
  return std::move(out).take();
}

Result<RowsSent> RowsSent::decode(base::ByteView bytes) {
  base::Reader in(bytes);
  KOINON_TRY(const auto magic, in.raw(kMagic.size()));
  if (base::as_text(magic) != kMagic) return fail(Code::malformed, "[encrypted] the bytes do not start with {}", kMagic);
  KOINON_TRY(const auto version, in.number<std::uint16_t>());
  if (version != kVersion) return fail(Code::unsupported, "[encrypted] version {}: {} expected", version, kVersion);
  RowsSent out;
  KOINON_TRY(out.rule.features, in.number<std::uint32_t>());
  KOINON_TRY(out.rule.rows, in.number<std::uint32_t>());
  KOINON_TRY(out.rule.feature_bound, in.number<std::int64_t>());
  KOINON_TRY(out.rule.weight_bound, in.number<std::int64_t>());
  KOINON_TRY(out.rule.score_shift, in.number<std::uint8_t>());
  KOINON_TRY(out.rule.step_shift, in.number<std::uint8_t>());
  KOINON_TRY(const auto rows, in.blob(kMaxBlob));
  KOINON_CHECK(in.finish());
  out.rows.assign(rows.begin(), rows.end());
  return out;
}

/// A program's layers, packed under their parameters.
struct RoundServer::Model {
  struct Layer {
    std::unique_ptr<const Context> context;
    trust::fhe::SharedModel model;
  };
  base::Bytes plan;
  std::vector<Layer> layers;
};

struct RoundServer::Session {
  trust::fhe::LogisticPlan plan;
  std::unique_ptr<const Context> context;
  std::vector<Ciphertext> rows;
  std::uint64_t bytes = 0;
  std::chrono::steady_clock::time_point used;  // guarded by the server's mutex
};

RoundServer::RoundServer(Limits limits, base::Random& random, base::ThreadPool* pool)
    : limits_(limits), random_(random), pool_(pool) {}
RoundServer::~RoundServer() = default;

Result<base::Hash> RoundServer::offer(const engine::program::Program& program) {
  KOINON_TRY(const auto aided, trust::fhe::compile_aided(program));
  auto model = std::make_unique<Model>();
  model->plan = trust::fhe::encode(aided);
  for (const auto& layer : aided.layers) {
    auto& made = model->layers.emplace_back();
    KOINON_TRY(made.context, Context::create(layer.plan.parameters));
    KOINON_TRY(made.model, trust::fhe::pack_shared(*made.context, layer.plan, layer.weights));
  }
  const auto id = engine::program::program_id(program);
  models_[id] = std::move(model);
  return id;
}

std::vector<base::Hash> RoundServer::offered() const {
  std::vector<base::Hash> out;
  for (const auto& [id, model] : models_) out.push_back(id);
  return out;
}

Result<base::Bytes> RoundServer::plan(const base::Hash& program) const {
  const auto found = models_.find(program);
  if (found == models_.end())
    return fail(Code::not_found, "[encrypted] program {}: not offered for client-aided runs", base::to_hex(program));
  return found->second->plan;
}

Result<base::Bytes> RoundServer::layer(const base::Hash& program, std::size_t number, base::ByteView input) const {
  const auto found = models_.find(program);
  if (found == models_.end() || number >= found->second->layers.size())
    return fail(Code::not_found, "[encrypted] layer {} of program {}: not offered for client-aided runs", number,
                base::to_hex(program));
  const auto& layer = found->second->layers[number];
  KOINON_TRY(const auto inputs, trust::fhe::decode_ciphertexts(*layer.context, input, 1));
  if (inputs.size() != 1) return fail(Code::malformed, "[encrypted] no ciphertext: one expected");
  KOINON_TRY(const auto results, trust::fhe::evaluate_shared(*layer.context, layer.model, inputs[0], pool_));
  return trust::fhe::encode(*layer.context, results);
}

Result<base::Hash> RoundServer::open(base::ByteView rows) {
  if (limits_.sessions == 0) return fail(Code::unauthorised, "[encrypted] training is not offered here");
  KOINON_TRY(const auto sent, RowsSent::decode(rows));
  auto session = std::make_shared<Session>();
  KOINON_TRY(session->plan, trust::fhe::plan_logistic(sent.rule));
  KOINON_TRY(session->context, Context::create(session->plan.parameters));
  session->bytes = held_by(*session->context, session->plan.chunks());
  {
    const std::lock_guard lock(mutex_);
    drop_idle();
    if (sessions_.size() >= limits_.sessions || session->bytes > limits_.training_bytes - held_)
      return fail(Code::exhausted, "[encrypted] rows of {} MB: {} sessions hold {} MB here; come later", session->bytes >> 20,
                  sessions_.size(), held_ >> 20);
    held_ += session->bytes;  // before it is taken, so that no two take the same place
  }
  auto decoded = trust::fhe::decode_ciphertexts(*session->context, sent.rows, session->plan.chunks());
  const std::lock_guard lock(mutex_);
  if (!decoded || decoded->size() != session->plan.chunks() || sessions_.size() >= limits_.sessions) {
    held_ -= session->bytes;
    if (!decoded) return fail(decoded.error());
    return fail(Code::invalid_argument, "[encrypted] {} ciphertexts of rows: {} expected", decoded->size(),
                session->plan.chunks());
  }
  session->rows = *std::move(decoded);
  session->used = std::chrono::steady_clock::now();
  const auto name = random_.hash();
  sessions_[name] = std::move(session);
  return name;
}

void RoundServer::drop_idle() {
  const auto now = std::chrono::steady_clock::now();
  std::erase_if(sessions_, [&](const auto& item) {
    const bool idle = now - item.second->used >= limits_.idle;
    if (idle) held_ -= item.second->bytes;
    return idle;
  });
}

Result<std::shared_ptr<RoundServer::Session>> RoundServer::find(const base::Hash& session) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return fail(Code::not_found, "[encrypted] no such session: it ended, or rested too long");
  found->second->used = std::chrono::steady_clock::now();
  return found->second;
}

Result<base::Bytes> RoundServer::scores(const base::Hash& session, base::ByteView weights) {
  KOINON_TRY(const auto held, find(session));
  KOINON_TRY(const auto sent, trust::fhe::decode_ciphertexts(*held->context, weights, 1));
  if (sent.size() != 1) return fail(Code::malformed, "[encrypted] no ciphertext of weights: one expected");
  KOINON_TRY(const auto out, trust::fhe::encrypted_scores(*held->context, held->plan, held->rows, sent[0]));
  return trust::fhe::encode(*held->context, out);
}

Result<base::Bytes> RoundServer::gradient(const base::Hash& session, base::ByteView residuals) {
  KOINON_TRY(const auto held, find(session));
  KOINON_TRY(const auto sent, trust::fhe::decode_ciphertexts(*held->context, residuals, held->plan.chunks()));
  KOINON_TRY(const auto out, trust::fhe::encrypted_gradient(*held->context, held->plan, held->rows, sent));
  return trust::fhe::encode(*held->context, std::span(&out, 1));
}

Status RoundServer::close(const base::Hash& session) {
  const std::lock_guard lock(mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return fail(Code::not_found, "[encrypted] no such session: it ended, or rested too long");
  held_ -= found->second->bytes;
  sessions_.erase(found);
  return {};
}

}  // namespace koinon::work
