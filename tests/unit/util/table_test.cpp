#include "bringup/util/table.hpp"

#include <gtest/gtest.h>

namespace bringup {
namespace {

TEST(Table, PadsByWhatTheTerminalShows) {
  Table table;
  table.add({"a → b", "✓", "0.12 ms"});
  table.add({"longer → b", "✗", "x"});
  EXPECT_EQ(table.render(2),
            "  a → b       ✓  0.12 ms\n"
            "  longer → b  ✗  x\n");
  EXPECT_EQ(table.width(2), 24U);
}

TEST(Table, AlignsRightAndLeavesNoTrailingBlanks) {
  Table table({Align::left, Align::right});
  table.add({"a", "7", ""});
  table.add({"b", "128", "end"});
  EXPECT_EQ(table.render(0, 1), "a   7\nb 128 end\n");
}

TEST(Table, TakesRowsOfUnequalLength) {
  Table table;
  table.add({"only"});
  table.add({"a", "b"});
  EXPECT_EQ(table.render(), "only\na     b\n");
  EXPECT_TRUE(Table().empty());
  EXPECT_EQ(Table().render(), "");
  EXPECT_FALSE(table.empty());
}

}  // namespace
}  // namespace bringup
