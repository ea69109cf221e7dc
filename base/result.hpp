#pragma once
#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <type_traits>
#include <utility>

namespace koinon::base {

/// What went wrong, as a stable number. Persisted and shown over the API: never renumber.
enum class Code : std::uint16_t {
  invalid_argument = 1,  ///< the caller's value is wrong
  malformed = 2,         ///< outside bytes do not decode
  out_of_range = 3,      ///< a number or size is outside its bound
  not_found = 4,
  unsupported = 5,  ///< well-formed, but not something this version does
  io = 6,           ///< file system or device
  network = 7,      ///< a peer or server could not be reached or broke off
  ledger = 8,       ///< the chain refused or reverted
  rejected = 9,     ///< a check of somebody's work or signature failed
  timeout = 10,
  cancelled = 11,
  conflict = 12,      ///< the state has moved on; read again
  unauthorised = 13,  ///< missing or wrong credentials
  exhausted = 14,     ///< a limit (quota, memory, rate) is reached
  internal = 15,      ///< a bug of ours
};

/// Name of a code as the API shows it, such as "invalid_argument".
std::string_view code_name(Code code);

/// An error: stable code and a text of the form "[operation] what is wrong: value against expectation".
struct Error {
  Code code = Code::internal;
  std::string text;

  /// The same error with `context` in front: "context: text".
  Error within(std::string_view context) &&;
  friend bool operator==(const Error&, const Error&) = default;
};

/// A value or an Error. Cannot be dropped silently, which a bare tl::expected<void, E> can.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

/// Result of an operation that returns nothing.
using Status = Result<void>;

/// Builds the failing side of any Result: `return fail(Code::malformed, "[cid] length {}: 36 expected", n);`
template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(Code code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

/// Passes on the error of a failed Result.
[[nodiscard]] inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

/// Aborts with `what` when a broken invariant would touch money or a proof. Stays on in release; never used on input.
[[noreturn]] void invariant_broken(const char* file, int line, const char* what);

}  // namespace koinon::base

#define KOINON_CONCAT_(a, b) a##b
#define KOINON_CONCAT(a, b) KOINON_CONCAT_(a, b)
#define KOINON_TRY_(tmp, decl, ...)                              \
  auto tmp = (__VA_ARGS__);                                      \
  if (!tmp) return ::koinon::base::fail(std::move(tmp).error()); \
  decl = *std::move(tmp)
/// `KOINON_TRY(auto x, parse(s));` declares x, or returns the error from the enclosing function.
#define KOINON_TRY(decl, ...) KOINON_TRY_(KOINON_CONCAT(koinon_try_, __COUNTER__), decl, __VA_ARGS__)
/// Returns the error of a Status from the enclosing function.
#define KOINON_CHECK(...) \
  if (auto koinon_check = (__VA_ARGS__); !koinon_check) return ::koinon::base::fail(std::move(koinon_check).error())
/// An assertion that stays on in release.
#define KOINON_INVARIANT(condition) \
  ((condition) ? static_cast<void>(0) : ::koinon::base::invariant_broken(__FILE__, __LINE__, #condition))
