// The layers of a link, each broken in turn.
#include "bringup/verify/chain.hpp"

#include <gtest/gtest.h>

#include "support/measured_values.hpp"

namespace bringup::verify {
namespace {

using test::Measured;

std::string profile(const std::string& speed, const std::string& idle,
                    const std::string& items = "") {
  return R"({"SPThunderboltDataType":[{)" + items + R"("receptacle_1_tag":{"current_speed_key":")" +
         speed +
         R"(","receptacle_id_key":"1","receptacle_status_key":"receptacle_connected"}},
         {"receptacle_1_tag":{"current_speed_key":")" +
         idle +
         R"(","receptacle_id_key":"2","receptacle_status_key":"receptacle_no_devices_connected"}}]})";
}

struct Chain : testing::Test {
  Measured lab{test::pair_fleet()};

  void SetUp() override {
    for (std::size_t node = 0; node < 2; ++node) {
      auto& facts = lab.facts[node];
      facts.sudo = platform::SudoState::passwordless;
      facts.ports = {{"Thunderbolt 1", "en5", ""}, {"Thunderbolt 2", "en6", ""}};
      facts.profiler_json = profile("80 Gb/s", "Up to 120 Gb/s");
      facts.ibv_ports = {
          {{"rdma_en5",
            1,
            "PORT_ACTIVE",
            "Thunderbolt",
            80.0,
            {{0, "fe80::1"}, {1, node == 0 ? "::ffff:10.254.0.5" : "::ffff:10.254.0.6"}}}}};
    }
  }
  LinkStatus status() { return link_status(lab.fleet, 0, lab.evidence, lab.judge_all()); }
  LayerStatus layer(Layer which, std::size_t side = 0) {
    const auto told = status();
    for (const auto& one : told.ends[side]) {
      if (one.layer == which) return one;
    }
    throw std::out_of_range("no such layer");
  }
  // The row of the table by which a layer is broken; "" when it is not.
  std::string id(Layer which, std::size_t side = 0) {
    const auto one = layer(which, side);
    return one.diagnosis ? one.diagnosis->id : "";
  }
};

TEST_F(Chain, IsWholeWhenAllIsWell) {
  const auto told = status();
  for (const auto& end : told.ends) {
    ASSERT_EQ(end.size(), all_layers().size());
    for (const auto& one : end) {
      EXPECT_EQ(one.state, LayerState::ok) << to_string(one.layer) << ": " << one.text;
      EXPECT_FALSE(one.text.empty());
    }
  }
  EXPECT_FALSE(told.first_broken.has_value());
  EXPECT_EQ(layer(Layer::speed).text, "80 Gb/s");
  EXPECT_EQ(layer(Layer::gid, 1).text, "::ffff:10.254.0.6 at index 1");
  EXPECT_EQ(layer(Layer::rdma).text, "73 Gb/s");
}

TEST_F(Chain, KnowsNothingWithoutFactsAndMeasurements) {
  for (auto& evidence : lab.evidence) evidence = {};
  const auto told = link_status(lab.fleet, 0, lab.evidence, Matrix{});
  for (const auto& one : told.ends[0]) EXPECT_EQ(one.state, LayerState::unknown) << one.text;
  EXPECT_FALSE(told.first_broken.has_value());
}

TEST_F(Chain, NamesTheNodeWithoutASession) {
  lab.evidence[1] = {Error{ErrorCode::unreachable, "timed out", ""}, {}, nullptr};
  EXPECT_EQ(id(Layer::ssh, 1), "ssh-no-session");
  EXPECT_EQ(status().first_broken->node, "hwstudio2");
  EXPECT_EQ(layer(Layer::gid, 0).state, LayerState::ok);  // its own end is known
}

