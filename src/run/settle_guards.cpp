#include <fmt/format.h>

#include <thread>

#include "bringup/plan/guard.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/util/digest.hpp"

namespace bringup::run {
namespace {

using std::chrono::seconds;

constexpr seconds kMost{660};  // the longest guard, and its undoing
constexpr int kRound = 20;     // of one session: undoing may cut it

// True when none is left open.
bool settle(Crew& crew, NodeRun& node) {
  const Deadline deadline = Deadline::after(kMost);
  plan::GuardScriptOptions options;
  options.nonce = random_hex(16);
  options.ibv_path = crew.fleet().ibv_path;
  options.become = crew.fleet().nodes[node.index].become;
  options.wait_seconds = kRound;
  const std::string script = plan::guard_settle_script(options);
  while (!deadline.expired() && !crew.cancelled()) {
    if (!node.session) {
      auto session = crew.reach(node, "", Deadline::after(seconds(10)), crew.cancel());
      if (!session) {
        std::this_thread::sleep_for(seconds(1));
        continue;
      }
      node.session = std::move(*session);
    }
    const ScriptResult result =
        crew.try_script(node, "facts", script, options.nonce, Privilege::become,
                        Deadline::after(seconds(kRound + 10)), crew.cancel());
    if (result.lost) node.session.reset();
    for (const auto& frame : result.frames) {
      if (frame.name == "guard.pending" && frame.exit_status == 0) return true;
    }
  }
  return false;
}

}  // namespace

void settle_guards(Crew& crew) {
  std::vector<NodeRun*> pending;
  for (NodeRun* node : crew.alive()) {
    if (node->facts && node->facts->raw.contains("guard")) pending.push_back(node);
  }
  if (pending.empty()) return;
  crew.each(pending, [&](NodeRun& node) {
    const std::string& name = crew.fleet().nodes[node.index].name;
    crew.emit({plan::EventKind::warning, "facts", name, "guard", "armed",
               "an earlier run's guarded change is not settled; waiting until the node has undone "
               "it",
               ""});
    if (!settle(crew, node)) {
      node.error = Error{ErrorCode::unreachable,
                         name + ": an earlier run's guarded change is still not settled",
                         "see ~/.bringup/guard on the node"};
      crew.emit({plan::EventKind::node_failed, "facts", name, "guard", "failed",
                 node.error->message, node.error->hint});
      return;
    }
    const std::string nonce = random_hex(16);
    const ScriptResult facts =
        crew.script(node, "facts", facts::facts_script(facts_options(crew, nonce, Profiler::skip)),
                    nonce, Privilege::user);
    take_facts(crew, node, facts, "facts");
  });
}

}  // namespace bringup::run
