#include "base/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace koinon::base {

std::string_view code_name(Code code) {
  switch (code) {
    case Code::invalid_argument: return "invalid_argument";
    case Code::malformed: return "malformed";
    case Code::out_of_range: return "out_of_range";
    case Code::not_found: return "not_found";
    case Code::unsupported: return "unsupported";
    case Code::io: return "io";
    case Code::network: return "network";
    case Code::ledger: return "ledger";
    case Code::rejected: return "rejected";
    case Code::timeout: return "timeout";
    case Code::cancelled: return "cancelled";
    case Code::conflict: return "conflict";
    case Code::unauthorised: return "unauthorised";
    case Code::exhausted: return "exhausted";
    case Code::internal: return "internal";
  }
  return "unknown";
}

Error Error::within(std::string_view context) && { return Error{code, fmt::format("{}: {}", context, text)}; }

void invariant_broken(const char* file, int line, const char* what) {
  std::fprintf(stderr, "koinon: broken invariant at %s:%d: %s\n", file, line, what);
  std::abort();
}

}  // namespace koinon::base
