#include <gtest/gtest.h>

#include "cli/terminal/progress.hpp"
#include "cli/terminal/table.hpp"

namespace koinon::cli {
namespace {

TEST(Table, aligns_by_display_width) {
  Table table({{"name"}, {"price", Table::Align::right}});
  table.add({"κοινόν", "1"});
  table.add({"a", "12.5"});
  EXPECT_EQ(table.text(),
            "name    price\n"
            "──────  ─────\n"
            "κοινόν      1\n"
            "a        12.5\n");
}

TEST(Table, leaves_out_the_middle_of_many_rows) {
  Table table({{"n"}});
  for (int i = 1; i <= 9; ++i) table.add({std::to_string(i)});
  EXPECT_EQ(table.text(3), "n\n─\n1\n2\n... 6 rows left out; --json has them all\n9\n");
  EXPECT_EQ(table.text(9), table.text());
  EXPECT_EQ(table.text(0), "n\n─\n... 9 rows left out; --json has them all\n");
}

TEST(DisplayWidth, skips_escape_sequences) { EXPECT_EQ(display_width("\x1b[31mred\x1b[0m"), 3U); }

TEST(Bar, fills_in_proportion_and_never_overflows) {
  EXPECT_EQ(bar(1, 2, 4), "██░░");
  EXPECT_EQ(bar(9, 2, 4), "████");
  EXPECT_EQ(bar(0, 0, 2), "░░");
}

}  // namespace
}  // namespace koinon::cli
