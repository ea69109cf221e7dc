#pragma once
#include "ledger/rpc.hpp"

namespace koinon::ledger {

/// Transport of a URL: HTTP with kept connections, or one WebSocket that is opened anew when it breaks.
/// Errors: invalid_argument (scheme).
Result<std::unique_ptr<RpcTransport>> make_transport(const std::string& url, const RpcOptions& options);

}  // namespace koinon::ledger
