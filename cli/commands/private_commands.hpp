#pragma once
#include "cli/commands/commands.hpp"

namespace koinon::cli {

std::unique_ptr<Command> make_private_serve();
std::unique_ptr<Command> make_private_ask();
std::unique_ptr<Command> make_private_train();
void add_private_sums(Commands& to);  ///< private sum plan, keygen, encrypt, add, decrypt

}  // namespace koinon::cli
