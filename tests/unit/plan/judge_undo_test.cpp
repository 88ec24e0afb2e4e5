// What is told of the changes that undo others, and of the keeper's.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "bringup/plan/execute.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/undo.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using facts::Frame;

// Status, text, seen, expected, cure: all that people read of a step.
using Told = std::array<std::string, 5>;

Told told_of(const StepOutcome& step) {
  return {std::string(to_string(step.status)), step.text, step.seen, step.expected, step.cure};
}

const std::string kMatrix = "/tmp/mlx_ibv_devices.json";
const std::string kPlist = "/Library/LaunchDaemons/dev.bringup.links.plist";

struct Judged : ::testing::Test {
  void set(const std::string& name, int status, const std::string& payload = "") {
    std::erase_if(frames, [&](const Frame& frame) { return frame.name == name; });
    frames.push_back({name, status, false, payload});
  }
  Told told(std::size_t index) const {
    return told_of(judge_against(fleet, plan, frames, &after, &was).steps.at(index));
  }
  Told unread(std::size_t index) const {
    return told_of(judge_against(fleet, plan, frames, nullptr, &was).steps.at(index));
  }

  model::Fleet fleet = pair_fleet();
  facts::NodeFacts was = bare_mac();
  facts::NodeFacts after;
  NodePlan plan;
  std::vector<Frame> frames;
};

// A run gave en5 its address, took it out of bridge0 and up, and wrote the file. The steps back:
// 0 address, 1 down, 2 bridge, 3 file.
struct JudgeUndo : Judged {
  JudgeUndo() {
    interface_of(was, "en5")->up = false;
    auto now = was;
    const auto ran = diff(fleet, 0, now);
    carry_out(ran, now);
    plan = undo(fleet, 0, facts::record_of("studio1", was), now, ran);
    after = was;
    for (const char* step : {"step.0", "step.1", "step.2", "step.3", "apply.done"}) set(step, 0);
    states(0);
  }
  void states(int status) {
    for (const char* step : {"step.0", "step.1", "step.2"}) {
      set(std::string(step) + ".state", status, status == 0 ? "held" : "missing");
    }
  }
};

TEST_F(JudgeUndo, IsDoneWhereTheFactsAreThoseFromBefore) {
  ASSERT_EQ(plan.actions.size(), 4U);
  states(1);  // the facts that were read back count
  EXPECT_EQ(told(0), (Told{"done", "address 10.254.0.1 removed from en5"}));
  EXPECT_EQ(told(1), (Told{"done", "en5 down"}));
  EXPECT_EQ(told(2), (Told{"done", "en5 put back into bridge0"}));
  EXPECT_EQ(told(3), (Told{"done", kMatrix + " removed"}));
}

TEST_F(JudgeUndo, IsDoneByTheScriptsOwnLookWhereNothingWasReadBack) {
  EXPECT_EQ(unread(0), (Told{"done", "address 10.254.0.1 removed from en5"}));
  EXPECT_EQ(unread(1), (Told{"done", "en5 down"}));
  EXPECT_EQ(unread(2), (Told{"done", "en5 put back into bridge0"}));
  EXPECT_EQ(unread(3), (Told{"done", kMatrix + " removed"}));
  states(1);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(unread(i)[0], "failed") << i;
}

TEST_F(JudgeUndo, SuccessWithoutEffectIsFailed) {
  interface_of(after, "en5")->inet = {{ip("10.254.0.1"), 30}};
  interface_of(after, "en5")->up = true;
  std::erase(after.bridges[0].members, "en5");
  after.matrix_file = {true, "[]", ""};
  const std::string cure = "run it on studio1 and see what happens";
  EXPECT_EQ(told(0), (Told{"failed", "address not removed from en5",
                           "`sudo ifconfig en5 inet 10.254.0.1 -alias` reported success",
                           "en5 without 10.254.0.1", cure}));
  EXPECT_EQ(told(1), (Told{"failed", "en5 not taken down",
                           "`sudo ifconfig en5 down` reported success", "en5 down", cure}));
  EXPECT_EQ(told(2),
            (Told{"failed", "en5 not put back into its bridge",
                  "`sudo ifconfig bridge0 addm en5` reported success", "en5 in bridge0", cure}));
  EXPECT_EQ(told(3),
            (Told{"failed", kMatrix + " not removed", "`rm -f " + kMatrix + "` reported success",
                  "no file " + kMatrix, cure}));
  after.bridges.push_back({"bridge1", {"en5"}});
  EXPECT_EQ(told(2)[0], "failed") << "another bridge";
}

