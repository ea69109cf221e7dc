// Requests of OpenAI's API: whatever is read has what the rest relies on.
#include <cstdlib>

#include "node/api/completion_message.hpp"

std::vector<std::vector<std::uint8_t>> koinon_fuzz_seeds() {
  std::vector<std::vector<std::uint8_t>> out;
  for (const std::string text :
       {R"({"model":"m","prompt":"Mira","max_tokens":5,"temperature":0,"top_p":0.9,"seed":-7,"stop":["\n","."],"stream":true,)"
        R"("stream_options":{"include_usage":true},"echo":true,"n":1,"user":"u"})",
        R"({"model":"m","prompt":[[1,2,3]],"logprobs":null,"check":"quorum","max_price":"5","best_of":1,"suffix":""})",
        R"({"model":"m","messages":[{"role":"system","content":"a"},{"role":"user","content":[{"type":"text","text":"b"}]}],)"
        R"("max_completion_tokens":9,"tools":[],"response_format":{"type":"text"}})"})
    out.emplace_back(text.begin(), text.end());
  return out;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace koinon::node::api;
  for (const bool chat : {false, true}) {
    const auto request = read_completion({reinterpret_cast<const char*>(data), size}, chat);
    if (!request) continue;
    const auto& sampling = request->text.sampling;
    if (request->text.tokens < 0 || !(sampling.temperature >= 0) || !(sampling.top_p <= 1) || request->stops.size() > 4)
      std::abort();
    StopFilter stops(request->stops);
    std::string text(reinterpret_cast<const char*>(data), size), shown;
    for (const char c : text) shown += stops.add(std::string(1, c));
    shown += stops.finish();
    auto first = text.size();
    for (const auto& stop : request->stops) first = std::min(first, text.find(stop));
    if (shown.size() > text.size() || text.compare(0, shown.size(), shown) != 0) std::abort();
    if (first == text.size() && shown != text) std::abort();
  }
  return 0;
}
