// What is plugged otherwise than declared, as findings of the plan.
#include "bringup/plan/cable_findings.hpp"

#include <gtest/gtest.h>

#include "support/cabled_macs.hpp"

namespace bringup::plan {
namespace {

using test::CabledMacs;
using test::fleet_with_links;

struct CableFindings : ::testing::Test {
  CabledMacs lab{{"s1", "s2", "s3"}};
  model::Fleet fleet = fleet_with_links(lab.names, {"s1:en3 s2:en3", "s1:en4 s3:en3"});
  Plan plan;

  CableFindings() {
    lab.plug({"s1:en3", "s2:en3"});
    lab.plug({"s1:en4", "s3:en3"});
    for (const char* name : {"s1", "s2", "s3"}) plan.nodes.emplace_back().node = name;
  }
  const std::vector<Finding>& found(std::size_t node) {
    add_cable_findings(fleet, lab.facts(), plan);
    return plan.nodes[node].findings;
  }
};

TEST_F(CableFindings, AreNoneWhereThePlugsAreRight) {
  found(0);
  for (const auto& node : plan.nodes) EXPECT_TRUE(node.findings.empty()) << node.node;
}

// No command moves a plug: the plan goes on, and the finding is a warning.
TEST_F(CableFindings, AMissingCableIsAWarningWhereToPlugIt) {
  lab.unplug("s1:en3");
  ASSERT_EQ(found(0).size(), 1U);
  const Finding& told = plan.nodes[0].findings[0];
  EXPECT_EQ(to_string(told.severity), "warning");
  EXPECT_EQ(told.layer, "cable");
  EXPECT_EQ(told.target, "en3");
  EXPECT_EQ(told.seen, "s1:en3 (Thunderbolt 2) is empty, s2:en3 (Thunderbolt 2) is empty");
  EXPECT_EQ(told.expected, "s1:en3 - s2:en3");
  EXPECT_EQ(told.cure,
            "plug a cable into s1:en3 (Thunderbolt 2) and s2:en3 (Thunderbolt 2); if it is in, "
            "restart both Macs");
  EXPECT_TRUE(plan.nodes[1].findings.empty()) << "told at one end";
  EXPECT_FALSE(plan.nodes[0].has_errors());
}

TEST_F(CableFindings, ACableToAStrangerIsANote) {
  lab.plug({"s2:en5", "guest:en1"});
  found(0);
  ASSERT_EQ(plan.nodes[1].findings.size(), 1U);
  const Finding& told = plan.nodes[1].findings[0];
  EXPECT_EQ(to_string(told.severity), "note");
  EXPECT_EQ(told.layer, "cable");
  EXPECT_EQ(told.target, "en5");
  EXPECT_EQ(told.seen,
            "s2:en5 (Thunderbolt 4) leads to a Mac that is not in the inventory, or was not "
            "reached (Mac Studio Mac15,14)");
  EXPECT_EQ(told.expected, "cables between nodes of the inventory");
  EXPECT_EQ(told.cure, "name that Mac in the inventory, or take the cable out");
}

TEST_F(CableFindings, OfANodeThatIsNotInThePlanAreLeftOut) {
  lab.unplug("s1:en3");
  plan.nodes.erase(plan.nodes.begin());
  EXPECT_TRUE(found(0).empty());
  EXPECT_TRUE(plan.nodes[1].findings.empty());
}

}  // namespace
}  // namespace bringup::plan
