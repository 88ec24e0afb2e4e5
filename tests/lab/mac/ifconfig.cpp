// ifconfig: the formats are those of macOS 26 on Apple silicon.
#include "ifconfig.hpp"

#include <arpa/inet.h>

#include <cstdio>

namespace lab_mac {
namespace {

struct Flag {
  unsigned bit;
  const char* name;
};
constexpr Flag kFlags[] = {{0x1, "UP"},           {0x2, "BROADCAST"}, {0x8, "LOOPBACK"},
                           {0x10, "POINTOPOINT"}, {0x20, "SMART"},    {0x40, "RUNNING"},
                           {0x100, "PROMISC"},    {0x800, "SIMPLEX"}, {0x8000, "MULTICAST"}};

unsigned flags_of(const Interface& i) {
  if (i.loopback) return 0x8000U | 0x8U | (i.up ? 0x41U : 0U);
  unsigned flags = 0x8000U | 0x800U | 0x20U | 0x2U;
  if (i.up) flags |= 0x41U;
  if (!i.master.empty()) flags |= 0x100U;
  return flags;
}

void print_head(const std::string& name, unsigned flags, int mtu) {
  std::string names;
  for (const Flag& f : kFlags) {
    if ((flags & f.bit) != 0) names += (names.empty() ? "" : ",") + std::string(f.name);
  }
  std::printf("%s: flags=%x<%s> mtu %d\n", name.c_str(), flags, names.c_str(), mtu);
}

void print_addresses(const Interface& i) {
  const std::string name = mac_name(i.name);
  for (const Inet6& a : i.inet6) {
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(AF_INET6, &a.address, text, sizeof text) == nullptr) continue;
    if (i.loopback) {
      std::printf("\tinet6 %s prefixlen %d\n", text, a.prefix);
    } else if (i.master.empty()) {
      // A member of a bridge has none on a Mac; Linux keeps it.
      std::printf("\tinet6 %s%%%s prefixlen %d secured scopeid 0x%x\n", text, name.c_str(),
                  a.prefix, static_cast<unsigned>(i.index));
    }
  }
  for (const Inet& a : i.inet) {
    std::printf("\tinet %s netmask 0x%08x", to_text(a.address).c_str(),
                ntohl(mask_of(a.prefix).s_addr));
    if (!i.loopback) std::printf(" broadcast %s", to_text(broadcast_of(a)).c_str());
    std::printf("\n");
  }
}

enum class Cache { shown, hidden };

void print_bridge(const Interface& bridge, const std::vector<Interface>& all, Cache cache) {
  std::printf(
      "\tConfiguration:\n"
      "\t\tid 0:0:0:0:0:0 priority 0 hellotime 0 fwddelay 0\n"
      "\t\tmaxage 0 holdcnt 0 proto stp maxaddr 100 timeout 1200\n"
      "\t\troot id 0:0:0:0:0:0 priority 0 ifcost 0 port 0\n"
      "\t\tipfilter disabled flags 0x0\n");
  for (const Interface& i : all) {
    if (i.master != bridge.name) continue;
    std::printf("\tmember: %s flags=3<LEARNING,DISCOVER>\n", i.name.c_str());
    std::printf("\t        ifmaxaddr 0 port %d priority 0 path cost 0\n", i.index);
  }
  if (cache == Cache::shown) std::printf("\tAddress cache:\n");
}

void show(const Truth& truth, const Interface& i, const std::vector<Interface>& all, Cache cache) {
  const bool thunderbolt = truth.port_of(i.name) != nullptr;
  print_head(mac_name(i.name), flags_of(i), i.loopback ? 16384 : i.mtu);
  if (i.loopback) {
    std::printf("\toptions=1203<RXCSUM,TXCSUM,TXSTATUS,SW_TIMESTAMP>\n");
  } else if (i.bridge) {
    std::printf("\toptions=63<RXCSUM,TXCSUM,TSO4,TSO6>\n");
  } else if (thunderbolt) {
    std::printf("\toptions=460<TSO4,TSO6,CHANNEL_IO>\n");
  } else {
    std::printf("\toptions=6460<TSO4,TSO6,CHANNEL_IO,PARTIAL_CSUM,ZEROINVERT_CSUM>\n");
  }
  if (!i.loopback) std::printf("\tether %s\n", i.mac.c_str());
  print_addresses(i);
  if (i.bridge) print_bridge(i, all, cache);
  std::printf("\tnd6 options=201<PERFORMNUD,DAD>\n");
  if (i.loopback) return;
  std::printf("\tmedia: %s\n", i.bridge ? "autoselect" : "autoselect <full-duplex>");
  std::printf("\tstatus: %s\n", i.active() ? "active" : "inactive");
}

// Interfaces that every Mac lists and that carry nothing here.
void show_furniture() {
  std::printf("gif0: flags=8010<POINTOPOINT,MULTICAST> mtu 1280\n");
  std::printf("stf0: flags=0<> mtu 1280\n");
}

void show_tunnels() {
  std::printf(
      "utun0: flags=8051<UP,POINTOPOINT,RUNNING,MULTICAST> mtu 1500\n"
      "\tinet6 fe80::9a2c:11d4:5be0:7f31%%utun0 prefixlen 64 scopeid 0x1f\n"
      "\tnd6 options=201<PERFORMNUD,DAD>\n");
}

}  // namespace

void show_all(const Truth& truth) {
  const std::vector<Interface> all = interfaces();
  for (const Interface& i : all) {
    show(truth, i, all, Cache::hidden);
    if (i.loopback) show_furniture();
  }
  show_tunnels();
}

void show_one(const Truth& truth, const Interface& iface) {
  show(truth, iface, interfaces(), Cache::shown);
}

int ifconfig(const Truth& truth, const Arguments& argv) {
  if (argv.size() == 1 || (argv.size() == 2 && is(argv, 1, "-a"))) {
    show_all(truth);
    return 0;
  }
  if (is(argv, 1, "-l")) {
    std::string names;
    for (const Interface& i : interfaces()) {
      names += (names.empty() ? "" : " ") + mac_name(i.name) + (i.loopback ? " gif0 stf0" : "");
    }
    std::printf("%s utun0\n", names.c_str());
    return 0;
  }
  if (argv[1].starts_with('-')) {
    return fail(1, "ifconfig: illegal option -- " + argv[1].substr(1));
  }
  const auto found = interface(kernel_name(argv[1]));
  if (!found && !is(argv, 2, "create")) {
    return fail(1, "ifconfig: interface " + argv[1] + " does not exist");
  }
  if (argv.size() == 2) {
    show_one(truth, *found);
    return 0;
  }
  return change_interface(truth, argv);
}

}  // namespace lab_mac
