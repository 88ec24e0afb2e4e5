#pragma once
// What it takes to return a node to what a run found on it.
#include "bringup/facts/record.hpp"
#include "bringup/plan/plan.hpp"

namespace bringup::plan {

// The changes that return what `ran` has changed (bridge membership, state and addresses of the
// interfaces it names, the files it wrote or removed) from the facts now to those recorded before
// it; nothing else is touched. No actions: there is nothing to undo. What cannot be returned is a
// finding; the node is refused as diff() refuses it. Order: addresses, state, bridge, files;
// the keeper before or after them.
NodePlan undo(const model::Fleet& fleet, std::size_t node, const facts::NodeRecord& before,
              const facts::NodeFacts& now, const NodePlan& ran);

}  // namespace bringup::plan
