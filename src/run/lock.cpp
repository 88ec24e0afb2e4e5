#include "bringup/run/lock.hpp"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <optional>

#include "bringup/run/phases.hpp"
#include "bringup/util/digest.hpp"
#include "bringup/util/text.hpp"

namespace bringup::run {
namespace {

constexpr std::chrono::seconds kDropTime{10};

}  // namespace

struct NodeLocks::Guarded {
  std::mutex mutex;
  std::optional<Error> refused;
};

NodeLocks::NodeLocks(Crew& crew, std::string run, std::string who, IsOver is_over)
    : crew_(crew),
      run_(std::move(run)),
      who_(std::move(who)),
      is_over_(std::move(is_over)),
      shared_(std::make_unique<Guarded>()) {}

NodeLocks::~NodeLocks() {
  try {
    drop();
  } catch (...) {  // the nodes' watches drop them when the sessions end
  }
}

void NodeLocks::forget(const std::string& token) {
  const std::lock_guard guard(shared_->mutex);
  std::erase_if(held_, [&](const Held& held) { return held.request.token == token; });
}

NodeLocks::Taken NodeLocks::take_one(NodeRun& node, Error& why, const std::string& over) {
  const std::string& name = crew_.fleet().nodes[node.index].name;
  LockRequest request;
  request.token = random_hex(16);
  request.run = run_;
  request.who = who_;
  request.pid = ::getpid();
  request.over = over;
  const std::string nonce = random_hex(16);
  {
    // Before it is asked for: interrupted, the node may have made it without having told.
    const std::lock_guard guard(shared_->mutex);
    held_.push_back({node.index, request});
  }
  const ScriptResult result =
      crew_.script(node, "lock",
                   facts::frame_functions(nonce) + lock_script(request) +
                       facts::facts_script(facts_options(crew_, nonce, Profiler::skip)),
                   nonce, Privilege::user);
  const auto frame = std::ranges::find(result.frames, "lock", &facts::Frame::name);
  if (frame == result.frames.end()) {
    if (!node.error) {
      node.error = Error{ErrorCode::remote, name + ": its lock could not be asked for",
                         "see the raw output in the run's folder"};
    }
    return Taken::no;
  }
  if (frame->exit_status == 1) {
    const std::string holder = holder_run(frame->payload);
    if (over.empty() && !holder.empty() && is_over_(holder)) {
      forget(request.token);
      return take_one(node, why, holder);
    }
    why = Error{ErrorCode::remote, name + " is being changed by " + holder_words(frame->payload),
                "wait until that run has ended, then run this again; if you know that it has: rm " +
                    request.path + " on " + name};
    return Taken::refused;
  }
  if (frame->exit_status != 0) {
    node.error = Error{
        ErrorCode::remote,
        name + ": the lock " + request.path + " cannot be made: " + printable(frame->payload, 200),
        "make room in /var/tmp on the node, or remove the file as its owner"};
    crew_.emit({plan::EventKind::node_failed, "lock", name, "lock", "failed", node.error->message,
                node.error->hint});
    return Taken::no;
  }
  if (frame->payload.starts_with("over\n")) {
    crew_.emit(
        {plan::EventKind::warning, "lock", name, "lock", "warning",
         "took over the stale lock of " + holder_words(std::string_view(frame->payload).substr(5)),
         "that run's session has ended: see bringup runs there, and bringup rollback"});
  }
  take_facts(crew_, node, result, "lock");
  node.preamble = lock_preamble(request);
  return Taken::yes;
}

Expected<plan::Plan> NodeLocks::take(const plan::Plan& plan) {
  crew_.emit({plan::EventKind::phase, "lock", {}, {}, {}, "locking", {}});
  std::vector<NodeRun*> wanted;
  for (const plan::NodePlan& planned : plan.nodes) {
    if (planned.state != plan::NodeState::ready || planned.changes() == 0) continue;
    for (NodeRun& node : crew_.nodes()) {
      if (crew_.fleet().nodes[node.index].name != planned.node || node.error) continue;
      const bool ours =
          std::ranges::any_of(held_, [&](const Held& held) { return held.node == node.index; });
      if (!ours) wanted.push_back(&node);
    }
  }
  const auto lock_all = [&](const std::vector<NodeRun*>& nodes) {
    crew_.each(nodes, [&](NodeRun& node) {
      Error why;
      if (take_one(node, why, {}) != Taken::refused) return;
      const std::lock_guard guard(shared_->mutex);
      if (!shared_->refused) shared_->refused = why;
    });
  };
  shared_->refused.reset();
  if (!wanted.empty()) lock_all({wanted.front()});
  if (!shared_->refused && wanted.size() > 1) lock_all({wanted.begin() + 1, wanted.end()});
  if (shared_->refused) {
    drop();
    return tl::unexpected<Error>(*shared_->refused);
  }
  return refresh(crew_, plan);
}

// Not cancelled with the run: this is what Ctrl-C must still do. A node without a session drops its
// lock by itself.
void NodeLocks::drop() {
  std::vector<NodeRun*> nodes;
  for (NodeRun& node : crew_.nodes()) {
    node.preamble.clear();
    const bool ours =
        std::ranges::any_of(held_, [&](const Held& held) { return held.node == node.index; });
    if (ours && node.session) nodes.push_back(&node);
  }
  crew_.each(nodes, [&](NodeRun& node) {
    const auto held = std::ranges::find(held_, node.index, &Held::node);
    ssh::ExecRequest request;
    request.command = "sh -s";
    request.input = unlock_script(held->request);
    request.deadline = Deadline::after(kDropTime);
    static_cast<void>(node.session->exec(request));
  });
  held_.clear();
}

}  // namespace bringup::run
