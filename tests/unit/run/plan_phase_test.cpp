// gather, make_plan and refresh.
#include <gtest/gtest.h>

#include <algorithm>

#include "bringup/run/phases.hpp"
#include "support/run_values.hpp"

namespace bringup::run {
namespace {

using plan::EventKind;
using plan::NodeState;
using test::FakeFleet;
using test::Fault;

TEST(Gather, ReadsEveryNodesFactsInOneRoundTripEach) {
  FakeFleet fakes(test::triangle_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  for (const auto& node : crew.nodes()) {
    ASSERT_TRUE(node.facts) << node.index;
    EXPECT_FALSE(node.error);
    EXPECT_EQ(node.facts->os, facts::Os::darwin);
    EXPECT_NE(node.facts->bridge_of("en3"), nullptr);
    EXPECT_FALSE(node.facts->profiler_json.empty());
    EXPECT_EQ(fakes.node(fakes.fleet.nodes[node.index].name).heard.size(), 1U);
  }
  EXPECT_EQ(crew.nodes()[2].facts->session_address, "192.168.1.12") << "each has its own";
  EXPECT_FALSE(fakes.sink.overlapped);
  EXPECT_EQ(fakes.sink.of(EventKind::phase).size(), 1U);
  for (const std::string node : {"studio1", "studio2", "studio3"}) {
    EXPECT_EQ(fakes.sink.of(EventKind::node_started, node).size(), 1U);
    EXPECT_EQ(fakes.sink.of(EventKind::node_done, node).size(), 1U);
    EXPECT_EQ(fakes.sink.of(EventKind::raw, node).size(), 1U);
  }
}

TEST(Gather, AsksTheProfilerOnlyWhenTold) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::skip);
  EXPECT_EQ(fakes.node("hwstudio1").heard.at(0).input.find("| bf_profiler"), std::string::npos);
  EXPECT_TRUE(crew.nodes()[0].facts->profiler_json.empty());
}

TEST(Gather, KeepsTheProfileWhenFactsAreReadAgainWithoutIt) {
  FakeFleet fakes(test::pair_fleet());
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  fakes.node("hwstudio1").mac.rdma = "disabled";
  gather(crew, Profiler::skip);
  EXPECT_EQ(crew.nodes()[0].facts->rdma, platform::RdmaState::disabled);
  EXPECT_FALSE(crew.nodes()[0].facts->profiler_json.empty());
  EXPECT_EQ(fakes.node("hwstudio1").connects, 1U);
}

TEST(Gather, WarnsOfARecordThatCannotBeReadAndUsesTheRest) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").mac.ifconfig = "\x01\x02 rubbish\n";
  auto crew = fakes.crew();
  gather(crew, Profiler::skip);
  ASSERT_TRUE(crew.nodes()[0].facts);
  EXPECT_FALSE(crew.nodes()[0].error);
  EXPECT_EQ(crew.nodes()[0].facts->version.build, "25C56");
  const auto warnings = fakes.sink.of(EventKind::warning);
  const auto of_ifconfig = [](const auto& event) {
    return event.node == "hwstudio1" && event.phase == "facts" &&
           event.text.find("ifconfig") != std::string::npos;
  };
  EXPECT_EQ(std::count_if(warnings.begin(), warnings.end(), of_ifconfig), 1);
}

TEST(Gather, KeepsTheErrorOfANodeThatFailsAndGoesOnWithTheOthers) {
  FakeFleet fakes(test::triangle_fleet());
  fakes.node("studio1").refuses = Error{ErrorCode::unreachable, "studio1: no route to host", ""};
  fakes.node("studio2").faults[0] = {.kind = Fault::Kind::cut, .after = 100};
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  ASSERT_TRUE(crew.nodes()[0].error);
  EXPECT_EQ(crew.nodes()[0].error->message, "studio1: no route to host");
  ASSERT_TRUE(crew.nodes()[1].error);
  EXPECT_EQ(crew.nodes()[1].error->message, "studio2: connection lost")
      << "not that the shell did not run the script";
  EXPECT_FALSE(crew.nodes()[1].facts);
  EXPECT_TRUE(crew.nodes()[2].facts);
  EXPECT_EQ(fakes.sink.of(EventKind::node_failed, "studio1").size(), 1U);
  EXPECT_EQ(fakes.sink.of(EventKind::node_failed, "studio2").size(), 1U);
  EXPECT_TRUE(fakes.sink.of(EventKind::node_done, "studio1").empty());
}

