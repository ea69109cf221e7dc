#pragma once
#include <optional>

#include "base/money.hpp"
#include "node/api/text_request.hpp"

// Messages of OpenAI's completions and chat completions (platform.openai.com/docs/api-reference), as far as a node serves them.
namespace koinon::node::api {

/// What is asked for. `text.tokens` is zero when the request names no number: the rest of the context then.
struct CompletionRequest {
  bool chat = false;
  std::string model;
  TextAsked text;
  std::vector<std::string> stops;  ///< the text is cut before the first of them
  bool stream = false;
  bool stream_usage = false;
  bool echo = false;                   ///< begin with the prompt
  std::string check;                   ///< ours: as parameter `check` of the Open Inference Protocol; empty: not said
  std::optional<base::Wei> max_price;  ///< ours
};

/// Reads a request. Fields of OpenAI's that change nothing here (user, metadata, store) are taken, those that would change the
/// answer and are not served (logprobs, tools, penalties other than 0, n above 1) are refused by name. A chat becomes a prompt
/// of lines "role: content" that ends with "assistant:". Errors: malformed; invalid_argument, out_of_range and unsupported,
/// naming the field.
base::Result<CompletionRequest> read_completion(std::string_view body, bool chat);

/// What all messages of an answer say.
struct CompletionHead {
  bool chat = false;
  std::string id, model;
  std::int64_t created = 0;  ///< Unix seconds
};

struct CompletionUsage {
  std::size_t prompt = 0, generated = 0;  ///< tokens
};

/// A whole answer. `finish`: "stop" or "length".
std::string write_completion(const CompletionHead& head, const std::string& text, std::string_view finish,
                             const CompletionUsage& usage);
/// One event of a stream: more text, or why it is over. `first`: a chat's first event names the role.
std::string write_chunk(const CompletionHead& head, const std::string& text, bool first, std::optional<std::string_view> finish,
                        const nlohmann::json& evidence);
/// The event of a stream that counts tokens, for who asked for it.
std::string write_usage(const CompletionHead& head, const CompletionUsage& usage);
/// What ends a stream.
inline constexpr std::string_view kStreamEnd = "data: [DONE]\n\n";

/// Cuts a text that comes in pieces before the first of some stops; holds back what may be the beginning of one.
class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops) : stops_(std::move(stops)) {}
  /// What of the text so far can be given out now.
  std::string add(const std::string& text);
  /// What is left, when the text ends without a stop.
  std::string finish() { return stopped_ ? std::string() : std::exchange(waiting_, {}); }
  [[nodiscard]] bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string waiting_;
  bool stopped_ = false;
};

}  // namespace koinon::node::api
