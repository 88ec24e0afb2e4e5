// netstat -rn and netstat -an -p tcp.
#include <arpa/inet.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

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

int routing_tables() {
  std::printf("Routing tables\n\nInternet:\n");
  std::printf("%-18s %-18s %-19s %5s %6s\n", "Destination", "Gateway", "Flags", "Netif", "Expire");
  std::printf("%-18s %-18s %-19s %5s %6s\n", "127", "127.0.0.1", "UCS", "lo0", "");
  for (const Route& r : routes()) {
    const auto iface = interface(r.iface);
    const std::string gateway =
        r.gateway ? to_text(*r.gateway) : "link#" + std::to_string(iface ? iface->index : 0);
    const char* flags = !r.gateway ? "UCS" : r.prefix == 0 ? "UGScg" : "UGSc";
    std::printf("%-18s %-18s %-19s %5s %6s\n", network_name(r).c_str(), gateway.c_str(), flags,
                mac_name(r.iface).c_str(), r.gateway ? "" : "!");
  }
  return 0;
}

// The kernel's 0100007F:1F90 as 127.0.0.1.8080, a zero as an asterisk.
std::string endpoint(const std::string& text) {
  const std::size_t colon = text.find(':');
  const in_addr address{static_cast<in_addr_t>(std::strtoul(text.c_str(), nullptr, 16))};
  const unsigned long port = std::strtoul(text.c_str() + colon + 1, nullptr, 16);
  return (address.s_addr == 0 ? "*" : to_text(address)) + "." +
         (port == 0 ? "*" : std::to_string(port));
}

const char* state_name(unsigned long state) {
  constexpr const char* kNames[] = {"",           "ESTABLISHED", "SYN_SENT",  "SYN_RCVD",
                                    "FIN_WAIT_1", "FIN_WAIT_2",  "TIME_WAIT", "CLOSED",
                                    "CLOSE_WAIT", "LAST_ACK",    "LISTEN",    "CLOSING"};
  return state < std::size(kNames) ? kNames[state] : "CLOSED";
}

int connections() {
  std::printf("Active Internet connections (including servers)\n");
  std::printf("%-5.5s %-6.6s %-6.6s  %-22.22s %-22.22s %s\n", "Proto", "Recv-Q", "Send-Q",
              "Local Address", "Foreign Address", "(state)");
  std::ifstream in("/proc/net/tcp");
  std::string line;
  std::getline(in, line);
  while (std::getline(in, line)) {
    std::istringstream fields(line);
    std::string slot, local, far, state;
    fields >> slot >> local >> far >> state;
    std::printf("%-5s %6d %6d  %-22s %-22s %s\n", "tcp4", 0, 0, endpoint(local).c_str(),
                endpoint(far).c_str(), state_name(std::strtoul(state.c_str(), nullptr, 16)));
  }
  // A socket of IPv6 that takes IPv4 as well is tcp46 on a Mac.
  std::ifstream in6("/proc/net/tcp6");
  std::getline(in6, line);
  while (std::getline(in6, line)) {
    std::istringstream fields(line);
    std::string slot, local, far, state;
    fields >> slot >> local >> far >> state;
    const std::size_t colon = local.find(':');
    if (state != "0A" || local.find_first_not_of('0') != colon) continue;
    std::printf("%-5s %6d %6d  %-22s %-22s %s\n", "tcp46", 0, 0,
                endpoint("00000000" + local.substr(colon)).c_str(), "*.*", "LISTEN");
  }
  return 0;
}

}  // namespace

int netstat(const Truth&, const Arguments& argv) {
  std::string letters;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (argv[k].starts_with('-')) letters += argv[k].substr(1);
  }
  if (letters.find('r') != std::string::npos) return routing_tables();
  if (letters.find('a') != std::string::npos) return connections();
  return fail(64, "usage: netstat -rn [-f inet] | -an [-p tcp]");
}

}  // namespace lab_mac