TEST(Gather, FailsANodeThatAnswersTooMuchAndForgivesAChattyShell) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").faults[0] = {.kind = Fault::Kind::truncated, .after = 5000};
  fakes.node("hwstudio1").faults[0].before_all = std::string(5000, '#');
  fakes.node("hwstudio2").faults[0].before_all = "no newline before the first frame";
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  ASSERT_TRUE(crew.nodes()[0].error);
  EXPECT_NE(crew.nodes()[0].error->message.find("8 MiB"), std::string::npos);
  EXPECT_FALSE(crew.nodes()[1].error) << "a chatty login shell spoils nothing";
  EXPECT_TRUE(crew.nodes()[1].facts);
}

TEST(Gather, LeavesANodeThatFailedBeforeAlone) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").faults[0].kind = Fault::Kind::cut;
  auto crew = fakes.crew();
  gather(crew, Profiler::skip);
  gather(crew, Profiler::skip);
  EXPECT_EQ(fakes.node("hwstudio1").heard.size(), 1U);
  EXPECT_EQ(fakes.node("hwstudio2").heard.size(), 2U);
}

TEST(MakePlan, HoldsEveryNodeOfTheCrewAndSaysWhyOneHasNoFacts) {
  FakeFleet fakes(test::triangle_fleet());
  fakes.node("studio2").refuses = Error{ErrorCode::unauthorized, "studio2 refuses the key", "cure"};
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto plan = make_plan(crew);
  EXPECT_EQ(plan.fleet, "lab");
  EXPECT_EQ(plan.inventory_digest, plan::inventory_digest(fakes.fleet));
  EXPECT_FALSE(plan.offline);
  ASSERT_EQ(plan.nodes.size(), 3U);
  EXPECT_EQ(plan.nodes[0].state, NodeState::ready);
  EXPECT_EQ(plan.nodes[0].facts_digest, facts::plan_digest(*crew.nodes()[0].facts));
  // Two ports out of the bridge, up, addressed; one matrix file.
  EXPECT_EQ(plan.nodes[0].changes(), 7U);
  EXPECT_EQ(plan.nodes[1].node, "studio2");
  EXPECT_EQ(plan.nodes[1].state, NodeState::unreachable);
  ASSERT_TRUE(plan.nodes[1].error);
  EXPECT_EQ(plan.nodes[1].error->code, ErrorCode::unauthorized);
  EXPECT_TRUE(plan.nodes[1].actions.empty());
}

TEST(MakePlan, LeavesOutNodesThatAreNotInTheCrew) {
  FakeFleet fakes(test::triangle_fleet());
  auto crew = fakes.crew({1});
  gather(crew, Profiler::skip);
  const auto plan = make_plan(crew);
  ASSERT_EQ(plan.nodes.size(), 1U);
  EXPECT_EQ(plan.nodes[0].node, "studio2");
  EXPECT_EQ(plan.nodes[0].changes(), 7U);
}

TEST(MakePlan, LooksAtTheNodesSideBySide) {
  FakeFleet fakes(test::pair_fleet());
  // The link's subnet stands on another port of the second node: only cross_check sees it.
  fakes.node("hwstudio2").mac.ports["en9"].inet = {{test::ip("10.254.0.5"), 24}};
  auto crew = fakes.crew();
  gather(crew, Profiler::skip);
  const auto plan = make_plan(crew);
  EXPECT_EQ(plan.nodes[0].state, NodeState::ready);
  EXPECT_EQ(plan.nodes[1].state, NodeState::refused);
  EXPECT_TRUE(plan.nodes[1].has_errors());
}

// A plan of the fleet as it came up, saved.
plan::Plan saved_plan(FakeFleet& fakes) {
  auto crew = fakes.crew();
  gather(crew, Profiler::skip);
  return make_plan(crew);
}

TEST(Refresh, KeepsAPlanWhoseFactsAreStillTrue) {
  FakeFleet fakes(test::pair_fleet());
  const auto saved = saved_plan(fakes);
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto fresh = refresh(crew, saved);
  ASSERT_TRUE(fresh);
  ASSERT_EQ(fresh->nodes.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(fresh->nodes[i].state, NodeState::ready);
    EXPECT_EQ(fresh->nodes[i].actions, saved.nodes[i].actions);
    EXPECT_EQ(fresh->nodes[i].findings, saved.nodes[i].findings);
  }
}

