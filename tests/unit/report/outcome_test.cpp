#include "bringup/report/outcome.hpp"

#include <gtest/gtest.h>

#include "support/report_values.hpp"

namespace bringup::report {
namespace {

TEST(ExitStatus, TakesTheFirstOf1_5_4_6) {
  RunSummary all;
  EXPECT_EQ(exit_status(all), 0);
  all.differences = true;
  EXPECT_EQ(exit_status(all), 3);
  all.below_expectation = 1;
  EXPECT_EQ(exit_status(all), 6);
  all.unreachable = 1;
  EXPECT_EQ(exit_status(all), 4);
  all.failed = 1;
  EXPECT_EQ(exit_status(all), 5);
  all.interrupted = true;
  EXPECT_EQ(exit_status(all), 130);
  all.internal_error = true;
  EXPECT_EQ(exit_status(all), 1);
  all.usage_error = true;
  EXPECT_EQ(exit_status(all), 2);
}

int status_of(const Error& error) {
  RunSummary summary;
  add(summary, error);
  return exit_status(summary);
}

TEST(ExitStatus, FollowsFromErrors) {
  EXPECT_EQ(status_of({ErrorCode::internal, "", ""}), 1);
  EXPECT_EQ(status_of({ErrorCode::usage, "", ""}), 2);
  EXPECT_EQ(status_of({ErrorCode::unreachable, "", ""}), 4);
  EXPECT_EQ(status_of({ErrorCode::unauthorized, "", ""}), 4);
  EXPECT_EQ(status_of({ErrorCode::remote, "", ""}), 5);
  EXPECT_EQ(status_of({ErrorCode::parse, "", ""}), 5);
  EXPECT_EQ(status_of({ErrorCode::cancelled, "", ""}), 130);
}

template <class Value>
int status_of(const Value& value) {
  RunSummary summary;
  add(summary, value);
  return exit_status(summary);
}

TEST(ExitStatus, FollowsFromPlans) {
  plan::Plan plan;
  plan.nodes.resize(2);
  EXPECT_EQ(status_of(plan), 0);
  plan.nodes[0].state = plan::NodeState::unreachable;
  EXPECT_EQ(status_of(plan), 4);
  plan.nodes[1].state = plan::NodeState::refused;
  EXPECT_EQ(status_of(plan), 5);
  plan.nodes[1].error = Error{ErrorCode::cancelled, "", ""};
  EXPECT_EQ(status_of(plan), 130);
}

TEST(ExitStatus, FollowsFromMatrices) {
  test::Healthy lab(test::chain_fleet());
  EXPECT_EQ(status_of(lab.judge()), 0);
  lab.evidence[0].frames[1] = test::ping_frame(0, 3, "9.0");
  EXPECT_EQ(status_of(lab.judge()), 6);
  lab.evidence[0] = {Error{ErrorCode::unreachable, "", ""}, {}, nullptr};
  EXPECT_EQ(status_of(lab.judge()), 4);
  lab.evidence[0] = {};
  EXPECT_EQ(status_of(lab.judge()), 6);
}

TEST(ExitStatus, FollowsFromApply) {
  using plan::StepStatus;
  ApplyReport report;
  report.nodes.resize(1);
  EXPECT_EQ(status_of(report), 0);
  auto& node = report.nodes[0];
  auto& steps = node.outcome.steps;
  steps = {test::step(plan::Task::rdma_check, "", StepStatus::warning, "")};
  EXPECT_EQ(status_of(report), 0);
  steps = {test::step(plan::Task::bridge_detach, "", StepStatus::failed, "")};
  EXPECT_EQ(status_of(report), 5);

  // Cut off before anything ran: the node is unreachable. After: changes were lost.
  node.outcome.error = Error{ErrorCode::unreachable, "", ""};
  steps = {test::step(plan::Task::bridge_detach, "", StepStatus::skipped, "")};
  EXPECT_EQ(status_of(report), 4);
  steps.insert(steps.begin(), test::step(plan::Task::bridge_detach, "", StepStatus::done, ""));
  EXPECT_EQ(status_of(report), 5);
  node.outcome.error = Error{ErrorCode::cancelled, "", ""};
  EXPECT_EQ(status_of(report), 130);

  node = {};
  node.plan.state = plan::NodeState::unreachable;
  EXPECT_EQ(status_of(report), 4);
  node.plan.state = plan::NodeState::refused;
  EXPECT_EQ(status_of(report), 5);
  node = {};
  report.matrix = verify::Matrix{};
  report.matrix->cells.resize(1);
  EXPECT_EQ(status_of(report), 6);
}

TEST(Totals, CountChangesThatHoldAndNotChecks) {
  test::Healthy lab(test::pair_fleet());
  const auto totals = totals_of(test::pair_report(lab));
  EXPECT_EQ(totals.changed, 2U);  // interface.up found it up already
  EXPECT_EQ(totals.warnings, 1U);
  EXPECT_EQ(totals.failed, 0U);
  EXPECT_EQ(totals.not_done, 0U);
}

}  // namespace
}  // namespace bringup::report
