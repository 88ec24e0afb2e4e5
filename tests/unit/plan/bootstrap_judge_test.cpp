// What people read of a bootstrap: what would be done, what was, and what stood in the way.
#include <gtest/gtest.h>

#include <array>

#include "bringup/plan/bootstrap.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using facts::Frame;

// Part, status, text, cure: all of an item.
using Told = std::array<std::string, 4>;

Told told_of(const BootstrapItem& item) {
  return {std::string(to_string(item.part)), std::string(to_string(item.status)), item.text,
          item.cure};
}

const std::string kFile = "/etc/sudoers.d/bringup";

struct BootstrapTold : ::testing::Test {
  BootstrapTold() {
    look.os = facts::Os::darwin;
    look.user = "admin";
    look.has_key = {false};
    look.sudo = platform::SudoState::password_required;
  }
  BootstrapPlan planned(SudoScope scope = SudoScope::limited) const {
    return plan_bootstrap(pair_fleet(), 0, keys, look, scope);
  }
  Told key() const { return told_of(planned().items.at(0)); }
  Told sudoers(SudoScope scope = SudoScope::limited) const {
    return told_of(planned(scope).items.at(1));
  }
  Told key_after(int status, const std::string& words) const {
    return told_of(
        judge_bootstrap(planned(), {{"boot.keys", status, false, words}}, std::nullopt).at(0));
  }
  Told sudoers_after(int status, const std::string& words) const {
    return told_of(
        judge_bootstrap(planned(), {{"boot.sudoers", status, false, words}}, std::nullopt).at(1));
  }

  std::vector<LoginKey> keys{{"ssh-ed25519", "AAAAC3Nza", "ada@laptop", "SHA256:one", "agent"}};
  BootstrapLook look;
};

TEST_F(BootstrapTold, OfAKey) {
  EXPECT_EQ(key(), (Told{"key", "change",
                         "key to ~/.ssh/authorized_keys: ssh-ed25519 SHA256:one (ada@laptop)"}));
  keys[0].comment.clear();
  look.has_key = {true};
  EXPECT_EQ(key(), (Told{"key", "ok", "key in ~/.ssh/authorized_keys: ssh-ed25519 SHA256:one"}));
}

TEST_F(BootstrapTold, OfAHomeThatIsNotToBeTouched) {
  look.home_problem = "/Users/admin/.ssh is a symbolic link";
  EXPECT_EQ(key(), (Told{"key", "failed", "key not added: /Users/admin/.ssh is a symbolic link",
                         "make ~/.ssh a folder and ~/.ssh/authorized_keys a file of the login's "
                         "own"}));
  EXPECT_TRUE(planned().keys.empty());
  look.has_key = {true};
  EXPECT_EQ(key()[1], "ok") << "it is there: nothing needs to be touched";
}

TEST_F(BootstrapTold, OfTheRuleForSudo) {
  EXPECT_EQ(sudoers(),
            (Told{"sudoers", "change",
                  kFile + ": admin may run bringup's commands as root without a password"}));
  EXPECT_EQ(sudoers(SudoScope::full),
            (Told{"sudoers", "change",
                  kFile + ": admin may run every command as root without a password"}));
  look.sudo = platform::SudoState::passwordless;
  look.dropin = BootstrapLook::Dropin::absent;
  EXPECT_EQ(sudoers(),
            (Told{"sudoers", "ok", "sudo works without a password by a rule of the node's own"}));
  look.dropin = BootstrapLook::Dropin::present;
  look.dropin_text = *planned().sudoers;
  EXPECT_EQ(sudoers(), (Told{"sudoers", "ok", kFile + " is as it should be"}));
}

TEST_F(BootstrapTold, OfNodesThatCanHaveNoRule) {
  look.sudo = platform::SudoState::absent;
  EXPECT_EQ(sudoers(),
            (Told{"sudoers", "failed", "there is no sudo on the node",
                  "install sudo there, or set user = \"root\" for it in the inventory"}));
  look.user = "ALL\x1b";
  EXPECT_EQ(sudoers(),
            (Told{"sudoers", "failed",
                  "no rule for sudo: \"ALL\\x1b\" cannot stand in sudoers as a user's name",
                  "log in as another user"}));
}

