#include "bringup/plan/sudoers.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/topology/routes.hpp"
#include "bringup/util/text.hpp"

namespace bringup::plan {
namespace {

std::vector<std::string> interfaces_of(const model::Fleet& fleet, std::size_t node) {
  std::vector<std::string> out;
  const auto add = [&](std::size_t owner, const std::string& name) {
    if (owner != node || !is_interface_name(name)) return;
    if (std::ranges::find(out, name) == out.end()) out.push_back(name);
  };
  for (const auto& link : fleet.links) {
    for (const auto& end : link.ends) add(end.node, end.interface);
  }
  for (const auto& segment : fleet.segments) {
    for (const auto& member : segment.members) add(member.node, member.interface);
  }
  return out;
}

// Of a path that needs no escapes in sudoers and is no pattern there; others get no rule.
bool is_plain_path(std::string_view path) {
  return path.starts_with('/') && std::ranges::all_of(path, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '/' || c == '.' || c == '_' || c == '-';
         });
}

void add_changes_of_a_mac(const model::Fleet& fleet, std::size_t node,
                          std::vector<std::string>& out) {
  for (const std::string& name : interfaces_of(fleet, node)) {
    // A star would match blanks as well, and with them other words of ifconfig.
    for (const char* bridge : {"bridge[0-9]", "bridge[0-9][0-9]", "bridge[0-9][0-9][0-9]"}) {
      out.push_back(fmt::format("/sbin/ifconfig {} deletem {}", bridge, name));
      out.push_back(fmt::format("/sbin/ifconfig {} addm {}", bridge, name));
    }
    out.push_back(fmt::format("/sbin/ifconfig {} up", name));
    out.push_back(fmt::format("/sbin/ifconfig {} down", name));
    out.push_back(fmt::format("/sbin/ifconfig {} inet [0-9]* netmask [0-9]*", name));
    out.push_back(fmt::format("/sbin/ifconfig {} inet [0-9]* -alias", name));
  }
  for (const auto& route : topology::routes_of(fleet, node)) {
    for (const char* verb : {"add", "delete"}) {
      out.push_back(
          fmt::format("/sbin/route -n {} -net {} [0-9]*", verb, route.destination.to_string()));
    }
  }
  for (const std::size_t index : fleet.segments_of(node)) {
    for (const auto& member : fleet.segments[index].members) {
      if (member.node == node || member.mac.empty()) continue;
      out.push_back(fmt::format("/usr/sbin/arp -s {} [0-9a-f]*", member.address.to_string()));
      out.push_back(fmt::format("/usr/sbin/arp -d {}", member.address.to_string()));
    }
  }
  if (topology::forwards(fleet, node)) {
    out.emplace_back("/usr/sbin/sysctl -w net.inet.ip.forwarding=[01]");
  }
  out.emplace_back("/sbin/route -n add default [0-9]*");
  if (is_plain_path(fleet.ibv_path)) out.push_back("/bin/rm -f " + fleet.ibv_path);
}

// Whoever may install a daemon may do anything; the drop-in says so.
void add_keeper(const model::Fleet& fleet, std::vector<std::string>& out) {
  const std::string file(facts::kKeeperPlist);
  const std::string label(facts::kKeeperLabel);
  out.push_back("/bin/rm -f " + file);
  out.push_back("/bin/launchctl bootout system/" + label);
  if (!fleet.persist) return;
  out.push_back(
      fmt::format("/usr/bin/install -o 0 -g 0 -m 644 /tmp/{}.?????? {}.new", label, file));
  out.push_back("/bin/rm -f " + file + ".new");
  out.push_back(fmt::format("/bin/mv -f {}.new {}", file, file));
  out.push_back("/bin/launchctl bootstrap system " + file);
}

}  // namespace

std::vector<std::string> root_commands(const model::Fleet& fleet, std::size_t node, facts::Os os) {
  // The facts ask `sudo -n true`; bootstrap reads its own file back.
  std::vector<std::string> out{os == facts::Os::darwin ? "/usr/bin/true \"\"" : "/bin/true \"\"",
                               "/bin/cat " + std::string(kSudoersFile)};
  if (os != facts::Os::darwin) return out;
  add_changes_of_a_mac(fleet, node, out);
  add_keeper(fleet, out);
  return out;
}

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
  if (fleet.persist && os == facts::Os::darwin && scope == SudoScope::limited) {
    text += "# persist = true: whoever may install a daemon may do anything.\n";
  }
  if (scope == SudoScope::full) return text + fmt::format("{} ALL=(ALL) NOPASSWD: ALL\n", user);
  text += fmt::format("{} ALL=(root) NOPASSWD: \\\n    ", user);
  text += join(root_commands(fleet, node, os), ", \\\n    ");
  return text + "\n";
}

}  // namespace bringup::plan
