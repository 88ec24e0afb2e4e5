// Settings that outlive a reboot: the keeper's text, and the keeper itself run under real shells.
#include "bringup/plan/persist.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/undo.hpp"
#include "bringup/util/shell.hpp"
#include "fake_node.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

namespace fs = std::filesystem;
using facts::Os;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

model::Fleet kept_fleet() {
  auto fleet = pair_fleet();
  fleet.persist = true;
  return fleet;
}

std::vector<Task> tasks(const NodePlan& plan) {
  std::vector<Task> out;
  for (const auto& action : plan.actions) {
    if (nature(action) == Nature::change) out.push_back(action.task);
  }
  return out;
}

// All as the inventory says, the keeper included.
facts::NodeFacts kept_mac(const model::Fleet& fleet) {
  auto facts = ready_mac(fleet, 0);
  facts.keeper.file = {true, launch_daemon(kept_settings(fleet, 0, facts.login_user)), ""};
  facts.keeper.loaded = true;
  return facts;
}

TEST(Persist, ALaunchDaemonComesBackFromItsText) {
  auto fleet = triangle_fleet();
  fleet.ibv_path = "/tmp/it's <&> a\\path.json";
  const auto kept = kept_settings(fleet, 0, "admin");
  ASSERT_EQ(kept.links.size(), 2U);
  const std::string plist = launch_daemon(kept);
  EXPECT_EQ(parse_launch_daemon(plist), kept);
  const auto bare = kept_settings(fleet, 0, "no user; reboot");
  EXPECT_TRUE(bare.matrix_path.empty());
  EXPECT_EQ(parse_launch_daemon(launch_daemon(bare)), bare);
}

TEST(Persist, NoOtherDaemonIsTaken) {
  const std::string good = launch_daemon(kept_settings(pair_fleet(), 0, "admin"));
  for (const auto& [was, is] : std::vector<std::pair<std::string, std::string>>{
           {"  keep\n", "  keep; reboot\n"},
           {"link en5 ", "link en5;id "},
           {"255.255.255.252", "255.0.255.0"},
           {"matrix admin", "matrix ad$(id)"},
           {"/bin/sh</string>", "/bin/zsh</string>"},
           {"</dict>", "<key>UserName</key><string>x</string></dict>"},
           {"/tmp/mlx", "tmp/mlx"}}) {
    std::string bad = good;
    const auto at = bad.find(was);
    ASSERT_NE(at, std::string::npos) << was;
    bad.replace(at, was.size(), is);
    EXPECT_FALSE(parse_launch_daemon(bad)) << is;
  }
  EXPECT_FALSE(parse_launch_daemon(""));
  EXPECT_FALSE(parse_launch_daemon(good.substr(0, good.size() - 1)));
}

TEST(Persist, IsPlannedLastAndOnce) {
  const auto fleet = kept_fleet();
  const auto plan = diff(fleet, 0, bare_mac());
  ASSERT_EQ(tasks(plan).back(), Task::persist_install);
  const auto& action = plan.actions[plan.changes() - 1];
  EXPECT_TRUE(parse_command(action));
  EXPECT_EQ(action.command.find('\n'), std::string::npos);
  EXPECT_THAT(action.shown, HasSubstr("sudo launchctl bootstrap system"));
  EXPECT_EQ(action.undo, remove_keeper_command());
  EXPECT_TRUE(tasks(diff(fleet, 0, kept_mac(fleet))).empty());
  EXPECT_EQ(keeper_state(fleet, 0, kept_mac(fleet)), KeeperState::ready);
}

TEST(Persist, IsPutRightWhereItDiffers) {
  const auto fleet = kept_fleet();
  auto facts = kept_mac(fleet);
  facts.keeper.loaded = false;
  EXPECT_THAT(tasks(diff(fleet, 0, facts)), ElementsAre(Task::persist_install));
  facts = kept_mac(fleet);
  facts.keeper.file.content += "\n";
  EXPECT_THAT(tasks(diff(fleet, 0, facts)), ElementsAre(Task::persist_install));
  EXPECT_EQ(keeper_state(fleet, 0, facts), KeeperState::stale);
}

