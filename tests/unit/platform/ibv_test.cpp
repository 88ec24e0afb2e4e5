#include "bringup/platform/ibv.hpp"

#include <gtest/gtest.h>

namespace bringup::platform {
namespace {

// macOS 26: tabs, a Thunderbolt link layer, GIDs without a type.
constexpr std::string_view kMac =
    "hca_id:\trdma_en1\n\ttransport:\t\t\tThunderbolt "
    "(100)\n\tnode_guid:\t\t\t0000:0000:0000:0002\n"
    "\tphys_port_cnt:\t\t\t1\n\t\tport:\t1\n\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n"
    "\t\t\tmax_mtu:\t\t4096 (5)\n\t\t\tactive_mtu:\t\t4096 (5)\n\t\t\tlink_layer:\t\tThunderbolt\n"
    "\t\t\tactive_width:\t\t8X (4)\n\t\t\tactive_speed:\t\t10.0 Gbps (4)\n"
    "\t\t\tGID[  0]:\t\tfe80::344d:4ff:feea:4e40\n\t\t\tGID[  1]:\t\t::ffff:10.254.0.1\n\n"
    "hca_id:\trdma_en2\n\ttransport:\t\t\tThunderbolt "
    "(100)\n\tphys_port_cnt:\t\t\t1\n\t\tport:\t1\n"
    "\t\t\tstate:\t\t\tPORT_DOWN (1)\n\t\t\tlink_layer:\t\tThunderbolt\n\n";

// rdma-core 44 with rxe: longer GIDs of older versions, types behind the address.
constexpr std::string_view kLinux =
    "hca_id:\trxe0\n\ttransport:\t\t\tInfiniBand (0)\n\tfw_ver:\t\t\t\t0.0.0\n"
    "\t\tport:\t1\n\t\t\tstate:\t\t\tPORT_ACTIVE (4)\n\t\t\tactive_mtu:\t\t1024 (3)\n"
    "\t\t\tlink_layer:\t\tEthernet\n\t\t\tactive_width:\t\t1X (1)\n"
    "\t\t\tactive_speed:\t\t2.5 Gbps (1)\n"
    "\t\t\tGID[  0]:\t\tfe80:0000:0000:0000:5054:00ff:fe12:3456, RoCE v2\n"
    "\t\t\tGID[  1]:\t\t::ffff:10.0.0.1, RoCE v2\n";

TEST(IbvDevinfo, ReadsAMac) {
  const auto ports = parse_ibv_devinfo(kMac);
  ASSERT_TRUE(ports);
  ASSERT_EQ(ports->size(), 2U);
  EXPECT_EQ((*ports)[0], (IbvPort{"rdma_en1",
                                  1,
                                  "PORT_ACTIVE",
                                  "Thunderbolt",
                                  80.0,
                                  {{0, "fe80::344d:4ff:feea:4e40"}, {1, "::ffff:10.254.0.1"}}}));
  EXPECT_EQ((*ports)[1], (IbvPort{"rdma_en2", 1, "PORT_DOWN", "Thunderbolt", std::nullopt, {}}));
}

TEST(IbvDevinfo, ReadsRdmaCore) {
  const auto ports = parse_ibv_devinfo(kLinux);
  ASSERT_TRUE(ports);
  ASSERT_EQ(ports->size(), 1U);
  EXPECT_EQ((*ports)[0].link_layer, "Ethernet");
  EXPECT_DOUBLE_EQ((*ports)[0].gbps.value(), 2.5);
  EXPECT_EQ((*ports)[0].gids,
            (std::vector<IbvGid>{{0, "fe80::5054:ff:fe12:3456"}, {1, "::ffff:10.0.0.1"}}));
  EXPECT_EQ(ipv4_gid(model::Ipv4::parse("10.0.0.1").value()), "::ffff:10.0.0.1");
}

TEST(IbvDevinfo, TellsNoDevicesFromNoAnswer) {
  EXPECT_TRUE(parse_ibv_devinfo("No IB devices found\n")->empty());
  EXPECT_FALSE(parse_ibv_devinfo(""));
  EXPECT_FALSE(parse_ibv_devinfo("Failed to get IB devices list: Function not implemented"));
}

TEST(IbvDevinfo, RefusesWhatIsNotOfTheFormat) {
  for (const std::string text :
       {"hca_id:\t-rf\n", "hca_id:\tx;y\n", "hca_id:\t\n", "\t\tport:\t1\n",
        "hca_id:\ta\n\tport:\tx\n", "hca_id:\ta\n\tport:\t1\n\tstate:\t\x1b[2J\n",
        "hca_id:\ta\n\tport:\t1\n\tGID[ 0]:\tnothing\n",
        "hca_id:\ta\n\tport:\t1\n\tGID[ x]:\tfe80::1\n",
        "hca_id:\ta\n\tport:\t1\n\tGID[0:\tfe80::1\n"}) {
    EXPECT_FALSE(parse_ibv_devinfo(text)) << text;
  }
  EXPECT_FALSE(parse_ibv_devinfo("hca_id:\t" + std::string(5000, 'a')));
}

}  // namespace
}  // namespace bringup::platform
