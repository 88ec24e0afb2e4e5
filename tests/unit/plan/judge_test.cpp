#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bringup/plan/execute.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using facts::Frame;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Steps of pair_fleet's first node: 0 detach, 1 up, 2 address, 3 file, 4 rdma, 5 profiler (judged
// only when the facts from before are given).
class Judge : public ::testing::Test {
 protected:
  Judge() : fleet_(pair_fleet()), before_(bare_mac()), plan_(diff(fleet_, 0, before_)) {
    after_ = before_;
    carry_out(plan_, after_);
    after_.profiler_json.clear();
    set("step.0", 0);
    set("step.0.state", 0, "held");
    set("step.1.was", 0, "down");
    set("step.1", 0);
    set("step.1.state", 0, "held");
    set("step.2", 0);
    set("step.2.state", 0, "held");
    set("step.3", 0);
    set("apply.done", 0);
  }

  void set(const std::string& name, int status, const std::string& payload = "") {
    for (auto& frame : frames_) {
      if (frame.name == name) {
        frame.exit_status = status;
        frame.payload = payload;
        return;
      }
    }
    frames_.push_back({name, status, false, payload});
  }
  void drop_from(const std::string& name) {
    while (!frames_.empty() && frames_.back().name != name) frames_.pop_back();
    if (!frames_.empty()) frames_.pop_back();
  }

  NodeOutcome outcome() const { return judge_against(fleet_, plan_, frames_, &after_, &before_); }
  NodeOutcome cut_off() const { return judge_against(fleet_, plan_, frames_, nullptr, &before_); }
  StepOutcome step(std::size_t index) const { return outcome().steps.at(index); }

  void expect_failed(std::size_t index, const std::string& seen, const std::string& cure) const {
    const auto told = step(index);
    EXPECT_EQ(told.status, StepStatus::failed) << told.text;
    EXPECT_THAT(told.seen, HasSubstr(seen));
    EXPECT_THAT(told.cure, HasSubstr(cure));
    EXPECT_FALSE(told.expected.empty());
    EXPECT_FALSE(told.text.empty());
  }

  model::Fleet fleet_;
  facts::NodeFacts before_;
  facts::NodeFacts after_;
  NodePlan plan_;
  std::vector<Frame> frames_;
};

TEST_F(Judge, SaysWhatWasDoneInTheShapePeopleKnow) {
  const auto result = outcome();
  EXPECT_EQ(result.node, "studio1");
  EXPECT_FALSE(result.error);
  ASSERT_EQ(result.steps.size(), 6U);
  const std::vector<std::pair<StepStatus, std::string>> expected{
      {StepStatus::done, "en5 removed from bridge0"},
      {StepStatus::done, "en5 up"},
      {StepStatus::done, "address 10.254.0.1/30"},
      {StepStatus::done, "IBV matrix written: /tmp/mlx_ibv_devices.json"},
      {StepStatus::ok, "RDMA: enabled, device rdma_en5"},
      {StepStatus::ok, "Thunderbolt profile kept (2 bytes)"}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(result.steps[i].status, expected[i].first) << i;
    EXPECT_EQ(result.steps[i].text, expected[i].second);
    EXPECT_THAT(result.steps[i].seen, IsEmpty());
    EXPECT_THAT(result.steps[i].expected, IsEmpty());
    EXPECT_THAT(result.steps[i].cure, IsEmpty());
  }
}

TEST_F(Judge, DeletemThatLiesIsFailed) {
  after_.bridges[0].members.push_back("en5");
  set("step.0.state", 1, "missing");
  expect_failed(0, "bridge0 still lists en5 although deletem reported success",
                "Thunderbolt Bridge");
  EXPECT_EQ(step(0).text, "en5 is still in bridge0");
  set("step.0.state", 0, "held");
  expect_failed(0, "the system put it into bridge0 again", "Thunderbolt Bridge");
}

