// Declared links against what is plugged: every way to plug a cable wrong, and the advice.
#include "bringup/topology/cable_check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/cabled_macs.hpp"

namespace bringup::topology {
namespace {

using test::CabledMacs;
using test::fleet_with_links;
using testing::HasSubstr;

struct Triangle : testing::Test {
  CabledMacs lab{{"s1", "s2", "s3"}};
  model::Fleet fleet =
      fleet_with_links(lab.names, {"s1:en3 s2:en3", "s1:en4 s3:en3", "s2:en4 s3:en4"});
  CableReport report;

  void SetUp() override {
    lab.plug({"s1:en3", "s2:en3"});
    lab.plug({"s1:en4", "s3:en3"});
    lab.plug({"s2:en4", "s3:en4"});
  }
  const CableReport& check() { return report = check_cables(fleet, lab.facts()); }
  // The only finding.
  CableFinding only() {
    check();
    if (report.findings.size() == 1) return report.findings[0];
    for (const auto& one : report.findings) {
      ADD_FAILURE() << to_string(one.fault) << ": " << one.seen << " -> " << one.cure;
    }
    return {};
  }
  void expect(CableFault fault, CableSeverity severity, const std::string& node,
              const std::string& seen, const std::string& cure) {
    const auto found = only();
    EXPECT_EQ(to_string(found.fault), to_string(fault));
    EXPECT_EQ(found.severity, severity);
    EXPECT_EQ(lab.names[found.node] + ":" + found.interface, node);
    EXPECT_EQ(found.seen, seen);
    EXPECT_EQ(found.cure, cure);
    EXPECT_FALSE(found.expected.empty());
  }
};

TEST_F(Triangle, IsRight) {
  check();
  EXPECT_THAT(report.links, testing::Each(CableState::right));
  EXPECT_TRUE(report.findings.empty());
  EXPECT_EQ(report.miswired(0), nullptr);
  ASSERT_EQ(report.cabling.cables.size(), 3U);
  const auto& cable = report.cabling.cables[0];
  EXPECT_EQ(cable.ends[0], (PortName{0, "en3", "2"}));
  EXPECT_EQ(cable.ends[1], (PortName{1, "en3", "2"}));
  EXPECT_EQ(cable.gbps, 80);
  EXPECT_TRUE(cable.rdma[0] && cable.rdma[1]);
  EXPECT_TRUE(adopted_ends(fleet, report).empty());
}

TEST_F(Triangle, MissesACable) {
  lab.unplug("s1:en3");
  expect(
      CableFault::missing, CableSeverity::error, "s1:en3",
      "s1:en3 (Thunderbolt 2) is empty, s2:en3 (Thunderbolt 2) is empty",
      "plug a cable into s1:en3 (Thunderbolt 2) and s2:en3 (Thunderbolt 2); if it is in, restart "
      "both Macs");
  EXPECT_EQ(report.links[0], CableState::wrong);
  EXPECT_NE(report.miswired(0), nullptr);
  EXPECT_EQ(report.miswired(1), nullptr);
}

TEST_F(Triangle, FindsTheRightMacBehindAnotherPort) {
  lab.unplug("s1:en3");
  lab.plug({"s1:en5", "s2:en3"});
  expect(CableFault::wrong_port, CableSeverity::error, "s1:en3", "the cable is in s1:en5 - s2:en3",
         "on s1 move the plug from s1:en5 (Thunderbolt 4) to s1:en3 (Thunderbolt 2), or take it as "
         "it is: bringup plan --adopt");
  const auto ends = adopted_ends(fleet, report);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].ends[0].interface, "en5");
  EXPECT_EQ(ends[0].ends[1].interface, "en3");
}

