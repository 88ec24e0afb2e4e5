#include "bringup/report/exports.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "bringup/model/inventory.hpp"
#include "support/golden.hpp"
#include "support/verify_values.hpp"

namespace bringup::report {
namespace {

using test::cable;
using test::expect_golden;
using test::fleet_of;
using test::ip;

// tests/output/export/NAME.toml; tests/output/check_exports.py reads the same files.
model::Fleet fleet(const std::string& name) {
  const std::string path = std::string(BRINGUP_SOURCE_DIR) + "/tests/output/export/" + name;
  auto loaded = model::load_inventory(test::read_text(path + ".toml"), name + ".toml");
  EXPECT_TRUE(loaded) << path;
  return loaded.value_or(model::Fleet{});
}

Expected<Exported> exported(const model::Fleet& fleet, ExportFormat format) {
  ExportOptions options;
  options.coordinator = MeetingPoint{fleet.by_rank().front(), ip("192.168.1.10")};
  return export_fleet(fleet, format, options);
}

Error refusal(const model::Fleet& fleet, ExportFormat format) {
  const auto result = exported(fleet, format);
  EXPECT_FALSE(result);
  return result ? Error{} : result.error();
}

model::Fleet without_rdma(model::Fleet fleet) {
  for (auto& link : fleet.links) link.rdma = false;
  return fleet;
}

class Golden : public testing::TestWithParam<std::string> {};

TEST_P(Golden, EveryFormatOfEveryFleet) {
  for (const std::string& format : export_format_words()) {
    const auto result = exported(fleet(GetParam()), parse_export_format(format).value());
    ASSERT_TRUE(result) << format << ": " << result.error().message;
    expect_golden("export/" + GetParam() + "." + format, result->text);
    EXPECT_EQ(exported(fleet(GetParam()), parse_export_format(format).value())->text, result->text);
  }
}

INSTANTIATE_TEST_SUITE_P(Fleets, Golden, testing::Values("pair", "triangle", "mesh4", "ring5"),
                         [](const auto& one) { return one.param; });

model::Fleet sparks() {
  const std::string path = std::string(BRINGUP_SOURCE_DIR) + "/inventories/dgx-spark-pair.toml";
  return model::load_inventory(test::read_text(path), "dgx-spark-pair.toml").value();
}

TEST(NcclEnv, NamesInterfacesAndDevicesOfEachRail) {
  const auto result = exported(sparks(), ExportFormat::nccl_env);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->text,
            "# spark1\nexport NCCL_SOCKET_IFNAME='=enp1s0f1np1,enP2p1s0f1np1'\n"
            "export NCCL_IB_HCA='=rocep1s0f1,roceP2p1s0f1'\n"
            "export NCCL_IB_ADDR_FAMILY=AF_INET\nexport NCCL_IB_ROCE_VERSION_NUM=2\n"
            "\n# spark2\nexport NCCL_SOCKET_IFNAME='=enp1s0f1np1,enP2p1s0f1np1'\n"
            "export NCCL_IB_HCA='=rocep1s0f1,roceP2p1s0f1'\n"
            "export NCCL_IB_ADDR_FAMILY=AF_INET\nexport NCCL_IB_ROCE_VERSION_NUM=2\n");
  ASSERT_EQ(result->notes.size(), 1U);
  EXPECT_NE(result->notes[0].find("--measure"), std::string::npos);
}

TEST(NcclEnv, TheMeasuredIndexIsTheOneOfAllRails) {
  const auto fleet = sparks();
  const auto port = [](const std::string& device, const std::string& address,
                       std::vector<std::uint32_t> at) {
    platform::IbvPort out;
    out.device = device;
    out.gids = {{0, "fe80::1"}, {1, "fe80::1"}};
    for (const auto index : at) out.gids.push_back({index, "::ffff:" + address});
    return out;
  };
  std::vector<platform::IbvPort> ports = {port("rocep1s0f1", "10.254.0.1", {2, 3}),
                                          port("roceP2p1s0f1", "10.254.0.5", {2, 3}),
                                          port("rocep1s0f0", "10.254.0.1", {8, 9})};
  EXPECT_EQ(nccl_gid_index(fleet, 0, ports), 3U);
  ExportOptions options;
  options.only = {0};
  options.gid_indices[0] = 3;
  const auto result = export_fleet(fleet, ExportFormat::nccl_env, options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text,
            "# spark1\nexport NCCL_SOCKET_IFNAME='=enp1s0f1np1,enP2p1s0f1np1'\n"
            "export NCCL_IB_HCA='=rocep1s0f1,roceP2p1s0f1'\nexport NCCL_IB_GID_INDEX=3\n");
  EXPECT_TRUE(result->notes.empty());
  ports[1] = port("roceP2p1s0f1", "10.254.0.5", {4, 5});
  EXPECT_EQ(nccl_gid_index(fleet, 0, ports), std::nullopt) << "NCCL has one index for all";
  ports.pop_back();
  ports.pop_back();
  EXPECT_EQ(nccl_gid_index(fleet, 0, ports), std::nullopt);
}

TEST(NcclEnv, WithoutRdmaThereIsNothingToSay) {
  EXPECT_EQ(refusal(without_rdma(sparks()), ExportFormat::nccl_env).message,
            "spark1 has no link with RDMA");
}

TEST(Exports, TheTcpRingHasOneAddressForEachCableTowardTheLeftPeer) {
  const auto result = exported(fleet("ring5-tb4"), ExportFormat::mlx_hostfile);
  ASSERT_TRUE(result) << result.error().message;
  expect_golden("export/ring5-tb4.mlx-hostfile", result->text);
  ASSERT_EQ(result->notes.size(), 1U);
  EXPECT_NE(result->notes[0].find("no RDMA"), std::string::npos);
}

TEST(Exports, ARingWithTwoCablesEachIsWrittenInRingOrder) {
  const auto result = exported(fleet("ring4-double"), ExportFormat::mlx_hostfile);
  ASSERT_TRUE(result) << result.error().message;
  expect_golden("export/ring4-double.mlx-hostfile", result->text);
}

TEST(Exports, TheCoordinatorComesFirst) {
  ExportOptions options;
  options.coordinator = MeetingPoint{2, ip("192.168.1.12")};
  for (const char* name : {"triangle", "ring5"}) {
    const auto result = export_fleet(fleet(name), ExportFormat::mlx_hostfile, options);
    ASSERT_TRUE(result);
    const auto third = result->text.find("\"ssh\": \"studio3\"");
    const auto first = result->text.find("\"ssh\": \"studio1\"");
    EXPECT_LT(third, first) << name;
    EXPECT_LT(third, result->text.find("192.168.1.12"));
  }
  // Ranks are the inventory's there.
  const auto env = export_fleet(fleet("triangle"), ExportFormat::jaccl_env, options);
  ASSERT_FALSE(env);
  EXPECT_EQ(env.error().message,
            "studio3 has rank 2; rank 0 is the one that listens for the others");
}

TEST(Exports, AMissingPairIsNamed) {
  const auto path = test::chain_fleet();
  const auto error = refusal(path, ExportFormat::mlx_hostfile);
  EXPECT_EQ(error.code, ErrorCode::usage);
  EXPECT_NE(error.message.find("studio1 and studio3 have no link"), std::string::npos)
      << error.message;
  EXPECT_EQ(error.hint, "a cable between studio1 and studio3 would close a ring");
  EXPECT_NE(refusal(without_rdma(path), ExportFormat::mlx_hostfile).message.find("studio3"),
            std::string::npos);
}

TEST(Exports, WhatJacclWouldTakeForAGroupOfOneIsRefused) {
  for (const auto format : {ExportFormat::ibv_matrix, ExportFormat::jaccl_env}) {
    EXPECT_NE(refusal(test::chain_fleet(), format).message.find("groups of one"),
              std::string::npos);
    EXPECT_NE(refusal(without_rdma(fleet("ring5")), format).message.find("groups of one"),
              std::string::npos);
    EXPECT_NE(refusal(fleet_of({"studio1"}, {}), format).message.find("two nodes"),
              std::string::npos);
  }
}

TEST(Exports, ARingInAnotherOrderIsToldWithItsRanks) {
  auto crossed = fleet_of(
      {"a", "b", "c", "d"},
      {cable(0, "en3", 2, "en3", "10.254.0.0/30"), cable(2, "en4", 1, "en3", "10.254.0.4/30"),
       cable(1, "en4", 3, "en3", "10.254.0.8/30"), cable(3, "en4", 0, "en4", "10.254.0.12/30")});
  EXPECT_EQ(refusal(crossed, ExportFormat::ibv_matrix).hint,
            "the cables close a ring in another order; give the nodes these ranks: a = 0, c = 1, "
            "b = 2, d = 3");
  EXPECT_TRUE(exported(crossed, ExportFormat::mlx_hostfile));
}

TEST(Exports, TheMeetingPointIsWhatTheInventoryTellsOrAsksFor) {
  auto three = fleet("triangle");
  const auto unknown = declared_meeting_point(three);
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().hint.find("--measure"), std::string::npos);
  three.nodes[0].ssh.host = "192.168.7.7";
  EXPECT_EQ(declared_meeting_point(three)->address, ip("192.168.7.7"));
  three.nodes[0].ssh.host = "127.0.0.1";
  EXPECT_FALSE(declared_meeting_point(three));
  EXPECT_EQ(declared_meeting_point(fleet("pair"))->address, ip("10.254.0.1"));
  model::Segment lan;
  lan.name = "lan";
  lan.subnet = model::Subnet::parse("192.168.9.0/24").value();
  lan.members = {{0, "en0", ip("192.168.9.1"), ""}, {1, "en0", ip("192.168.9.2"), ""}};
  three.segments = {lan};
  EXPECT_FALSE(declared_meeting_point(three)) << "studio3 is not on it";
  three.segments[0].members.push_back({2, "en0", ip("192.168.9.3"), ""});
  EXPECT_EQ(declared_meeting_point(three)->address, ip("192.168.9.1"));
}

