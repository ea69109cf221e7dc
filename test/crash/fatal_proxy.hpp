#pragma once
#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>

#include "net/http_client.hpp"
#include "net/http_server.hpp"

namespace koinon::test::crash {

/// A moment of a process's life at its ledger: about to do a thing, or just having done it and not been told.
struct Moment {
  enum class Side : std::uint8_t { before, after };
  std::string what;  ///< "transaction" or "faucet"
  int number = 0;    ///< counted from 1
  Side side = Side::before;
};

/// Stands between a node and the node whose ledger it joins, passes everything on, and kills the process behind it with SIGKILL
/// at one moment.
class FatalProxy {
 public:
  /// `target`: URL of the node that runs the ledger. Errors: those of HttpServer and of the target.
  static base::Result<std::unique_ptr<FatalProxy>> start(const std::string& target);
  ~FatalProxy();
  FatalProxy(const FatalProxy&) = delete;
  FatalProxy& operator=(const FatalProxy&) = delete;

  [[nodiscard]] std::string url() const { return server_->url(); }
  /// From now on `victim` dies at that moment.
  void arm(const Moment& moment);
  void set_victim(pid_t victim) { victim_ = victim; }
  void disarm() { armed_ = false; }
  /// True when the moment came.
  [[nodiscard]] bool has_struck() const { return struck_; }

 private:
  FatalProxy(std::string target, std::string rpc_url) : target_(std::move(target)), rpc_url_(std::move(rpc_url)) {}
  net::Router routes();
  base::Result<net::HttpResponse> pass(const std::string& url, const net::HttpRequest& request, const std::string& what);
  bool strike(Moment::Side side, int number, const std::string& what);

  const std::string target_;
  const std::string rpc_url_;
  net::HttpClient http_;
  std::atomic<bool> armed_ = false;
  std::atomic<bool> struck_ = false;
  std::atomic<pid_t> victim_ = 0;
  std::atomic<int> count_ = 0;  ///< of what is waited for
  Moment moment_;               ///< constant while armed
  std::unique_ptr<net::HttpServer> server_;
};

}  // namespace koinon::test::crash
