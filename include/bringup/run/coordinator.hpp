#pragma once
// Which address of which node the others reach, measured through the nodes' own sessions.
#include <optional>
#include <string>
#include <vector>

#include "bringup/run/crew.hpp"
#include "bringup/topology/coordinator.hpp"

namespace bringup::run {

struct Meeting {
  topology::Coordinator coordinator;
  std::vector<std::size_t> missing;    // nodes of the crew that do not reach it, or are unknown
  std::vector<std::string> explained;  // one line per address tried, then the choice
};

enum class Candidates { every_node, rank_0 };

// Reads facts where none are known, then lets every node connect to the SSH port of the others'
// addresses, the preferred ones first (at most four of each node), until one address is reached by
// all. Where a node's sshd forwards nothing, its own nc tries. Ties fall to the lower rank. Unset
// when no node has told an address.
std::optional<Meeting> measure_coordinator(Crew& crew, Candidates candidates);

}  // namespace bringup::run
