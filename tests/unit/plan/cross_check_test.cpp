#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/plan/plan.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Case {
  model::Fleet fleet = triangle_fleet();
  std::vector<facts::NodeFacts> facts{bare_mac(), bare_mac(), bare_mac()};
  std::vector<bool> known{true, true, true};

  Plan plan() const {
    Plan out;
    std::vector<const facts::NodeFacts*> pointers;
    for (std::size_t i = 0; i < facts.size(); ++i) {
      pointers.push_back(known[i] ? &facts[i] : nullptr);
      NodePlan node;
      node.node = fleet.nodes[i].name;
      node.state = NodeState::unreachable;
      out.nodes.push_back(known[i] ? diff(fleet, i, facts[i]) : node);
    }
    cross_check(fleet, pointers, out);
    return out;
  }
};

TEST(CrossCheck, AQuietFleetPasses) {
  for (const auto& node : Case().plan().nodes) {
    EXPECT_EQ(node.state, NodeState::ready);
    EXPECT_THAT(node.findings, IsEmpty());
  }
}

TEST(CrossCheck, AnOverlappingLanRefusesThatNode) {
  Case given;
  given.facts[0].interfaces[0].inet.push_back({ip("10.254.0.77"), 24});
  const auto plan = given.plan();
  EXPECT_EQ(plan.nodes[0].state, NodeState::refused);
  EXPECT_THAT(plan.nodes[0].actions, IsEmpty());
  EXPECT_EQ(plan.nodes[1].state, NodeState::ready);
  ASSERT_FALSE(plan.nodes[0].findings.empty());
  const auto& finding = plan.nodes[0].findings[0];
  EXPECT_EQ(finding.severity, Severity::error);
  EXPECT_EQ(finding.layer, "address");
  EXPECT_EQ(finding.target, "en3");
  EXPECT_EQ(finding.seen,
            "studio1 already holds 10.254.0.77/24 on en0, which overlaps 10.254.0.0/30");
  EXPECT_THAT(finding.expected, HasSubstr("studio1:en3 - studio2:en3"));
}

TEST(CrossCheck, ARouteIntoAVpnRefusesToo) {
  Case given;
  given.facts[1].routes.push_back({subnet("10.0.0.0/8"), "100.64.0.1", "utun4"});
  const auto plan = given.plan();
  EXPECT_EQ(plan.nodes[1].state, NodeState::refused);
  EXPECT_THAT(plan.nodes[1].findings[0].seen,
              HasSubstr("routes 10.0.0.0/8 through utun4 (gateway 100.64.0.1)"));
}

TEST(CrossCheck, DefaultRoutesDoNotCountNorDoTheLinksOwn) {
  Case given;
  auto& routes = given.facts[0].routes;
  routes.push_back({subnet("0.0.0.0/1"), "10.8.0.1", "utun0"});
  routes.push_back({subnet("10.254.0.0/30"), "link#7", "en3"});
  routes.push_back({subnet("10.254.0.1/32"), "127.0.0.1", "lo0"});
  interface_of(given.facts[0], "en3")->inet = {{ip("10.254.0.1"), 30}};
  const auto plan = given.plan();
  EXPECT_EQ(plan.nodes[0].state, NodeState::ready);
  EXPECT_THAT(plan.nodes[0].findings, IsEmpty());
}

TEST(CrossCheck, TheLinksAddressOnTheBridgeIsAClash) {
  Case given;
  interface_of(given.facts[0], "bridge0")->inet = {{ip("10.254.0.1"), 30}};
  const auto plan = given.plan();
  EXPECT_EQ(plan.nodes[0].state, NodeState::refused);
  EXPECT_THAT(plan.nodes[0].findings[0].cure,
              HasSubstr("sudo ifconfig bridge0 inet 10.254.0.1 -alias"));
}

TEST(CrossCheck, ForeignLinksAndFinishedNodesAreOnlyWarned) {
  Case given;
  given.facts[0].routes.push_back({subnet("10.254.0.8/30"), "", "en0"});
  auto plan = given.plan();
  EXPECT_EQ(plan.nodes[0].state, NodeState::ready);
  ASSERT_EQ(plan.nodes[0].findings.size(), 1U);
  EXPECT_EQ(plan.nodes[0].findings[0].severity, Severity::warning);
  given.facts[0] = ready_mac(given.fleet, 0);
  given.facts[0].routes.push_back({subnet("10.254.0.0/24"), "", "en0"});
  plan = given.plan();
  EXPECT_EQ(plan.nodes[0].state, NodeState::ready);
  EXPECT_FALSE(plan.nodes[0].has_errors());
  EXPECT_EQ(plan.nodes[0].findings.size(), 3U);
}

TEST(CrossCheck, BuildsThatDifferFromMostAreWarned) {
  Case given;
  given.facts[0].version = {"macOS", "26.3", "25D10"};
  auto plan = given.plan();
  ASSERT_EQ(plan.nodes[0].findings.size(), 1U);
  EXPECT_EQ(plan.nodes[0].findings[0].layer, "os");
  EXPECT_EQ(plan.nodes[0].findings[0].severity, Severity::warning);
  EXPECT_EQ(plan.nodes[0].findings[0].seen,
            "studio1 runs macOS 26.3 (25D10), studio2 runs macOS 26.2 (25C56)");
  EXPECT_THAT(plan.nodes[1].findings, IsEmpty());
  EXPECT_EQ(plan.nodes[0].state, NodeState::ready);
  // Of two equally common, the first in the inventory is the right one.
  given.known[1] = false;
  plan = given.plan();
  EXPECT_THAT(plan.nodes[0].findings, IsEmpty());
  EXPECT_EQ(plan.nodes[2].findings.size(), 1U);
  // An unknown build is not a different one; a Linux node has none.
  given.facts[2].version.build.clear();
  EXPECT_THAT(given.plan().nodes[2].findings, IsEmpty());
}

TEST(CrossCheck, FollowsNamesWhenThePlanHoldsSomeNodes) {
  Case given;
  given.facts[2].routes.push_back({subnet("10.254.0.0/24"), "", "en0"});
  given.facts[2].version.build = "25Z1";
  Plan plan;
  plan.nodes = {diff(given.fleet, 2, given.facts[2]), diff(given.fleet, 0, given.facts[0])};
  cross_check(given.fleet, {&given.facts[0], nullptr, &given.facts[2]}, plan);
  EXPECT_EQ(plan.nodes[0].state, NodeState::refused);
  EXPECT_EQ(plan.nodes[1].state, NodeState::ready);
  EXPECT_THAT(layers(plan.nodes[1], Severity::warning), ::testing::ElementsAre("os"));
}

}  // namespace
}  // namespace bringup::plan::testing
