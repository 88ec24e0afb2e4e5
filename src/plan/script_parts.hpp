#pragma once
// What the script of a plain apply and that of a guarded one have in common.
#include <string>
#include <string_view>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/plan.hpp"

namespace bringup::plan {

// The head of every script that changes a node.
inline constexpr std::string_view kSurroundings =
    "umask 022\nLC_ALL=C\nexport LC_ALL\nPATH=$PATH:/usr/bin:/bin:/usr/sbin:/sbin\n"
    "export PATH\n";

// The shell functions that carry the steps out; after facts::frame_functions().
std::string change_functions(const NodePlan& node, model::Become become);

// Those for changes that are one command each: a gateway's, and all of a Linux node's. Empty where
// the node has none.
std::string command_functions(const NodePlan& node);
// An address of the network, to ask a Mac's route(8) by which way it goes there.
std::string first_host(const model::Subnet& network);
// The command with bu_root before each part that needs root.
std::string command_as_root(const Action& action, const CommandParts& parts);

// A line per change, each with `before_each` (whole lines) in front; to stand inside a function.
std::string change_steps(const NodePlan& node, std::string_view before_each);

// Lines for the head of a function that needs sudo's password: they frame "apply.sudo" and return
// from it when the password is refused. Empty where none is needed.
std::string_view try_password(const NodePlan& node, model::Become become);

}  // namespace bringup::plan
