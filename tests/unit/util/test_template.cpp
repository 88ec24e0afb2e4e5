#include <gtest/gtest.h>

#include "bringup/util/template.hpp"

namespace bringup {
namespace {

TEST(Fill, ReplacesEveryMarkWhereverItStands) {
  EXPECT_EQ(fill("<A> and @B@, <A>", {{"<A>", "one"}, {"@B@", "two"}}), "one and two, one");
  EXPECT_EQ(fill("<A><A>", {{"<A>", ""}}), "");
  EXPECT_EQ(fill("", {{"<A>", "x"}}), "");
}

TEST(Fill, LeavesTheRestAsItIs) {
  EXPECT_EQ(fill("a <B> <A", {{"<A>", "x"}}), "a <B> <A");
  EXPECT_EQ(fill("a <A>", {}), "a <A>");
}

TEST(Fill, AValueThatLooksLikeAMarkStays) {
  EXPECT_EQ(fill("<A> <B>", {{"<A>", "<B><A>"}, {"<B>", "x"}}), "<B><A> x");
}

}  // namespace
}  // namespace bringup
