#pragma once
#include <vector>

#include "bringup/plan/plan.hpp"

namespace bringup::plan {

// What is plugged otherwise than declared, as warnings (a plan cannot move a plug) on the node to
// go to. facts[i] belongs to fleet.nodes[i]; null: not known.
void add_cable_findings(const model::Fleet& fleet,
                        const std::vector<const facts::NodeFacts*>& facts, Plan& plan);

}  // namespace bringup::plan
