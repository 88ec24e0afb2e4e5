// What a guard puts back, in which order: the calls that stand at the end of its script.
#include <gtest/gtest.h>

#include "bringup/plan/guard.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/text.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using Calls = std::vector<std::string>;

struct GuardUndo : ::testing::Test {
  // The lines of bu_undo() between its head and its end.
  Calls calls() const {
    GuardScriptOptions options;
    options.id = "11112222333344445555666677778888";
    options.nonce = "0123456789abcdef";
    options.ibv_path = fleet.ibv_path;
    const std::string script = guard_rollback_script(plan, before, options);
    const std::string head = "bu_undo() {\n  bu_bad=0\n";
    const auto from = script.find(head);
    const auto to = script.find("  return \"$bu_bad\"\n", from);
    if (to == std::string::npos) return {"no bu_undo"};
    const auto begin = from + head.size();
    std::string body = script.substr(begin, to - begin);
    // It stands there as a part of one quoted word.
    const std::string quote = "'\\''";
    for (auto at = body.find(quote); at != std::string::npos; at = body.find(quote, at + 1)) {
      body.replace(at, quote.size(), "'");
    }
    Calls out;
    for (const auto line : split_lines(body)) {
      out.emplace_back(trim(line));
    }
    return out;
  }

  model::Fleet fleet = pair_fleet();
  facts::NodeFacts before = bare_mac();
  NodePlan plan = diff(fleet, 0, before);
};

TEST_F(GuardUndo, PutsBackWhatThePlanTouches) {
  EXPECT_EQ(calls(), (Calls{"bu_back_inet en5", "bu_back_member bridge0 en5", "bu_back_flag en5 up",
                            "bu_back_no_file /tmp/mlx_ibv_devices.json"}));
}

TEST_F(GuardUndo, KeepsTheOrderOfAddressesAndTheDefaultRouteBehindThem) {
  auto* port = interface_of(before, "en5");
  port->inet = {{ip("192.168.7.2"), 24}, {ip("10.1.0.9"), 30}};
  port->up = false;
  before.routes.push_back({subnet("0.0.0.0/0"), "192.168.7.1", "en5"});
  before.routes.push_back({subnet("0.0.0.0/0"), "link#9; reboot", "en5"});
  before.routes.push_back({subnet("10.1.0.8/30"), "10.1.0.10", "en5"});
  plan = diff(fleet, 0, before);
  EXPECT_EQ(calls(),
            (Calls{"bu_back_inet en5 192.168.7.2/255.255.255.0/0xffffff00 "
                   "10.1.0.9/255.255.255.252/0xfffffffc",
                   "bu_back_member bridge0 en5", "bu_back_flag en5 down",
                   "bu_back_default 192.168.7.1", "bu_back_no_file /tmp/mlx_ibv_devices.json"}));
}

TEST_F(GuardUndo, TakesOutOfABridgeWhatThePlanPutIn) {
  before.bridges[0].members.clear();
  before.bridges.push_back({"bridge1; reboot", {"en5"}});
  Action attach;
  attach.task = Task::bridge_attach;
  attach.target = "en5";
  attach.command = "ifconfig bridge0 addm en5";
  plan.actions = {attach};
  EXPECT_EQ(calls(), (Calls{"bu_back_inet en5", "bu_back_out bridge0 en5", "bu_back_flag en5 up"}));
}

TEST_F(GuardUndo, WritesFilesBackThatCouldBeRead) {
  before.matrix_file = {true, "two words", ""};
  EXPECT_EQ(calls().back(), "bu_back_file /tmp/mlx_ibv_devices.json " + shell_quote("two words"));
  before.matrix_file = {true, "", "Permission denied"};
  EXPECT_EQ(calls().back(), "bu_back_flag en5 up");
}

TEST_F(GuardUndo, SkipsWhatIsNotOursOrNotThere) {
  for (auto& action : plan.actions) action.command += "; reboot";
  EXPECT_EQ(calls(), Calls{});
  plan = diff(fleet, 0, before);
  std::erase_if(before.interfaces, [](const auto& one) { return one.name == "en5"; });
  EXPECT_EQ(calls(), Calls{"bu_back_no_file /tmp/mlx_ibv_devices.json"});
}

TEST_F(GuardUndo, TheKeeperGoesFirstAndAFormerOneComesBackLast) {
  fleet.persist = true;
  plan = diff(fleet, 0, before);
  EXPECT_EQ(calls().front(), "bu_back_no_keeper");
  EXPECT_EQ(calls().back(), "bu_back_no_file /tmp/mlx_ibv_devices.json");
  before.keeper.file = {true, "old", ""};
  EXPECT_EQ(calls().front(), "bu_same_keeper old || bu_exec bu_keeper_out");
  EXPECT_EQ(calls().back(), "bu_back_keeper old");
  before.keeper.file.problem = "Permission denied";
  EXPECT_EQ(calls().front(), "bu_back_inet en5");
  EXPECT_EQ(calls().back(), "bu_back_no_file /tmp/mlx_ibv_devices.json");
}

}  // namespace
}  // namespace bringup::plan::testing
