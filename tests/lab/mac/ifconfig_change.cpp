// ifconfig's changes: addresses, administrative state, bridge members; with the faults that the
// lab can give them.
#include <arpa/inet.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "hooks.hpp"
#include "ifconfig.hpp"
#include "rdma.hpp"

namespace lab_mac {
namespace {

bool root() {
  return ::geteuid() == 0;
}

std::string reason(int error) {
  // Names that differ between the systems are never needed here: strerror's texts are BSD's too.
  return std::strerror(error);
}

// The classful prefix that ifconfig falls back to without a netmask.
int natural_prefix(const in_addr& address) {
  const std::uint32_t first = ntohl(address.s_addr) >> 24;
  return first < 128 ? 8 : first < 192 ? 16 : 24;
}

// Dotted or 0x; negative when it is neither or has a hole.
int parse_mask(const std::string& text) {
  std::uint32_t bits = 0;
  in_addr dotted{};
  if (text.starts_with("0x") || text.starts_with("0X")) {
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data() + 2, end, bits, 16);
    if (error != std::errc{} || at != end) return -1;
  } else if (::inet_pton(AF_INET, text.c_str(), &dotted) == 1) {
    bits = ntohl(dotted.s_addr);
  } else {
    return -1;
  }
  const int prefix = std::countl_one(bits);
  return mask_of(prefix).s_addr == htonl(bits) ? prefix : -1;
}

enum class AddressMode { replace, add, remove };

struct AddressChange {
  Inet inet;
  AddressMode mode = AddressMode::replace;
};

// argv[at] is the address. Returns an exit status, or 0 with `out` filled.
int parse_address(const Arguments& argv, std::size_t at, AddressChange& out) {
  std::string text = argv[at];
  int prefix = -1;
  if (const std::size_t slash = text.find('/'); slash != std::string::npos) {
    prefix = std::atoi(text.c_str() + slash + 1);
    text.resize(slash);
  }
  if (::inet_pton(AF_INET, text.c_str(), &out.inet.address) != 1) {
    return fail(1, "ifconfig: " + argv[at] + ": bad value");
  }
  for (std::size_t k = at + 1; k < argv.size(); ++k) {
    if (argv[k] == "netmask" && k + 1 < argv.size()) {
      prefix = parse_mask(argv[++k]);
      if (prefix < 0) return fail(1, "ifconfig: " + argv[k] + ": bad value");
    } else if (argv[k] == "broadcast" && k + 1 < argv.size()) {
      ++k;
    } else if (argv[k] == "alias" || argv[k] == "add") {
      out.mode = AddressMode::add;
    } else if (argv[k] == "-alias" || argv[k] == "delete" || argv[k] == "remove") {
      out.mode = AddressMode::remove;
    } else if (argv[k] != "up") {
      return fail(1, "ifconfig: " + argv[k] + ": bad value");
    }
  }
  out.inet.prefix = prefix >= 0 ? prefix : natural_prefix(out.inet.address);
  return 0;
}

bool same(const Inet& a, const Inet& b) {
  return a.address.s_addr == b.address.s_addr && a.prefix == b.prefix;
}

int remove_address(const Interface& i, const in_addr& address) {
  for (const Inet& have : i.inet) {
    if (have.address.s_addr == address.s_addr) return address_remove(i.name, have);
  }
  return EADDRNOTAVAIL;
}

int change_address(const Truth& truth, const Interface& i, const AddressChange& change) {
  if (change.mode == AddressMode::remove) {
    if (!root()) return fail(1, "ifconfig: ioctl (SIOCDIFADDR): permission denied");
    const int error = remove_address(i, change.inet.address);
    return error == 0 ? 0
                      : fail(1, "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address");
  }
  if (!root() || truth.fault_on("address-refused", i.name)) {
    return fail(1, "ifconfig: ioctl (SIOCAIFADDR): permission denied");
  }
  if (truth.fault_on("address-lost", i.name)) return 0;
  if (!i.up) set_up(i.name, true);
  if (change.mode == AddressMode::replace && !i.inet.empty()) {
    if (same(i.inet.front(), change.inet)) return 0;
    address_remove(i.name, i.inet.front());
  }
  const int error = address_add(i.name, change.inet);
  // GIDs count their delay from here.
  if (::access(late_mark(i.name).c_str(), F_OK) == 0) std::ofstream(late_mark(i.name)) << "1\n";
  if (error == 0 || error == EEXIST) return 0;
  return fail(1, "ifconfig: ioctl (SIOCAIFADDR): " + reason(error));
}

int change_state(const Interface& i, bool up) {
  if (!root())
    return fail(1, std::string("ifconfig: ") + (up ? "up" : "down") + ": permission denied");
  const int error = set_up(i.name, up);
  return error == 0 ? 0 : fail(1, "ifconfig: up: " + reason(error));
}

int remove_member(const Truth& truth, const Interface& bridge, const std::string& member) {
  const std::string label = "ifconfig: BRDGDEL " + member + ": ";
  if (!root()) return fail(1, label + "Operation not permitted");
  const auto port = interface(member);
  if (!port || port->master != bridge.name) return fail(1, label + "No such file or directory");
  if (truth.fault_on("deletem-stuck", member)) return 0;
  if (const int error = bridge_remove(bridge.name, member); error != 0) {
    return fail(1, label + reason(error));
  }
  if (truth.fault_on("deletem-leaves-down", member)) set_up(member, false);
  return 0;
}

int add_member(const Truth& truth, const Interface& bridge, const std::string& member) {
  const std::string label = "ifconfig: BRDGADD " + member + ": ";
  if (!root()) return fail(1, label + "Operation not permitted");
  const int error = bridge_add(bridge.name, member,
                               truth.forwarding_bridge ? Members::forwarding : Members::isolated);
  if (error == ENXIO) return fail(1, label + "No such file or directory");
  if (error == EBUSY) return fail(1, label + "Resource busy");
  return error == 0 ? 0 : fail(1, label + reason(error));
}

int create_or_destroy(const std::string& name, bool create) {
  const char* label = create ? "ifconfig: SIOCIFCREATE2: " : "ifconfig: SIOCIFDESTROY: ";
  if (!root()) return fail(1, std::string(label) + "Operation not permitted");
  if (!name.starts_with("bridge")) return fail(1, std::string(label) + "Invalid argument");
  if (create) {
    int error = 0;
    if (interface(name)) error = EEXIST;
    if (error == 0) error = bridge_create(name);
    return error == 0 ? 0 : fail(1, std::string(label) + reason(error));
  }
  return bridge_destroy(name) == 0 ? 0 : fail(1, std::string(label) + "Invalid argument");
}

int change_mtu(const Interface& i, const std::string& text) {
  if (!root()) return fail(1, "ifconfig: ioctl (set mtu): Operation not permitted");
  const int mtu = std::atoi(text.c_str());
  const int error = mtu < 1280 || mtu > 9000 ? EINVAL : set_mtu(i.name, mtu);
  return error == 0 ? 0 : fail(1, "ifconfig: ioctl (set mtu): " + reason(error));
}

int change_bridge(const Truth& truth, const Interface& bridge, const Arguments& argv) {
  for (std::size_t k = 2; k + 1 < argv.size(); k += 2) {
    const int status = argv[k] == "deletem" ? remove_member(truth, bridge, argv[k + 1])
                       : argv[k] == "addm"  ? add_member(truth, bridge, argv[k + 1])
                                            : fail(1, "ifconfig: " + argv[k] + ": bad value");
    if (status != 0) return status;
  }
  return 0;
}

}  // namespace

