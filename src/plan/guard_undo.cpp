#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/util/shell.hpp"
#include "bringup/util/template.hpp"
#include "guard_parts.hpp"
#include "script_parts.hpp"
#include "settings_undo.hpp"

namespace bringup::plan {
namespace {

// Addresses are compared as a whole and in their order, which the GID table follows: where they
// differ, all go and all come back. ifconfig may fail with exit status 0: what counts is the look
// afterwards. A default route goes with the address that it went through.
constexpr std::string_view kRestore = R"sh(
bu_inets() {
  bu_look "$1" | awk '$1 == "inet" && $2 ~ /^[0-9.]+$/ && $4 ~ /^0x[0-9a-f]+$/ { print $2 " " $4 }'
}
bu_wrong() {
  bu_bad=1
  printf '%s\n' "$1"
}
bu_back_inet() {
  bu_if=$1
  shift
  bu_want=
  for bu_one in "$@"; do
    bu_want="$bu_want${bu_want:+$bu_nl}${bu_one%%/*} ${bu_one##*/}"
  done
  if [ "$(bu_inets "$bu_if")" = "$bu_want" ]; then return; fi
  for bu_one in $(bu_inets "$bu_if" | awk '{ print $1 }'); do
    bu_exec bu_root ifconfig "$bu_if" inet "$bu_one" -alias
  done
  bu_kind=
  for bu_one in "$@"; do
    bu_mask=${bu_one#*/}
    bu_exec bu_root ifconfig "$bu_if" inet "${bu_one%%/*}" netmask "${bu_mask%%/*}" $bu_kind
    bu_kind='alias'
  done
  if [ "$(bu_inets "$bu_if")" != "$bu_want" ]; then bu_wrong "$bu_if: addresses: $bu_text"; fi
}
bu_ip_inets() {
  ip -o -4 address show dev "$1" </dev/null 2>/dev/null | awk '
    { for (i = 1; i < NF; i++) if ($i == "inet") print $(i + 1) }' | sort
}
bu_same_inets() { [ "$(bu_ip_inets "$1")" = "$2" ]; }
bu_back_same() {
  bu_if=$1
  shift
  bu_want=
  if [ $# -gt 0 ]; then bu_want=$(printf '%s\n' "$@" | sort); fi
  if ! bu_wait 50 bu_same_inets "$bu_if" "$bu_want"; then bu_wrong "$bu_if: addresses: $bu_text"; fi
}
bu_back_member() {
  if ! bu_gone "$1" "$2"; then return; fi
  bu_exec bu_root ifconfig "$1" addm "$2"
  if bu_gone "$1" "$2"; then bu_wrong "$2 is not in $1: $bu_text"; fi
}
bu_back_out() {
  if bu_gone "$1" "$2"; then return; fi
  bu_exec bu_root ifconfig "$1" deletem "$2"
  if ! bu_gone "$1" "$2"; then bu_wrong "$2 is still in $1: $bu_text"; fi
}
bu_back_flag() {
  if bu_up "$1"; then bu_now=up; else bu_now=down; fi
  if [ "$bu_now" = "$2" ]; then return; fi
  bu_exec bu_root ifconfig "$1" "$2"
  if bu_up "$1"; then bu_now=up; else bu_now=down; fi
  if [ "$bu_now" != "$2" ]; then bu_wrong "$1 is $bu_now: $bu_text"; fi
}
bu_has_default() {
  netstat -rn -f inet </dev/null 2>/dev/null | awk -v gateway="$1" '
    $1 == "default" && $2 == gateway { found = 1 }
    END { exit !found }'
}
bu_back_default() {
  if bu_has_default "$1"; then return; fi
  bu_exec bu_root route -n add default "$1"
  if ! bu_has_default "$1"; then bu_wrong "no default route to $1: $bu_text"; fi
}
bu_back_file() {
  if printf '%s' "$2" | cmp -s - "$1"; then return; fi
  bu_exec bu_store "$1" "$2"
  if [ "$bu_rc" -ne 0 ]; then bu_wrong "$1: $bu_text"; fi
}
bu_same_keeper() {
  ! bu_keeper_gone && printf '%s' "$1" | cmp -s - <PLIST>
}
bu_back_keeper() {
  if bu_same_keeper "$1"; then return; fi
  bu_exec bu_keeper_set "$1"
  if [ "$bu_rc" -ne 0 ]; then bu_wrong "<PLIST>: $bu_text"; fi
}
bu_back_no_keeper() {
  if bu_keeper_gone && [ ! -e <PLIST> ]; then return; fi
  bu_exec bu_keeper_drop
  if [ "$bu_rc" -ne 0 ]; then bu_wrong "<PLIST> is still there: $bu_text"; fi
}
bu_back_no_file() {
  rm -f "$1" 2>/dev/null
  if [ -e "$1" ] || [ -L "$1" ]; then bu_wrong "$1 is still there"; fi
}
)sh";

std::string word(const model::InterfaceAddress& inet) {
  const auto mask = model::Ipv4(model::Subnet::mask_of(inet.prefix));
  return fmt::format("{}/{}/0x{:08x}", inet.address.to_string(), mask.to_string(), mask.value());
}

bool attaches(const NodePlan& node, const std::string& interface) {
  return std::ranges::any_of(node.actions, [&](const Action& action) {
    return action.task == Task::bridge_attach && action.target == interface;
  });
}

// The keeper would put back what is undone: it goes first, and a former one comes back last.
struct KeeperBack {
  std::string first, last;
};
KeeperBack keeper_back(const NodePlan& node, const facts::FileState& before) {
  const bool touched = std::ranges::any_of(
      node.actions, [](const Action& action) { return is_keeper(action.task); });
  // What could not be read cannot be written back.
  if (!touched || !before.problem.empty()) return {};
  if (!before.present) return {"  bu_back_no_keeper\n", {}};
  const std::string content = shell_quote(before.content);
  return {fmt::format("  bu_same_keeper {} || bu_exec bu_keeper_out\n", content),
          fmt::format("  bu_back_keeper {}\n", content)};
}

// Of the changes that are one command each, in reverse. `lasting`: of those that a restart of the
// node does not take back.
struct CommandsBack {
  std::string all, lasting, checks;
};

CommandsBack commands_back(const NodePlan& node, const facts::NodeFacts& before) {
  CommandsBack out;
  const facts::NodeRecord record = facts::record_of(node.node, before);
  std::vector<std::string> looked_at;
  for (auto it = node.actions.rbegin(); it != node.actions.rend(); ++it) {
    for (const Action& back : inverse_of(*it, record)) {
      const auto parts = parse_command(back);
      if (!parts) continue;
      const std::string line =
          fmt::format("  bu_do() {{ {}; }}\n  bu_exec bu_do\n", command_as_root(back, *parts));
      out.all += line;
      const auto ran = parse_command(*it);
      const bool lasts = ran && ((ran->settings && ran->settings->lasting == Lasting::yes) ||
                                 it->content == "lasting\n");
      if (lasts) out.lasting += line;
      if (back.task == Task::route_remove) {
        out.checks +=
            fmt::format("  if bu_way {0} {1}; then bu_wrong 'the route to {0}: '\"$bu_text\"; fi\n",
                        first_host(parts->destination), parts->via.to_string());
      }
    }
    if (before.os != facts::Os::linux_kernel || !is_interface(it->task) ||
        !is_interface_name(it->target) ||
        std::ranges::find(looked_at, it->target) != looked_at.end()) {
      continue;
    }
    looked_at.push_back(it->target);
    const auto* seen = before.find_interface(it->target);
    if (seen == nullptr) continue;
    std::string inets;
    for (const auto& inet : seen->inet) inets += " " + inet.to_string();
    out.checks += fmt::format("  bu_back_same {}{}\n", it->target, inets);
  }
  return out;
}

}  // namespace

std::string undo_function(const NodePlan& node, const facts::NodeFacts& before) {
  std::vector<std::string> interfaces;
  std::string files;
  for (const Action& action : node.actions) {
    const auto parts = parse_command(action);
    if (nature(action) != Nature::change || !parts) continue;
    if (is_keeper(action.task) || parts->settings || is_forwarding(action.task)) continue;
    if (is_file(action.task)) {
      // What could not be read cannot be written back; the write itself fails on such a thing.
      if (!before.matrix_file.problem.empty()) continue;
      files += before.matrix_file.present
                   ? fmt::format("  bu_back_file {} {}\n", shell_quote(action.target),
                                 shell_quote(before.matrix_file.content))
                   : fmt::format("  bu_back_no_file {}\n", shell_quote(action.target));
    } else if (std::ranges::find(interfaces, action.target) == interfaces.end()) {
      interfaces.push_back(action.target);
    }
  }
  std::string body;
  if (before.os == facts::Os::linux_kernel) interfaces.clear();
  for (const std::string& name : interfaces) {
    const auto* seen = before.find_interface(name);
    if (seen == nullptr) continue;
    body += "  bu_back_inet " + name;
    for (const auto& inet : seen->inet) body += " " + word(inet);
    body += "\n";
    for (const auto& bridge : before.bridges) {
      if (!is_interface_name(bridge.name)) continue;
      if (std::ranges::find(bridge.members, name) != bridge.members.end()) {
        body += fmt::format("  bu_back_member {} {}\n", bridge.name, name);
      } else if (attaches(node, name)) {
        body += fmt::format("  bu_back_out {} {}\n", bridge.name, name);
      }
    }
    body += fmt::format("  bu_back_flag {} {}\n", name, seen->up ? "up" : "down");
    for (const auto& route : before.routes) {
      if (route.interface != name || route.destination.prefix() != 0) continue;
      if (!model::Ipv4::parse(route.gateway)) continue;
      body += fmt::format("  bu_back_default {}\n", route.gateway);
    }
  }
  const KeeperBack keeper = keeper_back(node, before.keeper.file);
  const CommandsBack commands = commands_back(node, before);
  files += keeper.last;
  return fill(kRestore, {{"<PLIST>", std::string(facts::kKeeperPlist)}}) +
         "bu_undo() {\n  bu_bad=0\n" + keeper.first + commands.all + body + commands.checks +
         files + "  return \"$bu_bad\"\n}\nbu_undo_files() {\n  :\n" + keeper.first +
         commands.lasting + files + "}\n";
}

}  // namespace bringup::plan
