#include <gtest/gtest.h>

#include "cli/terminal/chart.hpp"
#include "cli/terminal/console.hpp"
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

TEST(CleanEnd, keeps_the_end_of_a_name) {
  EXPECT_EQ(clean_end("/layer/conv", 20), "/layer/conv");
  EXPECT_EQ(clean_end("/features/1/block/conv", 12), "…/block/conv");
  EXPECT_EQ(clean_end("aaaa\xc3\xa9nd", 4), "…nd") << "no half of a character";
  EXPECT_EQ(clean_end("aaaa\x1b[2J", 5), "…?[2J");
}

TEST(DisplayWidth, skips_escape_sequences) { EXPECT_EQ(display_width("\x1b[31mred\x1b[0m"), 3U); }

TEST(Bar, fills_in_proportion_and_never_overflows) {
  EXPECT_EQ(bar(1, 2, 4), "██░░");
  EXPECT_EQ(bar(9, 2, 4), "████");
  EXPECT_EQ(bar(0, 0, 2), "░░");
}

using Values = std::vector<double>;
using Shape = std::vector<std::int64_t>;

TEST(Classes, are_scores_of_the_only_output_or_shares) {
  EXPECT_TRUE(are_classes(Shape{1, 3}, Values{2.5, -1, 0.25}, true));
  EXPECT_FALSE(are_classes(Shape{1, 3}, Values{2.5, -1, 0.25}, false)) << "one of several outputs";
  EXPECT_TRUE(are_classes(Shape{3}, Values{0.7, 0.2, 0.1}, false));
  EXPECT_TRUE(are_classes(Shape{2}, Values{1, 0}, true));
  EXPECT_FALSE(are_classes(Shape{3}, Values{-1, 0, 1}, true)) << "signs";
  EXPECT_FALSE(are_classes(Shape{2, 2}, Values{2.5, -1, 0.25, 3}, true)) << "a matrix";
  EXPECT_FALSE(are_classes(Shape{1}, Values{0.5}, true));
  EXPECT_FALSE(are_classes(Shape{21}, Values(21, 0.5), true));
  EXPECT_FALSE(are_classes(Shape{}, Values{}, true));
}

TEST(Values, are_drawn_with_what_the_bars_are) {
  EXPECT_NE(values_text(Values{0.75, 0.25}, true).find("share"), std::string::npos);
  EXPECT_NE(values_text(Values{3.5, 0.25}, true).find("softmax"), std::string::npos);
  EXPECT_EQ(values_text(Values{-1, 0, 1.5}, false), "  -1, 0, 1.5\n");
  EXPECT_EQ(values_text(Values(21, 0.5), false),
            "  0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, ... 21 values; the largest is 0.5 at 0\n");
  EXPECT_EQ(values_text(Values{}, false), "  \n");
}

}  // namespace
}  // namespace koinon::cli
