#include "bringup/model/rewrite.hpp"

#include <gtest/gtest.h>

namespace bringup::model {
namespace {

TEST(RewriteLinkEnds, ChangesTheEndsAndNothingElse) {
  const std::string text =
      "# ein schönes Netz\n[nodes.s1]\n[nodes.s2]\n\n[[links]] # the first\na = \"s1:en3\"   # "
      "left\n"
      "b = 's2:en3'\na_device = \"rdma_en3\"\nb_device = \"rocep1\"\n\n[[links]]\n"
      "\"a\" = \"s1:en4\"\nb = \"s2:en4\"\nkind = \"thunderbolt4\" # ü \"a\"\n";
  const auto changed =
      rewrite_link_ends(text, {{0, {"s1:en5", "s2:en6"}}, {1, {"s1:en4", "s2:en10"}}});
  ASSERT_TRUE(changed.has_value()) << changed.error().message;
  EXPECT_EQ(*changed,
            "# ein schönes Netz\n[nodes.s1]\n[nodes.s2]\n\n[[links]] # the first\na = \"s1:en5\"   "
            "# left\nb = \"s2:en6\"\na_device = \"rdma_en5\"\nb_device = \"rocep1\"\n\n[[links]]\n"
            "\"a\" = \"s1:en4\"\nb = \"s2:en10\"\nkind = \"thunderbolt4\" # ü \"a\"\n");
}

TEST(RewriteLinkEnds, FindsThemBehindOtherTextOnTheLine) {
  const auto changed = rewrite_link_ends(
      "links = [ { kind = \"thunderbolt5\", a = \"ü:en1\", b = \"s2:en3\" } ]\r\n",
      {{0, {"ü:en2", "s2:en3"}}});
  ASSERT_TRUE(changed.has_value()) << changed.error().message;
  EXPECT_EQ(*changed, "links = [ { kind = \"thunderbolt5\", a = \"ü:en2\", b = \"s2:en3\" } ]\r\n");
}

TEST(RewriteLinkEnds, RefusesWhatItCannotFind) {
  const EndEdit edit{0, {"s1:en5", "s2:en5"}};
  for (const auto* text :
       {"", "[[links", "links = 3\n", "[[links]]\nb = \"s2:en3\"\n", "[[links]]\na = 3\nb = 4\n",
        "[[links]]\na = \"\"\"s1:en3\"\"\"\nb = \"s2:en3\"\n",
        "[[links]]\na = \"s1\\u003aen3\"\nb = \"s2:en3\"\n"}) {
    EXPECT_FALSE(rewrite_link_ends(text, {edit}).has_value()) << text;
  }
}

}  // namespace
}  // namespace bringup::model
