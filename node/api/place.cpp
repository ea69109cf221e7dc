#include "node/api/place.hpp"

#include <nlohmann/json.hpp>

#include "engine/io/read.hpp"
#include "engine/language/bundle.hpp"
#include "market/actor/proofs.hpp"
#include "market/watch/reserve.hpp"
#include "node/api/order_json.hpp"
#include "node/api/training.hpp"
#include "trust/optimistic/disputable.hpp"
#include "trust/quorum/proof_check.hpp"

namespace koinon::node::api {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMaxBody = std::uint64_t{96} << 20;  // the data of a training order are in it

Result<std::vector<base::Bytes>> input_parts(Context& context, const NewOrder& order) {
  if (order.training) return order.training->inputs();
  if (order.text) {
    KOINON_TRY(const auto model, context.programs.text(order.program));
    base::SystemRandom random;
    KOINON_TRY(const auto request, text_request(*model, *order.text, random));
    return request.parts();
  }
  KOINON_TRY(const auto program, context.programs.find(order.program));
  KOINON_TRY(auto tensors, engine::io::read_inputs(*program, order.input));
  std::vector<base::Bytes> out;
  for (auto& tensor : tensors) out.push_back(std::move(tensor.bytes));
  return out;
}

/// True of an order of ours whose claim this node's own run judges, so that it disputes a wrong one.
bool is_disputed_here(Context& context, const market::OrderView& order) {
  if (order.terms.buyer != context.node.account() || order.terms.check != trust::OptimisticCheck::kCode) return false;
  const auto note = context.node.buyer().purchase(order);
  return note && *note && (*note)->has_expected;
}

/// What is free, and what of it orders that stand may yet need for their disputes.
Result<Purse::Means> means_now(Context& context) {
  Purse::Means out;
  std::vector<market::OrderView> open;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    if (const auto* account = book.account(context.node.account())) out.free = account->free;
    for (const auto id : book.open_orders())
      if (const auto& order = *book.order(id);
          order.terms.buyer == context.node.account() && order.terms.check == trust::OptimisticCheck::kCode)
        open.push_back(order);
  });
  std::erase_if(open, [&](const auto& order) { return !is_disputed_here(context, order); });
  if (open.empty() || context.node.disputes() == nullptr) return out;
  KOINON_TRY(const auto terms, context.node.disputes()->dispute_terms());
  for (const auto& order : open) {
    const auto reserve = market::dispute_reserve(order, context.node.account(), terms);
    if (reserve.is_zero()) continue;
    out.kept = sum(out.kept, reserve);
    ++out.orders;
  }
  return out;
}

/// Sets the money of an order aside, and what a buyer that runs it itself must have left to dispute a wrong claim, were all of
/// it withheld.
Result<Purse::Hold> set_aside(Context& context, const NewOrder& order, std::uint8_t tier) {
  KOINON_TRY(const auto cost, context.node.accounts().cost(order.n, tier));
  base::Wei dispute;
  if (order.trap && order.check == trust::OptimisticCheck::kCode && context.node.disputes() != nullptr) {
    KOINON_TRY(const auto terms, context.node.disputes()->dispute_terms());
    dispute = market::dispute_reserve(tier, terms);
  }
  return context.purse.take(sum(cost.escrow, cost.bond), dispute, [&] { return means_now(context); });
}

/// Refuses what the ledger would refuse, with the figures; what the order costs is set aside.
Result<Purse::Hold> check_means(Context& context, const NewOrder& order, std::uint8_t kind) {
  if (const auto& limit = context.node.config().buyer.max_price; !limit.is_zero() && order.max_price > limit)
    return fail(Code::out_of_range, "[order] max_price {}: the node's own limit is {}", order.max_price.tokens(),
                limit.tokens());
  KOINON_TRY(const auto tier, market::tier_within(order.max_price));
  KOINON_TRY(auto held, set_aside(context, order, tier));
  KOINON_TRY(const auto eligible, context.node.accounts().eligible(kind, tier));
  if (eligible.count < order.n)
    return fail(Code::exhausted, "[order] {} providers {} for at most {} tokens: {} are wanted", eligible.count,
                order.training       ? "train (provide --kinds training)"
                : order.privacy == 0 ? "work"
                                     : "compute on encrypted inputs (provide --kinds inference,encrypted)",
                market::tier_price(tier).tokens(), order.n);
  return held;
}

