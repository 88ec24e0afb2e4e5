// Each layer broken in turn at either end: both directions must blame the same place.
#include <gtest/gtest.h>

#include "bringup/verify/checks.hpp"
#include "support/verify_values.hpp"

namespace bringup::verify {
namespace {

using test::frame;
using test::Healthy;
using test::pair_fleet;
using test::route_frame;

struct Blame : testing::Test {
  Healthy lab{pair_fleet()};
  platform::Interface& port(std::size_t node) { return lab.facts[node].interfaces[0]; }

  // Nobody answers; both directions must give this one diagnosis, and it is told once.
  Diagnosis both() {
    lab.silence(0);
    const Matrix matrix = lab.judge();
    EXPECT_EQ(matrix.count(CellStatus::fail), 2U);
    EXPECT_EQ(matrix.cells[0].diagnosis->seen, matrix.cells[1].diagnosis->seen);
    EXPECT_EQ(matrix.findings.size(), 1U);
    EXPECT_EQ(matrix.findings[0].severity, plan::Severity::error);
    return matrix.cells[0].diagnosis.value();
  }
};

TEST_F(Blame, ABridgeThatHoldsThePort) {
  lab.facts[1].bridges = {{"bridge0", {"en2", "en5"}}};
  port(1).inet.clear();  // a later layer: must not be named
  const auto found = both();
  EXPECT_EQ(found.layer, "bridge");
  EXPECT_EQ(found.node, "hwstudio2");
  EXPECT_EQ(found.target, "en5");
  EXPECT_EQ(found.seen, "hwstudio2:en5 is a member of bridge0");
  EXPECT_EQ(found.expected, "en5 stands alone");
  EXPECT_EQ(found.cure, "bringup apply");
}

TEST_F(Blame, WalksTheLayersInOrder) {
  lab.silence(0);
  const auto layer = [this] { return lab.judge().cells[0].diagnosis->layer; };
  lab.facts[1].bridges = {{"bridge0", {"en5"}}};
  port(0).up = false;  // a later layer at the end that is looked at first
  port(0).active = false;
  port(1).active = false;
  port(1).inet.clear();
  lab.evidence[0].frames[0] = route_frame(0, "en0");
  EXPECT_EQ(layer(), "bridge");
  lab.facts[1].bridges.clear();
  EXPECT_EQ(layer(), "interface");
  port(0).up = true;
  EXPECT_EQ(layer(), "cable");
  port(0).active = true;
  port(1).active = std::nullopt;  // the system does not say: no reason to blame the cable
  EXPECT_EQ(layer(), "address");
  port(1).inet = {{test::ip("10.254.0.6"), 30}};
  EXPECT_EQ(layer(), "route");
  lab.evidence[0].frames[0] = route_frame(0, "en5");
  EXPECT_EQ(layer(), "ping");
}

TEST_F(Blame, AnInterfaceThatIsNotThere) {
  port(0).name = "en7";
  const auto found = both();
  EXPECT_EQ(found.layer, "interface");
  EXPECT_EQ(found.seen, "hwstudio1 has no interface en5");
  EXPECT_EQ(found.cure, "name the right interface in fleet.toml (hwstudio1 has: en7)");
}

TEST_F(Blame, AnInterfaceThatIsSwitchedOff) {
  port(1).up = false;
  port(1).active = false;  // a Mac reports a port without UP as inactive: not the cable's fault
  const auto found = both();
  EXPECT_EQ(found.layer, "interface");
  EXPECT_EQ(found.seen, "hwstudio2:en5 is switched off (flag UP missing)");
  EXPECT_EQ(found.cure, "bringup apply");
}

TEST_F(Blame, ACableSeenFromOneEnd) {
  port(1).active = false;
  const auto found = both();
  EXPECT_EQ(found.layer, "cable");
  EXPECT_EQ(found.node, "hwstudio2");
  EXPECT_EQ(found.seen, "hwstudio2:en5 is down (cable unplugged?)");
}

TEST_F(Blame, ACableSeenFromBothEnds) {
  port(0).active = false;
  port(1).active = false;
  EXPECT_EQ(both().seen, "hwstudio1:en5 and hwstudio2:en5 are down (cable unplugged?)");
}

TEST_F(Blame, AWrongAddress) {
  port(1).inet = {{test::ip("10.254.0.9"), 30}, {test::ip("169.254.7.7"), 16}};
  const auto found = both();
  EXPECT_EQ(found.layer, "address");
  EXPECT_EQ(found.seen, "hwstudio2:en5 has 10.254.0.9/30, 169.254.7.7/16");
  EXPECT_EQ(found.expected, "10.254.0.6/30");
  EXPECT_EQ(found.cure, "bringup apply");
}

TEST_F(Blame, AWrongPrefix) {
  port(0).inet = {{test::ip("10.254.0.5"), 24}};
  EXPECT_EQ(both().seen, "hwstudio1:en5 has 10.254.0.5/24");
}

TEST_F(Blame, NoAddressAtAll) {
  port(1).inet.clear();
  EXPECT_EQ(both().seen, "hwstudio2:en5 has no IPv4 address");
}

TEST_F(Blame, AnAddressOnTheWrongPort) {
  port(1).inet.clear();
  platform::Interface other;
  other.name = "en4";
  other.inet = {{test::ip("10.254.0.6"), 30}};
  lab.facts[1].interfaces.push_back(other);
  const auto found = both();
  EXPECT_EQ(found.seen, "10.254.0.6/30 is on hwstudio2:en4");
  EXPECT_EQ(found.expected, "10.254.0.6/30 on en5");
}

TEST_F(Blame, AFurtherAddressIsNoFault) {
  port(1).inet.insert(port(1).inet.begin(), {test::ip("169.254.7.7"), 16});
  lab.silence(0);
  EXPECT_EQ(lab.judge().cells[0].diagnosis->layer, "ping");
}

TEST_F(Blame, TheWayBackOfTheReplies) {
  lab.evidence[1].frames[0] = route_frame(0, "en0");
  const auto found = both();
  EXPECT_EQ(found.layer, "route");
  EXPECT_EQ(found.node, "hwstudio2");
  EXPECT_EQ(found.seen, "route to 10.254.0.5 leaves through en0");
  EXPECT_NE(found.cure.find("route -n get 10.254.0.5"), std::string::npos);
}

TEST_F(Blame, TheRouteOfALinuxNode) {
  lab.facts[1].os = facts::Os::linux_kernel;
  lab.evidence[1].frames[0] = frame("route.0", "RTNETLINK answers: Network is unreachable\n", 2);
  const auto found = both();
  EXPECT_EQ(found.seen, "no route to 10.254.0.5");
  EXPECT_NE(found.cure.find("ip route get 10.254.0.5"), std::string::npos);
}

TEST_F(Blame, TheSessionThatIsMissingBeforeTheCableThatFollowsFromIt) {
  lab.evidence[1] = {Error{ErrorCode::unreachable, "hwstudio2: timed out", ""}, {}, nullptr};
  port(0).active = false;
  lab.silence(0);
  const Matrix matrix = lab.judge();
  EXPECT_EQ(matrix.cells[0].status, CellStatus::fail);
  EXPECT_EQ(matrix.cells[0].diagnosis->layer, "ssh");
  EXPECT_EQ(matrix.cells[0].diagnosis->node, "hwstudio2");
  EXPECT_EQ(matrix.cells[1].status, CellStatus::unreachable);
  EXPECT_EQ(matrix.findings.size(), 1U);
}

TEST_F(Blame, ThePingWhenAllLayersAreRight) {
  lab.silence(0);
  const Matrix matrix = lab.judge();
  const auto& found = matrix.cells[0].diagnosis.value();
  EXPECT_EQ(found.layer, "ping");
  EXPECT_EQ(found.seen, "no reply to 3 pings");
  EXPECT_EQ(found.expected, "replies from 10.254.0.6");
  EXPECT_EQ(found.cure,
            "does the cable in hwstudio1:en5 lead to hwstudio2:en5? does a firewall on hwstudio2 "
            "drop pings?");
  EXPECT_EQ(matrix.findings.size(), 2U);  // each end speaks for itself
}

TEST_F(Blame, ThePingWhenNoFactsAreKnown) {
  lab.evidence[0].facts = nullptr;
  lab.evidence[1].facts = nullptr;
  lab.silence(0);
  EXPECT_EQ(lab.judge().cells[0].diagnosis->layer, "ping");
}

TEST_F(Blame, TheAddressThatThePingCouldNotBind) {
  port(0).inet.clear();
  lab.evidence[0].frames[1] = frame("ping.0", "ping: bind: Can't assign requested address\n", 71);
  const Matrix matrix = lab.judge();
  EXPECT_EQ(matrix.cells[0].status, CellStatus::fail);
  EXPECT_FALSE(matrix.cells[0].ping.has_value());
  EXPECT_EQ(matrix.cells[0].diagnosis->layer, "address");
  EXPECT_EQ(matrix.cells[0].diagnosis->node, "hwstudio1");
}

TEST_F(Blame, TheWordsOfAPingThatHadNoWayOut) {
  lab.evidence[0].frames[1] = frame("ping.0", "ping: sendto: No route to host\n", 68);
  const Matrix matrix = lab.judge();
  EXPECT_EQ(matrix.cells[0].status, CellStatus::fail);
  EXPECT_EQ(matrix.cells[0].diagnosis->seen, "ping: sendto: No route to host (exit status 68)");
}

}  // namespace
}  // namespace bringup::verify
