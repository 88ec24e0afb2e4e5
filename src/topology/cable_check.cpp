#include "bringup/topology/cable_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bringup/util/text.hpp"

namespace bringup::topology {
namespace {

constexpr std::string_view kAdopt = "or take it as it is: bringup plan --adopt";

// A declared link with what is plugged into its two ports.
struct Checked {
  std::size_t index = 0;
  std::array<PortName, 2> ends;          // as declared
  std::array<const Cable*, 2> cables{};  // null: no cable to a known Mac
  bool settled = false;
};

class Check {
 public:
  Check(const model::Fleet& fleet, const std::vector<const facts::NodeFacts*>& facts)
      : fleet_(fleet) {
    for (const auto& node : fleet.nodes) names_.push_back(node.name);
    report_.cabling = pair_cables(names_, facts);
    report_.links.assign(fleet.links.size(), CableState::not_thunderbolt);
  }

  CableReport run() {
    sort_links();
    find_swaps();
    find_wrong_ports();
    find_empty_macs();
    for (auto& link : wrong_) {
      if (!link.settled) tell_end(link);
    }
    judge_right_ones();
    std::stable_sort(report_.findings.begin(), report_.findings.end(),
                     [](auto& a, auto& b) { return a.links.front() < b.links.front(); });
    find_extras();
    return std::move(report_);
  }

 private:
  [[nodiscard]] const Cabling& cabling() const { return report_.cabling; }
  [[nodiscard]] std::string at(const PortName& port) const { return place(names_, port); }
  [[nodiscard]] std::string brief(const PortName& port) const {
    return names_[port.node] + ":" + port.interface;
  }
  [[nodiscard]] std::string brief(const PortName& a, const PortName& b) const {
    return brief(a) + " - " + brief(b);
  }
  [[nodiscard]] std::string declared(const Checked& link) const {
    return brief(link.ends[0], link.ends[1]);
  }
  // Without a named port nothing can be said about any.
  [[nodiscard]] bool known(std::size_t node) const {
    const auto& ports = cabling().ports[node];
    return ports && std::any_of(ports->begin(), ports->end(),
                                [](const auto& port) { return !port.interface.empty(); });
  }

  // A port that is not found may be the one whose interface is missing: networksetup names none.
  [[nodiscard]] bool known(const PortName& end) const {
    if (!known(end.node)) return false;
    if (cabling().port_at(end.node, end.interface) != nullptr) return true;
    const auto& ports = *cabling().ports[end.node];
    return std::none_of(ports.begin(), ports.end(), [](const auto& port) {
      return port.interface.empty() && !port.receptacle.empty();
    });
  }
  [[nodiscard]] static bool is_named(const Cable& cable) {
    return !cable.ends[0].interface.empty() && !cable.ends[1].interface.empty();
  }

  void add(CableFault fault, CableSeverity severity, std::vector<std::size_t> links,
           const PortName& where, std::string seen, std::string expected, std::string cure) {
    report_.findings.push_back({fault, severity, std::move(links), where.node, where.interface,
                                std::move(seen), std::move(expected), std::move(cure)});
  }

  void sort_links() {
    for (std::size_t index = 0; index < fleet_.links.size(); ++index) {
      const auto& link = fleet_.links[index];
      if (!is_thunderbolt(link.kind)) continue;
      Checked checked;
      checked.index = index;
      for (std::size_t side = 0; side < 2; ++side) {
        const auto& end = link.ends[side];
        const auto* port = cabling().port_at(end.node, end.interface);
        checked.ends[side] = {end.node, end.interface, port == nullptr ? "" : port->receptacle};
        checked.cables[side] = cabling().cable_at(end.node, end.interface);
      }
      if (checked.cables[0] != nullptr && checked.cables[0] == checked.cables[1]) {
        report_.links[index] = CableState::right;
        used_.insert(checked.cables[0]);
        right_.push_back(checked);
      } else if (!is_settled_by(checked)) {
        report_.links[index] = CableState::unknown;
      } else {
        report_.links[index] = CableState::wrong;
        wrong_.push_back(checked);
      }
    }
  }

