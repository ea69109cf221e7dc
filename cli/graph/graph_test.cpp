#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/graph/fold.hpp"
#include "cli/graph/layout.hpp"
#include "cli/graph/svg.hpp"
#include "engine/program/builder.hpp"

namespace koinon::cli {
namespace {

using namespace engine::program;
using ::testing::HasSubstr;
using ::testing::Not;

/// `rounds` times compare, multiply, compare, with a skip from each round's beginning to its second; then a sum.
Program tower(std::size_t rounds, const std::string& name = "x") {
  Builder b;
  auto at = b.input(name, {DType::i8, {2, 3}}, Scale{}, -1, 1);
  for (std::size_t i = 0; i < rounds; ++i) {
    const auto first = b.compare(at, at, CompareOp::less);
    const auto second = b.mul(first, at, DType::i8);
    at = b.compare(second, first, CompareOp::equal);
  }
  b.output("y", b.add(at, at, DType::i16), Scale{});
  return b.finish({}).value();
}

TEST(Fold, leaves_small_programs_alone) {
  const auto program = tower(3);
  const auto folded = fold(program, 40, 150);
  EXPECT_EQ(folded.shown.size(), program.steps.size());
  EXPECT_TRUE(folded.blocks.empty());
  EXPECT_EQ(folded.cut, 0U);
}

TEST(Fold, draws_a_block_that_repeats_once) {
  const auto program = tower(200);
  const auto folded = fold(program, 40, 150);
  ASSERT_EQ(folded.blocks.size(), 1U);
  EXPECT_EQ(folded.blocks[0].count, 3U);
  EXPECT_GE(folded.blocks[0].times, 199U);
  EXPECT_LT(folded.shown.size(), 9U);
  for (const auto step : folded.stands) EXPECT_TRUE(std::ranges::binary_search(folded.shown, step));
}

TEST(Fold, cuts_what_does_not_repeat) {
  const auto folded = fold(tower(40), 1000, 10);
  EXPECT_EQ(folded.shown.size(), 10U);
  EXPECT_EQ(folded.cut, 3 * 40U + 1 - 10);
  EXPECT_EQ(folded.stands.back(), Folded::kNowhere);
}

TEST(Layout, puts_each_box_below_those_it_depends_on_and_none_over_another) {
  std::vector<Box> boxes(9, Box{100, 40, {}});
  const std::vector<std::pair<std::size_t, std::size_t>> edges = {{0, 1}, {0, 2}, {0, 3}, {1, 4}, {2, 4},
                                                                  {3, 8}, {4, 8}, {0, 8}, {5, 8}};
  const auto out = lay_out(boxes, edges);
  ASSERT_EQ(out.boxes.size(), boxes.size());
  ASSERT_EQ(out.routes.size(), edges.size());
  for (const auto& route : out.routes) {
    EXPECT_GT(out.boxes[route.to].at.y, out.boxes[route.from].at.y + 40);
    EXPECT_GE(route.points.size(), 2U);
  }
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    EXPECT_GE(out.boxes[i].at.x, 50);
    EXPECT_LE(out.boxes[i].at.x + 50, out.width);
    for (std::size_t j = 0; j < i; ++j)
      if (std::abs(out.boxes[i].at.y - out.boxes[j].at.y) < 1) EXPECT_GT(std::abs(out.boxes[i].at.x - out.boxes[j].at.x), 100);
  }
}

TEST(Layout, takes_nothing) { EXPECT_TRUE(lay_out({}, {}).boxes.empty()); }

TEST(Svg, shows_steps_with_kind_shape_and_bits) {
  const auto program = tower(1);
  const auto svg = program_svg(program, analyse(program).value());
  EXPECT_THAT(svg, HasSubstr("0 compare"));
  EXPECT_THAT(svg, HasSubstr("i16 [2, 3], 2 bits"));
  EXPECT_THAT(svg, HasSubstr("</svg>"));
}

TEST(Svg, lets_no_name_out_of_its_place) {
  const auto svg = program_svg(tower(1, "<script>alert(\"1\")</script>&"), {});
  EXPECT_THAT(svg, Not(HasSubstr("<script")));
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;"));
}

}  // namespace
}  // namespace koinon::cli
