#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/platform/linux.hpp"
#include "support/data.hpp"

namespace bringup::platform {
namespace {

using support::read_data;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(IpAddr, InterfacesWithAddressesAndCarrier) {
  const auto seen = linux_kernel::parse_ip_addr(read_data("linux/ip-addr.json"));
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_EQ(seen->interfaces.size(), 3U);
  const Interface& lo = seen->interfaces[0];
  EXPECT_EQ(lo.name, "lo");
  EXPECT_THAT(lo.inet6, ElementsAre("::1"));
  const Interface& bridge = seen->interfaces[1];
  EXPECT_TRUE(bridge.up);
  EXPECT_EQ(bridge.active, false);
  EXPECT_EQ(bridge.ether, "aa:bb:cc:00:00:01");
  EXPECT_THAT(bridge.inet, IsEmpty());
  const Interface& port = seen->interfaces[2];
  EXPECT_EQ(port.active, true);
  EXPECT_EQ(port.mtu, 4200U);
  ASSERT_EQ(port.inet.size(), 1U);
  EXPECT_EQ(port.inet[0].to_string(), "10.254.0.1/30");
}

TEST(IpAddr, BridgesWithTheirMembers) {
  const auto seen = linux_kernel::parse_ip_addr(read_data("linux/ip-addr.json"));
  ASSERT_TRUE(seen);
  ASSERT_EQ(seen->bridges.size(), 1U);
  EXPECT_EQ(seen->bridges[0].name, "br0");
  EXPECT_THAT(seen->bridges[0].members, ElementsAre("en5"));
}

TEST(IpAddr, WhatIsNoListOfInterfacesIsRefused) {
  for (const char* text : {"", "{}", "[1]", "[{\"ifname\":\"-rf\"}]", "[{\"ifname\":7,\"mtu\":1}]",
                           "[{\"ifname\":\"en5\"}", "Device \"x\" does not exist."}) {
    EXPECT_FALSE(linux_kernel::parse_ip_addr(text)) << text;
  }
  EXPECT_FALSE(linux_kernel::parse_ip_addr(std::string(5 << 20, '[')));
  EXPECT_FALSE(linux_kernel::parse_ip_addr(std::string(3 << 20, '[')));
}

TEST(IpAddr, MembersOfOtherTypesAreSkipped) {
  const auto seen = linux_kernel::parse_ip_addr(
      R"([{"ifname":"en5","mtu":"big","flags":[3,"UP"],"addr_info":[7,{"family":"inet","local":)"
      R"("10.0.0.999","prefixlen":30},{"family":"inet","local":"10.0.0.1","prefixlen":33}]},{}])");
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_EQ(seen->interfaces.size(), 1U);
  EXPECT_TRUE(seen->interfaces[0].up);
  EXPECT_EQ(seen->interfaces[0].mtu, 0U);
  EXPECT_THAT(seen->interfaces[0].inet, IsEmpty());
}

// What ethtool 6.1 prints after "Speed: ", and sysfs of a port without a link.
TEST(LinuxSpeeds, AreThoseOfPortsThatHaveOne) {
  const auto speeds = linux_kernel::parse_speeds(
      "eth0 1000Mb/s\nenp1s0f1np1 200000Mb/s\neth1 Unknown!\neth2 -1Mb/s\neth3 4294967295Mb/s\n"
      "eth4\neth5 100Mb/s extra\neth6 1e3Mb/s\n../x 10Mb/s\n");
  EXPECT_EQ(speeds, (std::map<std::string, double>{{"enp1s0f1np1", 200}, {"eth0", 1}}));
}

}  // namespace
}  // namespace bringup::platform
