#include "bringup/plan/bootstrap.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "fake_node.hpp"
#include "support.hpp"

namespace bringup::plan {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)
namespace fs = std::filesystem;

const std::vector<LoginKey> kKeys{{"ssh-ed25519", "AAAAC3Nza", "ada@laptop", "SHA256:one", "a"},
                                  {"ssh-rsa", "AAAAB3Nza", "it's $HOME", "SHA256:two", "b"}};

BootstrapLook clean_look() {
  BootstrapLook look;
  look.os = facts::Os::darwin;
  look.user = "admin";
  look.has_key = {false, false};
  look.sudo = platform::SudoState::password_required;
  return look;
}

BootstrapPlan planned(const BootstrapLook& look, SudoScope scope = SudoScope::limited) {
  return plan_bootstrap(pair_fleet(), 0, kKeys, look, scope);
}

TEST(BootstrapPlan, AddsWhatIsMissing) {
  auto look = clean_look();
  look.has_key = {true, false};
  const auto plan = planned(look);
  EXPECT_EQ(plan.keys, std::vector<std::size_t>{1});
  ASSERT_TRUE(plan.sudoers);
  EXPECT_EQ(plan.changes(), 2U);
  EXPECT_EQ(plan.items.size(), 3U);
}

TEST(BootstrapPlan, LeavesAloneWhatIsRight) {
  auto look = clean_look();
  look.has_key = {true, true};
  look.sudo = platform::SudoState::passwordless;
  look.dropin = BootstrapLook::Dropin::present;
  look.dropin_text =
      sudoers_dropin(pair_fleet(), 0, facts::Os::darwin, "admin", SudoScope::limited);
  EXPECT_EQ(planned(look).changes(), 0U);
  EXPECT_EQ(planned(look, SudoScope::full).changes(), 1U) << "another scope is another file";
  look.dropin = BootstrapLook::Dropin::absent;
  EXPECT_EQ(planned(look).changes(), 0U) << "by a rule of the node's own";
  look.dropin = BootstrapLook::Dropin::unknown;
  EXPECT_EQ(planned(look).changes(), 1U) << "a rule that allows less than ours";
}

TEST(BootstrapPlan, RootAndBecomeNoneGetNoRule) {
  auto look = clean_look();
  look.is_root = true;
  EXPECT_FALSE(planned(look).sudoers);
  auto fleet = pair_fleet();
  fleet.nodes[0].become = model::Become::none;
  EXPECT_FALSE(plan_bootstrap(fleet, 0, kKeys, clean_look(), SudoScope::full).sudoers);
}

TEST(BootstrapPlan, AnOddUserGetsNoRule) {
  auto look = clean_look();
  look.user = "ALL";
  const auto plan = planned(look);
  EXPECT_FALSE(plan.sudoers);
  EXPECT_EQ(plan.items.back().status, BootstrapStatus::failed);
}

facts::Frame frame(const std::string& name, int status, const std::string& payload) {
  return {name, status, false, payload};
}

TEST(BootstrapLook, WantsEveryAnswer) {
  const std::vector<facts::Frame> all{frame("boot.uname", 0, "Darwin\n"),
                                      frame("boot.user", 0, "admin\n"),
                                      frame("boot.uid", 0, "501\n"),
                                      frame("boot.home", 0, ""),
                                      frame("boot.key.0", 1, ""),
                                      frame("boot.sudo", 1, "sudo: a password is required\n"),
                                      frame("end", 0, "")};
  const auto look = read_bootstrap_look(all, 1);
  ASSERT_TRUE(look) << look.error().message;
  EXPECT_EQ(look->os, facts::Os::darwin);
  EXPECT_EQ(look->user, "admin");
  EXPECT_FALSE(look->is_root);
  EXPECT_EQ(look->sudo, platform::SudoState::password_required);
  EXPECT_FALSE(read_bootstrap_look(all, 2)) << "a key without an answer";
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto some = all;
    some.erase(some.begin() + static_cast<long>(i));
    EXPECT_FALSE(read_bootstrap_look(some, 1)) << all[i].name;
  }
}

TEST(BootstrapJudge, TellsWhatStoodInTheWay) {
  const auto plan = planned(clean_look());
  const auto sudoers = [&](int status, const std::string& words) {
    return judge_bootstrap(plan, {frame("boot.sudoers", status, words)}, {}).back();
  };
  EXPECT_EQ(sudoers(0, "written").status, BootstrapStatus::done);
  EXPECT_EQ(sudoers(0, "kept").status, BootstrapStatus::ok);
  EXPECT_NE(sudoers(1, "sudo: no password was provided").text.find("refused the password"),
            std::string::npos);
  EXPECT_NE(sudoers(1, "admin is not in the sudoers file.").cure.find("administrator"),
            std::string::npos);
  EXPECT_NE(sudoers(1, "sudo: a password is required").cure.find("--ask-pass"), std::string::npos);
  EXPECT_NE(sudoers(54, "parse error").cure.find("visudo -c"), std::string::npos);
  const auto lost = judge_bootstrap(plan, {}, Error{ErrorCode::unreachable, "gone", "look there"});
  for (const auto& item : lost) {
    EXPECT_EQ(item.status, BootstrapStatus::not_done);
    EXPECT_EQ(item.cure, "look there");
  }
}

