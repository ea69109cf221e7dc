#include "ledger/rpc_transport.hpp"

#include <charconv>
#include <mutex>

#include "net/http_client.hpp"
#include "net/url.hpp"
#include "net/websocket.hpp"

namespace koinon::ledger {
namespace {

net::ClientOptions client_options(const RpcOptions& options) {
  net::ClientOptions out;
  out.timeout_ms = options.timeout_ms;
  out.max_body = options.max_reply;
  return out;
}

class HttpTransport final : public RpcTransport {
 public:
  HttpTransport(std::string url, const RpcOptions& options) : url_(std::move(url)), client_(client_options(options)) {}

  Result<Answer> exchange(const std::string& body, std::stop_token stop) override {
    KOINON_TRY(const auto response, client_.post(url_, body, "application/json", stop));
    Answer out{response.status, response.body_text(), 0};
    const auto wait = response.headers.get("Retry-After");
    std::int64_t seconds = 0;
    const auto [end, error] = std::from_chars(wait.data(), wait.data() + wait.size(), seconds);
    if (error == std::errc{} && end != wait.data() && seconds > 0)
      out.retry_after_ms = std::min<std::int64_t>(seconds, 60) * 1000;
    return out;
  }

 private:
  std::string url_;
  net::HttpClient client_;
};

/// One exchange at a time. Pushes that nobody asked for (no id) are skipped.
class SocketTransport final : public RpcTransport {
 public:
  SocketTransport(std::string url, const RpcOptions& options) : url_(std::move(url)), options_(options) {}

  Result<Answer> exchange(const std::string& body, std::stop_token stop) override {
    const std::lock_guard lock(mutex_);
    if (!socket_ || !socket_->is_open()) {
      net::WebSocketOptions options;
      options.max_message = options_.max_reply;
      KOINON_TRY(socket_, net::WebSocketClient::connect(url_, options));
    }
    auto out = talk(body, stop);
    if (!out) socket_.reset();  // an answer that comes late must not meet the next request
    return out;
  }

 private:
  Result<Answer> talk(const std::string& body, std::stop_token stop) {
    KOINON_CHECK(socket_->send(body));
    for (int pushes = 0; pushes < 10'000; ++pushes) {
      KOINON_TRY(auto text, socket_->read(options_.timeout_ms, stop));
      if (!text.starts_with('{') || text.find("\"method\"") == std::string::npos) return Answer{200, std::move(text), 0};
    }
    return fail(Code::network, "[rpc] {} pushes and never answers", url_);
  }

  std::string url_;
  RpcOptions options_;
  std::mutex mutex_;
  std::unique_ptr<net::WebSocketClient> socket_;
};

}  // namespace

Result<std::unique_ptr<RpcTransport>> make_transport(const std::string& url, const RpcOptions& options) {
  KOINON_TRY(const auto parsed, net::Url::parse(url));
  if (parsed.scheme == "ws" || parsed.scheme == "wss")
    return std::unique_ptr<RpcTransport>(std::make_unique<SocketTransport>(url, options));
  if (parsed.scheme == "http" || parsed.scheme == "https")
    return std::unique_ptr<RpcTransport>(std::make_unique<HttpTransport>(url, options));
  return fail(Code::invalid_argument, "[rpc] scheme '{}': http, https, ws or wss expected", parsed.scheme);
}

}  // namespace koinon::ledger
