// What nmcli, networkctl, ip and rdma print; captured from NetworkManager 1.42, systemd 252 and
// iproute2 6.1 of Debian 12.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/platform/darwin.hpp"
#include "bringup/platform/linux.hpp"

namespace bringup::platform {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Nmcli, DevicesThatAreItsOwn) {
  const auto seen = linux_kernel::parse_nmcli_devices(
      "wlan0:connected:5f1b7d2e-0000-4000-8000-00000000000a:home\\: 5 GHz\n"
      "eth0:connected:5f1b7d2e-0000-4000-8000-00000000000b:Wired connection 1\n"
      "eth1:disconnected::\n"
      "docker0:connected (externally):5f1b7d2e-0000-4000-8000-00000000000c:docker0\n"
      "lo:unmanaged::\n"
      "AA\\:BB\\:CC\\:DD\\:EE\\:FF:disconnected::\n");
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_EQ(seen->size(), 3U);
  EXPECT_EQ((*seen)[0].profile, "home: 5 GHz");
  EXPECT_EQ((*seen)[1].interface, "eth0");
  EXPECT_EQ((*seen)[1].uuid, "5f1b7d2e-0000-4000-8000-00000000000b");
  EXPECT_EQ((*seen)[1].manager, Manager::network_manager);
  EXPECT_EQ((*seen)[2].interface, "eth1");
  EXPECT_EQ((*seen)[2].uuid, "");
  EXPECT_FALSE(linux_kernel::parse_nmcli_devices("Error: NetworkManager is not running.\n"));
  EXPECT_FALSE(linux_kernel::parse_nmcli_devices(std::string(5000, 'x') + ":a:b:c\n"));
}

TEST(Nmcli, AnUuidThatIsNoneIsNotKept) {
  const auto seen = linux_kernel::parse_nmcli_devices("eth0:connected:$(reboot):x\n");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->front().uuid, "");
}

TEST(Nmcli, AnUuidFitsACommand) {
  EXPECT_TRUE(linux_kernel::is_uuid("5f1b7d2e-0000-4000-8000-00000000000b"));
  EXPECT_FALSE(linux_kernel::is_uuid("5F1B7D2E-0000-4000-8000-00000000000B"));
  EXPECT_FALSE(linux_kernel::is_uuid("5f1b7d2e-0000-4000-8000-00000000000"));
  EXPECT_FALSE(linux_kernel::is_uuid("5f1b7d2e-0000-4000-8000-0000000000;b"));
  EXPECT_FALSE(linux_kernel::is_uuid(""));
}

TEST(Nmcli, AProfileInOurWords) {
  const auto profile = linux_kernel::parse_nmcli_profile(
      "connection.interface-name:eth0\nconnection.autoconnect:yes\nipv4.method:manual\n"
      "ipv4.addresses:192.168.50.2/24\nipv4.never-default:yes\n"
      "ipv4.routes:{ ip = 192.168.51.0/24, nh = 192.168.50.1 }; { ip = 10.10.0.0/24, nh = "
      "192.168.50.1, mt = 5 }\n802-3-ethernet.mtu:9000\n");
  ASSERT_TRUE(profile) << profile.error().message;
  EXPECT_EQ(*profile,
            "interface eth0\naddress 192.168.50.2/24\nmtu 9000\nroute 10.10.0.0/24 192.168.50.1\n"
            "route 192.168.51.0/24 192.168.50.1\n");
  // Later versions print routes as they are given.
  const auto later = linux_kernel::parse_nmcli_profile(
      "connection.interface-name:eth0\nconnection.autoconnect:yes\nipv4.method:manual\n"
      "ipv4.addresses:192.168.50.2/24\nipv4.never-default:yes\n"
      "ipv4.routes:10.10.0.0/24 192.168.50.1, 192.168.51.0/24 192.168.50.1\n"
      "802-3-ethernet.mtu:auto\n");
  ASSERT_TRUE(later);
  EXPECT_EQ(*later,
            "interface eth0\naddress 192.168.50.2/24\nroute 10.10.0.0/24 192.168.50.1\n"
            "route 192.168.51.0/24 192.168.50.1\n");
}

TEST(Nmcli, WhatIsNotAsWeSetItShows) {
  const auto profile = linux_kernel::parse_nmcli_profile(
      "connection.interface-name:eth0\nconnection.autoconnect:no\nipv4.method:auto\n"
      "ipv4.addresses:\nipv4.never-default:no\nipv4.routes:\n802-3-ethernet.mtu:0\n");
  ASSERT_TRUE(profile);
  EXPECT_EQ(*profile, "interface eth0\nmethod auto\nautoconnect no\nnever-default no\n");
  EXPECT_FALSE(linux_kernel::parse_nmcli_profile("Error: bringup-eth0 - no such connection.\n"));
  EXPECT_FALSE(linux_kernel::parse_nmcli_profile(
      "connection.interface-name:eth0\nipv4.method:manual\nipv4.routes:192.168.50.1\n"));
}

TEST(Networkctl, InterfacesThatItSetsUp) {
  const auto seen = linux_kernel::parse_networkctl(
      "  1 lo    loopback carrier    unmanaged\n"
      "  2 eth0  ether    routable   configured\n"
      "  3 eth1  ether    degraded   configuring\n"
      "  4 wlan0 wlan     routable   n/a\n");
  ASSERT_TRUE(seen) << seen.error().message;
  EXPECT_THAT(*seen, ElementsAre("eth0", "eth1"));
  const auto off = linux_kernel::parse_networkctl(
      "WARNING: systemd-networkd is not running, output will be incomplete.\n\n"
      "  1 lo   loopback n/a n/a\n  2 eth0 ether    n/a unmanaged\n");
  ASSERT_TRUE(off) << off.error().message;
  EXPECT_THAT(*off, IsEmpty());
  EXPECT_FALSE(linux_kernel::parse_networkctl("Failed to connect to bus: No such file\n"));
}

