#include "bringup/plan/sudoers.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <regex>

#include "fake_node.hpp"
#include "support.hpp"

namespace bringup::plan {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace)

bool has(const std::vector<std::string>& all, std::string_view one) {
  return std::ranges::find(all, one) != all.end();
}

TEST(Sudoers, NamesTheInterfacesOfTheNodeAndNoOthers) {
  const auto fleet = triangle_fleet();
  const auto commands = root_commands(fleet, 2, facts::Os::darwin);
  EXPECT_TRUE(has(commands, "/sbin/ifconfig en3 up"));
  EXPECT_TRUE(has(commands, "/sbin/ifconfig en4 inet [0-9]* netmask [0-9]*"));
  EXPECT_TRUE(has(commands, "/sbin/ifconfig bridge[0-9] deletem en4"));
  EXPECT_TRUE(has(commands, "/bin/rm -f /tmp/mlx_ibv_devices.json"));
  EXPECT_TRUE(has(commands, "/usr/bin/true \"\""));
  for (const auto& command : commands) EXPECT_EQ(command.find("en5"), std::string::npos) << command;
}

TEST(Sudoers, ADaemonMayBeInstalledOnlyWhereSettingsAreToLast) {
  auto fleet = pair_fleet();
  const std::string load =
      "/bin/launchctl bootstrap system /Library/LaunchDaemons/dev.bringup.links.plist";
  EXPECT_FALSE(has(root_commands(fleet, 0, facts::Os::darwin), load));
  const auto dropin = [&] {
    return sudoers_dropin(fleet, 0, facts::Os::darwin, "admin", SudoScope::limited);
  };
  EXPECT_EQ(dropin().find("may do anything"), std::string::npos);
  fleet.persist = true;
  EXPECT_TRUE(has(root_commands(fleet, 0, facts::Os::darwin), load));
  EXPECT_NE(dropin().find("may do anything"), std::string::npos);
}

TEST(Sudoers, NothingIsChangedAsRootButOnMacs) {
  EXPECT_EQ(root_commands(pair_fleet(), 0, facts::Os::linux_kernel).size(), 2U);
}

TEST(Sudoers, EveryCommandHasAnAbsolutePathAndArguments) {
  for (const auto os : {facts::Os::darwin, facts::Os::linux_kernel, facts::Os::other}) {
    for (const auto& command : root_commands(pair_fleet(), 0, os)) {
      EXPECT_TRUE(std::regex_match(command, std::regex("/(usr/)?s?bin/[a-z]+ [^,:=\\\\]+")))
          << command;
    }
  }
}

TEST(Sudoers, APathThatIsAPatternGetsNoRule) {
  auto fleet = pair_fleet();
  for (const char* path : {"/tmp/*", "/tmp/a b", "/tmp/a,b", "/tmp/[a]", "/tmp/a\nb"}) {
    fleet.ibv_path = path;
    for (const auto& command : root_commands(fleet, 0, facts::Os::darwin)) {
      EXPECT_FALSE(command.starts_with("/bin/rm -f /tmp")) << command;
    }
  }
}

TEST(Sudoers, UsersThatReadAsSomethingElseAreRefused) {
  for (const char* fine : {"admin", "ada.lovelace", "_ops", "Admin", "a-1"}) {
    EXPECT_TRUE(is_sudoers_user(fine)) << fine;
  }
  for (const char* odd : {"", "ALL", "ADMINS", "%admin", "#0", "+net", "a b", "a,b", "a\nb", "0x",
                          "a=b", "!a", "-a", ".a", "DOM\\a"}) {
    EXPECT_FALSE(is_sudoers_user(odd)) << odd;
  }
}

// visudo(8) reads it; the stand-in's folder is only where the file lies.
TEST(Sudoers, VisudoAcceptsTheFile) {
  ASSERT_EQ(std::system("PATH=$PATH:/usr/sbin; command -v visudo >/dev/null"), 0)
      << "visudo is missing";
  const FakeNode node("dash");
  for (const auto scope : {SudoScope::limited, SudoScope::full}) {
    const auto text = sudoers_dropin(triangle_fleet(), 1, facts::Os::darwin, "admin", scope);
    EXPECT_NE(text.find("sudo rm /etc/sudoers.d/bringup"), std::string::npos);
    node.put("dropin", text);
    EXPECT_EQ(std::system(("PATH=$PATH:/usr/sbin; visudo -cf " + node.path("dropin").string() +
                           " >/dev/null")
                              .c_str()),
              0)
        << text;
  }
  node.put("dropin", "admin ALL=(root NOPASSWD: ALL\n");
  EXPECT_NE(std::system(("PATH=$PATH:/usr/sbin; visudo -cf " + node.path("dropin").string() +
                         " >/dev/null 2>&1")
                            .c_str()),
            0);
}

}  // namespace
}  // namespace bringup::plan
