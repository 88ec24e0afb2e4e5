#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bringup/run/lock.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/util/digest.hpp"
#include "guarded.hpp"

namespace bringup::run {
namespace {

using facts::NodeFacts;
using plan::GuardState;

// Nodes that are begun together: one without a guard, or a guarded group.
struct Unit {
  std::vector<std::size_t> places;  // in the plan
  bool guarded = false;
  bool last = false;  // others are reached through it, and it may be cut off for a while
};

class Applier {
 public:
  Applier(Crew& crew, const plan::Plan& plan, const ApplyOptions& options)
      : crew_(crew),
        plan_(plan),
        options_(options),
        outcomes_(plan.nodes.size()),
        runs_(plan.nodes.size(), nullptr),
        needs_(plan.nodes.size()) {}

  std::vector<plan::NodeOutcome> run() {
    crew_.emit({plan::EventKind::phase, "apply", {}, {}, {}, "applying", {}});
    look_up();
    const auto units = units_of();
    for (const auto& batch : batches_of(units)) {
      if (stopped()) {
        leave_out(batch);
      } else {
        run_batch(batch);
      }
    }
    return std::move(outcomes_);
  }

 private:
  // Judges what needs no script; the rest gets its NodeRun.
  void look_up() {
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      const plan::NodePlan& planned = plan_.nodes[i];
      outcomes_[i].node = planned.node;
      outcomes_[i].error = planned.error;
      const auto index = crew_.fleet().node_index(planned.node);
      const auto node = std::find_if(crew_.nodes().begin(), crew_.nodes().end(),
                                     [&](const NodeRun& n) { return index && n.index == *index; });
      if (node == crew_.nodes().end() || planned.state != plan::NodeState::ready) continue;
      const NodeFacts* known = node->facts ? &*node->facts : nullptr;
      if (planned.changes() == 0) {  // nothing to run: the facts that were read judge the checks
        outcomes_[i] = plan::judge_against(crew_.fleet(), planned, {}, known, known);
        continue;
      }
      runs_[i] = &*node;
      if (known != nullptr) {
        needs_[i] = plan::guard_need(crew_.fleet(), planned, *known, options_.guard);
      }
    }
  }

  std::vector<Unit> units_of() {
    std::vector<Unit> units;
    const auto groups = plan::guard_groups(crew_.fleet(), plan_, needs_);
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
      if (runs_[i] == nullptr) continue;
      Unit unit{{i}, needs_[i].needed, false};
      for (const auto& group : groups) {
        if (std::ranges::find(group, i) == group.end()) continue;
        unit.places = group;
        std::erase_if(unit.places, [&](std::size_t k) { return runs_[k] == nullptr; });
      }
      if (unit.places.front() != i) continue;
      unit.last = std::ranges::any_of(
          unit.places, [&](std::size_t k) { return needs_[k].cuts_session && leads_on(k); });
      units.push_back(std::move(unit));
    }
    std::stable_partition(units.begin(), units.end(), [](const Unit& unit) { return !unit.last; });
    return units;
  }

  bool leads_on(std::size_t place) const {
    return std::ranges::any_of(crew_.fleet().nodes, [&](const model::Node& other) {
      return std::ranges::find(other.via, plan_.nodes[place].node) != other.via.end();
    });
  }

  // All at once, but for those that others are reached through; with `serial` one first, then that
  // many nodes at a time.
  std::vector<std::vector<Unit>> batches_of(const std::vector<Unit>& units) const {
    std::vector<std::vector<Unit>> batches;
    std::size_t size = 0;
    for (const Unit& unit : units) {
      const bool canary = options_.serial > 0 && batches.size() == 1;
      const bool full = options_.serial > 0 && size + unit.places.size() > options_.serial;
      const bool apart = !batches.empty() && batches.back().back().last != unit.last;
      if (batches.empty() || canary || full || apart) {
        batches.emplace_back();
        size = 0;
      }
      batches.back().push_back(unit);
      size += unit.places.size();
    }
    return batches;
  }

  bool stopped() const {
    if (crew_.cancelled()) return true;
    const std::size_t most = options_.max_fail > 0 ? options_.max_fail : 1;
    return (options_.serial > 0 || options_.max_fail > 0) && failed_ >= most;
  }

  void leave_out(const std::vector<Unit>& batch) {
    for (const Unit& unit : batch) {
      for (const std::size_t i : unit.places) {
        outcomes_[i].error =
            crew_.cancelled()
                ? Error{ErrorCode::cancelled, plan_.nodes[i].node + ": not begun: interrupted", {}}
                : Error{ErrorCode::remote,
                        fmt::format("{}: not begun: {} failed before", plan_.nodes[i].node,
                                    failed_ == 1 ? "a node" : std::to_string(failed_) + " nodes"),
                        "cure those, then run bringup apply again"};
      }
    }
  }