TEST(Persist, ItsStateIsThatOfTheFileAndTheJobTogether) {
  auto fleet = kept_fleet();
  EXPECT_EQ(keeper_state(fleet, 0, bare_mac()), KeeperState::missing);
  auto facts = kept_mac(fleet);
  facts.keeper.loaded = false;
  EXPECT_EQ(keeper_state(fleet, 0, facts), KeeperState::stale);
  facts.keeper.loaded = true;
  facts.keeper.file.problem = "Permission denied";
  EXPECT_EQ(keeper_state(fleet, 0, facts), KeeperState::stale);
  fleet.persist = false;
  EXPECT_EQ(keeper_state(fleet, 0, facts), KeeperState::left);
  EXPECT_EQ(keeper_state(fleet, 0, bare_mac()), KeeperState::unused);
  facts.keeper.file = {};
  EXPECT_EQ(keeper_state(fleet, 0, facts), KeeperState::left) << "loaded without its file";
}

TEST(Persist, AKeeperOfOtherSettingsIsGoneBeforeTheyChange) {
  const auto fleet = kept_fleet();
  const auto facts = kept_mac(fleet);
  auto other = fleet;
  other.links[0].ends[0].address = ip("10.254.9.1");
  const auto plan = diff(other, 0, facts);
  EXPECT_THAT(tasks(plan),
              ElementsAre(Task::persist_remove, Task::address_assign, Task::persist_install));
  EXPECT_TRUE(parse_command(plan.actions[0]));
}

TEST(Persist, WithoutTheKeyItIsRemovedFirst) {
  auto fleet = kept_fleet();
  auto facts = kept_mac(fleet);
  fleet.persist = false;
  EXPECT_THAT(tasks(diff(fleet, 0, facts)), ElementsAre(Task::persist_remove));
  interface_of(facts, "en5")->inet.clear();
  EXPECT_THAT(tasks(diff(fleet, 0, facts)),
              ElementsAre(Task::persist_remove, Task::address_assign));
  facts.keeper = {};
  facts.keeper.loaded = true;
  EXPECT_EQ(tasks(diff(fleet, 0, facts)).front(), Task::persist_remove);
  fleet.persist = true;
  fleet.links.clear();
  EXPECT_THAT(tasks(diff(fleet, 0, facts)), ElementsAre(Task::persist_remove));
}

TEST(Persist, ExoIsWarnedOf) {
  const auto fleet = kept_fleet();
  auto facts = kept_mac(fleet);
  EXPECT_THAT(layers(diff(fleet, 0, facts), Severity::warning),
              Not(::testing::Contains("persist")));
  facts.exo_daemon = true;
  EXPECT_THAT(layers(diff(fleet, 0, facts), Severity::warning), ::testing::Contains("persist"));
}

TEST(Persist, IsInAPlanFromScratch) {
  auto fleet = kept_fleet();
  fleet.nodes[0].ssh.user = "admin";
  const auto plan = from_scratch(fleet, 0);
  const auto found = std::ranges::find(plan.actions, Task::persist_install, &Action::task);
  ASSERT_NE(found, plan.actions.end());
  EXPECT_EQ(found->content, launch_daemon(kept_settings(fleet, 0, "admin")));
}

TEST(Persist, OtherCommandsAreNoneOfOurs) {
  const auto fleet = kept_fleet();
  const auto plan = diff(fleet, 0, bare_mac());
  Action action = plan.actions[plan.changes() - 1];
  Action other = action;
  other.command += "; reboot";
  EXPECT_FALSE(parse_command(other));
  other = action;
  other.target = "/Library/LaunchDaemons/other.plist";
  EXPECT_FALSE(parse_command(other));
  other = action;
  other.content = "#!/bin/sh\n";
  other.command = install_keeper_command(other.content);
  EXPECT_FALSE(parse_command(other));
  action = remove_keeper("", {});
  EXPECT_TRUE(parse_command(action));
  action.content = "x";
  EXPECT_FALSE(parse_command(action));
}

