#pragma once
// Declared links against what is plugged: what is wrong, and which plug to move.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/topology/cabling.hpp"

namespace bringup::topology {

enum class CableFault {
  missing,        // nothing, or no Mac, is plugged in
  all_empty,      // Macs whose every port reads empty
  wrong_peer,     // the cable leads to another Mac
  wrong_port,     // to the right Mac, through other ports
  swapped,        // two cables whose plugs are exchanged
  one_sided,      // one end does not tell of it
  dock,           // something stands between the Macs
  slow,           // below the speed that its kind expects
  hardware,       // the same, and no cable can change it
  ethernet_port,  // a Mac Studio's port beside Ethernet
  extra,          // a cable that no link declares
  stranger,       // a cable to a Mac that is not in the inventory, or was not reached
};
std::string_view to_string(CableFault fault);  // "wrong-peer"

enum class CableSeverity { note, warning, error };

struct CableFinding {
  CableFault fault = CableFault::missing;
  CableSeverity severity = CableSeverity::error;
  std::vector<std::size_t> links;  // of the fleet that it is about; empty: of none
  std::size_t node = 0;            // the end to go to
  std::string interface;           // may be empty
  std::string seen, expected, cure;
};

enum class CableState {
  right,           // plugged as declared; other findings may still be about it
  wrong,           // not plugged as declared
  unknown,         // a profile is missing
  not_thunderbolt  // no profiler tells of this kind
};

struct CableReport {
  Cabling cabling;
  std::vector<CableState> links;       // by index into Fleet::links
  std::vector<CableFinding> findings;  // those of links in the links' order, then the others
  // The worst finding about this link; null: none.
  [[nodiscard]] const CableFinding* worst_of(std::size_t link) const;
  // Is the link plugged in as declared? The finding that says why not; null: it is, or not known.
  [[nodiscard]] const CableFinding* miswired(std::size_t link) const;
};

// facts[i] belongs to fleet.nodes[i]; null: not known.
CableReport check_cables(const model::Fleet& fleet,
                         const std::vector<const facts::NodeFacts*>& facts);

// The ends that a link would have if the inventory were made to follow the cables.
struct LinkEnds {
  std::size_t link = 0;  // index into Fleet::links
  std::array<PortName, 2> ends;
};
// For links that are not right: a cable between the same two nodes, else one in the port of end a,
// else of end b. Links without any such cable are left out, as are cables without an interface.
std::vector<LinkEnds> adopted_ends(const model::Fleet& fleet, const CableReport& report);

// On a Mac Studio: the port by the Ethernet socket, over which RDMA has been seen to fail.
bool is_beside_ethernet(const ThunderboltPort& port);

// "studio1:en3 (Thunderbolt 2)"
std::string place(const std::vector<std::string>& names, const PortName& port);

}  // namespace bringup::topology