/// Our order of that nonce, when the book has it.
std::optional<std::uint64_t> find_placed(Context& context, std::uint64_t nonce) {
  if (const auto caught = context.node.sync().catch_up(); !caught) base::log_debug("order: {}", caught.error().text);
  std::optional<std::uint64_t> out;
  context.node.sync().read([&](const market::Book& book, std::uint64_t) {
    for (const auto& [id, order] : book.orders())
      if (order.terms.nonce == nonce && context.is_mine(order)) out = id;
  });
  return out;
}

Result<work::Outcome> run_job(Context& context, std::uint8_t code, const base::Hash& spec, const base::Cid& artifact,
                              const std::vector<base::Bytes>& inputs) {
  KOINON_TRY(const auto* kind, context.node.kinds().find(code));
  work::Job job;
  job.spec = spec;
  KOINON_TRY(job.artifact, context.node.artifacts().get(artifact));
  job.inputs = inputs;
  work::Means means;
  means.pool = &context.node.pool();
  return kind->run(job, means);
}

/// The run on ciphertexts in the place of the plain one: the input leaves this node encrypted alone.
Status encrypt(Context& context, const NewOrder& order, market::Purchase& purchase) {
  if (order.text) return fail(Code::unsupported, "[order] a text with private inputs: language models run on plain ones");
  KOINON_TRY([[maybe_unused]] const auto* kind,
             context.node.kinds().find(static_cast<std::uint8_t>(work::KindCode::encrypted)));
  KOINON_TRY(auto prepared, context.encrypted.prepare(order.program, purchase.inputs));
  purchase.kind = static_cast<std::uint8_t>(work::KindCode::encrypted);
  // A market of version 3 has no number for private inputs, but runs the kind.
  purchase.privacy = context.node.deployment().version == "3" ? 0 : 1;
  purchase.spec = prepared.spec;
  purchase.artifact = prepared.artifact;
  purchase.inputs = std::move(prepared.inputs);
  return {};
}

/// The program of a model whose run is `treated`. Errors: unsupported (a language model), those of the store.
Result<engine::program::Program> one_program(Context& context, const base::Hash& id, std::string_view treated) {
  KOINON_TRY(const auto record, context.node.store().models.get(id));
  KOINON_TRY(const auto file, context.node.artifacts().get(record.artifact.cid));
  if (engine::language::is_bundle(file))
    return fail(Code::unsupported,
                "[order] a language model's text is checked by quorum: only the run of one program can be {}", treated);
  auto program = engine::program::decode(file);
  if (!program)
    return fail(Code::unsupported, "[order] only the run of a program can be {}: {}", treated, program.error().text);
  return program;
}

HttpResponse accepted(std::uint64_t id) { return HttpResponse::json(202, json{{"id", std::to_string(id)}}.dump()); }

Result<HttpResponse> place_order(Context& context, const HttpRequest& request) {
  if (context.node.is_stopping()) {
    auto out = error_response({Code::exhausted, "[order] the node is stopping"});
    out.status = 503;
    return out;
  }
  KOINON_TRY(const auto id, place_once(context, request, [&](const auto& nonce) -> Result<std::uint64_t> {
               KOINON_TRY(const auto order,
                          parse_new_order(request.body, context.node.rules(), context.node.config().buyer.check));
               KOINON_TRY(auto inputs, input_parts(context, order));
               return place(context, order, std::move(inputs), nonce);
             }));
  return accepted(id);
}

}  // namespace

Result<std::uint64_t> place_once(Context& context, const HttpRequest& request, const Placing& placing) {
  const auto* key = request.headers.find("Idempotency-Key");
  if (key == nullptr) return placing({});
  KOINON_CHECK(check_repeat_key(*key));
  const Repeats::Turn turn(context.repeats, *key);
  KOINON_TRY(const auto meaning, context.repeats.meaning(*key, request.body));
  if (meaning.known)
    if (const auto before = find_placed(context, meaning.nonce)) return *before;
  return placing(meaning.nonce);
}

