#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/plan.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using platform::RdmaState;
using platform::SudoState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string pair_matrix() {
  return topology::to_json(*topology::ibv_matrix(pair_fleet()));
}

TEST(Diff, ABareMacGetsEveryStepInOrder) {
  const auto fleet = triangle_fleet();
  const auto plan = diff(fleet, 0, bare_mac());
  EXPECT_EQ(plan.state, NodeState::ready);
  EXPECT_THAT(plan.findings, IsEmpty());
  EXPECT_EQ(plan.facts_digest, facts::plan_digest(bare_mac()));
  const auto matrix = topology::to_json(*topology::ibv_matrix(fleet));
  EXPECT_THAT(
      commands(plan),
      ElementsAre("ifconfig bridge0 deletem en3", "ifconfig bridge0 deletem en4", "ifconfig en3 up",
                  "ifconfig en4 up", "ifconfig en3 inet 10.254.0.1 netmask 255.255.255.252",
                  "ifconfig en4 inet 10.254.0.5 netmask 255.255.255.252",
                  write_command("/tmp/mlx_ibv_devices.json", matrix)));
  EXPECT_EQ(plan.actions[6].content, matrix);
  EXPECT_EQ(plan.actions[7].task, Task::rdma_check);
  EXPECT_EQ(plan.actions[7].target, "rdma_en3");
  EXPECT_EQ(plan.actions[8].target, "rdma_en4");
  EXPECT_EQ(plan.actions[9].task, Task::profiler_collect);
  EXPECT_EQ(plan.changes(), 7U);
}

TEST(Diff, ActionsSayWhyHowAndHowBack) {
  const auto plan = diff(pair_fleet(), 0, bare_mac());
  const auto& detach = plan.actions[0];
  EXPECT_EQ(detach.shown, "sudo ifconfig bridge0 deletem en5");
  EXPECT_THAT(detach.why, HasSubstr("member of bridge0"));
  EXPECT_EQ(detach.undo, "ifconfig bridge0 addm en5");
  const auto& address = plan.actions[2];
  EXPECT_EQ(address.undo, "ifconfig en5 inet 10.254.0.1 -alias");
  EXPECT_EQ(address.expected, "10.254.0.1/30 on en5");
  const auto& file = plan.actions[3];
  EXPECT_EQ(file.undo, "rm -f /tmp/mlx_ibv_devices.json");
  EXPECT_FALSE(file.root);
  EXPECT_EQ(file.shown, file.command);
  for (const auto& action : plan.actions) {
    EXPECT_TRUE(parse_command(action)) << action.command;
    EXPECT_FALSE(action.why.empty());
    EXPECT_EQ(action.shown.find('\n'), std::string::npos);
  }
}

TEST(Diff, NothingThatIsRightIsAChange) {
  for (const auto& fleet : {pair_fleet(), triangle_fleet()}) {
    for (std::size_t node = 0; node < fleet.nodes.size(); ++node) {
      const auto plan = diff(fleet, node, ready_mac(fleet, node));
      EXPECT_THAT(commands(plan), IsEmpty());
      EXPECT_THAT(plan.findings, IsEmpty());
      EXPECT_FALSE(commands(plan, Nature::check).empty());
    }
  }
}

TEST(Diff, ADownPortIsBroughtUpAndNothingElse) {
  auto facts = ready_mac(pair_fleet(), 0);
  interface_of(facts, "en5")->up = false;
  const auto plan = diff(pair_fleet(), 0, facts);
  EXPECT_THAT(commands(plan), ElementsAre("ifconfig en5 up"));
  EXPECT_THAT(plan.actions[0].why, HasSubstr("en5 is down"));
  EXPECT_EQ(plan.actions[0].undo, "ifconfig en5 down");
}

TEST(Diff, AMemberIsDetachedFromWhateverBridgeHoldsIt) {
  auto facts = ready_mac(pair_fleet(), 0);
  facts.bridges.push_back({"bridge100", {"en9", "en5"}});
  EXPECT_THAT(commands(diff(pair_fleet(), 0, facts)),
              ElementsAre("ifconfig bridge100 deletem en5", "ifconfig en5 up"));
}

TEST(Diff, AMemberWithTheRightAddressKeepsIt) {
  auto facts = bare_mac();
  interface_of(facts, "en5")->inet = {{ip("10.254.0.1"), 30}};
  facts.matrix_file = {true, pair_matrix(), ""};
  EXPECT_THAT(commands(diff(pair_fleet(), 0, facts)),
              ElementsAre("ifconfig bridge0 deletem en5", "ifconfig en5 up"));
}

