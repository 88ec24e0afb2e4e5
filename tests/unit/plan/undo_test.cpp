// What returns a node to the facts from before a run, and what a restart took from it.
#include "bringup/plan/undo.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/losses.hpp"
#include "support.hpp"

namespace bringup::plan {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the tests' own words

struct UndoTest : ::testing::Test {
  model::Fleet fleet = pair_fleet();
  facts::NodeFacts facts = bare_mac();
  facts::NodeRecord before = facts::record_of("studio1", facts);
  NodePlan ran;

  void run() {
    before = facts::record_of("studio1", facts);
    ran = diff(fleet, 0, facts);
    carry_out(ran, facts);
  }
  NodePlan back() { return undo(fleet, 0, before, facts, ran); }
};

TEST_F(UndoTest, ReturnsWhatTheRunChangedAndNothingElse) {
  run();
  interface_of(facts, "en1")->inet = {{ip("10.9.9.9"), 24}};  // somebody else's
  const auto plan = back();
  EXPECT_EQ(plan.state, NodeState::ready);
  EXPECT_EQ(commands(plan), (std::vector<std::string>{"ifconfig en5 inet 10.254.0.1 -alias",
                                                      "ifconfig bridge0 addm en5",
                                                      "rm -f /tmp/mlx_ibv_devices.json"}));
  EXPECT_EQ(plan.actions[0].shown, "sudo ifconfig en5 inet 10.254.0.1 -alias");
  EXPECT_EQ(plan.actions[0].undo, "ifconfig en5 inet 10.254.0.1 netmask 255.255.255.252");
  EXPECT_EQ(plan.actions[1].undo, "ifconfig bridge0 deletem en5");
  for (const auto& action : plan.actions) EXPECT_TRUE(parse_command(action)) << action.command;
}

TEST_F(UndoTest, HasNothingToDoWhereAllIsAsBefore) {
  run();
  facts = bare_mac();
  EXPECT_EQ(back().changes(), 0U);
}

TEST_F(UndoTest, PutsTheFormerAddressBackInsteadOfRemovingTheNewOne) {
  interface_of(facts, "en5")->inet = {{ip("10.77.0.1"), 24}};
  run();
  ASSERT_EQ(interface_of(facts, "en5")->inet[0].address, ip("10.254.0.1"));
  EXPECT_EQ(commands(back())[0], "ifconfig en5 inet 10.77.0.1 netmask 255.255.255.0");
}

TEST_F(UndoTest, LeavesFurtherAddressesAlone) {
  run();
  interface_of(facts, "en5")->inet.push_back({ip("10.88.0.1"), 24});
  before.interfaces[5].inet = {{ip("10.88.0.1"), 24}};
  ASSERT_EQ(before.interfaces[5].name, "en5");
  EXPECT_EQ(commands(back())[0], "ifconfig en5 inet 10.254.0.1 -alias");
  EXPECT_EQ(std::ranges::count_if(back().actions,
                                  [](const auto& action) {
                                    return action.command.find("10.88.0.1") != std::string::npos;
                                  }),
            0);
}

TEST_F(UndoTest, TakesDownWhatWasDownAfterItsAddresses) {
  interface_of(facts, "en5")->up = false;
  interface_of(facts, "en5")->inet = {{ip("10.77.0.1"), 24}};
  run();
  ASSERT_TRUE(interface_of(facts, "en5")->up);
  const auto plan = back();
  ASSERT_GE(plan.actions.size(), 2U);
  EXPECT_EQ(plan.actions[0].task, Task::address_assign);
  EXPECT_EQ(plan.actions[1].command, "ifconfig en5 down");
  EXPECT_EQ(plan.actions[1].task, Task::interface_down);
}

TEST_F(UndoTest, WritesTheFormerMatrixBack) {
  facts.matrix_file = {true, "old\n", ""};
  run();
  const auto plan = back();
  EXPECT_EQ(plan.actions.back().task, Task::file_write);
  EXPECT_EQ(plan.actions.back().content, "old\n");
  EXPECT_FALSE(plan.actions.back().root);
}

TEST_F(UndoTest, SaysSoWhereTheFormerMatrixIsNotKnown) {
  facts.matrix_file = {true, "", "Permission denied"};
  run();
  const auto plan = back();
  EXPECT_EQ(layers(plan, Severity::warning), std::vector<std::string>{"matrix"});
  EXPECT_EQ(std::ranges::count(plan.actions, Task::file_write, &Action::task), 0);
}

TEST_F(UndoTest, IsRefusedAsAnyPlanIs) {
  run();
  facts.sudo = platform::SudoState::password_required;
  const auto plan = back();
  EXPECT_EQ(plan.state, NodeState::refused);
  EXPECT_TRUE(plan.actions.empty());
}

TEST_F(UndoTest, LeavesTheSessionsInterfaceToTheGuard) {
  run();
  facts.session_interface = "en5";
  const auto plan = back();
  EXPECT_EQ(plan.state, NodeState::ready);
  EXPECT_EQ(layers(plan, Severity::warning), std::vector<std::string>{"interface"});
}

TEST_F(UndoTest, TellsAnInterfaceThatIsGone) {
  run();
  std::erase_if(facts.interfaces, [](const auto& one) { return one.name == "en5"; });
  const auto plan = back();
  EXPECT_TRUE(plan.has_errors());
  EXPECT_EQ(commands(plan), std::vector<std::string>{"rm -f /tmp/mlx_ibv_devices.json"});
}

std::vector<std::string> items(const std::vector<Loss>& losses) {
  std::vector<std::string> out;
  for (const auto& loss : losses) out.push_back(loss.item + ": " + loss.lost);
  return out;
}

TEST(Losses, NamesWhatAReinitialisationTook) {
  const auto fleet = pair_fleet();
  auto good = ready_mac(fleet, 0);
  good.routes.push_back({subnet("10.254.0.0/30"), "link#9", "en5"});
  const auto record = facts::record_of("studio1", good);
  EXPECT_TRUE(losses(fleet, 0, &record, good, diff(fleet, 0, good)).empty());
  auto now = bare_mac();
  now.rdma = platform::RdmaState::disabled;
  EXPECT_EQ(items(losses(fleet, 0, &record, now, diff(fleet, 0, now))),
            (std::vector<std::string>{"en5 alone: back in bridge0", "address of en5: 10.254.0.1/30",
                                      "route through en5: 10.254.0.0/30",
                                      "matrix file: /tmp/mlx_ibv_devices.json", "RDMA: disabled"}));
  EXPECT_EQ(items(losses(fleet, 0, nullptr, now, diff(fleet, 0, now))).size(), 4U)
      << "routes are known of a good run only";
}

TEST(Losses, AreNotWhatNeverWas) {
  const auto fleet = pair_fleet();
  auto good = ready_mac(fleet, 0);
  good.rdma = platform::RdmaState::disabled;
  const auto record = facts::record_of("studio1", good);
  EXPECT_TRUE(losses(fleet, 0, &record, good, diff(fleet, 0, good)).empty());
}

TEST(Losses, NameSudoAndAPortThatIsDown) {
  const auto fleet = pair_fleet();
  auto now = ready_mac(fleet, 0);
  interface_of(now, "en5")->up = false;
  now.sudo = platform::SudoState::password_required;
  EXPECT_EQ(items(losses(fleet, 0, nullptr, now, diff(fleet, 0, now))),
            (std::vector<std::string>{"en5 up: down", "sudo: without a password"}));
}

}  // namespace
}  // namespace bringup::plan
