// Cables that no link declares.
#include <fmt/format.h>

#include <algorithm>

#include "cable_notes.hpp"

namespace bringup::topology {
namespace {

class Extras {
 public:
  Extras(const model::Fleet& fleet, CableNotes& notes) : fleet_(fleet), notes_(notes) {}

  void find() {
    for (const auto& cable : notes_.cabling().cables) {
      if (notes_.used().contains(&cable) || !is_named(cable)) continue;
      const auto& [a, b] = cable.ends;
      const bool same = a.node == b.node;
      if (!same && in_kept_bridges(a.node, b.node)) continue;
      notes_.add(CableFault::extra, CableSeverity::warning, {}, a,
                 fmt::format("a cable {} that no link declares{}", notes_.brief(a, b),
                             same ? ": both ends are in one Mac" : ""),
                 "declared cables only: a ring of bridged ports makes packet storms",
                 same ? fmt::format("take it out of {} and {}", notes_.at(a), notes_.at(b))
                      : fmt::format("take it out, or declare it: [[links]] a = \"{}\", b = \"{}\"",
                                    notes_.brief(a), notes_.brief(b)));
    }
    for (const auto& loose : notes_.cabling().loose) {
      if (is_declared(loose.port)) continue;
      notes_.add(
          CableFault::stranger, CableSeverity::note, {}, loose.port,
          fmt::format("{} leads to a Mac that is not in the inventory, or was not reached ({} {})",
                      notes_.at(loose.port), loose.peer.name, loose.peer.model),
          "cables between nodes of the inventory",
          "name that Mac in the inventory, or take the cable out");
    }
  }

 private:
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

  [[nodiscard]] bool is_declared(const PortName& port) const {
    for (const auto& link : fleet_.links) {
      for (const auto& end : link.ends) {
        if (end.node == port.node && end.interface == port.interface) return true;
      }
    }
    return false;
  }

  const model::Fleet& fleet_;
  CableNotes& notes_;
};

}  // namespace

void find_extra_cables(const model::Fleet& fleet, CableNotes& notes) {
  Extras(fleet, notes).find();
}

}  // namespace bringup::topology
