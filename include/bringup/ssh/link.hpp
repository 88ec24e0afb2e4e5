#pragma once
// An authenticated connection and what runs on it: commands and forwards, each on its own channel.
// libssh is used without blocking, from one poll(2) of our own. A link on which one thing runs is
// driven by that thing's thread; once it is shared (several commands at once, a hop, a node that is
// another's hop) it has its own.
#include <libssh/callbacks.h>

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bringup/ssh/handshake.hpp"
#include "bringup/ssh/transport.hpp"
#include "bringup/util/fd.hpp"

namespace bringup::ssh {

class Channel;

struct EventDeleter {
  void operator()(ssh_event event) const { ssh_event_free(event); }
};

class Link {
 public:
  struct Parts {
    std::shared_ptr<Link> outer;  // the hop that carries this link
    Fd fd;
    std::unique_ptr<Watchdog::Watch> watch;
    SessionPtr session;
    std::string name;
    std::string peer;
    std::chrono::seconds keepalive{15};
  };

  static Expected<std::shared_ptr<Link>> make(Parts parts);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Errors as Session::exec() has them.
  Expected<ExecResult> exec(const ExecRequest& request);

  // A stream to host:port from the far end. Errors as Session::reach() has them.
  Expected<Fd> forward(const std::string& host, std::uint16_t port, Deadline deadline,
                       const CancelToken& cancel);

  void share();  // from now on a thread of its own drives the link
  void tend();   // answers what came in while nothing runs; does nothing when the link is in use
  [[nodiscard]] bool alive();
  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  explicit Link(Parts parts);

  Expected<void> add(const std::shared_ptr<Channel>& channel);
  void wait(Channel& channel);
  void step(std::chrono::milliseconds cap);  // one wait and what follows from it
  void advance();                            // mutex held
  void keep_alive();                         // mutex held
  void die(Error error);                     // mutex held
  [[nodiscard]] Error lost() const;          // mutex held
  void wake();
  void pump();

  std::shared_ptr<Link> outer_;
  std::string name_;
  std::string peer_;
  std::chrono::seconds keepalive_;
  Fd fd_;
  Fd wake_read_;
  Fd wake_write_;
  std::unique_ptr<Watchdog::Watch> watch_;  // goes before fd_

  std::mutex mutex_;  // the session and everything below
  std::condition_variable progress_;
  SessionPtr session_;
  std::unique_ptr<std::remove_pointer_t<ssh_event>, EventDeleter> event_;
  ssh_counter_struct received_{};
  std::list<std::shared_ptr<Channel>> channels_;
  std::uint64_t last_bytes_ = 0;
  Deadline::Clock::time_point last_heard_;
  int unanswered_ = 0;
  int driving_ = 0;  // threads inside wait()
  std::optional<Error> death_;
  bool shared_ = false;
  bool stop_ = false;
  std::thread pump_;
};

}  // namespace bringup::ssh