  // Is what is known enough to say that the link is not plugged as declared?
  [[nodiscard]] bool is_settled_by(const Checked& link) const {
    if (known(link.ends[0]) && known(link.ends[1])) return true;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto& end = link.ends[side];
      if (!known(end)) continue;
      if (const auto* cable = link.cables[side]) {
        // It leads to another Mac, or maybe to the port that has no name.
        return cable->far(*cable->end_at(end.node, end.interface)).node != link.ends[1 - side].node;
      }
      // A cable to a Mac that is not known may well be the right one.
      return cabling().loose_at(end.node, end.interface) == nullptr;
    }
    return false;
  }

  [[nodiscard]] static bool joins(const Cable* cable, const PortName& a, const PortName& b) {
    return cable != nullptr && cable->end_at(a.node, a.interface) != nullptr &&
           cable->end_at(b.node, b.interface) != nullptr;
  }

  void find_swaps() {
    for (std::size_t i = 0; i < wrong_.size(); ++i) {
      for (std::size_t j = i + 1; j < wrong_.size(); ++j) {
        if (wrong_[i].settled || wrong_[j].settled) continue;
        const auto& [p, q] = wrong_[i].ends;
        const auto& [r, s] = wrong_[j].ends;
        if (joins(wrong_[i].cables[0], p, s) && joins(wrong_[j].cables[0], r, q)) {
          tell_swap(wrong_[i], wrong_[j], q, s, p, r);
        } else if (joins(wrong_[i].cables[0], p, r) && joins(wrong_[i].cables[1], q, s)) {
          tell_swap(wrong_[i], wrong_[j], q, r, p, s);
        }
      }
    }
  }

  // Exchanging the plugs at x and y, or those at v and w, makes both links right.
  void tell_swap(Checked& one, Checked& other, PortName x, PortName y, const PortName& v,
                 const PortName& w) {
    if (x.node != y.node && v.node == w.node) x = v, y = w;
    const Cable& first = *one.cables[0];
    const Cable& second = *(other.cables[0] == &first ? other.cables[1] : other.cables[0]);
    const std::string plugs =
        x.node == y.node
            ? fmt::format("exchange the two plugs on {}: {} and {}", names_[x.node], at(x), at(y))
            : fmt::format("exchange the plugs in {} and {}", at(x), at(y));
    add(CableFault::swapped, CableSeverity::error, {one.index, other.index}, x,
        fmt::format("two cables are swapped: {} and {}", brief(first.ends[0], first.ends[1]),
                    brief(second.ends[0], second.ends[1])),
        fmt::format("{} and {}", declared(one), declared(other)),
        fmt::format("{}, {}", plugs, kAdopt));
    use(one, &first);
    use(other, &second);
  }

  void use(Checked& link, const Cable* cable) {
    link.settled = true;
    used_.insert(cable);
  }

  // Cables between the link's own two Macs; those in one of its ports first.
  void find_wrong_ports() {
    for (const bool in_port : {true, false}) {
      for (auto& link : wrong_) {
        if (link.settled) continue;
        const auto& [a, b] = link.ends;
        for (const auto& cable : cabling().cables) {
          const bool same = cable.ends[0].node == std::min(a.node, b.node) &&
                            cable.ends[1].node == std::max(a.node, b.node);
          if (!same || !is_named(cable) || used_.contains(&cable)) continue;
          if (in_port && link.cables[0] != &cable && link.cables[1] != &cable) continue;
          tell_wrong_port(link, cable);
          break;
        }
      }
    }
  }

