#pragma once
// What a run came to: the values that the renderers show and the exit status they add up to.
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bringup/facts/node_facts.hpp"
#include "bringup/plan/execute.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/verify/matrix.hpp"

namespace bringup::report {

// What apply has to show for one node.
struct AppliedNode {
  plan::NodePlan plan;
  plan::NodeOutcome outcome;              // outcome.steps empty when nothing ran
  std::optional<facts::NodeFacts> facts;  // read back after the run, or read before it
};

// One apply from end to end, nodes in the order of the plan.
struct ApplyReport {
  std::string run;  // the run's name, for `bringup rollback`; may be empty
  std::vector<AppliedNode> nodes;
  std::optional<verify::Matrix> matrix;  // unset when verify did not run
};

struct ApplyTotals {
  std::size_t changed = 0;   // changes that were made and hold
  std::size_t failed = 0;    // steps
  std::size_t warnings = 0;  // steps
  std::size_t not_done = 0;  // nodes that were refused, unreachable or broke off
};
ApplyTotals totals_of(const ApplyReport& report);

// What happened, for the exit status. Counts of nodes, steps and cells; 0 where it did not happen.
struct RunSummary {
  bool internal_error = false;  // an error in the tool itself or on this machine
  bool usage_error = false;     // command line, inventory, playbook or plan file
  bool interrupted = false;
  std::size_t unreachable = 0;        // nodes without a session, authentication included
  std::size_t failed = 0;             // changes that failed, and nodes on which none may be made
  std::size_t below_expectation = 0;  // cells that verify did not find as declared
  bool differences = false;           // only with --detailed-exitcode
};

// Adds what an apply or a verify came to. A cell that could not be tested because its node has no
// session is that node's 4, not a 6; a node's error counts once.
void add(RunSummary& summary, const ApplyReport& report);
void add(RunSummary& summary, const plan::Plan& plan);
void add(RunSummary& summary, const verify::Matrix& matrix);
// One node's error that no plan or matrix holds.
void add(RunSummary& summary, const Error& error);

// 0 done, nothing wrong · 1 an error of ours · 2 usage · 3 differences · 4 unreachable · 5 a change
// failed · 6 verification below expectation · 130 interrupted. When several hold: 2 (nothing was
// begun), then 1, 130, 5, 4, 6, 3.
int exit_status(const RunSummary& summary);

}  // namespace bringup::report
