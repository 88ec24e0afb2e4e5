#include "bringup/run/journal.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <regex>

#include "bringup/util/text.hpp"
#include "support/golden.hpp"
#include "support/run_values.hpp"

namespace bringup::run {
namespace {

namespace fs = std::filesystem;
using plan::EventKind;
using test::read_text;

unsigned mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

struct JournalTest : testing::Test {
  test::TempFolder home;
  test::FixedClock clock;
  std::unique_ptr<Journal> open(std::string_view verb = "apply") {
    auto journal = Journal::create(home / "state", verb, clock);
    if (!journal) throw std::runtime_error(journal.error().message);
    return std::move(*journal);
  }
};

TEST_F(JournalTest, MakesAFolderForTheUserAloneAndEverythingAboveIt) {
  const auto old = ::umask(0);
  const auto journal = open();
  ::umask(old);
  EXPECT_EQ(mode_of(home / "state/bringup"), 0700U);
  EXPECT_EQ(mode_of(home / "state/bringup/runs"), 0700U);
  EXPECT_EQ(mode_of(journal->folder()), 0700U);
  EXPECT_EQ(journal->folder(), home / "state/bringup/runs/" + journal->id());
}

TEST_F(JournalTest, NamesTheRunByTimeVerbAndChance) {
  const auto first = open();
  EXPECT_TRUE(std::regex_match(first->id(), std::regex("20261121-050435-apply-[0-9a-f]{6}")))
      << first->id();
  const auto second = open("verify");
  EXPECT_TRUE(second->id().starts_with("20261121-050435-verify-")) << second->id();
  EXPECT_NE(open()->id(), first->id()) << "two runs of one second";
}

TEST_F(JournalTest, HasEveryEventInTheFileAtOnce) {
  const auto journal = open();
  const std::string path = journal->folder() + "/events.jsonl";
  journal->emit({EventKind::phase, "facts", {}, {}, {}, "reading facts", {}});
  ASSERT_EQ(split_lines(read_text(path)).size(), 1U);
  journal->emit(
      {EventKind::step, "apply", "studio1", "bridge.detach en5", "planned", "do", "undo"});
  const std::string text = read_text(path);  // the journal is open still
  const auto lines = split_lines(text);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(nlohmann::json::parse(lines[0]), (nlohmann::json{{"time", "2026-11-21T05:04:35.123Z"},
                                                             {"kind", "phase"},
                                                             {"phase", "facts"},
                                                             {"text", "reading facts"}}));
  EXPECT_EQ(nlohmann::json::parse(lines[1]), (nlohmann::json{{"time", "2026-11-21T05:04:35.123Z"},
                                                             {"kind", "step"},
                                                             {"phase", "apply"},
                                                             {"node", "studio1"},
                                                             {"subject", "bridge.detach en5"},
                                                             {"status", "planned"},
                                                             {"text", "do"},
                                                             {"hint", "undo"}}));
}

TEST_F(JournalTest, KeepsOneEventOnOneLineWhateverItSays) {
  const auto journal = open();
  journal->emit({EventKind::warning, "facts", "n", {}, {}, "two\nlines \xff\x1b[2J", {}});
  const std::string text = read_text(journal->folder() + "/events.jsonl");
  const auto lines = split_lines(text);
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(nlohmann::json::parse(lines[0])["text"], "two\nlines \xEF\xBF\xBD\x1b[2J");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST_F(JournalTest, WritesRawOutputAsItCameIntoAFilePerNodeAndPhase) {
  const auto journal = open();
  journal->emit({EventKind::raw, "facts", "studio1", "stdout", {}, "a\xff\x01z", {}});
  journal->emit({EventKind::raw, "facts", "studio1", "stderr", {}, "b\n", {}});
  journal->emit({EventKind::raw, "apply", "studio1", "stdout", {}, "c\n", {}});
  EXPECT_EQ(read_text(journal->folder() + "/raw/studio1.facts.txt"),
            "--- 2026-11-21T05:04:35.123Z stdout\na\xff\x01z\n"
            "--- 2026-11-21T05:04:35.123Z stderr\nb\n");
  EXPECT_EQ(read_text(journal->folder() + "/raw/studio1.apply.txt"),
            "--- 2026-11-21T05:04:35.123Z stdout\nc\n");
  EXPECT_EQ(read_text(journal->folder() + "/events.jsonl"), "") << "raw output has no event line";
}

TEST_F(JournalTest, ReplacesFilesWholeAndLeavesNothingBeside) {
  const auto journal = open();
  ASSERT_TRUE(journal->write("nodes/studio1/thunderbolt.json", "first"));
  const std::string path = journal->folder() + "/nodes/studio1/thunderbolt.json";
  const std::string held = home / "held";
  fs::create_hard_link(path, held);
  ASSERT_TRUE(journal->write("nodes/studio1/thunderbolt.json", "second, longer"));
  EXPECT_EQ(read_text(path), "second, longer");
  EXPECT_EQ(read_text(held), "first") << "a reader of the old file never sees half of the new";
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(fs::path(path).parent_path())) {
    ++files;
  }
  EXPECT_EQ(files, 1U);
}

TEST_F(JournalTest, SaysWhichFileItCouldNotWriteAndLeavesNoHalf) {
  const auto journal = open();
  fs::create_directories(journal->folder() + "/plan.json/in-the-way");
  const auto written = journal->write("plan.json", "{}");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::internal);
  EXPECT_NE(written.error().message.find(journal->folder() + "/plan.json"), std::string::npos);
  EXPECT_FALSE(fs::exists(journal->folder() + "/plan.json.new"));
}

TEST_F(JournalTest, RefusesAStateHomeThatCannotBeWrittenWithItsCure) {
  std::ofstream(home / "file") << "not a folder";
  const auto journal = Journal::create(home / "file/state", "apply", clock);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.error().code, ErrorCode::internal);
  EXPECT_NE(journal.error().message.find(home / "file/state"), std::string::npos);
  EXPECT_NE(journal.error().hint.find("XDG_STATE_HOME"), std::string::npos);
}

TEST(StateHome, FollowsTheEnvironment) {
  const char* state = std::getenv("XDG_STATE_HOME");
  const std::string kept = state == nullptr ? "" : state;
  ::setenv("XDG_STATE_HOME", "/var/tmp/state", 1);
  EXPECT_EQ(default_state_home(), "/var/tmp/state");
  ::setenv("XDG_STATE_HOME", "relative", 1);  // the specification: such a value is ignored
  const std::string home = std::getenv("HOME") != nullptr ? std::getenv("HOME") : "";
  if (!home.empty()) {
    EXPECT_EQ(default_state_home(), home + "/.local/state");
  }
  ::unsetenv("XDG_STATE_HOME");
  ::setenv("HOME", "/home/somebody", 1);
  EXPECT_EQ(default_state_home(), "/home/somebody/.local/state");
  ::unsetenv("HOME");
  EXPECT_TRUE(default_state_home().starts_with("/"));
  EXPECT_TRUE(default_state_home().ends_with("/.local/state"));
  if (!home.empty()) ::setenv("HOME", home.c_str(), 1);
  if (!kept.empty()) ::setenv("XDG_STATE_HOME", kept.c_str(), 1);
}

}  // namespace
}  // namespace bringup::run