TEST(IpRoute, MainTable) {
  const auto routes = linux_kernel::parse_ip_routes(
      R"([{"dst":"default","gateway":"192.168.1.1","dev":"wlan0","protocol":"dhcp","metric":600,)"
      R"("flags":[]},{"dst":"10.10.0.0/24","gateway":"192.168.50.1","dev":"eth0","flags":[]},)"
      R"({"dst":"192.168.50.0/24","dev":"eth0","protocol":"kernel","scope":"link","flags":[]},)"
      R"({"dst":"10.1.1.1","dev":"eth0","flags":[]},{"type":"blackhole","dst":"10.9.0.0/16"},)"
      R"({"dst":"10.8.0.0/16","nexthops":[{"gateway":"10.0.0.1","dev":"eth0"}]}])");
  ASSERT_TRUE(routes) << routes.error().message;
  ASSERT_EQ(routes->size(), 4U);
  EXPECT_EQ((*routes)[0].destination.prefix(), 0);
  EXPECT_EQ((*routes)[1].destination.to_string(), "10.10.0.0/24");
  EXPECT_EQ((*routes)[1].gateway, "192.168.50.1");
  EXPECT_EQ((*routes)[2].gateway, "");
  EXPECT_EQ((*routes)[3].destination.to_string(), "10.1.1.1/32");
  EXPECT_THAT(*linux_kernel::parse_ip_routes(""), IsEmpty());
  for (const char* bad : {"{}", "[7]", R"([{"dst":"10.0.0.0/33","dev":"eth0"}])",
                          R"([{"dst":"x","dev":"eth0"}])", R"([{"dst":"default","dev":"-rf"}])",
                          R"([{"dst":"default","gateway":"x y","dev":"eth0"}])"}) {
    EXPECT_FALSE(linux_kernel::parse_ip_routes(bad)) << bad;
  }
}

TEST(IpNeighbours, StatesAndAddresses) {
  const auto seen = linux_kernel::parse_ip_neighbours(
      R"([{"dst":"192.168.50.1","dev":"eth0","lladdr":"AA:bb:cc:00:00:01","state":["REACHABLE"]},)"
      R"({"dst":"192.168.50.9","dev":"eth0","state":["FAILED"]},)"
      R"({"dst":"192.168.50.7","dev":"eth0","lladdr":"aa:bb:cc:00:00:07","state":["PERMANENT"]},)"
      R"({"dst":"fe80::1","dev":"eth0","lladdr":"aa:bb:cc:00:00:07","state":["STALE"]}])");
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_EQ(seen->size(), 3U);
  EXPECT_EQ((*seen)[0].mac, "aa:bb:cc:00:00:01");
  EXPECT_FALSE((*seen)[0].permanent);
  EXPECT_EQ((*seen)[1].mac, "");
  EXPECT_TRUE((*seen)[2].permanent);
  EXPECT_FALSE(linux_kernel::parse_ip_neighbours("[3]"));
}

TEST(Arp, OfAMac) {
  const auto seen = darwin::parse_arp(
      "? (10.10.0.3) at 2:0:0:0:0:4 on bridge0 ifscope [bridge]\n"
      "? (192.168.51.4) at dc:a6:32:1:2:3 on en8 ifscope permanent [ethernet]\n"
      "? (192.168.51.5) at (incomplete) on en8 ifscope [ethernet]\n");
  ASSERT_TRUE(seen) << seen.error().message;
  ASSERT_EQ(seen->size(), 3U);
  EXPECT_EQ((*seen)[0].mac, "02:00:00:00:00:04");
  EXPECT_TRUE((*seen)[1].permanent);
  EXPECT_EQ((*seen)[1].interface, "en8");
  EXPECT_EQ((*seen)[2].mac, "");
  EXPECT_FALSE(darwin::parse_arp("arp: nothing\n"));
  EXPECT_FALSE(darwin::parse_arp("? (10.10.0.999) at 2:0:0:0:0:4 on en8\n"));
}

TEST(ResolvConf, NameServersInTheirOrder) {
  EXPECT_THAT(linux_kernel::parse_resolv_conf("# made by\nsearch lan\nnameserver 192.168.1.1\n"
                                              "nameserver fe80::1%wlan0\nnameserver\n"),
              ElementsAre("192.168.1.1", "fe80::1%wlan0"));
  std::string many;
  for (int i = 0; i < 40; ++i) many += "nameserver 10.0.0.1\n";
  EXPECT_EQ(linux_kernel::parse_resolv_conf(many).size(), 16U);
}

TEST(RdmaLink, DevicesWithTheirInterfaces) {
  const auto links = linux_kernel::parse_rdma_links(
      R"([{"ifindex":0,"ifname":"rocep1s0f1","port":1,"state":"ACTIVE","netdev":"enp1s0f1np1"},)"
      R"({"ifname":"mlx5_2","port":1},{"ifname":"-x","netdev":"eth0"}])");
  ASSERT_TRUE(links) << links.error().message;
  EXPECT_THAT(*links, ElementsAre(Pair("rocep1s0f1", "enp1s0f1np1")));
  EXPECT_FALSE(linux_kernel::parse_rdma_links("RDMA"));
}

}  // namespace
}  // namespace bringup::platform
