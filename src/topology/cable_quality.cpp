// Cables that are plugged as declared, and yet not as good as they could be.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"
#include "cable_notes.hpp"

namespace bringup::topology {
namespace {

class Quality {
 public:
  Quality(const model::Fleet& fleet, CableNotes& notes) : fleet_(fleet), notes_(notes) {}

  void judge(const std::vector<Checked>& right) {
    for (const auto& link : right) {
      const Cable& cable = *link.cables[0];
      const auto& declared_link = fleet_.links[link.index];
      if (!cable.one_sided.empty()) {
        notes_.add(CableFault::one_sided, CableSeverity::warning, {link.index}, blind_end(link),
                   fmt::format("only one end tells of the cable: {}", cable.one_sided),
                   fmt::format("both ends of {} see each other", notes_.declared(link)),
                   fmt::format("take the plug out of {} and put it back; if it stays, restart {}",
                               notes_.at(blind_end(link)), notes_.names()[blind_end(link).node]));
      }
      if (!cable.through.empty()) {
        const bool rdma = declared_link.rdma;
        notes_.add(
            CableFault::dock, rdma ? CableSeverity::error : CableSeverity::note, {link.index},
            link.ends[0],
            fmt::format("{} runs through {}", notes_.declared(link), join(cable.through, ", ")),
            rdma ? "a cable from Mac to Mac, for RDMA" : "nothing in between, for full speed",
            "connect the Macs directly, or set rdma = false on the link");
        if (rdma) continue;
      }
      judge_speed(link, cable, declared_link);
      judge_port(link, declared_link);
    }
  }

 private:
  // The end whose profiler keeps silent.
  [[nodiscard]] const PortName& blind_end(const Checked& link) const {
    for (std::size_t side = 0; side < 2; ++side) {
      const auto& far = link.ends[1 - side];
      const auto* own = notes_.cabling().port_at(link.ends[side].node, link.ends[side].interface);
      const auto* other = notes_.cabling().port_at(far.node, far.interface);
      if (own == nullptr || other == nullptr) continue;
      const bool tells = std::any_of(own->peers.begin(), own->peers.end(), [&](const auto& peer) {
        return !peer.domain.empty() && peer.domain == other->domain;
      });
      if (!tells) return link.ends[side];
    }
    return link.ends[0];
  }

  void judge_speed(const Checked& link, const Cable& cable, const model::Link& declared_link) {
    const auto& expected = declared_link.expect.negotiated_gbps;
    if (!expected || cable.gbps <= 0 || cable.gbps >= *expected) return;
    const std::string seen = fmt::format("{} runs at {:g} Gb/s", notes_.declared(link), cable.gbps);
    const std::string wanted = fmt::format("{:g} Gb/s", *expected);
    for (const auto& end : link.ends) {
      if (!is_thunderbolt4_hardware(*notes_.cabling().ports[end.node])) continue;
      notes_.add(CableFault::hardware, CableSeverity::error, {link.index}, end,
                 fmt::format("{}: {} has Thunderbolt 4", seen, notes_.names()[end.node]), wanted,
                 "no cable makes it faster: declare it as it is, kind = \"thunderbolt4\"");
      return;
    }
    notes_.add(CableFault::slow, CableSeverity::error, {link.index}, link.ends[0], seen, wanted,
               cable.through.empty() ? "use a Thunderbolt 5 cable of 80 Gb/s between the two"
                                     : "connect the Macs directly with a Thunderbolt 5 cable");
  }

  void judge_port(const Checked& link, const model::Link& declared_link) {
    if (!declared_link.rdma) return;
    for (const auto& end : link.ends) {
      const auto* port = notes_.cabling().port_at(end.node, end.interface);
      if (port == nullptr || !is_beside_ethernet(*port)) continue;
      notes_.add(CableFault::ethernet_port, CableSeverity::warning, {link.index}, end,
                 fmt::format("{} is the Mac Studio's port next to Ethernet", notes_.at(end)),
                 "another Thunderbolt port, for RDMA",
                 fmt::format("move the plug on {} to {}, then: bringup plan --adopt",
                             notes_.names()[end.node], free_port(end.node)));
    }
  }

  [[nodiscard]] std::string free_port(std::size_t node) const {
    for (const auto& port : *notes_.cabling().ports[node]) {
      if (port.connected || port.interface.empty() || is_beside_ethernet(port)) continue;
      return notes_.at({node, port.interface, port.receptacle});
    }
    return "another port";
  }

  const model::Fleet& fleet_;
  CableNotes& notes_;
};

}  // namespace

void judge_right_links(const model::Fleet& fleet, const std::vector<Checked>& right,
                       CableNotes& notes) {
  Quality(fleet, notes).judge(right);
}

bool is_beside_ethernet(const ThunderboltPort& port) {
  return port.interface == "en2" && port.family.find("Mac Studio") != std::string::npos;
}

}  // namespace bringup::topology
