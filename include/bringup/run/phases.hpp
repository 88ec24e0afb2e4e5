#pragma once
// The phases of a run over a crew: facts, plan, apply. Each is one round trip per node.
#include <chrono>
#include <string>
#include <vector>

#include "bringup/plan/execute.hpp"
#include "bringup/plan/guard.hpp"
#include "bringup/plan/plan.hpp"
#include "bringup/run/crew.hpp"

namespace bringup::run {

enum class Profiler { skip, read };

// Reads every node's facts. A node that fails keeps its error; the others go on.
void gather(Crew& crew, Profiler profiler);
// The same of these nodes of the crew alone.
void gather(Crew& crew, Profiler profiler, const std::vector<NodeRun*>& nodes);

// The parts of gather(), for phases that read facts in a round trip of their own.
facts::ScriptOptions facts_options(const Crew& crew, const std::string& nonce, Profiler profiler);
// Frames of a facts script into the node's facts; its error says why there are none.
void take_facts(Crew& crew, NodeRun& node, const ScriptResult& script, const std::string& phase);

// diff and cross_check over what gather() read.
plan::Plan make_plan(const Crew& crew);

// Marks nodes of a saved plan whose facts are no longer those it was made from: their actions go,
// their state becomes refused with a finding that says so. Nodes of the plan outside the crew are
// dropped. Fails (usage) when the plan was made from another inventory.
Expected<plan::Plan> refresh(const Crew& crew, const plan::Plan& saved);

// Where a former run left a guarded change neither confirmed nor undone: waits until the node has
// undone it, and reads its facts again. Before a plan is made of them.
void settle_guards(Crew& crew);

struct ApplyOptions {
  plan::GuardMode guard = plan::GuardMode::automatic;
  std::chrono::seconds guard_time{90};  // until a node undoes by itself what nobody confirms
  std::size_t serial = 0;  // one node or guarded group first, then this many nodes; 0: all at once
  std::size_t max_fail = 0;  // nodes that fail before no more are begun; 0: 1 with serial, else all
};

// Carries the plan out and judges by the facts read back, which become the crew's facts. One
// outcome per node of the plan, in its order. Nodes that need a guard (plan/guard.hpp) are changed
// under it, joined nodes together.
std::vector<plan::NodeOutcome> apply(Crew& crew, const plan::Plan& plan,
                                     const ApplyOptions& options = {});

// One command on every node.
struct CommandOutcome {
  std::string node;
  Expected<ssh::ExecResult> result;
};
std::vector<CommandOutcome> run_command(Crew& crew, const std::string& command);

}  // namespace bringup::run
