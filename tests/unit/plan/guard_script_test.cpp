// The guard's scripts, run for real under the shells that nodes have.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <sstream>
#include <thread>

#include "bringup/plan/execute.hpp"
#include "bringup/plan/guard.hpp"
#include "fake_node.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class GuardScript : public ::testing::TestWithParam<const char*> {
 protected:
  GuardScript() : node_(GetParam()), before_(bare_mac()) {
    fleet_ = pair_fleet();
    fleet_.ibv_path = node_.path("matrix.json").string();
    node_.put("port.en5", "up\n");
    node_.put("member.bridge0.en5", "");
    fs::create_directory(node_.path("home"));
    plan_ = diff(fleet_, 0, before_);
    before_.routes.clear();  // no gateway is tried
    options_.id = "11112222333344445555666677778888";
    options_.nonce = kNonce;
    options_.ibv_path = fleet_.ibv_path;
    options_.seconds = 30;
    options_.wait_seconds = 300;  // the stand-in for sleep is 20 times as fast
  }
  ~GuardScript() override {
    // Processes that still watch find nothing to watch.
    std::error_code ignored;
    fs::remove_all(node_.path("home"), ignored);
  }

  std::string folder() const { return "home/.bringup/guard/" + options_.id; }
  std::vector<facts::Frame> run(const std::string& script,
                                const std::string& command = "sh -s") const {
    return node_.frames(script, "HOME=$NODE/home; export HOME; " + command);
  }
  std::vector<facts::Frame> arm() const { return run(guard_arm_script(plan_, before_, options_)); }
  GuardState look() const {
    return guard_state(run(guard_look_script(before_, options_, GuardAwait::settled, {})));
  }
  GuardState commit() const { return guard_state(run(guard_commit_script(options_))); }
  GuardState roll_back() const {
    return guard_state(run(guard_rollback_script(plan_, before_, options_)));
  }

  void expect_new() const {
    EXPECT_FALSE(node_.has("member.bridge0.en5"));
    EXPECT_EQ(node_.get("inet.en5"), "10.254.0.1 255.255.255.252\n");
    EXPECT_TRUE(node_.has("matrix.json"));
  }
  void expect_old() const {
    EXPECT_TRUE(node_.has("member.bridge0.en5"));
    EXPECT_FALSE(node_.has("inet.en5"));
    EXPECT_EQ(node_.get("port.en5"), "up\n");
    EXPECT_FALSE(node_.has("matrix.json"));
  }

  FakeNode node_;
  model::Fleet fleet_;
  facts::NodeFacts before_;
  NodePlan plan_;
  GuardScriptOptions options_;
};

TEST_P(GuardScript, AppliesAndIsConfirmed) {
  const auto armed = arm();
  ASSERT_NE(find(armed, "guard.armed"), nullptr);
  const auto seen = run(guard_look_script(before_, options_, GuardAwait::applied, {}));
  EXPECT_EQ(guard_state(seen), GuardState::armed);
  ASSERT_NE(find(seen, "guard.applied"), nullptr);
  EXPECT_EQ(find(seen, "end")->exit_status, 0);
  for (int i = 0; i < 4; ++i) {
    ASSERT_NE(find(seen, "step." + std::to_string(i)), nullptr) << i;
    EXPECT_EQ(find(seen, "step." + std::to_string(i))->exit_status, 0) << i;
  }
  EXPECT_EQ(commit(), GuardState::committed);
  expect_new();
  EXPECT_EQ(fs::status(node_.path(folder())).permissions(), fs::perms::owner_all);
  run(guard_forget_script(options_.id) + facts::frame_functions(std::string(kNonce)) +
      "bu_frame end 0 ''\n");
  EXPECT_FALSE(node_.has("home/.bringup"));
}

TEST_P(GuardScript, UndoesByItselfWhatNobodyConfirms) {
  options_.seconds = 1;
  arm();
  EXPECT_EQ(look(), GuardState::rolled_back);
  expect_old();
  EXPECT_EQ(commit(), GuardState::rolled_back) << "too late";
  expect_old();
}

TEST_P(GuardScript, UndoesOnDemandAlsoWhatWasConfirmed) {
  arm();
  EXPECT_EQ(roll_back(), GuardState::rolled_back);
  expect_old();
  options_.id = "99992222333344445555666677778888";
  arm();
  EXPECT_EQ(commit(), GuardState::committed);
  EXPECT_EQ(roll_back(), GuardState::rolled_back);
  expect_old();
}

