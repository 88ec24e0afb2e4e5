// The apply script, run for real under the shells that nodes have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/execute.hpp"
#include "fake_node.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class ApplyScript : public ::testing::TestWithParam<const char*> {
 protected:
  ApplyScript() : node_(GetParam()) {
    fleet_ = pair_fleet();
    fleet_.ibv_path = node_.path("matrix.json").string();
    node_.put("port.en5", "up");
    node_.put("member.bridge0.en5", "");
    node_.put("member.bridge0.en6", "");
    plan_ = diff(fleet_, 0, bare_mac());
  }

  std::string script(model::Become become = model::Become::sudo) const {
    ApplyScriptOptions options;
    options.nonce = kNonce;
    options.ibv_path = fleet_.ibv_path;
    options.become = become;
    return apply_script(plan_, options);
  }

  NodeOutcome outcome(const std::vector<facts::Frame>& frames) const {
    return judge(fleet_, plan_, frames);
  }

  int exit_of(const std::vector<facts::Frame>& frames, const std::string& name) const {
    const auto* frame = find(frames, name);
    return frame == nullptr ? -1 : frame->exit_status;
  }

  std::string matrix() const { return topology::to_json(*topology::ibv_matrix(fleet_)); }

  FakeNode node_;
  model::Fleet fleet_;
  NodePlan plan_;
};

TEST_P(ApplyScript, DoesAllStepsAndReadsBack) {
  ASSERT_EQ(plan_.changes(), 4U);
  const auto frames = node_.frames(script());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(exit_of(frames, "step." + std::to_string(i)), 0) << i;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(exit_of(frames, "step." + std::to_string(i) + ".state"), 0) << i;
  }
  EXPECT_EQ(find(frames, "step.1.was")->payload, "up");
  EXPECT_EQ(exit_of(frames, "apply.done"), 0);
  EXPECT_EQ(frames.back().name, "end");
  EXPECT_EQ(find(frames, "profiler"), nullptr);
  EXPECT_FALSE(node_.has("member.bridge0.en5"));
  EXPECT_TRUE(node_.has("member.bridge0.en6")) << "only named members may be touched";
  EXPECT_EQ(node_.get("inet.en5"), "10.254.0.1 255.255.255.252\n");
  EXPECT_EQ(node_.get("matrix.json"), matrix());
  EXPECT_EQ(fs::status(node_.path("matrix.json")).permissions(), fs::perms(0644));
  EXPECT_THAT(node_.get("log"), HasSubstr("sudo -n -- ifconfig bridge0 deletem en5"));
}

TEST_P(ApplyScript, APortLeftDownByDeletemIsBroughtUp) {
  node_.put("leaves-down.en5", "");
  const auto frames = node_.frames(script());
  EXPECT_EQ(find(frames, "step.1.was")->payload, "down");
  EXPECT_EQ(exit_of(frames, "step.1.state"), 0);
  EXPECT_EQ(node_.get("port.en5"), "up\n");
}

TEST_P(ApplyScript, AStuckMemberStopsItsOtherStepsButNotTheFile) {
  node_.put("stuck.en5", "");
  const auto frames = node_.frames(script());
  EXPECT_EQ(exit_of(frames, "step.0"), 0);
  EXPECT_EQ(exit_of(frames, "step.0.state"), 1);
  EXPECT_EQ(find(frames, "step.1.skipped")->payload, "target");
  EXPECT_EQ(find(frames, "step.2.skipped")->payload, "target");
  EXPECT_FALSE(node_.has("inet.en5"));
  EXPECT_EQ(node_.get("matrix.json"), matrix());
}

TEST_P(ApplyScript, APortThatStaysDownGetsNoAddress) {
  node_.put("leaves-down.en5", "");
  node_.put("stays-down.en5", "");
  const auto frames = node_.frames(script());
  EXPECT_EQ(exit_of(frames, "step.1.state"), 1);
  EXPECT_EQ(find(frames, "step.2.skipped")->payload, "target");
}

TEST_P(ApplyScript, ALostAddressIsSeen) {
  node_.put("lose.en5", "");
  const auto frames = node_.frames(script());
  EXPECT_EQ(exit_of(frames, "step.2"), 0);
  EXPECT_EQ(exit_of(frames, "step.2.state"), 1);
}

TEST_P(ApplyScript, ARefusedAddressKeepsItsWords) {
  node_.put("refuse.en5", "");
  const auto frames = node_.frames(script());
  EXPECT_EQ(exit_of(frames, "step.2"), 1);
  EXPECT_THAT(find(frames, "step.2")->payload, HasSubstr("File exists"));
  EXPECT_EQ(node_.get("matrix.json"), matrix());
}

