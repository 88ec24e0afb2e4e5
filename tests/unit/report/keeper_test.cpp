#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bringup/report/json.hpp"
#include "bringup/report/text.hpp"
#include "support/golden.hpp"
#include "support/json_schema.hpp"

namespace bringup::report {
namespace {

using plan::KeeperState;

std::string text(KeeperState state, std::optional<facts::KeeperRun> run = std::nullopt) {
  return text_keepers({{"studio1", state, std::move(run)}}, {});
}

TEST(Keepers, SayWhenTheyRanAndWhatTheyDid) {
  EXPECT_EQ(text(KeeperState::unused), "");
  EXPECT_EQ(text(KeeperState::missing),
            "Persistence\n  ⚠ studio1  not installed; run bringup apply\n");
  EXPECT_EQ(text(KeeperState::ready),
            "Persistence\n  ⚠ studio1  has not run since the node was started\n");
  EXPECT_EQ(text(KeeperState::ready, facts::KeeperRun{12, false, 3, 3, ""}),
            "Persistence\n  ⚠ studio1  has not run since the node was started\n");
  EXPECT_EQ(text(KeeperState::ready, facts::KeeperRun{12, true, 0, 0, ""}),
            "Persistence\n  ✓ studio1  ran 12 s ago, changed nothing\n");
  EXPECT_EQ(
      text(KeeperState::ready, facts::KeeperRun{12, true, 1, 4, ""}),
      "Persistence\n  ✓ studio1  ran 12 s ago, made 1 change (4 since the node was started)\n");
  EXPECT_EQ(text(KeeperState::ready, facts::KeeperRun{600, true, 0, 0, ""}),
            "Persistence\n  ⚠ studio1  ran 10 min ago, changed nothing, is overdue\n");
  EXPECT_EQ(text(KeeperState::ready, facts::KeeperRun{5, true, 0, 0, "no \x1b[2J"}),
            "Persistence\n  ⚠ studio1  ran 5 s ago, changed nothing: no \\x1b[2J\n");
}

TEST(Keepers, StandInStatusAsItsSchemaSays) {
  model::Fleet fleet;
  const std::vector<NodeKeeper> keepers = {
      {"studio1", KeeperState::ready, facts::KeeperRun{5, true, 1, 2, "x"}},
      {"studio2", KeeperState::missing, std::nullopt}};
  const auto schema = nlohmann::json::parse(
      test::read_text(std::string(BRINGUP_SOURCE_DIR) + "/docs/schema/status-1.json"));
  const auto document = nlohmann::json::parse(json_status(fleet, {}, {}, keepers));
  EXPECT_EQ(test::misfit(schema, document), "");
  ASSERT_EQ(document["persistence"].size(), 2U);
  EXPECT_EQ(document["persistence"][0]["last_run"]["changes_since_boot"], 2);
  EXPECT_EQ(document["persistence"][1]["state"], "missing");
  EXPECT_TRUE(document["persistence"][1]["last_run"].is_null());
  EXPECT_NE(text_status(fleet, {}, {}, {}, keepers).find("Persistence\n"), std::string::npos);
}

}  // namespace
}  // namespace bringup::report