TEST_F(BootstrapTold, OfAKeyThatWasAddedOrNot) {
  EXPECT_EQ(key_after(0, ""),
            (Told{"key", "changed",
                  "key to ~/.ssh/authorized_keys: ssh-ed25519 SHA256:one (ada@laptop)"}));
  EXPECT_EQ(key_after(51, "/home/admin/.ssh belongs to another user (0)\n"),
            (Told{"key", "failed", "key not added: /home/admin/.ssh belongs to another user (0)",
                  "make ~/.ssh a folder and ~/.ssh/authorized_keys a file of the login's own"}));
  EXPECT_EQ(key_after(53, "printf: write error: No space left on device\n"),
            (Told{"key", "failed",
                  "key not added: writing ~/.ssh/authorized_keys failed: printf: write error: No "
                  "space left on device",
                  "free space on the node (`df -h ~`); the old file was left as it was"}));
  EXPECT_EQ(key_after(52, ""), (Told{"key", "failed", "key not added: exit status 52 and no words",
                                     "see `ls -ld ~ ~/.ssh` and `df -h ~` on the node"}));
}

TEST_F(BootstrapTold, OfARuleThatWasWritten) {
  EXPECT_EQ(sudoers_after(0, "/etc/sudoers.d/bringup.x: parsed OK\nwritten\n"),
            (Told{"sudoers", "changed",
                  kFile + ": admin may run bringup's commands as root without a password"}));
  EXPECT_EQ(sudoers_after(0, "kept\n"), (Told{"sudoers", "ok", kFile + " is as it should be"}));
}

TEST_F(BootstrapTold, OfASudoThatRefuses) {
  const Told refused{"sudoers", "failed", kFile + " not written: sudo refused the password",
                     "give sudo its own password with --ask-become-pass"};
  EXPECT_EQ(sudoers_after(1, "Sorry, try again.\nsudo: no password was provided\n"), refused);
  EXPECT_EQ(sudoers_after(1, "sudo: 1 incorrect password attempt\n"), refused);
  const Told not_allowed{
      "sudoers", "failed", kFile + " not written: the login may not use sudo for it",
      "make the user an administrator there (on a Mac: System Settings > Users & Groups; on "
      "Linux: the group sudo or wheel), then run it again"};
  EXPECT_EQ(sudoers_after(1, "admin is not in the sudoers file.\n"), not_allowed);
  EXPECT_EQ(sudoers_after(1, "Sorry, user admin may not run sudo on mac.\n"), not_allowed);
  EXPECT_EQ(sudoers_after(1, "Sorry, user admin is not allowed to execute 'sh' as root.\n"),
            not_allowed);
  EXPECT_EQ(sudoers_after(1, "admin is not allowed to run sudo on mac.\n"), not_allowed);
  const Told asks{"sudoers", "failed", kFile + " not written: sudo wants a password",
                  "add --ask-pass, or --ask-become-pass where sudo's is another"};
  EXPECT_EQ(sudoers_after(1, "sudo: a password is required\n"), asks);
  EXPECT_EQ(sudoers_after(1, "sudo: a terminal is required to read the password\n"), asks);
}

TEST_F(BootstrapTold, OfARuleThatCouldNotBePutInPlace) {
  // sudo's lecture stands before what counts.
  EXPECT_EQ(sudoers_after(54, "We trust you have received...\nsudoers:3:1: syntax error\n"),
            (Told{"sudoers", "failed", kFile + " not written: sudoers:3:1: syntax error",
                  "run `sudo visudo -c` on the node; nothing was put in place"}));
  EXPECT_EQ(sudoers_after(51, "/etc/sudoers.d is no folder\n"),
            (Told{"sudoers", "failed", kFile + " not written: /etc/sudoers.d is no folder",
                  "see `ls -ld /etc/sudoers.d` on the node; sudoers must read that folder"}));
  EXPECT_EQ(sudoers_after(53, ""),
            (Told{"sudoers", "failed", kFile + " not written: exit status 53 and no words",
                  "see `df -h /etc` on the node; nothing was put in place"}));
}

