// docs/verbs.md and the program say the same.
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "bringup/cli/options.hpp"
#include "support/golden.hpp"

namespace bringup::cli {
namespace {

std::string help_of(const std::string& verb) {
  std::vector<const char*> argv{"bringup"};
  if (!verb.empty()) argv.push_back(verb.c_str());
  argv.push_back("--help");
  const auto parsed = parse_command_line(static_cast<int>(argv.size()), argv.data());
  return std::get<Leave>(parsed).out;
}

const std::vector<std::string> kVerbs = {"",       "check",   "discover", "plan",  "apply",
                                         "verify", "status",  "recover",  "runs",  "rollback",
                                         "export", "collect", "exec",     "trust", "bootstrap"};

std::set<std::string> options_in(const std::string& text) {
  std::set<std::string> out;
  // No word, dash or dot before it: a table's rule and a path are no options.
  const std::regex option(R"((^|[^-\w.])(--[a-z][a-z-]*[a-z]|-[a-zA-Z]\b))");
  for (auto it = std::sregex_iterator(text.begin(), text.end(), option);
       it != std::sregex_iterator(); ++it) {
    out.insert((*it)[2]);
  }
  return out;
}

std::string manual() {
  return test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/verbs.md");
}

TEST(Manual, NamesNoOptionThatDoesNotExist) {
  std::set<std::string> known;
  for (const auto& verb : kVerbs) known.merge(options_in(help_of(verb)));
  known.insert({"-G", "-n"});  // ssh's, sudo's
  ASSERT_GT(known.size(), 20U);
  for (const auto& option : options_in(manual())) {
    EXPECT_TRUE(known.contains(option)) << option;
  }
}

TEST(Manual, NamesEveryOptionOfTheProgram) {
  const auto documented = options_in(manual());
  for (const auto& verb : kVerbs) {
    for (const auto& option : options_in(help_of(verb))) {
      EXPECT_TRUE(documented.contains(option)) << option << " of bringup " << verb;
    }
  }
}

TEST(Manual, NamesEveryVerbAndNoOther) {
  const std::string text = manual();
  const std::string help = help_of("");
  std::set<std::string> documented;
  const std::regex verb("\\| `bringup ([a-z]+)");
  for (auto it = std::sregex_iterator(text.begin(), text.end(), verb); it != std::sregex_iterator();
       ++it) {
    documented.insert((*it)[1]);
  }
  EXPECT_EQ(documented, std::set<std::string>(kVerbs.begin() + 1, kVerbs.end()));
  for (const auto& name : documented) {
    EXPECT_NE(help.find("\n  " + name + " "), std::string::npos) << name;
  }
}

TEST(Manual, GivesEveryExitStatusThatHelpGives) {
  const std::string text = manual();
  const std::string help = help_of("");
  for (const std::string status : {"0", "1", "2", "3", "4", "5", "6", "130"}) {
    EXPECT_NE(text.find("| " + status + " |"), std::string::npos) << status;
    EXPECT_TRUE(std::regex_search(help, std::regex("[ \\n]" + status + " [a-z]"))) << status;
  }
}

}  // namespace
}  // namespace bringup::cli
