#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/terminal/progress.hpp"

namespace koinon::cli {

/// Where a command writes. For people, text on stdout; with --json one object on stdout and nothing else. Notes and progress go
/// to stderr either way.
class Console {
 public:
  explicit Console(bool json) : json_(json) {}

  [[nodiscard]] bool json() const { return json_; }
  /// Text for people; dropped under --json.
  void print(std::string_view text) const;
  /// The one object; dropped without --json.
  void object(const nlohmann::json& value) const;
  /// A line on stderr.
  void note(std::string_view text) const;
  /// "koinon: [operation] ..." on stderr, and under --json {"error": {"code", "text"}} on stdout.
  void failure(const base::Error& error) const;
  /// The same for an error whose `text`, for people, is on stderr already.
  void failed(base::Code code, std::string_view text) const;
  [[nodiscard]] Progress progress() const { return Progress(json_); }

 private:
  bool json_;
};

/// Text from outside made safe for a terminal: control characters, also those of C1, become '?'; at most `limit` bytes, cut at
/// a character.
std::string clean(std::string_view text, std::size_t limit = 400);
/// The same of the end of a text: names of parts within parts differ there. What is left out in front shows as "…".
std::string clean_end(std::string_view text, std::size_t limit);

/// "1.3 MiB", "512 B".
std::string size_text(std::uint64_t bytes);

/// "3.2 ms", "12.0 s".
std::string seconds_text(double seconds);

/// The same error with a line that says what to do next.
tl::unexpected<base::Error> advise(base::Error error, std::string_view next);

}  // namespace koinon::cli