TEST_P(GuardScript, BringsBackAddressFlagAndFile) {
  node_.put("inet.en5", "10.254.0.2 255.255.255.252\n");
  node_.put("port.en5", "down\n");
  node_.put("matrix.json", "old 'words'\n");
  auto* port = interface_of(before_, "en5");
  port->inet = {{ip("10.254.0.2"), 30}};
  port->up = false;
  before_.matrix_file = {true, "old 'words'\n", ""};
  plan_ = diff(fleet_, 0, before_);
  arm();
  EXPECT_EQ(node_.get("inet.en5"), "10.254.0.1 255.255.255.252\n");
  EXPECT_EQ(roll_back(), GuardState::rolled_back);
  EXPECT_EQ(node_.get("inet.en5"), "10.254.0.2 255.255.255.252\n");
  EXPECT_EQ(node_.get("port.en5"), "down\n");
  EXPECT_EQ(node_.get("matrix.json"), "old 'words'\n");
  EXPECT_TRUE(node_.has("member.bridge0.en5"));
}

TEST_P(GuardScript, SaysWhatItCouldNotBringBack) {
  arm();
  node_.put("refuse-member.en5", "");
  const auto frames = run(guard_rollback_script(plan_, before_, options_));
  EXPECT_EQ(guard_state(frames), GuardState::rollback_failed);
  ASSERT_NE(find(frames, "guard.words"), nullptr);
  EXPECT_THAT(find(frames, "guard.words")->payload, HasSubstr("en5 is not in bridge0"));
}

TEST_P(GuardScript, TheTimeIsExtended) {
  options_.seconds = 3;
  arm();
  run(guard_look_script(before_, options_, GuardAwait::applied, 60));
  std::this_thread::sleep_for(std::chrono::seconds(5));
  EXPECT_EQ(commit(), GuardState::committed);
  expect_new();
}

TEST_P(GuardScript, RefusesAFolderThatIsNotItsOwn) {
  fs::create_directory(node_.path("elsewhere"));
  fs::create_symlink(node_.path("elsewhere"), node_.path("home/.bringup"));
  const auto frames = arm();
  ASSERT_NE(find(frames, "guard.refused"), nullptr);
  EXPECT_EQ(find(frames, "guard.armed"), nullptr);
  EXPECT_TRUE(fs::is_empty(node_.path("elsewhere")));
  expect_old();
}

TEST_P(GuardScript, RefusesWhileAnotherIsOpenAndClearsWhatIsSettled) {
  arm();
  options_.id = "99992222333344445555666677778888";
  EXPECT_THAT(find(arm(), "guard.refused")->payload, HasSubstr("not settled"));
  options_.id = "11112222333344445555666677778888";
  EXPECT_EQ(roll_back(), GuardState::rolled_back);
  const std::string old = folder();
  options_.id = "99992222333344445555666677778888";
  EXPECT_NE(find(arm(), "guard.armed"), nullptr);
  EXPECT_FALSE(node_.has(old));
}

TEST_P(GuardScript, AnAbandonedGuardIsUndoneByItsOwnScript) {
  arm();
  // As after a restart: no process lives. The copy has a name that no process bears.
  const std::string other = "home/.bringup/guard/77772222333344445555666677778888";
  fs::create_directory(node_.path(other));
  std::string undo = node_.get(folder() + "/undo");
  for (auto at = undo.find(options_.id); at != std::string::npos; at = undo.find(options_.id)) {
    undo.replace(at, 1, "7")
        .replace(at + 1, 1, "7")
        .replace(at + 2, 1, "7")
        .replace(at + 3, 1, "7");
  }
  node_.put(other + "/undo", undo);
  node_.put(other + "/armed", "");
  node_.put(other + "/boot", node_.get(folder() + "/boot"));
  EXPECT_EQ(commit(), GuardState::committed);
  const auto frames = run(guard_settle_script(options_));
  ASSERT_NE(find(frames, "guard.pending"), nullptr);
  EXPECT_EQ(find(frames, "guard.pending")->exit_status, 0);
  EXPECT_TRUE(node_.has(other + "/rolled-back"));
  expect_old();
}

TEST_P(GuardScript, ABootThatCannotBeToldIsThisOne) {
  options_.seconds = 3;
  arm();
  node_.put(folder() + "/boot", "");
  EXPECT_EQ(look(), GuardState::rolled_back);
  expect_old();
}

