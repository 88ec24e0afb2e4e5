#pragma once
// Limits what one sshd sees at once: OpenSSH drops unauthenticated connections beyond MaxStartups
// (10 by default), so that a bastion must not be stampeded.
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "bringup/util/cancel.hpp"
#include "bringup/util/deadline.hpp"
#include "bringup/util/error.hpp"

namespace bringup::ssh {

class HandshakeGate {
 public:
  explicit HandshakeGate(int per_server) : per_server_(per_server) {}

  // Held from before connect(2) until authentication has ended.
  class Permit {
   public:
    Permit() = default;
    Permit(HandshakeGate* gate, std::string server) : gate_(gate), server_(std::move(server)) {}
    Permit(Permit&& other) noexcept
        : gate_(std::exchange(other.gate_, nullptr)), server_(std::move(other.server_)) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() {
      if (gate_ != nullptr) gate_->leave(server_);
    }

   private:
    HandshakeGate* gate_ = nullptr;
    std::string server_;
  };

  // Errors: unreachable (the deadline passed while others were connecting), cancelled.
  Expected<Permit> enter(const std::string& server, Deadline deadline, const CancelToken& cancel);

 private:
  void leave(const std::string& server);

  struct Server {
    int inside = 0;
    int waiting = 0;
    std::condition_variable_any freed;  // wakes one: with hundreds waiting, all would be a stampede
  };

  int per_server_;
  std::mutex mutex_;
  std::map<std::string, Server> servers_;
};

}  // namespace bringup::ssh
