#pragma once
#include <gtest/gtest.h>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "ledger/deployment.hpp"
#include "ledger/local/local_ledger.hpp"
#include "ledger/pending_store.hpp"

namespace koinon::test::quorum {

/// A local ledger of its own for one test suite, and a sender with coins on it.
class ChainTest : public testing::Test {
 protected:
  static void SetUpTestSuite();
  static void TearDownTestSuite();
  static ledger::Rpc& rpc();
  static ledger::TxSender& sender();
  /// Deploys a contract without constructor arguments.
  template <class Contract>
  static Contract deploy(const std::string& name) {
    return Contract(rpc(), deployed(name, Contract::bytecode(), Contract::entries()));
  }

 private:
  static base::Address deployed(const std::string& name, base::Bytes code, std::vector<ledger::abi::Entry> abi);
};

}  // namespace koinon::test::quorum
