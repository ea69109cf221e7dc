#include "ledger/local/kill_rounds.hpp"

namespace koinon::ledger::local {
namespace {

TEST(KillTest, two_hundred_kills_lose_no_accepted_transaction) { survive_kills(200); }

}  // namespace
}  // namespace koinon::ledger::local
