#include "bringup/ssh/gate.hpp"

namespace bringup::ssh {

Expected<HandshakeGate::Permit> HandshakeGate::enter(const std::string& server, Deadline deadline,
                                                     const CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  Server& at = servers_[server];
  const auto free = [&] { return at.inside < per_server_; };
  ++at.waiting;
  const bool entered = deadline.bounded() ? at.freed.wait_until(lock, cancel, deadline.at(), free)
                                          : at.freed.wait(lock, cancel, free);
  --at.waiting;
  if (entered) {
    ++at.inside;
    return Permit(this, server);
  }
  if (free()) at.freed.notify_one();  // the wake-up may have been meant for somebody with time left
  if (at.inside == 0 && at.waiting == 0) servers_.erase(server);
  if (cancel.stop_requested()) return fail(ErrorCode::cancelled, "cancelled before connecting");
  return fail(ErrorCode::unreachable,
              "no time was left: other connections to the same server were still logging in");
}

void HandshakeGate::leave(const std::string& server) {
  const std::lock_guard lock(mutex_);
  const auto found = servers_.find(server);
  --found->second.inside;
  if (found->second.inside == 0 && found->second.waiting == 0) {
    servers_.erase(found);
  } else {
    found->second.freed.notify_one();
  }
}

}  // namespace bringup::ssh
