#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/model/fleet.hpp"
#include "bringup/util/error.hpp"

namespace bringup::plan {

enum class Task {
  bridge_detach,
  interface_up,
  address_assign,
  file_write,
  // What undoing the four above takes.
  bridge_attach,
  interface_down,
  address_remove,
  file_remove,
  // What makes settings outlive a reboot (persist.hpp); the target is its file.
  persist_install,
  persist_remove,
  // A Linux interface, by whoever owns it (settings.hpp).
  settings_set,
  settings_remove,
  // What gateways need; on Linux a route is one of an interface's settings.
  route_add,
  route_remove,
  forwarding_enable,
  forwarding_disable,
  neighbour_set,
  neighbour_remove,
  rdma_check,
  profiler_collect,
};
std::string_view to_string(Task task);  // "bridge.detach", …
std::optional<Task> parse_task(std::string_view word);

// Checks read; changes write. Only changes count as differences.
enum class Nature { change, check };

// One step on one node. The command is what the operator is shown, and exactly what runs.
struct Action {
  Task task = Task::bridge_detach;
  std::string target;   // interface or path
  std::string command;  // POSIX sh, one line, without sudo; `root` says whether sudo is put before
  std::string shown;    // what the operator would type: with sudo; one line
  std::string why;  // observed against desired: "en5 is a member of bridge0; it must stand alone"
  bool root = true;
  std::string undo;      // POSIX sh, one line; empty for checks
  std::string content;   // file_write, persist_install: the bytes to write
  std::string expected;  // what read-back must show, in words: "10.254.0.5/30 on en5"
  bool operator==(const Action&) const = default;
};
[[nodiscard]] Nature nature(const Action& action);
bool is_file(Task task);    // does it change a file of the login's, not an interface
bool is_keeper(Task task);  // does it install or remove the keeper
bool is_forwarding(Task task);
bool is_neighbour(Task task);
// Is it one command, on whichever system? Others are steps of their own on a Mac.
bool is_one_command(Task task);
bool is_interface(Task task);  // does it change an interface

enum class Severity { note, warning, error };
std::string_view to_string(Severity severity);

// Something seen that the plan cannot or need not change by itself.
struct Finding {
  Severity severity = Severity::warning;
  std::string layer;   // "rdma", "address", "interface", "sudo", "os", "ssh"…
  std::string target;  // interface, path, or empty
  std::string seen;
  std::string expected;
  std::string cure;  // the next command to type or thing to do
  bool operator==(const Finding&) const = default;
};

enum class NodeState {
  ready,        // facts were read, actions may be empty
  refused,      // facts forbid any change (an error finding says why)
  unreachable,  // no facts
};

std::string_view to_string(NodeState state);

struct NodePlan {
  std::string node;
  NodeState state = NodeState::ready;
  std::string facts_digest;     // empty when unreachable or offline
  std::vector<Action> actions;  // in order
  std::vector<Finding> findings;
  std::optional<Error> error;                 // unreachable: why
  [[nodiscard]] std::size_t changes() const;  // actions whose nature is change
  [[nodiscard]] bool has_errors() const;      // some finding is an error
};

struct Plan {
  std::string fleet;
  std::string inventory_digest;  // sha256 of the canonical fleet
  bool offline = false;
  std::vector<NodePlan> nodes;                // inventory order
  [[nodiscard]] std::size_t changes() const;  // of all nodes
};

// What one node's facts lack of what the fleet declares. Never touches interfaces, bridges or files
// that the fleet does not name. Order on a node: detach, up, address, file, keeper, RDMA checks,
// profiler; a keeper that would put back what changes is removed before all else. An interface that
// does not exist costs its own steps only; a node that cannot become root is refused as a whole: it
// has no actions then. Changes of the session's own path are warned of; they are made under a guard
// (guard.hpp).
NodePlan diff(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts);

// Every step of a from-scratch run, for `plan --offline`: bridge scan included, facts unknown.
NodePlan from_scratch(const model::Fleet& fleet, std::size_t node);

// Problems seen only when all nodes' facts stand side by side: a link's subnet that some node
// already routes elsewhere (LAN, VPN), OS builds that differ. Adds findings; may turn a node's
// state to refused. `facts[i]` is null for nodes without facts.
void cross_check(const model::Fleet& fleet, const std::vector<const facts::NodeFacts*>& facts,
                 Plan& plan);

// sha256 of what the plan depends on in the inventory.
std::string inventory_digest(const model::Fleet& fleet);

}  // namespace bringup::plan