TEST_F(Chain, JudgesSudoByWhatTheInventoryWants) {
  lab.facts[0].sudo = platform::SudoState::password_required;
  EXPECT_EQ(id(Layer::sudo), "sudo-password");
  lab.fleet.nodes[0].become = model::Become::sudo_password;
  EXPECT_EQ(layer(Layer::sudo).state, LayerState::ok);
  lab.fleet.nodes[0].become = model::Become::none;
  EXPECT_EQ(layer(Layer::sudo).state, LayerState::skipped);
  lab.fleet.nodes[0].become = model::Become::sudo;
  lab.facts[0].sudo = platform::SudoState::refused;
  EXPECT_EQ(id(Layer::sudo), "sudo-refused");
}

TEST_F(Chain, FindsTheCableThatDoesLess) {
  lab.facts[0].profiler_json = profile("40 Gb/s", "Up to 120 Gb/s");
  EXPECT_EQ(id(Layer::speed), "speed-below");
  EXPECT_EQ(layer(Layer::speed).diagnosis->seen, "hwstudio1:en5 has negotiated 40 Gb/s");
  EXPECT_EQ(status().first_broken->id, "speed-below");
}

TEST_F(Chain, FindsTheEthernetPortThatDoesLess) {
  auto& link = lab.fleet.links[0];
  link.kind = model::LinkKind::ethernet_10g;
  link.rdma = false;
  link.expect = model::default_expectation(link.kind);
  EXPECT_EQ(layer(Layer::speed).state, LayerState::skipped) << "nothing is known";
  for (auto& interface : lab.facts[0].interfaces) interface.gbps = 10;
  EXPECT_EQ(layer(Layer::speed).state, LayerState::ok);
  for (auto& interface : lab.facts[0].interfaces) interface.gbps = 2.5;
  EXPECT_EQ(id(Layer::speed), "speed-port");
  EXPECT_EQ(layer(Layer::speed).diagnosis->seen, "hwstudio1:en5 has negotiated 2.5 Gb/s");
}

TEST_F(Chain, TellsThunderbolt4HardwareAndSendsNobodyToRecovery) {
  lab.facts[0].profiler_json = profile("40 Gb/s", "Up to 40 Gb/s");
  lab.facts[0].rdma = platform::RdmaState::disabled;
  EXPECT_EQ(id(Layer::speed), "speed-hardware");
  EXPECT_EQ(id(Layer::gid), "rdma-impossible");
  const auto told = status();
  for (const auto& one : told.ends[0]) {
    if (one.diagnosis) {
      EXPECT_EQ(one.diagnosis->cure.find("Recovery"), std::string::npos);
    }
  }
  // Declared as what it is there is nothing wrong with it.
  lab.fleet.links[0].kind = model::LinkKind::thunderbolt4;
  lab.fleet.links[0].rdma = false;
  lab.fleet.links[0].expect = model::default_expectation(model::LinkKind::thunderbolt4);
  lab.facts[1].profiler_json = lab.facts[0].profiler_json;
  EXPECT_FALSE(status().first_broken.has_value());
  EXPECT_EQ(layer(Layer::port).state, LayerState::skipped);
  EXPECT_NE(layer(Layer::rdma).text.find("Thunderbolt 4"), std::string::npos);
}

TEST_F(Chain, BlamesThePeersHardwareForASlowLink) {
  lab.facts[0].profiler_json = profile("40 Gb/s", "Up to 120 Gb/s");
  lab.facts[1].profiler_json = profile("40 Gb/s", "Up to 40 Gb/s");
  EXPECT_EQ(id(Layer::speed, 0), "speed-hardware");
  EXPECT_EQ(id(Layer::speed, 1), "speed-hardware");
  EXPECT_EQ(layer(Layer::speed, 0).diagnosis->node, "hwstudio2");
  EXPECT_EQ(layer(Layer::speed, 0).diagnosis->target, "en5");
  EXPECT_EQ(status().first_broken->node, "hwstudio2");
  // Without an idle port nobody says what the hardware could do: the cable is as likely.
  lab.facts[1].profiler_json =
      R"({"SPThunderboltDataType":[{"receptacle_1_tag":{"current_speed_key":"40 Gb/s",
          "receptacle_id_key":"1","receptacle_status_key":"receptacle_connected"}}]})";
  EXPECT_EQ(id(Layer::speed, 0), "speed-below");
  EXPECT_EQ(id(Layer::speed, 1), "speed-below");
}

