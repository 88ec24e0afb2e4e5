#include "bringup/topology/cable_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bringup/util/text.hpp"
#include "cable_notes.hpp"

namespace bringup::topology {
namespace {

constexpr std::string_view kAdopt = "or take it as it is: bringup plan --adopt";

// Sorts the links into right and wrong ones, and tells of each wrong one which plug to move.
class Check {
 public:
  Check(const model::Fleet& fleet, CableNotes& notes) : fleet_(fleet), notes_(notes) {}

  // Those that are plugged as declared.
  std::vector<Checked> run() {
    sort_links();
    find_swaps();
    find_wrong_ports();
    find_empty_macs();
    for (auto& link : wrong_) {
      if (!link.settled) tell_end(link);
    }
    return std::move(right_);
  }

 private:
  void sort_links() {
    for (std::size_t index = 0; index < fleet_.links.size(); ++index) {
      const auto& link = fleet_.links[index];
      if (!is_thunderbolt(link.kind)) continue;
      Checked checked;
      checked.index = index;
      for (std::size_t side = 0; side < 2; ++side) {
        const auto& end = link.ends[side];
        const auto* port = notes_.cabling().port_at(end.node, end.interface);
        checked.ends[side] = {end.node, end.interface, port == nullptr ? "" : port->receptacle};
        checked.cables[side] = notes_.cabling().cable_at(end.node, end.interface);
      }
      if (checked.cables[0] != nullptr && checked.cables[0] == checked.cables[1]) {
        notes_.report().links[index] = CableState::right;
        notes_.used().insert(checked.cables[0]);
        right_.push_back(checked);
      } else if (!is_settled_by(checked)) {
        notes_.report().links[index] = CableState::unknown;
      } else {
        notes_.report().links[index] = CableState::wrong;
        wrong_.push_back(checked);
      }
    }
  }

