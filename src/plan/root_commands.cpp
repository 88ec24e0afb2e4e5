// What runs as root on a node, in the words of sudoers(5).
#include <fmt/format.h>

#include <algorithm>

#include "bringup/plan/commands.hpp"
#include "bringup/plan/settings.hpp"
#include "bringup/plan/sudoers.hpp"
#include "bringup/topology/routes.hpp"

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

// mktemp's name for a file of the login's own: `?` would match slashes and blanks as well.
std::string temporary() {
  std::string out = "/tmp/bringup.";
  for (int i = 0; i < 10; ++i) out += "[0-9A-Za-z]";
  return out;
}

// A connection's, as NetworkManager prints it: nothing else of nmcli's fits.
std::string uuid_pattern() {
  std::string out;
  for (const int length : {8, 4, 4, 4, 12}) {
    if (!out.empty()) out += '-';
    for (int i = 0; i < length; ++i) out += "[0-9a-f]";
  }
  return out;
}

enum class Write { removes, writes };

// dd with nofollow: a link in /tmp to a file of root's must not bring its text to a place that we
// may read.
void add_file(const std::string& path, std::string_view mode, Write write,
              std::vector<std::string>& out) {
  out.push_back("/bin/cat " + path);
  out.push_back("/bin/rm -f " + path);
  if (write == Write::removes) return;
  out.push_back("/bin/mkdir -p " + path.substr(0, path.rfind('/')));
  out.push_back(
      fmt::format("/bin/dd if={} of={}.new iflag=nofollow status=none", temporary(), path));
  out.push_back(fmt::format("/bin/chmod {} {}.new", mode, path));
  out.push_back(fmt::format("/bin/mv -f {}.new {}", path, path));
}

void add_network_manager(const std::string& name, std::vector<std::string>& out) {
  const std::string profile = "bringup-" + name;
  for (const char* save : {"yes", "no"}) {
    out.push_back(fmt::format(
        "/usr/bin/nmcli connection add type ethernet con-name {} ifname {} autoconnect no save {}",
        profile, name, save));
  }
  // Empty words of a command cannot be written in sudoers; whatever it is, it is our profile's.
  out.push_back(fmt::format("/usr/bin/nmcli connection modify id {} *", profile));
  out.push_back(fmt::format("/usr/bin/nmcli connection modify --temporary id {} *", profile));
  out.push_back(fmt::format("/usr/bin/nmcli --wait 20 connection up id {}", profile));
  out.push_back(fmt::format("/usr/bin/nmcli connection delete id {}", profile));
}

void add_ip(const model::Fleet& fleet, std::size_t node, const std::string& name,
            std::vector<std::string>& out) {
  const std::string link = "/usr/sbin/ip link set dev " + name;
  for (const char* change : {"up", "down", "nomaster", "master [0-9A-Za-z]*", "mtu [0-9]*"}) {
    out.push_back(fmt::format("{} {}", link, change));
  }
  out.push_back(fmt::format("/usr/sbin/ip address replace [0-9]* broadcast + dev {}", name));
  out.push_back(fmt::format("/usr/sbin/ip address del [0-9]* dev {}", name));
  for (const auto& route : topology::routes_of(fleet, node)) {
    for (const char* verb : {"replace", "del"}) {
      out.push_back(fmt::format("/usr/sbin/ip route {} {} via [0-9]* dev {}", verb,
                                route.destination.to_string(), name));
    }
  }
  for (const std::size_t index : fleet.segments_of(node)) {
    for (const auto& member : fleet.segments[index].members) {
      if (member.node == node || member.mac.empty()) continue;
      const std::string address = member.address.to_string();
      out.push_back(
          fmt::format("/usr/sbin/ip neighbour replace {} lladdr [0-9a-f]* dev {} nud "
                      "permanent",
                      address, name));
      out.push_back(fmt::format("/usr/sbin/ip neighbour del {} dev {}", address, name));
    }
  }
}

// Files that any manager takes its settings from.
void add_files(const model::Fleet& fleet, const std::string& name, std::vector<std::string>& out) {
  InterfaceSettings settings;
  settings.interface = name;
  for (const Lasting lasting : {Lasting::until_reboot, Lasting::yes}) {
    settings.lasting = lasting;
    const bool wanted = fleet.persist == (lasting == Lasting::yes);
    const Write write = wanted ? Write::writes : Write::removes;
    settings.manager = platform::Manager::netplan;
    add_file(settings_place(settings), "600", write, out);
    settings.manager = platform::Manager::networkd;
    add_file(settings_place(settings), "644", write, out);
    settings.manager = platform::Manager::none;
    if (lasting == Lasting::yes) add_file(settings_place(settings), "644", write, out);
  }
  out.push_back("/usr/bin/networkctl reconfigure " + name);
  out.push_back(fmt::format("/usr/bin/systemctl disable --now bringup-{}.service", name));
  if (fleet.persist)
    out.push_back(fmt::format("/usr/bin/systemctl enable bringup-{}.service", name));
}

void add_changes_of_linux(const model::Fleet& fleet, std::size_t node,
                          std::vector<std::string>& out) {
  for (const std::string& name : interfaces_of(fleet, node)) {
    add_ip(fleet, node, name, out);
    add_network_manager(name, out);
    add_files(fleet, name, out);
  }
  out.push_back("/usr/bin/nmcli --wait 0 connection up uuid " + uuid_pattern());
  for (const char* one : {"/usr/sbin/netplan generate", "/usr/sbin/netplan apply",
                          "/usr/bin/networkctl reload", "/usr/bin/systemctl daemon-reload"}) {
    out.emplace_back(one);
  }
  const std::string file(kForwardingFile);
  out.emplace_back("/usr/sbin/sysctl -w net.ipv4.ip_forward=[01]");
  const bool forwards = topology::forwards(fleet, node);
  add_file(file, "644", forwards && fleet.persist ? Write::writes : Write::removes, out);
  if (is_plain_path(fleet.ibv_path)) out.push_back("/bin/rm -f " + fleet.ibv_path);
}

}  // namespace

std::vector<std::string> root_commands(const model::Fleet& fleet, std::size_t node, facts::Os os) {
  // The facts ask `sudo -n true`; bootstrap reads its own file back.
  std::vector<std::string> out{os == facts::Os::darwin ? "/usr/bin/true \"\"" : "/bin/true \"\"",
                               "/bin/cat " + std::string(kSudoersFile)};
  switch (os) {
    case facts::Os::darwin:
      add_changes_of_a_mac(fleet, node, out);
      add_keeper(fleet, out);
      break;
    case facts::Os::linux_kernel:
      add_changes_of_linux(fleet, node, out);
      break;
    case facts::Os::other:
      break;
  }
  // What several interfaces have in common is named once.
  std::vector<std::string> once;
  for (auto& one : out) {
    if (std::ranges::find(once, one) == once.end()) once.push_back(std::move(one));
  }
  return once;
}

}  // namespace bringup::plan
