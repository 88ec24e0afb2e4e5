#pragma once
// What the script of a plain apply and that of a guarded one have in common.
#include <string>
#include <string_view>

#include "bringup/plan/plan.hpp"

namespace bringup::plan {

// The head of every script that changes a node.
inline constexpr std::string_view kSurroundings =
    "umask 022\nLC_ALL=C\nexport LC_ALL\nPATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin\n"
    "export PATH\n";

// The shell functions that carry the steps out; after facts::frame_functions().
std::string change_functions(const NodePlan& node, model::Become become);

// A line per change, each with `before_each` (whole lines) in front; to stand inside a function.
std::string change_steps(const NodePlan& node, std::string_view before_each);

// Lines for the head of a function that needs sudo's password: they frame "apply.sudo" and return
// from it when the password is refused. Empty where none is needed.
std::string_view try_password(const NodePlan& node, model::Become become);

}  // namespace bringup::plan
