#include "bringup/platform/darwin.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/data.hpp"

namespace bringup::platform::darwin {
namespace {

using support::read_data;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string data(const std::string& name) {
  return read_data("darwin/" + name);
}

template <class T>
std::string error_of(const Expected<T>& result) {
  EXPECT_FALSE(result.has_value());
  if (result.has_value()) return "(no error)";
  EXPECT_EQ(result.error().code, ErrorCode::parse);
  for (const char c : result.error().message)
    EXPECT_TRUE(static_cast<unsigned char>(c) >= ' ' && c != 0x7f) << int{c};
  EXPECT_LT(result.error().message.size(), 300U);
  return result.error().message;
}

model::InterfaceAddress address(const char* ip, int prefix) {
  return {*model::Ipv4::parse(ip), prefix};
}

const Interface& named(const Ifconfig& seen, const std::string& name) {
  for (const Interface& interface : seen.interfaces)
    if (interface.name == name) return interface;
  throw std::runtime_error("no " + name);
}

TEST(Ifconfig, ReadsAPortWithItsAddress) {
  const auto seen = parse_ifconfig(data("ifconfig_en5.txt"));
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  ASSERT_EQ(seen->interfaces.size(), 1U);
  const Interface& en5 = seen->interfaces[0];
  EXPECT_EQ(en5.name, "en5");
  EXPECT_TRUE(en5.up);
  EXPECT_EQ(en5.active, true);
  EXPECT_EQ(en5.mtu, 1500U);
  EXPECT_EQ(en5.ether, "36:4d:04:ea:4e:40");
  EXPECT_THAT(en5.inet, ElementsAre(address("10.254.0.1", 30)));
  EXPECT_THAT(en5.inet6, ElementsAre("fe80::1021:1bac:fe1:b5e3%en5"));
  EXPECT_THAT(en5.flags,
              ElementsAre("UP", "BROADCAST", "SMART", "RUNNING", "SIMPLEX", "MULTICAST"));
  EXPECT_THAT(seen->bridges, IsEmpty());
}

TEST(Ifconfig, ReadsABridgesMembers) {
  const auto seen = parse_ifconfig(data("ifconfig_bridge0.txt"));
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_THAT(seen->bridges, ElementsAre(Bridge{"bridge0", {"en2", "en3"}}));
}

TEST(Ifconfig, ReadsAWholeMac) {
  const auto seen = parse_ifconfig(data("ifconfig_all.txt"));
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_EQ(seen->interfaces.size(), 10U);
  EXPECT_THAT(seen->bridges, ElementsAre(Bridge{"bridge0", {"en2", "en3"}}));
  EXPECT_FALSE(named(*seen, "en6").up);  // left down by deletem
  EXPECT_EQ(named(*seen, "en6").active, false);
  EXPECT_FALSE(named(*seen, "stf0").up);
  EXPECT_THAT(named(*seen, "stf0").flags, IsEmpty());
  EXPECT_EQ(named(*seen, "gif0").active, std::nullopt);
  EXPECT_EQ(named(*seen, "en0").ether, "02:00:00:00:00:0a");
  EXPECT_THAT(named(*seen, "en2").inet, IsEmpty());
  EXPECT_THAT(named(*seen, "utun4").inet, ElementsAre(address("10.8.0.2", 32)));
  EXPECT_THAT(named(*seen, "lo0").inet, ElementsAre(address("127.0.0.1", 8)));
  EXPECT_THAT(named(*seen, "lo0").inet6, ElementsAre("::1", "fe80::1%lo0"));
}

TEST(Ifconfig, KeepsSeveralAddressesInOrderAndKnowsDottedMasks) {
  const auto seen = parse_ifconfig(
      "en5: flags=8863<UP> mtu 1500 index 11\r\n\tinet 10.0.0.1 netmask 255.255.255.252\r\n"
      "\tinet 10.0.1.1 netmask 0xffffff00 broadcast 10.0.1.255\r\n\tstatus: no carrier\r\n");
  ASSERT_TRUE(seen.has_value()) << seen.error().message;
  EXPECT_THAT(seen->interfaces[0].inet,
              ElementsAre(address("10.0.0.1", 30), address("10.0.1.1", 24)));
  EXPECT_EQ(seen->interfaces[0].active, std::nullopt);
}

TEST(Ifconfig, ListsBridgesWithoutMembersAndMembersOfAnything) {
  const auto seen = parse_ifconfig(
      "bridge100: flags=8863<UP> mtu 1500\nvmenet0: flags=8863<UP> mtu 1500\n"
      "\tmember: en7 flags=3<LEARNING,DISCOVER>\n\tmember: en7 flags=3<LEARNING>\n");
  ASSERT_TRUE(seen.has_value());
  EXPECT_THAT(seen->bridges, ElementsAre(Bridge{"bridge100", {}}, Bridge{"vmenet0", {"en7"}}));
}

TEST(Ifconfig, RefusesWhatItDoesNotUnderstand) {
  const std::string head = "en5: flags=8863<UP> mtu 1500\n";
  const std::pair<std::string, const char*> cases[] = {
      {"", "no interface"},
      {"ifconfig: interface bridge3 does not exist\n", "neither interface nor detail"},
      {"\tinet 10.0.0.1 netmask 0xffffff00\n", "before any interface"},
      {"en5: flags=8863 mtu 1500\n", "without flags"},
      {"en5: flags=8863>UP< mtu 1500\n", "without flags"},
      {"en5: flags=8863<UP;reboot> mtu 1500\n", "bad flag"},
      {"en5: flags=8863<UP>\n", "without MTU"},
      {"en5: flags=8863<UP> mtu -1\n", "bad MTU"},
      {"en5: flags=8863<UP> mtu 99999999999\n", "bad MTU"},
      {"en5;reboot: flags=8863<UP> mtu 1500\n", "bad interface name"},
      {"-a: flags=8863<UP> mtu 1500\n", "bad interface name"},
      {"\x1b[31men5: flags=8863<UP> mtu 1500\n", "bad interface name"},
      {head + head, "listed twice"},
      {head + "\tinet 10.0.0.1\n", "without netmask"},
      {head + "\tinet\n", "bad address"},
      {head + "\tinet 10.0.0.256 netmask 0xffffff00\n", "bad address"},
      {head + "\tinet 10.0.0.1 --> nowhere netmask 0xffffff00\n", "bad address"},
      {head + "\tinet 10.0.0.1 netmask 0xff00ff00\n", "bad netmask"},
      {head + "\tinet 10.0.0.1 netmask 0xfffffffff\n", "bad netmask"},
      {head + "\tinet 10.0.0.1 netmask 255.0.255.0\n", "bad netmask"},
      {head + "\tinet 10.0.0.1 netmask\n", "without netmask"},
      {head + "\tinet6 fe80:::1 prefixlen 64\n", "bad IPv6"},
      {head + "\tinet6 fe80::1%en5;x prefixlen 64\n", "bad IPv6"},
      {head + "\tinet6 fe80::1" + std::string("\0\x1b[2J\n", 6), "bad IPv6"},
      {head + "\tether 36:4d:04:ea:4e\n", "bad Ethernet"},
      {head + "\tether 36:4d:04:ea:4e:1000\n", "bad Ethernet"},
      {head + "\tmember: $(reboot) flags=3<>\n", "bad bridge member"},
      {head + "\t" + std::string(5000, 'x') + "\n", "too long"},
  };
  for (const auto& [text, why] : cases)
    EXPECT_THAT(error_of(parse_ifconfig(text)), HasSubstr(why)) << text.substr(0, 80);
}

TEST(Ifconfig, BoundsWhatItKeeps) {
  std::string many;
  for (int i = 0; i < 1024; ++i) many += "en" + std::to_string(i) + ": flags=0<> mtu 1500\n";
  EXPECT_TRUE(parse_ifconfig(many).has_value());
  EXPECT_THAT(error_of(parse_ifconfig(many + "en1024: flags=0<> mtu 1500\n")),
              HasSubstr("too many interfaces"));
  std::string one = "en0: flags=0<> mtu 1500\n";
  for (int i = 0; i < 1025; ++i) one += "\tinet 10.0.0.1 netmask 0xffffffff\n";
  EXPECT_THAT(error_of(parse_ifconfig(one)), HasSubstr("too many addresses"));
}

TEST(IfconfigFailure, ReadsTheWordsBeforeTheStatus) {
  using F = IfconfigFailure;
  const std::tuple<int, const char*, std::optional<F>> cases[] = {
      {0, "", std::nullopt},
      {1, "", F::other},
      {1, "ifconfig: interface bridge3 does not exist", F::no_interface},
      {0, "ifconfig: interface bridge3 does not exist", F::no_interface},
      {1, "ifconfig: BRDGDEL en5: No such file or directory", F::not_a_member},
      {0, "ifconfig: BRDGDEL en5: No such file or directory", F::not_a_member},
      {1, "ifconfig: BRDGDEL en5: Operation not permitted", F::not_permitted},
      {0, "ifconfig: ioctl (SIOCAIFADDR): permission denied", F::not_permitted},
      {1, "ifconfig: ioctl (SIOCAIFADDR): Permission denied", F::not_permitted},
      {0, "ifconfig: ioctl (SIOCAIFADDR): File exists", F::other},
      {1, "ifconfig: SIOCIFDESTROY: Invalid argument", F::invalid},
      {0, "ifconfig: SIOCIFDESTROY: Invalid argument", F::invalid},
  };
  for (const auto& [status, text, want] : cases)
    EXPECT_EQ(classify_ifconfig(status, text), want) << text;
}

TEST(HardwarePorts, AreReadByName) {
  const auto ports = parse_hardware_ports(data("hardware_ports.txt"));
  ASSERT_TRUE(ports.has_value()) << ports.error().message;
  EXPECT_THAT(*ports,
              ElementsAre(HardwarePort{"Ethernet Adapter (en3)", "en3", "02:00:00:00:00:04"},
                          HardwarePort{"Thunderbolt Bridge", "bridge0", "02:00:00:00:00:01"},
                          HardwarePort{"Wi-Fi", "en0", "02:00:00:00:00:0a"},
                          HardwarePort{"Thunderbolt 1", "en1", ""}));
}

TEST(HardwarePorts, RefuseWhatIsNone) {
  const std::pair<std::string, const char*> cases[] = {
      {"", "no hardware port"},
      {"\nVLAN Configurations\n===================\n", "no hardware port"},
      {"** Error: Command requires admin privileges.\n", "not a hardware port"},
      {"Hardware Port: A\nHardware Port: B\nDevice: en1\n", "without a device"},
      {"Hardware Port: A\n", "without a device"},
      {"Hardware Port: A\nDevice: en1;reboot\n", "bad device"},
      {"Hardware Port: A\nDevice: en1\nDevice: en2\n", "bad device"},
      {"Hardware Port:\nDevice: en1\n", "bad hardware port"},
      {"Hardware Port: A\nDevice: en1\nrubbish\n", "not a hardware port"},
      {std::string(5000, 'x'), "too long"},
  };
  for (const auto& [text, why] : cases)
    EXPECT_THAT(error_of(parse_hardware_ports(text)), HasSubstr(why)) << text.substr(0, 80);
  std::string many;
  for (int i = 0; i < 1025; ++i) many += "Hardware Port: P\nDevice: en1\n";
  EXPECT_THAT(error_of(parse_hardware_ports(many)), HasSubstr("too many"));
  const auto hostile = parse_hardware_ports("Hardware Port: \x1b[2J\nDevice: en1\n");
  ASSERT_TRUE(hostile.has_value());
  EXPECT_EQ((*hostile)[0].name.find('\x1b'), std::string::npos);
}

TEST(Location, IsOneLine) {
  EXPECT_EQ(*parse_location("Automatic\n"), "Automatic");
  EXPECT_EQ(*parse_location("exo\n"), "exo");
  EXPECT_THAT(error_of(parse_location("")), HasSubstr("not a location"));
  EXPECT_THAT(error_of(parse_location("** Error: no\n")), HasSubstr("not a location"));
  EXPECT_THAT(error_of(parse_location("a\nb\n")), HasSubstr("not a location"));
}

std::vector<std::string> shown(const std::vector<Route>& routes) {
  std::vector<std::string> out;
  for (const Route& route : routes)
    out.push_back(route.destination.to_string() + " " + route.gateway + " " + route.interface);
  return out;
}

TEST(Routes, UndoesNetstatsAbbreviations) {
  const auto routes = parse_routes(data("netstat.txt"));
  ASSERT_TRUE(routes.has_value()) << routes.error().message;
  EXPECT_THAT(shown(*routes),
              ElementsAre("0.0.0.0/0 192.168.1.1 en0", "0.0.0.0/0 link#16 bridge100",
                          "0.0.0.0/1 10.8.0.1 utun4", "10.254.0.0/30 link#11 en5",
                          "10.254.0.4/30 link#9 en5", "127.0.0.0/8 127.0.0.1 lo0",
                          "127.0.0.1/32 127.0.0.1 lo0", "169.254.0.0/16 link#6 en0",
                          "192.168.1.0/24 link#6 en0", "192.168.1.11/32 link#6 en0",
                          "224.0.0.0/4 link#6 en0", "255.255.255.255/32 link#6 en0"));
}

TEST(Routes, FindsTheInterfaceInOlderColumnsAndStopsAtIpv6) {
  const auto routes =
      parse_routes(data("netstat_refs.txt") + "\nInternet6:\nDestination Gateway Flags Netif\n::1");
  ASSERT_TRUE(routes.has_value()) << routes.error().message;
  EXPECT_THAT(shown(*routes),
              ElementsAre("0.0.0.0/0 192.168.1.1 en0", "10.254.0.0/30 link#11 en5"));
}

TEST(Routes, RefuseWhatIsNone) {
  const std::string head = "Destination Gateway Flags Netif Expire\n";
  EXPECT_TRUE(parse_routes(head)->empty());
  const std::pair<std::string, const char*> cases[] = {
      {"", "no routing table"},
      {"Kernel IP routing table\n", "before the header"},
      {"default 10.0.0.1 UG en0\n", "before the header"},
      {"Destination Gateway Genmask Flags Iface\n", "unknown columns"},
      {head + "10.0.0.1/24 link#1 UCS en0\n", "bad destination"},
      {head + "10.254/33 link#1 UCS en0\n", "bad destination"},
      {head + "10.254&0xff00ff00 link#1 UCS en0\n", "bad destination"},
      {head + "256.1 link#1 UCS en0\n", "bad destination"},
      {head + "1.2.3.4.5 link#1 UCS en0\n", "bad destination"},
      {head + "10..1 link#1 UCS en0\n", "bad destination"},
      {head + "10 link#1 UCS\n", "cut short"},
      {head + "10 $(reboot) UCS en0\n", "bad gateway"},
      {head + "10 link#1 UCS -en0\n", "bad interface"},
      {head + std::string(5000, 'x'), "too long"},
  };
  for (const auto& [text, why] : cases)
    EXPECT_THAT(error_of(parse_routes(text)), HasSubstr(why)) << text.substr(0, 80);
  std::string many = head;
  for (int i = 0; i < 16385; ++i) many += "10 link#1 UCS en0\n";
  EXPECT_THAT(error_of(parse_routes(many)), HasSubstr("too many"));
}

TEST(RouteGet, NamesTheInterface) {
  EXPECT_EQ(**parse_route_get(data("route_get.txt")), "en5");
  EXPECT_EQ(*parse_route_get("route: writing to routing socket: not in table\n"), std::nullopt);
  EXPECT_EQ(*parse_route_get("route: writing to routing socket: Network is unreachable\n"),
            std::nullopt);
  EXPECT_THAT(error_of(parse_route_get("")), HasSubstr("no interface"));
  EXPECT_THAT(error_of(parse_route_get("  interface: \n")), HasSubstr("bad interface"));
  EXPECT_THAT(error_of(parse_route_get("interface: en5\ninterface: en6\n")),
              HasSubstr("bad interface"));
  EXPECT_THAT(error_of(parse_route_get("interface: `id`\n")), HasSubstr("bad interface"));
  EXPECT_THAT(error_of(parse_route_get(std::string(5000, 'x'))), HasSubstr("too long"));
}

TEST(Rdma, IsJudgedByTheText) {
  EXPECT_EQ(parse_rdma_status(0, "enabled\n"), RdmaState::enabled);
  EXPECT_EQ(parse_rdma_status(0, "disabled\n"), RdmaState::disabled);
  EXPECT_EQ(parse_rdma_status(77, "disabled\n"), RdmaState::disabled);
  EXPECT_EQ(parse_rdma_status(0, "RDMA is enabled.\n"), RdmaState::enabled);
  EXPECT_EQ(parse_rdma_status(0, "RDMA is disabled.\n"), RdmaState::disabled);
  EXPECT_EQ(parse_rdma_status(0, "enabled on next boot, now disabled"), RdmaState::unknown);
  EXPECT_EQ(parse_rdma_status(1, "cannot tell whether enabled"), RdmaState::unknown);
  EXPECT_EQ(parse_rdma_status(0, ""), RdmaState::unknown);
  EXPECT_EQ(parse_rdma_status(127, ""), RdmaState::no_tool);
  EXPECT_EQ(parse_rdma_status(1, "sh: rdma_ctl: command not found"), RdmaState::no_tool);
}

TEST(IbvDevices, KeepTheirOrder) {
  EXPECT_THAT(*parse_ibv_devices(data("ibv_devices.txt")), ElementsAre("rdma_en6", "rdma_en2"));
  EXPECT_THAT(*parse_ibv_devices(data("ibv_devices_none.txt")), IsEmpty());
  const std::string head = data("ibv_devices_none.txt");
  const std::pair<std::string, const char*> cases[] = {
      {"", "no device table"},
      {"    device   node GUID\n", "no device table"},
      {"Failed to get IB devices list\n", "unknown columns"},
      {"    device   node GUID\n    rdma_en2 8096a9d9edbaac05\n", "unknown columns"},
      {head + "rdma_en2\n", "not a device"},
      {head + "rdma_en2 8096a9d9edbaac0\n", "not a device"},
      {head + "rdma_en2 8096a9d9edbaacxx\n", "not a device"},
      {head + "rdma;x 8096a9d9edbaac05\n", "not a device"},
      {std::string(5000, 'x'), "too long"},
  };
  for (const auto& [text, why] : cases)
    EXPECT_THAT(error_of(parse_ibv_devices(text)), HasSubstr(why)) << text.substr(0, 80);
  std::string many = head;
  for (int i = 0; i < 1025; ++i) many += "rdma_en2 8096a9d9edbaac05\n";
  EXPECT_THAT(error_of(parse_ibv_devices(many)), HasSubstr("too many"));
}

TEST(SwVers, NamesVersionAndBuild) {
  EXPECT_EQ(*parse_sw_vers(data("sw_vers.txt")), (OsVersion{"macOS", "26.2", "25C56"}));
  EXPECT_EQ(*parse_sw_vers("ProductName: macOS\nProductVersion: 26.2\nProductVersionExtra: (a)\n"
                           "BuildVersion: 25C56\n"),
            (OsVersion{"macOS", "26.2", "25C56"}));
  EXPECT_THAT(error_of(parse_sw_vers("")), HasSubstr("missing"));
  EXPECT_THAT(error_of(parse_sw_vers("ProductName: macOS\n")), HasSubstr("missing"));
  EXPECT_THAT(error_of(parse_sw_vers("ProductName: \x1b[2J\n")), HasSubstr("bad value"));
  EXPECT_THAT(error_of(parse_sw_vers(std::string(5000, 'x'))), HasSubstr("too long"));
}

TEST(Sudo, IsToldApart) {
  EXPECT_EQ(parse_sudo(0, ""), SudoState::passwordless);
  EXPECT_EQ(parse_sudo(1, "sudo: a password is required\n"), SudoState::password_required);
  EXPECT_EQ(parse_sudo(1,
                       "sudo: a terminal is required to read the password; either use the -S\n"
                       "sudo: a password is required\n"),
            SudoState::password_required);
  EXPECT_EQ(parse_sudo(1, "sudo: no tty present and no askpass program specified"),
            SudoState::password_required);
  EXPECT_EQ(parse_sudo(1, "lab is not in the sudoers file."), SudoState::refused);
  EXPECT_EQ(parse_sudo(1, "Sorry, user lab may not run sudo on mac1."), SudoState::refused);
  EXPECT_EQ(parse_sudo(127, "sudo: command not found"), SudoState::absent);
  EXPECT_EQ(parse_sudo(1, "sh: sudo: command not found"), SudoState::absent);
  EXPECT_EQ(parse_sudo(1, "sudo: unable to resolve host"), SudoState::unknown);
}

TEST(Commands, QuoteTheirArguments) {
  EXPECT_EQ(bridge_detach("bridge0", "en5"), "ifconfig bridge0 deletem en5");
  EXPECT_EQ(bridge_attach("bridge0", "en5"), "ifconfig bridge0 addm en5");
  EXPECT_EQ(interface_up("en5; reboot"), "ifconfig 'en5; reboot' up");
  EXPECT_EQ(address_assign("en5", address("10.254.0.5", 30)),
            "ifconfig en5 inet 10.254.0.5 netmask 255.255.255.252");
  EXPECT_EQ(address_remove("en5", *model::Ipv4::parse("10.254.0.5")),
            "ifconfig en5 inet 10.254.0.5 -alias");
  EXPECT_EQ(route_get(*model::Ipv4::parse("10.254.0.6")), "route -n get 10.254.0.6");
}

}  // namespace
}  // namespace bringup::platform::darwin
