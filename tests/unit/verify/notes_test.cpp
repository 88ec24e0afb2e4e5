// What facts warn of, though no link is broken by it.
#include <gtest/gtest.h>

#include "support/measured_values.hpp"

namespace bringup::verify {
namespace {

using test::Measured;

struct Notes : testing::Test {
  Measured lab{test::mesh_fleet()};

  void SetUp() override {
    for (auto& facts : lab.facts) {
      facts.model = "Mac15,14";
      facts.version = {"macOS", "26.2", "25C56"};
      facts.ports = {{"Ethernet", "en0", ""},      {"Thunderbolt 1", "en9", ""},
                     {"Thunderbolt 2", "en1", ""}, {"Thunderbolt 3", "en2", ""},
                     {"Thunderbolt 4", "en3", ""}, {"Thunderbolt Bridge", "bridge0", ""}};
      facts.routes = {{model::Subnet::parse("0.0.0.0/0").value(), "192.168.1.1", "en0"}};
    }
  }
  // "id of target", each a warning that breaks no link.
  std::vector<std::string> told() {
    const auto matrix = lab.judge_all();
    EXPECT_TRUE(matrix.green());
    std::vector<std::string> out;
    for (const auto& finding : matrix.findings) {
      EXPECT_EQ(finding.severity, plan::Severity::warning);
      EXPECT_EQ(finding.layer, "node");
      EXPECT_FALSE(finding.cure.empty());
      out.push_back(finding.id + " of " + finding.target);
    }
    return out;
  }
  using Told = std::vector<std::string>;
};

TEST_F(Notes, AreNoneWhereAllIsAsItShouldBe) {
  EXPECT_EQ(told(), Told{});
}

TEST_F(Notes, WarnOfThunderboltOnANetworkCard) {
  for (const auto* name : {"Ethernet", "Ethernet Adapter (en1)", "Thunderbolt Ethernet Slot 1",
                           "USB 10/100/1000 LAN", "Wi-Fi"}) {
    lab.facts[2].ports[2].name = name;
    EXPECT_EQ(told(), Told{"not-thunderbolt of c:en1"}) << name;
  }
  EXPECT_NE(lab.judge_all().findings[0].seen.find("\"Wi-Fi\""), std::string::npos);
  lab.fleet.links[1].kind = model::LinkKind::ethernet_10g;
  EXPECT_EQ(told(), Told{});
}

TEST_F(Notes, WarnOfADefaultRouteOverALink) {
  lab.facts[0].routes[0].interface = "en2";
  EXPECT_EQ(told(), Told{"default-route of a:en2"});
  lab.facts[0].routes[0].destination = model::Subnet::parse("10.0.0.0/8").value();
  EXPECT_EQ(told(), Told{});
  lab.facts[0].routes[0] = {model::Subnet::parse("0.0.0.0/0").value(), "", "bridge0"};
  EXPECT_EQ(told(), Told{});
  lab.facts[0].bridges = {{"bridge0", {"en3"}}};
  EXPECT_EQ(told(), Told{"default-route of a:en3"});
  lab.fleet.links[2].kind = model::LinkKind::ethernet_1g;
  EXPECT_EQ(told(), Told{});
}

TEST_F(Notes, WarnOfBuildsThatDifferFromMost) {
  lab.facts[0].version = {"macOS", "26.3", "25D10"};
  EXPECT_EQ(told(), Told{"os-differs of a"});
  EXPECT_EQ(lab.judge_all().findings[0].seen, "a runs macOS 26.3 (25D10), b 26.2 (25C56)");
  // Of two equally common, the first node's is the right one.
  lab.facts[1].version = lab.facts[0].version;
  EXPECT_EQ(told(), (Told{"os-differs of c", "os-differs of d"}));
  // Unknown builds are no others, and Linux has none.
  lab.facts[2].version.build.clear();
  lab.evidence[3].facts = nullptr;
  lab.options.only = {CheckKind::tcp};
  EXPECT_EQ(told(), Told{});
  lab.evidence[3].facts = &lab.facts[3];
  lab.facts[3].os = facts::Os::linux_kernel;
  EXPECT_EQ(told(), Told{});
}

TEST_F(Notes, AreOfTheSelectedNodesOnly) {
  lab.facts[0].version.build = "25D10";
  const auto matrix = judge(lab.fleet, {1, 2}, lab.evidence, lab.measured, lab.options);
  EXPECT_TRUE(matrix.findings.empty());
}

}  // namespace
}  // namespace bringup::verify