TEST(Refresh, RefusesAnotherInventory) {
  FakeFleet fakes(test::pair_fleet());
  auto saved = saved_plan(fakes);
  fakes.fleet.ibv_path = "/tmp/other.json";
  auto crew = fakes.crew();
  const auto fresh = refresh(crew, saved);
  ASSERT_FALSE(fresh);
  EXPECT_EQ(fresh.error().code, ErrorCode::usage);
  EXPECT_NE(fresh.error().message.find("another inventory"), std::string::npos);
  EXPECT_NE(fresh.error().hint.find("bringup plan --out"), std::string::npos);
}

TEST(Refresh, RefusesNodeByNodeWhatHasChangedSince) {
  FakeFleet fakes(test::pair_fleet());
  const auto saved = saved_plan(fakes);
  fakes.node("hwstudio2").mac.ports["en5"].inet = {{test::ip("169.254.7.7"), 16}};
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto fresh = refresh(crew, saved);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->nodes[0].state, NodeState::ready);
  EXPECT_EQ(fresh->nodes[0].actions, saved.nodes[0].actions);
  EXPECT_EQ(fresh->nodes[1].state, NodeState::refused);
  EXPECT_TRUE(fresh->nodes[1].actions.empty());
  ASSERT_TRUE(fresh->nodes[1].has_errors());
  EXPECT_NE(fresh->nodes[1].findings.back().seen.find("stale"), std::string::npos);
  EXPECT_FALSE(fresh->nodes[1].findings.back().cure.empty());
}

TEST(Refresh, MarksANodeThatIsUnreachableNow) {
  FakeFleet fakes(test::pair_fleet());
  const auto saved = saved_plan(fakes);
  fakes.node("hwstudio1").refuses = Error{ErrorCode::unreachable, "hwstudio1: no answer", ""};
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto fresh = refresh(crew, saved);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->nodes[0].state, NodeState::unreachable);
  EXPECT_TRUE(fresh->nodes[0].actions.empty());
  ASSERT_TRUE(fresh->nodes[0].error);
  EXPECT_EQ(fresh->nodes[0].error->message, "hwstudio1: no answer");
  EXPECT_EQ(fresh->nodes[1].state, NodeState::ready);
}

TEST(Refresh, RefusesANodeThatWasUnreachableWhenThePlanWasMade) {
  FakeFleet fakes(test::pair_fleet());
  fakes.node("hwstudio1").refuses = Error{ErrorCode::unreachable, "hwstudio1: no answer", ""};
  const auto saved = saved_plan(fakes);
  fakes.node("hwstudio1").refuses.reset();
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto fresh = refresh(crew, saved);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->nodes[0].state, NodeState::refused);
  EXPECT_FALSE(fresh->nodes[0].error);
  ASSERT_TRUE(fresh->nodes[0].has_errors());
  EXPECT_NE(fresh->nodes[0].findings[0].seen.find("no facts"), std::string::npos);
}

TEST(Refresh, RefusesAPlanMadeOfflineAndDoesNotCallItStale) {
  FakeFleet fakes(test::pair_fleet());
  plan::Plan saved;
  saved.inventory_digest = plan::inventory_digest(fakes.fleet);
  saved.offline = true;
  saved.nodes = {plan::from_scratch(fakes.fleet, 0)};
  auto crew = fakes.crew();
  gather(crew, Profiler::read);
  const auto fresh = refresh(crew, saved);
  ASSERT_TRUE(fresh);
  EXPECT_EQ(fresh->nodes[0].state, NodeState::refused);
  EXPECT_TRUE(fresh->nodes[0].actions.empty());
  ASSERT_TRUE(fresh->nodes[0].has_errors());
  EXPECT_NE(fresh->nodes[0].findings.back().seen.find("no facts"), std::string::npos);
}

TEST(Refresh, DropsNodesOutsideTheCrew) {
  FakeFleet fakes(test::pair_fleet());
  auto saved = saved_plan(fakes);
  plan::NodePlan stranger;
  stranger.node = "elsewhere";
  saved.nodes.push_back(stranger);
  auto crew = fakes.crew({1});
  gather(crew, Profiler::read);
  const auto fresh = refresh(crew, saved);
  ASSERT_TRUE(fresh);
  ASSERT_EQ(fresh->nodes.size(), 1U);
  EXPECT_EQ(fresh->nodes[0].node, "hwstudio2");
}

}  // namespace
}  // namespace bringup::run
