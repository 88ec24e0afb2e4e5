// route: get, and changes of the kernel's main table.
#include <arpa/inet.h>
#include <netdb.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

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

std::optional<Route> way_to(const in_addr& destination) {
  // The kernel takes 0.0.0.0 for itself.
  return destination.s_addr == 0 ? entry_for(destination) : route_to(destination);
}

int get(const in_addr& destination) {
  const auto answer = way_to(destination);
  if (!answer) {
    // The Mac says so and still exits 0.
    return fail(0, "route: writing to routing socket: not in table");
  }
  const auto entry = entry_for(destination);
  const bool by_default = entry && entry->prefix == 0;
  std::printf("   route to: %s\n",
              destination.s_addr == 0 ? "default" : to_text(destination).c_str());
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

struct Change {
  RouteChange verb = RouteChange::add;
  std::string word;
  std::string destination;  // as route prints it
  std::string gateway;
  bool host = false;
  Route route;
};

// "10.10.0.0/24", "10.10.0.0" with a mask after it, "default".
bool parse_destination(std::string text, const std::string& mask, Change& change) {
  if (text == "default") {
    change.destination = "default";
    return true;
  }
  int prefix = change.host ? 32 : -1;
  if (const std::size_t slash = text.find('/'); slash != std::string::npos) {
    prefix = std::atoi(text.c_str() + slash + 1);
    text.resize(slash);
  }
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return false;
  if (!mask.empty()) {
    in_addr bits{};
    if (::inet_pton(AF_INET, mask.c_str(), &bits) != 1) return false;
    prefix = std::popcount(bits.s_addr);
  }
  if (prefix < 0) prefix = 32;
  if (prefix > 32) return false;
  change.destination = text;
  change.host = prefix == 32;
  change.route.prefix = prefix;
  change.route.destination.s_addr = address.s_addr & mask_of(prefix).s_addr;
  return true;
}

// Returns an exit status, 0 with `change` filled.
int parse(const Arguments& argv, Change& change) {
  Arguments words;
  std::string mask;
  bool to_interface = false;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    const std::string& a = argv[k];
    if (a == "-host") {
      change.host = true;
    } else if (a == "-interface") {
      to_interface = true;
    } else if ((a == "-netmask" || a == "-ifscope") && k + 1 < argv.size()) {
      (a == "-netmask" ? mask : change.route.iface) = argv[k + 1];
      ++k;
    } else if (!a.starts_with('-')) {
      words.push_back(a);
    }
  }
  change.word = words[0];
  change.verb = words[0] == "add"      ? RouteChange::add
                : words[0] == "change" ? RouteChange::change
                                       : RouteChange::remove;
  const std::size_t least = change.verb == RouteChange::remove ? 2 : 3;
  if (words.size() < least || words.size() > 4) {
    return fail(64, "usage: route [-dnqtv] command [[modifiers] args]");
  }
  if (words.size() == 4) mask = words[3];
  if (!parse_destination(words[1], mask, change)) {
    return fail(68, "route: bad address: " + words[1]);
  }
  if (words.size() < 3) return 0;
  change.gateway = words[2];
  in_addr gateway{};
  if (to_interface) {
    change.route.iface = words[2];
  } else if (::inet_pton(AF_INET, words[2].c_str(), &gateway) == 1) {
    change.route.gateway = gateway;
  } else {
    return fail(68, "route: bad address: " + words[2]);
  }
  return 0;
}

int alter(const Arguments& argv) {
  Change change;
  if (const int status = parse(argv, change); status != 0) return status;
  const int error = change_route(change.verb, change.route);
  const std::string why = error == ESRCH || error == ENOENT ? "not in table"
                          : error == EEXIST                 ? "File exists"
                                                            : "Network is unreachable";
  if (error != 0) fail(0, "route: writing to routing socket: " + why);
  std::printf("%s %s %s", change.word.c_str(), change.host ? "host" : "net",
              change.destination.c_str());
  if (!change.gateway.empty()) std::printf(": gateway %s", change.gateway.c_str());
  std::printf("%s%s\n", error == 0 ? "" : ": ", error == 0 ? "" : why.c_str());
  // The Mac's exits 0 here as well.
  return 0;
}

}  // namespace

int route(const Truth&, const Arguments& argv) {
  Arguments words;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (argv[k] == "-ifscope" || argv[k] == "-netmask") {
      ++k;
    } else if (!argv[k].starts_with('-')) {
      words.push_back(argv[k]);
    }
  }
  if (words.empty()) return fail(64, "usage: route [-dnqtv] command [[modifiers] args]");
  if (words[0] == "get" && words.size() == 2) {
    in_addr destination{};
    if (words[1] == "default") return get(destination);
    if (!resolve(words[1], destination)) return fail(68, "route: bad address: " + words[1]);
    return get(destination);
  }
  if (::geteuid() != 0) return fail(77, "route: must be root to alter routing table");
  if (words[0] == "add" || words[0] == "change" || words[0] == "delete") return alter(argv);
  return fail(64, "route: the lab has no `" + words[0] + "`");
}

}  // namespace lab_mac
