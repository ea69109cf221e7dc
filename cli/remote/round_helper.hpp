#pragma once
#include "net/http_client.hpp"
#include "work/encrypted/round_client.hpp"

namespace koinon::cli {

/// A provider of `koinon private serve` at a URL. `client` is borrowed. Errors of its calls: those of the client; what the
/// provider answered, as its own error.
work::Helper round_helper(net::HttpClient& client, const std::string& url);
/// GET of a path there: the body. Errors as of the calls.
base::Result<base::Bytes> fetch_round(net::HttpClient& client, const std::string& url, const std::string& path);

}  // namespace koinon::cli
