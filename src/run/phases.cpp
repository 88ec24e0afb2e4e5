#include "bringup/run/phases.hpp"

#include <algorithm>

#include "bringup/plan/cable_findings.hpp"
#include "bringup/util/digest.hpp"

namespace bringup::run {
namespace {

using facts::NodeFacts;

const std::string& name_of(const Crew& crew, const NodeRun& node) {
  return crew.fleet().nodes[node.index].name;
}

}  // namespace

void take_facts(Crew& crew, NodeRun& node, const ScriptResult& script, const std::string& phase) {
  auto parsed = facts::parse_facts(script.frames);
  if (parsed) {
    for (const std::string& problem : parsed->problems) {
      crew.emit({plan::EventKind::warning, phase, name_of(crew, node), "facts", "warning", problem,
                 "see the raw output in the run's folder"});
    }
    // Read-back does not ask the profiler again; what was read once stays.
    if (node.facts && parsed->profiler_json.empty()) {
      parsed->profiler_json = node.facts->profiler_json;
    }
    node.facts = std::move(*parsed);
    return;
  }
  if (node.error) return;  // the connection's own error says more
  node.error = script.error ? *script.error : parsed.error();
  crew.emit({plan::EventKind::node_failed, phase, name_of(crew, node), "facts", "failed",
             node.error->message, node.error->hint});
}

facts::ScriptOptions facts_options(const Crew& crew, const std::string& nonce, Profiler profiler) {
  facts::ScriptOptions options;
  options.nonce = nonce;
  options.ibv_path = crew.fleet().ibv_path;
  options.profiler = profiler == Profiler::read ? facts::Profiler::read : facts::Profiler::skip;
  return options;
}

void gather(Crew& crew, Profiler profiler) {
  gather(crew, profiler, crew.alive());
}

void gather(Crew& crew, Profiler profiler, const std::vector<NodeRun*>& nodes) {
  const std::string nonce = random_hex(16);
  const std::string script = facts::facts_script(facts_options(crew, nonce, profiler));
  crew.emit({plan::EventKind::phase, "facts", {}, {}, {}, "reading facts", {}});
  crew.each(nodes, [&](NodeRun& node) {
    crew.emit({plan::EventKind::node_started, "facts", name_of(crew, node), {}, {}, {}, {}});
    const ScriptResult result = crew.script(node, "facts", script, nonce, Privilege::user);
    take_facts(crew, node, result, "facts");
    if (!node.error) {
      crew.emit({plan::EventKind::node_done, "facts", name_of(crew, node), {}, {}, {}, {}});
    }
  });
}

plan::Plan make_plan(const Crew& crew) {
  plan::Plan out;
  out.fleet = crew.fleet().name;
  out.inventory_digest = plan::inventory_digest(crew.fleet());
  std::vector<const NodeFacts*> known(crew.fleet().nodes.size(), nullptr);
  for (const NodeRun& node : crew.nodes()) {
    if (node.facts && !node.error) {
      known[node.index] = &*node.facts;
      out.nodes.push_back(plan::diff(crew.fleet(), node.index, *node.facts));
    } else {
      plan::NodePlan missing;
      missing.node = name_of(crew, node);
      missing.state = plan::NodeState::unreachable;
      missing.error = node.error;
      out.nodes.push_back(std::move(missing));
    }
  }
  plan::cross_check(crew.fleet(), known, out);
  plan::add_cable_findings(crew.fleet(), known, out);
  return out;
}

Expected<plan::Plan> refresh(const Crew& crew, const plan::Plan& saved) {
  if (saved.inventory_digest != plan::inventory_digest(crew.fleet())) {
    return fail(ErrorCode::usage,
                "the plan was made from another inventory, or it has changed since",
                "make it anew: bringup plan --out FILE");
  }
  plan::Plan out = saved;
  out.nodes.clear();
  for (const plan::NodePlan& planned : saved.nodes) {
    const auto index = crew.fleet().node_index(planned.node);
    const NodeRun* node = index ? crew.find(*index) : nullptr;
    if (node == nullptr) continue;
    plan::NodePlan fresh = planned;
    if (node->error || !node->facts) {
      fresh.state = plan::NodeState::unreachable;
      fresh.error = node->error;
      fresh.actions.clear();
    } else if (planned.facts_digest.empty()) {  // unreachable then, or planned offline
      fresh.state = plan::NodeState::refused;
      fresh.error.reset();
      fresh.actions.clear();
      fresh.findings.push_back(
          {plan::Severity::error, "plan", "", "the saved plan has no facts of it",
           "facts read when the plan was made", "make the plan anew: bringup plan --out FILE"});
    } else if (facts::plan_digest(*node->facts) != planned.facts_digest) {
      fresh.state = plan::NodeState::refused;
      fresh.actions.clear();
      fresh.findings.push_back({plan::Severity::error, "plan", "",
                                "the saved plan is stale: the node has changed since it was made",
                                "the facts recorded in the plan",
                                "make the plan anew: bringup plan --out FILE"});
    }
    out.nodes.push_back(std::move(fresh));
  }
  return out;
}

std::vector<CommandOutcome> run_command(Crew& crew, const std::string& command) {
  std::vector<CommandOutcome> outcomes;
  for (const NodeRun& node : crew.nodes()) {
    outcomes.push_back({name_of(crew, node), ssh::ExecResult{}});
    if (node.error) outcomes.back().result = tl::unexpected<Error>(*node.error);
  }
  crew.each(crew.alive(), [&](NodeRun& node) {
    const auto i = static_cast<std::size_t>(&node - crew.nodes().data());
    outcomes[i].result = crew.command(node, command, nullptr);
    if (outcomes[i].result) {
      crew.emit({plan::EventKind::node_done, "exec", name_of(crew, node), {}, {}, {}, {}});
    }
  });
  return outcomes;
}

}  // namespace bringup::run
