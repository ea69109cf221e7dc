#include "net/handler_pool.hpp"

#include <gtest/gtest.h>

#include <future>

namespace koinon::net {
namespace {

// A pool of one thread that is held until open() is called, so that what is queued before has its order from the pool alone.
class HandlerPoolTest : public testing::Test {
 protected:
  void hold(HandlerPool& pool) {
    std::promise<void> entered;
    ASSERT_TRUE(pool.begin("first", [&] {
      entered.set_value();
      gate.wait();
    }));
    entered.get_future().wait();
  }
  void ask(HandlerPool& pool, const std::string& client) {
    ASSERT_TRUE(pool.begin(client, [this, client] { order += client; }));
  }

  std::promise<void> open;
  std::shared_future<void> gate = open.get_future().share();
  std::string order;  // written by the pool's one thread, read after stop()
};

TEST_F(HandlerPoolTest, gives_clients_turns) {
  HandlerPool pool(1, 100);
  hold(pool);
  for (int i = 0; i < 5; ++i) ask(pool, "a");
  ask(pool, "b");
  ask(pool, "c");
  ask(pool, "b");
  open.set_value();
  pool.stop();
  EXPECT_EQ(order, "abcabaaa");
}

TEST_F(HandlerPoolTest, refuses_beyond_its_bound_but_not_what_has_begun) {
  HandlerPool pool(1, 2);
  hold(pool);
  ask(pool, "a");
  ask(pool, "b");
  EXPECT_FALSE(pool.begin("c", [] {}));
  pool.resume("c", [this] { order += "c"; });
  open.set_value();
  pool.stop();
  EXPECT_EQ(order, "abc");
  EXPECT_FALSE(pool.begin("a", [] {}));
}

}  // namespace
}  // namespace koinon::net
