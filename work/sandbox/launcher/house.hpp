#pragma once
#include <string>

#include "work/sandbox/launcher/arguments.hpp"

namespace koinon::work::sandbox {

/// User and group that a program has inside, whatever it is outside.
constexpr unsigned inside_identity = 1000;

/// Builds the file system a program sees and moves into it; called by the first process of new user, mount and process
/// namespaces whose identity map is written. Inside stand the views and the root (read-only, no set-uid, no devices), /scratch,
/// /tmp and /dev/shm (empty, in memory, of bounded size), /proc of the own processes where the machine permits it, and five
/// devices. `scratch` is then a descriptor of /scratch. Empty text on success.
std::string move_in(const Arguments& arguments, int& scratch);

/// Gives up every capability for good, and any way to new ones. Empty text on success.
std::string give_up_rights(const Arguments& arguments);

}  // namespace koinon::work::sandbox