TEST(Diff, AnotherAddressIsReplacedAndRestoredByUndo) {
  auto facts = ready_mac(pair_fleet(), 0);
  interface_of(facts, "en5")->inet = {{ip("169.254.7.9"), 16}};
  const auto plan = diff(pair_fleet(), 0, facts);
  EXPECT_THAT(commands(plan), ElementsAre("ifconfig en5 inet 10.254.0.1 netmask 255.255.255.252"));
  EXPECT_EQ(plan.actions[0].undo, "ifconfig en5 inet 169.254.7.9 netmask 255.255.0.0");
  EXPECT_THAT(plan.actions[0].why, HasSubstr("169.254.7.9/16"));
  EXPECT_THAT(plan.findings, IsEmpty());
}

TEST(Diff, AWrongPrefixIsAWrongAddress) {
  auto facts = ready_mac(pair_fleet(), 0);
  interface_of(facts, "en5")->inet = {{ip("10.254.0.1"), 24}};
  EXPECT_EQ(diff(pair_fleet(), 0, facts).changes(), 1U);
}

TEST(Diff, AFurtherAddressIsToldNotRemoved) {
  auto facts = ready_mac(pair_fleet(), 0);
  interface_of(facts, "en5")->inet.push_back({ip("172.16.0.3"), 24});
  auto plan = diff(pair_fleet(), 0, facts);
  EXPECT_EQ(plan.changes(), 0U);
  EXPECT_EQ(only_finding(plan).severity, Severity::warning);
  EXPECT_EQ(only_finding(plan).layer, "address");
  EXPECT_EQ(only_finding(plan).cure, "sudo ifconfig en5 inet 172.16.0.3 -alias");
  // Ours absent: the first is replaced, the second stays and is told.
  interface_of(facts, "en5")->inet = {{ip("172.16.0.2"), 24}, {ip("172.16.0.3"), 24}};
  plan = diff(pair_fleet(), 0, facts);
  EXPECT_EQ(plan.changes(), 1U);
  EXPECT_THAT(only_finding(plan).seen, HasSubstr("172.16.0.3/24"));
  EXPECT_THAT(only_finding(plan).cure, HasSubstr("172.16.0.3"));
}

TEST(Diff, AMissingInterfaceCostsItsOwnStepsOnly) {
  const auto fleet = triangle_fleet();
  auto facts = bare_mac();
  std::erase_if(facts.interfaces, [](const auto& i) { return i.name == "en3"; });
  const auto plan = diff(fleet, 0, facts);
  EXPECT_EQ(plan.state, NodeState::ready);
  EXPECT_TRUE(plan.has_errors());
  const auto& finding = only_finding(plan);
  EXPECT_EQ(finding.layer, "interface");
  EXPECT_EQ(finding.target, "en3");
  EXPECT_THAT(finding.seen, HasSubstr("it has en0, en1, en2, en4, en5, en6, bridge0"));
  EXPECT_THAT(finding.cure, HasSubstr("fleet.toml:10:1"));
  EXPECT_THAT(finding.cure, HasSubstr("networksetup -listallhardwareports"));
  EXPECT_THAT(commands(plan), ElementsAre("ifconfig bridge0 deletem en4", "ifconfig en4 up",
                                          "ifconfig en4 inet 10.254.0.5 netmask 255.255.255.252",
                                          HasSubstr("mktemp")));
  EXPECT_EQ(commands(plan, Nature::check).size(), 2U);
}

TEST(Diff, MtuIsOnlyToldAndOnlyWhenTheLinkSetsIt) {
  auto fleet = pair_fleet();
  const auto facts = ready_mac(fleet, 0);
  fleet.links[0].mtu = 9000;
  const auto plan = diff(fleet, 0, facts);
  EXPECT_EQ(plan.changes(), 0U);
  EXPECT_EQ(only_finding(plan).layer, "mtu");
  EXPECT_EQ(only_finding(plan).cure, "sudo ifconfig en5 mtu 9000");
  fleet.links[0].mtu = 1500;
  EXPECT_THAT(diff(fleet, 0, facts).findings, IsEmpty());
}

// --- RDMA

