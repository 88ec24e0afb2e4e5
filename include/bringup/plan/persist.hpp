#pragma once
// Settings that outlive a reboot (`persist = true`). A script of its own, the keeper, lies on the
// node; the node's system runs it as root at boot and every minute, without any controller. It puts
// right what it finds wrong with the declared links and the matrix file, and touches nothing else.
//
// The script stands within one file, a launchd job (launchd.plist(5)). On Linux whoever owns the
// interface keeps it (settings.hpp).
//
// It leaves everything alone while exo's daemon is loaded, which would undo it in turn, and while a
// guarded change (guard.hpp) that was made with this very file is not confirmed: a boot must not
// make lasting what nobody confirmed.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/plan/settings.hpp"

namespace bringup::plan {

struct KeptLink {
  std::string interface;
  model::InterfaceAddress address;
  bool operator==(const KeptLink&) const = default;
};

struct KeptSettings {
  std::vector<KeptLink> links;  // and places in segments
  std::vector<SettingsRoute> routes;
  std::vector<SettingsNeighbour> neighbours;
  bool forwarding = false;
  // The matrix file, of the login user as `apply` leaves it; all empty where there is none.
  std::string matrix_path, matrix, user;
  bool operator==(const KeptSettings&) const = default;
};

// What is to last on this node. The matrix is left out when the fleet has none, or when `login` is
// not a plain user name.
KeptSettings kept_settings(const model::Fleet& fleet, std::size_t node, const std::string& login);
bool is_login_name(std::string_view name);

// POSIX sh for a Mac's /bin/sh.
std::string keeper_script(const KeptSettings& settings);

// The content of facts::kKeeperPlist, root's, 0644.
std::string launch_daemon(const KeptSettings& settings);
// The settings in it; nothing when it is not, byte for byte, what launch_daemon() makes of them: a
// saved plan can install no other daemon.
std::optional<KeptSettings> parse_launch_daemon(std::string_view plist);

// One line of POSIX sh each; `before` stands in front of each command that needs root: "" or
// "sudo ". launchctl(1): bootout of a job that is not loaded fails, which is none of our concern.
std::string install_keeper_command(std::string_view plist, std::string_view before = {});
std::string remove_keeper_command(std::string_view before = {});

// The actions, all but `shown`. `now`: the keeper's file as it is, for their undo.
Action install_keeper(const std::string& plist, std::string why, const facts::FileState& now);
Action remove_keeper(std::string why, const facts::FileState& now);

// For `status`.
enum class KeeperState {
  unused,   // neither wanted nor there
  missing,  // wanted, not installed
  stale,    // installed with other settings than those wanted, or not loaded
  left,     // not wanted, still there
  ready,
};
std::string_view to_string(KeeperState state);
KeeperState keeper_state(const model::Fleet& fleet, std::size_t node,
                         const facts::NodeFacts& facts);

}  // namespace bringup::plan