  // Is what is known enough to say that the link is not plugged as declared?
  [[nodiscard]] bool is_settled_by(const Checked& link) const {
    if (notes_.known(link.ends[0]) && notes_.known(link.ends[1])) return true;
    for (std::size_t side = 0; side < 2; ++side) {
      const auto& end = link.ends[side];
      if (!notes_.known(end)) continue;
      if (const auto* cable = link.cables[side]) {
        // It leads to another Mac, or maybe to the port that has no name.
        return cable->far(*cable->end_at(end.node, end.interface)).node != link.ends[1 - side].node;
      }
      // A cable to a Mac that is not known may well be the right one.
      return notes_.cabling().loose_at(end.node, end.interface) == nullptr;
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
            ? fmt::format("exchange the two plugs on {}: {} and {}", notes_.names()[x.node],
                          notes_.at(x), notes_.at(y))
            : fmt::format("exchange the plugs in {} and {}", notes_.at(x), notes_.at(y));
    notes_.add(
        CableFault::swapped, CableSeverity::error, {one.index, other.index}, x,
        fmt::format("two cables are swapped: {} and {}", notes_.brief(first.ends[0], first.ends[1]),
                    notes_.brief(second.ends[0], second.ends[1])),
        fmt::format("{} and {}", notes_.declared(one), notes_.declared(other)),
        fmt::format("{}, {}", plugs, kAdopt));
    use(one, &first);
    use(other, &second);
  }

  void use(Checked& link, const Cable* cable) {
    link.settled = true;
    notes_.used().insert(cable);
  }

  // Cables between the link's own two Macs; those in one of its ports first.
  void find_wrong_ports() {
    for (const bool in_port : {true, false}) {
      for (auto& link : wrong_) {
        if (link.settled) continue;
        const auto& [a, b] = link.ends;
        for (const auto& cable : notes_.cabling().cables) {
          const bool same = cable.ends[0].node == std::min(a.node, b.node) &&
                            cable.ends[1].node == std::max(a.node, b.node);
          if (!same || !is_named(cable) || notes_.used().contains(&cable)) continue;
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
      moves.push_back(fmt::format("on {} move the plug from {} to {}", notes_.names()[end.node],
                                  notes_.at(plugged), notes_.at(end)));
    }
    if (where == nullptr) return;
    notes_.add(CableFault::wrong_port, CableSeverity::error, {link.index}, *where,
               fmt::format("the cable is in {}", notes_.brief(cable.ends[0], cable.ends[1])),
               notes_.declared(link), fmt::format("{}, {}", join(moves, "; "), kAdopt));
    use(link, &cable);
  }

  // Every port of a Mac reads empty, and so do those at the other ends of its links: after RDMA
  // jobs die, Thunderbolt controllers have been seen in that state at both ends.
  void find_empty_macs() {
    std::set<std::size_t> empty;
    for (std::size_t node = 0; node < notes_.names().size(); ++node) {
      if (!notes_.known(node) || notes_.cabling().ports[node]->size() < 2) continue;
      const auto& ports = *notes_.cabling().ports[node];
      if (std::none_of(ports.begin(), ports.end(), [](auto& port) { return port.connected; })) {
        empty.insert(node);
      }
    }
    std::vector<Checked*> lost;
    std::set<std::size_t> macs;
    for (auto& link : wrong_) {
      const bool all = std::all_of(link.ends.begin(), link.ends.end(), [&](const auto& end) {
        return empty.contains(end.node) || !notes_.known(end.node) || notes_.is_free(end);
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
      all.push_back(notes_.names()[mac]);
      if (empty.contains(mac)) who.push_back(notes_.names()[mac]);
    }
    const auto& first = *std::find_if(macs.begin(), macs.end(),
                                      [&](std::size_t mac) { return empty.contains(mac); });
    notes_.add(CableFault::all_empty, CableSeverity::error, links, {first, "", ""},
               fmt::format("no Thunderbolt port of {} sees anything", join(who, ", ")),
               fmt::format("the {} declared cables", links.size()),
               fmt::format("if the cables are in: restart {} (both ends of every such cable)",
                           join(all, ", ")));
  }

  void tell_end(Checked& link) {
    const auto leads_away = [&](std::size_t side) {
      const auto& end = link.ends[side];
      return link.cables[side] != nullptr ||
             notes_.cabling().loose_at(end.node, end.interface) != nullptr;
    };
    for (std::size_t side = 0; side < 2; ++side) {
      if (!leads_away(side)) continue;
      tell_wrong_peer(link, side);
      return;
    }
    const PortName& where = notes_.known(link.ends[0].node) ? link.ends[0] : link.ends[1];
    const PortName& other = &where == &link.ends[0] ? link.ends[1] : link.ends[0];
    notes_.add(CableFault::missing, CableSeverity::error, {link.index}, where,
               fmt::format("{}, {}", notes_.content(where), notes_.content(other)),
               notes_.declared(link),
               fmt::format("plug a cable into {} and {}; if it is in, restart both Macs",
                           notes_.at(where), notes_.at(other)));
  }

  void tell_wrong_peer(Checked& link, std::size_t side) {
    const PortName& here = link.ends[side];
    const PortName& wanted = link.ends[1 - side];
    const Cable* cable = link.cables[side];
    std::string cure;
    if (cable != nullptr) {
      notes_.used().insert(cable);
      cure = fmt::format("move its plug from {} to {}",
                         notes_.at(cable->far(*cable->end_at(here.node, here.interface))),
                         notes_.at(wanted));
    } else {
      cure = fmt::format("connect {} with {}", notes_.at(here), notes_.at(wanted));
    }
    std::string seen = notes_.content(here);
    if (notes_.known(wanted.node)) {
      seen += ", " + notes_.content(wanted);
      if (!notes_.is_free(wanted)) cure += fmt::format(" in place of what is in there");
    }
    if (const auto* other = link.cables[1 - side]) notes_.used().insert(other);
    notes_.add(CableFault::wrong_peer, CableSeverity::error, {link.index}, here, std::move(seen),
               notes_.declared(link), fmt::format("{}, {}", cure, kAdopt));
  }

  const model::Fleet& fleet_;
  CableNotes& notes_;
  std::vector<Checked> right_, wrong_;
};

}  // namespace

CableReport check_cables(const model::Fleet& fleet,
                         const std::vector<const facts::NodeFacts*>& facts) {
  CableNotes notes(fleet, facts);
  const auto right = Check(fleet, notes).run();
  judge_right_links(fleet, right, notes);
  auto& findings = notes.report().findings;
  std::stable_sort(findings.begin(), findings.end(),
                   [](auto& a, auto& b) { return a.links.front() < b.links.front(); });
  find_extra_cables(fleet, notes);
  return std::move(notes.report());
}

}  // namespace bringup::topology
