#include "bringup/util/nodeset.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace bringup {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> expanded(std::string_view text) {
  const auto names = expand_nodeset(text);
  EXPECT_TRUE(names) << text << ": " << (names ? "" : names.error().message);
  return names ? *names : std::vector<std::string>{};
}

std::string complaint(std::string_view text) {
  const auto names = expand_nodeset(text);
  EXPECT_FALSE(names) << text;
  if (names) {
    return "";
  }
  EXPECT_EQ(names.error().code, ErrorCode::usage);
  EXPECT_FALSE(names.error().hint.empty());
  return names.error().message;
}

TEST(ExpandNodeset, ReadsNamesAndRanges) {
  EXPECT_THAT(expanded("studio1"), ElementsAre("studio1"));
  EXPECT_THAT(expanded("studio[1-3,7]"), ElementsAre("studio1", "studio2", "studio3", "studio7"));
  EXPECT_THAT(expanded("b2, a1"), ElementsAre("b2", "a1"));
  EXPECT_THAT(expanded("a,b,a"), ElementsAre("a", "b"));
  EXPECT_THAT(expanded("r[1-2]n[1-2]x"), ElementsAre("r1n1x", "r1n2x", "r2n1x", "r2n2x"));
  EXPECT_THAT(expanded("n[1-9/4]"), ElementsAre("n1", "n5", "n9"));
  EXPECT_THAT(expanded("[1-2]"), ElementsAre("1", "2"));
}

TEST(ExpandNodeset, KeepsZeros) {
  EXPECT_THAT(expanded("n[08-10]"), ElementsAre("n08", "n09", "n10"));
  EXPECT_THAT(expanded("n[099-101]"), ElementsAre("n099", "n100", "n101"));
  EXPECT_THAT(expanded("n[01,1]"), ElementsAre("n01", "n1"));
  EXPECT_THAT(expanded("n[0-1]"), ElementsAre("n0", "n1"));
  EXPECT_THAT(expanded("n[98-101]"), ElementsAre("n98", "n99", "n100", "n101"));
}

TEST(ExpandNodeset, TakesOperatorsFromLeftToRight) {
  EXPECT_THAT(expanded("n[1-5]!n[2-3]"), ElementsAre("n1", "n4", "n5"));
  EXPECT_THAT(expanded("n[1-5],!n2"), ElementsAre("n1", "n3", "n4", "n5"));
  EXPECT_THAT(expanded("n[1-5]&n[4-9]"), ElementsAre("n4", "n5"));
  EXPECT_THAT(expanded("n[1-3]^n[3-4]"), ElementsAre("n1", "n2", "n4"));
  EXPECT_THAT(expanded("n[1-3]!n1,n1"), ElementsAre("n2", "n3", "n1"));
  EXPECT_TRUE(expanded("n1!n1").empty());
}

TEST(ExpandNodeset, RefusesMalformedTextAndQuotesIt) {
  EXPECT_THAT(complaint(""), HasSubstr("empty"));
  EXPECT_THAT(complaint("  "), HasSubstr("empty"));
  EXPECT_THAT(complaint("a,"), HasSubstr("nothing after ','"));
  EXPECT_THAT(complaint(",a"), HasSubstr("nothing before ','"));
  EXPECT_THAT(complaint("!a"), HasSubstr("nothing before '!'"));
  EXPECT_THAT(complaint("^a"), HasSubstr("nothing before '^'"));
  EXPECT_THAT(complaint("a,,b"), HasSubstr("two operators"));
  EXPECT_THAT(complaint("a!,b"), HasSubstr("two operators"));
  EXPECT_THAT(complaint("a b"), HasSubstr("two names without an operator"));
  EXPECT_THAT(complaint("n[1-3"), HasSubstr("unbalanced bracket in 'n[1-3'"));
  EXPECT_THAT(complaint("n1]"), HasSubstr("unbalanced bracket in 'n1]'"));
  EXPECT_THAT(complaint("n[1[2]]"), HasSubstr("unbalanced bracket"));
  EXPECT_THAT(complaint("n[]"), HasSubstr("empty range"));
  EXPECT_THAT(complaint("n[1,]"), HasSubstr("empty range"));
  EXPECT_THAT(complaint("n[3-1]"), HasSubstr("'3-1' in 'n[3-1]' runs backwards"));
  EXPECT_THAT(complaint("n[a-c]"), HasSubstr("'a-c' in 'n[a-c]' is not a range of numbers"));
  EXPECT_THAT(complaint("n[1-]"), HasSubstr("not a range"));
  EXPECT_THAT(complaint("n[1-2-3]"), HasSubstr("not a range"));
  EXPECT_THAT(complaint("n[1-010]"), HasSubstr("zeros of two widths"));
  EXPECT_THAT(complaint("n[1-4/0]"), HasSubstr("no step"));
  EXPECT_THAT(complaint("n[1-4/x]"), HasSubstr("no step"));
  EXPECT_THAT(complaint("@left"), HasSubstr("'@left' needs an inventory"));
  EXPECT_THAT(complaint("stu*"), HasSubstr("'stu*' needs an inventory"));
  EXPECT_THAT(complaint("n[1\x1b]"), HasSubstr("\\x1b"));
}