TEST_P(ApplyScript, FailureOnOnePortLeavesTheOtherToGoOn) {
  fleet_ = triangle_fleet();
  fleet_.ibv_path = node_.path("matrix.json").string();
  node_.put("port.en3", "up");
  node_.put("port.en4", "up");
  node_.put("member.bridge0.en3", "");
  node_.put("member.bridge0.en4", "");
  node_.put("stuck.en3", "");
  plan_ = diff(fleet_, 0, bare_mac());
  node_.frames(script());
  EXPECT_FALSE(node_.has("inet.en3"));
  EXPECT_EQ(node_.get("inet.en4"), "10.254.0.5 255.255.255.252\n");
}

TEST_P(ApplyScript, NothingRunsUnlessAllOfItArrived) {
  const std::string whole = script();
  for (std::size_t cut = 0; cut + 1 < whole.size(); cut += 97) {
    node_.run(whole.substr(0, cut));
  }
  node_.run(whole.substr(0, whole.size() - 2));
  EXPECT_THAT(node_.get("log"), Not(HasSubstr("deletem")));
  EXPECT_THAT(node_.get("log"), Not(HasSubstr(" inet ")));
  EXPECT_FALSE(node_.has("matrix.json"));
}

TEST_P(ApplyScript, ASudoThatAsksIsAskedOnce) {
  node_.put("sudo", "password");
  const auto frames = node_.frames(script());
  EXPECT_EQ(exit_of(frames, "step.0"), 1);
  EXPECT_EQ(find(frames, "step.1.skipped")->payload, "sudo");
  EXPECT_EQ(find(frames, "step.2.skipped")->payload, "sudo");
  EXPECT_TRUE(node_.has("member.bridge0.en5"));
}

TEST_P(ApplyScript, WithoutSudoTheStepsSaySo) {
  fs::remove(node_.path("bin/sudo"));
  // The machine's own sudo must not stand in for it.
  node_.put("bin/sudo", "#!/bin/sh\necho 'sudo: command not found' >&2\nexit 127\n");
  fs::permissions(node_.path("bin/sudo"), fs::perms::owner_all);
  const auto steps = outcome(node_.frames(script())).steps;
  EXPECT_EQ(steps[0].status, StepStatus::failed);
  EXPECT_THAT(steps[0].seen, HasSubstr("no sudo"));
}

TEST_P(ApplyScript, RootNeedsNoSudo) {
  node_.put("uid", "0\n");
  node_.put("bin/ifconfig", "#!/bin/sh\nprintf 'plain %s\\n' \"$*\" >>\"$NODE/log\"\n");
  for (const auto become :
       {model::Become::none, model::Become::sudo, model::Become::sudo_password}) {
    node_.put("log", "");
    node_.frames(script(become));
    EXPECT_THAT(node_.get("log"), HasSubstr("plain bridge0 deletem en5"));
    EXPECT_THAT(node_.get("log"), Not(HasSubstr("sudo -n -- ")));
    EXPECT_THAT(node_.get("log"), Not(HasSubstr("sudo -S")));
  }
}

TEST_P(ApplyScript, BecomeNoneRunsAsTheUser) {
  const auto frames = node_.frames(script(model::Become::none));
  EXPECT_EQ(exit_of(frames, "step.0"), 1);
  EXPECT_THAT(find(frames, "step.0")->payload, HasSubstr("permission denied"));
  EXPECT_THAT(node_.get("log"), Not(HasSubstr("sudo -n -- ifconfig")));
}

// --- sudo with a password

class Password : public ApplyScript {};

TEST_P(Password, GoesToSudoOnStdinOnly) {
  for (const char* mode : {"password", "limited"}) {
    node_.put("sudo", mode);
    node_.put("member.bridge0.en5", "");
    node_.put("log", "");
    const auto frames =
        node_.frames("hunter2\n" + script(model::Become::sudo_password), become_wrapper());
    EXPECT_EQ(exit_of(frames, "apply.sudo"), 0);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(exit_of(frames, "step." + std::to_string(i)), 0) << i;
    EXPECT_EQ(frames.back().name, "end");
    EXPECT_EQ(node_.get("inet.en5"), "10.254.0.1 255.255.255.252\n");
    EXPECT_THAT(node_.get("log"), Not(HasSubstr("hunter2")));
    EXPECT_THAT(node_.get("output"), Not(HasSubstr("hunter2")));
  }
}

