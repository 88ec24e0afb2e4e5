#pragma once
// The pieces of a guard's scripts.
#include <string>

#include "bringup/plan/guard.hpp"

namespace bringup::plan {

// The shell function bu_undo: brings the interfaces and files that the node's changes touch back to
// what `before` says, only where they differ, and looks whether that is so; the keeper, if
// the changes touch it, as well. Its status is 0 when
// all is as it was; it prints what is not. And bu_undo_files, the same for files alone. After
// change_functions().
std::string undo_function(const NodePlan& node, const facts::NodeFacts& before);

}  // namespace bringup::plan
