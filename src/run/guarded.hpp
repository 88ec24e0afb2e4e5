#pragma once
// One node whose changes are made under a guard.
#include <chrono>
#include <string>

#include "bringup/plan/execute.hpp"
#include "bringup/plan/guard.hpp"
#include "bringup/run/crew.hpp"

namespace bringup::run {

// prepare() on its own thread; then, when all that stand or fall with it are known, commit() or
// roll_back(); then finish(). The node's state file decides what is told.
class Guarded {
 public:
  Guarded(Crew& crew, NodeRun& node, const plan::NodePlan& plan, const plan::GuardNeed& need,
          std::chrono::seconds guard_time);

  // Arms, applies, and tries the result over a new connection. ready() afterwards: it may be
  // committed.
  void prepare();
  [[nodiscard]] bool ready() const { return ready_; }
  [[nodiscard]] plan::GuardState state() const { return state_; }
  [[nodiscard]] const std::string& reason() const { return reason_; }

  void commit();
  // Nothing where nothing was armed. Waits until the node says that it is done, or until it must
  // be.
  void roll_back(const std::string& reason);
  // What to tell; takes the settled guard's folder away.
  plan::NodeOutcome finish();

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] Deadline within(std::chrono::milliseconds span) const;
  void announce() const;
  // False when nothing was armed: reason_ says why.
  bool arm();
  void confirm();
  bool connect_anew(CancelToken cancel);
  ScriptResult run(const std::string& text, Privilege privilege, std::chrono::milliseconds span,
                   CancelToken cancel);
  void take(const ScriptResult& result);
  struct Verdict {
    std::string reason = {};  // empty when the node is as it should be
    bool final = false;       // another look would see the same
  };
  Verdict judge(const ScriptResult& look);
  std::string try_nodes_behind();
  void tell(const std::string& status, const std::string& text) const;

  Crew& crew_;
  NodeRun& node_;
  const plan::NodePlan& plan_;
  plan::GuardNeed need_;
  facts::NodeFacts before_;
  plan::GuardScriptOptions options_;
  std::chrono::seconds guard_time_;
  Clock::time_point armed_at_;
  Clock::time_point undone_by_;  // when the node has undone the change by itself
  plan::GuardState state_ = plan::GuardState::none;
  plan::NodeOutcome outcome_;
  std::string reason_;
  std::string last_failure_;
  bool at_new_address_ = false;  // where the next connection is tried first
  bool probe_passed_ = false;
  bool ready_ = false;
};

}  // namespace bringup::run
