// rdma_ctl, nvram and the ibv tools.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <sstream>

#include "commands.hpp"
#include "kernel.hpp"

namespace lab_mac {
namespace {

// The devices that exist: one per Thunderbolt 5 port while RDMA is on, in no useful order.
std::vector<const Port*> devices(const Truth& truth) {
  std::vector<const Port*> out;
  if (!truth.rdma || truth.thunderbolt < 5) return out;
  for (const Port& p : truth.ports) out.push_back(&p);
  std::sort(out.begin(), out.end(), [](const Port* a, const Port* b) {
    return std::hash<std::string>{}(a->mac) < std::hash<std::string>{}(b->mac);
  });
  return out;
}

unsigned long long guid_of(const Port& p) {
  return std::hash<std::string>{}(p.domain) & 0xffffffffffffffffULL;
}

bool active(const Port& p, const Truth& truth) {
  const auto i = interface(p.iface);
  return truth.rdma && p.peer && p.peer->rdma && p.speed >= 80 && p.dock.empty() && i && i->up;
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

std::vector<std::string> gids(const Port& p) {
  std::vector<std::string> out{eui64(p.mac)};
  const auto i = interface(p.iface);
  if (!i || !i->master.empty()) return out;
  for (const Inet& a : i->inet) out.push_back("::ffff:" + to_text(a.address));
  for (const Inet6& a : i->inet6) {
    char text[INET6_ADDRSTRLEN];
    if (::inet_ntop(AF_INET6, &a.address, text, sizeof text) == nullptr) continue;
    if (out.front() != text) out.emplace_back(text);
  }
  return out;
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
  std::printf("\t\t\tstate:\t\t\t%s\n", active(p, truth) ? "PORT_ACTIVE (4)" : "PORT_DOWN (1)");
  std::printf("\t\t\tmax_mtu:\t\t4096 (5)\n\t\t\tactive_mtu:\t\t4096 (5)\n");
  std::printf("\t\t\tsm_lid:\t\t\t1\n\t\t\tport_lid:\t\t1\n\t\t\tport_lmc:\t\t0x00\n");
  std::printf("\t\t\tlink_layer:\t\tThunderbolt\n");
  if (verbose) {
    const bool slow = p.speed > 0 && p.speed < 80;
    std::printf("\t\t\tmax_msg_sz:\t\t0x1000000\n\t\t\tgid_tbl_len:\t\t16\n");
    std::printf("\t\t\tactive_width:\t\t%s\n", slow ? "4X (2)" : "8X (4)");
    std::printf("\t\t\tactive_speed:\t\t10.0 Gbps (4)\n");
    int index = 0;
    for (const std::string& gid : gids(p)) {
      std::printf("\t\t\tGID[%3d]:\t\t%s\n", index++, gid.c_str());
    }
  }
  std::printf("\n");
}

}  // namespace

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
