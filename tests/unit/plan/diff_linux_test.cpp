// Linux nodes and gateways: what a plan has for them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/sudoers.hpp"
#include "hybrid.hpp"

namespace bringup::plan::testing {
namespace {

using test::one_edge_fleet;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(DiffLinux, AnInterfaceGetsItsSettingsThroughItsOwner) {
  for (const Manager manager :
       {Manager::network_manager, Manager::netplan, Manager::networkd, Manager::none}) {
    const auto plan = diff(one_edge_fleet(), 2, bare_pi(manager));
    ASSERT_THAT(tasks(plan), ElementsAre("settings.set eth0"));
    const auto settings = parse_settings(plan.actions[0].content);
    ASSERT_TRUE(settings);
    EXPECT_EQ(settings->manager, manager);
    EXPECT_EQ(settings->addresses.front().to_string(), "192.168.50.2/24");
    ASSERT_EQ(settings->routes.size(), 1U);
    EXPECT_EQ(settings->routes[0].destination.to_string(), "10.10.0.0/24");
    EXPECT_EQ(settings->routes[0].via.to_string(), "192.168.50.1");
    EXPECT_TRUE(parse_command(plan.actions[0]));
    EXPECT_THAT(plan.actions[0].shown, HasSubstr("sudo "));
    EXPECT_THAT(plan.actions[0].why, HasSubstr("eth0 has no IPv4 address; segment edge50 needs "));
    EXPECT_THAT(diff(one_edge_fleet(), 2, ready_pi(one_edge_fleet(), manager)).actions, IsEmpty());
  }
}

TEST(DiffLinux, WhatNetworkManagerHadActiveIsRemembered) {
  const auto plan = diff(one_edge_fleet(), 2, bare_pi());
  EXPECT_EQ(parse_settings(plan.actions[0].content)->previous, kUuid);
  EXPECT_THAT(plan.actions[0].undo, HasSubstr(std::string("connection up uuid ") + kUuid));
}

TEST(DiffLinux, EachDriftIsTold) {
  const auto fleet = one_edge_fleet();
  const auto why = [&](const facts::NodeFacts& facts) {
    const auto plan = diff(fleet, 2, facts);
    return plan.actions.empty() ? std::string() : plan.actions[0].why;
  };
  auto facts = ready_pi(fleet);
  ASSERT_EQ(why(facts), "");
  facts.routes.pop_back();
  EXPECT_EQ(why(facts), "no route to 10.10.0.0/24 by 192.168.50.1");
  facts = ready_pi(fleet);
  facts.routes.back().gateway = "192.168.50.9";
  EXPECT_EQ(why(facts), "no route to 10.10.0.0/24 by 192.168.50.1");
  facts = ready_pi(fleet);
  interface_of(facts, "eth0")->inet[0].prefix = 16;
  EXPECT_EQ(why(facts), "eth0 has 192.168.50.2/16; segment edge50 needs 192.168.50.2/24");
  facts = ready_pi(fleet);
  interface_of(facts, "eth0")->up = false;
  EXPECT_EQ(why(facts), "eth0 is down");
  facts = ready_pi(fleet);
  facts.own.clear();
  EXPECT_EQ(why(facts), "nothing of ours keeps eth0 as it is");
  facts = ready_pi(fleet);
  facts.own.begin()->second.content += "route 10.9.0.0/16 192.168.50.1\n";
  EXPECT_EQ(why(facts), "NetworkManager:bringup-eth0 holds other settings");
  facts = ready_pi(fleet);
  facts.owners[0].profile = "Wired connection 1";
  EXPECT_EQ(why(facts), "NetworkManager has another profile active on eth0");
}

TEST(DiffLinux, AnInterfaceInABridgeLeavesItFirst) {
  auto facts = bare_pi(Manager::none);
  facts.bridges = {{"br0", {"eth0"}}};
  const auto plan = diff(one_edge_fleet(), 2, facts);
  EXPECT_THAT(tasks(plan), ElementsAre("bridge.detach eth0", "settings.set eth0"));
  EXPECT_EQ(plan.actions[0].command, "ip link set dev eth0 nomaster");
  EXPECT_EQ(plan.actions[0].undo, "ip link set dev eth0 master br0");
  EXPECT_EQ(parse_command(plan.actions[0])->bridge, "br0");
}

TEST(DiffLinux, TheOnlyDefaultRouteIsNotTakenAway) {
  auto facts = bare_pi();
  facts.routes[0].interface = "eth0";
  auto plan = diff(one_edge_fleet(), 2, facts);
  EXPECT_EQ(plan.state, NodeState::refused);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_THAT(plan.findings[0].seen, HasSubstr("eth0 carries the only default route"));
  facts.routes.push_back({subnet("0.0.0.0/0"), "192.168.1.1", "wlan0"});
  plan = diff(one_edge_fleet(), 2, facts);
  EXPECT_EQ(plan.state, NodeState::ready);
  EXPECT_THAT(layers(plan, Severity::warning), ElementsAre("route"));
  EXPECT_THAT(tasks(plan), ElementsAre("settings.set eth0"));
}

TEST(DiffLinux, WhatTheInventoryNamesNoMoreVanishes) {
  auto fleet = one_edge_fleet();
  auto facts = ready_pi(fleet);
  facts.own["/etc/netplan/90-bringup-eth7.yaml"] = {true, "by hand\n", ""};
  facts.own[std::string(kForwardingFile)] = {true, std::string(kForwardingText), ""};
  fleet.segments[1].members.pop_back();
  const auto plan = diff(fleet, 2, facts);
  EXPECT_THAT(tasks(plan), ElementsAre("settings.remove eth7", "settings.remove eth0",
                                       "forwarding.disable forwarding"));
  for (const auto& action : plan.actions) EXPECT_TRUE(parse_command(action)) << action.command;
  EXPECT_THAT(plan.actions[1].command, HasSubstr("nmcli connection delete id bringup-eth0"));
  EXPECT_THAT(plan.actions[0].undo, IsEmpty()) << "what it held is not known";
}

TEST(DiffLinux, SettingsThatAreKeptTwiceAreKeptOnce) {
  const auto fleet = one_edge_fleet();
  auto facts = ready_pi(fleet, Manager::networkd);
  auto lasting = fleet;
  lasting.persist = true;
  const auto other = *wanted_settings(lasting, 2, "eth0", Manager::networkd);
  ASSERT_FALSE(facts.own.contains(settings_place(other)));
  facts.own[settings_place(other)] = {true, settings_file(other), ""};
  // Taking one away takes the address away: the other is set anew, though nothing of it is wrong.
  const auto plan = diff(fleet, 2, facts);
  ASSERT_THAT(tasks(plan), ElementsAre("settings.remove eth0", "settings.set eth0"));
  EXPECT_THAT(plan.actions[1].why, HasSubstr("what kept them is taken away"));
}

TEST(DiffLinux, LastingSettingsTakeThePlaceOfPassingOnes) {
  auto fleet = one_edge_fleet();
  const auto facts = ready_pi(fleet, Manager::networkd);
  fleet.persist = true;
  const auto plan = diff(fleet, 2, facts);
  ASSERT_THAT(tasks(plan), ElementsAre("settings.remove eth0", "settings.set eth0"));
  EXPECT_THAT(plan.actions[0].command, HasSubstr("rm -f /run/systemd/network/00-bringup-eth0"));
  EXPECT_THAT(plan.actions[1].command, HasSubstr(" /etc/systemd/network/00-bringup-eth0"));
}

TEST(DiffLinux, AVerbsDeviceIsThereAndActiveOrTold) {
  model::Fleet fleet;
  for (const char* name : {"spark1", "spark2"}) add_node(fleet, name);
  add_link(fleet, 0, "eth0", 1, "eth0", "10.254.0.0/30");
  auto facts = bare_pi(Manager::none);
  const auto told = [&] {
    for (const auto& finding : diff(fleet, 0, facts).findings) {
      if (finding.layer == "rdma") return finding.seen;
    }
    return std::string();
  };
  EXPECT_EQ(told(), "`ibv_devinfo` is missing or could not be read");
  facts.ibv_ports.emplace();
  EXPECT_EQ(told(), "ibv_devinfo lists no device");
  facts.ibv_ports->push_back({"mlx5_0", 1, "PORT_ACTIVE", "Ethernet", std::nullopt, {}});
  EXPECT_EQ(told(), "ibv_devinfo lists only mlx5_0");
  facts.ibv_ports->push_back({"rdma_eth0", 1, "PORT_DOWN", "Ethernet", std::nullopt, {}});
  EXPECT_EQ(told(), "the port of rdma_eth0 is PORT_DOWN");
  facts.ibv_ports->back().state = "PORT_ACTIVE";
  EXPECT_EQ(told(), "");
}

TEST(DiffLinux, AGatewayForwards) {
  auto fleet = one_edge_fleet();
  fleet.segments[1].gateway = 2;  // the Pi itself
  fleet.segments[0].members.push_back({2, "eth1", ip("10.10.0.9"), ""});
  auto facts = bare_pi(Manager::none);
  facts.interfaces.push_back(port("eth1"));
  auto plan = diff(fleet, 2, facts);
  ASSERT_THAT(tasks(plan), Contains("forwarding.enable forwarding"));
  EXPECT_THAT(plan.actions.back().command,
              ::testing::StartsWith("sysctl -w net.ipv4.ip_forward=1 && rm"));
  fleet.persist = true;
  plan = diff(fleet, 2, facts);
  EXPECT_THAT(plan.actions.back().shown, HasSubstr("sudo mv -f /etc/sysctl.d/90-bringup.conf.new"));
  facts.forwarding = true;
  facts.own[std::string(kForwardingFile)] = {true, std::string(kForwardingText), ""};
  EXPECT_THAT(tasks(diff(fleet, 2, facts)), Not(Contains("forwarding.enable forwarding")));
}

TEST(DiffMac, AGatewayOnAKeptBridge) {
  const auto fleet = one_edge_fleet();
  auto facts = bare_mini();
  auto plan = diff(fleet, 0, facts);
  // bridge0 is kept with all its members; en8 gets its address; forwarding goes on.
  EXPECT_THAT(tasks(plan), ElementsAre("address.assign bridge0", "address.assign en8",
                                       "forwarding.enable forwarding"));
  EXPECT_EQ(plan.actions[2].command, "sysctl -w net.inet.ip.forwarding=1");
  EXPECT_THAT(layers(plan, Severity::note), ElementsAre("rdma"));
  EXPECT_THAT(plan.findings[0].seen, HasSubstr("no RDMA over a bridge"));
  // The way back of the other mini.
  plan = diff(fleet, 1, facts);
  EXPECT_THAT(tasks(plan), ElementsAre("address.assign bridge0", "route.add bridge0"));
  EXPECT_EQ(plan.actions[1].command, "route -n add -net 192.168.50.0/24 10.10.0.1");
  EXPECT_THAT(plan.actions[1].why, HasSubstr("mini1 forwards there"));
  facts.routes.push_back({subnet("192.168.50.0/24"), "10.10.0.2", "bridge0"});
  plan = diff(fleet, 1, facts);
  EXPECT_THAT(tasks(plan),
              ElementsAre("address.assign bridge0", "route.remove bridge0", "route.add bridge0"));
  facts.routes.back().gateway = "10.10.0.1";
  interface_of(facts, "bridge0")->inet = {{ip("10.10.0.3"), 24}};
  EXPECT_THAT(tasks(diff(fleet, 1, facts)), IsEmpty());
}

TEST(DiffMac, StaticNeighboursWhereTheyAreDeclared) {
  auto fleet = one_edge_fleet();
  fleet.segments[1].members[1].mac = "dc:a6:32:01:02:03";
  auto facts = bare_mini();
  const auto plan = diff(fleet, 0, facts);
  ASSERT_THAT(tasks(plan), Contains("neighbour.set en8"));
  const auto& action = plan.actions[2];
  EXPECT_EQ(action.command, "arp -s 192.168.50.2 dc:a6:32:01:02:03");
  EXPECT_EQ(action.undo, "arp -d 192.168.50.2");
  facts.neighbours = {{ip("192.168.50.2"), "en8", "dc:a6:32:01:02:03", true}};
  EXPECT_THAT(tasks(diff(fleet, 0, facts)), Not(Contains("neighbour.set en8")));
  facts.neighbours[0].permanent = false;
  EXPECT_THAT(tasks(diff(fleet, 0, facts)), Contains("neighbour.set en8"));
}

TEST(DiffMac, OwnRoutesAreNoClash) {
  const auto fleet = one_edge_fleet();
  auto facts = bare_mini();
  facts.routes.push_back({subnet("192.168.50.0/24"), "10.10.0.1", "bridge0"});
  Plan plan;
  plan.nodes = {diff(fleet, 1, facts)};
  cross_check(fleet, {nullptr, &facts, nullptr}, plan);
  EXPECT_THAT(layers(plan.nodes[0], Severity::warning), IsEmpty());
  facts.routes.back().gateway = "192.168.1.1";
  plan.nodes = {diff(fleet, 1, facts)};
  cross_check(fleet, {nullptr, &facts, nullptr}, plan);
  EXPECT_THAT(layers(plan.nodes[0], Severity::warning), Contains("address"));
}

TEST(KeptOnAMac, GatewaysRoutesAndForwarding) {
  auto fleet = one_edge_fleet();
  fleet.persist = true;
  fleet.segments[1].members[1].mac = "dc:a6:32:01:02:03";
  const auto kept = kept_settings(fleet, 0, "admin");
  EXPECT_EQ(kept.links.size(), 2U);
  EXPECT_TRUE(kept.forwarding);
  ASSERT_EQ(kept.neighbours.size(), 1U);
  const auto other = kept_settings(fleet, 1, "admin");
  ASSERT_EQ(other.routes.size(), 1U);
  EXPECT_FALSE(other.forwarding);
  for (const auto& settings : {kept, other}) {
    EXPECT_EQ(parse_launch_daemon(launch_daemon(settings)), settings);
  }
  EXPECT_THAT(keeper_script(kept), HasSubstr("\n  forward\n"));
  EXPECT_THAT(keeper_script(other),
              HasSubstr("\n  route 192.168.50.0/24 10.10.0.1 192.168.50.1\n"));
}

TEST(SudoersOfAGateway, AllowItsCommandsAlone) {
  auto fleet = one_edge_fleet();
  fleet.segments[1].members[1].mac = "dc:a6:32:01:02:03";
  const auto gateway = root_commands(fleet, 0, facts::Os::darwin);
  EXPECT_THAT(gateway, Contains("/usr/sbin/sysctl -w net.inet.ip.forwarding=[01]"));
  EXPECT_THAT(gateway, Contains("/usr/sbin/arp -d 192.168.50.2"));
  const auto member = root_commands(fleet, 1, facts::Os::darwin);
  EXPECT_THAT(member, Contains("/sbin/route -n add -net 192.168.50.0/24 [0-9]*"));
  EXPECT_THAT(member, Not(Contains("/usr/sbin/sysctl -w net.inet.ip.forwarding=[01]")));
}

TEST(PlanOffline, GatewaysAndLinuxNodes) {
  const auto mini = from_scratch(one_edge_fleet(), 1);
  EXPECT_THAT(commands(mini), Contains("route -n add -net 192.168.50.0/24 10.10.0.1"));
  EXPECT_THAT(commands(mini), Not(Contains(HasSubstr("deletem"))));
  const auto pi = from_scratch(one_edge_fleet(), 2);
  ASSERT_THAT(tasks(pi), ElementsAre("settings.set eth0"));
  EXPECT_THAT(pi.actions[0].command, HasSubstr("ip route replace 10.10.0.0/24 via 192.168.50.1"));
}

}  // namespace
}  // namespace bringup::plan::testing
