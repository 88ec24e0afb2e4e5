#pragma once
// Settings that outlive a reboot (`persist = true`). A script of its own, the keeper, lies on the
// node; the node's system runs it as root at boot and every minute, without any controller. It puts
// right what it finds wrong with the declared links and the matrix file, and touches nothing else.
//
// On a Mac the script stands within one file, a launchd job (launchd.plist(5)); on Linux beside a
// service and its timer (systemd.service(5), systemd.timer(5)).
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

namespace bringup::plan {

struct KeptLink {
  std::string interface;
  model::InterfaceAddress address;
  bool operator==(const KeptLink&) const = default;
};

struct KeptSettings {
  std::vector<KeptLink> links;
  // The matrix file, of the login user as `apply` leaves it; all empty where there is none.
  std::string matrix_path, matrix, user;
  bool operator==(const KeptSettings&) const = default;
};

// What is to last on this node. The matrix is left out when the fleet has none, or when `login` is
// not a plain user name.
KeptSettings kept_settings(const model::Fleet& fleet, std::size_t node, const std::string& login);
bool is_login_name(std::string_view name);

// POSIX sh for /bin/sh of that system (darwin or linux_kernel).
std::string keeper_script(const KeptSettings& settings, facts::Os os);

// The content of facts::kKeeperPlist, root's, 0644.
std::string launch_daemon(const KeptSettings& settings);
// The settings in it; nothing when it is not, byte for byte, what launch_daemon() makes of them: a
// saved plan can install no other daemon.
std::optional<KeptSettings> parse_launch_daemon(std::string_view plist);

// The same on Linux: a script, a service and its timer. All root's; `systemctl enable --now
// bringup-links.timer` starts them.
struct KeeperFile {
  std::string path;
  std::string content;
  int mode = 0644;
};
std::vector<KeeperFile> systemd_keeper(const KeptSettings& settings);

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