class BootstrapScript : public ::testing::TestWithParam<const char*> {
 protected:
  BootstrapScript() : node_(GetParam()) {
    fs::create_directories(node_.path("home"));
    plan_ = planned(clean_look());
    plan_.sudoers.reset();  // what runs as root is tried in the lab
  }
  std::vector<facts::Frame> run(const std::string& script) const {
    // The stand-in for id tells a user who owns nothing here.
    const std::string own = foreign_ ? "" : "id() { /usr/bin/id \"$@\"; }\n";
    return node_.frames(own + "HOME=" + node_.path("home").string() + "\n" + script);
  }
  facts::Frame add() const {
    const auto frames = run(bootstrap_change_script(plan_, kKeys, std::string(kNonce)));
    const auto* keys = find(frames, "boot.keys");
    EXPECT_NE(keys, nullptr);
    return keys == nullptr ? facts::Frame{} : *keys;
  }
  std::vector<int> looked() const {
    const auto frames = run(bootstrap_look_script(kKeys, std::string(kNonce)));
    return {find(frames, "boot.key.0")->exit_status, find(frames, "boot.key.1")->exit_status};
  }
  static constexpr std::string_view kFile = "home/.ssh/authorized_keys";
  static constexpr std::string_view kLines =
      "ssh-ed25519 AAAAC3Nza ada@laptop\nssh-rsa AAAAB3Nza it's $HOME\n";

  FakeNode node_;
  BootstrapPlan plan_;
  bool foreign_ = false;
};

TEST_P(BootstrapScript, AddsKeysWhereThereIsNoFolder) {
  EXPECT_EQ(looked(), (std::vector{1, 1}));
  EXPECT_EQ(add().exit_status, 0);
  EXPECT_EQ(node_.get(kFile), kLines);
  EXPECT_EQ(fs::status(node_.path(kFile)).permissions(),
            fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(fs::status(node_.path("home/.ssh")).permissions(), fs::perms::owner_all);
  EXPECT_EQ(looked(), (std::vector{0, 0}));
}

TEST_P(BootstrapScript, KeepsOldLinesAndEndsTheLast) {
  fs::create_directories(node_.path("home/.ssh"));
  node_.put(kFile, "# AAAAC3Nza\nssh-rsa AAAAother x\n  # no end");
  EXPECT_EQ(looked(), (std::vector{1, 1})) << "a comment is no key";
  EXPECT_EQ(add().exit_status, 0);
  EXPECT_EQ(node_.get(kFile),
            "# AAAAC3Nza\nssh-rsa AAAAother x\n  # no end\n" + std::string(kLines));
}

TEST_P(BootstrapScript, FindsAKeyBehindOptions) {
  fs::create_directories(node_.path("home/.ssh"));
  node_.put(kFile,
            "from=\"10.0.0.0/8\",command=\"a b\" ssh-ed25519 AAAAC3Nza x\nssh-rsa AAAAB3NzaX\n");
  EXPECT_EQ(looked(), (std::vector{0, 1})) << "the start of another key is no key";
}

TEST_P(BootstrapScript, RefusesWhatBelongsToAnother) {
  fs::create_directories(node_.path("home/.ssh"));
  foreign_ = true;
  const auto refused = add();
  EXPECT_EQ(refused.exit_status, 51);
  EXPECT_NE(refused.payload.find("belongs to another user"), std::string::npos);
  EXPECT_FALSE(node_.has(kFile));
}

TEST_P(BootstrapScript, RefusesLinks) {
  fs::create_directories(node_.path("elsewhere"));
  fs::create_directory_symlink(node_.path("elsewhere"), node_.path("home/.ssh"));
  const auto folder = add();
  EXPECT_EQ(folder.exit_status, 51);
  EXPECT_NE(folder.payload.find("is a symbolic link"), std::string::npos);
  EXPECT_FALSE(node_.has("elsewhere/authorized_keys"));

  fs::remove(node_.path("home/.ssh"));
  fs::create_directories(node_.path("home/.ssh"));
  node_.put("elsewhere/keys", "old\n");
  fs::create_symlink(node_.path("elsewhere/keys"), node_.path(kFile));
  EXPECT_EQ(add().exit_status, 51);
  EXPECT_EQ(node_.get("elsewhere/keys"), "old\n");
}

TEST_P(BootstrapScript, ScriptsAreCleanToShellcheck) {
  ASSERT_EQ(std::system("command -v shellcheck >/dev/null 2>&1"), 0) << "shellcheck is missing";
  const std::string nonce(kNonce);
  for (const auto& script : {bootstrap_look_script(kKeys, nonce), bootstrap_check_script(nonce),
                             bootstrap_change_script(planned(clean_look()), kKeys, nonce)}) {
    node_.put("script.sh", script);
    EXPECT_EQ(std::system(("shellcheck -s sh -S warning -e SC2034 " +
                           node_.path("script.sh").string() + " >&2")
                              .c_str()),
              0);
  }
}

INSTANTIATE_TEST_SUITE_P(Shells, BootstrapScript, ::testing::Values("dash", "bash"));

}  // namespace
}  // namespace bringup::plan
