#include "bringup/topology/routes.hpp"

#include <gtest/gtest.h>

#include "support/hybrid_fleet.hpp"
#include "support/verify_values.hpp"

namespace bringup::topology {
namespace {

using test::fleet_from;
using test::hybrid_fleet;
using Lines = std::vector<std::string>;

std::size_t at(const model::Fleet& fleet, const std::string& name) {
  return fleet.node_index(name).value();
}

// "10.10.0.0/24 via 192.168.50.1 on eth0 (mini1, segment fabric)"
Lines routes(const model::Fleet& fleet, const std::string& node) {
  Lines lines;
  for (const auto& route : routes_of(fleet, at(fleet, node))) {
    lines.push_back(fmt::format("{} via {} on {} ({}, {})", route.destination.to_string(),
                                route.via.to_string(), route.interface,
                                fleet.nodes[route.next].name, route.destination_name));
  }
  return lines;
}

// "pi5 192.168.50.2 (eth0) -> mini3 10.10.0.3 through mini1"
Lines pairs(const model::Fleet& fleet, const std::string& from) {
  Lines lines;
  for (const auto& pair : routed_pairs(fleet)) {
    if (fleet.nodes[pair.from].name != from) continue;
    std::string line =
        fmt::format("{} ({}) -> {} {}", pair.from_address.to_string(), pair.from_interface,
                    fleet.nodes[pair.to].name, pair.to_address.to_string());
    for (const auto hop : pair.through) line += " through " + fleet.nodes[hop].name;
    lines.push_back(line);
  }
  return lines;
}

TEST(Routes, OfEveryNodeOfTheHybridFleet) {
  const auto fleet = hybrid_fleet();
  EXPECT_EQ(routes(fleet, "pi5"),
            (Lines{"10.10.0.0/24 via 192.168.50.1 on eth0 (mini1, segment fabric)"}));
  EXPECT_EQ(routes(fleet, "pi4"),
            (Lines{"10.10.0.0/24 via 192.168.51.1 on eth0 (mini3, segment fabric)"}));
  EXPECT_EQ(routes(fleet, "jetson"),
            (Lines{"10.10.0.0/24 via 192.168.51.1 on eth0 (mini3, segment fabric)"}));
  // The way back, of those of the fabric that are not the gateway themselves.
  EXPECT_EQ(routes(fleet, "mini1"),
            (Lines{"192.168.51.0/24 via 10.10.0.3 on bridge0 (mini3, segment edge51)"}));
  EXPECT_EQ(routes(fleet, "mini2"),
            (Lines{"192.168.50.0/24 via 10.10.0.1 on bridge0 (mini1, segment edge50)",
                   "192.168.51.0/24 via 10.10.0.3 on bridge0 (mini3, segment edge51)"}));
  EXPECT_EQ(routes(fleet, "mini3"),
            (Lines{"192.168.50.0/24 via 10.10.0.1 on bridge0 (mini1, segment edge50)"}));
}

TEST(Routes, AreNeverADefaultRoute) {
  const auto fleet = hybrid_fleet();
  for (std::size_t node = 0; node < fleet.nodes.size(); ++node) {
    for (const auto& route : routes_of(fleet, node)) EXPECT_GT(route.destination.prefix(), 0);
  }
}

TEST(Routes, NameWhoForwards) {
  const auto fleet = hybrid_fleet();
  EXPECT_TRUE(forwards(fleet, at(fleet, "mini1")));
  EXPECT_FALSE(forwards(fleet, at(fleet, "mini2")));
  EXPECT_TRUE(forwards(fleet, at(fleet, "mini3")));
  EXPECT_FALSE(forwards(fleet, at(fleet, "pi5")));
}

TEST(RoutedPairs, JoinTheEdgesToTheFabricAndNotToEachOther) {
  const auto fleet = hybrid_fleet();
  EXPECT_EQ(pairs(fleet, "pi5"), (Lines{"192.168.50.2 (eth0) -> mini1 10.10.0.1",
                                        "192.168.50.2 (eth0) -> mini2 10.10.0.2 through mini1",
                                        "192.168.50.2 (eth0) -> mini3 10.10.0.3 through mini1"}));
  EXPECT_EQ(pairs(fleet, "mini2"),
            (Lines{"10.10.0.2 (bridge0) -> mini1 192.168.50.1",
                   "10.10.0.2 (bridge0) -> pi5 192.168.50.2 through mini1",
                   "10.10.0.2 (bridge0) -> mini3 192.168.51.1",
                   "10.10.0.2 (bridge0) -> pi4 192.168.51.4 through mini3",
                   "10.10.0.2 (bridge0) -> jetson 192.168.51.5 through mini3"}));
  EXPECT_EQ(pairs(fleet, "mini1"),
            (Lines{"10.10.0.1 (bridge0) -> mini3 192.168.51.1",
                   "10.10.0.1 (bridge0) -> pi4 192.168.51.4 through mini3",
                   "10.10.0.1 (bridge0) -> jetson 192.168.51.5 through mini3"}));
  for (const auto& pair : routed_pairs(fleet)) {
    const auto& from = fleet.nodes[pair.from].name;
    const auto& to = fleet.nodes[pair.to].name;
    EXPECT_FALSE(from == "pi5" && to == "pi4");
    EXPECT_FALSE(from == "pi4" && to == "pi5");
    EXPECT_FALSE(pair.segment.empty());
  }
}

TEST(RoutedPairs, AreNoneWithoutGateways) {
  const auto fleet = test::chain_fleet();
  EXPECT_TRUE(routed_pairs(fleet).empty());
  EXPECT_TRUE(routes_of(fleet, 0).empty());
  EXPECT_FALSE(forwards(fleet, 1));
}

constexpr const char* kCables = R"(
[nodes.studio1]
[nodes.studio2]
[nodes.studio3]
[nodes.pi]
[[links]]
a = "studio1:en3"
b = "studio2:en3"
subnet = "10.254.0.0/30"
a_address = "10.254.0.1"
b_address = "10.254.0.2"
[[links]]
a = "studio2:en4"
b = "studio3:en3"
subnet = "10.254.0.4/30"
a_address = "10.254.0.5"
b_address = "10.254.0.6"
[[segments]]
name = "edge"
subnet = "192.168.50.0/24"
kind = "ethernet-1g"
members = { studio1 = "en8=192.168.50.1", pi = "eth0=192.168.50.2" }
gateway = "studio1"
routes_to = ["links"]
)";

TEST(Routes, ToTheLinksOfTheGateway) {
  const auto fleet = fleet_from(kCables);
  // The cable that has no end on the gateway is not among them.
  EXPECT_EQ(routes(fleet, "pi"),
            (Lines{"10.254.0.0/30 via 192.168.50.1 on eth0 (studio1, studio1:en3 - studio2:en3)"}));
  EXPECT_EQ(routes(fleet, "studio2"),
            (Lines{"192.168.50.0/24 via 10.254.0.1 on en3 (studio1, segment edge)"}));
  EXPECT_EQ(routes(fleet, "studio1"), Lines{});
  EXPECT_EQ(routes(fleet, "studio3"), Lines{});
  EXPECT_EQ(pairs(fleet, "pi"),
            (Lines{"192.168.50.2 (eth0) -> studio1 10.254.0.1",
                   "192.168.50.2 (eth0) -> studio2 10.254.0.2 through studio1"}));
}

TEST(AddressBetween, IsInACommonNetworkElseOverRoutes) {
  const auto fleet = fleet_from(kCables);
  const auto between = [&](const std::string& from, const std::string& to) {
    const auto address = address_between(fleet, at(fleet, from), at(fleet, to));
    return address ? address->to_string() : "none";
  };
  EXPECT_EQ(between("studio1", "studio2"), "10.254.0.2");
  EXPECT_EQ(between("pi", "studio1"), "192.168.50.1");
  EXPECT_EQ(between("pi", "studio2"), "10.254.0.2");
  EXPECT_EQ(between("studio2", "pi"), "192.168.50.2");
  EXPECT_EQ(between("pi", "studio3"), "none");
}

TEST(AddressesOf, AreThoseOfLinksThenSegments) {
  const auto fleet = fleet_from(kCables);
  Lines lines;
  for (const auto& own : addresses_of(fleet, 0)) {
    lines.push_back(own.interface + " " + own.address.to_string());
  }
  EXPECT_EQ(lines, (Lines{"en3 10.254.0.1/30", "en8 192.168.50.1/24"}));
}

// far - router2 - middle - router1 - near: two gateways in a row.
TEST(Routes, ThroughTwoGatewaysInARow) {
  const auto fleet = fleet_from(R"(
[nodes.router1]
[nodes.router2]
[nodes.near]
[nodes.far]
[[segments]]
name = "middle"
subnet = "10.0.1.0/24"
members = { router1 = "eth0=10.0.1.1", router2 = "eth0=10.0.1.2" }
[[segments]]
name = "left"
subnet = "10.0.0.0/24"
members = { router1 = "eth1=10.0.0.1", near = "eth0=10.0.0.9" }
gateway = "router1"
routes_to = ["middle", "right"]
[[segments]]
name = "right"
subnet = "10.0.2.0/24"
members = { router2 = "eth1=10.0.2.1", far = "eth0=10.0.2.9" }
gateway = "router2"
routes_to = ["middle"]
)");
  EXPECT_EQ(routes(fleet, "near"),
            (Lines{"10.0.1.0/24 via 10.0.0.1 on eth0 (router1, segment middle)",
                   "10.0.2.0/24 via 10.0.0.1 on eth0 (router1, segment right)"}));
  EXPECT_EQ(routes(fleet, "router1"),
            (Lines{"10.0.2.0/24 via 10.0.1.2 on eth0 (router2, segment right)"}));
  EXPECT_EQ(routes(fleet, "router2"),
            (Lines{"10.0.0.0/24 via 10.0.1.1 on eth0 (router1, segment left)"}));
  EXPECT_EQ(routes(fleet, "far"),
            (Lines{"10.0.0.0/24 via 10.0.2.1 on eth0 (router2, segment left)",
                   "10.0.1.0/24 via 10.0.2.1 on eth0 (router2, segment middle)"}));
  const auto all = pairs(fleet, "near");
  EXPECT_NE(std::find(all.begin(), all.end(),
                      "10.0.0.9 (eth0) -> far 10.0.2.9 through router1 through router2"),
            all.end());
  EXPECT_TRUE(forwards(fleet, at(fleet, "router1")));
  EXPECT_TRUE(forwards(fleet, at(fleet, "router2")));
}

}  // namespace
}  // namespace bringup::topology
