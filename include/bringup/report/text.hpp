#pragma once
// What a person reads: pure functions from values to text, UTF-8, each line ended by "\n". Every
// word that came from a node passes printable() first.
#include <cstddef>
#include <string>
#include <vector>

#include "bringup/model/fleet.hpp"
#include "bringup/plan/persist.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/report/outcome.hpp"
#include "bringup/report/style.hpp"
#include "bringup/verify/chain.hpp"
#include "bringup/verify/matrix.hpp"
#include "bringup/verify/schedule.hpp"

namespace bringup::report {

// `plan` and --dry-run: per node its heading, each step's reason and command, findings with cures;
// then "3 nodes, 12 changes".
std::string text_plan(const model::Fleet& fleet, const plan::Plan& plan, const Style& style);

// One node's block of apply: "[1/2] hwstudio1 (en5 → 10.254.0.5/30)" and its steps. `position`
// counts from 1. Fit to be printed as soon as the node is done.
std::string text_applied_node(const model::Fleet& fleet, const AppliedNode& node,
                              std::size_t position, std::size_t total, const Style& style);

// The "Connectivity" section: every linked pair, one line per link and direction, then the distinct
// diagnoses that need more words.
std::string text_connectivity(const model::Fleet& fleet, const verify::Matrix& matrix,
                              const Style& style);

// The "Summary" section: one line per node and link end, with the RDMA state and ✓, ⚠ or ✗.
std::string text_summary(const model::Fleet& fleet, const ApplyReport& report, const Style& style);

// All of apply: node blocks, connectivity, summary, one line of totals.
std::string text_apply(const model::Fleet& fleet, const ApplyReport& report, const Style& style);

// `verify`: an NxN matrix for each check (rows from, columns to; a list when it would be wider than
// style.width), what is wrong beneath, and "6 of 6 pass".
std::string text_verify(const model::Fleet& fleet, const verify::Matrix& matrix,
                        const Style& style);

// `verify --estimate`: "6 links in 3 rounds, at most 2 at once" and the time they take.
std::string text_estimate(const verify::Estimate& estimate, const Style& style);

// One node's keeper (plan/persist.hpp): is it there, and what did it do.
struct NodeKeeper {
  std::string node;
  plan::KeeperState state = plan::KeeperState::unused;
  std::optional<facts::KeeperRun> last_run;
};
NodeKeeper node_keeper(const model::Fleet& fleet, std::size_t node, const facts::NodeFacts& facts);
// The "Persistence" section; empty when no node has or wants one.
std::string text_keepers(const std::vector<NodeKeeper>& keepers, const Style& style);

// `status`: for each link its two ends and, layer by layer, what holds; then the first broken
// layer.
std::string text_status(const model::Fleet& fleet, const std::vector<verify::LinkStatus>& links,
                        const Style& style, const std::vector<verify::Finding>& findings = {},
                        const std::vector<NodeKeeper>& keepers = {});

}  // namespace bringup::report
