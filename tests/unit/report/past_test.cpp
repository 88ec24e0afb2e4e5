// recover, rollback and runs, as they are shown.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "bringup/report/recover.hpp"
#include "bringup/report/rollback.hpp"
#include "bringup/report/runs.hpp"
#include "bringup/util/text.hpp"
#include "support/golden.hpp"
#include "support/report_values.hpp"

namespace bringup::report {
namespace {

using test::expect_golden;
using test::Healthy;
using test::pair_fleet;
using test::pair_report;

const Style kPlain;

void expect_narrow(const std::string& text) {
  for (const auto line : split_lines(text)) EXPECT_LE(display_width(line), 80U) << line;
}

RecoverReport reinitialised(Healthy& lab) {
  RecoverReport report;
  report.run = "20261121-050435-recover-a1b2c3";
  report.since = "20261120-110000-apply-d4e5f6";
  report.applied = pair_report(lab);
  RecoveredNode first;
  first.node = "hwstudio1";
  first.items = {{"bridge of en5", "back in bridge0", true, {}},
                 {"address of en5", "10.254.0.5/30", true, {}},
                 {"RDMA", "disabled", false, "only in Recovery, see below"}};
  first.differences = {{"RDMA", "enabled", "disabled"}};
  RecoveredNode second;
  second.node = "hwstudio2";
  second.items = {{"host key", "changed", false, "SHA256:aaa is now SHA256:bbb"}};
  second.error = Error{ErrorCode::unauthorized, "hwstudio2: the host key has changed",
                       "compare the fingerprints, then: bringup trust hwstudio2"};
  report.nodes = {first, second};
  report.rdma_off = {"hwstudio1"};
  return report;
}

TEST(Recover, SaysWhatWasLostWhatIsBackAndWhatIsLeftToDo) {
  Healthy lab(pair_fleet());
  const auto report = reinitialised(lab);
  const std::string text = text_recover(pair_fleet(), report, kPlain);
  expect_golden("report/recover.txt", text);
  expect_narrow(text);
  EXPECT_EQ(still_lost(report), 2U);
}

TEST(Recover, OfNothingLostSaysSo) {
  Healthy lab(pair_fleet());
  RecoverReport report;
  report.applied.matrix = lab.judge();
  report.nodes = {{"hwstudio1", {}, {}, {}}, {"hwstudio2", {}, {}, {}}};
  const std::string text = text_recover(pair_fleet(), report, kPlain);
  expect_golden("report/recover-nothing.txt", text);
  EXPECT_EQ(still_lost(report), 0U);
}

TEST(Recover, AsADocument) {
  Healthy lab(pair_fleet());
  const auto document = nlohmann::json::parse(json_recover(pair_fleet(), reinitialised(lab)));
  EXPECT_EQ(document["schema"], "bringup.recover/1");
  EXPECT_EQ(document["nodes"].size(), 2U);
}

RollbackReport undone() {
  Healthy lab(pair_fleet());
  RollbackReport report;
  report.run = "20261121-050435-rollback-a1b2c3";
  report.undoes = "20261120-110000-apply-d4e5f6";
  RolledBackNode first;
  first.applied = pair_report(lab).nodes[0];
  first.compared = true;
  first.fields = {{{"en5 addresses", "none", "10.254.0.5/30"}, true},
                  {{"en0 up", "up", "down"}, false}};
  RolledBackNode second;
  second.applied.plan.node = "hwstudio2";
  second.applied.outcome.node = "hwstudio2";
  second.compared = true;
  report.nodes = {first, second};
  return report;
}

TEST(Rollback, TellsTheRunsOwnFieldsFromOthers) {
  const std::string text = text_rollback(pair_fleet(), undone(), kPlain);
  expect_golden("report/rollback.txt", text);
  expect_narrow(text);
  EXPECT_EQ(not_returned(undone()), 1U);
}

ShownRun shown() {
  ShownRun run;
  run.id = "20261120-110000-apply-d4e5f6";
  run.verb = "apply";
  run.fleet = "lab";
  run.started = "2026-11-20T11:00:00Z";
  run.ended = "2026-11-20T11:00:03Z";
  run.who = "ops@laptop";
  run.state = "ended";
  run.exit_status = 5;
  run.folder = "/home/ops/.local/state/bringup/runs/20261120-110000-apply-d4e5f6";
  return run;
}

TEST(Runs, AreListedALineEach) {
  ShownRun cut = shown();
  cut.id = "20261121-010000-recover-000001";
  cut.verb = "recover";
  cut.state = "broken off";
  cut.ended.clear();
  cut.exit_status.reset();
  const std::string text = text_runs({shown(), cut}, kPlain);
  expect_golden("report/runs.txt", text);
  expect_narrow(text);
}

TEST(Runs, OneIsShownWithItsSteps) {
  ShownRun run = shown();
  run.steps = {{"hwstudio1", "bridge.detach en5", "done", "en5 removed from bridge0"},
               {"hwstudio1", "address.assign en5", "failed", "en5 \x1b[31mhas no address"}};
  const std::string text = text_run(run, kPlain);
  expect_golden("report/run.txt", text);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace bringup::report