TEST(Exports, NodesOnASwitchAreATcpRingInTheOrderOfRanks) {
  auto switched = fleet_of({"a", "b", "c"}, {});
  model::Segment lan;
  lan.name = "lan";
  lan.members = {{2, "en0", ip("10.0.0.3"), ""},
                 {0, "en0", ip("10.0.0.1"), ""},
                 {1, "en0", ip("10.0.0.2"), ""}};
  switched.segments = {lan};
  const auto result = exported(switched, ExportFormat::mlx_hostfile);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_NE(result->text.find("\"backend\": \"ring\""), std::string::npos);
  EXPECT_LT(result->text.find("10.0.0.1"), result->text.find("10.0.0.3"));
}

TEST(Exports, ASettingThatMlxCannotHoldBecomesANote) {
  auto two = fleet("pair");
  two.nodes[0].ssh.user = "admin";
  two.nodes[1].via = {"studio1"};
  const auto result = exported(two, ExportFormat::mpi);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text, "admin@studio1 slots=1\nstudio2 slots=1\n");
  ASSERT_EQ(result->notes.size(), 1U);
  EXPECT_NE(result->notes[0].find("ssh-config"), std::string::npos);
  two.nodes[0].ssh.host = "fe80::1%en0";  // no shell may see it bare
  EXPECT_EQ(exported(two, ExportFormat::mpi)->text, "studio1 slots=1\nstudio2 slots=1\n");
}

TEST(Exports, SshConfigSaysEverySettingAndTheWay) {
  const auto result = exported(fleet("proxied"), ExportFormat::ssh_config);
  ASSERT_TRUE(result);
  expect_golden("export/proxied.ssh-config", result->text);
  expect_golden("export/proxied.ansible", exported(fleet("proxied"), ExportFormat::ansible)->text);
}

TEST(Exports, OnlyTheChosenNodesGetTheirEnvironment) {
  ExportOptions options;
  options.coordinator = MeetingPoint{0, ip("192.168.1.10")};
  options.only = {1};
  const auto result = export_fleet(fleet("pair"), ExportFormat::jaccl_env, options);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->text,
            "# studio2\nexport MLX_RANK=1\nexport MLX_JACCL_COORDINATOR=192.168.1.10:32323\n"
            "export MLX_IBV_DEVICES=/tmp/mlx_ibv_devices.json\n");
}

}  // namespace
}  // namespace bringup::report
