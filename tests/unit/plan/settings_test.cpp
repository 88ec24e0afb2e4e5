#include "bringup/plan/settings.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "../../../src/plan/settings_read.hpp"
#include "bringup/plan/commands.hpp"
#include "fake_node.hpp"
#include "support.hpp"

namespace bringup::plan::testing {
namespace {

using platform::Manager;
using ::testing::HasSubstr;
using ::testing::Not;

InterfaceSettings example(Manager manager, Lasting lasting = Lasting::until_reboot) {
  InterfaceSettings out;
  out.manager = manager;
  out.interface = "eth0";
  out.addresses = {{ip("192.168.50.2"), 24}};
  out.mtu = 9000;
  out.routes = {{subnet("10.10.0.0/24"), ip("192.168.50.1")},
                {subnet("192.168.51.0/24"), ip("192.168.50.1")}};
  out.lasting = lasting;
  return out;
}

constexpr Manager kManagers[] = {Manager::none, Manager::network_manager, Manager::networkd,
                                 Manager::netplan};

TEST(Settings, AsTextAndBack) {
  auto settings = example(Manager::network_manager, Lasting::yes);
  settings.neighbours = {{ip("192.168.50.1"), "dc:a6:32:01:02:03"}};
  settings.previous = "5f1b7d2e-0000-4000-8000-00000000000b";
  const std::string text = settings_text(settings);
  EXPECT_EQ(text,
            "manager networkmanager\ninterface eth0\naddress 192.168.50.2/24\nmtu 9000\n"
            "route 10.10.0.0/24 192.168.50.1\nroute 192.168.51.0/24 192.168.50.1\n"
            "neighbour 192.168.50.1 dc:a6:32:01:02:03\nlasting yes\n"
            "previous 5f1b7d2e-0000-4000-8000-00000000000b\n");
  EXPECT_EQ(parse_settings(text), settings);
}

TEST(Settings, WhatIsNotOursIsRefused) {
  const std::string good = settings_text(example(Manager::networkd));
  ASSERT_TRUE(parse_settings(good));
  for (const char* line :
       {"route 0.0.0.0/0 192.168.50.1", "route 0.0.0.0/1 192.168.50.1", "route 10.0.0.0/24 x",
        "mtu 9", "mtu 9000x", "interface $(x)", "manager systemd", "lasting no", "reboot now",
        "neighbour 10.0.0.1 dc:a6:32:01:02:0", "address 10.0.0.1/33", "previous ../../x", ""}) {
    EXPECT_FALSE(parse_settings(good + line + "\n")) << line;
  }
  EXPECT_FALSE(parse_settings(""));
  EXPECT_FALSE(parse_settings(std::string(70000, 'a')));
}

TEST(Settings, WhereTheyLie) {
  EXPECT_EQ(settings_place(example(Manager::network_manager)), "NetworkManager:bringup-eth0");
  EXPECT_EQ(settings_place(example(Manager::netplan)), "/run/netplan/90-bringup-eth0.yaml");
  EXPECT_EQ(settings_place(example(Manager::netplan, Lasting::yes)),
            "/etc/netplan/90-bringup-eth0.yaml");
  EXPECT_EQ(settings_place(example(Manager::networkd)),
            "/run/systemd/network/00-bringup-eth0.network");
  EXPECT_EQ(settings_place(example(Manager::networkd, Lasting::yes)),
            "/etc/systemd/network/00-bringup-eth0.network");
  EXPECT_EQ(settings_place(example(Manager::none)), "");
  EXPECT_EQ(settings_place(example(Manager::none, Lasting::yes)),
            "/etc/systemd/system/bringup-eth0.service");
}

TEST(Settings, AreReadBackFromWhatLiesThere) {
  for (const Manager manager : kManagers) {
    for (const Lasting lasting : {Lasting::until_reboot, Lasting::yes}) {
      const auto settings = example(manager, lasting);
      const std::string place = settings_place(settings);
      if (place.empty()) continue;
      EXPECT_EQ(settings_at(place, settings_file(settings)), settings) << place;
      // Somebody's hand was in it: that it is ours is all that is known.
      const auto other = settings_at(place, settings_file(settings) + "# by hand\naddress 1\n");
      ASSERT_TRUE(other) << place;
      EXPECT_TRUE(other->addresses.empty());
      EXPECT_EQ(other->interface, "eth0");
      EXPECT_EQ(other->lasting, lasting);
    }
  }
  EXPECT_FALSE(settings_at("/etc/netplan/01-base.yaml", ""));
  EXPECT_FALSE(settings_at("/etc/netplan/90-bringup-$(x).yaml", ""));
  EXPECT_FALSE(settings_at("NetworkManager:Wired connection 1", ""));
}

TEST(Settings, NoCommandEverNamesADefaultRoute) {
  for (const Manager manager : kManagers) {
    const auto settings = example(manager);
    for (const std::string& text : {set_settings_command(settings), settings_file(settings)}) {
      EXPECT_THAT(text, Not(HasSubstr("default via"))) << text;
      EXPECT_THAT(text, Not(HasSubstr("0.0.0.0"))) << text;
      EXPECT_THAT(text, Not(HasSubstr("gateway4"))) << text;
    }
  }
  EXPECT_THAT(set_settings_command(example(Manager::network_manager)),
              HasSubstr("ipv4.never-default yes"));
}

TEST(Settings, NetworkManagersProfileIsUnsavedUnlessItLasts) {
  EXPECT_THAT(set_settings_command(example(Manager::network_manager)),
              HasSubstr("save no >/dev/null; } && nmcli connection modify --temporary id"));
  const auto lasting = set_settings_command(example(Manager::network_manager, Lasting::yes));
  EXPECT_THAT(lasting, HasSubstr("save yes"));
  EXPECT_THAT(lasting, Not(HasSubstr("--temporary")));
}

TEST(Settings, ForwardingUntilTheNextRebootLeavesNoFileOfOurs) {
  EXPECT_EQ(
      forwarding_command(facts::Os::linux_kernel, Forwarding::on, Lasting::until_reboot, "sudo "),
      "sudo sysctl -w net.ipv4.ip_forward=1 && sudo rm -f /etc/sysctl.d/90-bringup.conf");
}

TEST(Settings, EachRootCommandHasSudoBeforeIt) {
  const auto shown = set_settings_command(example(Manager::netplan, Lasting::yes), "sudo ");
  for (const char* part :
       {"&& sudo mkdir -p /etc/netplan && sudo dd if=", "sudo chmod 600 ", "sudo mv -f ",
        "sudo netplan generate || { sudo rm -f ", "&& sudo netplan apply"}) {
    EXPECT_THAT(shown, HasSubstr(part));
  }
  EXPECT_THAT(shown, Not(HasSubstr("sudo mktemp")));
}

TEST(Settings, TheCommandOfAnActionMustBeTheOneThatTheyMake) {
  for (const Manager manager : kManagers) {
    const auto settings = example(manager, Lasting::yes);
    Action action;
    action.task = Task::settings_set;
    action.target = "eth0";
    action.content = settings_text(settings);
    action.command = set_settings_command(settings);
    ASSERT_TRUE(parse_command(action)) << action.command;
    EXPECT_EQ(parse_command(action)->settings, settings);
    Action other = action;
    other.command += "; reboot";
    EXPECT_FALSE(parse_command(other));
    other = action;
    other.target = "eth1";
    EXPECT_FALSE(parse_command(other));
    other = action;
    other.task = Task::settings_remove;
    EXPECT_FALSE(parse_command(other));
    other.command = drop_settings_command(settings);
    EXPECT_TRUE(parse_command(other));
  }
}

TEST(Settings, ShellcheckHasNothingToSayOfTheCommands) {
  ASSERT_EQ(std::system("command -v shellcheck >/dev/null 2>&1"), 0) << "shellcheck is missing";
  const FakeNode node("dash");
  std::string script;
  for (const Manager manager : kManagers) {
    auto settings = example(manager, Lasting::yes);
    settings.neighbours = {{ip("192.168.50.1"), "dc:a6:32:01:02:03"}};
    script += set_settings_command(settings, "sudo ") + "\n";
    script += drop_settings_command(settings, "sudo ") + "\n";
  }
  script +=
      forwarding_command(facts::Os::linux_kernel, Forwarding::on, Lasting::yes, "sudo ") + "\n";
  node.put("script.sh", script);
  EXPECT_EQ(std::system(("shellcheck -s sh -S warning " + node.path("script.sh").string()).c_str()),
            0);
}

// The tools themselves read what is written for them.
TEST(Settings, NetplanTakesItsFile) {
  if (std::system("command -v netplan >/dev/null 2>&1") != 0) FAIL() << "netplan is missing";
  const FakeNode node("dash");
  const auto root = node.path("root");
  std::filesystem::create_directories(root / "etc/netplan");
  node.put("root/etc/netplan/01-base.yaml",
           "network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    eth0:\n"
           "      dhcp4: true\n");
  node.put("root/etc/netplan/90-bringup-eth0.yaml",
           settings_file(example(Manager::netplan, Lasting::yes)));
  ASSERT_EQ(std::system(("netplan generate --root-dir " + root.string()).c_str()), 0);
  const std::string made = node.get("root/run/systemd/network/10-netplan-eth0.network");
  EXPECT_THAT(made, HasSubstr("Address=192.168.50.2/24\n"));
  EXPECT_THAT(made, HasSubstr("Destination=10.10.0.0/24\nGateway=192.168.50.1\n"));
  EXPECT_THAT(made, Not(HasSubstr("DHCP=ipv4")));
  EXPECT_THAT(node.get("root/run/systemd/network/10-netplan-eth0.network") +
                  (node.has("root/run/systemd/network/10-netplan-eth0.link")
                       ? node.get("root/run/systemd/network/10-netplan-eth0.link")
                       : ""),
              HasSubstr("MTUBytes=9000"));
}

TEST(Settings, SystemdTakesItsUnit) {
  if (std::system("command -v systemd-analyze >/dev/null 2>&1") != 0) {
    FAIL() << "systemd-analyze is missing";
  }
  const FakeNode node("dash");
  auto settings = example(Manager::none, Lasting::yes);
  settings.neighbours = {{ip("192.168.50.1"), "dc:a6:32:01:02:03"}};
  node.put("bringup-eth0.service", settings_file(settings));
  const std::string command = "systemd-analyze verify --man=no " +
                              node.path("bringup-eth0.service").string() + " >" +
                              node.path("said").string() + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << node.get("said");
  EXPECT_THAT(node.get("said"), Not(HasSubstr("bringup-eth0.service:")));
}

}  // namespace
}  // namespace bringup::plan::testing