TEST_F(Triangle, FindsBothPlugsInOtherPorts) {
  lab.unplug("s1:en3");
  lab.plug({"s1:en5", "s2:en6"});
  const auto found = only();
  EXPECT_EQ(found.fault, CableFault::wrong_port);
  EXPECT_THAT(found.cure, HasSubstr("on s1 move the plug from s1:en5 (Thunderbolt 4) to s1:en3"));
  EXPECT_THAT(found.cure, HasSubstr("on s2 move the plug from s2:en6 (Thunderbolt 5) to s2:en3"));
}

TEST_F(Triangle, NamesTheTwoCablesThatAreSwapped) {
  lab.unplug("s1:en3");
  lab.unplug("s1:en4");
  lab.plug({"s1:en3", "s3:en3"});
  lab.plug({"s1:en4", "s2:en3"});
  expect(CableFault::swapped, CableSeverity::error, "s1:en3",
         "two cables are swapped: s1:en3 - s3:en3 and s1:en4 - s2:en3",
         "exchange the two plugs on s1: s1:en3 (Thunderbolt 2) and s1:en4 (Thunderbolt 3), or take "
         "it as it is: bringup plan --adopt");
  EXPECT_EQ(report.findings[0].links, (std::vector<std::size_t>{0, 1}));
  const auto ends = adopted_ends(fleet, report);
  ASSERT_EQ(ends.size(), 2U);
  EXPECT_EQ(ends[0].ends[0].interface, "en4");  // s1:en4 - s2:en3
  EXPECT_EQ(ends[0].ends[1].interface, "en3");
  EXPECT_EQ(ends[1].ends[0].interface, "en3");
}

// Carrying the advice out must make it right, whichever of the two patterns it is.
TEST(Swapped, TheAdviceMendsEveryPattern) {
  const std::vector<std::string> names = {"s1", "s2", "s3", "s4"};
  const auto fleet = fleet_with_links(names, {"s1:en3 s2:en3", "s3:en3 s4:en3"});
  struct Case {
    const char *a, *b, *c, *d;  // plugged: a - b and c - d
    const char* advice;
  };
  for (const auto& one :
       {Case{"s1:en3", "s4:en3", "s3:en3", "s2:en3",
             "exchange the plugs in s2:en3 (Thunderbolt 2) and s4:en3 (Thunderbolt 2)"},
        Case{"s1:en3", "s3:en3", "s2:en3", "s4:en3",
             "exchange the plugs in s2:en3 (Thunderbolt 2) and s3:en3 (Thunderbolt 2)"}}) {
    CabledMacs lab{names};
    lab.plug({one.a, one.b});
    lab.plug({one.c, one.d});
    const auto report = check_cables(fleet, lab.facts());
    ASSERT_EQ(report.findings.size(), 1U);
    EXPECT_EQ(report.findings[0].fault, CableFault::swapped);
    EXPECT_THAT(report.findings[0].cure, HasSubstr(one.advice));
  }
}

TEST_F(Triangle, FindsACableToTheWrongMac) {
  lab.unplug("s1:en3");
  lab.plug({"s1:en3", "s3:en6"});
  const auto found = only();
  EXPECT_EQ(found.fault, CableFault::wrong_peer);
  EXPECT_EQ(found.seen,
            "s1:en3 (Thunderbolt 2) leads to s3:en6 (Thunderbolt 5), s2:en3 (Thunderbolt 2) is "
            "empty");
  EXPECT_EQ(found.expected, "s1:en3 - s2:en3");
  EXPECT_EQ(found.cure,
            "move its plug from s3:en6 (Thunderbolt 5) to s2:en3 (Thunderbolt 2), or take it as it "
            "is: bringup plan --adopt");
  const auto ends = adopted_ends(fleet, report);
  ASSERT_EQ(ends.size(), 1U);
  EXPECT_EQ(ends[0].ends[1].node, 2U);
}

TEST_F(Triangle, FindsACableToAStranger) {
  lab.unplug("s1:en3");
  lab.plug({"s1:en3", "other:en3"});
  const auto found = only();
  EXPECT_EQ(found.fault, CableFault::wrong_peer);
  EXPECT_THAT(found.seen, HasSubstr("leads to a Mac that is not in the inventory (Mac Studio"));
  EXPECT_THAT(found.cure, HasSubstr("connect s1:en3 (Thunderbolt 2) with s2:en3 (Thunderbolt 2)"));
}