TEST_P(Password, DoesNotReachACommandWhenSudoDoesNotAsk) {
  const auto frames =
      node_.frames("hunter2\n" + script(model::Become::sudo_password), become_wrapper());
  EXPECT_EQ(exit_of(frames, "step.2"), 0);
  EXPECT_THAT(node_.get("log"), HasSubstr("ifconfig en5 inet 10.254.0.1"));
  EXPECT_THAT(node_.get("log"), Not(HasSubstr("hunter2")));
}

TEST_P(Password, AWrongOneIsOneFailureBeforeAnyChange) {
  node_.put("sudo", "password");
  const auto frames =
      node_.frames("wrong\n" + script(model::Become::sudo_password), become_wrapper());
  EXPECT_EQ(exit_of(frames, "apply.sudo"), 1);
  EXPECT_EQ(find(frames, "step.0"), nullptr);
  EXPECT_EQ(frames.back().name, "end");
  EXPECT_TRUE(node_.has("member.bridge0.en5"));
  EXPECT_FALSE(node_.has("matrix.json"));
  const auto result = outcome(frames);
  EXPECT_EQ(result.steps[0].status, StepStatus::failed);
  EXPECT_THAT(result.steps[0].seen, HasSubstr("password was refused"));
  EXPECT_EQ(result.steps[1].status, StepStatus::skipped);
  std::string log = node_.get("log");
  EXPECT_EQ(log.find("-v"), log.rfind("-v")) << log;
  EXPECT_FALSE(result.error);
}

TEST_P(Password, AnyCharactersSurviveAndAnEmptyInputIsHarmless) {
  node_.put("sudo", "password");
  const std::string odd = R"( a'b"c\n$(id)`id` )";
  std::string sudo = node_.get("bin/sudo");
  const auto at = sudo.find("!= hunter2");
  sudo.replace(at, 10, "!= \"$(cat \"$NODE/secret\")\"");
  node_.put("bin/sudo", sudo);
  node_.put("secret", odd);
  const auto frames =
      node_.frames(odd + "\n" + script(model::Become::sudo_password), become_wrapper());
  EXPECT_EQ(exit_of(frames, "apply.sudo"), 0);
  node_.run("", become_wrapper());
}

// --- the file

class MatrixFile : public ApplyScript {};

TEST_P(MatrixFile, ReplacesTheOldOneWholeAndLeavesNothingBeside) {
  node_.put("matrix.json", "old");
  const auto frames = node_.frames(script());
  EXPECT_EQ(exit_of(frames, "step.3"), 0);
  EXPECT_EQ(node_.get("matrix.json"), matrix());
  for (const auto& name : node_.names(".")) EXPECT_THAT(name, Not(HasSubstr("matrix.json.")));
}

TEST_P(MatrixFile, NeverWritesThroughALink) {
  node_.put("precious", "mine");
  fs::create_symlink(node_.path("precious"), node_.path("matrix.json"));
  node_.frames(script());
  EXPECT_EQ(node_.get("precious"), "mine");
  EXPECT_FALSE(fs::is_symlink(node_.path("matrix.json")));
  EXPECT_EQ(node_.get("matrix.json"), matrix());
}

TEST_P(MatrixFile, AFolderInItsPlaceIsLeftAlone) {
  fs::create_directory(node_.path("matrix.json"));
  const auto steps = outcome(node_.frames(script())).steps;
  EXPECT_TRUE(fs::is_empty(node_.path("matrix.json")));
  EXPECT_EQ(steps[3].status, StepStatus::failed);
  EXPECT_THAT(steps[3].seen, HasSubstr("is a directory"));
}

TEST_P(MatrixFile, AFolderThatDoesNotExistIsNamed) {
  fleet_.ibv_path = node_.path("nowhere/matrix.json").string();
  plan_ = diff(fleet_, 0, bare_mac());
  const auto steps = outcome(node_.frames(script())).steps;
  EXPECT_EQ(steps[3].status, StepStatus::failed);
  EXPECT_THAT(steps[3].cure, HasSubstr("ibv_path"));
}