Result<work::Outcome> run_here(Context& context, const base::Hash& program, const std::vector<base::Bytes>& inputs) {
  KOINON_TRY(const auto record, context.node.store().models.get(program));
  return run_job(context, static_cast<std::uint8_t>(work::KindCode::inference), program, record.artifact.cid, inputs);
}

namespace {

/// What is run: a program that this node knows, or a recipe.
Status name_goods(Context& context, const NewOrder& order, market::Purchase& purchase) {
  if (order.training) {
    if (order.check != 0 || order.privacy != 0)
      return fail(Code::unsupported, "[order] training is checked by the quorum, with plain inputs");
    return train_with(context, *order.training, purchase);
  }
  KOINON_TRY(const auto record, context.node.store().models.get(order.program));
  purchase.spec = order.program;
  purchase.artifact = record.artifact;
  purchase.model = record.name;
  return {};
}

}  // namespace

Result<std::uint64_t> place(Context& context, const NewOrder& order, std::vector<base::Bytes> inputs,
                            const std::optional<std::uint64_t>& nonce) {
  market::Purchase purchase;
  purchase.check = order.check;
  purchase.privacy = order.privacy;
  purchase.n = order.n;
  purchase.k = order.k;
  purchase.max_price = order.max_price;
  purchase.audit_bps = order.audit_bps;
  purchase.commit_window = order.commit_window;
  purchase.inputs = std::move(inputs);
  KOINON_CHECK(name_goods(context, order, purchase));
  if (order.check == trust::OptimisticCheck::kCode) {
    if (order.privacy != 0)
      return fail(Code::unsupported, "[order] {{optimistic, private}}: what is disputed is seen by everybody");
    KOINON_CHECK(check_disputable(context, order.program));
  }
  if (order.check == trust::ProofCheck::kCode) {
    KOINON_TRY(purchase.subject, proof_subject(context, order.program));
  }
  if (order.privacy != 0) KOINON_CHECK(encrypt(context, order, purchase));
  KOINON_TRY([[maybe_unused]] const auto held, check_means(context, order, purchase.kind));  // until the book has the order
  // A verdict that differs from our own run is appealed or, of a claim that stands alone, disputed; the same claim is
  // confirmed.
  if (order.trap) {
    KOINON_TRY(const auto own, order.privacy == 0 && !order.training
                                   ? run_here(context, order.program, purchase.inputs)
                                   : run_job(context, purchase.kind, purchase.spec, purchase.artifact.cid, purchase.inputs));
    purchase.expected = own.roots;
  }
  purchase.nonce = nonce;
  auto placed = context.node.buyer().place(purchase);
  if (!placed && nonce) {
    // The ledger may have taken it before, and have said so to nobody.
    if (const auto before = find_placed(context, *nonce)) placed = *before;
  }
  if (!placed) return fail(std::move(placed).error());
  const auto id = *placed;
  // The order stands, whatever becomes of a note for its buyer alone.
  if (!order.label.empty())
    if (const auto kept = context.set_label(id, order.label); !kept)
      base::log_warn("order {}: its label was not kept: {}", id, kept.error().text);
  // So that who is told the id finds the order; when the ledger does not answer now, a moment later.
  if (const auto caught = context.node.sync().catch_up(); !caught) base::log_debug("order {}: {}", id, caught.error().text);
  return id;
}

void add_place(net::Router& router, const ContextPtr& context) {
  const Rule rule{Access::spend, "application/json"};
  router.post("/api/v1/orders", guarded(context, rule, place_order), behind(context, rule, kMaxBody));
}

Status check_disputable(Context& context, const base::Hash& id) {
  KOINON_TRY(const auto program, one_program(context, id, "disputed"));
  return trust::optimistic::disputable(program);
}

Result<base::Hash> proof_subject(Context& context, const base::Hash& id) {
  auto* proofs = context.node.proofs();
  if (proofs == nullptr) return fail(Code::unsupported, "[order] this market has no contract that checks proofs");
  KOINON_TRY(const auto program, one_program(context, id, "proved"));
  KOINON_TRY(const auto able, market::provable(program));
  return proofs->subject(able.circuit, 0, {});
}

}  // namespace koinon::node::api