TEST_F(BootstrapTold, OfAScriptThatDidNotCome) {
  const Error lost{ErrorCode::unreachable, "the connection ended", "see that it is awake"};
  EXPECT_EQ(
      told_of(judge_bootstrap(planned(), {}, lost).at(0)),
      (Told{"key", "not-done", "key to ~/.ssh/authorized_keys: ssh-ed25519 SHA256:one (ada@laptop)",
            "see that it is awake"}));
  EXPECT_EQ(told_of(judge_bootstrap(planned(), {}, std::nullopt).at(1))[3],
            "run it again: it does what is left");
  look.has_key = {true};
  EXPECT_EQ(told_of(judge_bootstrap(planned(), {}, lost).at(0))[1], "ok") << "it was there before";
}

TEST(BootstrapSudoCheck, SaysWhatSudoSays) {
  EXPECT_EQ(told_of(judge_sudo_check({{"boot.sudo", 0, false, ""}})),
            (Told{"sudo", "ok", "sudo asks for no password"}));
  const std::string cure =
      "see what in /etc/sudoers stands after the line that reads /etc/sudoers.d: of two rules the "
      "last counts; /etc/sudoers.d/bringup is there";
  EXPECT_EQ(told_of(judge_sudo_check({{"boot.sudo", 1, false, "sudo: a password is required\n"}})),
            (Told{"sudo", "failed",
                  "sudo does not work without a password: sudo: a password is required", cure}));
  EXPECT_EQ(told_of(judge_sudo_check({})),
            (Told{"sudo", "failed", "sudo does not work without a password: no answer", cure}));
}

struct BootstrapAnswers : ::testing::Test {
  std::vector<Frame> frames{{"boot.uname", 0, false, "Linux\n"}, {"boot.user", 0, false, "root\n"},
                            {"boot.uid", 0, false, "0\n"},       {"boot.home", 0, false, ""},
                            {"boot.sudo", 0, false, ""},         {"end", 0, false, ""}};
};

TEST_F(BootstrapAnswers, AreReadWithTheFileForSudo) {
  using Dropin = BootstrapLook::Dropin;
  auto look = read_bootstrap_look(frames, 0);
  ASSERT_TRUE(look);
  EXPECT_EQ(look->os, facts::Os::linux_kernel);
  EXPECT_TRUE(look->is_root);
  EXPECT_EQ(look->dropin, Dropin::unknown);
  frames.push_back({"boot.dropin", 1, false, "cat: x: No such file or directory\n"});
  EXPECT_EQ(read_bootstrap_look(frames, 0)->dropin, Dropin::absent);
  frames.back() = {"boot.dropin", 1, false, "sudo: a password is required\n"};
  EXPECT_EQ(read_bootstrap_look(frames, 0)->dropin, Dropin::unknown);
  frames.back() = {"boot.dropin", 0, false, "# rule\n"};
  look = read_bootstrap_look(frames, 0);
  EXPECT_EQ(look->dropin, Dropin::present);
  EXPECT_EQ(look->dropin_text, "# rule\n");
  frames.back().truncated = true;
  EXPECT_EQ(read_bootstrap_look(frames, 0)->dropin, Dropin::unknown) << "half of it is not it";
  frames.front().payload = "FreeBSD\n";
  EXPECT_EQ(read_bootstrap_look(frames, 0)->os, facts::Os::other);
}

TEST_F(BootstrapAnswers, ThatAreMissingAreNamed) {
  frames[3].name = "other";
  const auto look = read_bootstrap_look(frames, 0);
  ASSERT_FALSE(look);
  EXPECT_EQ(look.error().code, ErrorCode::remote);
  EXPECT_EQ(look.error().message, "the node did not answer the question for its home folder");
  EXPECT_EQ(look.error().hint, "see the raw output in the run's folder");
}

}  // namespace
}  // namespace bringup::plan::testing
