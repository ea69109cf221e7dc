#pragma once
#include <functional>

#include "market/onchain/onchain.hpp"
#include "trust/quorum/quorum.hpp"
#include "work/kind.hpp"

namespace koinon::cli {

/// What a program adds to koinon: kinds of work, and checks with their contracts (docs/extending.md). The functions are called
/// once for each set that a command needs.
struct Extensions {
  std::function<base::Status(work::KindSet&)> kinds;    ///< adds to what a node can run and order
  std::function<base::Status(trust::CheckSet&)> rules;  ///< adds to the checks that receipts are verified with
  std::vector<market::ExtraCheck> checks;               ///< deployed on a local ledger that is new
};

/// The checks of koinon and of `extensions`. Errors: conflict (a code that is taken).
base::Result<trust::CheckSet> rules_with(const Extensions& extensions);

/// The program: reads a command line (the words behind the program's name), does what it says, and returns the exit status.
/// `main` of koinon is this with no extensions.
int run_koinon(const std::vector<std::string>& arguments, const Extensions& extensions = {});

}  // namespace koinon::cli
