#pragma once
// Servers that do what real ones rarely do: one made of libssh that follows a script, and a relay
// that harms what passes through it.
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "transport/support.hpp"

namespace bringup::ssh::testing {

// Accepts on loopback and serves each connection in a thread. Everything ends with it.
class LoopbackServer {
 public:
  LoopbackServer();
  virtual ~LoopbackServer();
  LoopbackServer(const LoopbackServer&) = delete;
  LoopbackServer& operator=(const LoopbackServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int connections() const { return connections_; }

 protected:
  virtual void serve(int fd, int number) = 0;  // number: 1 for the first; fd is closed afterwards
  void stop();                                 // call from the final class's destructor
  void keep(int fd);                           // shut down by stop() as well
  [[nodiscard]] bool stopping() const { return stop_; }

 private:
  void listen();

  Fd listener_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<int> connections_{0};
  std::mutex mutex_;
  std::set<int> open_;
  std::vector<std::thread> threads_;
  std::thread accepting_;
};

// Speaks no SSH at all.
class RawServer final : public LoopbackServer {
 public:
  // After `greeting` the connection is kept open, or closed at once.
  enum class Then { stay, close };
  RawServer(std::string greeting, Then then) : greeting_(std::move(greeting)), then_(then) {}
  ~RawServer() override { stop(); }

 private:
  void serve(int fd, int number) override;
  std::string greeting_;
  Then then_;
};

// A libssh server. Commands it knows (the rest exits with 127):
//   say TEXT        writes TEXT and ends
//   big N           writes N bytes and ends
//   cat             echoes its input
//   hang            writes "started" and nothing more
//   die SIGNAL      ends of a signal
//   cut             writes "partial" and closes the connection
//   refuse          refuses to run the command
class ScriptedServer final : public LoopbackServer {
 public:
  struct Options {
    std::string password;                // not empty: password is accepted
    bool interactive = false;            // ask for it by keyboard-interactive instead
    bool keys = true;                    // accept any key
    bool sessions = true;                // accept session channels
    int close_first = 0;                 // so many connections are closed before the version
    std::chrono::milliseconds think{0};  // before the login is answered
  };
  ScriptedServer() : ScriptedServer(Options()) {}
  explicit ScriptedServer(const Options& options);
  ~ScriptedServer() override { stop(); }

  [[nodiscard]] int most_unauthenticated() const { return most_; }
  [[nodiscard]] int password_tries() const { return password_tries_; }
  [[nodiscard]] std::string known_hosts_line() const;

 private:
  void serve(int fd, int number) override;

  Options options_;
  TempDir dir_;
  std::atomic<int> unauthenticated_{0};
  std::atomic<int> most_{0};
  std::atomic<int> password_tries_{0};
};

// Passes bytes on to another port, until it is told to do harm.
class Relay final : public LoopbackServer {
 public:
  enum class Harm { none, close, reset, stall };
  explicit Relay(std::uint16_t to) : to_(to) {}
  ~Relay() override { stop(); }

  // Does it once `bytes` more have come from the server.
  void harm(Harm harm, long bytes) {
    left_ = bytes;
    harm_ = harm;
  }

 private:
  void serve(int fd, int number) override;
  std::uint16_t to_;
  std::atomic<Harm> harm_{Harm::none};
  std::atomic<long> left_{0};
};

}  // namespace bringup::ssh::testing