  void tell_wrong_port(Checked& link, const Cable& cable) {
    std::vector<std::string> moves;
    const PortName* where = nullptr;
    for (const auto& end : link.ends) {
      const PortName& plugged = cable.ends[cable.ends[0].node == end.node ? 0 : 1];
      if (plugged.interface == end.interface) continue;
      if (where == nullptr) where = &end;
      moves.push_back(
          fmt::format("on {} move the plug from {} to {}", names_[end.node], at(plugged), at(end)));
    }
    if (where == nullptr) return;
    add(CableFault::wrong_port, CableSeverity::error, {link.index}, *where,
        fmt::format("the cable is in {}", brief(cable.ends[0], cable.ends[1])), declared(link),
        fmt::format("{}, {}", join(moves, "; "), kAdopt));
    use(link, &cable);
  }

  // Every port of a Mac reads empty, and so do those at the other ends of its links: after RDMA
  // jobs die, Thunderbolt controllers have been seen in that state at both ends.
  void find_empty_macs() {
    std::set<std::size_t> empty;
    for (std::size_t node = 0; node < names_.size(); ++node) {
      if (!known(node) || cabling().ports[node]->size() < 2) continue;
      const auto& ports = *cabling().ports[node];
      if (std::none_of(ports.begin(), ports.end(), [](auto& port) { return port.connected; })) {
        empty.insert(node);
      }
    }
    std::vector<Checked*> lost;
    std::set<std::size_t> macs;
    for (auto& link : wrong_) {
      const bool all = std::all_of(link.ends.begin(), link.ends.end(), [&](const auto& end) {
        return empty.contains(end.node) || !known(end.node) || is_free(end);
      });
      const bool one = empty.contains(link.ends[0].node) || empty.contains(link.ends[1].node);
      if (link.settled || !all || !one) continue;
      lost.push_back(&link);
      for (const auto& end : link.ends) macs.insert(end.node);
    }
    // One cable that is not plugged in looks the same on a Mac that has no other.
    if (lost.size() < 2) return;
    std::vector<std::size_t> links;
    std::vector<std::string> who;
    std::vector<std::string> all;
    for (auto* link : lost) {
      links.push_back(link->index);
      link->settled = true;
    }
    for (const std::size_t mac : macs) {
      all.push_back(names_[mac]);
      if (empty.contains(mac)) who.push_back(names_[mac]);
    }
    const auto& first = *std::find_if(macs.begin(), macs.end(),
                                      [&](std::size_t mac) { return empty.contains(mac); });
    add(CableFault::all_empty, CableSeverity::error, links, {first, "", ""},
        fmt::format("no Thunderbolt port of {} sees anything", join(who, ", ")),
        fmt::format("the {} declared cables", links.size()),
        fmt::format("if the cables are in: restart {} (both ends of every such cable)",
                    join(all, ", ")));
  }

  [[nodiscard]] bool is_free(const PortName& end) const {
    const auto* port = cabling().port_at(end.node, end.interface);
    return port != nullptr && !port->connected;
  }

  // What is in the port instead of the declared cable.
  [[nodiscard]] std::string content(const PortName& end) const {
    if (const auto* cable = cabling().cable_at(end.node, end.interface)) {
      return fmt::format("{} leads to {}", at(end),
                         at(cable->far(*cable->end_at(end.node, end.interface))));
    }
    if (const auto* loose = cabling().loose_at(end.node, end.interface)) {
      return fmt::format("{} leads to a Mac that is not in the inventory ({} {})", at(end),
                         loose->peer.name, loose->peer.model);
    }
    const auto* port = cabling().port_at(end.node, end.interface);
    if (port == nullptr) {
      return known(end.node) ? fmt::format("{} is no Thunderbolt port", brief(end))
                             : fmt::format("{} is not known", brief(end));
    }
    if (!port->devices.empty()) {
      return fmt::format("{} holds {} and no Mac behind it", at(end), port->devices.front());
    }
    return port->connected ? fmt::format("{} holds something that is no Mac", at(end))
                           : fmt::format("{} is empty", at(end));
  }