TEST_F(Judge, AMemberThatWasGoneAlreadyIsFine) {
  set("step.0", 1, "ifconfig: BRDGDEL en5: No such file or directory\n");
  EXPECT_EQ(step(0).status, StepStatus::ok);
  EXPECT_EQ(step(0).text, "en5 was no longer in bridge0");
  after_.bridges[0].members.push_back("en5");
  expect_failed(0, "BRDGDEL en5", "ifconfig bridge0");
}

TEST_F(Judge, APortLeftDownIsFailed) {
  interface_of(after_, "en5")->up = false;
  expect_failed(1, "went down again", "replug the cable");
  set("step.1.state", 1, "missing");
  expect_failed(1, "stayed down although", "sudo ifconfig en5 up");
  set("step.1", 1, "ifconfig: something odd\x1b[2J");
  expect_failed(1, "something odd\\x1b[2J", "sudo ifconfig en5 up");
}

TEST_F(Judge, APortThatWasUpIsOk) {
  set("step.1.was", 0, "up");
  EXPECT_EQ(step(1).status, StepStatus::ok);
  EXPECT_EQ(step(1).text, "en5 up already");
}

TEST_F(Judge, ARefusedAddressIsFailedWithItsWords) {
  interface_of(after_, "en5")->inet.clear();
  set("step.2", 1, "ifconfig: ioctl (SIOCAIFADDR): File exists\n");
  expect_failed(2, "File exists", "sudo ifconfig en5 inet 10.254.0.1");
  EXPECT_EQ(step(2).text, "address 10.254.0.1/30 refused on en5");
  // The same with exit status 0.
  set("step.2", 0, "ifconfig: ioctl (SIOCAIFADDR): File exists\n");
  set("step.2.state", 1, "missing");
  expect_failed(2, "File exists", "sudo ifconfig en5 inet 10.254.0.1");
}

TEST_F(Judge, AnAddressThatIsNotThereIsFailed) {
  interface_of(after_, "en5")->inet.clear();
  expect_failed(2, "en5 has no IPv4 address: the address was set, then", "io.exo.networksetup");
  set("step.2.state", 1, "missing");
  expect_failed(2, "en5 has no IPv4 address although ifconfig reported success", "DHCP");
  interface_of(after_, "en5")->inet = {{ip("169.254.3.4"), 16}};
  expect_failed(2, "en5 has 169.254.3.4/16", "DHCP");
}

TEST_F(Judge, AnInterfaceThatVanishedIsNamed) {
  std::erase_if(after_.interfaces, [](const auto& i) { return i.name == "en5"; });
  expect_failed(1, "studio1 has no interface en5", "inventory");
  expect_failed(2, "studio1 has no interface en5", "inventory");
}

TEST_F(Judge, LaterStepsOfAFailedTargetAreSkipped) {
  after_.bridges[0].members.push_back("en5");
  drop_from("step.1.was");
  set("step.1.skipped", 0, "target");
  set("step.2.skipped", 0, "sudo");
  set("step.3", 0);
  set("apply.done", 0);
  EXPECT_EQ(step(1).status, StepStatus::skipped);
  EXPECT_EQ(step(1).text, "en5 not brought up");
  EXPECT_EQ(step(1).seen, "an earlier step on en5 failed");
  EXPECT_EQ(step(2).seen, "sudo failed on an earlier step");
  EXPECT_EQ(step(3).status, StepStatus::done);
  EXPECT_FALSE(outcome().error);
}

struct SudoWords {
  int status;
  const char* words;
  const char* seen;
  const char* cure;
};

