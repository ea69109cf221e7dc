#include "net/http_client.hpp"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <mutex>

#include "net/address.hpp"
#include "net/text.hpp"
#include "net/url.hpp"

namespace koinon::net {
namespace {

constexpr std::size_t kMaxResponseHeader = 64u << 10;
constexpr std::size_t kUnasked = 1u << 20;  ///< bytes of a body that is sent without asking first

/// One transfer at a time, with the connections that curl keeps for it. A multi handle, because a stop token can wake it.
struct Lane {
  CURLM* multi = curl_multi_init();
  CURL* easy = curl_easy_init();
  Lane() = default;
  ~Lane() {
    curl_easy_cleanup(easy);
    curl_multi_cleanup(multi);
  }
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;
};

struct FieldList {
  curl_slist* list = nullptr;
  FieldList() = default;
  ~FieldList() { curl_slist_free_all(list); }
  FieldList(const FieldList&) = delete;
  FieldList& operator=(const FieldList&) = delete;
  void add(const std::string& line) { list = curl_slist_append(list, line.c_str()); }
};

/// What the callbacks of one transfer share.
struct Transfer {
  CURL* easy = nullptr;
  const ClientRequest* request = nullptr;
  std::uint64_t max_body = 0;
  std::uint64_t received = 0;
  std::size_t header_bytes = 0;
  bool address_refused = false;
  HttpResponse response;
  std::string body;
  Status failure;

  [[nodiscard]] bool stopped() const { return request->stop.stop_requested(); }
};

/// Runs a callback whose exception must not cross curl's C frames.
template <class F>
std::size_t guarded(Transfer& transfer, std::size_t size, F&& body) {
  if (!transfer.failure) return 0;  // the first failure is the one to tell
  try {
    transfer.failure = body();
  } catch (const std::exception& e) {
    transfer.failure = base::fail(Code::internal, "[http] {}", e.what());
  }
  return transfer.failure ? size : 0;
}

Status take_body(Transfer& transfer, std::string_view bytes) {
  transfer.received += bytes.size();
  if (transfer.received > transfer.max_body)
    return base::fail(Code::out_of_range, "[http] body above the limit of {} bytes", transfer.max_body);
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.request->sink && status >= 200 && status < 300) return transfer.request->sink(bytes);
  transfer.body += bytes;
  return {};
}

Status take_header(Transfer& transfer, std::string_view line) {
  transfer.header_bytes += line.size();
  if (transfer.header_bytes > kMaxResponseHeader)
    return base::fail(Code::out_of_range, "[http] response header above {} bytes", kMaxResponseHeader);
  if (line.starts_with("HTTP/")) transfer.response.headers = {};  // a redirect's or an interim answer's header is not the last
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || line.starts_with("HTTP/")) return {};
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  transfer.response.headers.add(std::string(line.substr(0, colon)), std::string(trimmed(line.substr(colon + 1))));
  return {};
}

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  return guarded(transfer, size * count, [&] { return take_body(transfer, {data, size * count}); });
}

std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  auto& transfer = *static_cast<Transfer*>(user);
  return guarded(transfer, size * count, [&] { return take_header(transfer, {data, size * count}); });
}

int on_progress(void* user, curl_off_t total, curl_off_t received, curl_off_t, curl_off_t) {
  auto& transfer = *static_cast<Transfer*>(user);
  guarded(transfer, 1, [&]() -> Status {
    if (transfer.request->progress)
      transfer.request->progress(static_cast<std::uint64_t>(received), static_cast<std::uint64_t>(total));
    return {};
  });
  return transfer.failure && !transfer.stopped() ? 0 : 1;
}