// Three cables turned in a ring are no pair; each is told by itself.
TEST(Rotated, EachIsAWrongPeer) {
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  const auto fleet = fleet_with_links(names, {"a:en3 b:en3", "a:en4 c:en3", "a:en5 d:en3"});
  CabledMacs lab{names};
  lab.plug({"a:en3", "c:en3"});
  lab.plug({"a:en4", "d:en3"});
  lab.plug({"a:en5", "b:en3"});
  const auto report = check_cables(fleet, lab.facts());
  ASSERT_EQ(report.findings.size(), 3U);
  for (const auto& one : report.findings) EXPECT_EQ(one.fault, CableFault::wrong_port);
  EXPECT_EQ(adopted_ends(fleet, report).size(), 3U);
}

TEST_F(Triangle, FindsAnExtraCableAndOneToAStranger) {
  lab.plug({"s1:en6", "s2:en6"});
  expect(CableFault::extra, CableSeverity::warning, "s1:en6",
         "a cable s1:en6 - s2:en6 that no link declares",
         "take it out, or declare it: [[links]] a = \"s1:en6\", b = \"s2:en6\"");
  EXPECT_TRUE(report.findings[0].links.empty());
  lab.unplug("s1:en6");
  lab.plug({"s3:en7", "guest:en1"});
  expect(CableFault::stranger, CableSeverity::note, "s3:en7",
         "s3:en7 (Thunderbolt 6) leads to a Mac that is not in the inventory, or was not reached "
         "(Mac Studio Mac15,14)",
         "name that Mac in the inventory, or take the cable out");
}

TEST_F(Triangle, FindsACableWithBothEndsInOneMac) {
  lab.plug({"s1:en6", "s1:en7"});
  const auto found = only();
  EXPECT_EQ(found.fault, CableFault::extra);
  EXPECT_THAT(found.seen, HasSubstr("both ends are in one Mac"));
}

TEST_F(Triangle, FindsADockAndItIsNoMatterWithoutRdma) {
  lab.unplug("s1:en3");
  lab.plug({"s1:en3", "s2:en3", 80, "TS4"});
  expect(CableFault::dock, CableSeverity::error, "s1:en3", "s1:en3 - s2:en3 runs through TS4",
         "connect the Macs directly, or set rdma = false on the link");
  EXPECT_EQ(report.links[0], CableState::right);
  fleet.links[0].rdma = false;
  EXPECT_EQ(only().severity, CableSeverity::note);
  // One advice is enough: without the dock the speed is another one.
  fleet.links[0].rdma = true;
  lab.unplug("s1:en3");
  lab.plug({"s1:en3", "s2:en3", 40, "TS4"});
  EXPECT_EQ(only().fault, CableFault::dock);
}

TEST_F(Triangle, FindsTheSlowCable) {
  lab.unplug("s1:en3");
  lab.plug({"s1:en3", "s2:en3", 40});
  expect(CableFault::slow, CableSeverity::error, "s1:en3", "s1:en3 - s2:en3 runs at 40 Gb/s",
         "use a Thunderbolt 5 cable of 80 Gb/s between the two");
}

// The dock's leg is slower than the Mac's own port.
TEST_F(Triangle, TakesTheSlowerSide) {
  lab.unplug("s1:en3");
  lab.plug({.a = "s1:en3", .b = "s2:en3", .far_gbps = 40});
  EXPECT_EQ(only().fault, CableFault::slow);
  EXPECT_EQ(report.cabling.cables[0].gbps, 40);
}

