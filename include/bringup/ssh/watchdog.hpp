#pragma once
// Bounds every blocking call on a socket from outside: when time is up the socket is shut down, and
// whatever libssh was waiting for fails at once.
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "bringup/util/deadline.hpp"

namespace bringup::ssh {

// One thread for all sockets of a client. Lives until its last Watch is gone.
class Watchdog : public std::enable_shared_from_this<Watchdog> {
 public:
  enum class Outcome { none, expired, cancelled };

  // Guards up to two descriptors; must be destroyed before they are closed.
  class Watch {
   public:
    Watch(std::shared_ptr<Watchdog> owner, int fd, Deadline deadline);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

    void set_deadline(Deadline deadline);  // a later one costs no wake-up
    void guard_also(int fd);               // -1: no second descriptor any more
    void cancel();                         // shuts down now; from any thread
    [[nodiscard]] Outcome outcome() const { return outcome_.load(); }

   private:
    friend class Watchdog;
    void shut(Outcome outcome);  // with the owner's mutex held

    std::shared_ptr<Watchdog> owner_;
    std::atomic<Deadline::Clock::rep> at_;
    std::atomic<Outcome> outcome_{Outcome::none};
    int fd_;
    int second_ = -1;
  };

  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  std::unique_ptr<Watch> guard(int fd, Deadline deadline);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unordered_set<Watch*> watches_;
  Deadline::Clock::rep wakes_at_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace bringup::ssh
