#include <fmt/format.h>

#include <thread>

#include "bringup/plan/guard.hpp"
#include "bringup/run/phases.hpp"
#include "bringup/util/digest.hpp"

namespace bringup::run {
namespace {

using std::chrono::seconds;

constexpr seconds kMost{660};  // the longest guard, and its undoing
constexpr seconds kQuiet{20};  // between two words on it
constexpr int kRound = 20;     // of one session: undoing may cut it

// Empty when none is left open; else why the node was not asked.
std::string settle(Crew& crew, NodeRun& node) {
  const Deadline deadline = Deadline::after(kMost);
  std::string reason = "it is being undone";
  Deadline quiet = Deadline::after(kQuiet);
  const auto tell = [&](const std::string& why) {
    reason = why;
    if (!quiet.expired()) return;
    quiet = Deadline::after(kQuiet);
    crew.emit({plan::EventKind::warning, "facts", crew.fleet().nodes[node.index].name, "guard",
               "armed", "still waiting: " + why, ""});
  };
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
        tell(session.error().message);
        std::this_thread::sleep_for(seconds(1));
        continue;
      }
      node.session = std::move(*session);
    }
    const ScriptResult result =
        crew.try_script(node, "facts", script, options.nonce, Privilege::become,
                        Deadline::after(seconds(kRound + 10)), crew.cancel());
    if (result.lost) {
      node.session.reset();
      tell(result.error->message);
    }
    for (const auto& frame : result.frames) {
      if (frame.name == "guard.pending" && frame.exit_status == 0) return {};
    }
  }
  return reason;
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
    if (const std::string reason = settle(crew, node); !reason.empty()) {
      node.error = Error{ErrorCode::unreachable,
                         name + ": an earlier run's guarded change is still not settled: " + reason,
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