// The interface is gone, and networksetup with it: the cable may well be where it should be.
TEST_F(Triangle, SaysNothingOfAPortWithoutAName) {
  lab.facts();
  auto& ports = lab.kept(1).ports;
  std::erase_if(ports, [](const auto& port) { return port.device == "en3"; });
  const auto told = check_cables(fleet, {&lab.kept(0), &lab.kept(1), &lab.kept(2)});
  EXPECT_EQ(told.links, (std::vector{CableState::unknown, CableState::right, CableState::right}));
  EXPECT_TRUE(told.findings.empty());
}

TEST_F(Triangle, BlamesThunderbolt4HardwareAndNoCable) {
  lab.unplug("s1:en3");
  lab.unplug("s2:en4");
  lab.plug({"s1:en3", "s2:en3", 40});
  lab.plug({"s2:en4", "s3:en4", 40});
  lab.most["s2"] = 40;
  check();
  ASSERT_EQ(report.findings.size(), 2U);
  for (const auto& one : report.findings) {
    EXPECT_EQ(one.fault, CableFault::hardware);
    EXPECT_EQ(lab.names[one.node], "s2");
    EXPECT_THAT(one.cure, HasSubstr("thunderbolt4"));
  }
}

TEST_F(Triangle, MarksACableOfWhichOneEndTells) {
  lab.unplug("s1:en3");
  lab.plug({.a = "s1:en3", .b = "s2:en3", .blind = "s2:en3"});
  expect(CableFault::one_sided, CableSeverity::warning, "s2:en3",
         "only one end tells of the cable: s2 sees nothing there",
         "take the plug out of s2:en3 (Thunderbolt 2) and put it back; if it stays, restart s2");
  EXPECT_EQ(report.links[0], CableState::right);
}

// The side of the dock sees the dock alone, the other one sees the Mac: through a dock, then.
TEST_F(Triangle, TakesADockFromTheSideThatSeesNoMac) {
  lab.unplug("s1:en3");
  lab.plug({.a = "s1:en3", .b = "s2:en3", .dock = "Studio Display", .only_dock = "s1:en3"});
  check();
  ASSERT_EQ(report.findings.size(), 2U);
  EXPECT_EQ(report.findings[0].fault, CableFault::one_sided);
  EXPECT_THAT(report.findings[0].seen,
              HasSubstr("s1 sees Studio Display there and no Mac behind it"));
  EXPECT_EQ(report.findings[1].fault, CableFault::dock);
}

TEST(EthernetPort, IsNotForRdma) {
  CabledMacs lab{{"s1", "s2"}};
  auto fleet = fleet_with_links(lab.names, {"s1:en2 s2:en3"});
  lab.plug({"s1:en2", "s2:en3"});
  auto report = check_cables(fleet, lab.facts());
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].fault, CableFault::ethernet_port);
  EXPECT_EQ(report.findings[0].severity, CableSeverity::warning);
  EXPECT_EQ(report.findings[0].interface, "en2");
  EXPECT_EQ(report.findings[0].cure,
            "move the plug on s1 to s1:en3 (Thunderbolt 2), then: bringup plan --adopt");
  fleet.links[0].rdma = false;
  EXPECT_TRUE(check_cables(fleet, lab.facts()).findings.empty());
}

TEST_F(Triangle, ReadsAllPortsEmptyAsAWedgedController) {
  lab.cables.clear();
  const auto found = only();
  EXPECT_EQ(found.fault, CableFault::all_empty);
  EXPECT_EQ(found.links.size(), 3U);
  EXPECT_EQ(found.seen, "no Thunderbolt port of s1, s2, s3 sees anything");
  EXPECT_THAT(found.cure, HasSubstr("restart s1, s2, s3"));
  // One Mac without any, the others still see each other.
  lab.plug({"s2:en4", "s3:en4"});
  EXPECT_EQ(only().seen, "no Thunderbolt port of s1 sees anything");
  // A single cable that is out looks the same from its own two ends; it is one cable, though.
  lab.plug({"s1:en3", "s2:en3"});
  EXPECT_EQ(only().fault, CableFault::missing);
}