TEST(ExpandNodeset, IsBounded) {
  EXPECT_EQ(expanded("n[1-4096]").size(), 4096U);
  EXPECT_THAT(complaint("n[1-4097]"), HasSubstr("more than 4096"));
  EXPECT_THAT(complaint("n[0-999999999999999999]"), HasSubstr("more than 4096"));
  EXPECT_THAT(complaint("n[1-99999999999999999999]"), HasSubstr("not a range"));
  EXPECT_THAT(complaint("n[1-64]x[1-65]"), HasSubstr("more than 4096"));
  EXPECT_THAT(complaint("a[1-4096],b[1-4096]"), HasSubstr("more than 4096"));
  EXPECT_THAT(complaint(std::string(300, 'a') + "[1-2]"), HasSubstr("too long"));
  EXPECT_THAT(complaint(std::string(70000, 'a')), HasSubstr("longer than 64 KiB"));
}

const NodesetUniverse studio{{"studio1", "studio2", "studio3", "mini1", "pi5"},
                             {{"macs", {"mini1", "studio1", "studio2", "studio3"}}, {"none", {}}}};

std::vector<std::string> evaluated(std::string_view text) {
  const auto names = evaluate_nodeset(text, studio);
  EXPECT_TRUE(names) << text << ": " << (names ? "" : names.error().message);
  return names ? *names : std::vector<std::string>{};
}

TEST(EvaluateNodeset, SelectsInTheOrderOfTheUniverse) {
  EXPECT_THAT(evaluated("pi5,studio[1-3],!studio2"), ElementsAre("studio1", "studio3", "pi5"));
  EXPECT_THAT(evaluated("@macs!studio2"), ElementsAre("studio1", "studio3", "mini1"));
  EXPECT_THAT(evaluated("@macs&mini1,pi5"), ElementsAre("mini1", "pi5"));
  EXPECT_THAT(evaluated("studio*"), ElementsAre("studio1", "studio2", "studio3"));
  EXPECT_THAT(evaluated("?i*"), ElementsAre("mini1", "pi5") /* mini1: m-i, pi5: p-i */);
  EXPECT_THAT(evaluated("*!@macs"), ElementsAre("pi5"));
  EXPECT_THAT(evaluated("!pi5"), ElementsAre("studio1", "studio2", "studio3", "mini1"));
  EXPECT_THAT(evaluated("&studio1"), ElementsAre("studio1"));
  EXPECT_TRUE(evaluated("@none").empty());
}

TEST(EvaluateNodeset, NamesAllThatItDoesNotKnow) {
  const auto names = evaluate_nodeset("studio[1-9],@mac,x*", studio);
  ASSERT_FALSE(names);
  EXPECT_EQ(names.error().message,
            "unknown nodes 'studio[4-9]'; unknown group '@mac'; no node matches 'x*'");
  EXPECT_EQ(evaluate_nodeset("stuido1", studio).error().hint, "did you mean 'studio1'?");
  EXPECT_EQ(evaluate_nodeset("zzz", studio).error().hint, "known: mini1,pi5,studio[1-3]");
  EXPECT_EQ(evaluate_nodeset("@x", studio).error().hint, "known: @macs, @none");
  EXPECT_EQ(evaluate_nodeset("@x", {{"a"}, {}}).error().hint, "the inventory has no groups");
  EXPECT_FALSE(evaluate_nodeset("studio1!studio9", studio)) << "a typo in what is left out";
  EXPECT_FALSE(evaluate_nodeset("studio[1", studio));
  EXPECT_FALSE(evaluate_nodeset("a,", studio));
}

TEST(FoldNodeset, FoldsRuns) {
  EXPECT_EQ(fold_nodeset({"studio1", "studio2", "studio3"}), "studio[1-3]");
  EXPECT_EQ(fold_nodeset({"studio3", "door", "studio1"}), "door,studio[1,3]");
  EXPECT_EQ(fold_nodeset({"studio7"}), "studio7");
  EXPECT_EQ(fold_nodeset({"n1", "n1"}), "n1");
  EXPECT_EQ(fold_nodeset({"n9", "n10", "n11"}), "n[9-11]");
  EXPECT_EQ(fold_nodeset({"n08", "n09", "n10"}), "n[08-10]");
  EXPECT_EQ(fold_nodeset({"n1", "n01"}), "n[1,01]");
  EXPECT_EQ(fold_nodeset({"10.0.0.1", "10.0.0.2"}), "10.0.0.[1-2]");
  EXPECT_EQ(fold_nodeset({"r1n1-ib", "r1n2-ib", "r2n1-ib"}), "r1n[1-2]-ib,r2n1-ib");
  EXPECT_EQ(fold_nodeset({"n", "n1"}), "n,n1");
  EXPECT_EQ(fold_nodeset({}), "");
  EXPECT_EQ(fold_nodeset({"n1234567890123456789012"}), "n1234567890123456789012");
}

TEST(FoldNodeset, ExpandsToWhatItFolded) {
  std::mt19937 random(20260101);
  const std::vector<std::string> prefixes{"n", "studio", "r1n", "a-", ""};
  const std::vector<std::string> suffixes{"", "-ib", "x"};
  for (int round = 0; round < 500; ++round) {
    std::set<std::string> names;
    const std::size_t count = 1 + random() % 60;
    for (std::size_t i = 0; i < count; ++i) {
      std::string digits = std::to_string(random() % 130);
      digits.insert(0, random() % 3, '0');
      names.insert(prefixes[random() % prefixes.size()] + digits +
                   suffixes[random() % suffixes.size()]);
    }
    std::vector<std::string> shuffled(names.begin(), names.end());
    std::shuffle(shuffled.begin(), shuffled.end(), random);
    const std::string folded = fold_nodeset(shuffled);
    const std::vector<std::string> again = expanded(folded);
    EXPECT_EQ(std::set<std::string>(again.begin(), again.end()), names) << folded;
    EXPECT_EQ(again.size(), names.size()) << folded;
    EXPECT_EQ(fold_nodeset(again), folded);
  }
}

}  // namespace
}  // namespace bringup
