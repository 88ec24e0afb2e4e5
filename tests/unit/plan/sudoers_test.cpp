#include "bringup/plan/sudoers.hpp"

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>

#include "bringup/plan/settings.hpp"
#include "fake_node.hpp"
#include "support.hpp"
#include "support/hybrid_fleet.hpp"

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

TEST(Sudoers, NothingIsChangedAsRootOnOtherSystems) {
  EXPECT_EQ(root_commands(pair_fleet(), 0, facts::Os::other).size(), 2U);
}

// Whether one of the rules takes the command, as sudo's fnmatch(3) does: words joined by blanks.
bool allowed(const std::vector<std::string>& rules, const std::string& command) {
  return std::ranges::any_of(rules, [&](const std::string& rule) {
    const std::string name = rule.substr(rule.rfind('/', rule.find(' ')) + 1);
    return fnmatch(name.c_str(), command.c_str(), 0) == 0;
  });
}

// Runs the line with a sudo that only writes down what it is asked for.
std::vector<std::string> asked_as_root(const std::string& line) {
  const FakeNode node("dash");
  const std::string sudo = node.path("sudo").string();
  node.put("sudo", "#!/bin/sh\nprintf '%s\\n' \"$*\" >>" + node.path("asked").string() + "\n");
  std::filesystem::permissions(sudo, std::filesystem::perms::owner_all);
  node.put("line", line);
  // What asks without sudo is not there.
  EXPECT_EQ(
      std::system(("PATH=/usr/bin:/bin sh " + node.path("line").string() + " 2>/dev/null").c_str()),
      0)
      << line;
  std::ifstream in(node.path("asked"));
  std::vector<std::string> out;
  for (std::string one; std::getline(in, one);) out.push_back(one);
  return out;
}

TEST(Sudoers, EveryManagersCommandsAreAllowedOnLinux) {
  auto fleet = pair_fleet();
  const std::string interface = fleet.links[0].ends[0].interface;
  const std::size_t node = fleet.links[0].ends[0].node;
  for (const bool persist : {false, true}) {
    fleet.persist = persist;
    const auto rules = root_commands(fleet, node, facts::Os::linux_kernel);
    for (const auto manager : {platform::Manager::none, platform::Manager::network_manager,
                               platform::Manager::networkd, platform::Manager::netplan}) {
      auto settings = wanted_settings(fleet, node, interface, manager).value();
      settings.mtu = 9000;
      settings.previous = "6f1ed2cd-2b0f-4a4e-9ff0-0d6e5f0a1b2c";
      const std::string sudo = "\"${0%/*}/sudo\" ";
      auto asked = asked_as_root(set_settings_command(settings, sudo));
      for (auto& one : asked_as_root(drop_settings_command(settings, sudo))) asked.push_back(one);
      EXPECT_GE(asked.size(), 3U) << to_string(manager);
      for (const auto& one : asked) EXPECT_TRUE(allowed(rules, one)) << one;
    }
  }
}

TEST(Sudoers, OtherInterfacesAndFilesAreNotAllowedOnLinux) {
  auto fleet = pair_fleet();
  const std::string mine = fleet.links[0].ends[0].interface;
  const auto rules = root_commands(fleet, fleet.links[0].ends[0].node, facts::Os::linux_kernel);
  EXPECT_TRUE(allowed(rules, "ip link set dev " + mine + " up"));
  const std::string file = "/run/systemd/network/00-bringup-" + mine + ".network.new";
  const std::string rest = " of=" + file + " iflag=nofollow status=none";
  EXPECT_TRUE(allowed(rules, "dd if=/tmp/bringup.a1B2c3D4e5" + rest));
  for (const std::string& one :
       {std::string("ip link set dev wlan0 down"), std::string("ip route del default"),
        "ip route replace default via 10.0.0.1 dev " + mine, std::string("cat /etc/shadow"),
        "dd if=/etc/shadow" + rest, "dd if=/tmp/bringup.aaa/shadow" + rest,
        "dd if=/tmp/bringup.a1B2c3D4e5 of=" + file + " status=none",
        std::string("nmcli connection modify id office ipv4.method auto"),
        std::string("nmcli --wait 0 connection up uuid 1 passwd-file /etc/shadow"),
        std::string("systemctl enable other.service"),
        "systemctl enable bringup-" + mine + ".service",
        std::string("sysctl -w kernel.core_pattern=|/tmp/x"), std::string("sh -c id")}) {
    EXPECT_FALSE(allowed(rules, one)) << one;
  }
}

TEST(Sudoers, EveryCommandHasAnAbsolutePathAndArguments) {
  for (const auto os : {facts::Os::darwin, facts::Os::linux_kernel, facts::Os::other}) {
    for (const auto& command : root_commands(pair_fleet(), 0, os)) {
      EXPECT_TRUE(std::regex_match(command, std::regex("/(usr/)?s?bin/[a-z]+ [^\\\\]+")))
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
  struct Case {
    model::Fleet fleet;
    facts::Os os;
    SudoScope scope;
  };
  auto hybrid = test::hybrid_fleet();
  const Case plain{hybrid, facts::Os::linux_kernel, SudoScope::limited};
  hybrid.persist = true;
  for (const auto& [fleet, os, scope] :
       {Case{triangle_fleet(), facts::Os::darwin, SudoScope::limited},
        Case{triangle_fleet(), facts::Os::darwin, SudoScope::full}, plain,
        Case{hybrid, facts::Os::linux_kernel, SudoScope::limited},
        Case{hybrid, facts::Os::darwin, SudoScope::limited}}) {
    const auto text = sudoers_dropin(fleet, 0, os, "admin", scope);
    EXPECT_NE(text.find("sudo rm /etc/sudoers.d/bringup"), std::string::npos);
    // visudo 1.9.13 takes "=" bare as well; sudoers(5) wants it escaped.
    const auto rule = text.substr(text.find("NOPASSWD:"));
    for (auto at = rule.find('='); at != std::string::npos; at = rule.find('=', at + 1)) {
      EXPECT_EQ(rule[at - 1], '\\') << rule;
    }
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
