#include "bringup/ssh/gate.hpp"

namespace bringup::ssh {

Expected<HandshakeGate::Permit> HandshakeGate::enter(const std::string& server, Deadline deadline,
                                                     const CancelToken& cancel) {
  std::unique_lock lock(mutex_);
  const auto free = [&] { return inside_[server] < per_server_; };
  const bool entered = deadline.bounded() ? freed_.wait_until(lock, cancel, deadline.at(), free)
                                          : freed_.wait(lock, cancel, free);
  if (!entered) {
    if (cancel.stop_requested()) return fail(ErrorCode::cancelled, "cancelled before connecting");
    return fail(ErrorCode::unreachable,
                "no time was left: other connections to the same server were still logging in");
  }
  ++inside_[server];
  return Permit(this, server);
}

void HandshakeGate::leave(const std::string& server) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = inside_.find(server);
    if (--found->second == 0) inside_.erase(found);
  }
  freed_.notify_all();
}

}  // namespace bringup::ssh
