#pragma once
// One connection to ssh-agent for all sessions. libssh would open one for each and keep it; macOS's
// agent dies of 256. Frames as in draft-miller-ssh-agent.
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bringup/util/error.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::ssh {

struct AgentKey {
  std::string blob;
  std::string comment;
};

// Thread-safe.
class AgentMux {
 public:
  explicit AgentMux(std::string socket_path) : path_(std::move(socket_path)) {}
  ~AgentMux();
  AgentMux(const AgentMux&) = delete;
  AgentMux& operator=(const AgentMux&) = delete;

  // What the agent holds, asked once. Empty when there is no agent.
  std::vector<AgentKey> keys();

  // A socket that speaks the agent's protocol and knows just these keys, in this order.
  Expected<Fd> open(std::vector<AgentKey> keys);

 private:
  struct Peer {
    Fd fd;
    std::vector<AgentKey> keys;
    std::string in;
  };

  void run();
  bool serve(Peer& peer);  // false: the peer has gone
  std::string answer(const Peer& peer, std::string_view request);
  // One request to the real agent; empty on failure. Connects when need be.
  std::string talk(std::string_view request, std::chrono::seconds patience);

  std::string path_;
  std::mutex agent_mutex_;  // the real connection
  Fd agent_;
  std::mutex mutex_;  // everything below
  bool asked_ = false;
  std::vector<AgentKey> known_;
  std::vector<std::unique_ptr<Peer>> incoming_;
  Fd wake_read_;
  Fd wake_write_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace bringup::ssh
