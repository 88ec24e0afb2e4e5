// The kernel's own interfaces, seen and changed the way the Mac's commands do.
#pragma once

#include <netinet/in.h>

#include <optional>
#include <string>
#include <vector>

namespace lab_mac {

struct Inet {
  in_addr address{};
  int prefix = 0;
};

struct Inet6 {
  in6_addr address{};
  int prefix = 0;
};

struct Interface {
  int index = 0;
  std::string name;  // the kernel's: "lo", "en3", "bridge0"
  bool up = false;
  bool carrier = false;
  bool loopback = false;
  bool bridge = false;
  int mtu = 0;
  std::string mac;
  std::string master;  // the bridge it is a member of, often empty
  std::vector<Inet> inet;
  std::vector<Inet6> inet6;

  bool active() const { return up && carrier; }
};

// All interfaces in the order of their index.
std::vector<Interface> interfaces();
std::optional<Interface> interface(const std::string& name);

// The name that the Mac's commands print: the loopback is lo0 there.
std::string mac_name(const std::string& kernel_name);
std::string kernel_name(const std::string& mac_name);

std::string to_text(const in_addr& address);
in_addr mask_of(int prefix);
in_addr broadcast_of(const Inet& inet);

// Each returns 0 or an errno.
int set_up(const std::string& iface, bool up);
int set_mtu(const std::string& iface, int mtu);
int bridge_create(const std::string& bridge);
int bridge_destroy(const std::string& bridge);
// Isolated members are enslaved for real, but a ring of bridged Macs cannot melt the machine that
// plays them all.
enum class Members { isolated, forwarding };
int bridge_add(const std::string& bridge, const std::string& member, Members members);
int bridge_remove(const std::string& bridge, const std::string& member);
int address_add(const std::string& iface, const Inet& inet);
int address_remove(const std::string& iface, const Inet& inet);

struct Route {
  std::string iface;  // kernel's name
  std::optional<in_addr> gateway;
  in_addr destination{};
  int prefix = 0;
  bool to_self = false;
  bool by_kernel = false;  // it came with an address
};

// The main table, in the kernel's order, interfaces' own subnets included.
std::vector<Route> routes();
// The way a packet to this address takes; nothing when there is none.
std::optional<Route> route_to(const in_addr& destination);

enum class RouteChange { add, change, remove };
// `iface`: where the gateway is not, or must be reached through; else empty. Returns 0 or an errno.
int change_route(RouteChange change, const Route& route);

struct Neighbour {
  in_addr address{};
  std::string mac;  // as the kernel writes it; empty: not resolved
  std::string iface;
  bool permanent = false;
};

std::vector<Neighbour> neighbours();
// A permanent entry in place of whatever is there. Returns 0 or an errno.
int set_neighbour(const Neighbour& neighbour);
int remove_neighbour(const Neighbour& neighbour);

std::string read_line(const std::string& path);

}  // namespace lab_mac
