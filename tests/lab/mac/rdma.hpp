// What a Mac's RDMA devices are, for the tools that list them and the one that uses them.
#pragma once

#include <string>
#include <vector>

#include "truth.hpp"

namespace lab_mac {

// One device per Thunderbolt 5 port while RDMA is on (fault device-gone[:enX]).
bool has_device(const Truth& truth, const Port& port);

// PORT_ACTIVE: cabled to a Mac with RDMA on, at 80 Gb/s, without a dock, and up.
bool port_active(const Truth& truth, const Port& port);

// The GID table, index 0 first. A member of a bridge has the EUI-64 only. Faults: the IPv4 GID
// comes late (gid-late:enX:SECONDS) or behind the others (gid-index2[:enX]).
std::vector<std::string> gids(const Truth& truth, const Port& port);

// Its time of change is when the port's addresses changed last; kept under gid-late only.
std::string late_mark(const std::string& iface);

}  // namespace lab_mac
