#include "bringup/plan/sudoers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

// In sudoers these end a command or divide it.
std::string escaped(std::string_view command) {
  std::string out;
  for (const char c : command) {
    if (c == ',' || c == ':' || c == '=' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

}  // namespace

bool is_sudoers_user(std::string_view user) {
  if (user.empty() || user.size() > 64) return false;
  bool small = false;
  for (const char c : user) {
    const bool lower = c >= 'a' && c <= 'z';
    const bool other =
        (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (!lower && !other) return false;
    small = small || lower;
  }
  // Capitals alone are an alias (ALL), and digits first are no name.
  return small && !(user.front() >= '0' && user.front() <= '9') && user.front() != '-' &&
         user.front() != '.';
}

std::string sudoers_dropin(const model::Fleet& fleet, std::size_t node, facts::Os os,
                           std::string_view user, SudoScope scope) {
  const std::string& name = fleet.nodes.at(node).name;
  std::string text = fmt::format(
      "# Made by `bringup bootstrap {}`: what bringup may run as root without a password.\n"
      "# To take it back: sudo rm {}\n",
      printable(name, 100), kSudoersFile);
  if (fleet.persist && scope == SudoScope::limited) {
    text += os == facts::Os::darwin
                ? "# persist = true: whoever may install a daemon may do anything.\n"
                : "# persist = true: whoever may install a unit may do anything.\n";
  }
  if (scope == SudoScope::full) return text + fmt::format("{} ALL=(ALL) NOPASSWD: ALL\n", user);
  text += fmt::format("{} ALL=(root) NOPASSWD: \\\n    ", user);
  std::vector<std::string> commands = root_commands(fleet, node, os);
  for (auto& command : commands) command = escaped(command);
  text += join(commands, ", \\\n    ");
  return text + "\n";
}

}  // namespace bringup::plan