TEST_F(JudgeUndo, ACommandThatFailsIsToldInItsWords) {
  set("step.0", 1, "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address\n");
  set("step.1", 1);
  set("step.2", 1, "ifconfig: BRDGADD en5: Device busy\x1b[2J\n");
  set("step.3", 1, "rm: /tmp/mlx_ibv_devices.json: Operation not supported\n");
  EXPECT_EQ(
      told(0),
      (Told{"failed", "address not removed from en5",
            "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address",
            "en5 without 10.254.0.1",
            "run `sudo ifconfig en5 inet 10.254.0.1 -alias` on studio1 and see what it says"}));
  EXPECT_EQ(told(1), (Told{"failed", "en5 not taken down", "exit status 1 and no words", "en5 down",
                           "run `sudo ifconfig en5 down` on studio1 and see what it says"}));
  EXPECT_EQ(told(2),
            (Told{"failed", "en5 not put back into its bridge",
                  "ifconfig: BRDGADD en5: Device busy\\x1b[2J", "en5 in bridge0",
                  "run `sudo ifconfig bridge0 addm en5` on studio1 and see what it says"}));
  EXPECT_EQ(told(3), (Told{"failed", kMatrix + " not removed",
                           "rm: /tmp/mlx_ibv_devices.json: Operation not supported",
                           "no file " + kMatrix, "see `ls -lde " + kMatrix + "` on studio1"}));
}

TEST_F(JudgeUndo, AnInterfaceThatIsGoneIsNamed) {
  std::erase_if(after.interfaces, [](const auto& one) { return one.name == "en5"; });
  const std::string seen = "studio1 has no interface en5";
  const std::string cure = "plug in or restore the interface, then run it again";
  EXPECT_EQ(told(0),
            (Told{"failed", "address not removed from en5", seen, "en5 without 10.254.0.1", cure}));
  EXPECT_EQ(told(1), (Told{"failed", "en5 not taken down", seen, "en5 down", cure}));
  EXPECT_EQ(told(2),
            (Told{"failed", "en5 not put back into its bridge", seen, "en5 in bridge0", cure}));
}

TEST_F(JudgeUndo, SudosFailureIsNotTheCommands) {
  set("step.1", 1, "sudo: a password is required\n");
  EXPECT_EQ(
      told(1),
      (Told{"failed", "en5 not taken down", "sudo: a password is required", "en5 down",
            "run `bringup bootstrap studio1 --ask-pass`, which writes a rule for sudo; or set "
            "become = \"sudo-password\" and run with --ask-become-pass"}));
}

TEST_F(JudgeUndo, TheConnectionEndedBeforeIt) {
  frames.clear();
  const std::string cure =
      "run bringup apply again: it does what is left and leaves the rest alone";
  EXPECT_EQ(unread(0), (Told{"skipped", "address not removed from en5, as far as is known",
                             "the connection ended before or during this step",
                             "en5 without 10.254.0.1", cure}));
  EXPECT_EQ(unread(3), (Told{"skipped", kMatrix + " not removed",
                             "the connection ended before this step", "no file " + kMatrix, cure}));
}

// Of a Mac that needs nothing but the keeper, which is the only change of the plan: its step 0.
struct JudgeKeeper : Judged {
  JudgeKeeper() {
    fleet.persist = true;
    was = ready_mac(fleet, 0);
    after = was;
    after.keeper.file = {true, launch_daemon(kept_settings(fleet, 0, "admin")), ""};
    after.keeper.loaded = true;
    planned();
  }
  void planned() {
    plan = diff(fleet, 0, was);
    std::erase_if(plan.actions, [](const Action& one) { return nature(one) == Nature::check; });
    set("step.0", 0);
    set("apply.done", 0);
  }
  void leave() {
    fleet.persist = false;
    std::swap(was, after);
    planned();
  }

  const std::string expected = "dev.bringup.links loaded, with the fleet's settings";
  const std::string cure =
      "run `sudo launchctl bootstrap system " + kPlist + "` on studio1 and see what it says";
};

TEST_F(JudgeKeeper, IsDoneWhereItIsThereAndLoaded) {
  ASSERT_EQ(plan.actions.size(), 1U);
  const Told done{"done", "settings outlive a reboot: dev.bringup.links"};
  EXPECT_EQ(told(0), done);
  EXPECT_EQ(unread(0), done);
}

