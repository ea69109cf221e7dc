// A node under many clients at once: bench_node URL PID CLIENTS SECONDS. Each client keeps one connection and asks again as
// soon as it is answered; who is refused waits as Retry-After says, a tenth of it at least, as a client would.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "net/http_client.hpp"

namespace koinon::bench::node {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kPaths[] = {"/api/v1/status", "/api/v1/orders",     "/api/v1/providers", "/api/v1/models",
                                  "/v1/models",     "/api/v1/deployment", "/metrics"};

double ms_since(Clock::time_point from) { return std::chrono::duration<double, std::milli>(Clock::now() - from).count(); }

/// Resident memory of a process, KiB; 0 when it is gone.
long memory(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmRSS:")) return std::atol(line.c_str() + 6);
  return 0;
}

/// What one client saw.
struct Seen {
  std::map<int, std::uint64_t> statuses;  ///< 0: no answer
  std::vector<double> latencies;          ///< of answers of 200, ms
  std::uint64_t unadvised = 0;            ///< refusals without Retry-After
};

void ask(const std::string& url, std::size_t client, Clock::time_point end, Seen& seen) {
  net::ClientOptions options;
  options.max_idle = 1;
  net::HttpClient http(options);
  for (std::size_t i = client; Clock::now() < end; ++i) {
    const auto begin = Clock::now();
    const auto answer = http.get(url + kPaths[i % std::size(kPaths)]);
    const int status = answer ? answer->status : 0;
    ++seen.statuses[status];
    if (status == 200) {
      seen.latencies.push_back(ms_since(begin));
      continue;
    }
    const auto* advice = answer ? answer->headers.find("Retry-After") : nullptr;
    if ((status == 503 || status == 429) && advice == nullptr) ++seen.unadvised;
    const auto wait = advice != nullptr ? std::max(0.1, std::atof(advice->c_str())) : 0.1;
    const auto until = std::min(end, Clock::now() + std::chrono::milliseconds(static_cast<long>(1000 * wait)));
    std::this_thread::sleep_until(until);
  }
}

double part(const std::vector<double>& sorted, double share) {
  return sorted.empty()
             ? 0
             : sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(share * static_cast<double>(sorted.size())))];
}

int run(const std::string& url, const std::string& pid, std::size_t clients, long seconds) {
  std::vector<Seen> seen(clients);
  const auto first = memory(pid);
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::seconds(seconds);
  std::vector<long> resident;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < clients; ++i) threads.emplace_back([&, i] { ask(url, i, end, seen[i]); });
    while (Clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(500));
      resident.push_back(memory(pid));
    }
  }
  const double took = ms_since(begin) / 1000;
  std::map<int, std::uint64_t> statuses;
  std::vector<double> latencies, shares;
  std::uint64_t unadvised = 0, starved = 0;
  for (const auto& s : seen) {
    for (const auto& [status, count] : s.statuses) statuses[status] += count;
    latencies.insert(latencies.end(), s.latencies.begin(), s.latencies.end());
    shares.push_back(static_cast<double>(s.latencies.size()));
    unadvised += s.unadvised;
    starved += s.latencies.empty() ? 1 : 0;
  }
  std::ranges::sort(latencies);
  std::ranges::sort(shares);
  std::printf("%zu clients, %.0f s: %zu answers, %.0f a second\n", clients, took, latencies.size(),
              static_cast<double>(latencies.size()) / took);
  std::printf("latency ms: median %.1f, 90 %% %.1f, 99 %% %.1f, most %.1f\n", part(latencies, 0.5), part(latencies, 0.9),
              part(latencies, 0.99), part(latencies, 1));
  for (const auto& [status, count] : statuses)
    std::printf("%s: %llu\n", status == 0 ? "no answer" : std::to_string(status).c_str(),
                static_cast<unsigned long long>(count));
  std::printf("answers of a client: least %.0f, median %.0f, most %.0f; %llu had none\n", part(shares, 0), part(shares, 0.5),
              part(shares, 1), static_cast<unsigned long long>(starved));
  const auto half = resident.size() / 2;
  std::printf("memory MiB: before %.1f, half way %.1f, end %.1f\n", static_cast<double>(first) / 1024,
              resident.empty() ? 0 : static_cast<double>(resident[half]) / 1024,
              resident.empty() ? 0 : static_cast<double>(resident.back()) / 1024);
  const bool alive = memory(pid) != 0;
  if (!alive) std::printf("the node is gone\n");
  if (unadvised != 0) std::printf("%llu refusals without Retry-After\n", static_cast<unsigned long long>(unadvised));
  return alive && !latencies.empty() && starved == 0 ? 0 : 1;
}

}  // namespace
}  // namespace koinon::bench::node

int main(int argc, char** argv) {
  const auto clients = argc == 5 ? std::atol(argv[3]) : 0, seconds = argc == 5 ? std::atol(argv[4]) : 0;
  if (clients < 1 || clients > 4000 || seconds < 1 || seconds > 600) {
    std::fprintf(stderr, "bench_node URL PID CLIENTS SECONDS, 1 to 4000 clients and 1 to 600 seconds expected\n");
    return 2;
  }
  return koinon::bench::node::run(argv[1], argv[2], static_cast<std::size_t>(clients), seconds);
}
