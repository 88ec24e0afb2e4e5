#pragma once
// Key and sudo of the logins given back: look, change, and a login with the key alone.
#include <optional>
#include <string>
#include <vector>

#include "bringup/plan/bootstrap.hpp"
#include "bringup/run/crew.hpp"

namespace bringup::run {

// One node of the crew. Its `keys` are the caller's to set.
struct BootstrapNode {
  NodeRun* node = nullptr;
  std::vector<plan::LoginKey> keys;
  plan::BootstrapPlan plan;                // of bootstrap_look()
  std::vector<plan::BootstrapItem> items;  // the plan's, then what came of them, then the checks
};

// Connects, looks, and plans what is missing; the node's error says why there is no plan.
void bootstrap_look(Crew& crew, std::vector<BootstrapNode>& nodes, plan::SudoScope scope);

// Makes the changes. The crew's password for sudo is used where sudo wants one and the fleet has
// become = "sudo-password" for the node.
void bootstrap_change(Crew& crew, std::vector<BootstrapNode>& nodes);

// Logs in anew, over `transport`, and asks sudo there. Nodes whose key is not in place are left
// alone: a server penalises what is refused.
void bootstrap_check(Crew& crew, std::vector<BootstrapNode>& nodes, ssh::Transport& transport);

}  // namespace bringup::run
