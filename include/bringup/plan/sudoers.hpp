#pragma once
// What bringup runs as root, and the file in /etc/sudoers.d that allows a login just that without a
// password (sudoers(5)).
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/model/fleet.hpp"

namespace bringup::plan {

// sudo reads every file there whose name has no point (macOS: #includedir in the shipped sudoers).
inline constexpr std::string_view kSudoersFile = "/etc/sudoers.d/bringup";

enum class SudoScope {
  limited,  // the commands of root_commands()
  full,     // every command
};

// The commands that run under sudo on this node, as sudoers names them: an absolute path and the
// arguments that are allowed, in which `*` matches anything, blanks too. Where another feature
// changes something as root, its commands belong here.
//
// Two commands are left out on purpose. `mv` onto the matrix file: in a folder that others write to
// its target can be a link to a folder, and then it puts a file of theirs wherever they like; as
// the file may be removed, apply removes and renames instead. `kill` of what a broken-off session
// left: with a pattern in it, it would end anything.
std::vector<std::string> root_commands(const model::Fleet& fleet, std::size_t node, facts::Os os);

// Whether the name can stand in sudoers as a user's: not one that reads as an alias, a group or a
// number there.
bool is_sudoers_user(std::string_view user);

// The whole file. Precondition: is_sudoers_user(user).
std::string sudoers_dropin(const model::Fleet& fleet, std::size_t node, facts::Os os,
                           std::string_view user, SudoScope scope);

}  // namespace bringup::plan