std::string below(const Measured& lab) {
  const auto found = broken_below_rdma(lab.fleet, 0, lab.evidence);
  return found ? found->id + " of " + found->node : "none";
}

TEST_F(Chain, NamesWhatBreaksRdmaBelowIt) {
  EXPECT_EQ(below(lab), "none");
  lab.facts[1].ibv_ports->at(0).state = "PORT_DOWN";
  EXPECT_EQ(below(lab), "port-down of hwstudio2");
  lab.facts[1].ibv_ports->at(0).gids.clear();
  EXPECT_EQ(below(lab), "gid-empty of hwstudio2");
  // Each layer at both ends before the next.
  lab.facts[0].ibv_ports->at(0).state = "PORT_DOWN";
  EXPECT_EQ(below(lab), "gid-empty of hwstudio2");
  lab.facts[1].profiler_json = profile("40 Gb/s", "Up to 120 Gb/s");
  EXPECT_EQ(below(lab), "speed-below of hwstudio2");
}

TEST_F(Chain, LeavesOtherLayersOutOfWhatBreaksRdma) {
  lab.facts[0].sudo = platform::SudoState::refused;
  lab.facts[0].bridges = {{"bridge0", {"en5"}}};
  lab.facts[0].interfaces[0].inet.clear();
  EXPECT_EQ(below(lab), "none");
  // Queue pairs take the GID from wherever it is.
  lab.facts[0].ibv_ports->at(0).gids[1].index = 2;
  EXPECT_EQ(id(Layer::gid), "gid-index");
  EXPECT_EQ(below(lab), "none");
  lab.facts[0].ibv_ports->at(0).state = "PORT_DOWN";
  EXPECT_EQ(below(lab), "port-down of hwstudio1");
}

TEST_F(Chain, NamesTheDockInBetween) {
  lab.facts[0].profiler_json =
      profile("80 Gb/s", "Up to 120 Gb/s", R"("_items":[{"_name":"ThunderBay Flex 8"}],)");
  EXPECT_EQ(id(Layer::speed), "speed-dock");
  EXPECT_NE(layer(Layer::speed).text.find("ThunderBay"), std::string::npos);
  lab.facts[0].profiler_json =
      profile("80 Gb/s", "Up to 120 Gb/s", R"("_items":[{"_name":"Mac","domain_uuid_key":"X"}],)");
  EXPECT_EQ(layer(Layer::speed).state, LayerState::ok);
}

TEST_F(Chain, SurvivesAnyProfile) {
  for (
      const auto* text :
      {"", "{", "[]", "{}", R"({"SPThunderboltDataType":3})",
       R"({"SPThunderboltDataType":[3,{"receptacle_1_tag":4}]})",
       R"({"SPThunderboltDataType":[{"receptacle_1_tag":{"current_speed_key":7}}]})",
       R"({"SPThunderboltDataType":[{"receptacle_1_tag":{"current_speed_key":"99999999999999 Gb/s"},"_items":[1]}]})"}) {
    lab.facts[0].profiler_json = text;
    EXPECT_EQ(layer(Layer::speed).state, LayerState::unknown) << text;
  }
}

TEST_F(Chain, SuspectsTheControllerWhenAllPortsAreEmpty) {
  Measured mesh(test::mesh_fleet());
  for (auto& interface : mesh.facts[0].interfaces) interface.active = false;
  mesh.facts[0].profiler_json =
      R"({"SPThunderboltDataType":[{"receptacle_1_tag":{"receptacle_id_key":"1"}},
          {"receptacle_1_tag":{"receptacle_id_key":"2"}}]})";
  const auto told = link_status(mesh.fleet, 0, mesh.evidence, mesh.judge_all());
  EXPECT_EQ(told.first_broken->id, "cable-all-empty");
}

