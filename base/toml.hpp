#pragma once
#include <stdexcept>

namespace koinon::base {

/// Ends the reading of a text that toml++ takes for a broken invariant.
[[noreturn]] inline void refuse_toml() { throw std::runtime_error("an unexpected character in a name"); }

}  // namespace koinon::base

// toml++ 3.3 takes some texts (such as "[=]") for a broken invariant of its own and would end the process. Here that is an
// exception like its other errors; whoever parses catches std::exception. Include this, and never toml++ itself, so that every
// file of a program has the same definition.
#define TOML_ASSERT(condition) static_cast<void>((condition) || (::koinon::base::refuse_toml(), false))
#include <toml++/toml.h>
