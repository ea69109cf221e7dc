#pragma once
#include "cli/commands/extensions.hpp"
#include "cli/line/command.hpp"

namespace koinon::cli {

/// Every command of the program, in the order that help shows them. `extensions` outlive them.
Commands all_commands(const Extensions& extensions);

std::unique_ptr<Command> make_model_build();
std::unique_ptr<Command> make_model_inspect();
std::unique_ptr<Command> make_model_publish();
std::unique_ptr<Command> make_run();
std::unique_ptr<Command> make_prove();
std::unique_ptr<Command> make_verify();
std::unique_ptr<Command> make_receipt_verify(const Extensions& extensions);
std::unique_ptr<Command> make_receipt_show();
std::unique_ptr<Command> make_version();
std::unique_ptr<Command> make_completion(const Extensions& extensions);
/// Commands that ask a running node.
std::unique_ptr<Command> make_status();
std::unique_ptr<Command> make_order(const Extensions& extensions);
void add_listings(Commands& to);  ///< orders, orders show, order-show, providers, models
std::unique_ptr<Command> make_generate();
std::unique_ptr<Command> make_train();
std::unique_ptr<Command> make_train_compare();
std::unique_ptr<Command> make_federated();
std::unique_ptr<Command> make_simulate();
void add_language(Commands& to);      ///< language ..., generate
void add_private(Commands& to);       ///< private plan, keygen, encrypt, run, decrypt
void add_account(Commands& to);       ///< account ..., with add_account_keys
void add_account_keys(Commands& to);  ///< account new-key, address
/// Commands that are a node.
std::unique_ptr<Command> make_up(const Extensions& extensions);
std::unique_ptr<Command> make_watch(const Extensions& extensions);
std::unique_ptr<Command> make_provide(const Extensions& extensions);
/// Commands that look after a node's folder.
std::unique_ptr<Command> make_deploy(const Extensions& extensions);
std::unique_ptr<Command> make_doctor();
void add_backup(Commands& to);  ///< backup, restore

}  // namespace koinon::cli