TEST_F(Judge, SudosOwnFailuresAreNotTheCommands) {
  for (const auto& given : {
           SudoWords{1, "sudo: a password is required\n", "a password is required",
                     "--ask-become-pass"},
           SudoWords{1, "sudo: a terminal is required to read the password", "a password",
                     "sudo-password"},
           SudoWords{1, "admin is not in the sudoers file.", "may not run this", "administrator"},
           SudoWords{1, "Sorry, user admin may not run sudo on mac.", "may not run",
                     "bringup bootstrap studio1 --ask-pass"},
           SudoWords{1, "Sorry, user admin is not allowed to execute '/sbin/ifconfig'",
                     "is not allowed", "administrator"},
           SudoWords{1, "admin is not allowed to run sudo on mac.", "may not run this",
                     "administrator"},
           SudoWords{1, "Sorry, try again.\nsudo: 1 incorrect password attempt", "was refused",
                     "right password"},
           SudoWords{1, "sudo: no password was provided", "was refused", "right password"},
           SudoWords{127, "sh: 1: sudo: not found", "no sudo", "install sudo"},
           SudoWords{1, "ifconfig: ioctl (SIOCAIFADDR): permission denied", "without root",
                     "become = \"sudo\""},
       }) {
    set("step.2", given.status, given.words);
    expect_failed(2, given.seen, given.cure);
    EXPECT_EQ(step(2).text, "address not set: 10.254.0.1/30 on en5");
  }
}

TEST_F(Judge, AWrongPasswordIsOneFailureAndNoCut) {
  frames_.clear();
  set("apply.sudo", 1, "Sorry, try again.\nsudo: 1 incorrect password attempt\n");
  after_ = before_;
  expect_failed(0, "the password was refused", "right password");
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(step(i).status, StepStatus::skipped);
    EXPECT_EQ(step(i).seen, "sudo failed before any change");
  }
  EXPECT_EQ(step(4).status, StepStatus::ok);
  EXPECT_FALSE(outcome().error);
  set("apply.sudo", 1, "sudo: unknown trouble");
  expect_failed(0, "unknown trouble", "sudo -v");
}

TEST_F(Judge, TheFilesFailuresHaveTheirCures) {
  const auto told = [&](int status, const char* words) {
    set("step.3", status, words);
    EXPECT_EQ(step(3).text, "IBV matrix not written: /tmp/mlx_ibv_devices.json");
  };
  told(43, "cat: stdout: No space left on device\n");
  expect_failed(3, "the disk is full", "df -h");
  told(42, "mktemp: failed: No space left on device");
  expect_failed(3, "the disk is full", "free space");
  told(42, "mktemp: Disk quota exceeded");
  expect_failed(3, "the disk is full", "free space");
  told(43, "cat: Input/output error");
  expect_failed(3, "Input/output error", "df -h");
  told(44, "");
  expect_failed(3, "reads back otherwise", "df -h");
  told(41, "/tmp/x is a directory");
  expect_failed(3, "is a directory", "ibv_path");
  told(42, "mktemp: /nowhere: No such file or directory");
  expect_failed(3, "No such file", "a folder that exists");
  told(45, "mv: Operation not permitted");
  expect_failed(3, "not permitted", "sudo rm /tmp/mlx_ibv_devices.json");
  told(9, "");
  expect_failed(3, "exit status 9 and no words", "ls -lde");
}

TEST_F(Judge, AFileThatReadsBackOtherwiseIsFailed) {
  after_.matrix_file.content = "[]";
  expect_failed(3, "holds something else", "which program");
  after_.matrix_file = {};
  expect_failed(3, "is gone", "which program");
}

TEST_F(Judge, RdmaIsJudgedByTheFactsReadBack) {
  after_.rdma = platform::RdmaState::disabled;
  EXPECT_EQ(step(4).status, StepStatus::warning);
  EXPECT_EQ(step(4).text, "RDMA: disabled (enable it in Recovery: rdma_ctl enable)");
  EXPECT_THAT(step(4).cure, HasSubstr("Recovery"));
  after_.rdma = platform::RdmaState::no_tool;
  EXPECT_EQ(step(4).status, StepStatus::warning);
  after_.rdma = platform::RdmaState::enabled;
  after_.ibv_devices->clear();
  EXPECT_EQ(step(4).text, "RDMA: enabled, but there is no device rdma_en5");
}

