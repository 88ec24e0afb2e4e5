#include "bringup/topology/exo.hpp"

#include <fmt/format.h>

#include <vector>

#include "bringup/util/text.hpp"

namespace bringup::topology {

std::optional<ExoInstallation> exo_installation(const std::string& node,
                                                const facts::NodeFacts& facts) {
  const bool location = facts.network_location == "exo";
  // Its services alone, left over in a location that is not in use, do nothing.
  if (!facts.exo_daemon && !location) return std::nullopt;
  std::vector<std::string> traces;
  std::vector<std::string> cures;
  if (facts.exo_daemon) {
    traces.emplace_back("daemon io.exo.networksetup");
    cures.emplace_back("sudo launchctl bootout system/io.exo.networksetup");
    cures.emplace_back("sudo rm /Library/LaunchDaemons/io.exo.networksetup.plist");
  }
  if (location) {
    traces.emplace_back("network location \"exo\"");
    cures.emplace_back("sudo networksetup -switchtolocation Automatic");
  }
  if (!facts.exo_services.empty()) {
    traces.push_back(fmt::format("services {}", printable(join(facts.exo_services, ", "), 200)));
  }
  ExoInstallation found;
  found.seen = fmt::format("exo's network set-up is installed on {}: {}", node, join(traces, ", "));
  found.expected = "the links' addresses left alone";
  found.means = facts.exo_daemon
                    ? "it puts the Thunderbolt ports back on DHCP every 30 minutes, and the links' "
                      "addresses are gone"
                    : "this location has its ports on DHCP; an address may not last";
  found.cure = join(cures, " && ") + ", then bringup apply";
  return found;
}

}  // namespace bringup::topology