TEST(DiffRdma, EachStateIsToldOnceWithItsCure) {
  const auto fleet = triangle_fleet();
  const auto told = [&](auto&& change) {
    auto facts = ready_mac(fleet, 0);
    change(facts);
    const auto plan = diff(fleet, 0, facts);
    EXPECT_EQ(plan.changes(), 0U);
    EXPECT_EQ(only_finding(plan).severity, Severity::warning);
    EXPECT_EQ(only_finding(plan).layer, "rdma");
    return only_finding(plan);
  };
  EXPECT_THAT(told([](auto& f) { f.rdma = RdmaState::disabled; }).cure, HasSubstr("Recovery"));
  EXPECT_THAT(told([](auto& f) { f.rdma = RdmaState::no_tool; }).cure, HasSubstr("26.2"));
  EXPECT_THAT(told([](auto& f) {
                f.rdma = RdmaState::no_tool;
                f.version.version.clear();
              }).seen,
              HasSubstr("no rdma_ctl"));
  EXPECT_THAT(told([](auto& f) { f.rdma = RdmaState::unknown; }).cure,
              HasSubstr("rdma_ctl status"));
  EXPECT_THAT(told([](auto& f) { f.ibv_devices.reset(); }).cure, HasSubstr("ibv_devices"));
  EXPECT_THAT(told([](auto& f) { f.ibv_devices->clear(); }).cure, HasSubstr("Thunderbolt 4"));
  const auto missing = told([](auto& f) { std::erase(*f.ibv_devices, "rdma_en4"); });
  EXPECT_EQ(missing.target, "rdma_en4");
  EXPECT_THAT(missing.seen, HasSubstr("lists only rdma_en1"));
}

TEST(DiffRdma, ALinkWithoutItHasNoCheckAndNoMatrix) {
  auto fleet = pair_fleet();
  fleet.links[0].rdma = false;
  auto facts = bare_mac();
  facts.rdma = RdmaState::disabled;
  const auto plan = diff(fleet, 0, facts);
  EXPECT_EQ(plan.changes(), 3U);
  EXPECT_EQ(commands(plan, Nature::check).size(), 1U);
  EXPECT_THAT(plan.findings, IsEmpty());
}

// --- the file

TEST(DiffFile, IsWrittenOnlyWhenItsContentDiffers) {
  auto facts = ready_mac(pair_fleet(), 0);
  facts.matrix_file.content = "[[null]]\n";
  auto plan = diff(pair_fleet(), 0, facts);
  ASSERT_EQ(plan.changes(), 1U);
  EXPECT_THAT(plan.actions[0].why, HasSubstr("another matrix"));
  EXPECT_EQ(plan.actions[0].undo, write_command("/tmp/mlx_ibv_devices.json", "[[null]]\n"));
  facts.matrix_file = {true, "", "Permission denied"};
  plan = diff(pair_fleet(), 0, facts);
  ASSERT_EQ(plan.changes(), 1U);
  EXPECT_THAT(plan.actions[0].why, HasSubstr("Permission denied"));
  facts.matrix_file = {};
  EXPECT_THAT(diff(pair_fleet(), 0, facts).actions[0].why, HasSubstr("does not exist"));
}

TEST(DiffFile, IsTheSameOnEveryNodeAlsoOnOneWithoutLinks) {
  auto fleet = pair_fleet();
  add_node(fleet, "studio3");
  const auto plan = diff(fleet, 2, bare_mac());
  ASSERT_EQ(plan.changes(), 1U);
  EXPECT_EQ(plan.actions[0].content, diff(fleet, 0, bare_mac()).actions[3].content);
}

TEST(DiffFile, WhatJacclTakesForGroupsOfOneIsSaidOnceAndWritten) {
  auto fleet = triangle_fleet();
  EXPECT_THAT(diff(fleet, 0, bare_mac()).findings, IsEmpty());
  fleet.links.pop_back();
  const auto plan = diff(fleet, 0, bare_mac());
  EXPECT_EQ(only_finding(plan).severity, Severity::note);
  EXPECT_EQ(only_finding(plan).layer, "matrix");
  EXPECT_THAT(only_finding(plan).seen, HasSubstr("studio2 and studio3 have no RDMA link"));
  EXPECT_TRUE(std::ranges::any_of(plan.actions,
                                  [](const Action& one) { return one.task == Task::file_write; }));
  EXPECT_THAT(diff(fleet, 1, bare_mac()).findings, IsEmpty());
}

TEST(DiffFile, AMatrixThatCannotBeIsAnErrorNotAFile) {
  auto fleet = triangle_fleet();
  fleet.links[1].ends[0].rdma_device = "rdma_en3";
  const auto plan = diff(fleet, 0, bare_mac());
  EXPECT_THAT(layers(plan, Severity::error), ElementsAre("matrix"));
  EXPECT_EQ(plan.changes(), 6U);
}