/// Judged at connect time, so that no answer of a name server can change between check and use.
curl_socket_t open_public_socket(void* user, curlsocktype, curl_sockaddr* address) {
  bool allowed = false;
  if (address->family == AF_INET) {
    std::array<std::uint8_t, 4> v4{};
    std::memcpy(v4.data(), &reinterpret_cast<const sockaddr_in*>(&address->addr)->sin_addr, v4.size());
    allowed = is_public_address(v4);
  } else if (address->family == AF_INET6) {
    std::array<std::uint8_t, 16> v6{};
    std::memcpy(v6.data(), &reinterpret_cast<const sockaddr_in6*>(&address->addr)->sin6_addr, v6.size());
    allowed = is_public_address(v6);
  }
  if (!allowed) {
    static_cast<Transfer*>(user)->address_refused = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

void set_method(CURL* easy, const ClientRequest& request) {
  if (request.method == Method::get) return;
  if (request.method == Method::head) {
    curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    return;
  }
  const bool has_body = !request.body.empty() || request.method == Method::post || request.method == Method::put ||
                        request.method == Method::patch;
  if (has_body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, std::string(method_name(request.method)).c_str());
}

Result<std::unique_ptr<FieldList>> field_list(const ClientRequest& request) {
  auto out = std::make_unique<FieldList>();
  // A large body waits for the other side's leave: what is refused by its header is then not sent at all.
  if (request.body.size() <= kUnasked) out->add("Expect:");
  for (const auto& [name, value] : request.headers.items()) {
    if (!is_token(name) || !is_field_value(value))
      return base::fail(Code::invalid_argument, "[http] header '{}' holds a character that no header may hold", name);
    out->add(value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  }
  return out;
}

Error explain(CURLcode code, const char* detail, const std::string& url) {
  const std::string text = *detail ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return {Code::timeout, fmt::format("[http] {}: {}", url, text)};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: return {Code::invalid_argument, fmt::format("[http] {}: {}", url, text)};
    case CURLE_FILESIZE_EXCEEDED: return {Code::out_of_range, fmt::format("[http] {}: body above the limit", url)};
    default: return {Code::network, fmt::format("[http] {}: {}", url, text)};
  }
}

}  // namespace

struct HttpClient::State {
  explicit State(ClientOptions o) : options(std::move(o)) {}

  std::unique_ptr<Lane> take() {
    const std::lock_guard hold(lock);
    if (idle.empty()) return std::make_unique<Lane>();
    auto lane = std::move(idle.back());
    idle.pop_back();
    return lane;
  }
  void give(std::unique_ptr<Lane> lane) {
    const std::lock_guard hold(lock);
    if (idle.size() < options.max_idle) idle.push_back(std::move(lane));
  }

  Status prepare(CURL* easy, Transfer& transfer, const FieldList& fields, bool https) const;
  CURLcode perform(Lane& lane, const Transfer& transfer) const;

  const ClientOptions options;
  std::mutex lock;
  std::vector<std::unique_ptr<Lane>> idle;  ///< guarded by lock
};

Status HttpClient::State::prepare(CURL* easy, Transfer& transfer, const FieldList& fields, bool https) const {
  const auto& request = *transfer.request;
  curl_easy_reset(easy);
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");  // a proxy of the environment would defeat allow_private
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, https ? "https" : "http,https");
  const bool safe = request.method == Method::get || request.method == Method::head;
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, safe && options.max_redirects > 0 ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_MAXREDIRS, static_cast<long>(options.max_redirects));
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout_ms));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                   static_cast<long>(request.timeout_ms > 0 ? request.timeout_ms : options.timeout_ms));
  curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 256L << 10);
  curl_easy_setopt(easy, CURLOPT_USERAGENT, options.user_agent.c_str());
  if (!options.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, options.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fields.list);
  if (request.method != Method::head)
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                     static_cast<curl_off_t>(std::min<std::uint64_t>(transfer.max_body, INT64_MAX)));
  set_method(easy, request);
  if (request.range) {
    const auto last = request.range->last ? std::to_string(*request.range->last) : std::string();
    curl_easy_setopt(easy, CURLOPT_RANGE, fmt::format("{}-{}", request.range->first, last).c_str());
  }
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &transfer);
  curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, &on_progress);
  curl_easy_setopt(easy, CURLOPT_XFERINFODATA, &transfer);
  if (!options.allow_private) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &open_public_socket);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, &transfer);
  }
  return {};
}

