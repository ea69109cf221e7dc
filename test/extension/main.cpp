#include "cli/commands/extensions.hpp"
#include "ledger/contracts/unanimous_check.hpp"
#include "test/extension/statistics/statistics.hpp"
#include "test/extension/unanimous/unanimous.hpp"

// koinon with a second kind of work and a second check: every command knows them. docs/extending.md shows these lines.
int main(int argc, char** argv) {
  namespace extension = koinon::test::extension;
  using Contract = koinon::ledger::contracts::UnanimousCheck;
  koinon::cli::Extensions extensions;
  extensions.kinds = [](koinon::work::KindSet& kinds) { return kinds.add(std::make_unique<extension::Statistics>()); };
  extensions.rules = [](koinon::trust::CheckSet& rules) { return rules.add(std::make_unique<extension::UnanimousCheck>()); };
  extensions.checks = {{extension::UnanimousCheck::kCode, {"UnanimousCheck", Contract::bytecode(), Contract::entries()}}};
  return koinon::cli::run_koinon({argv + 1, argv + argc}, extensions);
}
