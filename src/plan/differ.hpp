#pragma once
#include "bringup/plan/plan.hpp"

namespace bringup::plan {

// The plan as diff() would let it pass: refused, and without actions, where its changes would cut
// the session off or cannot become root.
NodePlan guarded(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts,
                 NodePlan plan);

}  // namespace bringup::plan