CURLcode HttpClient::State::perform(Lane& lane, const Transfer& transfer) const {
  curl_multi_add_handle(lane.multi, lane.easy);
  CURLcode code = CURLE_ABORTED_BY_CALLBACK;
  {
    const std::stop_callback wake(transfer.request->stop, [&] { curl_multi_wakeup(lane.multi); });
    int running = 1;
    while (running > 0 && !transfer.stopped()) {
      if (curl_multi_perform(lane.multi, &running) != CURLM_OK) break;
      if (running > 0) curl_multi_poll(lane.multi, nullptr, 0, 1000, nullptr);
    }
    int left = 0;
    if (running == 0)
      while (const auto* message = curl_multi_info_read(lane.multi, &left))
        if (message->msg == CURLMSG_DONE) code = message->data.result;
  }
  curl_multi_remove_handle(lane.multi, lane.easy);
  return code;
}

HttpClient::HttpClient(ClientOptions options) : state_(std::make_unique<State>(std::move(options))) {
  static const auto kReady = curl_global_init(CURL_GLOBAL_DEFAULT);
  KOINON_INVARIANT(kReady == CURLE_OK);
}

HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::send(const ClientRequest& request) {
  const auto url = Url::parse(request.url);
  if (!url) return base::fail(Code::invalid_argument, "[http] {}", url.error().text);
  if (url->scheme != "http" && url->scheme != "https")
    return base::fail(Code::invalid_argument, "[http] scheme '{}': http or https expected", url->scheme);
  KOINON_TRY(const auto fields, field_list(request));
  auto lane = state_->take();
  if (!lane->easy || !lane->multi) return base::fail(Code::exhausted, "[http] no memory for a transfer");
  Transfer transfer;
  transfer.easy = lane->easy;
  transfer.request = &request;
  transfer.max_body = request.max_body > 0 ? request.max_body : state_->options.max_body;
  KOINON_CHECK(state_->prepare(lane->easy, transfer, *fields, url->scheme == "https"));
  char detail[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(lane->easy, CURLOPT_ERRORBUFFER, detail);
  const auto code = state_->perform(*lane, transfer);
  long status = 0;
  curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_setopt(lane->easy, CURLOPT_ERRORBUFFER, nullptr);
  state_->give(std::move(lane));
  if (!transfer.failure) return base::fail(std::move(transfer.failure).error());
  if (transfer.stopped()) return base::fail(Code::cancelled, "[http] {}: cancelled", request.url);
  if (transfer.address_refused && code != CURLE_OK)
    return base::fail(Code::unauthorised, "[http] {}: its address is private; a public one expected", request.url);
  if (code != CURLE_OK) return base::fail(explain(code, detail, request.url));
  transfer.response.status = static_cast<int>(status);
  transfer.response.body = std::move(transfer.body);
  return std::move(transfer.response);
}

Result<HttpResponse> HttpClient::get(const std::string& url, std::stop_token stop) {
  ClientRequest request;
  request.url = url;
  request.stop = std::move(stop);
  return send(request);
}

Result<HttpResponse> HttpClient::post(const std::string& url, std::string body, const std::string& content_type,
                                      std::stop_token stop) {
  ClientRequest request;
  request.method = Method::post;
  request.url = url;
  request.headers.add("Content-Type", content_type);
  request.body = std::move(body);
  request.stop = std::move(stop);
  return send(request);
}

Result<HttpResponse> HttpClient::put(const std::string& url, std::string body, const std::string& content_type,
                                     std::stop_token stop) {
  ClientRequest request;
  request.method = Method::put;
  request.url = url;
  request.headers.add("Content-Type", content_type);
  request.body = std::move(body);
  request.stop = std::move(stop);
  return send(request);
}

}  // namespace koinon::net
