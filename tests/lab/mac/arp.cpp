// arp: the kernel's neighbours as a Mac lists them, and its permanent entries.
#include <arpa/inet.h>
#include <netinet/ether.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

// A Mac's arp leaves leading zeros off.
std::string short_mac(const std::string& mac) {
  std::string out;
  for (std::size_t k = 0; k < mac.size(); ++k) {
    if (k % 3 == 0 && mac[k] == '0') continue;
    out += mac[k];
  }
  return out;
}

void print_one(const Neighbour& n) {
  const auto iface = interface(n.iface);
  std::printf("? (%s) at %s on %s ifscope%s [%s]\n", to_text(n.address).c_str(),
              n.mac.empty() ? "(incomplete)" : short_mac(n.mac).c_str(), n.iface.c_str(),
              n.permanent ? " permanent" : "", iface && iface->bridge ? "bridge" : "ethernet");
}

// arp -al
void print_row(const Neighbour& n) {
  std::printf("%-23s %-17s %-9.9s %-9.9s %8.8s %4d\n", to_text(n.address).c_str(),
              n.mac.empty() ? "(incomplete)" : short_mac(n.mac).c_str(), "(none)", "(none)",
              n.iface.c_str(), 1);
}

int set(const std::string& host, const std::string& mac) {
  Neighbour n;
  if (::inet_pton(AF_INET, host.c_str(), &n.address) != 1) {
    return fail(1, "arp: " + host + ": Unknown host");
  }
  if (::ether_aton(mac.c_str()) == nullptr)
    return fail(1, "arp: invalid Ethernet address '" + mac + "'");
  if (::geteuid() != 0) return fail(1, "arp: writing to routing socket: Operation not permitted");
  const auto way = route_to(n.address);
  if (!way || way->gateway || way->to_self) {
    return fail(1, "cannot intuit interface index and type for " + host);
  }
  n.iface = way->iface;
  n.mac = mac;
  return set_neighbour(n) == 0 ? 0 : fail(1, "arp: writing to routing socket: Invalid argument");
}

int remove(const std::string& host) {
  if (::geteuid() != 0) return fail(1, "arp: writing to routing socket: Operation not permitted");
  bool found = false;
  for (const Neighbour& n : neighbours()) {
    if (to_text(n.address) != host) continue;
    found = remove_neighbour(n) == 0 || found;
  }
  if (!found) return fail(1, "arp: delete: cannot locate " + host);
  std::printf("%s (%s) deleted\n", host.c_str(), host.c_str());
  return 0;
}

}  // namespace

int arp(const Truth&, const Arguments& argv) {
  std::string letters;
  Arguments words;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (argv[k].starts_with('-')) {
      letters += argv[k].substr(1);
    } else {
      words.push_back(argv[k]);
    }
  }
  const auto has = [&](char c) { return letters.find(c) != std::string::npos; };
  if (has('s') && words.size() >= 2) return set(words[0], words[1]);
  if (has('d') && !words.empty()) return remove(words[0]);
  bool shown = false;
  if (has('l')) {
    std::printf("%-23s %-17s %-9.9s %-9.9s %8.8s %4s %4s\n", "Neighbor", "Linklayer Address",
                "Expire(O)", "Expire(I)", "Netif", "Refs", "Prbs");
  }
  for (const Neighbour& n : neighbours()) {
    if (!words.empty() && words[0] != to_text(n.address)) continue;
    shown = true;
    has('l') ? print_row(n) : print_one(n);
  }
  if (!words.empty() && !shown) {
    std::printf("%s (%s) -- no entry\n", words[0].c_str(), words[0].c_str());
    return 1;
  }
  return 0;
}

}  // namespace lab_mac
