// route, netstat -rn and arp.
#include <arpa/inet.h>
#include <netdb.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

bool resolve(const std::string& host, in_addr& out) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return false;
  sockaddr_in in{};
  std::memcpy(&in, found->ai_addr, sizeof in);
  ::freeaddrinfo(found);
  out = in.sin_addr;
  return true;
}

// The entry of the table that holds this address, for what the kernel's answer leaves out.
std::optional<Route> entry_for(const in_addr& destination) {
  std::optional<Route> best;
  for (const Route& r : routes()) {
    const bool covers = (destination.s_addr & mask_of(r.prefix).s_addr) ==
                        (r.destination.s_addr & mask_of(r.prefix).s_addr);
    if (covers && (!best || r.prefix > best->prefix)) best = r;
  }
  return best;
}

int get(const in_addr& destination) {
  const auto answer = route_to(destination);
  if (!answer) {
    // The Mac says so and still exits 0.
    return fail(0, "route: writing to routing socket: not in table");
  }
  const auto entry = entry_for(destination);
  const bool by_default = entry && entry->prefix == 0;
  std::printf("   route to: %s\n", to_text(destination).c_str());
  if (answer->to_self || !entry) {
    std::printf("destination: %s\n", to_text(destination).c_str());
  } else {
    std::printf("destination: %s\n", by_default ? "default" : to_text(entry->destination).c_str());
    std::printf("       mask: %s\n",
                by_default ? "default" : to_text(mask_of(entry->prefix)).c_str());
  }
  if (answer->gateway) std::printf("    gateway: %s\n", to_text(*answer->gateway).c_str());
  std::printf("  interface: %s\n", mac_name(answer->iface).c_str());
  std::printf("      flags: <UP,%sDONE%s>\n", answer->gateway ? "GATEWAY," : "",
              answer->to_self   ? ",HOST,LOCAL"
              : answer->gateway ? ",STATIC,PRCLONING"
                                : ",CLONING");
  const auto iface = interface(answer->iface);
  std::printf(
      " recvpipe  sendpipe  ssthresh  rtt,msec    rttvar  hopcount      mtu     expire\n"
      "       0         0         0         0         0         0      %d         0 \n",
      answer->to_self ? 16384
      : iface         ? iface->mtu
                      : 1500);
  return 0;
}

// netstat leaves trailing zero bytes off, and the prefix when it is the class's own.
std::string network_name(const Route& r) {
  if (r.prefix == 0) return "default";
  const std::uint32_t a = ntohl(r.destination.s_addr);
  if (r.prefix == 32) return to_text(r.destination);
  std::string out = std::to_string(a >> 24);
  if ((a & 0xffffffU) != 0) out += "." + std::to_string(a >> 16 & 0xff);
  if ((a & 0xffffU) != 0) out += "." + std::to_string(a >> 8 & 0xff);
  if ((a & 0xffU) != 0) out += "." + std::to_string(a & 0xff);
  const int natural = a >> 24 < 128 ? 8 : a >> 24 < 192 ? 16 : 24;
  if (natural != r.prefix) out += "/" + std::to_string(r.prefix);
  return out;
}

}  // namespace

int route(const Truth&, const Arguments& argv) {
  Arguments words;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (!argv[k].starts_with('-') || argv[k] == "-host" || argv[k] == "-interface") {
      words.push_back(argv[k]);
    }
  }
  std::erase(words, "-host");
  if (words.empty()) return fail(64, "usage: route [-dnqtv] command [[modifiers] args]");
  if (words[0] == "get" && words.size() == 2) {
    in_addr destination{};
    if (words[1] == "default") return get(destination);
    if (!resolve(words[1], destination)) return fail(68, "route: bad address: " + words[1]);
    return get(destination);
  }
  if (::geteuid() != 0) return fail(77, "route: must be root to alter routing table");
  return fail(64, "route: the lab has no `" + words[0] + "`");
}

int netstat(const Truth&, const Arguments& argv) {
  bool wanted = false;
  for (const std::string& a : argv) wanted = wanted || a == "-rn" || a == "-nr" || a == "-r";
  if (!wanted) return fail(64, "usage: netstat -rn [-f inet]");
  std::printf("Routing tables\n\nInternet:\n");
  std::printf("%-18s %-18s %-19s %5s %6s\n", "Destination", "Gateway", "Flags", "Netif", "Expire");
  std::printf("%-18s %-18s %-19s %5s %6s\n", "127", "127.0.0.1", "UCS", "lo0", "");
  for (const Route& r : routes()) {
    const auto iface = interface(r.iface);
    const std::string gateway =
        r.gateway ? to_text(*r.gateway) : "link#" + std::to_string(iface ? iface->index : 0);
    std::printf("%-18s %-18s %-19s %5s %6s\n", network_name(r).c_str(), gateway.c_str(),
                r.gateway ? "UGScg" : "UCS", mac_name(r.iface).c_str(), r.gateway ? "" : "!");
  }
  return 0;
}

int arp(const Truth&, const Arguments& argv) {
  const std::string wanted = argv.size() > 1 && !argv.back().starts_with('-') ? argv.back() : "";
  std::ifstream in("/proc/net/arp");
  std::string line;
  std::getline(in, line);
  bool shown = false;
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string ip, type, flags, mac, mask, device;
    fields >> ip >> type >> flags >> mac >> mask >> device;
    if (!wanted.empty() && wanted != ip) continue;
    shown = true;
    std::printf("? (%s) at %s on %s ifscope [ethernet]\n", ip.c_str(),
                flags == "0x0" ? "(incomplete)" : mac.c_str(), device.c_str());
  }
  if (!wanted.empty() && !shown) {
    std::printf("%s (%s) -- no entry\n", wanted.c_str(), wanted.c_str());
    return 1;
  }
  return 0;
}

}  // namespace lab_mac