TEST_F(Triangle, SaysNothingOfWhatItCannotKnow) {
  lab.without_profile = {"s2"};
  check();
  EXPECT_EQ(report.links,
            (std::vector{CableState::unknown, CableState::right, CableState::unknown}));
  EXPECT_TRUE(report.findings.empty());
  // What s1 sees is enough to say that s2 cannot be there.
  lab.unplug("s1:en3");
  EXPECT_EQ(only().fault, CableFault::missing);
  EXPECT_THAT(report.findings[0].seen, HasSubstr("s2:en3 is not known"));
  lab.plug({"s1:en3", "s3:en7"});
  EXPECT_EQ(only().fault, CableFault::wrong_peer);
  // Ports without names: the list of hardware ports is missing.
  lab.without_profile.clear();
  lab.facts();
  for (std::size_t i = 0; i < 3; ++i) lab.kept(i).ports.clear();
  std::vector<const facts::NodeFacts*> nameless = {&lab.kept(0), &lab.kept(1), &lab.kept(2)};
  const auto unnamed = check_cables(fleet, nameless);
  EXPECT_THAT(unnamed.links, testing::Each(CableState::unknown));
  // And nothing at all.
  const auto nothing = check_cables(fleet, {nullptr, nullptr, nullptr});
  EXPECT_THAT(nothing.links, testing::Each(CableState::unknown));
  EXPECT_TRUE(nothing.findings.empty());
}

// Cables between bridges that are kept on purpose are the segment's; others are nobody's.
TEST(KeptBridges, NeedNoLinkForTheirCables) {
  CabledMacs lab{{"s1", "s2", "s3"}};
  lab.plug({"s1:en3", "s2:en3"});
  lab.plug({"s2:en4", "s3:en3"});
  const auto fleet = model::load_inventory(R"([nodes.s1]
[nodes.s2]
[nodes.s3]
[[segments]]
name = "fabric"
subnet = "10.10.0.0/24"
members = { s1 = "bridge0=10.10.0.1", s2 = "bridge0=10.10.0.2" }
)",
                                           "fleet.toml");
  ASSERT_TRUE(fleet.has_value());
  const auto report = check_cables(*fleet, lab.facts());
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_EQ(report.findings[0].fault, CableFault::extra);
  EXPECT_THAT(report.findings[0].seen, HasSubstr("s2:en4 - s3:en3"));
}

TEST(Kinds, OnlyThunderboltIsAsked) {
  CabledMacs lab{{"s1", "s2"}};
  const auto fleet = fleet_with_links(lab.names, {"s1:en0 s2:en0 kind = \"ethernet-10g\""});
  const auto report = check_cables(fleet, lab.facts());
  EXPECT_EQ(report.links[0], CableState::not_thunderbolt);
  EXPECT_TRUE(report.findings.empty());
}

TEST(Kinds, ADeclaredPortMayBeNone) {
  CabledMacs lab{{"s1", "s2"}};
  const auto fleet = fleet_with_links(lab.names, {"s1:en9 s2:en3"});
  const auto report = check_cables(fleet, lab.facts());
  ASSERT_EQ(report.findings.size(), 1U);
  EXPECT_THAT(report.findings[0].seen, HasSubstr("s1:en9 is no Thunderbolt port"));
}

// A clone of a disk image, or hostile text: no cable can be told from such a domain.
TEST_F(Triangle, PairsNothingByADomainThatTwoPortsClaim) {
  lab.facts();
  lab.kept(2).profiler_json = lab.kept(1).profiler_json;
  const auto all = check_cables(fleet, {&lab.kept(0), &lab.kept(1), &lab.kept(2)});
  EXPECT_NE(all.links[0], CableState::right);
  EXPECT_FALSE(all.cabling.oddities.empty());
  EXPECT_THAT(all.cabling.oddities[0], HasSubstr("has the domain of another port"));
}

}  // namespace
}  // namespace bringup::topology
