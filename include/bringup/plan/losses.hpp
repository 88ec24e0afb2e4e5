#pragma once
// What a reboot or a re-initialisation took from a node, and whether it is back.
#include <string>
#include <vector>

#include "bringup/facts/record.hpp"
#include "bringup/plan/plan.hpp"

namespace bringup::plan {

enum class LossKind { address, state, bridge, route, matrix, rdma, sudo };
std::string_view to_string(LossKind kind);  // "address", "state", …

struct Loss {
  LossKind kind = LossKind::address;
  std::string item;    // "address of en3"
  std::string lost;    // what was there: "10.254.0.1/30"
  std::string target;  // interface, path or subnet
};

// What the node should have and has not: by the inventory, and, where `good` (the last good run's
// record) knows it, what was there then. `planned` is the node's diff, for sudo.
std::vector<Loss> losses(const model::Fleet& fleet, std::size_t node, const facts::NodeRecord* good,
                         const facts::NodeFacts& now, const NodePlan& planned);

}  // namespace bringup::plan
