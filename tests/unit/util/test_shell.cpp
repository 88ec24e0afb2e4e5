#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdio>

#include "bringup/util/shell.hpp"

namespace bringup {
namespace {

using namespace std::string_literals;

std::string through_sh(const std::string& quoted) {
  std::FILE* pipe = ::popen(("printf '%s' " + quoted).c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  std::string out;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) out += static_cast<char>(c);
  ::pclose(pipe);
  return out;
}

TEST(ShellQuote, LeavesPlainWordsAlone) {
  EXPECT_EQ(shell_quote("en3"), "en3");
  EXPECT_EQ(shell_quote("/usr/bin/a-b_c.d,e+f:1"), "/usr/bin/a-b_c.d,e+f:1");
}

TEST(ShellQuote, QuotesWhatAShellWouldTouch) {
  EXPECT_EQ(shell_quote(""), "''");
  EXPECT_EQ(shell_quote("a b"), "'a b'");
  EXPECT_EQ(shell_quote("~root"), "'~root'");
  EXPECT_EQ(shell_quote("=ls"), "'=ls'");
  EXPECT_EQ(shell_quote("it's"), "'it'\\''s'");
}

TEST(ShellQuote, DropsNul) {
  EXPECT_EQ(shell_quote("a\0b"s), "ab");
}

TEST(ShellQuote, SurvivesARealShell) {
  std::string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  for (const std::string& word :
       {every, "$(id)"s, "a\\b"s, "'"s, "\\'"s, "*"s, "a\nb"s, "-n"s, "`x`\"$HOME\""s}) {
    EXPECT_EQ(through_sh(shell_quote(word)), word);
  }
}

TEST(ShellJoin, QuotesEachWord) {
  EXPECT_EQ(shell_join({"echo", "a b", ""}), "echo 'a b' ''");
  EXPECT_EQ(shell_join({}), "");
}

}  // namespace
}  // namespace bringup
