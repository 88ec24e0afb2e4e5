// rdma_ctl, nvram and the ibv tools.
#include "rdma.hpp"

#include <arpa/inet.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <sstream>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

// In no useful order, as on a Mac.
std::vector<const Port*> devices(const Truth& truth) {
  std::vector<const Port*> out;
  for (const Port& p : truth.ports) {
    if (has_device(truth, p)) out.push_back(&p);
  }
  std::sort(out.begin(), out.end(), [](const Port* a, const Port* b) {
    return std::hash<std::string>{}(a->mac) < std::hash<std::string>{}(b->mac);
  });
  return out;
}

unsigned long long guid_of(const Port& p) {
  return std::hash<std::string>{}(p.domain) & 0xffffffffffffffffULL;
}

std::string eui64(const std::string& mac) {
  std::array<unsigned, 6> b{};
  if (std::sscanf(mac.c_str(), "%x:%x:%x:%x:%x:%x", b.data(), &b[1], &b[2], &b[3], &b[4], &b[5]) !=
      6) {
    return "fe80::";
  }
  char text[64];
  std::snprintf(text, sizeof text, "fe80::%x:%x:%x:%x", (b[0] ^ 2U) << 8 | b[1], b[2] << 8 | 0xffU,
                0xfe00U | b[3], b[4] << 8 | b[5]);
  return text;
}

// Whether the IPv4 GID is still on its way: the mark's time is that of the fault or of the last
// change of an address.
bool late(const Truth& truth, const std::string& iface) {
  for (const Fault& f : truth.faults) {
    if (f.name != "gid-late" || !f.argument.starts_with(iface + ":")) continue;
    struct stat st {};
    if (::stat(late_mark(iface).c_str(), &st) != 0) return false;
    const double age = std::difftime(std::time(nullptr), st.st_mtime);
    return age < std::atof(f.argument.c_str() + iface.size() + 1);
  }
  return false;
}

void print_device(const Port& p, const Truth& truth, bool verbose) {
  std::printf("hca_id:\trdma_%s\n", p.iface.c_str());
  std::printf("\ttransport:\t\t\tThunderbolt (100)\n");
  std::printf("\tnode_guid:\t\t\t0000:0000:0000:%04x\n", static_cast<unsigned>(p.receptacle + 1));
  std::printf("\tsys_image_guid:\t\t\t0000:0000:0000:0001\n");
  std::printf("\tvendor_id:\t\t\t0x0000\n\tvendor_part_id:\t\t\t0\n\thw_ver:\t\t\t\t0x0\n");
  std::printf("\tphys_port_cnt:\t\t\t1\n");
  if (verbose) {
    std::printf("\tmax_mr_size:\t\t\t0xfa0000\n\tmax_qp:\t\t\t\t11\n\tmax_cq:\t\t\t\t11\n");
    std::printf("\tmax_mr:\t\t\t\t100\n\tmax_pd:\t\t\t\t11\n");
  }
  std::printf("\t\tport:\t1\n");
  std::printf("\t\t\tstate:\t\t\t%s\n",
              port_active(truth, p) ? "PORT_ACTIVE (4)" : "PORT_DOWN (1)");
  std::printf("\t\t\tmax_mtu:\t\t4096 (5)\n\t\t\tactive_mtu:\t\t4096 (5)\n");
  std::printf("\t\t\tsm_lid:\t\t\t1\n\t\t\tport_lid:\t\t1\n\t\t\tport_lmc:\t\t0x00\n");
  std::printf("\t\t\tlink_layer:\t\tThunderbolt\n");
  if (verbose) {
    const bool slow = p.speed > 0 && p.speed < 80;
    std::printf("\t\t\tmax_msg_sz:\t\t0x1000000\n\t\t\tgid_tbl_len:\t\t16\n");
    std::printf("\t\t\tactive_width:\t\t%s\n", slow ? "4X (2)" : "8X (4)");
    std::printf("\t\t\tactive_speed:\t\t10.0 Gbps (4)\n");
    int index = 0;
    for (const std::string& gid : gids(truth, p)) {
      std::printf("\t\t\tGID[%3d]:\t\t%s\n", index++, gid.c_str());
    }
  }
  std::printf("\n");
}

}  // namespace

bool has_device(const Truth& truth, const Port& port) {
  return truth.rdma && truth.thunderbolt >= 5 && !truth.fault_on("device-gone", port.iface);
}

bool port_active(const Truth& truth, const Port& port) {
  const auto i = interface(port.iface);
  return truth.rdma && port.peer && port.peer->rdma && port.speed >= 80 && port.dock.empty() && i &&
         i->up;
}

std::string late_mark(const std::string& iface) {
  return std::string(kMarks) + "/gid-late." + iface;
}

std::vector<std::string> gids(const Truth& truth, const Port& port) {
  std::vector<std::string> out{eui64(port.mac)};
  const auto i = interface(port.iface);
  if (!i || !i->master.empty()) return out;
  std::vector<std::string> four, six;
  for (const Inet& a : i->inet) four.push_back("::ffff:" + to_text(a.address));
  for (const Inet6& a : i->inet6) {
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(AF_INET6, &a.address, text, sizeof text) == nullptr) continue;
    if (out.front() != text) six.emplace_back(text);
  }
  if (late(truth, port.iface)) four.clear();
  const bool displaced = truth.fault_on("gid-index2", port.iface);
  if (displaced && six.empty()) six.emplace_back("fe80::1021:1bac:fe1:b5e3");
  const auto& first = displaced ? six : four;
  const auto& second = displaced ? four : six;
  out.insert(out.end(), first.begin(), first.end());
  out.insert(out.end(), second.begin(), second.end());
  return out;
}

int rdma_ctl(const Truth& truth, const Arguments& argv) {
  if (is(argv, 1, "status")) {
    std::puts(truth.rdma ? "enabled" : "disabled");
    return 0;
  }
  if (is(argv, 1, "enable") || is(argv, 1, "disable")) {
    return fail(77, "rdma_ctl: This tool needs to be executed from Recovery OS.");
  }
  return fail(64, "usage: rdma_ctl status | enable | disable");
}

int nvram(const Truth& truth, const Arguments& argv) {
  if (is(argv, 1, "rdma-enable") && truth.rdma) {
    std::puts("rdma-enable\t%01");
    return 0;
  }
  const std::string name = argv.size() > 1 ? argv.back() : "";
  return fail(1,
              "nvram: Error getting variable - '" + name + "': (iokit/common) data was not found");
}

int ibv_devices(const Truth& truth, const Arguments&) {
  std::printf("    %-16s\t   node GUID\n", "device");
  std::printf("    %-16s\t----------------\n", "------");
  for (const Port* p : devices(truth)) {
    std::printf("    %-16s\t%016llx\n", ("rdma_" + p->iface).c_str(), guid_of(*p));
  }
  return 0;
}

int ibv_devinfo(const Truth& truth, const Arguments& argv) {
  std::string wanted;
  bool verbose = false;
  for (std::size_t k = 1; k < argv.size(); ++k) {
    if (argv[k] == "-v") verbose = true;
    if (argv[k] == "-d" && k + 1 < argv.size()) wanted = argv[++k];
  }
  const auto all = devices(truth);
  if (all.empty()) return fail(255, "No IB devices found");
  bool shown = false;
  for (const Port* p : all) {
    if (!wanted.empty() && wanted != "rdma_" + p->iface) continue;
    print_device(*p, truth, verbose);
    shown = true;
  }
  return shown ? 0 : fail(255, "IB device '" + wanted + "' wasn't found");
}

}  // namespace lab_mac
