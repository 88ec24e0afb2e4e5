// The lines of a script that carry each action out.
#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/util/shell.hpp"
#include "script_parts.hpp"

namespace bringup::plan {
namespace {

// A change that is one command, and what must be true of the kernel afterwards. bu_do is the
// command, with bu_root before each part of it that needs root.
constexpr std::string_view kCommands = R"sh(
bu_change() {
  bu_num=$1 bu_tgt=$2
  bu_skip "$1" "$2" root && return
  shift 2
  bu_exec bu_do
  bu_done "$bu_num" "$bu_tgt" || return
  bu_state bu_wait 25 "$@"
}
bu_ip_inet() {
  ip -o -4 address show dev "$1" </dev/null 2>/dev/null | awk -v want="$2" '
    { for (i = 1; i < NF; i++) if ($i == "inet" && $(i + 1) == want) found = 1 }
    END { exit !found }'
}
bu_ip_way() { [ -n "$(ip -4 route show exact "$2" via "$3" dev "$1" </dev/null 2>/dev/null)" ]; }
bu_has() {
  case $2 in
    *,*) bu_ip_way "$1" "${2%%,*}" "${2#*,}" ;;
    *) bu_ip_inet "$1" "$2" ;;
  esac
}
bu_settled() {
  bu_if=$1
  shift
  for bu_one in "$@"; do bu_has "$bu_if" "$bu_one" || return 1; done
}
bu_left_all() {
  bu_if=$1
  shift
  for bu_one in "$@"; do
    if bu_has "$bu_if" "$bu_one"; then return 1; fi
  done
}
bu_master() { ip -o link show dev "$1" </dev/null 2>/dev/null | grep " master $2 " >/dev/null; }
bu_free() { ! ip -o link show dev "$1" </dev/null 2>/dev/null | grep ' master ' >/dev/null; }
bu_sysctl() { [ "$(sysctl -n "$1" </dev/null 2>/dev/null)" = "$2" ]; }
bu_way() {
  route -n get "$1" </dev/null 2>/dev/null | awk -v via="$2" '
    $1 == "gateway:" && $2 == via { found = 1 }
    END { exit !found }'
}
bu_no_way() { ! bu_way "$1" "$2"; }
)sh";

bool runs_command(const Action& action, const CommandParts& parts) {
  return is_one_command(action.task) || parts.os == facts::Os::linux_kernel;
}

std::string settled(const InterfaceSettings& settings) {
  std::string out = " " + settings.interface;
  for (const auto& address : settings.addresses) out += " " + address.to_string();
  for (const auto& route : settings.routes) {
    out += fmt::format(" {},{}", route.destination.to_string(), route.via.to_string());
  }
  return out;
}

// What must hold after the command; "true" where only the facts that are read back can tell.
std::string check_of(const Action& action, const CommandParts& parts) {
  const char* key =
      parts.os == facts::Os::darwin ? "net.inet.ip.forwarding" : "net.ipv4.ip_forward";
  switch (action.task) {
    case Task::settings_set:
      return "bu_settled" + settled(*parts.settings);
    case Task::settings_remove:
      return "bu_left_all" + settled(*parts.settings);
    case Task::route_add:
      return fmt::format("bu_way {} {}", first_host(parts.destination), parts.via.to_string());
    case Task::route_remove:
      return fmt::format("bu_no_way {} {}", first_host(parts.destination), parts.via.to_string());
    case Task::forwarding_enable:
      return fmt::format("bu_sysctl {} 1", key);
    case Task::forwarding_disable:
      return fmt::format("bu_sysctl {} 0", key);
    case Task::bridge_detach:
      return "bu_free " + parts.interface;
    case Task::bridge_attach:
      return fmt::format("bu_master {} {}", parts.interface, parts.bridge);
    default:
      return "true";
  }
}

std::string command_step(std::size_t index, const Action& action, const CommandParts& parts) {
  return fmt::format("  bu_do() {{ {}; }}\n  bu_change {} {} {}\n", command_as_root(action, parts),
                     index, action.target, check_of(action, parts));
}

// "bu_detach 0 bridge0 en5"; nothing for checks. An action whose command is not ours never runs.
std::string step(std::size_t index, const Action& action) {
  if (nature(action) == Nature::check) return {};
  const auto parts = parse_command(action);
  if (!parts) return fmt::format("  bu_frame step.{}.skipped 0 malformed\n", index);
  if (runs_command(action, *parts)) return command_step(index, action, *parts);
  switch (action.task) {
    case Task::bridge_detach:
      return fmt::format("  bu_detach {} {} {}\n", index, parts->bridge, parts->interface);
    case Task::interface_up:
      return fmt::format("  bu_raise {} {}\n", index, parts->interface);
    case Task::address_assign: {
      const auto mask = model::Ipv4(model::Subnet::mask_of(parts->address.prefix));
      return fmt::format("  bu_assign {} {} {} {} 0x{:08x}\n", index, parts->interface,
                         parts->address.address.to_string(), mask.to_string(), mask.value());
    }
    case Task::bridge_attach:
      return fmt::format("  bu_attach {} {} {}\n", index, parts->bridge, parts->interface);
    case Task::interface_down:
      return fmt::format("  bu_lower {} {}\n", index, parts->interface);
    case Task::address_remove:
      return fmt::format("  bu_unassign {} {} {}\n", index, parts->interface,
                         parts->address.address.to_string());
    case Task::file_remove:
      return fmt::format("  bu_remove {} {}\n", index, shell_quote(action.target));
    case Task::file_write:
      return fmt::format("  bu_write {} {} {}\n", index, shell_quote(action.target),
                         shell_quote(action.content));
    case Task::persist_install:
      return fmt::format("  bu_keeper {} {}\n", index, shell_quote(action.content));
    case Task::persist_remove:
      return fmt::format("  bu_keeper {}\n", index);
    default:
      return {};  // not reached: one command each, or a check
  }
}

}  // namespace

std::string first_host(const model::Subnet& network) {
  return model::Ipv4(network.network().value() + (network.prefix() < 31 ? 1U : 0U)).to_string();
}

std::string command_as_root(const Action& action, const CommandParts& parts) {
  constexpr std::string_view kRoot = "bu_root ";
  switch (action.task) {
    case Task::settings_set:
      return set_settings_command(*parts.settings, kRoot);
    case Task::settings_remove:
      return drop_settings_command(*parts.settings, kRoot);
    case Task::forwarding_enable:
      return forwarding_command(parts.os, Forwarding::on,
                                action.content.empty() ? Lasting::until_reboot : Lasting::yes,
                                kRoot);
    case Task::forwarding_disable:
      return forwarding_command(parts.os, Forwarding::off, Lasting::until_reboot, kRoot);
    default:
      return std::string(kRoot) + action.command;
  }
}

std::string command_functions(const NodePlan& node) {
  const bool any = std::ranges::any_of(node.actions, [](const Action& action) {
    const auto parts = parse_command(action);
    return parts && runs_command(action, *parts);
  });
  return any ? std::string(kCommands) : std::string();
}

std::string change_steps(const NodePlan& node, std::string_view before_each) {
  std::string steps;
  for (std::size_t i = 0; i < node.actions.size(); ++i) {
    const std::string line = step(i, node.actions[i]);
    if (line.empty()) continue;
    steps += before_each;
    steps += line;
  }
  return steps;
}

}  // namespace bringup::plan
