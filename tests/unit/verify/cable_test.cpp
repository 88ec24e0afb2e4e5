// What is plugged, as verify and status show it.
#include <gtest/gtest.h>

#include "bringup/verify/chain.hpp"
#include "bringup/verify/diagnoses.hpp"
#include "support/cabled_macs.hpp"

namespace bringup::verify {
namespace {

struct CableChecks : testing::Test {
  test::CabledMacs lab{{"s1", "s2", "s3"}};
  model::Fleet fleet = test::fleet_with_links(lab.names, {"s1:en3 s2:en3", "s1:en4 s3:en3"});
  CheckOptions options;

  void SetUp() override {
    options.only = {CheckKind::cable};
    lab.plug({"s1:en3", "s2:en3"});
    lab.plug({"s1:en4", "s3:en3"});
  }
  std::vector<NodeEvidence> evidence() {
    std::vector<NodeEvidence> out;
    for (const auto* facts : lab.facts()) out.push_back({std::nullopt, {}, facts});
    return out;
  }
  Matrix judged() { return judge(fleet, {0, 1, 2}, evidence(), options); }
  void swap() {
    lab.cables.clear();
    lab.plug({"s1:en3", "s3:en3"});
    lab.plug({"s1:en4", "s2:en3"});
  }
};

TEST_F(CableChecks, PassWithoutAnyFrame) {
  const auto matrix = judged();
  EXPECT_TRUE(matrix.green());
  EXPECT_EQ(matrix.count(CellStatus::pass), 4U);
  EXPECT_TRUE(matrix.findings.empty());
}

TEST_F(CableChecks, FailOnceForBothDirectionsAndLinks) {
  swap();
  const auto matrix = judged();
  EXPECT_EQ(matrix.count(CellStatus::fail), 4U);
  ASSERT_EQ(matrix.findings.size(), 1U);
  const auto& found = matrix.findings[0];
  EXPECT_EQ(found.id, "cable-swapped");
  EXPECT_EQ(found.layer, "cable");
  EXPECT_EQ(found.target, "s1:en3");
  EXPECT_EQ(found.meaning, diagnosis_row("cable-swapped").means);
  EXPECT_EQ(found.severity, plan::Severity::error);
}

TEST_F(CableChecks, AreUntestedOrUnreachableWhereNothingIsKnown) {
  lab.without_profile = {"s1"};
  EXPECT_EQ(judged().count(CellStatus::untested), 4U);
  auto some = evidence();
  some[0] = {Error{ErrorCode::unreachable, "timed out", ""}, {}, nullptr};
  const auto matrix = judge(fleet, {0, 1, 2}, some, options);
  EXPECT_EQ(matrix.count(CellStatus::unreachable), 4U);
}

TEST_F(CableChecks, AreNothingForOtherKinds) {
  for (auto& link : fleet.links) link.kind = model::LinkKind::ethernet_10g;
  EXPECT_EQ(judged().count(CellStatus::skipped), 4U);
}

TEST_F(CableChecks, TellOfWhatBreaksNoLink) {
  lab.plug({"s2:en5", "s3:en5"});
  lab.facts();
  auto some = evidence();
  lab.kept(1).exo_daemon = true;
  const auto matrix = judge(fleet, {0, 1, 2}, some, options);
  EXPECT_TRUE(matrix.green());
  ASSERT_EQ(matrix.findings.size(), 2U);
  EXPECT_EQ(matrix.findings[0].id, "cable-extra");
  EXPECT_EQ(matrix.findings[0].severity, plan::Severity::warning);
  EXPECT_EQ(matrix.findings[1].id, "exo-daemon");
  EXPECT_EQ(matrix.findings[1].target, "s2");
  EXPECT_EQ(findings_beside_links(fleet, some).size(), 2U);
}

TEST_F(CableChecks, AreTheCableLayerOfTheChain) {
  const auto whole = link_status(fleet, 0, evidence(), {});
  EXPECT_NE(whole.ends[0][2].state, LayerState::broken);
  swap();
  const auto told = link_status(fleet, 0, evidence(), {});
  ASSERT_TRUE(told.first_broken.has_value());
  EXPECT_EQ(told.first_broken->id, "cable-swapped");
  EXPECT_EQ(told.ends[0][2].layer, Layer::cable);
  EXPECT_EQ(told.ends[0][2].state, LayerState::broken);
}

// Pings that get no answer over plugs that lead elsewhere.
TEST_F(CableChecks, ExplainSilentPings) {
  swap();
  options.only = {CheckKind::ping};
  auto some = evidence();
  for (std::size_t node = 0; node < 3; ++node) {
    for (const std::size_t link : fleet.links_of(node)) {
      some[node].frames.push_back(
          {"ping." + std::to_string(link), 2, false,
           "--- 10.254.0.2 ping statistics ---\n3 packets transmitted, 0 packets received, 100.0% "
           "packet loss\n"});
    }
  }
  const auto matrix = judge(fleet, {0, 1, 2}, some, options);
  ASSERT_FALSE(matrix.findings.empty());
  EXPECT_EQ(matrix.findings[0].id, "cable-swapped");
}

}  // namespace
}  // namespace bringup::verify
