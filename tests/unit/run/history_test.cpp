#include "bringup/run/history.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bringup/run/comeback.hpp"
#include "bringup/run/journal.hpp"
#include "support/golden.hpp"
#include "support/json_schema.hpp"
#include "support/run_values.hpp"

namespace bringup::run {
namespace {

nlohmann::json schema(const std::string& name) {
  return nlohmann::json::parse(
      test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/" + name));
}

struct HistoryTest : testing::Test {
  test::TempFolder home;
  test::FixedClock clock;
  std::unique_ptr<Journal> open(std::string_view verb) {
    return std::move(Journal::create(home.path(), verb, clock).value());
  }
};

TEST_F(HistoryTest, TellsARunThatGoesOnFromOneThatEndedAndOneThatBrokeOff) {
  auto going = open("apply");
  ASSERT_TRUE(going->begin("pair"));
  auto ended = open("verify");
  ASSERT_TRUE(ended->begin("pair"));
  ASSERT_TRUE(ended->finish(6));
  ended.reset();
  auto broken = open("recover");
  ASSERT_TRUE(broken->begin("pair"));
  const std::string broken_id = broken->id();
  broken.reset();
  const auto runs = past_runs(home.path());
  ASSERT_EQ(runs.size(), 3U);
  for (const auto& run : runs) {
    const bool ended_itself = run.note.verb == "verify";
    const bool goes_on = run.note.verb == "apply";
    EXPECT_EQ(run.state, ended_itself ? RunState::ended
                         : goes_on    ? RunState::running
                                      : RunState::broken_off);
    EXPECT_EQ(run.note.exit_status, ended_itself ? std::optional(6) : std::nullopt);
    EXPECT_EQ(run.note.fleet, "pair");
  }
  ASSERT_TRUE(find_run(home.path(), broken_id));
  const auto none = find_run(home.path(), broken_id.substr(0, broken_id.size() - 1) + "x");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().hint.find(broken_id), std::string::npos);
  EXPECT_FALSE(plan_of(runs[0]));
  EXPECT_EQ(test::misfit(schema("run-1.json"),
                         nlohmann::json::parse(test::read_text(runs[0].folder + "/run.json"))),
            "");
}

TEST_F(HistoryTest, LeavesOutFoldersThatAreNoRuns) {
  std::filesystem::create_directories(home / "bringup/runs/other");
  EXPECT_TRUE(past_runs(home.path()).empty());
  EXPECT_TRUE(past_runs(home / "nowhere").empty());
  auto journal = open("apply");
  ASSERT_TRUE(journal->begin("pair"));
  std::filesystem::copy(journal->folder(), home / "bringup/runs/copied");
  EXPECT_EQ(past_runs(home.path()).size(), 1U) << "a note of another run";
}

TEST_F(HistoryTest, ReadsBackWhatTheJournalWrote) {
  const auto journal = open("apply");
  ASSERT_TRUE(journal->begin("pair"));
  using plan::EventKind;
  journal->emit({EventKind::node_started, "apply", "a", {}, {}, {}, {}});
  journal->emit({EventKind::step, "apply", "a", "interface.up en3", "planned", "x", "y"});
  journal->emit({EventKind::node_done, "apply", "a", {}, {}, {}, {}});
  journal->emit({EventKind::node_started, "apply", "b", {}, {}, {}, {}});
  journal->emit({EventKind::node_done, "verify", "b", {}, {}, {}, {}});
  const auto events = events_of(past_runs(home.path())[0]);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 5U);
  EXPECT_EQ((*events)[1].subject, "interface.up en3");
  EXPECT_EQ(nodes_done(*events), std::vector<std::string>{"a"});
}

TEST(Events, MayEndInTheMiddleOfALineButNowhereElse) {
  const std::string whole = R"({"time":"t","kind":"step","node":"a"})";
  EXPECT_EQ(parse_events(whole + "\n" + whole.substr(0, 20))->size(), 1U);
  EXPECT_FALSE(parse_events(whole.substr(0, 20) + "\n" + whole + "\n"));
  EXPECT_FALSE(parse_events(R"({"time":"t","kind":"step","more":"x"})"
                            "\n"));
  EXPECT_FALSE(parse_events(R"({"time":"t","kind":1})"
                            "\n"));
  EXPECT_FALSE(parse_events(R"({"kind":"step"})"
                            "\n"));
  EXPECT_TRUE(parse_events("")->empty());
}

TEST(Events, CountANodeAsDoneOnlyWhenItCameToItsEnd) {
  std::vector<JournalLine> events(3);
  for (auto& event : events) {
    event.phase = "apply";
    event.node = "a";
  }
  events[0].kind = "node_started";
  events[1].kind = "node_done";
  events[2].kind = "node_started";  // again, in the same run
  EXPECT_TRUE(nodes_done(events).empty());
  events[2].kind = "node_failed";
  EXPECT_EQ(nodes_done(events).size(), 1U);
}

TEST(RunNoteFile, IsStrict) {
  RunNote note{"id", "apply", "pair", "2026", "", "me@here", 7, {}, "other"};
  const auto again = parse_run_note(to_json(note));
  ASSERT_TRUE(again);
  EXPECT_EQ(to_json(*again), to_json(note));
  EXPECT_EQ(again->undoes, "other");
  auto document = nlohmann::json::parse(to_json(note));
  document["more"] = 1;
  EXPECT_FALSE(parse_run_note(document.dump()));
  document.erase("more");
  document["pid"] = "7";
  EXPECT_FALSE(parse_run_note(document.dump()));
  EXPECT_FALSE(parse_run_note("[]"));
}

TEST(Comeback, NeverKnocksMoreOftenThanEveryFiveSeconds) {
  using std::chrono::milliseconds;
  for (int attempt = 0; attempt < 40; ++attempt) {
    for (const double chance : {-1.0, 0.0, 0.5, 0.999, 2.0}) {
      EXPECT_GE(comeback_pause(attempt, chance), kLeastPause);
      EXPECT_LE(comeback_pause(attempt, chance), kMostPause * 5 / 4);
    }
  }
  EXPECT_EQ(comeback_pause(1, 0), milliseconds(5000));
  EXPECT_EQ(comeback_pause(2, 0), milliseconds(7500));
  EXPECT_EQ(comeback_pause(1, 1), milliseconds(6250));
  EXPECT_EQ(comeback_pause(30, 0), kMostPause);
}

}  // namespace
}  // namespace bringup::run