  void tell_end(Checked& link) {
    const auto leads_away = [&](std::size_t side) {
      const auto& end = link.ends[side];
      return link.cables[side] != nullptr || cabling().loose_at(end.node, end.interface) != nullptr;
    };
    for (std::size_t side = 0; side < 2; ++side) {
      if (!leads_away(side)) continue;
      tell_wrong_peer(link, side);
      return;
    }
    const PortName& where = known(link.ends[0].node) ? link.ends[0] : link.ends[1];
    const PortName& other = &where == &link.ends[0] ? link.ends[1] : link.ends[0];
    add(CableFault::missing, CableSeverity::error, {link.index}, where,
        fmt::format("{}, {}", content(where), content(other)), declared(link),
        fmt::format("plug a cable into {} and {}; if it is in, restart both Macs", at(where),
                    at(other)));
  }

  void tell_wrong_peer(Checked& link, std::size_t side) {
    const PortName& here = link.ends[side];
    const PortName& wanted = link.ends[1 - side];
    const Cable* cable = link.cables[side];
    std::string cure;
    if (cable != nullptr) {
      used_.insert(cable);
      cure = fmt::format("move its plug from {} to {}",
                         at(cable->far(*cable->end_at(here.node, here.interface))), at(wanted));
    } else {
      cure = fmt::format("connect {} with {}", at(here), at(wanted));
    }
    std::string seen = content(here);
    if (known(wanted.node)) {
      seen += ", " + content(wanted);
      if (!is_free(wanted)) cure += fmt::format(" in place of what is in there");
    }
    if (const auto* other = link.cables[1 - side]) used_.insert(other);
    add(CableFault::wrong_peer, CableSeverity::error, {link.index}, here, std::move(seen),
        declared(link), fmt::format("{}, {}", cure, kAdopt));
  }

  void judge_right_ones() {
    for (const auto& link : right_) {
      const Cable& cable = *link.cables[0];
      const auto& declared_link = fleet_.links[link.index];
      if (!cable.one_sided.empty()) {
        add(CableFault::one_sided, CableSeverity::warning, {link.index}, blind_end(link),
            fmt::format("only one end tells of the cable: {}", cable.one_sided),
            fmt::format("both ends of {} see each other", declared(link)),
            fmt::format("take the plug out of {} and put it back; if it stays, restart {}",
                        at(blind_end(link)), names_[blind_end(link).node]));
      }
      if (!cable.through.empty()) {
        const bool rdma = declared_link.rdma;
        add(CableFault::dock, rdma ? CableSeverity::error : CableSeverity::note, {link.index},
            link.ends[0],
            fmt::format("{} runs through {}", declared(link), join(cable.through, ", ")),
            rdma ? "a cable from Mac to Mac, for RDMA" : "nothing in between, for full speed",
            "connect the Macs directly, or set rdma = false on the link");
        if (rdma) continue;
      }
      judge_speed(link, cable, declared_link);
      judge_port(link, declared_link);
    }
  }

