#pragma once
#include <nlohmann/json_fwd.hpp>
#include <stop_token>
#include <string>

#include "base/bytes.hpp"
#include "cli/line/line.hpp"
#include "net/http_client.hpp"

namespace koinon::cli {

/// How a command reaches a running node: options that every such command has.
struct NodeAccess {
  std::string url = "http://127.0.0.1:7070";
  std::string token_file;
  std::string data;

  void options(Line& line);
  /// Errors: invalid_argument (URL).
  [[nodiscard]] base::Status check() const;
};

/// A running node over its HTTP API. What it answers is never trusted: a wrong shape is an error (malformed).
class NodeClient {
 public:
  /// Errors: invalid_argument (URL).
  static base::Result<NodeClient> open(const NodeAccess& access);

  [[nodiscard]] const std::string& url() const { return url_; }
  /// A GET of JSON. Errors: those of HttpClient; what the node answers, with its code.
  base::Result<nlohmann::json> get(const std::string& path, std::stop_token stop = {});
  /// A GET of a text.
  base::Result<std::string> get_text(const std::string& path, std::stop_token stop = {});
  /// A call that changes something, with the node's token. Errors: as get; unauthorised when there is no token.
  /// With a `key` the node does it once, however often it is asked with that key (header Idempotency-Key).
  base::Result<nlohmann::json> post(const std::string& path, const nlohmann::json& body, const std::string& key = "");
  base::Result<nlohmann::json> post_bytes(const std::string& path, base::ByteView bytes);

 private:
  NodeClient(std::string url, NodeAccess access)
      : url_(std::move(url)), access_(std::move(access)), http_(std::make_unique<net::HttpClient>()) {}
  base::Result<std::string> token() const;
  base::Result<nlohmann::json> send(const std::string& path, std::string body, const std::string& type,
                                    const std::string& key = "");
  base::Result<std::string> finish(base::Result<net::HttpResponse> response);

  std::string url_;
  NodeAccess access_;
  std::unique_ptr<net::HttpClient> http_;
};

}  // namespace koinon::cli