TEST(Persist, UndoReturnsTheFormerKeeper) {
  const auto fleet = kept_fleet();
  const auto bare = bare_mac();
  const auto kept = kept_mac(fleet);
  const auto ran = diff(fleet, 0, bare);
  auto back = undo(fleet, 0, facts::record_of("studio1", bare), kept, ran);
  EXPECT_EQ(tasks(back).front(), Task::persist_remove);
  EXPECT_THAT(tasks(back), ::testing::Contains(Task::bridge_attach));

  auto other = fleet;
  other.links[0].ends[0].address = ip("10.254.9.1");
  const auto replaced = diff(other, 0, kept);
  auto now = kept_mac(other);
  back = undo(other, 0, facts::record_of("studio1", kept), now, replaced);
  EXPECT_THAT(tasks(back),
              ElementsAre(Task::persist_remove, Task::address_assign, Task::persist_install));
  EXPECT_EQ(back.actions.back().content, kept.keeper.file.content);

  // Nothing was done to it, and it works against what is undone.
  auto port_back = kept;
  port_back.bridges[0].members.push_back("en5");
  const auto detached = diff(fleet, 0, port_back);
  back = undo(fleet, 0, facts::record_of("studio1", port_back), kept, detached);
  EXPECT_THAT(layers(back, Severity::warning), ::testing::Contains("persist"));

  auto foreign = kept;
  foreign.keeper.file.content = "somebody's";
  back = undo(fleet, 0, facts::record_of("studio1", foreign), kept, diff(fleet, 0, foreign));
  EXPECT_THAT(layers(back, Severity::warning), ::testing::Contains("persist"));
  EXPECT_THAT(tasks(back), Not(::testing::Contains(Task::persist_install)));
}

TEST(Persist, ShellcheckHasNothingToSay) {
  ASSERT_EQ(std::system("command -v shellcheck >/dev/null 2>&1"), 0) << "shellcheck is missing";
  const FakeNode node("dash");
  auto settings = kept_settings(triangle_fleet(), 0, "admin");
  settings.forwarding = true;
  settings.routes.push_back({subnet("192.168.51.0/24"), ip("10.10.0.3")});
  settings.neighbours.push_back({ip("10.10.0.2"), "02:00:00:00:00:09"});
  node.put("script.sh", keeper_script(settings));
  EXPECT_EQ(std::system(("shellcheck -s sh -S warning " + node.path("script.sh").string()).c_str()),
            0);
}

// The keeper as launchd runs it, with stand-ins for the Mac's commands and its files in a folder.
class Keeper : public ::testing::TestWithParam<const char*> {
 protected:
  Keeper() : node_(GetParam()) {
    fleet_ = pair_fleet();
    fleet_.ibv_path = node_.path("matrix.json").string();
    node_.put("port.en5", "up");
    node_.put("plist", "");
    tool("sysctl", "#!/bin/sh\necho boot-$(cat \"$NODE/boot\")\n");
    tool("launchctl",
         "#!/bin/sh\n[ \"$*\" = 'print system/io.exo.networksetup' ] && "
         "[ -e \"$NODE/exo\" ]\n");
    tool("sudo", "#!/bin/sh\nprintf 'sudo %s\\n' \"$3\" >>\"$NODE/log\"\nshift 3\nexec \"$@\"\n");
    node_.put("boot", "1");
  }

  void tool(const std::string& name, const std::string& text) {
    node_.put("bin/" + name, text);
    fs::permissions(node_.path("bin/" + name), fs::perms::owner_all);
  }

  std::string run() {
    std::string script = keeper_script(kept_settings(fleet_, 0, "admin"));
    const auto set = [&script](const std::string& was, const std::string& is) {
      const auto at = script.find(was);
      ASSERT_NE(at, std::string::npos) << was;
      script.replace(at, was.size(), is);
    };
    set(std::string(facts::kKeeperPlist), node_.path("plist").string());
    set(std::string(facts::kKeeperState), node_.path("state").string());
    set("/var/log/bringup-links.log", node_.path("keeper.log").string());
    set("/Users/*/", node_.path("homes").string() + "/*/");
    return node_.run("FAKE_ROOT=1; export FAKE_ROOT\n" + script);
  }

  std::string matrix() const { return topology::to_json(*topology::ibv_matrix(fleet_)); }

  FakeNode node_;
  model::Fleet fleet_;
};