int change_interface(const Truth& truth, const Arguments& argv) {
  if (root()) before_change(truth, argv);
  const std::string name = kernel_name(argv[1]);
  if (is(argv, 2, "create") || is(argv, 2, "destroy")) {
    return create_or_destroy(name, argv[2] == "create");
  }
  const Interface i = *interface(name);
  if (is(argv, 2, "up") || is(argv, 2, "down")) return change_state(i, argv[2] == "up");
  if (is(argv, 2, "mtu") && argv.size() == 4) return change_mtu(i, argv[3]);
  if (is(argv, 2, "addm") || is(argv, 2, "deletem")) {
    if (!i.bridge || argv.size() < 4) return fail(1, "ifconfig: " + argv[2] + ": bad value");
    return change_bridge(truth, i, argv);
  }
  std::size_t at = is(argv, 2, "inet") ? 3 : 2;
  AddressMode mode = AddressMode::replace;
  // `inet alias A` and `-alias A` are accepted before the address as well.
  if (at < argv.size() && (argv[at] == "alias" || argv[at] == "-alias" || argv[at] == "delete")) {
    mode = argv[at] == "alias" ? AddressMode::add : AddressMode::remove;
    ++at;
  }
  if (at >= argv.size()) return fail(1, "ifconfig: " + argv.back() + ": bad value");
  AddressChange change;
  change.mode = mode;
  if (const int status = parse_address(argv, at, change); status != 0) return status;
  return change_address(truth, i, change);
}

}  // namespace lab_mac