TEST_F(Judge, AnEmptyProfileIsAWarning) {
  before_.profiler_json.clear();
  EXPECT_EQ(step(5).status, StepStatus::warning);
  EXPECT_EQ(judge_against(fleet_, plan_, frames_, &after_, nullptr).steps.size(), 5U);
}

TEST_F(Judge, ACutConnectionTellsHowFarItCame) {
  drop_from("step.2");
  const auto result = cut_off();
  ASSERT_TRUE(result.error);
  EXPECT_EQ(result.error->code, ErrorCode::unreachable);
  EXPECT_THAT(result.error->message, HasSubstr("in the middle"));
  EXPECT_THAT(result.error->hint, HasSubstr("again"));
  EXPECT_EQ(result.steps[0].status, StepStatus::done);
  EXPECT_EQ(result.steps[1].status, StepStatus::done);
  EXPECT_EQ(result.steps[2].status, StepStatus::skipped);
  EXPECT_THAT(result.steps[2].seen, HasSubstr("before or during this step"));
  EXPECT_THAT(result.steps[3].seen, HasSubstr("before this step"));
  EXPECT_EQ(result.steps[4].status, StepStatus::ok) << "from the facts before";
  EXPECT_EQ(judge_against(fleet_, plan_, frames_, nullptr, nullptr).steps[4].status,
            StepStatus::skipped);
}

TEST_F(Judge, WithoutReadBackTheScriptsOwnLookCounts) {
  auto result = cut_off();
  ASSERT_TRUE(result.error);
  EXPECT_THAT(result.error->message, HasSubstr("before the result was read back"));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(result.steps[i].status, StepStatus::done) << i;
  for (const char* name : {"step.0.state", "step.1.state", "step.2.state"}) set(name, 1);
  result = cut_off();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(result.steps[i].status, StepStatus::failed) << i;
}

TEST_F(Judge, NothingButACutIsAllSkipped) {
  frames_.clear();
  const auto result = cut_off();
  ASSERT_TRUE(result.error);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(result.steps[i].status, StepStatus::skipped) << i;
}

TEST_F(Judge, ANodeWithoutChangesNeedsNoScript) {
  after_ = ready_mac(fleet_, 0);
  plan_ = diff(fleet_, 0, after_);
  const auto result = judge_against(fleet_, plan_, {}, &after_, &after_);
  EXPECT_FALSE(result.error);
  ASSERT_EQ(result.steps.size(), 2U);
  EXPECT_EQ(result.steps[0].status, StepStatus::ok);
}

TEST_F(Judge, AnActionThatIsNotOursIsNotDone) {
  plan_.actions[0].command += "; reboot";
  EXPECT_EQ(step(0).status, StepStatus::skipped);
  EXPECT_THAT(step(0).seen, HasSubstr("not one that bringup builds"));
}

TEST_F(Judge, RawWordsAreBounded) {
  set("step.2", 0, std::string(100000, 'x'));
  EXPECT_EQ(step(2).raw.size(), 4096U);
}

TEST_F(Judge, SplitsTheFramesOfAScript) {
  frames_.push_back({"uname", 0, false, "Darwin\n"});
  EXPECT_TRUE(judge(fleet_, plan_, frames_).error) << "no end frame: no read-back";
  frames_.push_back({"end", 0, false, ""});
  const auto result = judge(fleet_, plan_, frames_, &before_);
  EXPECT_FALSE(result.error);
  EXPECT_THAT(result.steps[1].seen, HasSubstr("no interface en5")) << "facts were read";
}

TEST(StepStatusWords, AreTheReportsWords) {
  EXPECT_EQ(to_string(StepStatus::done), "done");
  EXPECT_EQ(to_string(StepStatus::ok), "ok");
  EXPECT_EQ(to_string(StepStatus::warning), "warning");
  EXPECT_EQ(to_string(StepStatus::failed), "failed");
  EXPECT_EQ(to_string(StepStatus::skipped), "skipped");
}

}  // namespace
}  // namespace bringup::plan::testing