  // The end whose profiler keeps silent.
  [[nodiscard]] const PortName& blind_end(const Checked& link) const {
    for (std::size_t side = 0; side < 2; ++side) {
      const auto& far = link.ends[1 - side];
      const auto* own = cabling().port_at(link.ends[side].node, link.ends[side].interface);
      const auto* other = cabling().port_at(far.node, far.interface);
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
    const std::string seen = fmt::format("{} runs at {:g} Gb/s", declared(link), cable.gbps);
    const std::string wanted = fmt::format("{:g} Gb/s", *expected);
    for (const auto& end : link.ends) {
      if (!is_thunderbolt4_hardware(*cabling().ports[end.node])) continue;
      add(CableFault::hardware, CableSeverity::error, {link.index}, end,
          fmt::format("{}: {} has Thunderbolt 4", seen, names_[end.node]), wanted,
          "no cable makes it faster: declare it as it is, kind = \"thunderbolt4\"");
      return;
    }
    add(CableFault::slow, CableSeverity::error, {link.index}, link.ends[0], seen, wanted,
        cable.through.empty() ? "use a Thunderbolt 5 cable of 80 Gb/s between the two"
                              : "connect the Macs directly with a Thunderbolt 5 cable");
  }

  void judge_port(const Checked& link, const model::Link& declared_link) {
    if (!declared_link.rdma) return;
    for (const auto& end : link.ends) {
      const auto* port = cabling().port_at(end.node, end.interface);
      if (port == nullptr || !is_beside_ethernet(*port)) continue;
      add(CableFault::ethernet_port, CableSeverity::warning, {link.index}, end,
          fmt::format("{} is the Mac Studio's port next to Ethernet", at(end)),
          "another Thunderbolt port, for RDMA",
          fmt::format("move the plug on {} to {}, then: bringup plan --adopt", names_[end.node],
                      free_port(end.node)));
    }
  }

  [[nodiscard]] std::string free_port(std::size_t node) const {
    for (const auto& port : *cabling().ports[node]) {
      if (port.connected || port.interface.empty() || is_beside_ethernet(port)) continue;
      return at({node, port.interface, port.receptacle});
    }
    return "another port";
  }

  // A bridge that is kept as a segment needs no link for each of its cables.
  [[nodiscard]] bool in_kept_bridges(std::size_t a, std::size_t b) const {
    const auto bridged = [](const model::Segment& segment, std::size_t node) {
      return std::any_of(segment.members.begin(), segment.members.end(), [&](const auto& member) {
        return member.node == node && member.interface.starts_with("bridge");
      });
    };
    return std::any_of(fleet_.segments.begin(), fleet_.segments.end(), [&](const auto& segment) {
      return bridged(segment, a) && bridged(segment, b);
    });
  }

  void find_extras() {
    for (const auto& cable : cabling().cables) {
      if (used_.contains(&cable) || !is_named(cable)) continue;
      const auto& [a, b] = cable.ends;
      const bool same = a.node == b.node;
      if (!same && in_kept_bridges(a.node, b.node)) continue;
      add(CableFault::extra, CableSeverity::warning, {}, a,
          fmt::format("a cable {} that no link declares{}", brief(a, b),
                      same ? ": both ends are in one Mac" : ""),
          "declared cables only: a ring of bridged ports makes packet storms",
          same ? fmt::format("take it out of {} and {}", at(a), at(b))
               : fmt::format("take it out, or declare it: [[links]] a = \"{}\", b = \"{}\"",
                             brief(a), brief(b)));
    }
    for (const auto& loose : cabling().loose) {
      if (is_declared(loose.port)) continue;
      add(CableFault::stranger, CableSeverity::note, {}, loose.port,
          fmt::format("{} leads to a Mac that is not in the inventory, or was not reached ({} {})",
                      at(loose.port), loose.peer.name, loose.peer.model),
          "cables between nodes of the inventory",
          "name that Mac in the inventory, or take the cable out");
    }
  }

  [[nodiscard]] bool is_declared(const PortName& port) const {
    for (const auto& link : fleet_.links) {
      for (const auto& end : link.ends) {
        if (end.node == port.node && end.interface == port.interface) return true;
      }
    }
    return false;
  }

  const model::Fleet& fleet_;
  std::vector<std::string> names_;
  CableReport report_;
  std::vector<Checked> right_, wrong_;
  std::set<const Cable*> used_;  // cables that some link has, or that a finding explains
};

}  // namespace

bool is_beside_ethernet(const ThunderboltPort& port) {
  return port.interface == "en2" && port.family.find("Mac Studio") != std::string::npos;
}

CableReport check_cables(const model::Fleet& fleet,
                         const std::vector<const facts::NodeFacts*>& facts) {
  return Check(fleet, facts).run();
}

}  // namespace bringup::topology
