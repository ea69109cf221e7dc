#include <pthread.h>

#include <csignal>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/thread_pool.hpp"
#include "cli/commands/private_commands.hpp"
#include "cli/files/model_file.hpp"
#include "cli/line/line.hpp"
#include "cli/terminal/console.hpp"
#include "net/http_server.hpp"
#include "work/encrypted/round_server.hpp"

// `koinon private serve`: the provider's side of computations that go to and fro with a client, over HTTP.
namespace koinon::cli {
namespace {

using base::Code;
using base::Result;
using base::Status;
using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;
using work::RoundServer;

constexpr std::uint64_t kMostLayer = 16u << 20;  ///< bytes of one ciphertext
constexpr std::uint64_t kMostRows = 512u << 20;  ///< of a training's rows, or of a round
constexpr const char* kBytes = "application/octet-stream";

Result<HttpResponse> as_response(Result<base::Bytes> bytes) {
  if (!bytes) return base::fail(bytes.error());
  return HttpResponse::text(200, std::string(base::as_text(*bytes)), kBytes);
}

net::Router routes(RoundServer& server) {
  net::Router out;
  out.get("/aided", [&](const HttpRequest&) -> Result<HttpResponse> {
    auto ids = json::array();
    for (const auto& id : server.offered()) ids.push_back(base::to_hex(id));
    return HttpResponse::json(200, json{{"programs", ids}}.dump());
  });
  out.get<base::Hash>("/aided/{program}",
                      [&](const HttpRequest&, const base::Hash& id) { return as_response(server.plan(id)); });
  out.post<base::Hash, std::uint64_t>("/aided/{program}/{layer}",
                                      [&](const HttpRequest& request, const base::Hash& id, const std::uint64_t& layer) {
                                        return as_response(server.layer(id, layer, base::as_bytes(request.body)));
                                      },
                                      {.max_body = kMostLayer});
  out.post("/training",
           [&](const HttpRequest& request) -> Result<HttpResponse> {
             KOINON_TRY(const auto session, server.open(base::as_bytes(request.body)));
             return as_response(base::Bytes(session.bytes.begin(), session.bytes.end()));
           },
           {.max_body = kMostRows});
  out.post<base::Hash>("/training/{session}/scores",
                       [&](const HttpRequest& request, const base::Hash& session) {
                         return as_response(server.scores(session, base::as_bytes(request.body)));
                       },
                       {.max_body = kMostLayer});
  out.post<base::Hash>("/training/{session}/gradient",
                       [&](const HttpRequest& request, const base::Hash& session) {
                         return as_response(server.gradient(session, base::as_bytes(request.body)));
                       },
                       {.max_body = kMostRows});
  out.post<base::Hash>("/training/{session}/close", [&](const HttpRequest&, const base::Hash& session) -> Result<HttpResponse> {
    KOINON_CHECK(server.close(session));
    return as_response(base::Bytes{});
  });
  return out;
}

class Serve final : public Command {
 public:
  Serve()
      : Command({"private serve", "Compute for clients that help: layers of models that you allow, training on encrypted rows",
                 "koinon private serve digits-lenet.koinon --training --http 127.0.0.1:7090"}) {}
  void options(Line& line) override {
    line.texts("programs", programs_,
               "The .koinon files, with weights, that clients may run so. A client sees every layer's sums: after as many "
               "well-chosen inputs as a layer has, its weights")
        .flag("--training", training_, "Train logistic regression on rows that stay encrypted")
        .text("--http ADDR:PORT", http_, "Where to listen; 127.0.0.1:0 when absent. Put a TLS proxy before anything public")
        .number("--memory MB", memory_, 1, 1 << 20, "Of encrypted rows, all clients together; 1024 when absent");
  }
  Status check() const override {
    if (programs_.empty() && !training_)
      return base::fail(Code::invalid_argument, "[private serve] nothing to serve: name .koinon files, or --training");
    net::ServerOptions options;
    return listen_at(options);
  }
  Status run(Console& console) override {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);  // before any thread, so that one place waits for them
    base::SystemRandom random;
    base::ThreadPool pool(0);
    RoundServer server({.training_bytes = static_cast<std::uint64_t>(memory_) << 20, .sessions = training_ ? 16U : 0U}, random,
                       &pool);
    auto offered = json::array();
    for (const auto& path : programs_) {
      KOINON_TRY(const auto model, ModelFile::load(path));
      const auto id = server.offer(model.program);
      if (!id) return base::fail(base::Error(id.error()).within(path));
      offered.push_back({{"file", path}, {"program", base::to_hex(*id)}});
      console.print(fmt::format("serves {} to clients that help, who see the sums of every layer\n  program {}\n", path,
                                base::to_hex(*id)));
    }
    net::ServerOptions options;
    KOINON_CHECK(listen_at(options));
    options.max_bodies = 2 * kMostRows;
    KOINON_TRY(const auto http, net::HttpServer::start(routes(server), options));
    console.print(fmt::format("{}{}\nlistening at {}; stop with Ctrl-C\n", training_ ? "trains on encrypted rows\n" : "",
                              "sees ciphertexts alone", http->url()));
    if (console.json()) console.object({{"url", http->url()}, {"programs", offered}, {"training", training_}});
    std::fflush(stdout);  // whoever started this waits for the address
    int came = 0;
    sigwait(&signals, &came);
    http->stop();
    return {};
  }

 private:
  Status listen_at(net::ServerOptions& options) const {
    const auto colon = http_.rfind(':');
    if (http_.empty()) return {};
    unsigned long port = 0;
    const auto digits = colon == std::string::npos ? std::string() : http_.substr(colon + 1);
    const bool right = !digits.empty() && digits.size() <= 5 && digits.find_first_not_of("0123456789") == std::string::npos;
    if (right) port = std::stoul(digits);
    if (!right || port > 65535)
      return base::fail(Code::invalid_argument, "[private serve] --http {}: ADDR:PORT expected, such as 127.0.0.1:7090", http_);
    options.address = http_.substr(0, colon);
    options.port = static_cast<std::uint16_t>(port);
    return {};
  }

  std::vector<std::string> programs_;
  bool training_ = false;
  std::string http_;
  std::int64_t memory_ = 1024;
};

}  // namespace

std::unique_ptr<Command> make_private_serve() { return std::make_unique<Serve>(); }

}  // namespace koinon::cli