TEST_F(Chain, TellsTheLayersOfTheInterface) {
  lab.facts[1].bridges = {{"bridge0", {"en5"}}};
  EXPECT_EQ(id(Layer::bridge, 1), "bridge-member");
  lab.facts[1].bridges = {{"bridge100", {"en5"}}};
  EXPECT_EQ(id(Layer::bridge, 1), "internet-sharing");
  lab.facts[1].bridges.clear();
  lab.facts[1].interfaces[0].up = false;
  EXPECT_EQ(id(Layer::interface, 1), "interface-down");
  lab.facts[1].interfaces[0].up = true;
  lab.facts[1].interfaces[0].inet.clear();
  EXPECT_EQ(id(Layer::address, 1), "address-missing");
  lab.facts[1].exo_daemon = true;
  EXPECT_EQ(id(Layer::address, 1), "address-exo");
  lab.facts[1].interfaces[0].name = "en0";
  EXPECT_EQ(id(Layer::interface, 1), "interface-missing");
  lab.facts[1].interfaces.clear();  // no listing, no verdict
  for (const auto one : {Layer::bridge, Layer::interface, Layer::address}) {
    EXPECT_EQ(layer(one, 1).state, LayerState::unknown);
  }
  lab.facts[0].interfaces[0].active = false;
  EXPECT_EQ(id(Layer::cable, 0), "cable-no-carrier");
}

TEST_F(Chain, TellsTheMeasuredLayers) {
  lab.of(0, 0).iperf = test::iperf(10);
  EXPECT_EQ(layer(Layer::iperf).state, LayerState::broken);
  EXPECT_EQ(id(Layer::iperf), "iperf-slow");
  EXPECT_EQ(layer(Layer::iperf, 1).state, LayerState::ok);
  lab.of(0, 0).iperf.reset();
  EXPECT_EQ(layer(Layer::iperf).state, LayerState::unknown);
}

TEST_F(Chain, FollowsTheGid) {
  auto& ports = lab.facts[0].ibv_ports;
  auto& gids = ports->at(0).gids;
  gids[1].index = 2;
  EXPECT_EQ(id(Layer::gid), "gid-index");
  EXPECT_NE(layer(Layer::gid).text.find("at index 2"), std::string::npos);
  gids.pop_back();
  EXPECT_EQ(id(Layer::gid), "gid-no-ipv4");
  gids.clear();
  EXPECT_EQ(id(Layer::gid), "gid-empty");
  ports->at(0).device = "rdma_en9";
  EXPECT_EQ(id(Layer::gid), "rdma-no-device");
  EXPECT_EQ(layer(Layer::port).state, LayerState::unknown);
  ports->clear();
  EXPECT_EQ(id(Layer::gid), "rdma-no-devices");
  lab.facts[0].rdma = platform::RdmaState::disabled;
  EXPECT_EQ(id(Layer::gid), "rdma-disabled");
  lab.facts[0].rdma = platform::RdmaState::no_tool;
  EXPECT_EQ(id(Layer::gid), "rdma-no-tool");
}

TEST_F(Chain, TakesAnyIndexOnLinux) {
  lab.facts[0].os = facts::Os::linux_kernel;
  lab.facts[0].ibv_ports->at(0).gids[1].index = 3;
  EXPECT_EQ(layer(Layer::gid).state, LayerState::ok);
}

TEST_F(Chain, SaysWhichEndKeepsThePortDown) {
  lab.facts[0].ibv_ports->at(0).state = "PORT_DOWN";
  EXPECT_EQ(id(Layer::port), "port-down");
  lab.facts[1].rdma = platform::RdmaState::disabled;
  EXPECT_EQ(id(Layer::port), "port-down-peer");
  EXPECT_NE(layer(Layer::port).diagnosis->cure.find("hwstudio2"), std::string::npos);
}

TEST_F(Chain, TellsEveryLinkOfTheSelectedNodes) {
  Measured mesh(test::mesh_fleet());
  const auto matrix = mesh.judge_all();
  EXPECT_EQ(all_links_status(mesh.fleet, mesh.all, mesh.evidence, matrix).size(), 6U);
  EXPECT_EQ(all_links_status(mesh.fleet, {0}, mesh.evidence, matrix).size(), 3U);
}

}  // namespace
}  // namespace bringup::verify
