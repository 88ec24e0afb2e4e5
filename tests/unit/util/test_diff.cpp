#include <gtest/gtest.h>

#include <stdexcept>

#include "bringup/util/diff.hpp"

namespace bringup {
namespace {

TEST(UnifiedDiff, IsEmptyWithoutADifference) {
  EXPECT_EQ(unified_diff("a\nb\n", "a\nb\n", "x", "y"), "");
}

TEST(UnifiedDiff, ShowsThreeLinesAroundAndJoinsNearChanges) {
  EXPECT_EQ(unified_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n",
                         "1\n2\n3\n4\nV\nVI\n7\n8\n9\n10\n11\n12\n13\nXIV\n", "old", "new"),
            "--- old\n+++ new\n"
            "@@ -2,8 +2,8 @@\n 2\n 3\n 4\n-5\n-6\n+V\n+VI\n 7\n 8\n 9\n"
            "@@ -11,4 +11,4 @@\n 11\n 12\n 13\n-14\n+XIV\n");
  EXPECT_EQ(unified_diff("a\nb\nc\n", "A\nb\nC\n", "old", "new"),
            "--- old\n+++ new\n@@ -1,3 +1,3 @@\n-a\n+A\n b\n-c\n+C\n");
}

TEST(UnifiedDiff, TakesNoAddedLines) {
  EXPECT_THROW(unified_diff("a\n", "a\nb\n", "x", "y"), std::invalid_argument);
}

}  // namespace
}  // namespace bringup
