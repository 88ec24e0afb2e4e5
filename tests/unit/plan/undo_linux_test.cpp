// Linux nodes and gateways: what takes a plan for them back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../../../src/plan/settings_undo.hpp"
#include "bringup/plan/commands.hpp"
#include "bringup/plan/undo.hpp"
#include "hybrid.hpp"

namespace bringup::plan::testing {
namespace {

using test::one_edge_fleet;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(UndoLinux, OursGoesAndThePreviousProfileComesBack) {
  const auto fleet = one_edge_fleet();
  const auto before = facts::record_of("pi5", bare_pi());
  const auto now = ready_pi(fleet);
  const auto back = undo(fleet, 2, before, now, diff(fleet, 2, bare_pi()));
  ASSERT_THAT(tasks(back), ElementsAre("settings.remove eth0"));
  EXPECT_EQ(back.actions[0].command,
            std::string("nmcli connection delete id bringup-eth0; nmcli --wait 0 connection up "
                        "uuid ") +
                kUuid);
  EXPECT_TRUE(parse_command(back.actions[0]));
  // Nothing to do when nothing is there any more.
  EXPECT_THAT(undo(fleet, 2, before, bare_pi(), diff(fleet, 2, bare_pi())).actions, IsEmpty());
}

TEST(UndoLinux, EarlierSettingsOfOursComeBack) {
  auto fleet = one_edge_fleet();
  const auto was = ready_pi(fleet, Manager::networkd);
  fleet.segments[1].members[1].address = ip("192.168.50.7");
  const auto ran_plan = diff(fleet, 2, was);
  const auto now = ready_pi(fleet, Manager::networkd);
  const auto back = undo(fleet, 2, facts::record_of("pi5", was), now, ran_plan);
  ASSERT_THAT(tasks(back), ElementsAre("settings.set eth0"));
  EXPECT_EQ(parse_settings(back.actions[0].content)->addresses[0].to_string(), "192.168.50.2/24");
}

TEST(UndoLinux, ByIpAloneOnlyWhatWasAdded) {
  auto fleet = one_edge_fleet();
  auto was = bare_pi(Manager::none);
  interface_of(was, "eth0")->inet = {{ip("192.168.50.2"), 24}};
  const auto plan = diff(fleet, 2, was);
  const auto back =
      undo(fleet, 2, facts::record_of("pi5", was), ready_pi(fleet, Manager::none), plan);
  ASSERT_THAT(tasks(back), ElementsAre("settings.remove eth0"));
  EXPECT_EQ(back.actions[0].command, "ip route del 10.10.0.0/24 via 192.168.50.1 dev eth0");
}

TEST(UndoMac, RoutesForwardingAndNeighbours) {
  auto fleet = one_edge_fleet();
  fleet.segments[1].members[1].mac = "dc:a6:32:01:02:03";
  const auto bare = bare_mini();
  auto now = bare;
  now.forwarding = true;
  interface_of(now, "en8")->inet = {{ip("192.168.50.1"), 24}};
  interface_of(now, "bridge0")->inet = {{ip("10.10.0.1"), 24}};
  now.neighbours = {{ip("192.168.50.2"), "en8", "dc:a6:32:01:02:03", true}};
  const auto back = undo(fleet, 0, facts::record_of("mini1", bare), now, diff(fleet, 0, bare));
  EXPECT_THAT(tasks(back), ElementsAre("forwarding.disable forwarding", "neighbour.remove en8",
                                       "address.remove bridge0", "address.remove en8"));
  for (const auto& action : back.actions) EXPECT_TRUE(parse_command(action)) << action.command;
}

TEST(InverseOf, EachChangeThatIsOneCommand) {
  const auto fleet = one_edge_fleet();
  const auto bare = bare_mini();
  const auto record = facts::record_of("mini3", bare);
  const auto plan = diff(fleet, 1, bare);
  const auto back = inverse_of(plan.actions[1], record);
  ASSERT_EQ(back.size(), 1U);
  EXPECT_EQ(back[0].command, "route -n delete -net 192.168.50.0/24 10.10.0.1");
  EXPECT_THAT(inverse_of(plan.actions[0], record), IsEmpty()) << "ifconfig's have their own way";
  const auto on = diff(fleet, 0, bare).actions[2];
  ASSERT_EQ(inverse_of(on, record).size(), 1U);
  EXPECT_EQ(inverse_of(on, record)[0].command, "sysctl -w net.inet.ip.forwarding=0");
  auto forwarding = bare;
  forwarding.forwarding = true;
  const auto kept = inverse_of(on, facts::record_of("mini1", forwarding));
  ASSERT_EQ(kept.size(), 1U) << "forwarding stays";
  EXPECT_EQ(kept[0].command, "sysctl -w net.inet.ip.forwarding=1");
  forwarding.forwarding = false;
  forwarding.own[std::string(kForwardingFile)] = {true, std::string(kForwardingText), ""};
  const auto off = inverse_of(on, facts::record_of("mini1", forwarding));
  ASSERT_EQ(off.size(), 1U) << "somebody had switched it off beside our file";
  EXPECT_EQ(off[0].task, Task::forwarding_disable);
}

}  // namespace
}  // namespace bringup::plan::testing
