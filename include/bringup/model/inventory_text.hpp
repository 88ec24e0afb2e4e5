#pragma once
#include <string>

#include "bringup/model/fleet.hpp"

namespace bringup::model {

// The fleet as an inventory (TOML) with every default written out: nodes with ranks and `become`,
// links and segments with their addresses and what is expected of them. How nodes are reached,
// groups, gateways and [[expect]] are left out. load_inventory() of it gives the same nodes, links
// and segments in the same order.
std::string inventory_text(const Fleet& fleet);

}  // namespace bringup::model