// A full disk, played by the commands that would meet it.
TEST_P(MatrixFile, AFullDiskLeavesTheOldFileAndNoRest) {
  node_.put("matrix.json", "old");
  node_.put("bin/cat",
            "#!/bin/sh\nif [ $# -eq 0 ]; then echo 'cat: stdout: No space left on device' >&2; "
            "exit 1; fi\nexec /bin/cat \"$@\"\n");
  fs::permissions(node_.path("bin/cat"), fs::perms::owner_all);
  const auto steps = outcome(node_.frames(script())).steps;
  EXPECT_EQ(node_.get("matrix.json"), "old");
  for (const auto& name : node_.names(".")) EXPECT_THAT(name, Not(HasSubstr("matrix.json.")));
  EXPECT_EQ(steps[3].status, StepStatus::failed);
  EXPECT_THAT(steps[3].seen, HasSubstr("disk is full"));
}

TEST_P(MatrixFile, ShortWritesAreFound) {
  node_.put("matrix.json", "old");
  node_.put("bin/cat",
            "#!/bin/sh\nif [ $# -eq 0 ]; then exec head -c 5; fi\nexec /bin/cat \"$@\"\n");
  fs::permissions(node_.path("bin/cat"), fs::perms::owner_all);
  const auto frames = node_.frames(script());
  EXPECT_NE(exit_of(frames, "step.3"), 0);
  EXPECT_EQ(node_.get("matrix.json"), "old");
}

TEST_P(MatrixFile, WhatOnlyRootMayReplaceIsReplacedAsRoot) {
  node_.put("bin/mv",
            "#!/bin/sh\nif [ -z \"${FAKE_ROOT-}\" ]; then echo 'mv: Operation not permitted' >&2; "
            "exit 1; fi\nexec /bin/mv \"$@\"\n");
  fs::permissions(node_.path("bin/mv"), fs::perms::owner_all);
  node_.put("matrix.json", "root's");
  EXPECT_EQ(exit_of(node_.frames(script(model::Become::none)), "step.3"), 45);
  EXPECT_EQ(node_.get("matrix.json"), "root's");
  EXPECT_EQ(exit_of(node_.frames(script()), "step.3"), 0);
  EXPECT_EQ(node_.get("matrix.json"), matrix());
}

TEST_P(MatrixFile, TheShownCommandWritesTheSame) {
  for (const std::string& content : {std::string("plain %s 'x'\n"), std::string("no newline"),
                                     std::string("two\nlines\\ \x01\xc3\xa9\n"), std::string()}) {
    const std::string command = write_command(node_.path("shown").string(), content);
    EXPECT_EQ(command.find('\n'), std::string::npos);
    EXPECT_EQ(node_.run("", command), "");
    EXPECT_EQ(node_.get("shown"), content);
  }
}

TEST_P(ApplyScript, ManyBytesOfOutputAreBounded) {
  node_.put(
      "bin/ifconfig",
      "#!/bin/sh\ncase $2 in deletem) head -c 20000000 /dev/zero | tr '\\0' x; echo; exit 3;; "
      "esac\n");
  const auto frames = node_.frames(script());
  EXPECT_EQ(exit_of(frames, "step.0"), 3);
  EXPECT_LE(find(frames, "step.0")->payload.size(), 4096U);
}

TEST_P(ApplyScript, AnActionThatIsNotOursNeverRuns) {
  plan_.actions[0].command = "ifconfig bridge0 deletem en5; touch pwned";
  plan_.actions[2].target = "en5 up";
  const auto frames = node_.frames(script());
  EXPECT_EQ(find(frames, "step.0.skipped")->payload, "malformed");
  EXPECT_EQ(find(frames, "step.2.skipped")->payload, "malformed");
  EXPECT_THAT(node_.get("log"), Not(HasSubstr("deletem")));
}

TEST_P(ApplyScript, IsCleanForShellcheck) {
  if (std::system("command -v shellcheck >/dev/null 2>&1") != 0) {
    FAIL() << "shellcheck is not installed";
  }
  for (const auto become :
       {model::Become::none, model::Become::sudo, model::Become::sudo_password}) {
    node_.put("script.sh", "#!/bin/sh\n" + script(become));
    const int status =
        std::system(("shellcheck -s sh -S warning " + node_.path("script.sh").string() + " >" +
                     node_.path("output").string() + " 2>&1")
                        .c_str());
    EXPECT_EQ(status, 0) << node_.get("output");
  }
}

constexpr auto kShells = {"dash", "bash"};
INSTANTIATE_TEST_SUITE_P(Shells, ApplyScript, ::testing::ValuesIn(kShells));
INSTANTIATE_TEST_SUITE_P(Shells, Password, ::testing::ValuesIn(kShells));
INSTANTIATE_TEST_SUITE_P(Shells, MatrixFile, ::testing::ValuesIn(kShells));

}  // namespace
}  // namespace bringup::plan::testing
