#pragma once
#include <optional>

#include "node/api/context.hpp"
#include "node/api/new_order.hpp"

namespace koinon::node::api {

/// Orders a run of `order.program` on `inputs` (canonical bytes, one an input), and sees to it that the book has it. With a
/// nonce it is ordered once, however often it is tried. Errors: what the ledger would refuse, with figures; those of placing.
Result<std::uint64_t> place(Context& context, const NewOrder& order, std::vector<base::Bytes> inputs,
                            const std::optional<std::uint64_t>& nonce);
/// Places an order for a request: once for all requests with the same Idempotency-Key. `placing` gets the nonce of that key, if
/// there is one. Errors: invalid_argument (the key), conflict (it came with another body), those of placing.
using Placing = std::function<Result<std::uint64_t>(const std::optional<std::uint64_t>& nonce)>;
Result<std::uint64_t> place_once(Context& context, const HttpRequest& request, const Placing& placing);
/// Whether a run of a program can be ordered optimistically: any wrong element must fit one transaction. Errors: unsupported,
/// saying what would help; not_found.
Status check_disputable(Context& context, const base::Hash& program);
/// What the proof of an order of a model must be about (market/actor/proofs.hpp). Errors: unsupported, saying why its runs
/// cannot be proved.
Result<base::Hash> proof_subject(Context& context, const base::Hash& id);
/// Runs it here. Errors: those of the artifacts and of the run.
Result<work::Outcome> run_here(Context& context, const base::Hash& program, const std::vector<base::Bytes>& inputs);

}  // namespace koinon::node::api
