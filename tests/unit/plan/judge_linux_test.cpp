// Linux nodes and gateways: what a run of their plan is judged by.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/plan/execute.hpp"
#include "hybrid.hpp"

namespace bringup::plan::testing {
namespace {

using test::one_edge_fleet;
using ::testing::HasSubstr;

std::vector<facts::Frame> ran(const NodePlan& plan, int status = 0, const std::string& says = "") {
  std::vector<facts::Frame> frames;
  for (std::size_t i = 0; i < plan.actions.size(); ++i) {
    frames.push_back({"step." + std::to_string(i), status, false, says});
    frames.push_back({"step." + std::to_string(i) + ".state", 0, false, "held"});
  }
  frames.push_back({"apply.done", 0, false, ""});
  return frames;
}

TEST(JudgeSettings, ByTheFactsReadBack) {
  const auto fleet = one_edge_fleet();
  const auto before = bare_pi();
  const auto plan = diff(fleet, 2, before);
  auto after = ready_pi(fleet);
  auto step = judge_against(fleet, plan, ran(plan), &after, &before).steps.at(0);
  EXPECT_EQ(step.status, StepStatus::done);
  EXPECT_EQ(step.text, "eth0: address 192.168.50.2/24, route to 10.10.0.0/24 by 192.168.50.1");
  after.routes.pop_back();
  step = judge_against(fleet, plan, ran(plan), &after, &before).steps.at(0);
  EXPECT_EQ(step.status, StepStatus::failed);
  EXPECT_THAT(step.seen, HasSubstr("there is no route to 10.10.0.0/24"));
  after = ready_pi(fleet);
  after.routes.push_back({subnet("0.0.0.0/0"), "192.168.50.1", "eth0"});
  step = judge_against(fleet, plan, ran(plan), &after, &before).steps.at(0);
  EXPECT_THAT(step.seen, HasSubstr("it carries the default route"));
}

TEST(JudgeSettings, TheWayOutMustBeWhatItWas) {
  const auto fleet = one_edge_fleet();
  const auto before = bare_pi();
  const auto plan = diff(fleet, 2, before);
  auto after = ready_pi(fleet);
  after.routes[0].gateway = "192.168.1.254";
  auto step = judge_against(fleet, plan, ran(plan), &after, &before).steps.at(0);
  EXPECT_EQ(step.status, StepStatus::failed);
  EXPECT_EQ(step.seen, "the default route was 192.168.1.1 on wlan0 and is 192.168.1.254 on wlan0");
  after = ready_pi(fleet);
  after.name_servers = {"10.0.0.1"};
  step = judge_against(fleet, plan, ran(plan), &after, &before).steps.at(0);
  EXPECT_EQ(step.seen, "the name servers were 192.168.1.1 and are 10.0.0.1");
}

TEST(JudgeSettings, ACableThatIsOut) {
  const auto fleet = one_edge_fleet();
  const auto before = bare_pi();
  const auto plan = diff(fleet, 2, before);
  const auto step =
      judge_against(fleet, plan, ran(plan, 4, "Error: No suitable device found"), &before, &before)
          .steps.at(0);
  EXPECT_EQ(step.status, StepStatus::failed);
  EXPECT_EQ(step.cure, "plug in the cable of eth0 on pi5: its settings wait there");
}

TEST(JudgeGateway, RoutesAndForwarding) {
  const auto fleet = one_edge_fleet();
  const auto before = bare_mini();
  const auto member = diff(fleet, 1, before);
  auto after = before;
  interface_of(after, "bridge0")->inet = {{ip("10.10.0.3"), 24}};
  auto steps = judge_against(fleet, member, ran(member), &after, &before).steps;
  EXPECT_EQ(steps.at(1).status, StepStatus::failed);
  EXPECT_THAT(steps.at(1).seen, HasSubstr("the route is not there"));
  after.routes.push_back({subnet("192.168.50.0/24"), "10.10.0.1", "bridge0"});
  steps = judge_against(fleet, member, ran(member), &after, &before).steps;
  EXPECT_EQ(steps.at(1).text, "route to 192.168.50.0/24 by 10.10.0.1");
  const auto gateway = diff(fleet, 0, before);
  steps = judge_against(fleet, gateway, ran(gateway), &before, &before).steps;
  EXPECT_EQ(steps.at(2).status, StepStatus::failed);
  after.forwarding = true;
  steps = judge_against(fleet, gateway, ran(gateway), &after, &before).steps;
  EXPECT_EQ(steps.at(2).text, "forwarding on");
}

}  // namespace
}  // namespace bringup::plan::testing
