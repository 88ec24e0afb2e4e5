#pragma once
// One controller at a time changes a node. The lock is a file on the node, made whole and at once
// (link(2)), which says who holds it, since when and for which session; it goes with the session.
//
//   bringup lock 1
//   token=…            random, of this run on this node
//   run=… who=user@host pid=… since=… until=…      a line each, seconds since 1970 of the node
//   session=PID start=…        the node's sshd process of the session, and when that was started
//   worker=PID:…               processes that must be over before the lock may pass to another
//
// Scripts that change the node add themselves as workers; so may whatever outlives its session.
#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "bringup/plan/plan.hpp"
#include "bringup/run/crew.hpp"

namespace bringup::run {

inline constexpr std::string_view kLockPath = "/var/tmp/bringup.lock";

struct LockRequest {
  std::string path{kLockPath};
  std::string token;
  std::string run, who;
  long pid = 0;
  std::chrono::seconds valid{3600};  // afterwards it is stale, whoever holds it
  // A run that is known to be over: its lock is stale though its session seems to live, as that of
  // a controller does that died while the node was out of reach.
  std::string over;
};

// POSIX sh. Take: a frame "lock" of status 0 ("taken", or "over" and the stale lock's lines), 1
// (the lines of who holds it) or 2 (why it cannot be made); then, if taken, a watch that drops the
// lock when the session has ended and its workers are gone. `nonce` as in facts/script.hpp; the
// functions of frame_functions() must stand before it.
std::string lock_script(const LockRequest& request);
// Drops it, if it is still the one of this token.
std::string unlock_script(const LockRequest& request);
// Before a script that changes the node: makes it a worker, and ends it (status 93, without any
// frame) if the lock has gone to another.
std::string lock_preamble(const LockRequest& request);

// What is said of a node whose script ended so.
Error lock_lost(const std::string& node);

// What a lock says, in words fit for the terminal: "ops@laptop (process 41) since 2026-11-21
// 05:04:35 UTC, run 20261121-050435-apply-a1b2c3".
std::string holder_words(std::string_view lines);

// The run that a lock names; empty: none.
std::string holder_run(std::string_view lines);

// The locks of one run; drops them when it goes, also after Ctrl-C.
class NodeLocks {
 public:
  // `is_over`: whether the run of this name is one of this machine's that has come to its end.
  using IsOver = std::function<bool(const std::string& run)>;
  NodeLocks(Crew& crew, std::string run, std::string who, IsOver is_over);
  ~NodeLocks();
  NodeLocks(const NodeLocks&) = delete;
  NodeLocks& operator=(const NodeLocks&) = delete;

  // Locks every node that the plan changes, the first alone so that one of two controllers wins,
  // and reads their facts anew in the same round trip: a node whose facts are no longer those of
  // the plan is refused in it. Fails (remote) where another controller holds one: nothing is
  // locked then. Nodes that are locked already stay so.
  Expected<plan::Plan> take(const plan::Plan& plan);
  void drop();

 private:
  struct Held {
    std::size_t node;
    LockRequest request;
  };
  enum class Taken { yes, no, refused };
  Taken take_one(NodeRun& node, Error& why, const std::string& over);

  void forget(const std::string& token);

  Crew& crew_;
  std::string run_;
  std::string who_;
  IsOver is_over_;
  std::vector<Held> held_;
  struct Guarded;
  std::unique_ptr<Guarded> shared_;
};

}  // namespace bringup::run