TEST_P(Keeper, PutsRightWhatIsWrongAndNothingElse) {
  node_.put("member.bridge0.en5", "");
  node_.put("member.bridge0.en6", "");
  node_.put("leaves-down.en5", "");
  const std::string said = run();
  EXPECT_THAT(said, HasSubstr("en5 taken out of bridge0"));
  EXPECT_THAT(said, HasSubstr("en5 given 10.254.0.1, it had no address"));
  EXPECT_THAT(said, HasSubstr("matrix.json written"));
  EXPECT_FALSE(node_.has("member.bridge0.en5"));
  EXPECT_TRUE(node_.has("member.bridge0.en6"));
  EXPECT_EQ(node_.get("port.en5"), "up\n");
  EXPECT_EQ(node_.get("matrix.json"), matrix());
  EXPECT_THAT(node_.get("log"), HasSubstr("sudo admin\n"));
  EXPECT_THAT(node_.get("state"), HasSubstr("boot boot-1\nchanges 3\ntotal 3\n"));

  EXPECT_EQ(run(), "") << "nothing was needed";
  EXPECT_THAT(node_.get("state"), HasSubstr("changes 0\ntotal 3\n"));
  node_.put("boot", "2");
  run();
  EXPECT_THAT(node_.get("state"), HasSubstr("boot boot-2\nchanges 0\ntotal 0\n"));
}

TEST_P(Keeper, ReplacesAWrongAddress) {
  node_.put("inet.en5", "10.9.9.9 255.255.255.252\n");
  EXPECT_THAT(run(), HasSubstr("en5 given 10.254.0.1, it had 10.9.9.9"));
  EXPECT_EQ(node_.get("inet.en5"), "10.254.0.1 255.255.255.252\n");
}

TEST_P(Keeper, TellsAProblemOnce) {
  node_.put("refuse.en5", "");
  EXPECT_THAT(run(), HasSubstr("en5 does not hold 10.254.0.1: ifconfig: ioctl"));
  EXPECT_THAT(node_.get("state"), HasSubstr("problem en5 does not hold"));
  EXPECT_EQ(run(), "");
}

TEST_P(Keeper, DoesNotFightExo) {
  node_.put("member.bridge0.en5", "");
  node_.put("exo", "");
  EXPECT_THAT(run(), HasSubstr("conflict: io.exo.networksetup is loaded"));
  EXPECT_TRUE(node_.has("member.bridge0.en5"));
  EXPECT_FALSE(node_.has("matrix.json"));
}

TEST_P(Keeper, WaitsForAGuardedChangeThatCameWithIt) {
  node_.put("member.bridge0.en5", "");
  fs::create_directories(node_.path("homes/admin/.bringup/guard/1"));
  node_.put("homes/admin/.bringup/guard/1/armed", "");
  const auto time = fs::last_write_time(node_.path("plist"));
  fs::last_write_time(node_.path("homes/admin/.bringup/guard/1/armed"),
                      time - std::chrono::seconds(1));
  EXPECT_THAT(run(), HasSubstr("a guarded change is not confirmed"));
  EXPECT_TRUE(node_.has("member.bridge0.en5"));
  // Armed after this keeper was installed: what it keeps was confirmed.
  fs::last_write_time(node_.path("homes/admin/.bringup/guard/1/armed"),
                      time + std::chrono::seconds(1));
  run();
  EXPECT_FALSE(node_.has("member.bridge0.en5"));
}

TEST_P(Keeper, FollowsNoLinkInTheMatrixFilesPlace) {
  node_.put("inet.en5", "10.254.0.1 255.255.255.252\n");
  node_.put("precious", "root's\n");
  fs::create_symlink(node_.path("precious"), node_.path("matrix.json"));
  run();
  EXPECT_EQ(node_.get("precious"), "root's\n");
  EXPECT_FALSE(fs::is_symlink(node_.path("matrix.json")));
  EXPECT_EQ(node_.get("matrix.json"), matrix());
}

TEST_P(Keeper, BoundsItsLog) {
  node_.put("inet.en5", "10.254.0.1 255.255.255.252\n");
  node_.put("keeper.log", std::string(66000, 'x'));
  run();
  EXPECT_EQ(node_.get("keeper.log"), "");
}

INSTANTIATE_TEST_SUITE_P(Shells, Keeper, ::testing::Values("dash", "bash"));

}  // namespace
}  // namespace bringup::plan::testing
