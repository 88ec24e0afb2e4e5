#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/util/text.hpp"

namespace bringup {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using namespace std::string_literals;

TEST(Trim, BothEnds) {
  EXPECT_EQ(trim(" \t a b \r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

TEST(SplitLines, UnixAndDos) {
  EXPECT_THAT(split_lines("a\r\nb\n\nc"), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(split_lines("a\n"), ElementsAre("a"));
  EXPECT_THAT(split_lines(""), IsEmpty());
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_THAT(split("a::b:", ':'), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", ':'), ElementsAre(""));
}

TEST(SplitBlank, Runs) {
  EXPECT_THAT(split_blank("  a \t b  "), ElementsAre("a", "b"));
  EXPECT_THAT(split_blank("   "), IsEmpty());
}

TEST(Join, Separates) {
  EXPECT_EQ(join({"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(join({}, ", "), "");
}

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(printable("\x1b[31mred\a"), "\\x1b[31mred\\x07");
  EXPECT_EQ(printable("a\r\nb\tc\x7f"), "a\\x0d b c\\x7f");
  EXPECT_EQ(printable("a\0b"s), "a\\x00b");
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m"),
            "\\u{9b}31m");  // C1: a one-character escape sequence
  EXPECT_EQ(printable("\u202egnp"), "\\u{202e}gnp");
}

TEST(Printable, KeepsValidUtf8AndEscapesTheRest) {
  EXPECT_EQ(printable("Gerät 🍎"), "Gerät 🍎");
  EXPECT_EQ(printable("\xff\xc3(\xc0\xaf\xed\xa0\x80"), "\\xff\\xc3(\\xc0\\xaf\\xed\\xa0\\x80");
  EXPECT_EQ(printable("a\xe2\x82"), "a\\xe2\\x82");  // cut in the middle of a character
}

TEST(Printable, IsBoundedInBytesAndCutsBetweenCharacters) {
  EXPECT_EQ(printable("0123456789", 10), "0123456789");
  EXPECT_EQ(printable("0123456789a", 10), "0123456…");
  EXPECT_EQ(printable("ääääää", 8), "ää…");
  for (std::size_t max = 0; max < 40; ++max) {
    EXPECT_LE(printable(std::string(100, '\x01'), max).size(), max);
  }
}

TEST(DisplayWidth, CountsCodePoints) {
  EXPECT_EQ(display_width("abc"), 3U);
  EXPECT_EQ(display_width("Gerät…"), 6U);
  EXPECT_EQ(display_width("\xff\xff"), 2U);
}

TEST(Nearest, FindsTyposOnly) {
  EXPECT_EQ(nearest("addres", {"name", "address", "port"}), "address");
  EXPECT_EQ(nearest("alpah", {"alpha", "beta"}), "");  // a swap of five letters is two edits
  EXPECT_EQ(nearest("gamma2", {"gamma1", "delta"}), "gamma1");
  EXPECT_EQ(nearest("zzz", {"name", "address"}), "");
  EXPECT_EQ(nearest("x", {"y"}), "");
}

}  // namespace
}  // namespace bringup