  void run_batch(const std::vector<Unit>& batch) {
    std::map<const NodeRun*, std::size_t> place;
    std::map<std::size_t, std::unique_ptr<Guarded>> guarded;
    std::vector<NodeRun*> busy;
    for (const Unit& unit : batch) {
      for (const std::size_t i : unit.places) {
        busy.push_back(runs_[i]);
        place[runs_[i]] = i;
        if (!unit.guarded) continue;
        guarded[i] = std::make_unique<Guarded>(crew_, *runs_[i], plan_.nodes[i], needs_[i],
                                               options_.guard_time);
      }
    }
    crew_.each(busy, [&](NodeRun& node) {
      const std::size_t i = place.at(&node);
      if (const auto it = guarded.find(i); it != guarded.end()) {
        it->second->prepare();
      } else {
        apply_plainly(node, i);
      }
    });
    settle(batch, guarded, place);
    for (const auto& [node, i] : place) {
      const auto& outcome = outcomes_[i];
      const bool bad = std::ranges::any_of(outcome.steps, [](const plan::StepOutcome& step) {
        return step.status == plan::StepStatus::failed;
      });
      if (outcome.error || bad) ++failed_;
    }
  }

  // A group is committed as a whole or rolled back as a whole.
  void settle(const std::vector<Unit>& batch,
              std::map<std::size_t, std::unique_ptr<Guarded>>& guarded,
              const std::map<const NodeRun*, std::size_t>& place) {
    const auto with = [&](const std::vector<std::size_t>& places, const auto& job) {
      std::vector<NodeRun*> nodes;
      for (const std::size_t i : places) nodes.push_back(runs_[i]);
      crew_.each(nodes, [&](NodeRun& node) { job(*guarded.at(place.at(&node))); });
    };
    for (const Unit& unit : batch) {
      if (!unit.guarded) continue;
      const auto culprit = [&](const auto& is_fine) {
        for (const std::size_t i : unit.places) {
          const Guarded& one = *guarded.at(i);
          if (!is_fine(one)) return fmt::format("{} failed: {}", plan_.nodes[i].node, one.reason());
        }
        return std::string();
      };
      std::string reason = culprit([](const Guarded& one) { return one.ready(); });
      if (reason.empty() && crew_.cancelled()) reason = "interrupted";
      if (reason.empty()) {
        with(unit.places, [](Guarded& one) { one.commit(); });
        reason = culprit([](const Guarded& one) { return one.state() == GuardState::committed; });
      }
      if (!reason.empty()) {
        with(unit.places, [&](Guarded& one) { one.roll_back(reason); });
      }
      for (const std::size_t i : unit.places) {
        outcomes_[i] = guarded.at(i)->finish();
        if (needs_[i].cuts_session) forget_sessions_behind(i);
      }
    }
  }

  // They went through a connection that the change may have cut.
  void forget_sessions_behind(std::size_t place) {
    for (NodeRun& other : crew_.nodes()) {
      const auto& via = crew_.fleet().nodes[other.index].via;
      if (std::ranges::find(via, plan_.nodes[place].node) != via.end()) other.session.reset();
    }
  }

  void apply_plainly(NodeRun& node, std::size_t i) {
    const plan::NodePlan& planned = plan_.nodes[i];
    const std::string& name = planned.node;
    plan::ApplyScriptOptions options;
    options.nonce = random_hex(16);
    options.ibv_path = crew_.fleet().ibv_path;
    options.become = crew_.fleet().nodes[node.index].become;
    crew_.emit({plan::EventKind::node_started, "apply", name, {}, {}, {}, {}});
    // Flushed by the journal before the node hears of it: what may have been changed is on record.
    for (const plan::Action& action : planned.actions) {
      crew_.emit({plan::EventKind::step, "apply", name,
                  std::string(plan::to_string(action.task)) + " " + action.target, "planned",
                  action.shown, action.undo});
    }
    const ScriptResult result =
        crew_.script(node, "apply", node.preamble + plan::apply_script(planned, options),
                     options.nonce, Privilege::become);
    if (!result.error && result.frames.empty() && !node.preamble.empty()) {
      node.error = lock_lost(name);
    }
    outcomes_[i] =
        plan::judge(crew_.fleet(), planned, result.frames, node.facts ? &*node.facts : nullptr);
    if (result.error) outcomes_[i].error = result.error;
    if (node.error) outcomes_[i].error = node.error;
    if (!result.error) take_facts(crew_, node, result, "apply");
    for (const plan::StepOutcome& step : outcomes_[i].steps) {
      crew_.emit({plan::EventKind::step, "apply", name,
                  std::string(plan::to_string(step.task)) + " " + step.target,
                  std::string(plan::to_string(step.status)), step.text, step.cure});
      if (!step.raw.empty()) {
        crew_.emit({plan::EventKind::raw, "apply", name, step.target, {}, step.raw, {}});
      }
    }
    crew_.emit({node.error ? plan::EventKind::node_failed : plan::EventKind::node_done,
                "apply",
                name,
                {},
                {},
                {},
                {}});
  }

  Crew& crew_;
  const plan::Plan& plan_;
  const ApplyOptions& options_;
  std::vector<plan::NodeOutcome> outcomes_;
  std::vector<NodeRun*> runs_;  // by place in the plan; null: nothing to run
  std::vector<plan::GuardNeed> needs_;
  std::size_t failed_ = 0;
};

}  // namespace

std::vector<plan::NodeOutcome> apply(Crew& crew, const plan::Plan& plan,
                                     const ApplyOptions& options) {
  return Applier(crew, plan, options).run();
}

}  // namespace bringup::run