// --- systems

TEST(DiffSystem, AnotherSystemIsRefusedWhereChangesAreWanted) {
  auto facts = bare_mac();
  facts.os = facts::Os::other;
  facts.uname =
      "Plan\x1b"
      "9";
  const auto plan = diff(pair_fleet(), 0, facts);
  EXPECT_EQ(plan.state, NodeState::refused);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(only_finding(plan).layer, "os");
  EXPECT_THAT(only_finding(plan).seen, HasSubstr("Plan\\x1b9"));
  EXPECT_THAT(only_finding(plan).cure, HasSubstr("not supported"));
  auto fleet = pair_fleet();
  add_node(fleet, "pi");
  EXPECT_EQ(diff(fleet, 2, facts).state, NodeState::ready);
  EXPECT_THAT(diff(fleet, 2, facts).findings, IsEmpty());
}

TEST(DiffSystem, ExosDaemonIsTold) {
  auto facts = ready_mac(pair_fleet(), 0);
  facts.exo_daemon = true;
  EXPECT_THAT(only_finding(diff(pair_fleet(), 0, facts)).cure, HasSubstr("bootout"));
  facts.exo_daemon = false;
  facts.network_location = "exo";
  EXPECT_THAT(only_finding(diff(pair_fleet(), 0, facts)).cure, HasSubstr("switchtolocation"));
  facts.network_location = "Automatic";
  EXPECT_THAT(diff(pair_fleet(), 0, facts).findings, IsEmpty());
}

// --- carried out, a plan leaves nothing to plan

facts::NodeFacts random_mac(std::mt19937& random, const model::Fleet& fleet, std::size_t node) {
  auto facts = bare_mac();
  facts.bridges[0].members.clear();
  facts.bridges.push_back({"bridge1", {}});
  for (auto& interface : facts.interfaces) {
    if (interface.name == "en0" || interface.name == "bridge0") continue;
    interface.up = random() % 3 != 0;
    if (const auto where = random() % 3; where < 2) {
      facts.bridges[where].members.push_back(interface.name);
    }
    for (auto count = random() % 4; count > 0; --count) {
      interface.inet.push_back(
          {model::Ipv4(static_cast<std::uint32_t>(0xac100000U + random() % 65536)),
           static_cast<int>(8 + random() % 23)});
    }
    for (const std::size_t index : fleet.links_of(node)) {
      const auto& link = fleet.links[index];
      const auto& end = link.ends[link.ends[0].node == node ? 0 : 1];
      if (random() % 3 != 0) continue;
      const auto at = interface.inet.empty() ? 0 : random() % interface.inet.size();
      interface.inet.insert(interface.inet.begin() + static_cast<std::ptrdiff_t>(at),
                            {end.address, random() % 2 == 0 ? 30 : 24});
    }
  }
  if (random() % 2 == 0) facts.matrix_file = {true, "old", random() % 2 == 0 ? "" : "unreadable"};
  return facts;
}

TEST(DiffProperty, AppliedOnceThereIsNothingLeft) {
  std::mt19937 random(42);
  const auto fleet = triangle_fleet();
  std::size_t changes = 0;
  for (std::size_t round = 0; round < 3000; ++round) {
    const std::size_t node = round % 3;
    auto facts = random_mac(random, fleet, node);
    const auto before = facts;
    const auto plan = diff(fleet, node, facts);
    ASSERT_EQ(plan.state, NodeState::ready);
    changes += plan.changes();
    carry_out(plan, facts, random() % 2 == 0);
    const auto again = diff(fleet, node, facts);
    ASSERT_THAT(commands(again), IsEmpty()) << "round " << round;
    // What no link names is as it was.
    for (const auto& interface : before.interfaces) {
      const bool ours = (interface.name == "en3" || interface.name == "en4");
      if (!ours) {
        ASSERT_EQ(*facts.find_interface(interface.name), interface);
      }
    }
    for (std::size_t i = 0; i < before.bridges.size(); ++i) {
      auto rest = before.bridges[i].members;
      std::erase(rest, "en3");
      std::erase(rest, "en4");
      ASSERT_EQ(facts.bridges[i].members, rest);
    }
  }
  EXPECT_GT(changes, 9000U);
}

}  // namespace
}  // namespace bringup::plan::testing