TEST_F(JudgeKeeper, AFileThatReadsBackOtherwiseIsFailed) {
  const std::string text = "settings not made to outlive a reboot";
  const std::string daemons = "see which program changes /Library/LaunchDaemons";
  after.keeper.file.content += " ";
  EXPECT_EQ(told(0), (Told{"failed", text, kPlist + " holds something else after the write",
                           expected, daemons}));
  after.keeper.file = {};
  EXPECT_EQ(told(0),
            (Told{"failed", text, kPlist + " is gone after the write", expected, daemons}));
}

TEST_F(JudgeKeeper, AJobThatIsNotLoadedIsFailed) {
  after.keeper.loaded = false;
  EXPECT_EQ(told(0),
            (Told{"failed", "settings not made to outlive a reboot",
                  "launchctl reported success, but the job is not loaded", expected, cure}));
}

TEST_F(JudgeKeeper, FailsInTheWordsOfLaunchctlOrOfTheDisk) {
  const std::string text = "settings not made to outlive a reboot";
  const std::string space =
      "free space on studio1 (`df -h /Library /tmp`), then run bringup apply again";
  set("step.0", 5, "Bootstrap failed: 5: Input/output error\n");
  EXPECT_EQ(told(0),
            (Told{"failed", text, "Bootstrap failed: 5: Input/output error", expected, cure}));
  set("step.0", 1, "install: No space left on device\n");
  EXPECT_EQ(told(0), (Told{"failed", text, "install: No space left on device", expected, space}));
  for (const int code : {43, 44}) {
    set("step.0", code);
    EXPECT_EQ(told(0),
              (Told{"failed", text, "exit status " + std::to_string(code) + " and no words",
                    expected, space}));
  }
}

TEST_F(JudgeKeeper, NeedsARuleForSudo) {
  set("step.0", 1, "Sorry, try again.\nsudo: 1 incorrect password attempt\n");
  EXPECT_EQ(told(0),
            (Told{"failed", "settings not made to outlive a reboot",
                  "sudo: the password was refused", expected,
                  "run again with --ask-become-pass and the right password of the login user; or "
                  "run `bringup bootstrap studio1 --ask-pass`, which writes a rule for sudo"}));
}

TEST_F(JudgeKeeper, IsGoneWhenItsFileAndItsJobAre) {
  leave();
  ASSERT_EQ(plan.actions.size(), 1U);
  const Told done{"done", "dev.bringup.links removed"};
  EXPECT_EQ(told(0), done);
  EXPECT_EQ(unread(0), done);
  const auto& shown = plan.actions[0].shown;
  const Told still{"failed", "dev.bringup.links not removed", "`" + shown + "` reported success",
                   "no " + kPlist + ", and nothing loaded of it",
                   "run it on studio1 and see what happens"};
  after.keeper.loaded = true;
  EXPECT_EQ(told(0), still);
  after.keeper = {};
  after.keeper.file.present = true;
  EXPECT_EQ(told(0), still);
}

TEST_F(JudgeKeeper, ARemovalThatFailsIsToldInLaunchctlsWords) {
  leave();
  set("step.0", 1, "Boot-out failed: 5: Input/output error\n");
  EXPECT_EQ(
      told(0),
      (Told{"failed", "dev.bringup.links not removed", "Boot-out failed: 5: Input/output error",
            "no " + kPlist + ", and nothing loaded of it",
            "run `sudo launchctl bootout system/dev.bringup.links` on studio1 and see what it "
            "says"}));
}

// Settings that change: the old keeper goes first, another comes last, and the first is no failure.
TEST_F(JudgeKeeper, AnotherThatCameAfterItIsNotWhatWasRemoved) {
  std::swap(was, after);
  interface_of(was, "en5")->up = false;
  was.keeper.file.content = launch_daemon({});
  planned();
  ASSERT_EQ(plan.actions.front().task, Task::persist_remove);
  ASSERT_EQ(plan.actions.back().task, Task::persist_install);
  after = was;
  carry_out(plan, after);
  after.keeper.file.content = plan.actions.back().content;
  const std::size_t last = plan.actions.size() - 1;
  set("step." + std::to_string(last), 0);
  EXPECT_EQ(told(0), (Told{"done", "dev.bringup.links removed"}));
  EXPECT_EQ(told(last), (Told{"done", "settings outlive a reboot: dev.bringup.links"}));
}

}  // namespace
}  // namespace bringup::plan::testing
