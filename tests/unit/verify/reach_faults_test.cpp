// Each thing on a way broken in turn: the first of them is named, with its cure.
#include <gtest/gtest.h>

#include "bringup/verify/diagnoses.hpp"
#include "support/reach_lab.hpp"

namespace bringup::verify {
namespace {

using test::ReachLab;

struct Way : testing::Test {
  ReachLab lab;

  // pi5 does not reach mini2 behind mini1, and this is why.
  Diagnosis why(const std::vector<std::string>& answers = {}) {
    lab.silence("pi5", "10.10.0.2", answers);
    return told();
  }
  Diagnosis told(const std::string& from = "pi5", const std::string& address = "10.10.0.2") {
    const auto matrix = lab.judge();
    for (const auto& one : matrix.reach) {
      if (one.check.from != lab.at(from) || one.check.address != test::ip(address)) continue;
      EXPECT_EQ(one.status, CellStatus::fail);
      const bool found = std::any_of(matrix.findings.begin(), matrix.findings.end(), [&](auto& f) {
        return f.id == one.diagnosis.value().id && f.seen == one.diagnosis.value().seen;
      });
      EXPECT_TRUE(found);
      return one.diagnosis.value();
    }
    throw std::out_of_range("no such cell");
  }
  void forget(const std::string& node, const std::string& destination) {
    std::erase_if(lab.of(node).routes,
                  [&](const auto& one) { return one.destination.to_string() == destination; });
  }
};

TEST_F(Way, AnInterfaceThatIsNotThere) {
  lab.port("pi5", "eth0").name = "eth1";
  EXPECT_EQ(why().id, "interface-missing");
  EXPECT_EQ(why().seen, "pi5 has no interface eth0");
}

TEST_F(Way, AnInterfaceThatIsDown) {
  lab.port("pi5", "eth0").up = false;
  EXPECT_EQ(why().seen, "pi5:eth0 is switched off (flag UP missing)");
}

TEST_F(Way, ACableThatIsOut) {
  lab.port("mini1", "en8").active = false;
  EXPECT_EQ(why().seen, "mini1:en8 is down (cable unplugged?)");
}

TEST_F(Way, AnAddressThatIsMissing) {
  lab.port("mini1", "en8").inet.clear();
  const auto found = why();
  EXPECT_EQ(found.id, "segment-address-missing");
  EXPECT_EQ(found.seen, "mini1:en8 has no IPv4 address");
  EXPECT_EQ(found.expected, "192.168.50.1/24 on en8");
  EXPECT_EQ(found.cure, "bringup apply");
}

TEST_F(Way, AnAddressOnAnotherInterface) {
  lab.port("pi5", "wlan0").inet.push_back({test::ip("192.168.50.2"), 24});
  lab.port("pi5", "eth0").inet.clear();
  EXPECT_EQ(why().seen, "192.168.50.2/24 is on pi5:wlan0");
}

TEST_F(Way, AWrongMask) {
  lab.port("pi5", "eth0").inet = {{test::ip("192.168.50.2"), 16}};
  const auto found = why();
  EXPECT_EQ(found.id, "wrong-mask");
  EXPECT_EQ(found.seen, "pi5:eth0 has 192.168.50.2/16");
  EXPECT_EQ(found.expected, "192.168.50.2/24");
}

TEST_F(Way, AWrongMaskIsToldThoughAllAnswer) {
  lab.port("pi5", "eth0").inet = {{test::ip("192.168.50.2"), 16}};
  EXPECT_EQ(told().id, "wrong-mask");
}

TEST_F(Way, ARouteThatIsMissing) {
  forget("pi5", "10.10.0.0/24");
  const auto found = why();
  EXPECT_EQ(found.id, "route-missing");
  EXPECT_EQ(found.node, "pi5");
  EXPECT_EQ(found.seen, "pi5 has no route to 10.10.0.0/24 (segment fabric)");
  EXPECT_EQ(found.expected, "10.10.0.0/24 via 192.168.50.1 on eth0");
  EXPECT_EQ(found.cure,
            "`sudo ip route replace 10.10.0.0/24 via 192.168.50.1 dev eth0` on pi5, or bringup "
            "apply");
}

TEST_F(Way, TheWayBackThatIsMissing) {
  forget("mini2", "192.168.50.0/24");
  const auto found = why({"192.168.50.1"});
  EXPECT_EQ(found.id, "route-missing");
  EXPECT_EQ(found.node, "mini2");
  EXPECT_EQ(found.cure,
            "`sudo route -n add -net 192.168.50.0/24 10.10.0.1` on mini2, or bringup apply");
}

TEST_F(Way, ARouteThatTheNodeDoesNotUse) {
  lab.route(lab.check("pi5", "10.10.0.2"), "wlan0", "192.168.1.1");
  const auto found = why();
  EXPECT_EQ(found.id, "route-wrong");
  EXPECT_EQ(found.seen, "pi5 sends 10.10.0.0/24 (segment fabric) via 192.168.1.1 on wlan0");
  EXPECT_EQ(found.expected, "via 192.168.50.1 on eth0");
}

TEST_F(Way, ARouteThroughAnotherGatewayOnTheWayBack) {
  for (auto& route : lab.of("mini2").routes) {
    if (route.destination.to_string() == "192.168.50.0/24") route.gateway = "10.10.0.3";
  }
  const auto found = why();
  EXPECT_EQ(found.seen, "mini2 sends 192.168.50.0/24 (segment edge50) via 10.10.0.3 on bridge0");
  EXPECT_EQ(found.cure,
            "`sudo route -n change -net 192.168.50.0/24 10.10.0.1` on mini2, or bringup apply");
}

TEST_F(Way, ASegmentThatIsLeftByAnotherInterface) {
  lab.silence("pi5", "192.168.50.1");
  lab.route(lab.check("pi5", "192.168.50.1"), "wlan0");
  const auto found = told("pi5", "192.168.50.1");
  EXPECT_EQ(found.id, "route-elsewhere");
  EXPECT_EQ(found.seen, "route to 192.168.50.1 leaves through wlan0");
}

TEST_F(Way, RepliesByAnotherWayAreNone) {
  lab.route(lab.check("pi5", "10.10.0.2"), "wlan0", "192.168.1.1");
  EXPECT_EQ(told().id, "route-wrong");
}

TEST_F(Way, RepliesThroughAnotherGatewayAreNone) {
  lab.path(lab.check("pi5", "10.10.0.2"), {"192.168.1.12", "!"});  // mini3, by its LAN address
  const auto found = told();
  EXPECT_EQ(found.id, "path-differs");
  EXPECT_EQ(found.seen, "10.10.0.2 is reached through mini3");
  EXPECT_EQ(found.expected, "through mini1");
}

TEST_F(Way, AStaleNeighbour) {
  lab.of("pi5").neighbours = {{test::ip("192.168.50.1"), "eth0", "02:00:00:00:77:77", false}};
  const auto found = why();
  EXPECT_EQ(found.id, "stale-neighbour");
  EXPECT_EQ(found.seen, "pi5 holds 192.168.50.1 to be at 02:00:00:00:77:77");
  EXPECT_EQ(found.expected, lab.port("mini1", "en8").ether + " (mini1:en8)");
  EXPECT_EQ(found.cure, "`sudo ip neigh flush dev eth0` on pi5");
  lab.of("pi5").neighbours[0].mac = lab.port("mini1", "en8").ether;
  EXPECT_NE(why().id, "stale-neighbour");
}

TEST_F(Way, AStaleNeighbourOfAMacAndOneThatIsDeclaredSo) {
  lab.of("mini2").neighbours = {{test::ip("10.10.0.1"), "bridge0", "02:00:00:00:77:77", true}};
  EXPECT_EQ(why().cure, "`sudo arp -d 10.10.0.1` on mini2");
  lab.fleet.segments[0].members[0].mac = "02:00:00:00:77:77";
  EXPECT_EQ(why().cure, "correct its MAC under `neighbours` in fleet.toml, then bringup apply");
}

TEST_F(Way, ANeighbourThatIsNotHeard) {
  lab.of("pi5").neighbours = {{test::ip("192.168.50.1"), "eth0", "", false}};
  const auto found = why();
  EXPECT_EQ(found.id, "neighbour-silent");
  EXPECT_EQ(found.seen, "mini1:en8 (192.168.50.1) does not answer ARP on pi5:eth0");
}

TEST_F(Way, AGatewayThatDoesNotForward) {
  lab.of("mini1").forwarding = false;
  const auto found = why({"192.168.50.1"});
  EXPECT_EQ(found.id, "forwarding-off");
  EXPECT_EQ(found.node, "mini1");
  EXPECT_EQ(found.cure,
            "`sudo sysctl -w net.inet.ip.forwarding=1` on mini1, or bringup apply, which keeps it");
  lab.of("mini1").os = facts::Os::linux_kernel;
  EXPECT_NE(why().cure.find("sudo sysctl -w net.ipv4.ip_forward=1"), std::string::npos);
  // Its own addresses need no forwarding.
  lab.silence("pi5", "10.10.0.1");
  EXPECT_NE(told("pi5", "10.10.0.1").id, "forwarding-off");
}

TEST_F(Way, IsToldOnceForAllPairs) {
  lab.of("mini1").forwarding = false;
  lab.silence("pi5", "10.10.0.2");
  lab.silence("pi5", "10.10.0.3");
  lab.silence("mini2", "192.168.50.2");
  const auto matrix = lab.judge();
  EXPECT_EQ(matrix.count_reach(CellStatus::fail), 3U);
  EXPECT_EQ(std::count_if(matrix.findings.begin(), matrix.findings.end(),
                          [](const auto& one) { return one.id == "forwarding-off"; }),
            1);
}

TEST_F(Way, TheGatewayThatIsItselfNotReached) {
  lab.silence("pi5", "192.168.50.1");
  const auto found = why();
  EXPECT_EQ(found.id, "reach-silent");
  EXPECT_NE(found.seen.find("192.168.50.1 (mini1)"), std::string::npos) << found.seen;
}

TEST_F(Way, AFirewallThatDropsPingsOnly) {
  lab.silence("pi5", "10.10.0.2");
  lab.path(lab.check("pi5", "10.10.0.2"), {"192.168.50.1", ""}, "tcp  bu_rc=0\n");
  lab.of("mini1").forwarding = false;  // what the facts say is disproved
  const auto found = told();
  EXPECT_EQ(found.id, "icmp-filtered");
  EXPECT_EQ(found.seen, "10.10.0.2 answers no pings, and TCP port 22 of it connects");
  EXPECT_EQ(found.cure, "allow ICMP echo in the firewall of mini2 or mini1");
}

TEST_F(Way, LargePacketsThatVanish) {
  const auto one = lab.check("pi5", "10.10.0.2");
  const std::string lost = "1 packets transmitted, 0 received, 100% packet loss, time 0ms\n";
  lab.put(one, "reach-large", "packet 1500\n" + lost, 1);
  auto found = told();
  EXPECT_EQ(found.id, "mtu-vanishes");
  EXPECT_EQ(found.seen,
            "packets of 1500 bytes from pi5 to 10.10.0.2 (mini2) vanish, small ones are answered");
  EXPECT_NE(found.cure.find("`sudo ip link set dev eth0 mtu 1280` on pi5"), std::string::npos);
  // The ends of one network on the way do not agree.
  lab.port("mini1", "bridge0").mtu = 9000;
  lab.port("mini2", "bridge0").mtu = 1400;
  found = told();
  EXPECT_EQ(found.id, "mtu-differs");
  EXPECT_EQ(found.node, "mini1");
  EXPECT_EQ(found.seen, "mini1:bridge0 has MTU 9000, mini2:bridge0 has 1400");
  EXPECT_EQ(found.cure, "`sudo ifconfig bridge0 mtu 1400` on mini1");
  lab.port("mini2", "bridge0").mtu = 1500;  // takes them
  EXPECT_EQ(told().id, "mtu-vanishes");
  lab.port("mini1", "bridge0").mtu = 1300;  // whoever sends less loses nothing there
  lab.port("mini2", "bridge0").mtu = 1400;
  EXPECT_EQ(told().id, "mtu-vanishes");
  // Who is told what fits needs no help.
  lab.put(one, "reach-large", "packet 1500\nFrag needed and DF set (mtu = 1400)\n" + lost, 1);
  EXPECT_TRUE(lab.judge().green());
  for (const char* text : {"packet 0\n", "packet 65536\n", "packet x\n", "packet 1500", ""}) {
    lab.put(one, "reach-large", text, 1);
    EXPECT_TRUE(lab.judge().green()) << text;
  }
}

TEST_F(Way, SilenceWithoutAReason) {
  const auto found = why({"192.168.50.1", ""});
  EXPECT_EQ(found.id, "reach-silent");
  EXPECT_EQ(found.seen, "no reply from 10.10.0.2 (mini2); the last that answered is mini1");
  EXPECT_EQ(found.cure,
            "look at the firewall of mini1, mini2: `sudo pfctl -s rules` on mini1, `sudo pfctl -s "
            "rules` on mini2");
  EXPECT_NE(why().seen.find("the last that answered is nobody"), std::string::npos);
}

TEST_F(Way, TheSessionThatAGatewayLacks) {
  lab.evidence[lab.at("mini1")] = {
      Error{ErrorCode::unreachable, "mini1: timed out", ""}, {}, nullptr};
  EXPECT_EQ(why().id, "ssh-no-session");
  EXPECT_EQ(why().node, "mini1");
}

TEST_F(Way, WithoutFactsSaysWhatWasSeen) {
  for (std::size_t node = 0; node < lab.evidence.size(); ++node) {
    if (node != lab.at("pi5")) lab.evidence[node].facts = nullptr;
  }
  lab.of("pi5").interfaces.clear();
  lab.of("pi5").routes.clear();
  EXPECT_EQ(why().id, "reach-silent");
}

TEST_F(Way, ADefaultRouteThatASegmentTook) {
  auto& facts = lab.of("pi5");
  facts.routes[0] = {model::Subnet::parse("0.0.0.0/0").value(), "192.168.50.1", "eth0"};
  auto matrix = lab.judge();
  const auto taken = [&] {
    const auto found =
        std::find_if(matrix.findings.begin(), matrix.findings.end(),
                     [](const auto& one) { return one.id == "default-route-taken"; });
    return found == matrix.findings.end() ? Finding{} : *found;
  };
  EXPECT_EQ(taken().seen, "the default route of pi5 leaves through eth0 (segment edge50)");
  EXPECT_EQ(taken().severity, plan::Severity::warning);
  EXPECT_EQ(taken().cure, "`sudo ip route del default dev eth0` on pi5, or bringup apply");
  facts.owners = {{"eth0", platform::Manager::network_manager, "Wired connection 1", "u"}};
  matrix = lab.judge();
  EXPECT_EQ(taken().cure,
            "`sudo nmcli con mod 'Wired connection 1' ipv4.never-default yes; sudo nmcli con up "
            "'Wired connection 1'` on pi5, or bringup apply");
  // What it means for the expectation that names the interface.
  lab.route(lab.check("pi5", "8.8.8.8"), "eth0", "192.168.50.1");
  EXPECT_EQ(told("pi5", "8.8.8.8").id, "default-route-taken");
}

TEST_F(Way, ARouterOfTheSegmentItselfIsNoThief) {
  auto& facts = lab.of("pi5");
  facts.routes[0] = {model::Subnet::parse("0.0.0.0/0").value(), "192.168.50.254", "eth0"};
  facts.session_interface = "eth0";
  for (const auto& one : lab.judge().findings) EXPECT_NE(one.id, "default-route-taken");
  facts.session_interface = "wlan0";
  EXPECT_EQ(lab.judge().findings.back().id, "default-route-taken");
}

TEST_F(Way, NamesOnlyRowsOfTheTable) {
  for (const auto* id : {"forwarding-off", "route-missing", "route-wrong", "default-route-taken",
                         "wrong-mask", "stale-neighbour", "neighbour-silent", "icmp-filtered",
                         "segment-address-missing", "reach-silent", "isolation-broken", "wrong-way",
                         "path-differs", "segment-bridge", "expect-no-address"}) {
    EXPECT_EQ(diagnosis_row(id).id, id);
  }
}

}  // namespace
}  // namespace bringup::verify