// A process that lives has seen no restart, whatever it is told.
TEST_P(GuardScript, ThoseThatWaitUndoWhateverTheBootIsSaidToBe) {
  options_.seconds = 3;
  arm();
  node_.put(folder() + "/boot", "another\n");
  for (int i = 0; i < 400 && !node_.has(folder() + "/rolled-back"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  expect_old();
}

TEST_P(GuardScript, ARestartEndsIt) {
  options_.seconds = 300;
  arm();
  node_.put(folder() + "/boot", "another\n");
  EXPECT_EQ(look(), GuardState::restarted);
  EXPECT_EQ(roll_back(), GuardState::restarted);
  EXPECT_TRUE(node_.has("inet.en5")) << "the inverse was meant for another boot";
  EXPECT_FALSE(node_.has("matrix.json")) << "files outlive a restart";
  options_.id = "99992222333344445555666677778888";
  EXPECT_NE(find(arm(), "guard.armed"), nullptr);
}

TEST_P(GuardScript, NoProcessIsInTheSessionsGroup) {
  options_.cuts_session = true;
  node_.run(guard_arm_script(plan_, before_, options_) +
                "ps -A -o pgid= -o args= >\"$NODE/processes\"\nps -o pgid= -p $$ >\"$NODE/own\"\n",
            "HOME=$NODE/home; export HOME; sh -s");
  const std::string own = std::to_string(std::stol(node_.get("own")));
  std::istringstream lines(node_.get("processes"));
  std::string group;
  std::string rest;
  int found = 0;
  while (lines >> group && std::getline(lines, rest)) {
    if (rest.find("bringup-guard-" + options_.id) == std::string::npos) continue;
    ++found;
    EXPECT_NE(group, own) << rest;
  }
  EXPECT_GE(found, 2) << "the steps and one that waits";
}

TEST_P(GuardScript, ThePasswordIsKeptInMemoryAlone) {
  node_.put("sudo", "password");
  options_.become = model::Become::sudo_password;
  const auto frames =
      run("hunter2\n" + guard_arm_script(plan_, before_, options_), become_wrapper());
  ASSERT_NE(find(frames, "guard.armed"), nullptr);
  expect_new();
  for (const auto& entry : fs::recursive_directory_iterator(node_.path("home"))) {
    if (!entry.is_regular_file()) continue;
    EXPECT_THAT(node_.get(fs::relative(entry.path(), node_.path("")).string()),
                Not(HasSubstr("hunter2")));
  }
  EXPECT_THAT(node_.get("log"), Not(HasSubstr("hunter2")));
  options_.seconds = 0;
  node_.put(folder() + "/deadline", "0\n");
  EXPECT_EQ(look(), GuardState::rolled_back) << "the guard has the password still";
  expect_old();
}

TEST_P(GuardScript, AWrongPasswordArmsNothing) {
  node_.put("sudo", "password");
  options_.become = model::Become::sudo_password;
  const auto frames = run("wrong\n" + guard_arm_script(plan_, before_, options_), become_wrapper());
  ASSERT_NE(find(frames, "apply.sudo"), nullptr);
  EXPECT_NE(find(frames, "apply.sudo")->exit_status, 0);
  EXPECT_EQ(find(frames, "guard.armed"), nullptr);
  EXPECT_FALSE(node_.has("home/.bringup"));
}

TEST_P(GuardScript, IsCleanForShellcheck) {
  ASSERT_EQ(std::system("command -v shellcheck >/dev/null 2>&1"), 0) << "shellcheck is missing";
  before_ = bare_mac();
  arm();  // leaves `undo`
  std::string job = guard_arm_script(plan_, before_, options_);
  const std::map<std::string, std::string> scripts{
      {"arm", job},
      {"undo", node_.get(folder() + "/undo")},
      {"look", guard_look_script(before_, options_, GuardAwait::applied, 100)},
      {"commit", guard_commit_script(options_)},
      {"back", guard_rollback_script(plan_, before_, options_)},
      {"forget", guard_forget_script(options_.id)},
      {"settle", guard_settle_script(options_)}};
  for (const auto& [name, text] : scripts) {
    node_.put("script.sh", text);
    EXPECT_EQ(std::system(("shellcheck -s sh -S warning " + node_.path("script.sh").string() +
                           " >" + node_.path("words").string() + " 2>&1")
                              .c_str()),
              0)
        << name << "\n"
        << node_.get("words").substr(0, 3000);
  }
}

INSTANTIATE_TEST_SUITE_P(Shells, GuardScript, ::testing::Values("dash", "bash"));

}  // namespace
}  // namespace bringup::plan::testing
